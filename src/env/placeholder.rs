//! Placeholders: values of `envs` for what only the pod knows, or the workload.

use k8s_openapi::api::core::v1::{
    EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector, SecretKeySelector,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Map, Value};

use super::{Env, is_key, plain};
use crate::image;
use crate::owner::Owner;
use crate::selector::{is_dns_label, is_qualified_name};

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
struct ResourcePath<'a> {
    /// The whole of it, `limits.cpu`.
    path: &'a str,
    bound: &'a str,
    resource: &'a str,
    divisor: &'static str,
}

/// What placeholders stand for in a variable of a container.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'t> {
    pub owner: &'t Owner,
    /// Of the template.
    pub labels: Option<&'t Map<String, Value>>,
    /// Of the template.
    pub annotations: Option<&'t Map<String, Value>>,
    /// The labels and annotations that pods have, beyond those of the template.
    pub given_to_pods: &'static [&'static str],
    /// The first app container.
    pub first_container: &'t Map<String, Value>,
    /// The name of the app container that has the variable.
    pub container: &'t str,
    /// Its image.
    pub image: &'t str,
}

/// What becomes of a variable of the settings.
#[derive(Debug, PartialEq)]
pub enum Made {
    Entry(EnvVar),
    /// It will be empty: what its placeholder stands for is not there.
    Empty(EnvVar),
    /// It is left out: a resource that the container does not set.
    Nothing,
}

/// The entry that Kubernetes gets for a variable of the settings.
#[must_use]
pub fn make(env: Env<'_>, around: &Surroundings<'_>) -> Made {
    let chosen = match meaning(env.value) {
        Meaning::First(text) => alternatives(text).find(|one| around.fills(one)),
        meaning => Some(meaning),
    };
    let Some(chosen) = chosen else {
        return Made::Empty(plain(env.name, ""));
    };
    let is_there = around.has(&chosen);
    match around.entry(env.name, chosen) {
        Some(entry) if is_there => Made::Entry(entry),
        Some(entry) => Made::Empty(entry),
        None => Made::Nothing,
    }
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

fn meaning(value: &str) -> Meaning<'_> {
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
fn alternatives(text: &str) -> impl Iterator<Item = Meaning<'_>> {
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

impl<'t> Surroundings<'t> {
    /// Whether something stands behind it. The API server and the kubelet know all fields but labels and
    /// annotations; whether a secret is there, nobody knows.
    fn has(&self, meaning: &Meaning<'_>) -> bool {
        match meaning {
            Meaning::Field(path) => FIELDS.contains(path) || self.attribute(path).is_some(),
            Meaning::Resource(path) => resource_selector(path, self.first_container).is_some(),
            Meaning::Secret { .. } => true,
            text => self.text(text).is_some(),
        }
    }

    /// The same, and that is not an empty label or annotation.
    fn fills(&self, meaning: &Meaning<'_>) -> bool {
        match meaning {
            Meaning::Field(path) if !FIELDS.contains(path) => {
                self.attribute(path).is_some_and(|value| !value.is_empty())
            }
            meaning => self.has(meaning),
        }
    }

    /// The value of a label or an annotation. One that a controller gives to the pods is not known yet: its
    /// name stands for it.
    fn attribute<'a>(&self, path: &'a str) -> Option<&'a str>
    where
        't: 'a,
    {
        let (own, key) = match label(path) {
            Some(key) => (self.labels, key),
            None => (self.annotations, annotation(path)?),
        };
        if self.given_to_pods.contains(&key) {
            return Some(key);
        }
        own?.get(key)?.as_str()
    }

    fn text<'a>(&self, meaning: &Meaning<'a>) -> Option<&'a str>
    where
        't: 'a,
    {
        let text = match meaning {
            Meaning::Plain(text) => return Some(text),
            Meaning::WorkloadName => &self.owner.name,
            Meaning::WorkloadKind => &self.owner.kind,
            Meaning::ContainerName => self.container,
            Meaning::ImageTag => image::tag(self.image).filter(|tag| image::is_tag(tag))?,
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// `None` for a resource that the container does not set.
    fn entry(&self, name: &str, meaning: Meaning<'_>) -> Option<EnvVar> {
        let source = match meaning {
            Meaning::Field(path) => EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    api_version: None,
                    field_path: path.to_owned(),
                }),
                ..EnvVarSource::default()
            },
            Meaning::Resource(path) => EnvVarSource {
                resource_field_ref: Some(resource_selector(&path, self.first_container)?),
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
            text => return Some(plain(name, self.text(&text).unwrap_or_default())),
        };
        Some(EnvVar {
            name: name.to_owned(),
            value: None,
            value_from: Some(source),
        })
    }
}

/// The fields that the downward API gives to an environment variable, but for those of its labels and annotations.
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

fn is_pod_field(path: &str) -> bool {
    FIELDS.contains(&path) || label(path).is_some() || annotation(path).is_some()
}

/// The label that a field is.
fn label(path: &str) -> Option<&str> {
    subscript(path, "metadata.labels")
}

