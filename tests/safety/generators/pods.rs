//! Pod templates. What refers to something else in the pod mostly refers to what is there.

use datakit_operator_policy::features;
use datakit_operator_policy::settings::Language;
use datakit_operator_policy::template::SAFE_TO_EVICT;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::json::any as any_json;
use super::{always, lists, maybe, named, objects, one_of, pick};

const CONTAINERS: [&str; 5] = ["app", "web", "worker", "proxy", "first"];

const VOLUMES: [&str; 13] = [
    "data",
    "cache",
    "logs",
    "tmp",
    "tmp-1",
    "timezone",
    "datakit-auto-instrument",
    "datakit-otel-auto-instrument",
    "datakit-pod-info",
    "datakit-profiler-volume",
    "flameshot-volume",
    "datakit-logfwd-volume-0",
    "datakit-logs-volume-0",
];

const PATHS: [&str; 18] = [
    "/data",
    "/data//app/",
    "/srv/app",
    "/var/log",
    "/var/log/",
    "/logs",
    "/logs/app",
    "/tmp",
    "/tmp/",
    "/datadog-lib",
    "/datadog-lib/",
    "/otel-auto-instrumentation-java",
    "/etc/localtime",
    "/etc/podinfo",
    "/app/datakit-profiler",
    "/flames",
    "/tmp/opt",
    "/with space",
];

const VARIABLES: [&str; 15] = [
    "JAVA_TOOL_OPTIONS",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "PHP_INI_SCAN_DIR",
    "DD_LOADER_PACKAGE_PATH",
    "DATAKIT_ORIG_JAVA_TOOL_OPTIONS",
    "DATAKIT_ORIG_PYTHONPATH",
    "DD_TAGS",
    "OTEL_RESOURCE_ATTRIBUTES",
    "DD_AGENT_HOST",
    "POD_NAME",
    "A",
    "B",
    "LOGFWD_JSON_CONFIG",
    "relaxed name!",
];

/// Templates without a restart policy.
pub fn templates() -> BoxedStrategy<Value> {
    let metadata = objects(vec![
        ("name", always(one_of(json!(["x"])))),
        ("namespace", maybe(10, one_of(json!(["apps", "other", ""])))),
        ("labels", maybe(80, labels())),
        ("annotations", maybe(90, annotations())),
        ("creationTimestamp", maybe(30, one_of(json!([null])))),
        ("future", maybe(10, any_json())),
    ]);
    objects(vec![
        ("metadata", maybe(97, metadata)),
        ("spec", always(specs())),
        ("future", maybe(10, any_json())),
    ])
}

/// The restart policy that a kind asks for, as far as one is needed.
pub fn set_restart_policy(template: &mut Value, kind: &str) {
    if matches!(kind, "Job" | "CronJob") {
        template["spec"]["restartPolicy"] = json!("Never");
    }
}

fn labels() -> BoxedStrategy<Value> {
    objects(vec![
        ("app", maybe(80, one_of(json!(["web", "api"])))),
        ("env", maybe(50, one_of(json!(["prod", "dev"])))),
        ("example.com/team", maybe(20, one_of(json!(["", "obs"])))),
        (
            "admission.datakit/java-lib.version",
            maybe(3, one_of(json!([""]))),
        ),
        (
            "admission.datadoghq.com/enabled",
            maybe(8, one_of(json!(["true"]))),
        ),
    ])
}

/// Resources in an annotation.
fn amounts() -> BoxedStrategy<Value> {
    one_of(json!([
        "{}",
        r#"{"limits":{"memory":"128Mi"}}"#,
        r#"{"requests":{"cpu":"2","memory":"1Gi"}}"#,
        r#"{"requests":{"cpu":"2"},"limits":{"cpu":"1"}}"#,
        "50m",
    ]))
}

