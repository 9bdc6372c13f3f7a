//! What the generators reach: properties of cases that never come about would hold for nothing.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value;

use crate::checker::violations;
use crate::generators::{Admission, accepted_settings, admissions, any_settings};
use crate::run;

const CASES: usize = 1000;

/// The same values in each run.
fn generated<S: Strategy>(strategy: &S) -> Vec<S::Value> {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(1),
        ..Config::default()
    });
    let mut value = || strategy.new_tree(&mut runner).unwrap().current();
    (0..CASES).map(|_| value()).collect()
}

/// In how many of a hundred cases something was met.
#[derive(Default)]
struct Met(BTreeMap<String, usize>);

impl Met {
    fn count(&mut self, what: impl Into<String>, is_met: bool) {
        *self.0.entry(what.into()).or_default() += usize::from(is_met);
    }

    #[track_caller]
    fn at_least(&self, percent: usize, what: &[&str]) {
        let rare: Vec<(&str, usize)> = what
            .iter()
            .map(|what| (*what, *self.0.get(*what).unwrap_or(&0)))
            .filter(|(_, count)| *count * 100 < percent * CASES)
            .collect();
        assert_eq!(rare, [], "of {CASES} cases, and should be {percent} %");
    }
}

#[test]
fn the_settings_are_nearly_all_accepted() {
    let accepted = generated(&any_settings())
        .iter()
        .filter(|s| accepted_settings(s))
        .count();
    assert!(accepted * 100 >= 97 * CASES, "{accepted} of {CASES}");
}

#[test]
fn the_cases_are_those_that_matter() {
    let mut met = Met::default();
    for admission in generated(&admissions()) {
        look_at(&admission, &mut met);
    }
    println!("{:#?}", met.0);
    met.at_least(70, &["valid pod"]);
    met.at_least(60, &["injected"]);
}

fn look_at(admission: &Admission, met: &mut Met) {
    let object = admission.object();
    let answer = run::answer(&admission.payload());
    met.count(format!("kind {}", admission.kind), true);
    met.count("valid pod", violations(&object).is_empty());
    if let Some(v) = violations(&object).first() {
        met.count(
            format!(
                "!! {}",
                v.split(": ")
                    .last()
                    .unwrap()
                    .chars()
                    .take(30)
                    .collect::<String>()
            ),
            true,
        );
    }
    met.count("injected", answer.mutated_object.is_some());
    for feature in answer.audit_annotations.iter().flatten() {
        met.count(format!("feature {}", feature.0), true);
    }
    let text = Value::from(admission.settings.to_string()).to_string();
    met.count("model v1", text.contains("\\\"admission_inject\\"));
    for w in answer.warnings.iter().flatten() {
        met.count(
            format!("w {}", w.chars().take(70).collect::<String>()),
            true,
        );
    }
}
