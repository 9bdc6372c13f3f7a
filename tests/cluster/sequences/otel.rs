//! OpenTelemetry: the variables that it extends, and the way to it from ddtrace.

use std::sync::{Arc, LazyLock};

use datakit_policy_cluster::sequence::Sequence;
use serde_json::{Value, json};

use super::parts::{NOTHING, RESTART, Template, apply, plain, settings};

/// The variables that the agents extend or whose pairs are merged, by the language of the agent.
const EXTENDED: [(&str, &str); 4] = [
    ("java", "JAVA_TOOL_OPTIONS"),
    ("python", "PYTHONPATH"),
    ("nodejs", "NODE_OPTIONS"),
    ("java", "OTEL_RESOURCE_ATTRIBUTES"),
];

/// Rules for pods that name their language by a label, and for Java one of ddtrace for those that ask.
fn rules(version: &str) -> Value {
    let rule = |language: &str| {
        json!({
            "namespace_selectors": ["*"],
            "label_selectors": [format!("language={language}")],
            "language": language,
            "image": format!("example.com/otel-{language}:{version}"),
            "envs": {
                "POD_NAME": "{fieldRef:metadata.name}",
                "OTEL_SERVICE_NAME": "{fieldRef:metadata.labels['app']}",
                "OTEL_RESOURCE_ATTRIBUTES": format!("k8s.pod.name=$(POD_NAME),version={version}"),
            },
        })
    };
    json!({"admission_inject_v2": {
        "ddtraces": [{
            "namespace_selectors": ["*"],
            "language": "java",
            "check_annotation": true,
            "image": "example.com/java:1",
            "envs": {"POD_NAME": "{fieldRef:metadata.name}", "DD_TAGS": "pod:$(POD_NAME)"},
        }],
        "otels": (["java", "python", "nodejs"].map(rule)),
    }})
}

static OTEL: LazyLock<Arc<Value>> = LazyLock::new(|| Arc::new(rules("1")));
static NEWER_OTEL: LazyLock<Arc<Value>> = LazyLock::new(|| Arc::new(rules("2")));

fn agent(language: &str) -> Template {
    plain().label("language", language)
}

pub fn all() -> Vec<Sequence> {
    let mut sequences = extended();
    sequences.push(from_ddtrace());
    sequences.push(security_context());
    sequences
}

fn extended() -> Vec<Sequence> {
    let mut sequences = Vec::new();
    for (language, name) in EXTENDED {
        let around =
            |env: &dyn Fn(Template) -> Template| env(agent(language).env("B", "b")).env("A", "a");
        let with = |value: &str| around(&|template| template.env(name, value));
        let without = || around(&|template| template);
        let from_map = || around(&|template| template.env_from_map(name));
        let named = |what: &str| -> &'static str {
            Box::leak(format!("OpenTelemetry, {name}: {what}").into_boxed_str())
        };
        sequences.extend([
            Sequence::new(
                named("an unchanged manifest, another value, newer settings"),
                &OTEL,
                with("own"),
                [
                    apply(with("own")),
                    settings(&NEWER_OTEL),
                    apply(with("own")),
                    apply(with("other")),
                    apply(with("other")),
                    RESTART,
                ],
            ),
            Sequence::new(
                named("comes, becomes a reference, and goes"),
                &OTEL,
                without(),
                [
                    apply(with("own")),
                    apply(from_map()),
                    apply(without()),
                    apply(without()),
                    settings(&NOTHING),
                    RESTART,
                ],
            ),
        ]);
    }
    sequences
}

fn from_ddtrace() -> Sequence {
    let tags = |template: Template| template.env("DD_TAGS", "team:shop");
    let ddtrace = || tags(plain().annotation("admission.datakit/java-lib.version", ""));
    let off = || tags(agent("java").annotation("admission.datakit/ddtrace.enabled", "false"));
    Sequence::new(
        "OpenTelemetry takes the place of ddtrace, and gives it back",
        &OTEL,
        ddtrace(),
        [
            apply(ddtrace()),
            apply(off()),
            apply(off()),
            apply(ddtrace()),
            apply(ddtrace()),
        ],
    )
}

fn security_context() -> Sequence {
    let context = |context: Value| agent("java").container_field("securityContext", context);
    let non_root = || context(json!({"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}}));
    Sequence::new(
        "OpenTelemetry: the security context of the container changes",
        &OTEL,
        non_root(),
        [
            apply(non_root()),
            apply(context(json!({"runAsUser": 1000}))),
            apply(agent("java")),
        ],
    )
}
