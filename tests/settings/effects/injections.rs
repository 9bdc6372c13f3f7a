//! What each feature adds to the pod of the tests, as the JSON patch of the answer.

use serde_json::{Value, json};

use super::add;

fn mount(volume: &str, path: &str) -> Value {
    json!({"name": volume, "mountPath": path})
}

fn read_only(volume: &str, path: &str) -> Value {
    json!({"name": volume, "mountPath": path, "readOnly": true})
}

fn empty_dir(name: &str) -> Value {
    json!({"name": name, "emptyDir": {}})
}

fn default_resources() -> Value {
    json!({
        "limits": {"cpu": "500m", "memory": "512Mi"},
        "requests": {"cpu": "100m", "memory": "64Mi"},
    })
}

/// An agent by rules of `admission_inject`; `env` are the variables of the app container.
pub fn agent(image: &str, command: Value, env: Value) -> Vec<Value> {
    let mounts = json!([mount("datakit-auto-instrument", "/datadog-lib")]);
    let container = json!({
        "name": "datakit-lib-init",
        "image": image,
        "imagePullPolicy": "Always",
        "command": command,
        "volumeMounts": mounts,
    });
    vec![
        add("/injected/ddtrace", json!(image)),
        add("/pod/spec/containers/0/env", env),
        add("/pod/spec/containers/0/volumeMounts", mounts),
        add("/pod/spec/initContainers", json!([container])),
        add(
            "/pod/spec/volumes",
            json!([empty_dir("datakit-auto-instrument")]),
        ),
    ]
}

fn copy() -> Value {
    json!(["sh", "copy-lib.sh", "/datadog-lib"])
}

pub fn copy_php(flavor: &str) -> Value {
    let script = format!(
        "/datadog-init/copy-lib.sh /datadog-lib && \
         cp /datadog-lib/{flavor}/loader/dd_library_loader.ini /datadog-lib/dd_library_loader.ini"
    );
    json!(["sh", "-c", script])
}

pub fn java(image: &str) -> Vec<Value> {
    let option = " -javaagent:/datadog-lib/dd-java-agent.jar";
    agent(
        image,
        copy(),
        json!([{"name": "JAVA_TOOL_OPTIONS", "value": option}]),
    )
}

pub fn python(image: &str) -> Vec<Value> {
    agent(
        image,
        copy(),
        json!([{"name": "PYTHONPATH", "value": "/datadog-lib/"}]),
    )
}

pub fn nodejs(image: &str) -> Vec<Value> {
    let option = " --require=/datadog-lib/node_modules/dd-trace/init";
    agent(
        image,
        copy(),
        json!([{"name": "NODE_OPTIONS", "value": option}]),
    )
}

pub fn php(image: &str) -> Vec<Value> {
    let env = json!([
        {"name": "DD_LOADER_PACKAGE_PATH", "value": "/datadog-lib"},
        {"name": "PHP_INI_SCAN_DIR", "value": ":/datadog-lib"},
    ]);
    agent(image, copy_php("linux-gnu"), env)
}

/// By rules of `admission_inject_v2` the init container has resources.
pub fn with_default_resources(mut patch: Vec<Value>) -> Vec<Value> {
    for operation in &mut patch {
        if operation["path"] == "/pod/spec/initContainers" {
            operation["value"][0]["resources"] = default_resources();
        }
    }
    patch
}

/// An OpenTelemetry agent.
pub fn otel(image: &str, language: &str) -> Vec<Value> {
    let directory = format!("/otel-auto-instrumentation-{language}");
    let mounts = json!([mount("datakit-otel-auto-instrument", &directory)]);
    let (command, name, value) = match language {
        "java" => (
            json!(["cp", "/javaagent.jar", format!("{directory}/javaagent.jar")]),
            "JAVA_TOOL_OPTIONS",
            format!("-javaagent:{directory}/javaagent.jar"),
        ),
        _ => (
            json!(["cp", "-r", "/autoinstrumentation/.", directory]),
            "NODE_OPTIONS",
            format!(" --require {directory}/autoinstrumentation.js"),
        ),
    };
    let container = json!({
        "name": "datakit-otel-lib-init",
        "image": image,
        "imagePullPolicy": "Always",
        "command": command,
        "resources": default_resources(),
        "volumeMounts": mounts,
    });
    vec![
        add("/injected/otel", json!(image)),
        add(
            "/pod/spec/containers/0/env",
            json!([{"name": name, "value": value}]),
        ),
        add("/pod/spec/containers/0/volumeMounts", mounts),
        add("/pod/spec/initContainers", json!([container])),
        add(
            "/pod/spec/volumes",
            json!([empty_dir("datakit-otel-auto-instrument")]),
        ),
    ]
}

