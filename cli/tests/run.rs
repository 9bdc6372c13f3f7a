//! `run` takes and prints what `kwctl run` does.

mod program;

use program::guest::Reaction;
use program::{Folder, finish, outcome, valid};
use serde_json::{Value, json};

fn request() -> Value {
    json!({
        "uid": "1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "operation": "CREATE",
        "userInfo": {"username": "alice"},
        "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    })
}

fn answering(answer: &Value) -> Folder {
    let folder = Folder::answering(answer);
    folder.write("request.json", request().to_string());
    folder
}

const ALLOWED: &str =
    "{\"uid\":\"1\",\"allowed\":true,\"auditAnnotations\":null,\"warnings\":null}\n";

#[test]
fn an_allowed_request_is_one_line() {
    let folder = answering(&json!({"accepted": true}));
    let expected = outcome(0, ALLOWED, "");
    assert_eq!(
        folder.run(&["run", "-r", "request.json", "policy.wasm"]),
        expected
    );
    assert_eq!(
        folder.run(&["run", "policy.wasm", "--request-path", "request.json"]),
        expected
    );
    let address = format!("file://{}/policy.wasm", folder.path().display());
    assert_eq!(
        folder.run(&["run", &address, "-r", "request.json"]),
        expected
    );
}

#[test]
fn a_request_can_be_a_review_on_standard_input() {
    let folder = answering(&json!({"accepted": true}));
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request()});
    assert_eq!(
        folder.run_with_stdin(&["run", "-r", "-", "policy.wasm"], &review.to_string()),
        outcome(0, ALLOWED, "")
    );
}

#[test]
fn a_change_is_a_patch_in_base64() {
    let folder = answering(&json!({
        "accepted": true,
        "mutated_object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}},
        "audit_annotations": {"feature": "x"},
        "warnings": ["careful"]
    }));
    // [{"op":"replace","path":"/metadata/name","value":"b"}]
    let patch = "W3sib3AiOiJyZXBsYWNlIiwicGF0aCI6Ii9tZXRhZGF0YS9uYW1lIiwidmFsdWUiOiJiIn1d";
    assert_eq!(
        folder.run(&["run", "-r", "request.json", "policy.wasm"]),
        outcome(
            0,
            &format!(
                "{{\"uid\":\"1\",\"allowed\":true,\"patchType\":\"JSONPatch\",\"patch\":\"{patch}\",\
                 \"auditAnnotations\":{{\"feature\":\"x\"}},\"warnings\":[\"careful\"]}}\n"
            ),
            ""
        )
    );
}

#[test]
fn a_refusal_ends_with_zero_too() {
    let folder = answering(&json!({"accepted": false, "message": "no", "code": 400}));
    assert_eq!(
        folder.run(&["run", "-r", "request.json", "policy.wasm"]),
        outcome(
            0,
            "{\"uid\":\"1\",\"allowed\":false,\"status\":{\"message\":\"no\",\"code\":400},\
             \"auditAnnotations\":null,\"warnings\":null}\n",
            ""
        )
    );
}

#[test]
fn a_policy_that_fails_is_a_refusal_with_status_500() {
    let folder = answering(&json!({"accepted": true}));
    folder.write_policy(
        "policy.wasm",
        &[
            ("validate", Reaction::Fail("broken".to_owned())),
            ("validate_settings", valid()),
        ],
    );
    assert_eq!(
        folder.run(&["run", "-r", "request.json", "policy.wasm"]),
        outcome(
            0,
            "{\"uid\":\"1\",\"allowed\":false,\
             \"status\":{\"message\":\"internal server error: Guest call failure: broken\",\"code\":500},\
             \"auditAnnotations\":null,\"warnings\":null}\n",
            ""
        )
    );
}

