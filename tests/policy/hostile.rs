//! Payloads that no API server sends, and objects made to do harm. Each is accepted in a well-formed
//! answer, at a bounded cost; an error or a trap would be a refusal that no failurePolicy softens.

mod costs;
mod inputs;
mod limits;
mod meter;
mod payloads;
mod texts;

use datakit_policy_host::policy::{Answer, payload};
use serde_json::{Value, json};

use crate::parts::{container, pod};
use crate::support::{POLICY, create};

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

/// The payload for the creation of a pod.
fn payload_of(pod: &Value) -> Vec<u8> {
    payload(&create("default", pod), &settings()).unwrap()
}

const MARKER: &str = "s3cr3t-v4lue";

/// All that an answer and the log tell, without the object.
fn told(request: &Value, settings: &Value) -> String {
    let instance = POLICY.instance().unwrap();
    let mut settings = settings.clone();
    settings["log_level"] = json!("debug");
    let mut answer = instance.validate(request, &settings).unwrap();
    answer.mutated_object = None;
    format!("{answer:?} {:?}", instance.take_logs())
}

#[test]
fn tells_no_value_of_a_container_or_the_settings() {
    let mut settings = settings();
    let rules = &mut settings["admission_inject_v2"];
    for list in ["ddtraces", "logfwds", "flameshots", "profilers"] {
        let envs = rules[list][0]["envs"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        rules[list][0]["envs"] = json!(envs);
        rules[list][0]["envs"]["TOKEN"] = json!(MARKER);
        rules[list][0]["envs"]["KEY"] = json!(format!("{{secretKeyRef:{MARKER}.{MARKER}}}"));
    }
    let mut pods = Vec::new();
    for value in [
        json!({"value": MARKER}),
        json!({"valueFrom": {"secretKeyRef": {"name": MARKER, "key": MARKER}}}),
        json!({"valueFrom": {"secretKeyRef": {"name": MARKER, "key": "k", "optional": true}}}),
        json!({"value": {"not a string": MARKER}}),
    ] {
        for name in ["PASSWORD", "JAVA_TOOL_OPTIONS", "DD_TAGS", MARKER] {
            let mut pod = ordinary();
            let mut entry = value.clone();
            entry["name"] = json!(name);
            pod["spec"]["containers"][0]["env"] = json!([entry]);
            pod["metadata"]["annotations"]["note"] = json!(MARKER);
            pods.push(pod);
        }
    }
    let mut broken = ordinary();
    broken["metadata"]["annotations"]["admission.datakit/logfwd.instances"] = json!(format!(
        "[{{\"loggings\":[{{\"tags\":{{\"a\":\"{MARKER}\"}},\"source\":7}}]}}]"
    ));
    pods.push(broken.clone());
    broken["metadata"]["annotations"]["admission.datakit/logfwd.instances"] =
        json!(format!("[{{\"loggings\": {MARKER}"));
    pods.push(broken);
    assert!(told(&create("default", &ordinary()), &settings).contains("injected repo/image:1"));
    for pod in pods {
        let said = told(&create("default", &pod), &settings);
        assert!(!said.contains(MARKER), "{said}");
    }
    let payload = json!({"request": {"kind": MARKER, "object": MARKER}}).to_string();
    for cut in [payload.len(), payload.len() - 3, payload.len() - 20] {
        let said = format!("{:?}", answer(&payload.as_bytes()[..cut]));
        assert!(!said.contains(MARKER), "{said}");
    }
}

#[test]
fn tells_no_value_when_settings_are_refused() {
    let instance = POLICY.instance().unwrap();
    let cut = format!("{{\"admission_inject\": {{\"ddtrace\": {{\"envs\": {{\"A\": \"{MARKER}\"");
    for settings in [
        json!({"admission_inject": {"ddtrace": {"envs": {"1A": MARKER, "B": {"c": MARKER}}}}}),
        json!({"admission_inject": {"ddtrace": {"envs": [{"name": "1A", "value": MARKER}, MARKER]}}}),
        json!({"admission_inject": MARKER}),
        json!({"jsonconfig": cut}),
        json!({"admission_mutate": {"loggings": [{"config": format!("[{{\"source\": {MARKER}")}]}}),
        json!({"admission_inject_v2": {"flameshots": [{
            "processes": format!("[\"{MARKER}\"]"),
            "envs": {"FLAMESHOT_PROFILING_PATH": MARKER, "FLAMESHOT_HTTP_LOCAL_PORT": MARKER}
        }]}}),
    ] {
        let answer = instance.validate_settings(&settings).unwrap();
        let message = answer.message.unwrap();
        assert!(!message.contains(MARKER), "{message}");
    }
    let answer = instance.call("validate_settings", cut.as_bytes()).unwrap();
    assert!(!String::from_utf8(answer).unwrap().contains(MARKER));
}
