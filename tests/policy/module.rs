//! The built file itself, and what it logs.

use datakit_policy_host::policy::{Answer, LogLine, ProtocolVersion};
use serde_json::{Map, Value, json};
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
            {"name": "last", "image": "repo/logfwd:3", "namespace_selectors": ["*"], "check_annotation": true}
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
    let of_the_code = ["column", "file", "line"];
    let said: Vec<Value> = lines
        .into_iter()
        .map(|line| {
            assert_eq!(line.level, "debug");
            let fields = line.fields.into_iter();
            let mut fields: Map<String, Value> = fields
                .filter(|(key, _)| !of_the_code.contains(&key.as_str()))
                .collect();
            fields.insert("message".to_owned(), json!(line.message));
            fields.into()
        })
        .collect();
    let told = |feature: &str, event: &str, message: &str| json!({"feature": feature, "event": event, "message": message});
    let rule = |feature: &str, rule: &str, verdict: &str, message: &str| json!({"feature": feature, "event": "rule", "rule": rule, "verdict": verdict, "message": message});
    let selector = |feature: &str, rule: &str, selector: &str, verdict: &str, message: &str| {
        json!({
            "feature": feature, "event": "selector", "rule": rule, "selector": selector,
            "verdict": verdict, "message": message
        })
    };
    let logfwd = |number: usize| format!("admission_inject_v2.logfwds[{number}]");
    let logging = |number: usize| format!("admission_mutate.loggings[{number}]");
    assert_eq!(
        said,
        [
            rule(
                "ddtrace",
                "admission_inject.ddtrace",
                "decides",
                "admission_inject.ddtrace decides: annotation admission.datakit/java-lib.version"
            ),
            told("ddtrace", "injected", "injected repo/java:1"),
            told("ddtrace", "edit", "adds init container datakit-lib-init"),
            told("ddtrace", "edit", "adds volume datakit-auto-instrument"),
            told(
                "ddtrace",
                "edit",
                "mounts datakit-auto-instrument at /datadog-lib in container `main`"
            ),
            told(
                "ddtrace",
                "edit",
                "adds variable JAVA_TOOL_OPTIONS of container `main`"
            ),
            told("otel", "reason", "the settings have no rule for it"),
            rule(
                "logfwd",
                &logfwd(0),
                "no selectors",
                "admission_inject_v2.logfwds[0] does not apply: it has no selectors"
            ),
            rule(
                "logfwd",
                &logfwd(1),
                "namespace",
                "admission_inject_v2.logfwds[1] does not apply: \
                 the namespace matches none of its namespaces"
            ),
            selector(
                "logfwd",
                &logfwd(1),
                "the name `other`",
                "does not fit",
                "namespace `default` does not fit the name `other`"
            ),
            rule(
                "logfwd",
                &logfwd(2),
                "not asked",
                "admission_inject_v2.logfwds[2] (last) needs the annotation \
                 admission.datakit/logfwd.instances, which is missing"
            ),
            selector(
                "logfwd",
                &logfwd(2),
                "every name",
                "fits",
                "namespace `default` fits every name"
            ),
            told("flameshot", "reason", "the settings have no rule for it"),
            told(
                "profiler",
                "reason",
                "switched off by admission.datakit/profiler.enabled"
            ),
            rule(
                "logging",
                &logging(0),
                "namespace and labels",
                "admission_mutate.loggings[0] does not apply: the namespace matches none of its namespaces, and the labels meet none of its label selectors"
            ),
            selector(
                "logging",
                &logging(0),
                "the name `other`",
                "does not fit",
                "namespace `default` does not fit the name `other`"
            ),
            selector(
                "logging",
                &logging(0),
                "app=x",
                "does not fit",
                "label selector `app=x` does not fit: app is not there"
            ),
            rule(
                "logging",
                &logging(1),
                "decides",
                "admission_mutate.loggings[1] decides"
            ),
            selector(
                "logging",
                &logging(1),
                "the name `default`",
                "fits",
                "namespace `default` fits the name `default`"
            ),
            told(
                "logging",
                "injected",
                "injected admission_mutate.loggings[1]"
            ),
            told("logging", "edit", "adds annotation datakit/logs"),
        ]
    );
}

#[test]
fn logs_each_problem_of_the_settings_with_its_place() {
    let instance = POLICY.instance().unwrap();
    let settings = json!({
        "log_level": 1, "admission_mutate": {"loggings": [{"config": "[{]"}]}
    });
    assert!(!instance.validate_settings(&settings).unwrap().valid);
    let problems: Vec<Value> = instance
        .take_logs()
        .into_iter()
        .map(|line| {
            let field = |name: &str| line.fields[name].clone();
            json!([
                line.level,
                line.message,
                field("event"),
                field("path"),
                field("text_line"),
                field("text_column")
            ])
        })
        .collect();
    assert_eq!(
        problems,
        [
            json!([
                "error",
                "must be a string, not a number",
                "problem",
                "log_level",
                0,
                0
            ]),
            json!([
                "error",
                "the JSON is not valid JSON",
                "problem",
                "admission_mutate.loggings[0].config",
                1,
                3
            ]),
        ]
    );
}

#[test]
fn logs_why_it_leaves_a_request_alone() {
    let mut mirror = request();
    mirror["object"]["metadata"]["annotations"]["kubernetes.io/config.mirror"] = json!("4f1a");
    let (_, lines) = logged(&mirror, &settings("debug"));
    let messages: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(
        messages,
        ["it mirrors a static pod, which runs as its node defines it"]
    );
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
