//! Objects that are not as the policy needs them: workloads that are malformed, and kinds that it does not see.

use datakit_operator_policy::features::{PREFIX, annotation_names};
use datakit_operator_policy::json;
use datakit_operator_policy::template::Template;
use datakit_policy_host::manifest::Document;
use serde_json::{Map, Value, json};

use crate::journal;

/// Where the kinds of others have their pod template: Argo's Rollout, OpenKruise's CloneSet and most others; KEDA's
/// ScaledJob; OpenKruise's AdvancedCronJob; kinds that are made like a CronJob.
const USUAL_PLACES: [&str; 4] = [
    "/spec/template",
    "/spec/jobTargetRef/template",
    "/spec/template/jobTemplate/spec/template",
    "/spec/jobTemplate/spec/template",
];

/// A workload that the API server does not take.
pub struct Malformed {
    /// The path in the object of what is not as it has to be, or of what is missing.
    pub field: String,
    pub message: String,
}

/// What is wrong with the pod template of a workload, if something is.
pub fn malformed(object: &Value) -> Option<Malformed> {
    let mut path = journal::template_path(object)?.to_vec();
    let wrong = journal::template(object).map(wrong_in);
    let wrong = match &wrong {
        Some(wrong) => wrong.as_deref()?,
        None => "",
    };
    path.push(wrong);
    path.retain(|step| !step.is_empty());
    Some(Malformed::at(object, path.join(".")))
}

/// The path of what a template has in another shape than it has to have.
fn wrong_in(template: &Value) -> Option<String> {
    let text = template.to_string();
    let mut template = json::Value::parse(&text).ok()?;
    Some(Template::take(&mut template).err()?.to_string())
}

impl Malformed {
    fn at(object: &Value, field: String) -> Self {
        let kind = object["kind"].as_str().unwrap_or_default();
        let explained = format!("{}.{}", kind.to_lowercase(), explained(&field));
        Self {
            message: format!(
                "malformed: the API server refuses it, because `{field}` is missing or has the wrong type; `kubectl \
                 explain {explained}` says what belongs there"
            ),
            field,
        }
    }
}

/// A path as `kubectl explain` takes it: without places in lists, and without the keys of users.
fn explained(path: &str) -> String {
    let mut explained = Vec::new();
    for step in path.split('.') {
        let step = step.split('[').next().unwrap_or_default();
        explained.push(step);
        if matches!(step, "labels" | "annotations") {
            break;
        }
    }
    explained.join(".")
}

/// What to say of an object that asks for an injection and is of a kind that the policy does not see.
pub fn not_seen(object: &Value) -> Option<String> {
    let asks = asked_by(object)?;
    let kind = object["kind"].as_str().unwrap_or_default();
    let version = object["apiVersion"].as_str().unwrap_or_default();
    Some(format!(
        "{asks} has no effect here, because the policy does not see the kind {kind} of {version}. It sees the pods that are made \
         of it, where the rules of a ClusterAdmissionPolicy name pods (deploy/pods.yaml) and the annotation is in the pod \
         template"
    ))
}

/// The pod that would be made of an object's template, where it has one at a usual place and it asks for an injection; with
/// the path of the template.
pub fn pod_of(document: &Document) -> Option<(Document, String)> {
    let (place, template) = template(&document.object)?;
    annotation_in(template)?;
    let metadata = &document.object["metadata"];
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": template.get("metadata").cloned().unwrap_or_default(),
        "spec": template["spec"]
    });
    if !pod["metadata"].is_object() {
        pod["metadata"] = Value::Object(Map::new());
    }
    for key in ["name", "namespace"] {
        if !metadata[key].is_null() {
            pod["metadata"][key] = metadata[key].clone();
        }
    }
    let pod = Document {
        source: document.source.clone(),
        object: pod,
    };
    let path = place.trim_start_matches('/').replace('/', ".");
    Some((pod, path))
}

/// The template of an object, and the pointer to it.
fn template(object: &Value) -> Option<(&'static str, &Value)> {
    USUAL_PLACES
        .into_iter()
        .filter_map(|place| Some((place, object.pointer(place)?)))
        .find(|(_, template)| template["spec"]["containers"].is_array())
}

/// The first of our annotations on an object, or in its pod template.
fn asked_by(object: &Value) -> Option<String> {
    template(object)
        .and_then(|(_, template)| annotation_in(template))
        .or_else(|| annotation_in(object))
}

fn annotation_in(object: &Value) -> Option<String> {
    let annotations = object["metadata"]["annotations"].as_object()?;
    annotation_names()
        .map(|name| format!("{PREFIX}{name}"))
        .find(|name| annotations.contains_key(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datakit_policy_host::manifest;

    fn document(text: &str) -> Document {
        manifest::read("file", text).remove(0).unwrap()
    }

    #[test]
    fn a_pod_is_made_of_a_template_at_a_usual_place() {
        let template = "{metadata: {annotations: {admission.datakit/java-lib.version: \"\"}}, spec: {containers: []}}";
        let expected = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "annotations": {"admission.datakit/java-lib.version": ""}, "name": "web", "namespace": "shop"
            },
            "spec": {"containers": []}
        });
        for (spec, path) in [
            (format!("{{template: {template}}}"), "spec.template"),
            (
                format!("{{jobTargetRef: {{template: {template}}}}}"),
                "spec.jobTargetRef.template",
            ),
            (
                format!("{{template: {{jobTemplate: {{spec: {{template: {template}}}}}}}}}"),
                "spec.template.jobTemplate.spec.template",
            ),
            (
                format!("{{jobTemplate: {{spec: {{template: {template}}}}}}}"),
                "spec.jobTemplate.spec.template",
            ),
        ] {
            let document = document(&format!(
                "{{apiVersion: a/v1, kind: Rollout, metadata: {{name: web, namespace: shop}}, spec: {spec}}}"
            ));
            let (pod, place) = pod_of(&document).unwrap();
            assert_eq!((pod.object, place.as_str()), (expected.clone(), path));
        }
    }

    #[test]
    fn what_is_malformed_is_named_by_its_path() {
        for (object, field, explained) in [
            (
                "{apiVersion: apps/v1, kind: Deployment, spec: {}}",
                "spec.template",
                "deployment.spec.template",
            ),
            (
                "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, env: [{name: A, value: 1}]}]}}",
                "spec.containers[0].env[0].value",
                "pod.spec.containers.env.value",
            ),
            (
                "{apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {spec: {template: {metadata: {labels: {a.b/c: 1}}}}}}}",
                "spec.jobTemplate.spec.template.metadata.labels.a.b/c",
                "cronjob.spec.jobTemplate.spec.template.metadata.labels",
            ),
        ] {
            let malformed = malformed(&document(object).object).unwrap();
            assert_eq!(malformed.field, field);
            assert_eq!(
                malformed.message,
                format!(
                    "malformed: the API server refuses it, because `{field}` is missing or has the wrong type; \
                     `kubectl explain {explained}` says what belongs there"
                )
            );
        }
    }

    #[test]
    fn what_does_not_ask_is_not_named() {
        for text in [
            "{apiVersion: a/v1, kind: Rollout, spec: {template: {spec: {containers: []}}}}",
            "{apiVersion: v1, kind: Service, metadata: {annotations: {admission.other/enabled: \"true\"}}}",
        ] {
            let document = document(text);
            assert_eq!(not_seen(&document.object), None);
            assert!(pod_of(&document).is_none());
        }
    }
}
