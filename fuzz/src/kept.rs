//! Whether an object still has all that it had before it was injected into.

use serde_json::{Map, Value};

/// Variables that the policy may give another value.
const EDITED: [&str; 5] = [
    "JAVA_TOOL_OPTIONS",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "PHP_INI_SCAN_DIR",
    "DD_TAGS",
];

/// Asserts that `after` is `before` with more in it, in the places that the policy adds to.
pub fn assert_kept(kind: &str, before: &Value, after: &Value) {
    let path = match kind {
        "Pod" => "",
        "CronJob" => "/spec/jobTemplate/spec/template",
        _ => "/spec/template",
    };
    let (mut before, mut after) = (before.clone(), after.clone());
    let take = |object: &mut Value| object.pointer_mut(path).expect("a template").take();
    assert_template(take(&mut before), take(&mut after));
    assert_eq!(before, after, "around the template");
}

fn assert_template(mut before: Value, mut after: Value) {
    let mut field = |key| (take(&mut before, key), take(&mut after, key));
    let (metadata, spec) = (field("metadata"), field("spec"));
    assert_eq!(before, after, "in the template");
    assert_metadata(metadata.0, metadata.1);
    assert_spec(spec.0, spec.1);
}

fn assert_metadata(mut before: Value, mut after: Value) {
    let (own, now) = (
        take(&mut before, "annotations"),
        take(&mut after, "annotations"),
    );
    for (key, value) in own.as_object().unwrap_or(&Map::new()) {
        assert_eq!(now.get(key), Some(value), "annotation {key}");
    }
    if before.is_null() {
        before = Value::Object(Map::new());
    }
    if after.is_null() {
        after = Value::Object(Map::new());
    }
    assert_eq!(before, after, "in the metadata");
}

fn assert_spec(mut before: Value, mut after: Value) {
    let mut list = |key| (items(take(&mut before, key)), items(take(&mut after, key)));
    for key in ["volumes", "initContainers"] {
        let (own, now) = list(key);
        assert!(now.starts_with(&own), "{key}");
    }
    let (own, now) = list("containers");
    assert!(own.len() <= now.len());
    for (own, now) in own.into_iter().zip(now) {
        assert_container(own, now);
    }
    if before.get("shareProcessNamespace") != after.get("shareProcessNamespace") {
        assert_eq!(after["shareProcessNamespace"], true);
        take(&mut before, "shareProcessNamespace");
        take(&mut after, "shareProcessNamespace");
    }
    assert_eq!(before, after, "in the spec");
}

fn assert_container(mut before: Value, mut after: Value) {
    let mut list = |key| (items(take(&mut before, key)), items(take(&mut after, key)));
    let (own, now) = list("volumeMounts");
    assert!(now.starts_with(&own), "volumeMounts");
    let (own, now) = list("env");
    let is_edited = |entry: &Value| EDITED.iter().any(|name| entry["name"] == *name);
    let others: Vec<&Value> = own.iter().filter(|entry| !is_edited(entry)).collect();
    let still: Vec<&Value> = now.iter().filter(|entry| !is_edited(entry)).collect();
    let mut rest = still.iter();
    for entry in others {
        assert!(
            rest.any(|other| *other == entry),
            "{entry} of the variables"
        );
    }
    assert!(now.len() >= own.len(), "variables");
    assert_eq!(before, after, "in a container");
}

fn take(object: &mut Value, key: &str) -> Value {
    object
        .as_object_mut()
        .and_then(|object| object.remove(key))
        .unwrap_or_default()
}

fn items(list: Value) -> Vec<Value> {
    match list {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}
