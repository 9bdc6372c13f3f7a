//! The values of `envs`: placeholders for what only the pod knows, references to other variables,
//! and the order that those ask for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use k8s_openapi::api::core::v1::EnvVar;

mod placeholder;
mod surroundings;

pub use placeholder::{is_placeholder, is_reference, problem};
pub use surroundings::{Made, Surroundings, make};

/// A variable of the settings, as it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Env<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

/// An entry with a value.
#[must_use]
pub fn plain(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.into()),
        value_from: None,
    }
}

/// The names that `value` refers to as `$(NAME)`; `$$(NAME)` is an escape, and no reference.
pub fn references(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            let (_, tail) = rest.split_once('$')?;
            if let Some(tail) = tail.strip_prefix('$') {
                rest = tail;
            } else if let Some((name, after)) =
                tail.strip_prefix('(').and_then(|tail| tail.split_once(')'))
            {
                rest = after;
                return Some(name);
            } else {
                rest = tail;
            }
        }
    })
}

/// Orders `entries` so that each stands after those that it refers to, for Kubernetes expands
/// `$(NAME)` only from entries that stand before. Among those that may come next the first of the
/// given order comes; what is left of a cycle keeps that order.
#[must_use]
pub fn in_order_of_reference(entries: Vec<EnvVar>) -> Vec<EnvVar> {
    let refers = |entry: &EnvVar| entry.value.as_deref().is_some_and(|v| v.contains("$("));
    if !entries.iter().any(refers) {
        return entries;
    }
    let places = order_of_reference(&entries);
    let mut slots: Vec<Option<EnvVar>> = entries.into_iter().map(Some).collect();
    places
        .into_iter()
        .filter_map(|place| slots.get_mut(place).and_then(Option::take))
        .collect()
}

/// The places of `entries` in that order.
#[must_use]
pub fn order_of_reference(entries: &[EnvVar]) -> Vec<usize> {
    if are_in_order(entries) {
        return (0..entries.len()).collect();
    }
    let mut places = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        places.insert(entry.name.as_str(), place);
    }
    // How many references of an entry are not ordered yet, and who refers to an entry.
    let mut waits_for: Vec<usize> = Vec::with_capacity(entries.len());
    let mut awaited_by: Vec<Vec<usize>> = vec![Vec::new(); entries.len()];
    for (place, entry) in entries.iter().enumerate() {
        let mut count: usize = 0;
        for name in references(entry.value.as_deref().unwrap_or_default()) {
            let other = places.get(name).filter(|other| **other != place);
            if let Some(waiting) = other.and_then(|other| awaited_by.get_mut(*other)) {
                waiting.push(place);
                count = count.saturating_add(1);
            }
        }
        waits_for.push(count);
    }
    let mut ready: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
    for (place, count) in waits_for.iter().enumerate() {
        if *count == 0 {
            ready.push(Reverse(place));
        }
    }
    let mut ordered = Vec::with_capacity(entries.len());
    while let Some(Reverse(place)) = ready.pop() {
        ordered.push(place);
        for waiting in awaited_by
            .get_mut(place)
            .map(std::mem::take)
            .unwrap_or_default()
        {
            if let Some(count) = waits_for.get_mut(waiting) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.push(Reverse(waiting));
                }
            }
        }
    }
    let in_cycles = |place: &usize| waits_for.get(*place).is_some_and(|count| *count > 0);
    ordered.extend((0..entries.len()).filter(in_cycles));
    ordered
}

/// Whether no entry refers to a later one. Where many refer to others it is not looked at: that takes long.
fn are_in_order(entries: &[EnvVar]) -> bool {
    const FEW: usize = 16;
    let all = entries.iter().enumerate().flat_map(|(place, entry)| {
        let names = references(entry.value.as_deref().unwrap_or_default());
        names.map(move |name| (place, name))
    });
    let mut count: usize = 0;
    for (place, name) in all {
        count = count.saturating_add(1);
        let mut later = entries.iter().skip(place.saturating_add(1));
        if count > FEW || later.any(|entry| entry.name == name) {
            return false;
        }
    }
    true
}

/// Whether Kubernetes takes `name` as the name of a variable, in all supported versions
/// (`IsEnvVarName` of k8s.io/apimachinery).
#[must_use]
pub fn is_name(name: &str) -> bool {
    is_key(name) && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// Whether a process can be started with this variable: Linux takes 128 KiB for one, with its name, `=` and the byte at
/// its end (`MAX_ARG_STRLEN`).
#[must_use]
pub fn fits(name: &str, value: &str) -> bool {
    const LONGEST: usize = 128 * 1024;
    name.len().saturating_add(value.len()).saturating_add(2) <= LONGEST
}

/// What is said of a variable that does not [fit](fits).
pub const TOO_LONG: &str = "is longer than 128 KiB, more than a variable can hold";

/// What Kubernetes asks of the names of variables and of the keys of secrets alike.
fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text != "."
        && !text.starts_with("..")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn finds_references() {
        let found: Vec<&str> =
            references("a:$(A),b:$$(B),c:$(C_1)$(D) $ $(unclosed $$$(E)").collect();
        assert_eq!(found, ["A", "C_1", "D", "unclosed $$$(E"]);
        assert_eq!(references("$$(A)$$$(B)").collect::<Vec<_>>(), ["B"]);
    }

    fn order(entries: &[(&str, &str)]) -> Vec<String> {
        let entries = entries
            .iter()
            .map(|(name, value)| plain(name, *value))
            .collect();
        in_order_of_reference(entries)
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn puts_an_entry_after_those_that_it_refers_to() {
        assert_eq!(
            order(&[("A", "$(Z)"), ("B", "x"), ("Z", "y")]),
            ["B", "Z", "A"]
        );
        assert_eq!(
            order(&[("A", "$(B)"), ("B", "$(C)"), ("C", "$(OTHER)"), ("D", "")]),
            ["C", "B", "A", "D"]
        );
        assert_eq!(order(&[("B", "x"), ("A", "y")]), ["B", "A"]);
        assert_eq!(
            order(&[("A", "$(A)"), ("B", "$$(C)"), ("C", "")]),
            ["A", "B", "C"]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn keeps_the_given_order_in_a_cycle() {
        assert_eq!(
            order(&[("A", "$(B)"), ("B", "$(A)"), ("C", "x"), ("D", "$(A)")]),
            ["C", "A", "B", "D"]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_names_that_kubernetes_takes() {
        for name in ["A", "testing-env", "_x", ".a", "a.b", "DD_TAGS"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1A", "A=B", "A B", ".", "..", "..a", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