fn annotations() -> BoxedStrategy<Value> {
    let version = || one_of(json!(["", "", "v1.2.3", "no tag!", "2"]));
    let switch = || one_of(json!(["true", "f", "0", "no"]));
    let mut fields = vec![("admission.datakit/enabled", maybe(6, switch()))];
    for feature in features::ALL {
        let switches = feature.switch.into_iter();
        fields.extend(switches.map(|name| (prefixed(name), maybe(5, switch()))));
        let resources = feature.resources.into_iter();
        fields.extend(resources.map(|name| (prefixed(name), maybe(4, amounts()))));
        let asks = feature.asks.iter();
        fields.extend(asks.map(|ask| match ask.language {
            None => (prefixed(ask.name), maybe(50, instances())),
            Some(Language::Java) => (prefixed(ask.name), maybe(35, version())),
            Some(_) => (prefixed(ask.name), maybe(15, version())),
        }));
    }
    fields.extend([
        (
            "admission.datakit/pod-security",
            maybe(
                10,
                one_of(json!(["auto", "none", "baseline", "restricted", "no"])),
            ),
        ),
        (
            "admission.datakit/containers",
            maybe(5, one_of(json!(["app", "app,web", "nobody"]))),
        ),
        (
            "admission.datakit/exclude-containers",
            maybe(5, one_of(json!(["app", "proxy", ""]))),
        ),
        (
            SAFE_TO_EVICT,
            maybe(15, one_of(json!(["", "data", "data,", "tmp,data"]))),
        ),
        ("datakit/logs", maybe(10, one_of(json!(["[]", ""])))),
        ("prometheus.io/scrape", maybe(10, one_of(json!(["false"])))),
        (
            "example.com/Note",
            maybe(30, any_json().prop_map(|json| json.to_string().into())),
        ),
    ]);
    objects(fields)
}

/// An annotation of the policy's; the few names live as long as the tests.
fn prefixed(name: &str) -> &'static str {
    format!("{}{name}", features::PREFIX).leak()
}

fn instances() -> BoxedStrategy<Value> {
    let files = lists(
        one_of(json!([
            "/var/log/*.log",
            "/logs/app/**/x.log",
            "/data/x.log",
            "/data/log/x.log",
            "/data/app/log/*.log",
            "/logs/deep/x.log",
            "/srv/app/deep/x.log",
            "/srv/app/*.json",
            "/srv/app/log/x.log",
            "/logs/app/$(POD_NAME)/x.log",
            "/opt/x.log",
            "/logs//a.log",
            "/tmp/x.log",
            "/flames/*",
            "/etc/podinfo/labels",
            "/datadog-lib/a",
            "/dev/block/x",
            "/x.log",
            "relative/*.log",
            "/a:b/c.log",
            null
        ])),
        0,
        4,
    );
    let logging = objects(vec![
        ("logfiles", maybe(95, files)),
        ("source", maybe(50, one_of(json!(["web", null])))),
        ("tags", maybe(20, one_of(json!([{"a": "b"}, null])))),
        ("future", maybe(10, any_json())),
    ]);
    let instance = objects(vec![
        ("datakit_addr", maybe(80, one_of(json!(["datakit:9533"])))),
        ("loggings", maybe(95, lists(logging, 0, 2))),
    ]);
    let fine = lists(instance, 0, 2);
    let text = (fine, proptest::bool::ANY).prop_map(|(json, pretty)| {
        Value::from(if pretty {
            format!("{json:#}")
        } else {
            json.to_string()
        })
    });
    let broken = one_of(json!([
        "",
        " ",
        "no json",
        "{}",
        "[1]",
        "[{\"loggings\":7}]"
    ]));
    prop_oneof![5 => text, 1 => broken].boxed()
}

