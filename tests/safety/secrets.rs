//! What the policy tells, in warnings, audit annotations, messages and log lines, holds no secret.
//!
//! Each string of payloads and settings in turn gets a marker, and what is told is searched for it.
//! May be shown: what names a thing or asks for it (names of containers and rules, images, paths of
//! log files, the values of the annotations `admission.datakit/…`), selectors with the namespace and
//! the labels that they are compared with, and where a flameshot has its directory, which the pod's
//! mounts say too. Everything else is nobody's business: the values of variables and what they refer
//! to, commands and arguments, other annotations and labels, the texts of log configurations, and the
//! rest of a text that is no JSON. Keys are names.

use std::collections::BTreeSet;

use datakit_policy_host::policy::Answer;
use serde_json::{Value, json};

use crate::generators::accepted_settings;
use crate::support::{POLICY, create, request, workload};

/// Could be a part of any name.
const MARKER: &str = "s3cr3t";

/// All that an answer and the log tell, without the object.
fn told(payload: &[u8]) -> String {
    let instance = POLICY.instance().unwrap();
    let answer = instance.call("validate", payload).unwrap();
    let mut answer: Answer = serde_json::from_slice(&answer).unwrap();
    answer.mutated_object = None;
    format!("{answer:?} {:?}", instance.take_logs())
}

fn refusal(settings: &[u8]) -> String {
    let instance = POLICY.instance().unwrap();
    String::from_utf8(instance.call("validate_settings", settings).unwrap()).unwrap()
}

/// The value with one of its strings changed, for each of them: where it stands, and the whole.
/// Strings that hold JSON are looked into.
fn changed(value: &Value, change: fn(&str) -> Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    match value {
        Value::String(text) => {
            all.push((String::new(), change(text)));
            let inner = serde_json::from_str(text).unwrap_or_default();
            for (path, inner) in changed(&inner, change) {
                if !path.is_empty() {
                    all.push((format!("#{path}"), Value::from(inner.to_string())));
                }
            }
        }
        Value::Object(object) => {
            for (key, field) in object {
                for (path, field) in changed(field, change) {
                    let mut object = object.clone();
                    object[key] = field;
                    all.push((format!("/{key}{path}"), Value::Object(object)));
                }
            }
        }
        Value::Array(list) => {
            for (place, item) in list.iter().enumerate() {
                for (path, item) in changed(item, change) {
                    let mut list = list.clone();
                    list[place] = item;
                    all.push((format!("[]{path}"), Value::Array(list)));
                }
            }
        }
        _ => {}
    }
    all
}

/// The ways in which a string is changed: another, one that fits nowhere, a longer one (in front, where what is told of
/// it would be cut off), and none.
const CHANGES: [fn(&str) -> Value; 4] = [
    |_| json!(MARKER),
    |_| json!(format!("{MARKER} [")),
    |text| match text.len() {
        0..=200 => json!(format!("{text}{MARKER}")),
        _ => json!(format!("{MARKER}{text}")),
    },
    |_| json!([MARKER]),
];

/// The places whose strings are shown.
fn shown(documents: &[Value], told: impl Fn(&[u8]) -> String) -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    for document in documents {
        for change in CHANGES {
            for (path, document) in changed(document, change) {
                if told(document.to_string().as_bytes()).contains(MARKER) {
                    shown.insert(plain(&path));
                }
            }
        }
    }
    shown
}

/// The place without what the kind of a workload, or pasted settings, put around it.
fn plain(path: &str) -> String {
    path.replace("/object/spec/template", "/object")
        .replace("/jsonconfig#", "")
}

fn envs(more: Value) -> Value {
    let mut envs = json!({
        "TOKEN": "t0k3n",
        "HOST": "datakit.datakit.svc",
        "KEY": "{secretKeyRef:name.key}",
        "OWNER": "{fieldRef:metadata.annotations['owner']}",
        "DD_TAGS": "a:b,c:$(TOKEN)"
    });
    for (name, value) in more.as_object().unwrap() {
        envs[name] = value.clone();
    }
    envs
}

fn log_config() -> Value {
    let files = json!([
        {"type": "file", "path": "/var/log/*.log", "source": "a", "tags": {"b": "c"}},
        {"type": "file", "path": "/x.log"},
        {"type": "file", "path": "/datadog-lib/x.log"}
    ]);
    Value::from(files.to_string())
}

