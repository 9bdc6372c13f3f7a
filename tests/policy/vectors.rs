//! The answers of the original operator, case by case; see `tests/vectors/README.md`.

use std::collections::BTreeMap;
use std::io::Read;

use datakit_operator_policy::json::Object;
use datakit_operator_policy::selector::LabelSelector;
use flate2::read::GzDecoder;
use serde_json::{Map, Value};

use crate::parts::{assert_takes_back, without_journal};
use crate::support::{create, root, template_pointer, validate, workload};

#[test]
fn agrees_with_operator_1_5_11() {
    assert_eq!(compare_all("v1"), 384);
}

#[test]
fn agrees_with_operator_1_8_10() {
    assert_eq!(compare_all("v2"), 379);
}

/// Selectors with globs, each with labels and whether they meet it, or null where it is refused.
#[test]
fn label_selectors_with_globs_agree_with_operator_1_8_10() {
    let text = read("globs");
    let mut differing = Vec::new();
    for line in text.lines() {
        let (selector, labels, expected): (String, Map<String, Value>, Option<bool>) =
            serde_json::from_str(line).unwrap();
        let found = LabelSelector::parse(&selector).ok();
        if found.map(|selector| selector.matches(Some(&Object::from(&labels)))) != expected {
            differing.push(line);
        }
    }
    assert_eq!(differing, Vec::<&str>::new());
    assert_eq!(text.lines().count(), 300);
}

/// The lines of a file of vectors.
fn read(file: &str) -> String {
    let path = root().join(format!("tests/vectors/{file}.jsonl.gz"));
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// Compares every case of a file, as a pod and as a template; gives their number.
fn compare_all(file: &str) -> usize {
    let text = read(file);
    let mut differences = Vec::new();
    let mut cases = 0;
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        for kind in ["Pod", "Deployment", "StatefulSet", "DaemonSet"] {
            if let Err(difference) = compare(&case, kind) {
                differences.push(format!("{} as {kind}: {difference}", case["id"]));
            }
        }
        cases += 1;
    }
    assert!(
        differences.is_empty(),
        "{} differences, the first:\n{}",
        differences.len(),
        differences[..differences.len().min(8)].join("\n\n")
    );
    cases
}

fn compare(case: &Value, kind: &str) -> Result<(), String> {
    let mut pod = case["request"]["object"].clone();
    let mut expected = case["expected"].clone();
    let namespace = case["request"]["namespace"].as_str().unwrap();
    let object = if kind == "Pod" {
        pod.clone()
    } else {
        for template in [&mut pod, &mut expected] {
            let template = template.as_object_mut().unwrap();
            template.retain(|key, _| key == "metadata" || key == "spec");
            let metadata = template["metadata"].as_object_mut().unwrap();
            metadata.retain(|key, _| key == "labels" || key == "annotations");
        }
        workload(kind, &pod)
    };
    let answer = validate(&create(namespace, &object), &case["settings"]);
    let changed = answer.mutated_object.is_some();
    if changed != case["changed"].as_bool().unwrap() {
        return Err(format!(
            "changed: {changed}, warnings {:?}",
            answer.warnings
        ));
    }
    if let Some(mutated) = &answer.mutated_object {
        assert_takes_back(&object, mutated);
    }
    let mutated = without_journal(&answer.mutated_object.unwrap_or(object));
    let actual = mutated.pointer(template_pointer(kind)).unwrap();
    same_templates(&pod, actual, &expected)
}

/// Compares two templates that came of `original`, without what says nothing; variables by name.
fn same_templates(original: &Value, actual: &Value, expected: &Value) -> Result<(), String> {
    let (mut actual, mut expected) = (normalised(actual), normalised(expected));
    for list in ["initContainers", "containers"] {
        for (place, container) in containers(&actual, list).iter().enumerate() {
            let own = &containers(original, list)
                .get(place)
                .cloned()
                .unwrap_or_default();
            right_order(own, container)?;
        }
        for template in [&mut actual, &mut expected] {
            for container in template["spec"][list].as_array_mut().into_iter().flatten() {
                by_name(container);
            }
        }
    }
    if actual == expected {
        return Ok(());
    }
    let patch = json_patch::diff(&expected, &actual);
    Err(format!(
        "expected -> actual: {}",
        serde_json::to_string_pretty(&patch).unwrap()
    ))
}

fn containers(template: &Value, list: &str) -> Vec<Value> {
    template["spec"][list]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// Variables of the pod keep their order, but for DD_TAGS; a variable stands behind those that it
/// refers to.
fn right_order(own: &Value, container: &Value) -> Result<(), String> {
    let names = |container: &Value| -> Vec<String> {
        let env = container["env"].as_array().cloned().unwrap_or_default();
        env.iter()
            .map(|entry| entry["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let without_tags = |names: Vec<String>| -> Vec<String> {
        names.into_iter().filter(|name| name != "DD_TAGS").collect()
    };
    let before = without_tags(names(own));
    let after = without_tags(names(container));
    if !after.starts_with(&before) {
        return Err(format!("the order of env changed: {before:?} -> {after:?}"));
    }
    let names = names(container);
    for (place, entry) in container["env"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        for reference in references(entry["value"].as_str().unwrap_or_default()) {
            if names
                .iter()
                .position(|name| *name == reference)
                .is_some_and(|other| other > place)
            {
                return Err(format!("{} stands before {reference}", entry["name"]));
            }
        }
    }
    Ok(())
}

fn references(value: &str) -> Vec<String> {
    value
        .split("$(")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Turns `env` into an object by name, with the values that are JSON as JSON.
fn by_name(container: &mut Value) {
    let Some(env) = container.get_mut("env") else {
        return;
    };
    let mut entries = BTreeMap::new();
    for entry in env.as_array_mut().unwrap().drain(..) {
        let name = entry["name"].as_str().unwrap().to_owned();
        let mut entry = entry;
        if name == "LOGFWD_JSON_CONFIG" || name == "LOGFWD_LOG_CONFIGS" {
            let text = entry["value"].as_str().unwrap_or_default().to_owned();
            if let Ok(json) = serde_json::from_str::<Value>(&text) {
                entry["value"] = json;
            }
        }
        assert!(entries.insert(name, entry).is_none(), "a variable twice");
    }
    *env = serde_json::to_value(entries).unwrap();
}

/// The template without what says nothing.
fn normalised(template: &Value) -> Value {
    let mut template = template.clone();
    let object = template.as_object_mut().unwrap();
    object.remove("status");
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        remove_if(metadata, "creationTimestamp", Value::is_null);
        remove_if(metadata, "annotations", is_empty);
    }
    let spec = object["spec"].as_object_mut().unwrap();
    remove_if(spec, "restartPolicy", |policy| policy == "Always");
    for list in ["volumes", "initContainers", "containers"] {
        remove_if(spec, list, is_empty);
    }
    for list in ["initContainers", "containers"] {
        for container in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let container = container.as_object_mut().unwrap();
            for key in ["resources", "env", "volumeMounts"] {
                remove_if(container, key, is_empty);
            }
            for entry in container
                .get_mut("env")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                remove_if(entry.as_object_mut().unwrap(), "value", |value| value == "");
            }
        }
    }
    template
}

fn remove_if(object: &mut Map<String, Value>, key: &str, says_nothing: impl Fn(&Value) -> bool) {
    if object.get(key).is_some_and(says_nothing) {
        object.remove(key);
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}
