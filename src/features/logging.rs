//! Datakit's log collection: the annotation that tells Datakit what to collect of a pod, and volumes
//! through which it finds the log files on the node.
//!
//! A template that has the annotation `datakit/logs` keeps it, and gets nothing.
//!
//! Added: annotation `datakit/logs`; for every directory that its log files lie in a volume
//! `datakit-logs-volume-N` on the containers.

use super::directories::{Directories, ReadBy};
use super::feature::Feature;
use super::scene::{Decision, Declined, Scene, skipped};
use super::select::choose;
use crate::json::{Path, Value};
use crate::namespace::NamespacePattern;
use crate::paths;
use crate::report::Report;
use crate::settings::{
    Document, LogConfig, LoggingMatch, Narrowing, OptIn, Origin, Place, Reader, Rule, RuleSet,
    Scope, Selectors, Unread, check_log_config, file_paths, with_stdout,
};
use crate::template::Plan;

pub(super) static FEATURE: Feature = Feature {
    name: "logging",
    switch: None,
    asks: &[],
    adds: None,
    resources: None,
    place: Place {
        section: None,
        list: "admission_mutate.loggings",
    },
    sets: |_| Vec::new(),
    rules: |settings, reader| rules(settings, reader).outline(|_| None),
};

const ANNOTATION: &str = "datakit/logs";

/// The first rule for the pod decides.
fn rules<'n>(settings: &'n Document<'_>, reader: &mut Reader) -> RuleSet<'n, LogConfig<'n>> {
    let scope = match settings.logging_match(reader) {
        LoggingMatch::Any => Scope::Either,
        LoggingMatch::All => Scope::Each,
    };
    settings.read(reader, FEATURE.place.list, |reader, list, path| {
        listed(reader, list, path, scope)
    })
}

/// The rules of the list; `scope` says how their selectors go together.
fn listed<'n>(
    reader: &mut Reader,
    list: Option<&'n Value<'_>>,
    path: Path<'_>,
    scope: fn(Selectors<'n>) -> Scope<'n>,
) -> RuleSet<'n, LogConfig<'n>> {
    let section = FEATURE.place.list;
    let pattern = NamespacePattern::name_or_expression;
    let mut rules = Vec::new();
    for (index, rule) in reader.list(list, path).iter().enumerate() {
        let path = path.index(index);
        reader.keys(Some(rule), path);
        rules.push(Rule {
            origin: Origin {
                section,
                index: Some(index),
            },
            name: "",
            scope: scope(reader.selectors(rule, path, Selectors::KEYS, pattern)),
            narrowing: Narrowing::read(reader, rule, path, pattern),
            opt_in: OptIn::Scope,
            container: Unread::NONE,
            image: None,
            what: LogConfig {
                config: config(reader, rule, path),
            },
        });
    }
    RuleSet::first_decides(rules)
}

fn config<'n>(reader: &mut Reader, rule: &'n Value<'_>, path: Path<'_>) -> &'n str {
    let path = path.key("config");
    let config = reader
        .string(rule.given("config"), path)
        .unwrap_or_default();
    if reader.checks && !config.is_empty() {
        check_log_config(config, reader, path);
    }
    config
}

/// Plans the annotation, if a rule is for the template.
pub(super) fn plan(scene: &Scene<'_, '_>, report: &mut Report) -> Decision {
    if scene.template.annotation(ANNOTATION).is_some() {
        report.explain(FEATURE.name, || format!("{ANNOTATION} is there already"));
        return Err(Declined::NotAsked);
    }
    let rules = rules(scene.settings, &mut scene.settings.reader());
    let chosen = choose(&FEATURE, &rules, scene, |_| None, report)?;
    let config = chosen.rule.what.config;
    if config.is_empty() {
        report.explain(FEATURE.name, || {
            format!("{} has no config", chosen.rule.origin)
        });
        return Err(Declined::NotAsked);
    }
    let kept = scene.own.keep_stdout.then(|| with_stdout(config)).flatten();
    let annotations = vec![(ANNOTATION, kept.unwrap_or_else(|| config.to_owned()))];
    if !scene.template.has_room_for(&annotations) {
        return Err(skipped(
            "the annotations would exceed the 256 KiB that Kubernetes allows",
        ));
    }
    let mut directories = Directories::new(&FEATURE, ReadBy::Node);
    for file in file_paths(config) {
        directories.add(&file, paths::directory_of(&file), report);
    }
    let mut plan = Plan::default();
    directories.share("datakit-logs-volume", scene, &mut plan, report);
    plan.annotations = annotations;
    plan.source = chosen.source(None);
    Ok(plan)
}