fn first_model() -> Value {
    let section = |images: Value| {
        json!({
            "images": images,
            "envs": envs(json!({})),
            "image_pull_policy": "Always",
            "resources": {"limits": {"cpu": "1"}}
        })
    };
    let mut ddtrace = section(json!({"java_agent_image": "repo/java:1"}));
    ddtrace["enabled_namespaces"] = json!([{"namespace": "other", "language": "java"}]);
    ddtrace["enabled_labelselectors"] = json!([{"labelselector": "a=b", "language": "php"}]);
    json!({
        "log_level": "debug",
        "server_listen": "0.0.0.0:9543",
        "admission_inject": {
            "ddtrace": ddtrace,
            "logfwd": section(json!({"logfwd_image": "repo/logfwd:1"})),
            "profiler": section(json!({"java_profiler_image": "repo/profiler:1"}))
        }
    })
}

fn second_model() -> Value {
    let rule = |more: Value| {
        let mut rule = json!({
            "name": "rule",
            "namespace_selectors": ["*"],
            "label_selectors": ["app=web"],
            "image": "repo/image:1",
            "resources": {"requests": {"memory": "1Mi"}},
            "envs": envs(json!({}))
        });
        for (key, value) in more.as_object().unwrap() {
            rule[key] = value.clone();
        }
        json!([rule])
    };
    json!({
        "log_level": "debug",
        "admission_inject_v2": {
            "ddtraces": rule(json!({"language": "java", "php_loader_flavor": "linux-gnu", "check_annotation": true})),
            "otels": rule(json!({"language": "java"})),
            "logfwds": rule(json!({"log_configs": log_config(), "log_volume_paths": ["/srv"]})),
            "flameshots": rule(json!({"processes": "[{\"service\": \"web\"}]", "envs": envs(json!({
                "FLAMESHOT_PROFILING_PATH": "/flames", "FLAMESHOT_HTTP_LOCAL_PORT": "80"
            }))})),
            "profilers": rule(json!({"language": "java"}))
        },
        "admission_mutate": {"loggings": [
            {"namespace_selectors": ["default"], "label_selectors": ["a=b"], "config": log_config()}
        ]}
    })
}

/// Where ddtrace is for a pod, OpenTelemetry is not.
fn without_ddtrace() -> Value {
    let mut settings = second_model();
    let rules = settings["admission_inject_v2"].as_object_mut().unwrap();
    rules.remove("ddtraces");
    settings
}

fn all_settings() -> [Value; 4] {
    let pasted = json!({"jsonconfig": first_model().to_string()});
    let all = [first_model(), second_model(), without_ddtrace(), pasted];
    assert!(all.iter().all(accepted_settings));
    all
}

/// A template with something of everything, and much that is in the way of what is injected.
fn template() -> Value {
    let env = json!([
        {"name": "PASSWORD", "value": "x"},
        {"name": "JAVA_TOOL_OPTIONS", "value": "-Dpassword=x"},
        {"name": "DD_TAGS", "value": "password:x"},
        {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
    ]);
    let references = json!([
        {"name": "JAVA_TOOL_OPTIONS", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}},
        {"name": "DD_TAGS", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}
    ]);
    let optional = json!([
        {"name": "JAVA_TOOL_OPTIONS", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b", "optional": true}}}
    ]);
    let long = json!([{"name": "JAVA_TOOL_OPTIONS", "value": "-Dx".repeat(400)}]);
    let container = |name: &str, env: Value, mounts: Value| {
        json!({
            "name": name,
            "image": "app:1",
            "command": ["run", "--password=x"],
            "args": ["x"],
            "env": env,
            "envFrom": [{"secretRef": {"name": "x"}}],
            "volumeMounts": mounts,
            "lifecycle": {"postStart": {"exec": {"command": ["x"]}}},
            "workingDir": "/x"
        })
    };
    let mounts = json!(
        [
            "/datadog-lib",
            "/tmp",
            "/flames",
            &format!("/flames{MARKER}"),
            "/app/datakit-profiler",
            "/var/log",
            "/srv"
        ]
        .map(|path| json!({"name": "own", "mountPath": path, "subPath": "x"}))
    );
    let instances = json!([{"datakit_addr": "x", "loggings": [{
        "logfiles": ["/var/log/*.log", "x.log", "/app.log"],
        "source": "x",
        "tags": {"a": "b"}
    }]}]);
    json!({
        "metadata": {
            "labels": {"app": "web", "other": "x"},
            "annotations": {
                "note": "x",
                "admission.datakit/enabled": "no",
                "admission.datakit/java-lib.version": "v 1",
                "admission.datakit/php-lib.version": "v1",
                "admission.datakit/java-profiler.version": "v1",
                "admission.datakit/logfwd.instances": instances.to_string()
            }
        },
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": "x",
            "imagePullSecrets": [{"name": "x"}],
            "volumes": [{"name": "own", "secret": {"secretName": "x"}}],
            "initContainers": [container("init", json!([]), json!([]))],
            "containers": [
                container("plain", env, json!([])),
                container("references", references, json!([])),
                container("optional", optional, json!([])),
                container("long", long, json!([])),
                container("mounts", json!([]), mounts)
            ]
        }
    })
}

