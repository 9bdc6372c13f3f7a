//! Placeholders: values of `envs` for what only the pod knows, or the workload.

use super::is_key;
use crate::selector::{is_dns_label, is_qualified_name};

/// What a value of `envs` means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// A string; Kubernetes expands its `$(NAME)`.
    Plain(&'a str),
    /// `{fieldRef:PATH}`: a field of the pod.
    Field(&'a str),
    /// `{resourceFieldRef:limits.cpu}`: a resource of the first app container.
    Resource(ResourcePath<'a>),
    /// `{secretKeyRef:NAME.KEY}`.
    Secret { name: &'a str, key: &'a str },
    /// `{workload:name}`.
    WorkloadName,
    /// `{workload:kind}`.
    WorkloadKind,
    /// `{container:name}`: of the app container that has the variable.
    ContainerName,
    /// `{image:tag}`: of that container's image.
    ImageTag,
    /// `{first:A|B}`: the first of these that is there.
    First(&'a str),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ResourcePath<'a> {
    /// The whole of it, `limits.cpu`.
    pub path: &'a str,
    pub bound: &'a str,
    pub resource: &'a str,
    pub divisor: &'static str,
}

/// Whether the value is one for which something else is put.
#[must_use]
pub fn is_placeholder(value: &str) -> bool {
    !matches!(meaning(value), Meaning::Plain(_))
}

/// Whether the value is a reference to something else than text: it cannot be merged with text. One that
/// may be is one.
#[must_use]
pub fn is_reference(value: &str) -> bool {
    match meaning(value) {
        Meaning::First(text) => alternatives(text).any(|one| one.is_reference()),
        meaning => meaning.is_reference(),
    }
}

/// What is wrong with a placeholder that the operator does not know. Of its own, those that are not known
/// are plain strings, as it documents it.
#[must_use]
pub fn problem(value: &str) -> Option<String> {
    let (kind, body) = parts(value)?;
    if known(kind, body).is_some() {
        return None;
    }
    let problem = match kind {
        "workload" => "must be `{workload:name}` or `{workload:kind}`",
        "container" => "must be `{container:name}`",
        "image" => "must be `{image:tag}`",
        "first" => {
            let place = body.split('|').position(|one| alternative(one).is_none())?;
            let number = place.saturating_add(1);
            return Some(format!(
                "alternative {number} of `{{first:…}}` is empty or a placeholder that is not known"
            ));
        }
        _ => return None,
    };
    Some(problem.to_owned())
}

pub(super) fn meaning(value: &str) -> Meaning<'_> {
    parts(value)
        .and_then(|(kind, body)| known(kind, body))
        .unwrap_or(Meaning::Plain(value))
}

/// The kind of a placeholder, and what it is about.
fn parts(value: &str) -> Option<(&str, &str)> {
    value.strip_prefix('{')?.strip_suffix('}')?.split_once(':')
}

fn known<'a>(kind: &str, body: &'a str) -> Option<Meaning<'a>> {
    match (kind, body) {
        ("fieldRef", path) => is_pod_field(path).then_some(Meaning::Field(path)),
        ("resourceFieldRef", path) => resource_path(path).map(Meaning::Resource),
        ("secretKeyRef", path) => secret_key(path),
        ("workload", "name") => Some(Meaning::WorkloadName),
        ("workload", "kind") => Some(Meaning::WorkloadKind),
        ("container", "name") => Some(Meaning::ContainerName),
        ("image", "tag") => Some(Meaning::ImageTag),
        ("first", text) => {
            let mut all = text.split('|');
            all.all(|one| alternative(one).is_some())
                .then_some(Meaning::First(text))
        }
        _ => None,
    }
}

/// The alternatives of `{first:…}`.
pub(super) fn alternatives(text: &str) -> impl Iterator<Item = Meaning<'_>> {
    text.split('|').filter_map(alternative)
}

/// A placeholder without its braces, or a text. What begins like a placeholder has to be one.
fn alternative(text: &str) -> Option<Meaning<'_>> {
    const KINDS: [&str; 6] = [
        "fieldRef",
        "resourceFieldRef",
        "secretKeyRef",
        "workload",
        "container",
        "image",
    ];
    match text.split_once(':') {
        Some((kind, body)) if KINDS.contains(&kind) => known(kind, body),
        Some(("first", _)) => None,
        _ => (!text.is_empty()).then_some(Meaning::Plain(text)),
    }
}

impl Meaning<'_> {
    fn is_reference(&self) -> bool {
        matches!(
            self,
            Self::Field(_) | Self::Resource(_) | Self::Secret { .. }
        )
    }
}

/// The fields that the downward API gives to an environment variable, but for those of its labels and annotations.
pub(super) const FIELDS: [&str; 9] = [
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

fn is_pod_field(path: &str) -> bool {
    FIELDS.contains(&path) || label(path).is_some() || annotation(path).is_some()
}

/// The label that a field is.
pub(super) fn label(path: &str) -> Option<&str> {
    subscript(path, "metadata.labels")
}

/// The annotation that a field is.
pub(super) fn annotation(path: &str) -> Option<&str> {
    subscript(path, "metadata.annotations")
}

fn subscript<'p>(path: &'p str, map: &str) -> Option<&'p str> {
    path.strip_prefix(map)
        .and_then(|rest| rest.strip_prefix("['"))
        .and_then(|rest| rest.strip_suffix("']"))
        .filter(|key| is_qualified_name(key))
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

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn tells_what_is_wrong_with_a_placeholder_of_its_own() {
        let of_first = |number: u8| {
            format!(
                "alternative {number} of `{{first:…}}` is empty or a placeholder that is not known"
            )
        };
        for (value, expected) in [
            (
                "{workload:uid}",
                "must be `{workload:name}` or `{workload:kind}`".to_owned(),
            ),
            ("{container:image}", "must be `{container:name}`".to_owned()),
            ("{image:digest}", "must be `{image:tag}`".to_owned()),
            ("{first:}", of_first(1)),
            ("{first:a|}", of_first(2)),
            ("{first:a||b}", of_first(2)),
            ("{first:first:a|b}", of_first(1)),
            ("{first:a|b|fieldRef:metadata.future}", of_first(3)),
            ("{first:workload:uid}", of_first(1)),
        ] {
            assert_eq!(problem(value), Some(expected), "{value}");
            assert_eq!(meaning(value), Meaning::Plain(value));
            assert!(!is_placeholder(value), "{value}");
        }
        for value in [
            "{fieldRef:metadata.future}",
            "{other:x}",
            "a {image:x}",
            "{\"first\":\"\"}",
            "",
        ] {
            assert_eq!(problem(value), None, "{value}");
            assert_eq!(meaning(value), Meaning::Plain(value));
        }
    }
}