fn specs() -> BoxedStrategy<Value> {
    let own = named(&CONTAINERS, 4, containers()).prop_filter("none", |c| !c.is_empty());
    let added = features::ALL.iter().filter_map(|feature| feature.adds);
    let added: Vec<&str> = added.map(|added| added.name()).collect();
    let taken = proptest::option::weighted(0.2, select(added));
    let containers = (own, taken).prop_map(|(mut containers, taken)| {
        if let (Some(taken), Some((name, _))) = (taken, containers.last_mut()) {
            *name = taken;
        }
        containers
    });
    let places =
        proptest::collection::vec(prop_oneof![4 => Just(1_u8), 2 => Just(0), 1 => Just(2)], 4);
    let lists = (volumes(), containers, places);
    let rest = objects(vec![
        ("hostPID", maybe(8, any_boolean())),
        ("shareProcessNamespace", maybe(6, any_boolean())),
        ("hostNetwork", maybe(12, any_boolean())),
        (
            "os",
            maybe(4, one_of(json!([{"name": "linux"}, {"name": "windows"}]))),
        ),
        ("resources", maybe(8, pod_resources())),
        (
            "dnsPolicy",
            maybe(10, one_of(json!(["Default", "ClusterFirst"]))),
        ),
        (
            "schedulerName",
            maybe(4, one_of(json!(["fargate-scheduler", "other"]))),
        ),
        ("tolerations", maybe(8, tolerations())),
        (
            "securityContext",
            maybe(
                5,
                one_of(json!([{"runAsNonRoot": true}, {"runAsNonRoot": true, "runAsUser": 1}])),
            ),
        ),
        (
            "terminationGracePeriodSeconds",
            maybe(20, one_of(json!([0, 30]))),
        ),
        (
            "schedulingGates",
            maybe(10, one_of(json!([[{"name": "a/b"}]]))),
        ),
        ("hostUsers", maybe(10, any_boolean())),
        ("future", maybe(15, any_json())),
        ("initContainers", maybe(5, one_of(json!([null, []])))),
        ("volumes", maybe(5, one_of(json!([null, []])))),
    ]);
    (rest, lists)
        .prop_map(|(mut spec, (volumes, containers, places))| {
            place(&mut spec, &volumes, containers, &places);
            spec
        })
        .boxed()
}

fn tolerations() -> BoxedStrategy<Value> {
    one_of(json!([
        [{"key": "virtual-kubelet.io/provider", "operator": "Exists"}],
        [{"operator": "Exists"}]
    ]))
}