/// A pod in which much can be seen to go wrong.
fn pod_with_an_outlook() -> Value {
    let instances = json!([{"loggings": [{"logfiles": [
        "/claim/log/a.log", "/shared/log/a.log", "/node/log/a.log", "/pods/a.log", "/programs/a.log"
    ]}]}]);
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "labels": {"app": "web", "admission.datakit/logfwd.enabled": "x"},
            "annotations": {
                "admission.datakit/java-lib.version": "",
                "admission.datakit/logfwd.instances": instances.to_string(),
                "admission.datadoghq.com/java-lib.version": "x"
            }
        },
        "spec": {
            "dnsPolicy": "Default",
            "tolerations": [{"key": "virtual-kubelet.io/provider", "value": "x"}],
            "volumes": [
                {"name": "claim", "persistentVolumeClaim": {"claimName": "x"}},
                {"name": "shared", "emptyDir": {}},
                {"name": "node", "hostPath": {"path": "/x"}}
            ],
            "containers": [{
                "name": "main",
                "image": "app:1",
                "args": ["kill 1; /programs/x --password=x"],
                "env": [{"name": "OWN", "value": "-javaagent:/x/dd-java-agent.jar=x"}],
                "resources": {"limits": {"ephemeral-storage": "1Mi"}},
                "volumeMounts": [
                    {"name": "claim", "mountPath": "/claim"},
                    {"name": "shared", "mountPath": "/shared", "readOnly": true},
                    {"name": "node", "mountPath": "/node"},
                    {"name": "shared", "mountPath": "/pods", "subPathExpr": "x"}
                ]
            }]
        }
    })
}

fn payloads() -> Vec<Value> {
    let mut pod = template();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    let job = workload("Job", &template());
    let deployment = workload("Deployment", &template());
    let mut old = deployment.clone();
    old["spec"]["template"]["metadata"]["labels"] = json!({"old": "x"});
    let mut requests = [
        create("default", &pod),
        create("default", &job),
        request("UPDATE", "default", &deployment, &old),
        create("default", &pod_with_an_outlook()),
    ];
    for request in &mut requests {
        request["userInfo"] = json!({"username": "x", "groups": ["x"], "extra": {"a": ["x"]}});
    }
    let settings = all_settings();
    let pairs = requests.iter().zip(settings.iter().cycle().skip(1));
    let first = pairs.map(|(request, settings)| json!({"request": request, "settings": settings}));
    first.collect()
}

#[test]
fn shows_of_an_admission_only_what_names_or_asks() {
    let annotation = "/request/object/metadata/annotations/admission.datakit";
    let mut expected = BTreeSet::from([
        format!("{annotation}/enabled"),
        format!("{annotation}/java-lib.version"),
        format!("{annotation}/java-profiler.version"),
        format!("{annotation}/logfwd.instances#[]/loggings[]/logfiles[]"),
        "/request/namespace".to_owned(),
        "/request/object/metadata/labels/app".to_owned(),
        "/request/object/spec/containers[]/name".to_owned(),
        "/settings/admission_inject/ddtrace/images/java_agent_image".to_owned(),
        "/settings/admission_inject/logfwd/images/logfwd_image".to_owned(),
        "/settings/admission_inject/profiler/images/java_profiler_image".to_owned(),
        "/settings/admission_inject_v2/flameshots[]/envs/FLAMESHOT_PROFILING_PATH".to_owned(),
        "/settings/admission_inject_v2/logfwds[]/log_configs#[]/path".to_owned(),
        "/settings/admission_inject_v2/logfwds[]/log_volume_paths[]".to_owned(),
        "/settings/admission_mutate/loggings[]/config#[]/path".to_owned(),
        "/settings/admission_mutate/loggings[]/label_selectors[]".to_owned(),
        "/settings/admission_mutate/loggings[]/namespace_selectors[]".to_owned(),
    ]);
    for list in ["ddtraces", "otels", "flameshots", "logfwds", "profilers"] {
        for key in [
            "image",
            "name",
            "label_selectors[]",
            "namespace_selectors[]",
        ] {
            expected.insert(format!("/settings/admission_inject_v2/{list}[]/{key}"));
        }
    }
    // What is in the pod is in its way.
    expected.remove("/settings/admission_inject_v2/otels[]/image");
    assert_eq!(shown(&payloads(), told), expected);
}

