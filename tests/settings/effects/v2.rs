//! The keys of `admission_inject_v2`.

use serde_json::{Value, json};

use super::injections::{
    copy_php, flameshot, java, logfwd_v2, otel, pod_info, profiler, with_default_resources,
};
use super::{Added, Row, add, instead_of, replace, there, with};
use crate::support::pod;

pub fn rows() -> Vec<Row> {
    let mut rows = ddtraces();
    rows.extend(otels());
    rows.extend(logfwds());
    rows.extend(flameshots());
    rows.extend(profilers());
    rows
}

/// That of the Pod `web` in the namespace `apps` among a hundred workloads.
pub const NUMBER: u64 = 84;

fn settings(list: &str, rule: Value) -> Value {
    json!({"admission_inject_v2": {list: [rule]}})
}

/// The rows that the rules of all features have, for a rule that selects by namespace.
fn rule_rows(list: &str, feature: &str, image: &str, rule: &Value, injected: &[Value]) -> Vec<Row> {
    let plain = pod(json!({}), json!({"app": "web"}));
    let by_namespace = settings(list, rule.clone());
    let list = format!("admission_inject_v2.{list}");
    let key = |key: &str| format!("{list}[].{key}");
    let namespaces = key("namespace_selectors");
    let labels = key("label_selectors");
    let by_labels = with(&by_namespace, &namespaces, json!([]));
    let by_labels = with(&by_labels, &labels, json!(["app=web"]));
    let named = with(&by_namespace, &key("name"), json!("mine"));
    let name = vec![replace(
        &format!("/injected/{feature}"),
        json!(format!("mine ({image})")),
    )];
    let all = || injected.to_vec();
    let enabled = with(&by_namespace, &key("enabled"), json!(true));
    let excluding = |name: &str| {
        let key = key(&format!("exclude_{name}_selectors"));
        let settings = with(&by_namespace, &key, json!([" "]));
        let fits = match name {
            "namespace" => json!(["none", "^app"]),
            _ => json!(["none", "app in (web)"]),
        };
        instead_of(&key, fits, &plain, &settings, all())
    };
    // The number of the workload is between the two.
    let share = with(&by_namespace, &key("rollout_percent"), json!(NUMBER + 1));
    let too_small = json!(NUMBER);
    vec![
        instead_of(&key("rollout_percent"), too_small, &plain, &share, all()),
        instead_of(&key("enabled"), json!(false), &plain, &enabled, all()),
        excluding("namespace"),
        excluding("label"),
        there("admission_inject_v2", &plain, &by_namespace, all()),
        there(&list, &plain, &by_namespace, all()),
        there(&namespaces, &plain, &by_namespace, all()),
        instead_of(&namespaces, json!(["^app$"]), &plain, &by_namespace, all()),
        there(&labels, &plain, &by_labels, all()),
        instead_of(&labels, json!(["!app", "app>1"]), &plain, &by_labels, all()),
        there(&key("name"), &plain, &named, name),
    ]
}

/// Rows for a key without which nothing is injected and the user is warned.
fn needed(key: &str, settings: &Value, injected: &[Value]) -> Row {
    let mut patch = injected.to_vec();
    patch.push(super::no_warning());
    there(key, &pod(json!({}), json!({})), settings, patch)
}

/// With `check_annotation` the same pod gets nothing.
fn check_annotation(list: &str, rule: &Value, injected: &[Value]) -> Row {
    let key = format!("admission_inject_v2.{list}[].check_annotation");
    let checked = with(&settings(list, rule.clone()), &key, json!(false));
    let plain = pod(json!({}), json!({}));
    instead_of(&key, json!(true), &plain, &checked, injected.to_vec())
}

fn ddtraces() -> Vec<Row> {
    let section = "admission_inject_v2.ddtraces[]";
    let rule = json!({"namespace_selectors": ["^apps$"], "language": "java", "image": "java:1"});
    let injected = with_default_resources(java("java:1"));
    let of_java = settings("ddtraces", rule.clone());
    let plain = pod(json!({}), json!({}));
    let mut rows = rule_rows("ddtraces", "ddtrace", "java:1", &rule, &injected);

    let option = " -javaagent:/datadog-lib/dd-java-agent.jar";
    let language = vec![
        replace(
            "/pod/spec/containers/0/env/0/name",
            json!("JAVA_TOOL_OPTIONS"),
        ),
        replace("/pod/spec/containers/0/env/0/value", json!(option)),
    ];
    let key = |key: &str| format!("{section}.{key}");
    rows.extend([
        check_annotation("ddtraces", &rule, &injected),
        needed(&key("image"), &of_java, &injected),
        instead_of(
            &key("language"),
            json!("python"),
            &plain,
            &of_java,
            language,
        ),
    ]);

    let of_php = with(&of_java, &key("language"), json!("php"));
    let musl = with(&of_php, &key("php_loader_flavor"), json!("linux-musl"));
    let script = copy_php("linux-musl")[2].clone();
    let patch = vec![replace("/pod/spec/initContainers/0/command/2", script)];
    rows.push(there(&key("php_loader_flavor"), &plain, &musl, patch));

    let variable = json!({"name": "A", "value": "1"});
    let patch = vec![add("/pod/spec/containers/0/env/1", variable)];
    let with_env = with(&of_java, &key("envs"), json!({"A": "1"}));
    rows.push(there(&key("envs"), &plain, &with_env, patch));
    rows.extend(
        Added {
            section,
            container: "/pod/spec/initContainers/0",
            env: "/pod/spec/containers/0/env/1",
            has_default_resources: true,
            pod: &plain,
            settings: &of_java,
        }
        .rows(),
    );
    rows
}

