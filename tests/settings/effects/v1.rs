//! The keys of `admission_inject` and `admission_mutate`.

use serde_json::{Value, json};

use super::injections::{java, logfwd, logging, nodejs, php, profiler, python};
use super::v2::NUMBER;
use super::{Added, Row, add, instead_of, no_warning, replace, there, with};
use crate::support::pod;

pub fn rows() -> Vec<Row> {
    let mut rows = ddtrace();
    rows.extend(ddtrace_by_selectors());
    rows.extend(logfwds());
    rows.extend(profilers());
    rows.extend(loggings());
    rows
}

fn asking(annotation: &str, value: &str) -> Value {
    pod(
        json!({format!("admission.datakit/{annotation}"): value}),
        json!({}),
    )
}

/// What the pod asked for, and was told that it could not have.
fn granted(mut patch: Vec<Value>) -> Vec<Value> {
    patch.push(no_warning());
    patch
}

fn agents() -> Value {
    let images = json!({
        "java_agent_image": "agents/java:1",
        "python_agent_image": "agents/python:1",
        "js_agent_image": "agents/js:1",
        "php_agent_image": "agents/php:1",
    });
    json!({"admission_inject": {"ddtrace": {"images": images}}})
}

fn ddtrace() -> Vec<Row> {
    let section = "admission_inject.ddtrace";
    let settings = agents();
    let asks = asking("java-lib.version", "");
    let injected = || granted(java("agents/java:1"));
    let mut rows = vec![
        there("admission_inject", &asks, &settings, injected()),
        there(section, &asks, &settings, injected()),
        there(
            "admission_inject.ddtrace.images",
            &asks,
            &settings,
            injected(),
        ),
    ];
    for (key, annotation, patch) in [
        (
            "java_agent_image",
            "java-lib.version",
            java("agents/java:1"),
        ),
        (
            "python_agent_image",
            "python-lib.version",
            python("agents/python:1"),
        ),
        (
            "js_agent_image",
            "nodejs-lib.version",
            nodejs("agents/js:1"),
        ),
        ("js_agent_image", "js-lib.version", nodejs("agents/js:1")),
        ("php_agent_image", "php-lib.version", php("agents/php:1")),
    ] {
        let key = format!("admission_inject.ddtrace.images.{key}");
        rows.push(there(
            &key,
            &asking(annotation, ""),
            &settings,
            granted(patch),
        ));
    }

    let key = "admission_inject.ddtrace.envs";
    let variable = json!({"name": "A", "value": "1"});
    let patch = vec![add("/pod/spec/containers/0/env/1", variable)];
    rows.push(there(
        key,
        &asks,
        &with(&settings, key, json!({"A": "1"})),
        patch,
    ));
    rows.extend(
        Added {
            section,
            container: "/pod/spec/initContainers/0",
            env: "/pod/spec/containers/0/env/1",
            has_default_resources: false,
            pod: &asks,
            settings: &settings,
        }
        .rows(),
    );
    rows.push(options(section, &asks, &settings));
    rows
}

fn options(section: &str, pod: &Value, settings: &Value) -> Row {
    let key = format!("{section}.options");
    let settings = with(settings, &key, json!({"any": ["thing"]}));
    there(&key, pod, &settings, vec![])
}

