//! Pods, the parts that the policy adds to them, and what every injection must hold.

use serde_json::{Value, json};

use datakit_operator_policy::features;
use datakit_operator_policy::json::edit;
use datakit_operator_policy::template::journal;

use crate::checker::violations;
use crate::support::{create, template_pointer, validate};

pub const JAVA_OPTION: &str = " -javaagent:/datadog-lib/dd-java-agent.jar";

/// A pod with annotations, named without their prefix `admission.datakit/`, and a spec.
pub fn pod(annotations: &[(&str, &str)], spec: Value) -> Value {
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "annotations": {}},
        "spec": spec
    });
    for (name, value) in annotations {
        pod["metadata"]["annotations"][format!("admission.datakit/{name}")] = json!(value);
    }
    pod
}

pub fn container(name: &str, mounts: &[Value]) -> Value {
    json!({"name": name, "image": "app:1", "volumeMounts": mounts})
}

/// `object` with more or other fields.
pub fn with(mut object: Value, fields: Value) -> Value {
    for (key, value) in fields.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

pub fn variable(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

pub fn field(name: &str, path: &str) -> Value {
    json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}})
}

pub fn mount(volume: &str, path: &str) -> Value {
    json!({"name": volume, "mountPath": path})
}

pub fn read_only(mut mount: Value) -> Value {
    mount["readOnly"] = json!(true);
    mount
}

pub fn empty_dir(name: &str) -> Value {
    json!({"name": name, "emptyDir": {}})
}

/// A volume of a sort that the policy never adds.
pub fn config_map(name: &str) -> Value {
    json!({"name": name, "configMap": {"name": "files"}})
}

pub fn local_time(name: &str) -> Value {
    json!({"name": name, "hostPath": {"path": "/etc/localtime", "type": "FileOrCreate"}})
}

pub fn default_resources() -> Value {
    json!({
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"}
    })
}

/// The init container of `admission_inject`.
pub fn lib_init(image: &str) -> Value {
    json!({
        "name": "datakit-lib-init",
        "image": image,
        "imagePullPolicy": "Always",
        "command": ["sh", "copy-lib.sh", "/datadog-lib"],
        "volumeMounts": [agent_mount()]
    })
}

pub fn agent_mount() -> Value {
    mount("datakit-auto-instrument", "/datadog-lib")
}

pub fn logfwd(env: &[Value], mounts: &[Value]) -> Value {
    let mut sidecar = json!({
        "name": "datakit-logfwd",
        "image": "repo/logfwd:1",
        "imagePullPolicy": "Always",
        "resources": default_resources()
    });
    if !env.is_empty() {
        sidecar["env"] = json!(env);
    }
    if !mounts.is_empty() {
        sidecar["volumeMounts"] = json!(mounts);
    }
    sidecar
}

pub fn profiler(image: &str, mounts: &[Value]) -> Value {
    json!({
        "name": "datakit-profiler",
        "image": image,
        "imagePullPolicy": "Always",
        "command": ["bash", "cmd.sh"],
        "workingDir": "/app/datakit-profiler",
        "env": [variable("DK_AGENT_HOST", "dk")],
        "resources": default_resources(),
        "securityContext": {"capabilities": {"add": ["SYS_PTRACE", "SYS_ADMIN"]}},
        "volumeMounts": mounts
    })
}

pub fn programs_mount() -> Value {
    mount("datakit-profiler-volume", "/app/datakit-profiler")
}

pub fn local_time_mount() -> Value {
    read_only(mount("timezone", "/etc/localtime"))
}

/// Asserts what becomes of an object, to the last field but for the journal of its template, what the
/// user is told, and what must hold of every injection: the result is a valid pod, a second pass
/// changes nothing, and the journal takes it back.
#[track_caller]
pub fn assert_injects(before: &Value, settings: &Value, after: &Value, warnings: &[&str]) {
    let answer = validate(&create("default", before), settings);
    assert_eq!(
        answer.warnings.unwrap_or_default(),
        warnings,
        "the warnings"
    );
    let mutated = answer
        .mutated_object
        .unwrap_or_else(|| panic!("nothing was injected"));
    if before["kind"] == "Pod" {
        assert_same(&mutated, after);
    } else {
        assert_same(&normalised(&without_journal(&mutated)), &normalised(after));
    }
    assert_takes_back(before, &mutated);
    assert_whole(&mutated, settings);
}

/// The object without the journal of its template, which is nothing that a user looks at.
pub fn without_journal(object: &Value) -> Value {
    let mut object = object.clone();
    let metadata = &mut template_of(&mut object)["metadata"];
    if let Some(annotations) = metadata["annotations"].as_object_mut() {
        annotations.remove(journal::ANNOTATION);
    }
    object
}

fn template_of(object: &mut Value) -> &mut Value {
    let pointer = template_pointer(object["kind"].as_str().unwrap_or("Pod"));
    object.pointer_mut(pointer).unwrap()
}

/// Asserts that the journal of an injected template takes the injection back; a pod has none.
#[track_caller]
pub fn assert_takes_back(before: &Value, mutated: &Value) {
    let mut part = mutated.clone();
    let template = template_of(&mut part);
    let text = template["metadata"]["annotations"][journal::ANNOTATION].as_str();
    if before["kind"] == "Pod" {
        assert_eq!(text, None);
        return;
    }
    let journal = features::journal(text.unwrap()).unwrap();
    let taken = edit(template, |template| journal::take_apart(template, &journal));
    assert!(taken.whole, "{taken:?} of {mutated:#}");
    assert_same(&normalised(&part), &normalised(before));
}

/// Without what an API server leaves out: what is empty.
fn normalised(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let fields = object
                .iter()
                .map(|(key, value)| (key.clone(), normalised(value)));
            let says_something = |(key, value): &(String, Value)| {
                let is_empty = match value {
                    Value::Null => true,
                    Value::String(text) => key == "value" && text.is_empty(),
                    Value::Array(list) => list.is_empty(),
                    Value::Object(object) => key != "emptyDir" && object.is_empty(),
                    _ => false,
                };
                !is_empty
            };
            fields.filter(says_something).collect()
        }
        Value::Array(list) => list.iter().map(normalised).collect(),
        other => other.clone(),
    }
}

#[track_caller]
pub fn assert_leaves_alone(object: &Value, settings: &Value, warnings: &[&str]) {
    let answer = validate(&create("default", object), settings);
    assert_eq!(answer.mutated_object, None);
    assert_eq!(answer.audit_annotations, None);
    assert_eq!(
        answer.warnings.unwrap_or_default(),
        warnings,
        "the warnings"
    );
}

/// Compares whole objects; the difference is easier to read than both.
#[track_caller]
pub fn assert_same(actual: &Value, expected: &Value) {
    if actual != expected {
        let patch = json_patch::diff(expected, actual);
        panic!("expected -> actual:\n{patch:#}");
    }
}

/// What must hold of every injection: the pod is one that Kubernetes takes, and a second pass changes
/// nothing.
#[track_caller]
pub fn assert_whole(mutated: &Value, settings: &Value) {
    assert_eq!(violations(mutated), [""; 0]);
    let second = validate(&create("default", mutated), settings);
    assert_eq!(second.mutated_object, None, "a second pass");
}