/// A logfwd that was asked for by the annotation `[]`.
pub fn logfwd(image: &str) -> Vec<Value> {
    let container = json!({
        "name": "datakit-logfwd",
        "image": image,
        "imagePullPolicy": "Always",
        "env": [{"name": "LOGFWD_JSON_CONFIG", "value": "[]"}],
        "resources": default_resources(),
    });
    vec![
        add("/injected/logfwd", json!(image)),
        add("/pod/spec/containers/1", container),
    ]
}

/// The volume with the pod's labels, and its mount.
pub fn pod_info() -> (Value, Value) {
    let labels = json!([{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]);
    let volume = json!({"name": "datakit-pod-info", "downwardAPI": {"items": labels}});
    (volume, read_only("datakit-pod-info", "/etc/podinfo"))
}

/// A logfwd by a rule of `admission_inject_v2`, without an annotation.
pub fn logfwd_v2(image: &str) -> Vec<Value> {
    let (volume, mount) = pod_info();
    let container = json!({
        "name": "datakit-logfwd",
        "image": image,
        "imagePullPolicy": "Always",
        "resources": default_resources(),
        "volumeMounts": [mount],
    });
    vec![
        add("/injected/logfwd", json!(image)),
        add("/pod/spec/containers/1", container),
        add("/pod/spec/volumes", json!([volume])),
    ]
}

pub fn flameshot(image: &str) -> Vec<Value> {
    let mounts = json!([mount("flameshot-volume", "/flames")]);
    let container = json!({
        "name": "datakit-flameshot",
        "image": image,
        "imagePullPolicy": "Always",
        "command": ["/flameshot/flameshot"],
        "env": [
            {"name": "FLAMESHOT_PROFILING_PATH", "value": "/flames"},
            {"name": "FLAMESHOT_HTTP_LOCAL_PORT", "value": "8089"},
            {"name": "FLAMESHOT_PROCESSES", "value": "[{}]"},
        ],
        "ports": [{"containerPort": 8089, "name": "flameshot-port", "protocol": "TCP"}],
        "resources": default_resources(),
        "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}},
        "volumeMounts": mounts,
    });
    vec![
        add("/injected/flameshot", json!(image)),
        add("/pod/spec/shareProcessNamespace", json!(true)),
        add("/pod/spec/containers/0/volumeMounts", mounts),
        add("/pod/spec/containers/1", container),
        add("/pod/spec/volumes", json!([empty_dir("flameshot-volume")])),
    ]
}

pub fn profiler(image: &str) -> Vec<Value> {
    let mounts = json!([
        mount("datakit-profiler-volume", "/app/datakit-profiler"),
        mount("tmp", "/tmp"),
        read_only("timezone", "/etc/localtime"),
    ]);
    let container = json!({
        "name": "datakit-profiler",
        "image": image,
        "imagePullPolicy": "Always",
        "command": ["bash", "cmd.sh"],
        "workingDir": "/app/datakit-profiler",
        "resources": default_resources(),
        "securityContext": {"capabilities": {"add": ["SYS_PTRACE", "SYS_ADMIN"]}},
        "volumeMounts": mounts,
    });
    let timezone = json!({"path": "/etc/localtime", "type": "FileOrCreate"});
    let volumes = json!([
        empty_dir("datakit-profiler-volume"),
        empty_dir("tmp"),
        {"name": "timezone", "hostPath": timezone},
    ]);
    vec![
        add("/injected/profiler", json!(image)),
        add("/pod/spec/shareProcessNamespace", json!(true)),
        add("/pod/spec/containers/0/volumeMounts", mounts),
        add("/pod/spec/containers/1", container),
        add("/pod/spec/volumes", volumes),
    ]
}

/// The first rule of `admission_mutate.loggings`.
pub fn logging(config: &str) -> Vec<Value> {
    vec![
        add("/injected/logging", json!("admission_mutate.loggings[0]")),
        add("/pod/metadata/annotations/datakit~1logs", json!(config)),
    ]
}
