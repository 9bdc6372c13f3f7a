//! The built file itself, and what it logs.

use datakit_policy_host::policy::{Answer, LogLine, ProtocolVersion};
use serde_json::{Value, json};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

use crate::parts::{container, pod};
use crate::support::{POLICY, create, module};

#[test]
fn imports_functions_of_wapc_alone() {
    let module = module();
    let mut imports = Vec::new();
    for payload in Parser::new(0).parse_all(&module) {
        if let Payload::ImportSection(section) = payload.unwrap() {
            for import in section.into_imports() {
                let import = import.unwrap();
                assert!(matches!(import.ty, TypeRef::Func(_)), "{import:?}");
                imports.push(import.module.to_owned());
            }
        }
    }
    assert!(!imports.is_empty());
    imports.retain(|module| module != "wapc");
    assert_eq!(imports, [""; 0]);
}

#[test]
fn exports_what_hosts_call() {
    let module = module();
    let mut functions = Vec::new();
    let mut memories = 0;
    for payload in Parser::new(0).parse_all(&module) {
        if let Payload::ExportSection(section) = payload.unwrap() {
            for export in section {
                let export = export.unwrap();
                match export.kind {
                    ExternalKind::Func => functions.push(export.name.to_owned()),
                    ExternalKind::Memory => memories += 1,
                    _ => {}
                }
            }
        }
    }
    functions.sort_unstable();
    assert_eq!(functions, ["__guest_call", "wapc_init"]);
    assert_eq!(memories, 1);
}

#[test]
fn speaks_the_protocol_of_kubewarden() {
    let instance = POLICY.instance().unwrap();
    assert_eq!(instance.protocol_version().unwrap(), ProtocolVersion::V1);
    assert_eq!(instance.call("protocol_version", b"").unwrap(), b"\"v1\"");
}

/// What an instance says about a request, and what it logs.
fn logged(request: &Value, settings: &Value) -> (Answer, Vec<LogLine>) {
    let instance = POLICY.instance().unwrap();
    let answer = instance.validate(request, settings).unwrap();
    (answer, instance.take_logs())
}

fn settings(log_level: &str) -> Value {
    json!({
        "log_level": log_level,
        "admission_inject": {
            "ddtrace": {"images": {"java_agent_image": "repo/java:1"}}
        },
        "admission_inject_v2": {"logfwds": [
            {"image": "repo/logfwd:1"},
            {"image": "repo/logfwd:2", "namespace_selectors": ["^other$"]},
            {"image": "repo/logfwd:3", "namespace_selectors": ["*"], "check_annotation": true}
        ]},
        "admission_mutate": {"loggings": [
            {"namespace_selectors": ["other"], "label_selectors": ["app=x"], "config": "[]"},
            {"namespace_selectors": ["default"], "config": "[]"}
        ]}
    })
}

fn request() -> Value {
    let pod = pod(
        &[("java-lib.version", ""), ("profiler.enabled", "false")],
        json!({"containers": [container("main", &[])]}),
    );
    create("default", &pod)
}

#[test]
fn logs_each_decision_at_debug() {
    let (_, lines) = logged(&request(), &settings("debug"));
    let said: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| {
            assert_eq!(line.level, "debug");
            (
                line.fields["feature"].as_str().unwrap(),
                line.message.as_str(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (
                "ddtrace",
                "admission_inject.ddtrace is for it: annotation admission.datakit/java-lib.version"
            ),
            ("ddtrace", "injected repo/java:1"),
            (
                "logfwd",
                "admission_inject_v2.logfwds[0] is not for it: it has no selectors"
            ),
            (
                "logfwd",
                "admission_inject_v2.logfwds[1] is not for it: \
                 the namespace matches none of its namespaces"
            ),
            (
                "logfwd",
                "admission_inject_v2.logfwds[2] needs an annotation that is not there"
            ),
            (
                "profiler",
                "switched off by admission.datakit/profiler.enabled"
            ),
            (
                "logging",
                "admission_mutate.loggings[0] is not for it: neither does the namespace match one \
                 of its namespaces, nor do the labels meet one of its label selectors"
            ),
            (
                "logging",
                "admission_mutate.loggings[1] is for it: its selectors match"
            ),
            ("logging", "injected admission_mutate.loggings[1]"),
        ]
    );
}

#[test]
fn logs_why_it_leaves_a_request_alone() {
    let mut delete = request();
    delete["operation"] = json!("DELETE");
    let (_, lines) = logged(&delete, &settings("debug"));
    let messages: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages, ["the operation is neither CREATE nor UPDATE"]);
}

#[test]
fn logs_nothing_at_other_levels_and_answers_the_same() {
    let (at_debug, _) = logged(&request(), &settings("debug"));
    assert!(at_debug.mutated_object.is_some());
    for level in ["info", "warn", "error", "", "any word"] {
        let (answer, lines) = logged(&request(), &settings(level));
        assert_eq!(lines, [], "{level}");
        assert_eq!(answer, at_debug, "{level}");
    }
}
