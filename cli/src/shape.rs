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

/// What is wrong with the pod template of a workload, if something is.
pub fn malformed(object: &Value) -> Option<String> {
    let whole = "malformed: the API server refuses";
    let Some(template) = journal::template(object) else {
        return Some(format!("{whole} an object without a pod template"));
    };
    let text = template.to_string();
    let mut template = json::Value::parse(&text).ok()?;
    let path = Template::take(&mut template).err()?.to_string();
    Some(match path.as_str() {
        "" => format!("{whole} its pod template"),
        path => format!("{whole} `{path}` of its pod template"),
    })
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

/// The pod that would be made of an object's template, where it has one at a usual place and it asks for an injection.
pub fn pod_of(document: &Document) -> Option<Document> {
    let template = template(&document.object)?;
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
    Some(Document {
        source: document.source.clone(),
        object: pod,
    })
}

fn template(object: &Value) -> Option<&Value> {
    let places = USUAL_PLACES
        .iter()
        .filter_map(|place| object.pointer(place));
    places
        .into_iter()
        .find(|template| template["spec"]["containers"].is_array())
}

/// The first of our annotations on an object, or in its pod template.
fn asked_by(object: &Value) -> Option<String> {
    template(object)
        .and_then(annotation_in)
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
        for spec in [
            format!("{{template: {template}}}"),
            format!("{{jobTargetRef: {{template: {template}}}}}"),
            format!("{{template: {{jobTemplate: {{spec: {{template: {template}}}}}}}}}"),
            format!("{{jobTemplate: {{spec: {{template: {template}}}}}}}"),
        ] {
            let document = document(&format!(
                "{{apiVersion: a/v1, kind: Rollout, metadata: {{name: web, namespace: shop}}, spec: {spec}}}"
            ));
            assert_eq!(pod_of(&document).unwrap().object, expected, "{spec}");
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
