//! The policy in its host, and the requests that it is asked.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use datakit_policy_host::policy::{Answer, Policy};
use serde_json::{Value, json};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The module that is tested: what `make policy.wasm` builds, or another one (for a packaged build).
pub fn module() -> Vec<u8> {
    let path = std::env::var_os("POLICY_WASM").map_or(root().join("policy.wasm"), PathBuf::from);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `make policy.wasm` first", path.display()))
}

/// Compiled once for all tests; each call gets a fresh instance, as in policy-server.
pub static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::from_bytes(&module()).unwrap());

pub fn validate(request: &Value, settings: &Value) -> Answer {
    let answer = POLICY
        .instance()
        .unwrap()
        .validate(request, settings)
        .unwrap();
    assert!(answer.accepted, "{answer:?}");
    assert_eq!((&answer.message, answer.code), (&None, None));
    answer
}

/// A workload of a kind around a template.
pub fn workload(kind: &str, template: &Value) -> Value {
    let spec = match kind {
        "CronJob" => {
            json!({"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": template}}})
        }
        "Job" => json!({"template": template}),
        _ => json!({"selector": {"matchLabels": {"app": "x"}}, "template": template}),
    };
    let api_version = match kind {
        "CronJob" | "Job" => "batch/v1",
        "ReplicationController" => "v1",
        _ => "apps/v1",
    };
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec})
}

/// Where the template of a workload stands, as a JSON pointer.
pub fn template_pointer(kind: &str) -> &'static str {
    match kind {
        "Pod" => "",
        "CronJob" => "/spec/jobTemplate/spec/template",
        _ => "/spec/template",
    }
}

pub const WORKLOADS: [&str; 7] = [
    "Deployment",
    "DaemonSet",
    "StatefulSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
];

/// A CREATE of `object` in `namespace`.
pub fn create(namespace: &str, object: &Value) -> Value {
    request("CREATE", namespace, object, &Value::Null)
}

pub fn request(operation: &str, namespace: &str, object: &Value, old: &Value) -> Value {
    let kind = object["kind"].as_str().unwrap_or_default();
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    json!({
        "uid": "00000000-0000-4000-8000-000000000000",
        "kind": {"group": group, "version": version, "kind": kind},
        "resource": {"group": group, "version": version, "resource": format!("{}s", kind.to_lowercase())},
        "namespace": namespace,
        "operation": operation,
        "userInfo": {"username": "tester"},
        "object": object,
        "oldObject": old,
        "dryRun": false
    })
}
