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
    let said: Vec<[&str; 3]> = lines
        .iter()
        .map(|line| {
            assert_eq!(line.level, "debug");
            let field = |name: &str| {
                line.fields
                    .get(name)
                    .map_or("", |text| text.as_str().unwrap())
            };
            [field("feature"), field("rule"), &line.message]
        })
        .collect();
    let decision = |feature, message| [feature, "", message];
    let logfwd = |rule, selector| ["logfwd", rule, selector];
    let logging = |rule, selector| ["logging", rule, selector];
    assert_eq!(
        said,
        [
            decision(
                "ddtrace",
                "admission_inject.ddtrace decides: annotation admission.datakit/java-lib.version"
            ),
            decision("ddtrace", "injected repo/java:1"),
            decision("ddtrace", "adds init container datakit-lib-init"),
            decision("ddtrace", "adds volume datakit-auto-instrument"),
            decision(
                "ddtrace",
                "mounts datakit-auto-instrument at /datadog-lib in container `main`"
            ),
            decision(
                "ddtrace",
                "adds variable JAVA_TOOL_OPTIONS of container `main`"
            ),
            decision(
                "logfwd",
                "admission_inject_v2.logfwds[0] is not for it: it has no selectors"
            ),
            decision(
                "logfwd",
                "admission_inject_v2.logfwds[1] is not for it: \
                 the namespace matches none of its namespaces"
            ),
            logfwd(
                "admission_inject_v2.logfwds[1]",
                "namespace `default` does not fit the name `other`"
            ),
            decision(
                "logfwd",
                "admission_inject_v2.logfwds[2] (last) needs the annotation \
                 admission.datakit/logfwd.instances, which is not there"
            ),
            logfwd(
                "admission_inject_v2.logfwds[2] (last)",
                "namespace `default` fits every name"
            ),
            decision("flameshot", "the settings have no rule for it"),
            decision(
                "profiler",
                "switched off by admission.datakit/profiler.enabled"
            ),
            decision(
                "logging",
                "admission_mutate.loggings[0] is not for it: neither does the namespace match one \
                 of its namespaces, nor do the labels meet one of its label selectors"
            ),
            logging(
                "admission_mutate.loggings[0]",
                "namespace `default` does not fit the name `other`"
            ),
            logging(
                "admission_mutate.loggings[0]",
                "label selector `app=x` does not fit: app is not there"
            ),
            decision("logging", "admission_mutate.loggings[1] decides"),
            logging(
                "admission_mutate.loggings[1]",
                "namespace `default` fits the name `default`"
            ),
            decision("logging", "injected admission_mutate.loggings[1]"),
            decision("logging", "adds annotation datakit/logs"),
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
        ["it mirrors a static pod, which runs as its node has it"]
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
