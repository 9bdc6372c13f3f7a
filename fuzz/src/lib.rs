//! What the fuzz targets share: the policy's answers, and what has to hold of each.

#[path = "../../tests/safety/kept.rs"]
pub mod kept;
pub mod pieces;

use std::collections::BTreeSet;

use datakit_operator_policy::admission;
use serde_json::{Value, json};

/// An answer to `validate` that has been looked at.
pub struct Answer {
    pub object: Option<Value>,
    pub warnings: Vec<String>,
}

/// The policy's answer to any bytes: an acceptance, with warnings as API servers take them.
pub fn validate(payload: &[u8]) -> Answer {
    let answer = admission::validate(payload).expect("the policy never fails");
    let answer: Value = serde_json::from_slice(&answer).expect("the answer is JSON");
    assert_eq!(answer["accepted"], true);
    assert_eq!(answer["message"], Value::Null);
    assert_eq!(answer["code"], Value::Null);
    let warnings: Vec<String> = match &answer["warnings"] {
        Value::Null => Vec::new(),
        some => serde_json::from_value(some.clone()).expect("warnings are strings"),
    };
    assert!(warnings.len() <= 21);
    for warning in &warnings {
        assert!(warning.starts_with("datakit"), "{warning}");
        assert!(warning.chars().count() <= 256, "{warning}");
        assert!(!warning.contains(char::is_control), "{warning:?}");
    }
    let object = Some(answer["mutated_object"].clone()).filter(|object| !object.is_null());
    Answer { object, warnings }
}

/// What has to hold where something was injected: nothing was lost, and a second pass changes nothing. The journal tells
/// containers apart by their names, so that is promised only where those are unique, as Kubernetes wants them.
pub fn check_injection(payload: &Value, mutated: &Value) {
    let request = &payload["request"];
    let kind = request["kind"]["kind"].as_str().expect("a kind");
    assert_kept(kind, request["object"].clone(), mutated.clone());
    if has_a_name_twice(mutated.pointer(template_pointer(kind)).expect("a template")) {
        return;
    }
    let mut second = payload.clone();
    second["request"]["object"] = mutated.clone();
    if let Some(again) = validate(second.to_string().as_bytes()).object {
        panic!("a second pass changes it\n{payload}\n{mutated}\n{again}");
    }
}

fn template_pointer(kind: &str) -> &'static str {
    match kind {
        "Pod" => "",
        "CronJob" => "/spec/jobTemplate/spec/template",
        _ => "/spec/template",
    }
}

fn has_a_name_twice(template: &Value) -> bool {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let containers = lists
        .iter()
        .filter_map(|list| template["spec"][list].as_array())
        .flatten();
    let mut names = BTreeSet::new();
    containers
        .map(|container| container["name"].as_str())
        .any(|name| !names.insert(name))
}

fn assert_kept(kind: &str, mut before: Value, mut after: Value) {
    let path = template_pointer(kind);
    let take = |object: &mut Value| object.pointer_mut(path).expect("a template").take();
    assert_eq!(
        kept::template(&take(&mut before), &take(&mut after)),
        Ok(())
    );
    assert_eq!(before, after, "around the template");
}

/// Whether the policy takes the settings, and its message where it does not.
pub fn validate_settings(payload: &[u8]) -> Result<(), String> {
    let answer = admission::validate_settings(payload).expect("the policy never fails");
    let answer: Value = serde_json::from_slice(&answer).expect("the answer is JSON");
    match (answer["valid"].as_bool(), answer["message"].as_str()) {
        (Some(true), None) => Ok(()),
        (Some(false), Some(message)) if !message.is_empty() => Err(message.to_owned()),
        other => panic!("{other:?}"),
    }
}

/// A pod that all features are for, if the settings say so.
pub fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": "default", "labels": {"app": "x"}},
        "spec": {"containers": [{"name": "main", "image": "app:1"}]}
    })
}

/// The creation of a pod.
pub fn create(pod: &Value) -> Value {
    json!({
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": "default",
        "operation": "CREATE",
        "object": pod
    })
}