#[test]
fn shows_of_settings_that_are_refused_only_what_names_or_selects() {
    let mut expected = BTreeSet::from([
        "/admission_inject/ddtrace/enabled_labelselectors[]/labelselector".to_owned(),
        "/admission_inject/ddtrace/enabled_labelselectors[]/language".to_owned(),
        "/admission_inject/ddtrace/enabled_namespaces[]/language".to_owned(),
        "/admission_inject/ddtrace/images/java_agent_image".to_owned(),
        "/admission_inject/logfwd/images/logfwd_image".to_owned(),
        "/admission_inject/profiler/images/java_profiler_image".to_owned(),
        "/admission_inject_v2/ddtraces[]/language".to_owned(),
        "/admission_inject_v2/ddtraces[]/php_loader_flavor".to_owned(),
        "/admission_inject_v2/otels[]/language".to_owned(),
        "/admission_inject_v2/profilers[]/language".to_owned(),
        "/admission_mutate/loggings[]/label_selectors[]".to_owned(),
    ]);
    for section in ["ddtrace", "logfwd", "profiler"] {
        for key in ["image_pull_policy", "resources/limits/cpu"] {
            expected.insert(format!("/admission_inject/{section}/{key}"));
        }
    }
    for list in ["ddtraces", "otels", "flameshots", "logfwds", "profilers"] {
        for key in ["image", "label_selectors[]", "resources/requests/memory"] {
            expected.insert(format!("/admission_inject_v2/{list}[]/{key}"));
        }
    }
    assert_eq!(shown(&all_settings(), refusal), expected);
}

#[test]
fn shows_nothing_of_a_payload_that_is_cut_off() {
    for payload in payloads() {
        let text = payload
            .to_string()
            .replace("\"x\"", &format!("\"{MARKER}\""));
        assert!(text.contains(MARKER));
        for end in (0..text.len()).step_by(17) {
            let said = told(&text.as_bytes()[..end]);
            assert!(!said.contains(MARKER), "{said}");
        }
    }
}

#[test]
fn shows_nothing_of_a_request_that_is_none() {
    for payload in [
        json!(MARKER),
        json!({"request": MARKER}),
        json!({"request": {"kind": MARKER}}),
        json!({"request": {"kind": {"kind": [MARKER]}}}),
        json!({"request": {"operation": {MARKER: MARKER}}}),
    ] {
        let told = told(payload.to_string().as_bytes());
        assert!(
            told.contains("the request is not an admission request"),
            "{told}"
        );
        assert!(!told.contains(MARKER), "{told}");
    }
}

#[test]
fn tells_no_value_when_settings_are_refused() {
    let instance = POLICY.instance().unwrap();
    let cut = format!("{{\"admission_inject\": {{\"ddtrace\": {{\"envs\": {{\"A\": \"{MARKER}\"");
    for settings in [
        json!({"admission_inject": {"ddtrace": {"envs": {"1A": MARKER, "B": {"c": MARKER}}}}}),
        json!({"admission_inject": {"ddtrace": {"envs": [{"name": "1A", "value": MARKER}, MARKER]}}}),
        json!({"admission_inject": MARKER}),
        json!({"jsonconfig": cut}),
        json!({"admission_mutate": {"loggings": [{"config": format!("[{{\"source\": {MARKER}")}]}}),
        json!({"admission_inject_v2": {"flameshots": [{
            "processes": format!("[\"{MARKER}\"]"),
            "envs": {"FLAMESHOT_PROFILING_PATH": MARKER, "FLAMESHOT_HTTP_LOCAL_PORT": MARKER}
        }]}}),
    ] {
        let answer = instance.validate_settings(&settings).unwrap();
        let message = answer.message.unwrap();
        assert!(!message.contains(MARKER), "{message}");
    }
    let answer = instance.call("validate_settings", cut.as_bytes()).unwrap();
    assert!(!String::from_utf8(answer).unwrap().contains(MARKER));
}
