//! What placeholders become in a container.

use crate::json::{Object, Value};
use k8s_openapi::api::core::v1::{
    EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector, SecretKeySelector,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::placeholder::{FIELDS, Meaning, ResourcePath, alternatives, annotation, label, meaning};
use super::{Env, plain};
use crate::image;
use crate::owner::Owner;

/// What placeholders stand for in a variable of a container.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'t> {
    pub owner: &'t Owner,
    /// Of the template.
    pub labels: Option<&'t Object<'t>>,
    /// Of the template.
    pub annotations: Option<&'t Object<'t>>,
    /// The labels and annotations that pods have, beyond those of the template.
    pub given_to_pods: &'static [&'static str],
    /// The first app container.
    pub first_container: &'t Object<'t>,
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

/// `None` for a resource that the container does not set: the downward API would put the node's size in its
/// place.
fn resource_selector(
    path: &ResourcePath<'_>,
    container: &Object<'_>,
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
    use crate::env::{is_reference, problem};
    use crate::json::{json, typed};
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

    fn entry_of(value: &str) -> Option<Value<'static>> {
        match made(value, "repo.io:5000/app:v1") {
            Made::Entry(entry) => Some(typed(&entry)),
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
                typed(&entry),
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
}