/// A pod that shares its log directory already: logfwd stands back where that is not to be reused.
fn log_volumes(settings: &Value) -> [Row; 2] {
    let mut asks = asking(
        "logfwd.instances",
        r#"[{"loggings":[{"logfiles":["/logs/*.log"]}]}]"#,
    );
    asks["spec"]["volumes"] = json!([{"name": "logs", "emptyDir": {}}]);
    asks["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "logs", "mountPath": "/logs"}]);
    let options = "admission_inject.logfwd.options";
    let key = format!("{options}.reuse_exist_volume");
    let settings = with(settings, &key, json!("false"));
    let patch = || {
        let warning = "datakit logfwd: nothing injected: `/logs` is mounted already and `reuse_exist_volume` is \"false\"";
        let remove = |path: &str| json!({"op": "remove", "path": path});
        vec![
            remove("/injected/logfwd"),
            remove("/pod/spec/containers/1"),
            add("/warnings/0", json!(warning)),
        ]
    };
    [
        there(options, &asks, &settings, patch()),
        there(&key, &asks, &settings, patch()),
    ]
}

/// The lists that narrow the profiler.
fn profilers_by_selectors(settings: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    for (list, selector, matches, does_not) in [
        ("enabled_namespaces", "namespace", "apps", "app"),
        (
            "enabled_labelselectors",
            "labelselector",
            "app=w*",
            "app!=w*",
        ),
    ] {
        let asks = pod(
            json!({"admission.datakit/java-profiler.version": ""}),
            json!({"app": "web"}),
        );
        let list = format!("admission_inject.profiler.{list}");
        let selector_key = format!("{list}[].{selector}");
        let language = format!("{list}[].language");
        let settings = with(settings, &selector_key, json!(matches));
        let none = json!([{selector: does_not}]);
        let injected = || granted(profiler("profilers/java:1"));
        let any_language = with(&settings, &language, json!("cobol"));
        rows.extend([
            instead_of(&list, none, &asks, &settings, injected()),
            instead_of(&selector_key, json!(does_not), &asks, &settings, injected()),
            there(&language, &asks, &any_language, vec![]),
        ]);
    }
    rows
}

fn ddtrace_by_selectors() -> Vec<Row> {
    let plain = pod(json!({}), json!({"app": "web"}));
    let mut rows = Vec::new();
    for (list, selector, matches, does_not) in [
        ("enabled_namespaces", "namespace", "apps", "app"),
        (
            "enabled_labelselectors",
            "labelselector",
            "app=web",
            "app!=web",
        ),
    ] {
        let list = format!("admission_inject.ddtrace.{list}");
        let selector = format!("{list}[].{selector}");
        let language = format!("{list}[].language");
        let settings = with(&agents(), &language, json!("java"));
        let settings = with(&settings, &selector, json!(matches));
        let injected = java("agents/java:1");
        rows.extend([
            there(&list, &plain, &settings, injected.clone()),
            there(&selector, &plain, &settings, injected.clone()),
            instead_of(&selector, json!(does_not), &plain, &settings, injected),
            instead_of(
                &language,
                json!("python"),
                &plain,
                &settings,
                java_instead_of_python(),
            ),
        ]);
    }
    rows
}

fn java_instead_of_python() -> Vec<Value> {
    let option = " -javaagent:/datadog-lib/dd-java-agent.jar";
    vec![
        replace("/injected/ddtrace", json!("agents/java:1")),
        replace(
            "/pod/spec/containers/0/env/0/name",
            json!("JAVA_TOOL_OPTIONS"),
        ),
        replace("/pod/spec/containers/0/env/0/value", json!(option)),
        replace("/pod/spec/initContainers/0/image", json!("agents/java:1")),
    ]
}

fn logfwds() -> Vec<Row> {
    let section = "admission_inject.logfwd";
    let settings =
        json!({"admission_inject": {"logfwd": {"images": {"logfwd_image": "logfwd:1"}}}});
    let asks = asking("logfwd.instances", "[]");
    let injected = || granted(logfwd("logfwd:1"));
    let envs = "admission_inject.logfwd.envs";
    let mut rows = vec![
        there("admission_inject", &asks, &settings, injected()),
        there(section, &asks, &settings, injected()),
        there(
            "admission_inject.logfwd.images",
            &asks,
            &settings,
            injected(),
        ),
        there(
            "admission_inject.logfwd.images.logfwd_image",
            &asks,
            &settings,
            injected(),
        ),
        // The variable goes before the annotation's.
        there(
            envs,
            &asks,
            &with(&settings, envs, json!({"A": "1"})),
            vec![
                replace("/pod/spec/containers/1/env/0/name", json!("A")),
                replace("/pod/spec/containers/1/env/0/value", json!("1")),
                add(
                    "/pod/spec/containers/1/env/1",
                    json!({"name": "LOGFWD_JSON_CONFIG", "value": "[]"}),
                ),
            ],
        ),
    ];
    rows.extend(log_volumes(&settings));
    rows.extend(
        Added {
            section,
            container: "/pod/spec/containers/1",
            env: "/pod/spec/containers/1/env/0",
            has_default_resources: true,
            pod: &asks,
            settings: &settings,
        }
        .rows(),
    );
    rows
}

fn profilers() -> Vec<Row> {
    let section = "admission_inject.profiler";
    let images = json!({
        "java_profiler_image": "profilers/java:1",
        "python_profiler_image": "profilers/python:1",
        "golang_profiler_image": "profilers/go:1",
    });
    let settings = json!({"admission_inject": {"profiler": {"images": images}}});
    let asks = asking("java-profiler.version", "");
    let injected = || granted(profiler("profilers/java:1"));
    let envs = "admission_inject.profiler.envs";
    let mut rows = vec![
        there("admission_inject", &asks, &settings, injected()),
        there(section, &asks, &settings, injected()),
        there(
            "admission_inject.profiler.images",
            &asks,
            &settings,
            injected(),
        ),
        there(
            envs,
            &asks,
            &with(&settings, envs, json!({"A": "1"})),
            vec![add(
                "/pod/spec/containers/1/env",
                json!([{"name": "A", "value": "1"}]),
            )],
        ),
        options(section, &asks, &settings),
    ];
    rows.extend(profilers_by_selectors(&settings));
    for (key, language, image) in [
        ("java_profiler_image", "java", "profilers/java:1"),
        ("python_profiler_image", "python", "profilers/python:1"),
        ("golang_profiler_image", "golang", "profilers/go:1"),
    ] {
        let key = format!("{section}.images.{key}");
        let asks = asking(&format!("{language}-profiler.version"), "");
        rows.push(there(&key, &asks, &settings, granted(profiler(image))));
    }
    rows.extend(
        Added {
            section,
            container: "/pod/spec/containers/1",
            env: "/pod/spec/containers/1/env/0",
            has_default_resources: true,
            pod: &asks,
            settings: &settings,
        }
        .rows(),
    );
    rows
}

fn loggings() -> Vec<Row> {
    let config = r#"[{"type":"stdout"}]"#;
    let plain = pod(json!({}), json!({"app": "web"}));
    let rule = |key: &str, selector: &str| json!({"admission_mutate": {"loggings": [{key: [selector], "config": config}]}});
    let by_namespace = rule("namespace_selectors", "apps");
    let by_labels = rule("label_selectors", "app=web");
    let key = |key: &str| format!("admission_mutate.loggings[].{key}");
    let any = with(&by_namespace, "policy.logging_match", json!("any"));
    let all = json!({"logging_match": "all"});
    let never_read = with(&by_namespace, "admission_mutate.logging", json!([{}]));
    // One of the lists is enough for a rule, and one exclusion against it.
    let by_either = with(&by_namespace, &key("label_selectors"), json!(["app=web"]));
    let unlike = |name: &str, value: Value, other: Value| {
        let settings = with(&by_either, &key(name), value);
        instead_of(&key(name), other, &plain, &settings, logging(config))
    };
    vec![
        unlike("rollout_percent", json!(NUMBER + 1), json!(NUMBER)),
        unlike("enabled", json!(true), json!(false)),
        unlike(
            "exclude_namespace_selectors",
            json!(["app"]),
            json!(["apps"]),
        ),
        unlike("exclude_label_selectors", json!([""]), json!(["app!=db"])),
        there("admission_mutate.logging", &plain, &never_read, vec![]),
        instead_of("policy", all, &plain, &any, logging(config)),
        instead_of(
            "policy.logging_match",
            json!("all"),
            &plain,
            &any,
            logging(config),
        ),
        drop_unresolved_labels(),
        there("admission_mutate", &plain, &by_namespace, logging(config)),
        there(
            "admission_mutate.loggings",
            &plain,
            &by_namespace,
            logging(config),
        ),
        there(
            &key("namespace_selectors"),
            &plain,
            &by_namespace,
            logging(config),
        ),
        there(&key("label_selectors"), &plain, &by_labels, logging(config)),
        there(&key("config"), &plain, &by_labels, logging(config)),
    ]
}

/// Without it the variable is there, and empty.
fn drop_unresolved_labels() -> Row {
    let envs = json!({"A": "{fieldRef:metadata.labels['none']}"});
    let rule = json!({"namespace_selectors": ["apps"], "image": "logfwd:1", "envs": envs});
    let settings = json!({
        "admission_inject_v2": {"logfwds": [rule]},
        "policy": {"drop_unresolved_labels": true},
    });
    let patch = vec![
        replace(
            "/warnings/0",
            json!(
                "datakit logfwd: variables refer to labels or annotations that do not exist, and are left out: A"
            ),
        ),
        json!({"op": "remove", "path": "/pod/spec/containers/1/env"}),
    ];
    let plain = pod(json!({}), json!({}));
    instead_of(
        "policy.drop_unresolved_labels",
        json!(false),
        &plain,
        &settings,
        patch,
    )
}