/// The annotation that a field is.
fn annotation(path: &str) -> Option<&str> {
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

/// `None` for a resource that the container does not set: the downward API would put the node's size in its
/// place.
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// In a template with a label and an annotation, for a container with an image.
    fn made(value: &str, image: &str) -> Made {
        let owner = Owner {
            kind: "Deployment".to_owned(),
            name: "shop".to_owned(),
        };
        let labels = json!({"app": "web", "service": "x", "empty": ""});
        let annotations = json!({"example.com/owner": "us"});
        let container = json!({"name": "main", "resources": {"limits": {"cpu": "1"}}});
        let around = Surroundings {
            owner: &owner,
            labels: labels.as_object(),
            annotations: annotations.as_object(),
            given_to_pods: &["pod-template-hash"],
            first_container: container.as_object().unwrap(),
            container: "sidekick",
            image,
        };
        make(Env { name: "X", value }, &around)
    }

    fn entry_of(value: &str) -> Option<Value> {
        match made(value, "repo.io:5000/app:v1") {
            Made::Entry(entry) => Some(serde_json::to_value(entry).unwrap()),
            Made::Nothing => None,
            Made::Empty(entry) => panic!("{entry:?}"),
        }
    }

    fn text(value: &str) -> Made {
        Made::Entry(plain("X", value))
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
    fn knows_the_workload_and_the_container() {
        for (value, expected) in [
            ("{workload:name}", "shop"),
            ("{workload:kind}", "Deployment"),
            ("{container:name}", "sidekick"),
            ("{image:tag}", "v1"),
        ] {
            assert_eq!(
                made(value, "repo.io:5000/app:v1"),
                text(expected),
                "{value}"
            );
            assert_eq!(problem(value), None, "{value}");
            assert!(!is_reference(value), "{value}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn an_image_has_the_tag_that_stands_there() {
        let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let empty = || Made::Empty(plain("X", ""));
        for (image, expected) in [
            (format!("app:v2@{digest}"), text("v2")),
            (format!("app@{digest}"), empty()),
            ("repo.io:5000/app".to_owned(), empty()),
            ("app:".to_owned(), empty()),
            (String::new(), empty()),
        ] {
            assert_eq!(made("{image:tag}", &image), expected, "{image}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn tells_labels_and_annotations_that_are_not_there() {
        let is_empty = |value: &str| matches!(made(value, ""), Made::Empty(_));
        for path in ["metadata.labels['none']", "metadata.annotations['app']"] {
            let value = format!("{{fieldRef:{path}}}");
            let Made::Empty(entry) = made(&value, "") else {
                panic!("{value}");
            };
            assert_eq!(
                serde_json::to_value(entry).unwrap(),
                json!({"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}})
            );
        }
        for value in [
            "{fieldRef:metadata.labels['app']}",
            "{fieldRef:metadata.labels['empty']}",
            "{fieldRef:metadata.labels['pod-template-hash']}",
            "{fieldRef:metadata.annotations['example.com/owner']}",
            "{fieldRef:status.podIP}",
            "{secretKeyRef:a.b}",
            "{first:fieldRef:metadata.labels['none']|x}",
        ] {
            assert!(!is_empty(value), "{value}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_the_first_that_is_there() {
        let field = |path: &str| {
            let value = format!("{{fieldRef:{path}}}");
            made(&value, "")
        };
        for (value, expected) in [
            (
                "fieldRef:metadata.labels['app']|workload:name",
                field("metadata.labels['app']"),
            ),
            (
                "fieldRef:metadata.labels['none']|workload:name",
                text("shop"),
            ),
            (
                "fieldRef:metadata.labels['empty']|workload:kind",
                text("Deployment"),
            ),
            (
                "fieldRef:metadata.annotations['none']|fieldRef:metadata.annotations['example.com/owner']",
                field("metadata.annotations['example.com/owner']"),
            ),
            ("image:tag|container:name", text("sidekick")),
            ("image:tag|latest", text("latest")),
            ("image:tag|a: b", text("a: b")),
            ("image:tag|{x}", text("{x}")),
            ("resourceFieldRef:limits.memory|none", text("none")),
            (
                "resourceFieldRef:limits.cpu|none",
                made("{resourceFieldRef:limits.cpu}", ""),
            ),
            ("secretKeyRef:a.b|none", made("{secretKeyRef:a.b}", "")),
            ("fieldRef:spec.nodeName|none", field("spec.nodeName")),
            (
                "image:tag|fieldRef:metadata.labels['none']",
                Made::Empty(plain("X", "")),
            ),
            (
                "resourceFieldRef:limits.memory",
                Made::Empty(plain("X", "")),
            ),
        ] {
            let value = format!("{{first:{value}}}");
            assert_eq!(made(&value, ""), expected, "{value}");
            assert_eq!(problem(&value), None, "{value}");
        }
        assert!(is_reference("{first:image:tag|fieldRef:metadata.name}"));
        assert!(!is_reference("{first:image:tag|workload:name|x}"));
    }

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
            assert_eq!(made(value, "app:v1"), text(value), "{value}");
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
            assert_eq!(made(value, ""), text(value), "{value}");
        }
    }
}
