//! The policy, called natively, and the files that are tested against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use datakit_operator_policy::admission;
use datakit_operator_policy::features;
use datakit_operator_policy::json;
use datakit_operator_policy::settings::Document;
use serde_json::{Value, json};

use crate::schema;

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Settings from a file, YAML or JSON.
pub fn settings(name: &str) -> Value {
    datakit_policy_host::settings::read_file(&path(name)).unwrap()
}

pub static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&text("policy-settings/schema.json")).unwrap());

/// What the schema finds wrong with settings.
pub fn schema_problems(settings: &Value) -> Vec<String> {
    schema::problems(&SCHEMA, settings)
}

/// What the policy finds wrong with settings.
pub fn problems(settings: &Value) -> Vec<String> {
    let text = settings.to_string();
    let settings = Document::new(json::Value::parse(&text).unwrap());
    let problems = features::problems(&settings).into_iter();
    problems.map(|problem| problem.to_string()).collect()
}

/// What `validate_settings` says, `None` if the settings are valid.
pub fn message(settings: &str) -> Option<String> {
    let answer = admission::validate_settings(settings.as_bytes()).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let message = answer["message"].as_str().map(str::to_owned);
    assert_eq!(answer["valid"], message.is_none());
    message
}

/// What the policy makes of a pod that is created: the pod, the warnings, and what was injected.
pub fn answer(pod: &Value, settings: &Value) -> Value {
    let payload = json!({
        "request": {
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "operation": "CREATE",
            "namespace": "apps",
            "object": pod,
        },
        "settings": settings,
    });
    let answer = admission::validate(payload.to_string().as_bytes()).unwrap();
    let mut answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["accepted"], true);
    let mut part = |key: &str, empty: Value| match answer[key].take() {
        Value::Null => empty,
        part => part,
    };
    json!({
        "pod": part("mutated_object", pod.clone()),
        "warnings": part("warnings", json!([])),
        "injected": part("audit_annotations", json!({})),
    })
}

/// A pod with one container, annotations and labels.
pub fn pod(annotations: Value, labels: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "annotations": annotations, "labels": labels},
        "spec": {"containers": [{"name": "web", "image": "nginx:1.22"}]},
    })
}
