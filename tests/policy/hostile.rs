//! Payloads that no API server sends, and objects made to do harm. Each is accepted in a well-formed
//! answer, at a bounded cost; an error or a trap would be a refusal that no failurePolicy softens.

mod costs;
mod inputs;
mod limits;
mod payloads;
mod texts;

use std::sync::LazyLock;

use datakit_policy_benches::meter::Counted;
use datakit_policy_host::policy::{Answer, payload};
use serde_json::{Value, json};

use crate::parts::{container, pod};
use crate::support::{POLICY, create, module};

/// The policy, whose costs are counted.
static COUNTED: LazyLock<Counted> = LazyLock::new(|| Counted::new(&module()));

/// Settings by which each feature is for every pod.
fn settings() -> Value {
    let rule = |more: &Value| {
        let mut rule = json!({"namespace_selectors": ["*"], "image": "repo/image:1"});
        for (key, value) in more.as_object().unwrap() {
            rule[key] = value.clone();
        }
        json!([rule])
    };
    json!({
        "admission_inject_v2": {
            "ddtraces": rule(&json!({"language": "java", "envs": {"DD_TAGS": "a:b", "A": "$(DD_TAGS)"}})),
            "logfwds": rule(&json!({})),
            "flameshots": rule(&json!({"processes": "[]", "envs": {
                "FLAMESHOT_PROFILING_PATH": "/flames", "FLAMESHOT_HTTP_LOCAL_PORT": "80"
            }})),
            "profilers": rule(&json!({"language": "java"}))
        },
        "admission_mutate": {"loggings": [{"namespace_selectors": ["*"], "config": "[{}]"}]}
    })
}

/// The answer to any bytes; it has to be an acceptance.
#[track_caller]
fn answer(payload: &[u8]) -> Answer {
    let instance = POLICY.instance().unwrap();
    let answer = instance.call("validate", payload).unwrap();
    let answer: Answer = serde_json::from_slice(&answer).unwrap();
    assert!(answer.accepted);
    assert_eq!((&answer.message, answer.code), (&None, None));
    answer
}

#[track_caller]
fn assert_warns(payload: &[u8], warnings: &[&str]) {
    let answer = answer(payload);
    assert_eq!(answer.mutated_object, None);
    assert_eq!(answer.audit_annotations, None);
    assert_eq!(answer.warnings.unwrap_or_default(), warnings);
}

/// The payload for a pod's request with some of its fields replaced.
fn with_request(fields: Value) -> Vec<u8> {
    let pod = pod(&[], json!({"containers": [container("main", &[])]}));
    let mut request = create("default", &pod);
    for (key, value) in fields.as_object().unwrap() {
        request[key] = value.clone();
    }
    payload(&request, &settings()).unwrap()
}

/// A pod that every feature is injected into, with more of whatever is put into it.
fn ordinary() -> Value {
    pod(&[], json!({"containers": [container("main", &[])]}))
}

/// More annotations than Kubernetes takes; it says so itself, but not because of the policy.
const NO_ROOM: &str = "datakit logging: nothing injected: \
    the annotations would exceed the 256 KiB that Kubernetes allows";

/// The payload for the creation of a pod.
fn payload_of(pod: &Value) -> Vec<u8> {
    payload(&create("default", pod), &settings()).unwrap()
}