fn otels() -> Vec<Row> {
    let section = "admission_inject_v2.otels[]";
    let key = |key: &str| format!("{section}.{key}");
    let rule = json!({"namespace_selectors": ["^apps$"], "language": "java", "image": "otel:1"});
    let injected = otel("otel:1", "java");
    let of_java = settings("otels", rule.clone());
    let plain = pod(json!({}), json!({}));
    let mut rows = rule_rows("otels", "otel", "otel:1", &rule, &injected);
    let patch = |language: &str| {
        let of_language = otel("otel:1", language);
        let value = |path: &str| {
            let operation = of_language
                .iter()
                .find(|operation| operation["path"] == path);
            operation.unwrap()["value"].clone()
        };
        let env = value("/pod/spec/containers/0/env")[0].clone();
        let container = value("/pod/spec/initContainers")[0].clone();
        let path = container["volumeMounts"][0]["mountPath"].clone();
        vec![
            replace("/pod/spec/containers/0/env/0/name", env["name"].clone()),
            replace("/pod/spec/containers/0/env/0/value", env["value"].clone()),
            replace(
                "/pod/spec/containers/0/volumeMounts/0/mountPath",
                path.clone(),
            ),
            replace(
                "/pod/spec/initContainers/0/command/1",
                container["command"][1].clone(),
            ),
            replace(
                "/pod/spec/initContainers/0/command/2",
                container["command"][2].clone(),
            ),
            replace("/pod/spec/initContainers/0/volumeMounts/0/mountPath", path),
        ]
    };
    // From Node.js to Java: one argument less.
    let mut from_nodejs = patch("java");
    from_nodejs.push(json!({"op": "remove", "path": "/pod/spec/initContainers/0/command/3"}));
    let with_env = with(&of_java, &key("envs"), json!({"A": "1"}));
    let variable = json!({"name": "A", "value": "1"});
    rows.extend([
        check_annotation("otels", &rule, &injected),
        needed(&key("image"), &of_java, &injected),
        instead_of(
            &key("language"),
            json!("nodejs"),
            &plain,
            &of_java,
            from_nodejs,
        ),
        there(
            &key("envs"),
            &plain,
            &with_env,
            vec![add("/pod/spec/containers/0/env/1", variable)],
        ),
    ]);
    rows.extend(
        Added {
            section,
            container: "/pod/spec/initContainers/0",
            env: "/pod/spec/containers/0/env/1",
            has_default_resources: true,
            pod: &plain,
            settings: &of_java,
        }
        .rows(),
    );
    rows
}

fn logfwds() -> Vec<Row> {
    let section = "admission_inject_v2.logfwds[]";
    let key = |key: &str| format!("{section}.{key}");
    let rule = json!({"namespace_selectors": ["^apps$"], "image": "logfwd:1"});
    let injected = logfwd_v2("logfwd:1");
    let base = settings("logfwds", rule.clone());
    let plain = pod(json!({}), json!({}));
    let mut rows = rule_rows("logfwds", "logfwd", "logfwd:1", &rule, &injected);
    rows.extend([
        check_annotation("logfwds", &rule, &injected),
        needed(&key("image"), &base, &injected),
    ]);

    let with_env = with(&base, &key("envs"), json!({"A": "1"}));
    let env = add(
        "/pod/spec/containers/1/env",
        json!([{"name": "A", "value": "1"}]),
    );
    rows.push(there(&key("envs"), &plain, &with_env, vec![env]));

    let config = r#"[{"type":"file","path":"/var/log/app/*.log"}]"#;
    let env = json!([{"name": "LOGFWD_LOG_CONFIGS", "value": config}]);
    let mut patch = shared_directory("/var/log/app");
    patch.push(add("/pod/spec/containers/1/env", env));
    let with_config = with(&base, &key("log_configs"), json!(config));
    rows.push(there(&key("log_configs"), &plain, &with_config, patch));

    let with_path = with(&base, &key("log_volume_paths"), json!(["/data//log/"]));
    rows.push(there(
        &key("log_volume_paths"),
        &plain,
        &with_path,
        shared_directory("/data/log"),
    ));
    rows.extend(
        Added {
            section,
            container: "/pod/spec/containers/1",
            env: "/pod/spec/containers/1/env/0",
            has_default_resources: true,
            pod: &plain,
            settings: &base,
        }
        .rows(),
    );
    rows
}

