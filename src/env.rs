//! The values of `envs`: placeholders for what only the pod knows, references to other variables,
//! and the order that those ask for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use k8s_openapi::api::core::v1::{
    EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector, SecretKeySelector,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Map, Value};

use crate::selector::{is_dns_label, is_qualified_name};

/// A variable of the settings, as it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Env<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

/// What a value of `envs` means.
#[derive(Debug, PartialEq, Eq)]
enum Meaning<'a> {
    /// A string; Kubernetes expands its `$(NAME)`.
    Plain(&'a str),
    /// `{fieldRef:PATH}`: a field of the pod.
    Field(&'a str),
    /// `{resourceFieldRef:limits.cpu}`: a resource of the first app container.
    Resource(ResourcePath<'a>),
    /// `{secretKeyRef:NAME.KEY}`.
    Secret { name: &'a str, key: &'a str },
}

#[derive(Debug, PartialEq, Eq)]
struct ResourcePath<'a> {
    /// The whole of it, `limits.cpu`.
    path: &'a str,
    bound: &'a str,
    resource: &'a str,
    divisor: &'static str,
}

/// Placeholders that are not known are plain strings, as the operator documents it.
fn meaning(value: &str) -> Meaning<'_> {
    let placeholder = value
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .and_then(|inner| inner.split_once(':'));
    let known = match placeholder {
        Some(("fieldRef", path)) => is_pod_field(path).then_some(Meaning::Field(path)),
        Some(("resourceFieldRef", path)) => resource_path(path).map(Meaning::Resource),
        Some(("secretKeyRef", path)) => secret_key(path),
        _ => None,
    };
    known.unwrap_or(Meaning::Plain(value))
}

/// The fields that the downward API gives to an environment variable.
fn is_pod_field(path: &str) -> bool {
    const FIELDS: [&str; 9] = [
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.serviceAccountName",
        "spec.nodeName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    ];
    let subscript = |map: &str| {
        path.strip_prefix(map)
            .and_then(|rest| rest.strip_prefix("['"))
            .and_then(|rest| rest.strip_suffix("']"))
            .is_some_and(is_qualified_name)
    };
    FIELDS.contains(&path) || subscript("metadata.labels") || subscript("metadata.annotations")
}

fn resource_path(path: &str) -> Option<ResourcePath<'_>> {
    let (bound, resource) = path.split_once('.')?;
    if !matches!(bound, "limits" | "requests") {
        return None;
    }
    let divisor = match resource {
        "cpu" => "1m",
        "memory" => "1Mi",
        _ => return None,
    };
    Some(ResourcePath {
        path,
        bound,
        resource,
        divisor,
    })
}

fn secret_key(path: &str) -> Option<Meaning<'_>> {
    let (name, key) = path.split_once('.')?;
    (is_dns_label(name) && key.len() <= 253 && is_key(key)).then_some(Meaning::Secret { name, key })
}

/// Whether the value is a reference to something else than text: it cannot be merged with text.
#[must_use]
pub fn is_reference(value: &str) -> bool {
    !matches!(meaning(value), Meaning::Plain(_))
}

/// The entry that Kubernetes gets for a variable of the settings. `None` for a resource that
/// `first_container` (the first app container) does not set: the downward API would put the node's
/// size in its place.
#[must_use]
pub fn entry(env: Env<'_>, first_container: &Map<String, Value>) -> Option<EnvVar> {
    let source = match meaning(env.value) {
        Meaning::Plain(text) => return Some(plain(env.name, text)),
        Meaning::Field(path) => EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: None,
                field_path: path.to_owned(),
            }),
            ..EnvVarSource::default()
        },
        Meaning::Resource(path) => EnvVarSource {
            resource_field_ref: Some(resource_selector(&path, first_container)?),
            ..EnvVarSource::default()
        },
        Meaning::Secret { name, key } => EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: name.to_owned(),
                key: key.to_owned(),
                optional: None,
            }),
            ..EnvVarSource::default()
        },
    };
    Some(EnvVar {
        name: env.name.to_owned(),
        value: None,
        value_from: Some(source),
    })
}

fn resource_selector(
    path: &ResourcePath<'_>,
    container: &Map<String, Value>,
) -> Option<ResourceFieldSelector> {
    container
        .get("resources")?
        .get(path.bound)?
        .get(path.resource)
        .filter(|amount| !amount.is_null())?;
    Some(ResourceFieldSelector {
        container_name: container
            .get("name")
            .and_then(Value::as_str)
            .map(str::to_owned),
        divisor: Some(Quantity(path.divisor.to_owned())),
        resource: path.path.to_owned(),
    })
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
    use serde_json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn entry_of(value: &str) -> Option<Value> {
        let container = json!({"name": "main", "resources": {"limits": {"cpu": "1"}}});
        let env = Env { name: "X", value };
        let entry = entry(env, container.as_object().unwrap())?;
        Some(serde_json::to_value(entry).unwrap())
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_the_fields_of_the_documentation() {
        for path in [
            "metadata.name",
            "metadata.namespace",
            "metadata.uid",
            "metadata.labels['service']",
            "metadata.annotations['example.com/owner']",
            "spec.serviceAccountName",
            "spec.nodeName",
            "status.hostIP",
            "status.hostIPs",
            "status.podIP",
            "status.podIPs",
        ] {
            assert_eq!(
                entry_of(&format!("{{fieldRef:{path}}}")),
                Some(json!({"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}))
            );
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_unknown_placeholders_as_plain_strings() {
        for value in [
            "{fieldRef:metadata.PODNAME}",
            "{fieldRef: metadata.name}",
            "{fieldRef:metadata.labels['bad key!']}",
            "{fieldRef:metadata.labels[service]}",
            "{resourceFieldRef:limits.ephemeral-storage}",
            "{secretKeyRef:bad_name!.key}",
            "{secretKeyRef:name}",
            "{secretKeyRef:name.}",
            "{secretKeyRef:name..}",
            "{secretKeyRef:name...key}",
            &format!("{{secretKeyRef:name.{}}}", "k".repeat(254)),
            "{}",
            "",
            "{unknown:x}",
        ] {
            assert_eq!(entry_of(value), Some(json!({"name": "X", "value": value})));
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_out_a_resource_that_the_container_does_not_set() {
        assert_eq!(
            entry_of("{resourceFieldRef:limits.cpu}"),
            Some(json!({"name": "X", "valueFrom": {"resourceFieldRef": {
                "containerName": "main", "divisor": "1m", "resource": "limits.cpu"
            }}}))
        );
        assert_eq!(entry_of("{resourceFieldRef:limits.memory}"), None);
        assert_eq!(entry_of("{resourceFieldRef:requests.cpu}"), None);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn splits_a_secret_reference_at_the_first_dot() {
        assert_eq!(
            entry_of("{secretKeyRef:my.dotted.name}"),
            Some(json!({"name": "X", "valueFrom": {"secretKeyRef": {
                "name": "my", "key": "dotted.name"
            }}}))
        );
    }

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
