//! Payloads that are no admission request, and objects that are none.

use datakit_policy_host::policy::payload;
use serde_json::{Value, json};

use super::{answer, assert_warns, settings, with_request};
use crate::parts::{container, pod};
use crate::support::{create, workload};

#[test]
fn accepts_a_payload_that_is_no_json() {
    for (payload, problem) in [
        (&b""[..], "ends too early (line 1, column 0)"),
        (b"{\"request\":", "ends too early (line 1, column 11)"),
        (b"secret", "is not valid JSON (line 1, column 1)"),
        (
            b"{\"request\": {\"object\": \"\xc3\x28\"}}",
            "is not valid JSON (line 1, column 25)",
        ),
        (b"\xef\xbb\xbf{}", "is not valid JSON (line 1, column 1)"),
    ] {
        let warning = format!("datakit policy: nothing injected: the request {problem}");
        assert_warns(payload, &[&warning]);
    }
}

#[test]
fn accepts_a_payload_that_is_no_admission_request() {
    for payload in [
        "null",
        "7",
        "\"request\"",
        "{}",
        "{\"request\": null}",
        "{\"request\": 7}",
        "{\"request\": {\"kind\": \"Pod\"}}",
        "{\"request\": {\"kind\": {\"kind\": 7}}}",
        "{\"request\": {\"operation\": {}}}",
        "{\"request\": {\"namespace\": [\"a\"]}}",
    ] {
        let answer = answer(payload.as_bytes());
        assert_eq!(answer.mutated_object, None, "{payload}");
        let warnings = answer.warnings.unwrap();
        let about = "datakit policy: nothing injected: the request is not an admission request: `request` and";
        assert_eq!(warnings.len(), 1, "{payload}");
        assert!(warnings[0].starts_with(about), "{payload} {warnings:?}");
    }
    // What does not say which kind it is about is about none of ours.
    for payload in [
        "{\"request\": {}}",
        "{\"request\": {\"kind\": null, \"operation\": null}}",
    ] {
        assert_warns(payload.as_bytes(), &[]);
    }
}

#[test]
fn accepts_settings_that_it_cannot_read() {
    for (settings, problem) in [
        (json!([]), "must be an object, not a list"),
        (json!(7), "must be an object, not a number"),
        (json!("text"), "must be an object, not a string"),
        (
            json!({"jsonconfig": "{"}),
            "jsonconfig: the JSON ends too early (line 1, column 1)",
        ),
        (
            json!({"jsonconfig": 7}),
            "jsonconfig: must be a string, not a number",
        ),
    ] {
        let pod = pod(&[], json!({"containers": [container("main", &[])]}));
        let payload = json!({"request": create("default", &pod), "settings": settings});
        assert_warns(
            payload.to_string().as_bytes(),
            &[&format!("datakit settings: nothing injected: {problem}")],
        );
    }
    // None at all, and sections that are nonsense, configure nothing.
    let request = create(
        "default",
        &pod(&[], json!({"containers": [container("main", &[])]})),
    );
    for payload in [
        json!({"request": request}),
        json!({"request": request, "settings": null}),
        json!({"request": request, "settings": {"admission_inject": 7, "admission_mutate": [1]}}),
        json!({"request": request, "settings": {"admission_inject_v2": {"ddtraces": [1, null]}}}),
    ] {
        assert_warns(payload.to_string().as_bytes(), &[]);
    }
}

#[test]
fn accepts_an_object_that_is_none() {
    let none = "datakit policy: nothing injected: there is no object";
    let malformed = "datakit policy: nothing injected: the template is malformed";
    assert_warns(&with_request(json!({"object": null})), &[none]);
    for object in [json!(7), json!([]), json!("x")] {
        assert_warns(&with_request(json!({"object": object})), &[malformed]);
    }
    let kind = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    let deployment = |object: Value| with_request(json!({"kind": kind, "object": object}));
    let without = "datakit policy: nothing injected: the object has no spec.template";
    for object in [
        json!(null),
        json!(7),
        json!({}),
        json!({"spec": []}),
        json!({"spec": null}),
    ] {
        assert_warns(&deployment(object), &[without]);
    }
    for template in [json!(7), json!("x"), json!([]), json!(true)] {
        assert_warns(
            &deployment(json!({"spec": {"template": template}})),
            &[malformed],
        );
    }
}

#[test]
fn accepts_fields_of_another_type() {
    let cases = [
        (
            json!({"spec": {"containers": {"main": {}}}}),
            "spec.containers",
        ),
        (json!({"spec": {"containers": [[]]}}), "spec.containers[0]"),
        (json!({"spec": {"containers": null}}), "spec.containers"),
        (
            json!({"metadata": {"annotations": {"replicas": 3}}, "spec": {}}),
            "metadata.annotations.replicas",
        ),
        (
            json!({"metadata": {"labels": []}, "spec": {}}),
            "metadata.labels",
        ),
        (
            json!({"metadata": {"namespace": 1}, "spec": {}}),
            "metadata.namespace",
        ),
        (json!({"metadata": 1, "spec": {}}), "metadata"),
        (
            json!({"spec": {"volumes": {}, "containers": [{"name": "a"}]}}),
            "spec.volumes",
        ),
        (
            json!({"spec": {"containers": [{"name": "a", "volumeDevices": [7]}]}}),
            "spec.containers[0].volumeDevices[0]",
        ),
        (
            json!({"spec": {"hostPID": "yes", "containers": [{"name": "a"}]}}),
            "spec.hostPID",
        ),
    ];
    for (template, place) in cases {
        let warning =
            format!("datakit policy: nothing injected: the template is malformed at {place}");
        for kind in ["Deployment", "CronJob"] {
            let request = create("default", &workload(kind, &template));
            assert_warns(&payload(&request, &settings()).unwrap(), &[&warning]);
        }
    }
}