/// The volume of a directory goes before that of the pod's labels.
fn shared_directory(path: &str) -> Vec<Value> {
    let name = "datakit-logfwd-volume-0";
    let (labels, mount) = pod_info();
    vec![
        add(
            "/pod/spec/containers/0/volumeMounts",
            json!([{"name": name, "mountPath": path}]),
        ),
        replace("/pod/spec/containers/1/volumeMounts/0/name", json!(name)),
        replace(
            "/pod/spec/containers/1/volumeMounts/0/mountPath",
            json!(path),
        ),
        add("/pod/spec/containers/1/volumeMounts/1", mount),
        replace("/pod/spec/volumes/0/name", json!(name)),
        json!({"op": "remove", "path": "/pod/spec/volumes/0/downwardAPI"}),
        add("/pod/spec/volumes/0/emptyDir", json!({})),
        add("/pod/spec/volumes/1", labels),
    ]
}

fn flameshots() -> Vec<Row> {
    let section = "admission_inject_v2.flameshots[]";
    let key = |key: &str| format!("{section}.{key}");
    let rule = json!({
        "namespace_selectors": ["^apps$"],
        "image": "flameshot:1",
        "envs": [
            {"name": "FLAMESHOT_PROFILING_PATH", "value": "/flames"},
            {"name": "FLAMESHOT_HTTP_LOCAL_PORT", "value": "8089"},
        ],
        "processes": "[{}]",
    });
    let injected = flameshot("flameshot:1");
    let base = settings("flameshots", rule.clone());
    let plain = pod(json!({}), json!({}));
    let checked = with(&base, &key("check_annotation"), json!(true));
    let scraped = with(&base, &key("enable_prometheus_annotations"), json!(true));
    let annotation = |name: &str, value: &str| {
        add(
            &format!("/pod/metadata/annotations/prometheus.io~1{name}"),
            json!(value),
        )
    };
    let annotations = vec![
        annotation("param_measurement", "flameshot"),
        annotation("path", "/metrics"),
        annotation("port", "8089"),
        annotation("scheme", "http"),
        annotation("scrape", "true"),
    ];
    let mut rows = rule_rows("flameshots", "flameshot", "flameshot:1", &rule, &injected);
    rows.extend([
        there(&key("check_annotation"), &plain, &checked, vec![]),
        needed(&key("image"), &base, &injected),
        there(&key("processes"), &plain, &base, injected.clone()),
        there(
            &key("enable_prometheus_annotations"),
            &plain,
            &scraped,
            annotations,
        ),
    ]);
    // The variable goes before that of the processes.
    let fewer = rule["envs"].clone();
    let more = with(
        &base,
        &key("envs"),
        json!([fewer[0], fewer[1], {"name": "A", "value": "1"}]),
    );
    let patch = vec![
        replace("/pod/spec/containers/1/env/2/name", json!("A")),
        replace("/pod/spec/containers/1/env/2/value", json!("1")),
        add(
            "/pod/spec/containers/1/env/3",
            json!({"name": "FLAMESHOT_PROCESSES", "value": "[{}]"}),
        ),
    ];
    rows.push(instead_of(&key("envs"), fewer, &plain, &more, patch));
    rows.extend(
        Added {
            section,
            container: "/pod/spec/containers/1",
            env: "/pod/spec/containers/1/env/0",
            has_default_resources: true,
            pod: &plain,
            settings: &base,
        }
        .rows(),
    );
    rows
}

fn profilers() -> Vec<Row> {
    let section = "admission_inject_v2.profilers[]";
    let key = |key: &str| format!("{section}.{key}");
    let rule =
        json!({"namespace_selectors": ["^apps$"], "language": "java", "image": "profiler:1"});
    let injected = profiler("profiler:1");
    let base = settings("profilers", rule.clone());
    let plain = pod(json!({}), json!({}));
    let mut rows = rule_rows("profilers", "profiler", "profiler:1", &rule, &injected);
    rows.extend([
        check_annotation("profilers", &rule, &injected),
        needed(&key("image"), &base, &injected),
    ]);

    // The language is that of the annotation which the pod needs.
    let checked = with(&base, &key("check_annotation"), json!(true));
    let asks = pod(
        json!({"admission.datakit/java-profiler.version": ""}),
        json!({}),
    );
    let mut patch = injected.clone();
    patch.push(super::no_warning());
    rows.push(instead_of(
        &key("language"),
        json!("golang"),
        &asks,
        &checked,
        patch,
    ));

    let with_env = with(&base, &key("envs"), json!({"A": "1"}));
    let env = add(
        "/pod/spec/containers/1/env",
        json!([{"name": "A", "value": "1"}]),
    );
    rows.push(there(&key("envs"), &plain, &with_env, vec![env]));
    rows.extend(
        Added {
            section,
            container: "/pod/spec/containers/1",
            env: "/pod/spec/containers/1/env/0",
            has_default_resources: true,
            pod: &plain,
            settings: &base,
        }
        .rows(),
    );
    rows
}