#[test]
fn settings_arrive_from_a_file_or_the_command_line() {
    let folder = answering(&json!({"accepted": true}));
    folder.write_policy(
        "policy.wasm",
        &[("validate_settings", Reaction::FailWithPayload)],
    );
    folder.write("settings.yml", "b: [yes]\na: {d: 1, c: 2}\n");
    let refused = |sent: &str| {
        outcome(
            1,
            "",
            &format!(
                "Error: Provided settings are not valid: {:?}\n",
                format!("Guest call failure: {sent}")
            ),
        )
    };
    for (args, sent) in [
        (
            vec!["-s", "settings.yml"],
            r#"{"a":{"c":2,"d":1},"b":[true]}"#,
        ),
        (
            vec!["--settings-path", "settings.yml"],
            r#"{"a":{"c":2,"d":1},"b":[true]}"#,
        ),
        (
            vec!["--settings-json", r#"{"b": 1, "a": 2}"#],
            r#"{"a":2,"b":1}"#,
        ),
        (vec!["--settings-json", "null"], "{}"),
        (vec![], "{}"),
    ] {
        let mut all = vec!["run", "-r", "request.json", "policy.wasm"];
        all.extend(args);
        assert_eq!(folder.run(&all), refused(sent), "{all:?}");
    }
}

#[test]
fn settings_that_the_policy_refuses_end_with_one() {
    let folder = answering(&json!({"accepted": true}));
    let refusal =
        json!({"valid": false, "message": "two problems:\na: \"x\" is wrong\nb: missing"});
    folder.write_policy(
        "policy.wasm",
        &[("validate_settings", Reaction::Answer(refusal.to_string()))],
    );
    assert_eq!(
        folder.run(&["run", "-r", "request.json", "policy.wasm"]),
        outcome(
            1,
            "",
            "Error: Provided settings are not valid: \"two problems:\\na: \\\"x\\\" is wrong\\nb: missing\"\n"
        )
    );
}

#[test]
fn the_policys_log_goes_to_standard_error() {
    let folder = answering(&json!({"accepted": true}));
    let log = |line: &str, answer: &str| {
        Reaction::HostCall(
            ["kubewarden", "tracing", "log", line].map(str::to_owned),
            answer.to_owned(),
        )
    };
    folder.write_policy(
        "policy.wasm",
        &[
            (
                "validate_settings",
                log(
                    r#"{"level":"info","message":"checked"}"#,
                    r#"{"valid":true}"#,
                ),
            ),
            (
                "validate",
                log(
                    r#"{"level":"debug","message":"looked","kind":"Pod"}"#,
                    r#"{"accepted":true}"#,
                ),
            ),
        ],
    );
    assert_eq!(
        folder.run(&["run", "-r", "request.json", "policy.wasm"]),
        outcome(0, ALLOWED, "policy: info: checked\n")
    );
    assert_eq!(
        folder.run(&["run", "-v", "-r", "request.json", "policy.wasm"]),
        outcome(
            0,
            ALLOWED,
            "policy: info: checked\npolicy: debug: looked kind=\"Pod\"\n"
        )
    );
}

const RESOURCE: &str = "\
apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata: {name: datakit}
spec:
  module: MODULE
  settings: {b: 1, a: 2}
";

#[test]
fn a_policy_resource_brings_module_and_settings() {
    let folder = answering(&json!({"accepted": true}));
    let module = format!("file://{}/policy.wasm", folder.path().display());
    let resource = RESOURCE.replace("MODULE", &module);
    folder.write("one.yaml", &resource);
    folder.write("two.yml", format!("{resource}---\n{resource}"));
    assert_eq!(
        folder.run(&["run", "-r", "request.json", "one.yaml"]),
        outcome(0, ALLOWED, "")
    );
    assert_eq!(
        folder.run(&["run", "-r", "request.json", "two.yml"]),
        outcome(
            0,
            &ALLOWED.repeat(2),
            "two.yml: 2 policies; each runs with the same request\n"
        )
    );

    folder.write_policy(
        "policy.wasm",
        &[("validate_settings", Reaction::FailWithPayload)],
    );
    assert_eq!(
        folder.run(&["run", "-r", "request.json", "one.yaml"]),
        outcome(
            1,
            "",
            "Error: Provided settings are not valid: \"Guest call failure: {\\\"a\\\":2,\\\"b\\\":1}\"\n"
        )
    );
}

#[test]
fn a_local_module_stands_in_for_one_in_a_registry() {
    let folder = answering(&json!({"accepted": true}));
    folder.write(
        "resource.yaml",
        RESOURCE.replace("MODULE", "registry://example.com/policy:v1"),
    );
    let args = ["run", "-r", "request.json", "resource.yaml"];
    assert_eq!(
        folder.run(&args),
        outcome(
            1,
            "",
            "Error: resource.yaml:1: the module registry://example.com/policy:v1 \
             is not on this machine; name a local one with --policy FILE or DATAKIT_POLICY\n"
        )
    );
    let expected = outcome(0, ALLOWED, "");
    assert_eq!(
        folder.run(&[&args[..], &["--policy", "policy.wasm"]].concat()),
        expected
    );
    let mut command = folder.command(&args);
    command.env("DATAKIT_POLICY", "policy.wasm");
    assert_eq!(finish(command, ""), expected);
}

#[test]
fn a_policy_resource_takes_no_other_settings() {
    let folder = answering(&json!({"accepted": true}));
    folder.write("resource.yaml", RESOURCE.replace("MODULE", "policy.wasm"));
    assert_eq!(
        folder.run(&[
            "run",
            "-r",
            "request.json",
            "resource.yaml",
            "--settings-json",
            "{}"
        ]),
        outcome(
            1,
            "",
            "Error: resource.yaml: the policy resource contains the settings; omit --settings-path and --settings-json\n"
        )
    );
}

#[test]
fn errors_name_the_file_and_end_with_one() {
    let folder = answering(&json!({"accepted": true}));
    folder.write("text.json", "text");
    folder.write("list.yml", "- a");
    folder.write("no.wasm", "text");
    folder.write("incomplete.json", r#"{"uid": "1"}"#);
    for (args, message) in [
        (
            vec!["-r", "missing.json", "policy.wasm"],
            "missing.json: cannot be read: No such file or directory (os error 2)",
        ),
        (
            vec!["-r", "text.json", "policy.wasm"],
            "text.json: the request is not valid JSON: expected ident at line 1 column 2",
        ),
        (
            vec!["-r", "incomplete.json", "policy.wasm"],
            "incomplete.json: cannot build AdmissionRequest object from given input: missing field `kind`",
        ),
        (
            vec!["-r", "-", "policy.wasm"],
            "standard input: the request is not valid JSON: EOF while parsing a value at line 1 column 0",
        ),
        (
            vec!["-r", "request.json", "missing.wasm"],
            "missing.wasm: cannot be read: No such file or directory (os error 2)",
        ),
        (
            vec!["-r", "request.json", "no.wasm"],
            "no.wasm: the policy cannot be loaded: it does not start like a WebAssembly module; \
             it must be a WebAssembly module that imports only from `wapc`",
        ),
        (
            vec!["-r", "request.json", "policy.wasm", "-s", "list.yml"],
            "list.yml: settings must be a mapping or empty; this is a list",
        ),
        (
            vec!["-r", "request.json", "policy.wasm", "--settings-json", "{"],
            "--settings-json:2:1: while parsing a node, did not find expected node content",
        ),
    ] {
        let args = [&["run"], &args[..]].concat();
        assert_eq!(
            folder.run(&args),
            outcome(1, "", &format!("Error: {message}\n")),
            "{args:?}"
        );
    }
}

#[test]
fn wrong_usage_ends_with_two() {
    let folder = Folder::new();
    for args in [
        &["run", "policy.wasm"][..],
        &["run", "-r", "request.json"],
        &[
            "run",
            "-r",
            "r",
            "p.wasm",
            "-s",
            "s",
            "--settings-json",
            "{}",
        ],
        &["run", "-r", "r", "p.wasm", "--no-such-flag"],
        &["no-such-command"],
        &[],
    ] {
        let result = folder.run(args);
        assert_eq!(
            (result.code, result.stdout.as_str()),
            (Some(2), ""),
            "{args:?}"
        );
    }
}