/// Puts volumes and containers into a spec. One container at the least is an app container.
fn place(
    spec: &mut Value,
    volumes: &[(&str, Value)],
    containers: Vec<(&'static str, Draft)>,
    places: &[u8],
) {
    let mut lists: [Vec<Value>; 3] = Default::default();
    let names: Vec<&str> = volumes.iter().map(|(name, _)| *name).collect();
    let containers: Vec<_> = containers.into_iter().zip(places).collect();
    let has_app = containers.iter().any(|(_, place)| **place == 1);
    for (number, ((name, draft), place)) in containers.into_iter().enumerate() {
        let list = if number == 0 && !has_app {
            1
        } else {
            usize::from(*place)
        };
        lists[list].push(draft.finished(name, &names));
    }
    let keys = ["initContainers", "containers", "ephemeralContainers"];
    for (key, list) in keys.into_iter().zip(lists) {
        if !list.is_empty() {
            spec[key] = Value::Array(list);
        }
    }
    let mut list: Vec<Value> = volumes
        .iter()
        .map(|(name, source)| {
            let mut volume = source.clone();
            volume["name"] = json!(name);
            volume
        })
        .collect();
    list.push(json!({"name": "block", "persistentVolumeClaim": {"claimName": "block"}}));
    if !volumes.is_empty() || spec.to_string().contains("\"block\"") {
        spec["volumes"] = Value::Array(list);
    }
}

fn volumes() -> BoxedStrategy<Vec<(&'static str, Value)>> {
    let source = prop_oneof![
        6 => one_of(json!([
            {"emptyDir": {}},
            {"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi", "future": 1}},
        ])),
        4 => Just(json!({"hostPath": {"path": "/srv"}})),
        5 => one_of(json!([
            {"hostPath": {"path": "/etc/localtime", "type": "File"}},
            {"hostPath": {"path": "/srv"}},
            {"configMap": {"name": "files"}},
            {"secret": {"secretName": "s"}},
            {"persistentVolumeClaim": {"claimName": "data"}},
            {"image": {"reference": "models:1", "pullPolicy": "IfNotPresent"}},
            {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {"projected": {"sources": []}},
            {"futureSource": {"a": 1}},
            {},
        ])),
    ];
    named(&VOLUMES, 5, source)
}

/// A container whose mounts do not know yet which volumes there are.
#[derive(Clone, Debug)]
struct Draft {
    rest: Value,
    mounts: Vec<(&'static str, (Index, Value))>,
    env: Vec<(&'static str, Value)>,
}

impl Draft {
    fn finished(self, name: &str, volumes: &[&str]) -> Value {
        let mut container = self.rest;
        container["name"] = json!(name);
        let mounts: Vec<Value> = self
            .mounts
            .into_iter()
            .filter_map(|(path, (index, mut mount))| {
                mount["name"] = json!(pick(&index, volumes)?);
                mount["mountPath"] = json!(path);
                Some(mount)
            })
            .collect();
        if !mounts.is_empty() {
            container["volumeMounts"] = Value::Array(mounts);
        }
        let env = self.env.into_iter().map(|(name, mut entry)| {
            entry["name"] = json!(name);
            entry
        });
        let env: Vec<Value> = env.collect();
        if !env.is_empty() {
            container["env"] = Value::Array(env);
        }
        container
    }
}

fn containers() -> BoxedStrategy<Draft> {
    let device = one_of(json!([
        [{"name": "block", "devicePath": "/dev/block"}],
        [{"name": "block", "devicePath": "/datadog-lib"}],
        [{"name": "block", "devicePath": "/var/log"}],
        [{"name": "block", "devicePath": "/tmp"}]
    ]));
    let rest = objects(vec![
        (
            "image",
            always(one_of(json!(["app:1", "registry:5000/a@sha256:0"]))),
        ),
        ("command", maybe(30, commands())),
        (
            "workingDir",
            maybe(10, one_of(json!(["/srv/app", "/data/app/", "/", ""]))),
        ),
        ("lifecycle", maybe(5, hooks())),
        (
            "resources",
            maybe(30, prop_oneof![4 => resources(), 1 => storage()].boxed()),
        ),
        ("ports", maybe(35, ports())),
        ("restartPolicy", maybe(10, one_of(json!(["Always"])))),
        ("volumeDevices", maybe(5, device)),
        ("env", maybe(5, one_of(json!([null, []])))),
        ("volumeMounts", maybe(5, one_of(json!([null, []])))),
        (
            "securityContext",
            maybe(15, one_of(json!([{"runAsNonRoot": true, "future": 1}]))),
        ),
        ("future", maybe(15, any_json())),
    ]);
    (
        rest,
        named(&PATHS, 4, mounts()),
        named(&VARIABLES, 7, variables()),
    )
        .prop_map(|(rest, mounts, env)| Draft { rest, mounts, env })
        .boxed()
}

fn commands() -> BoxedStrategy<Value> {
    one_of(json!([
        ["run", "$(A)"],
        [],
        ["java", "-jar", "/srv/app/x.jar"],
        [
            "java",
            "-javaagent:/opt/dd-java-agent.jar",
            "-jar",
            "/data/app/x.jar"
        ],
        ["sh", "-c", "exec /logs/app/run > /logs/app/x"],
        ["ddtrace-run", "python", "/x.py"]
    ]))
}

fn hooks() -> BoxedStrategy<Value> {
    one_of(json!([
        {"preStop": {"exec": {"command": ["sh", "-c", "kill -TERM 1"]}}},
        {"postStart": {"exec": {"command": ["touch", "/tmp/started"]}}}
    ]))
}

fn mounts() -> BoxedStrategy<(Index, Value)> {
    let mount = objects(vec![
        ("readOnly", maybe(30, any_boolean())),
        ("subPath", maybe(15, one_of(json!(["", "a/b"])))),
        ("subPathExpr", maybe(4, one_of(json!([""])))),
        ("recursiveReadOnly", maybe(5, one_of(json!(["Disabled"])))),
        ("future", maybe(10, any_json())),
    ]);
    let expression = Just(json!({"subPathExpr": "$(POD_NAME)"}));
    (any::<Index>(), prop_oneof![8 => mount, 1 => expression]).boxed()
}

fn variables() -> BoxedStrategy<Value> {
    let texts = one_of(json!([
        "x",
        "",
        "-Xmx1g",
        "-Xmx1g -javaagent:/datadog-lib/dd-java-agent.jar=a",
        "--require=/datadog-lib/node_modules/dd-trace/init",
        "/datadog-lib/:/srv",
        "/datadog-lib",
        "-javaagent:/otel-auto-instrumentation-java/javaagent.jar",
        "/app:/otel-auto-instrumentation-python",
        "-javaagent:/otel-auto-instrumentation-java/x.jar -Xmx1g",
        "-Xmx1g -javaagent:/otel-auto-instrumentation-java/x.jar",
        "-javaagent:/otel-auto-instrumentation-java/y.jar",
        "env=prod,team=$(A)",
        "env:prod,team:$(A)",
        "url:http://x:80/,flag",
        "pod_name:own,",
        "$(POD_NAME)$(B)$$(A)",
        "$(unclosed"
    ]));
    let long = Just(Value::from("-D".repeat(600)));
    let plain = objects(vec![
        ("value", maybe(95, prop_oneof![9 => texts, 1 => long])),
        ("future", maybe(10, any_json())),
    ]);
    let sources = one_of(json!([
        {"fieldRef": {"fieldPath": "metadata.name"}},
        {"fieldRef": {"fieldPath": "metadata.labels['app']", "apiVersion": "v1"}},
        {"secretKeyRef": {"name": "s", "key": "k"}},
        {"configMapKeyRef": {"name": "c", "key": "k", "optional": true}},
        {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}},
        {"fileKeyRef": {"volumeName": "data", "path": "p", "key": "k"}}
    ]));
    let reference = objects(vec![
        ("valueFrom", always(sources)),
        ("value", maybe(10, one_of(json!(["", null])))),
        ("future", maybe(10, any_json())),
    ]);
    prop_oneof![4 => plain, 2 => reference].boxed()
}

fn ports() -> BoxedStrategy<Value> {
    one_of(json!([
        [{"containerPort": 80, "name": "http"}],
        [{"containerPort": 8089}],
        [{"containerPort": 8089, "protocol": "UDP"}],
        [{"containerPort": 9000, "name": "flameshot-port"}, {"containerPort": 53, "protocol": "UDP"}]
    ]))
}

pub fn resources() -> BoxedStrategy<Value> {
    one_of(json!([
        {},
        {"requests": {"cpu": "100m"}},
        {"limits": {"cpu": "1", "memory": "1Gi"}},
        {"requests": {"cpu": "0.1", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "1e9"}}
    ]))
}

fn storage() -> BoxedStrategy<Value> {
    one_of(json!([
        {"limits": {"ephemeral-storage": "100Mi"}},
        {"limits": {"ephemeral-storage": "4Gi"}}
    ]))
}

/// Of a pod as a whole; with room for more than its containers, or without.
fn pod_resources() -> BoxedStrategy<Value> {
    one_of(json!([
        {"requests": {"cpu": "4", "memory": "8Gi"}, "limits": {"cpu": "8", "memory": "16Gi"}},
        {"requests": {"cpu": "400m", "memory": "4Gi"}},
        {"limits": {"cpu": "1", "memory": "4Gi"}},
        {}
    ]))
}

fn any_boolean() -> BoxedStrategy<Value> {
    select(vec![json!(true), json!(false)]).boxed()
}
