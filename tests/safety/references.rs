//! References among variables: Kubernetes expands `$(NAME)` only from entries that stand before, and leaves it as text
//! otherwise.

use proptest::prelude::*;
use serde_json::Value;

use crate::checker::violations;
use crate::generators::{admissions, template_of};
use crate::kept::PAIRS;
use crate::run::{after, answer, holds};

/// The names that a value refers to; `$$` is an escaped `$`.
fn references(value: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = value;
    while let Some((_, tail)) = rest.split_once('$') {
        rest = tail.strip_prefix('$').unwrap_or(tail);
        let name = tail
            .strip_prefix('(')
            .and_then(|inner| inner.split_once(')'));
        if let Some((name, behind)) = name {
            names.push(name);
            rest = behind;
        }
    }
    names
}

/// The variables of a container, none of which is there twice.
struct Env<'v>(Vec<(&'v str, &'v str)>);

impl<'v> Env<'v> {
    fn of(container: &'v Value) -> Self {
        let entries = container["env"].as_array().into_iter().flatten();
        let text = |value: &'v Value| value.as_str().unwrap_or_default();
        Self(
            entries
                .map(|entry| (text(&entry["name"]), text(&entry["value"])))
                .collect(),
        )
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(own, _)| *own == name)
    }

    fn value(&self, name: &str) -> Option<&'v str> {
        self.place(name).map(|place| self.0[place].1)
    }

    /// Whether the reference of one variable to another is expanded.
    fn expands(&self, name: &str, referred: &str) -> bool {
        self.place(referred)
            .is_some_and(|place| Some(place) < self.place(name))
    }

    /// Whether a variable leads to another by references; in a circle no order is right.
    fn leads_to(&self, from: &'v str, to: &str) -> bool {
        let mut reached = vec![from];
        let mut next = 0;
        while let Some(name) = reached.get(next) {
            for name in references(self.value(name).unwrap_or_default()) {
                if !reached.contains(&name) {
                    reached.push(name);
                }
            }
            next += 1;
        }
        reached.contains(&to)
    }
}

/// What is expanded in the user's container still is, and what the policy adds or merges refers to
/// nothing that stands behind it. Only in a circle no order is right.
fn check(before: &Env<'_>, after: &Env<'_>) -> Result<(), TestCaseError> {
    for (name, value) in &after.0 {
        let own = before.value(name);
        let is_placed = own.is_none() || (PAIRS.contains(name) && own != Some(value));
        for referred in references(value) {
            let was_expanded = before.expands(name, referred)
                && !(PAIRS.contains(&referred) && after.leads_to(referred, name));
            let has_to_be =
                is_placed && after.place(referred).is_some() && !after.leads_to(referred, name);
            if was_expanded || has_to_be {
                prop_assert!(after.expands(name, referred), "{} in {}", referred, name);
            }
        }
    }
    Ok(())
}

#[test]
fn puts_variables_behind_those_that_they_refer_to() {
    holds(1003, &admissions(), |admission| {
        let object = admission.object();
        prop_assume!(violations(&object).is_empty());
        let after = after(&admission, &answer(&admission.payload()));
        let containers = |object| {
            let template = template_of(admission.kind, object);
            template["spec"]["containers"].as_array().unwrap()
        };
        let own = containers(&object);
        for (place, container) in containers(&after).iter().enumerate() {
            let before = own.get(place).unwrap_or(&Value::Null);
            check(&Env::of(before), &Env::of(container))?;
        }
        Ok(())
    });
}
