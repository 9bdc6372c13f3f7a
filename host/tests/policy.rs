//! The host against test policies: what is sent, what comes back, what goes wrong.

mod guest;

use std::sync::Arc;

use datakit_policy_host::cluster::{Cluster, Nothing, Objects};
use datakit_policy_host::policy::{
    Answer, LogLine, Policy, PolicyError, ProtocolVersion, SettingsAnswer,
};
use datakit_policy_host::request::{AdmissionRequest, Context};
use datakit_policy_host::response::{AdmissionResponse, Status, respond};
use guest::{Reaction, guest};
use serde_json::{Value, json};

fn policy(reactions: &[(&str, Reaction)]) -> Policy {
    Policy::from_bytes(&guest(reactions)).expect("the test policy loads")
}

fn pod() -> Value {
    json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"namespace": "web", "name": "nginx"}})
}

fn request() -> AdmissionRequest {
    AdmissionRequest::for_object(&pod(), &Context::default()).expect("a Pod has a request")
}

fn guest_error(error: PolicyError) -> String {
    match error {
        PolicyError::Guest(message) => message,
        other => panic!("not the guest's error: {other}"),
    }
}

#[test]
fn sends_sorted_keys_and_settings_that_are_an_object() {
    let policy = policy(&[
        ("validate", Reaction::FailWithPayload),
        ("validate_settings", Reaction::FailWithPayload),
    ]);
    let instance = policy.instance().unwrap();
    let sent = guest_error(instance.validate(&request(), &Value::Null).unwrap_err());
    assert_eq!(
        sent,
        concat!(
            r#"{"request":{"dryRun":false,"kind":{"group":"","kind":"Pod","version":"v1"},"name":"nginx","#,
            r#""namespace":"web","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"nginx","#,
            r#""namespace":"web"}},"operation":"CREATE","options":{"apiVersion":"meta.k8s.io/v1","#,
            r#""kind":"CreateOptions"},"requestKind":{"group":"","kind":"Pod","version":"v1"},"#,
            r#""requestResource":{"group":"","resource":"pods","version":"v1"},"#,
            r#""resource":{"group":"","resource":"pods","version":"v1"},"#,
            r#""uid":"3a4b130e-b52f-8307-b848-e468bedb035f","#,
            r#""userInfo":{"groups":["system:masters","system:authenticated"],"#,
            r#""username":"kubernetes-admin"}},"settings":{}}"#
        )
    );

    let settings = json!({"b": {"d": 1, "c": [{"f": 1, "e": 2}]}, "a": 0});
    let sent = guest_error(instance.validate_settings(&settings).unwrap_err());
    assert_eq!(sent, r#"{"a":0,"b":{"c":[{"e":2,"f":1}],"d":1}}"#);
    let sent = guest_error(instance.validate_settings(&Value::Null).unwrap_err());
    assert_eq!(sent, "{}");
}

#[test]
fn reads_what_the_policy_answers() {
    let policy = policy(&[
        (
            "validate",
            Reaction::Answer(
                json!({
                    "accepted": true, "message": null, "code": null,
                    "mutated_object": {"kind": "Pod"},
                    "audit_annotations": {"ddtrace": "java"}, "warnings": ["careful"]
                })
                .to_string(),
            ),
        ),
        (
            "validate_settings",
            Reaction::Answer(r#"{"valid":false,"message":"a: wrong"}"#.to_owned()),
        ),
        ("protocol_version", Reaction::Answer(r#""v1""#.to_owned())),
    ]);
    let instance = policy.instance().unwrap();
    assert_eq!(
        instance.validate(&request(), &json!({})).unwrap(),
        Answer {
            accepted: true,
            message: None,
            code: None,
            mutated_object: Some(json!({"kind": "Pod"})),
            audit_annotations: Some([("ddtrace".to_owned(), "java".to_owned())].into()),
            warnings: Some(vec!["careful".to_owned()]),
        }
    );
    assert_eq!(
        instance.validate_settings(&json!({})).unwrap(),
        SettingsAnswer {
            valid: false,
            message: Some("a: wrong".to_owned())
        }
    );
    assert_eq!(instance.protocol_version().unwrap(), ProtocolVersion::V1);
}

#[test]
fn an_instance_can_be_kept_and_a_fresh_one_remembers_nothing() {
    let policy = policy(&[(
        "count",
        Reaction::AnswerThen("first".to_owned(), "later".to_owned()),
    )]);
    let kept = policy.instance().unwrap();
    let fresh = policy.instance().unwrap();
    let answers: Vec<_> = [&kept, &kept, &kept, &fresh]
        .iter()
        .map(|instance| String::from_utf8(instance.call("count", b"").unwrap()).unwrap())
        .collect();
    assert_eq!(answers, ["first", "later", "later", "first"]);
}

#[test]
fn collects_log_lines() {
    let log = |line: &str| {
        Reaction::HostCall(
            ["kubewarden", "tracing", "log", line].map(str::to_owned),
            "done".to_owned(),
        )
    };
    let policy = policy(&[
        (
            "talk",
            log(r#"{"message":"injected","level":"debug","feature":"ddtrace"}"#),
        ),
        ("mumble", log("hm")),
    ]);
    let instance = policy.instance().unwrap();
    assert_eq!(instance.call("talk", b"").unwrap(), b"done");
    assert_eq!(instance.call("mumble", b"").unwrap(), b"done");
    let fields = |value: Value| value.as_object().cloned().unwrap();
    assert_eq!(
        instance.take_logs(),
        [
            LogLine {
                level: "debug".to_owned(),
                message: "injected".to_owned(),
                fields: fields(json!({"feature": "ddtrace"})),
            },
            LogLine {
                level: "error".to_owned(),
                message: "the policy logged 2 bytes that are not a log line".to_owned(),
                fields: fields(json!({})),
            }
        ]
    );
    assert_eq!(instance.take_logs(), []);
}

#[test]
fn refuses_every_other_host_call() {
    let policy = policy(&[(
        "look",
        Reaction::HostCall(
            ["kubewarden", "kubernetes", "list_resources_all", "{}"].map(str::to_owned),
            String::new(),
        ),
    )]);
    let error = policy.instance().unwrap().call("look", b"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "Guest call failure: this host does not offer `kubewarden/kubernetes/list_resources_all`"
    );
}

#[test]
fn gives_a_guest_the_objects_that_it_knows() {
    let request = r#"{"api_version":"v1","kind":"Namespace","name":"shop","disable_cache":false}"#;
    let policy = policy(&[(
        "look",
        Reaction::HostCall(
            ["kubewarden", "kubernetes", "get_resource", request].map(str::to_owned),
            "seen".to_owned(),
        ),
    )]);
    let namespace =
        |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let look = |cluster: Arc<dyn Cluster>| {
        let instance = policy.instance_in(cluster).unwrap();
        let seen = instance.call("look", b"");
        seen.map_err(|error| error.to_string())
    };
    let known = Objects(vec![namespace("other"), namespace("shop")]);
    assert_eq!(look(Arc::new(known)), Ok(b"seen".to_vec()));
    let failure = |why: &str| Err(format!("Guest call failure: {why}"));
    let unknown = Objects(vec![namespace("other")]);
    assert_eq!(
        look(Arc::new(unknown)),
        failure("there is no Namespace shop")
    );
    let why = "this host does not let the policy ask for objects";
    assert_eq!(look(Arc::new(Nothing)), failure(why));
}

#[test]
fn a_change_becomes_a_patch() {
    let mutated = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "nginx", "namespace": "web", "labels": {"a": "b"}}
    });
    let answer = json!({"accepted": true, "mutated_object": mutated, "warnings": ["careful"]});
    let policy = policy(&[("validate", Reaction::Answer(answer.to_string()))]);
    let response = respond(&policy.instance().unwrap(), &request(), &json!({}));
    // [{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]
    let patch = "W3sib3AiOiJhZGQiLCJwYXRoIjoiL21ldGFkYXRhL2xhYmVscyIsInZhbHVlIjp7ImEiOiJiIn19XQ==";
    assert_eq!(
        serde_json::to_string(&response).unwrap(),
        format!(
            r#"{{"uid":"{}","allowed":true,"patchType":"JSONPatch","patch":"{patch}","auditAnnotations":null,"warnings":["careful"]}}"#,
            request().uid
        )
    );
}

#[test]
fn the_same_object_in_another_order_is_no_change() {
    let answer = json!({"accepted": true, "mutated_object": pod()});
    let policy = policy(&[("validate", Reaction::Answer(answer.to_string()))]);
    let response = respond(&policy.instance().unwrap(), &request(), &json!({}));
    assert_eq!(
        serde_json::to_string(&response).unwrap(),
        format!(
            r#"{{"uid":"{}","allowed":true,"auditAnnotations":null,"warnings":null}}"#,
            request().uid
        )
    );
}

#[test]
fn a_refusal_keeps_its_message_and_code() {
    let answer = r#"{"accepted":false,"message":"no","code":418}"#;
    let policy = policy(&[("validate", Reaction::Answer(answer.to_owned()))]);
    assert_eq!(
        respond(&policy.instance().unwrap(), &request(), &json!({})),
        AdmissionResponse {
            uid: request().uid,
            allowed: false,
            patch_type: None,
            patch: None,
            status: Some(Status {
                message: Some("no".to_owned()),
                code: Some(418)
            }),
            audit_annotations: None,
            warnings: None,
        }
    );
}

#[test]
fn a_policy_that_fails_is_a_refusal_with_status_500() {
    for (reaction, message) in [
        (
            Reaction::Fail("out of ideas".to_owned()),
            "internal server error: Guest call failure: out of ideas",
        ),
        (
            Reaction::Answer("{}".to_owned()),
            "internal server error: cannot deserialize the policy's answer to `validate`: \
             missing field `accepted` at line 1 column 2",
        ),
    ] {
        let policy = policy(&[("validate", reaction)]);
        let response = respond(&policy.instance().unwrap(), &request(), &json!({}));
        assert_eq!(
            response,
            AdmissionResponse::internal_error(
                &request().uid,
                message.trim_start_matches("internal server error: ")
            )
        );
        assert_eq!(
            serde_json::to_value(&response).unwrap(),
            json!({
                "uid": request().uid, "allowed": false,
                "status": {"message": message, "code": 500},
                "auditAnnotations": null, "warnings": null
            })
        );
    }
}

#[test]
fn a_trap_is_a_refusal_and_the_next_instance_works() {
    let policy = policy(&[
        ("validate", Reaction::Trap),
        ("protocol_version", Reaction::Answer(r#""v1""#.to_owned())),
    ]);
    let response = respond(&policy.instance().unwrap(), &request(), &json!({}));
    let status = response.status.unwrap();
    assert_eq!((response.allowed, status.code), (false, Some(500)));
    let message = status.message.unwrap();
    assert!(
        message.starts_with(
            "internal server error: Guest call failure: error while executing at wasm backtrace:"
        ),
        "{message}"
    );
    let fresh = policy.instance().unwrap();
    assert_eq!(fresh.protocol_version().unwrap(), ProtocolVersion::V1);
}

#[test]
fn a_delete_cannot_be_mutated() {
    let context = Context {
        operation: datakit_policy_host::request::Operation::Delete,
        ..Context::default()
    };
    let request = AdmissionRequest::for_object(&pod(), &context).unwrap();
    let answer = json!({"accepted": true, "mutated_object": pod()});
    let policy = policy(&[("validate", Reaction::Answer(answer.to_string()))]);
    let response = respond(&policy.instance().unwrap(), &request, &json!({}));
    assert_eq!(
        serde_json::to_value(&response).unwrap(),
        json!({
            "uid": request.uid, "allowed": false,
            "status": {"message": "Incoming object is null, which happens only with DELETE operations, \
                                   but the policy is attempting a mutation. This is not allowed"},
            "auditAnnotations": null, "warnings": null
        })
    );
}

#[test]
fn an_unknown_protocol_is_an_error() {
    let policy = policy(&[("protocol_version", Reaction::Answer(r#""v9""#.to_owned()))]);
    let error = policy.instance().unwrap().protocol_version().unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot deserialize the policy's answer to `protocol_version`: unknown variant `v9`, expected `v1` at line 1 column 4"
    );
}

#[test]
fn what_is_no_policy_does_not_load() {
    let load = |bytes: &[u8]| {
        Policy::from_bytes(bytes)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let advice = "; it must be a WebAssembly module that imports only from `wapc`";
    assert_eq!(
        load(b"not a module"),
        format!("the policy cannot be loaded: it does not start like a WebAssembly module{advice}")
    );
    let garbage = load(b"\0asm garbage");
    assert!(
        garbage.starts_with("the policy cannot be loaded: ") && garbage.ends_with(advice),
        "{garbage}"
    );
    let wasi = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))"#,
    )
    .unwrap();
    assert_eq!(
        load(&wasi),
        format!(
            "the policy cannot be loaded: unknown import: `wasi_snapshot_preview1::fd_write` has not been defined{advice}"
        )
    );
    let no_guest_call = wat::parse_str("(module)").unwrap();
    let error = Policy::from_bytes(&no_guest_call)
        .unwrap()
        .instance()
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(error, PolicyError::Start(_)), "{error}");
}
