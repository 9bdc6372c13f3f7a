//! Workloads, and what their containers see.

use datakit_policy_e2e::images;
use serde_json::{Value, json};

/// Where a pod comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All of its containers run.
    GoesOn,
    /// It succeeds.
    Completes,
    /// Its application is over, and it goes on.
    IsKept,
}

/// The kind of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Deployment,
    Pod,
    Job,
}

/// One workload with the container `app`.
pub struct Case {
    pub name: &'static str,
    kind: Kind,
    /// The level of Pod Security of its namespace.
    pub enforces: Option<&'static str>,
    /// The names of its annotations after the prefix, and their values.
    annotations: Vec<(&'static str, &'static str)>,
    /// Its label that a rule selects, besides `app: web`.
    label: Option<(&'static str, &'static str)>,
    /// What the application does.
    script: &'static str,
    /// More of the pod's spec.
    spec: Value,
    /// More of the container.
    container: Value,
    /// The key `policy` of the settings.
    policy: Value,
    /// All that containers print.
    pub prints: Vec<(&'static str, &'static str)>,
    pub ends: End,
    /// Whether a native sidecar starts before the application.
    pub starts_with_sidecar: bool,
}

const LOGS: (&str, &str) = (
    "logfwd.instances",
    r#"[{"loggings":[{"logfiles":["/data/log/*.log"]}]}]"#,
);
const JAVA: (&str, &str) = ("java-lib.version", "");

/// Shows the agent and the variable that loads it.
const SHOW: &str =
    "cat /datadog-lib/dd-java-agent.jar; echo \"$JAVA_TOOL_OPTIONS\"; exec sleep 100000";
const SHOWN: &str = "agent\n -javaagent:/datadog-lib/dd-java-agent.jar\n";

/// Logs one line, and ends when the sidecar has had the time to read it.
const LOG_AND_END: &str = "echo hello >/data/log/app.log; sleep 4";
const LOG: &str = "echo hello >/data/log/app.log; exec sleep 100000";
const FORWARDED: &str = "0\nhello\ntouch: /data/log/other: Read-only file system\n";

/// What the rules of logging and flameshot say, as containers print it.
const COLLECTED: &str = "[{\"type\":\"file\",\"path\":\"/data/log/*.log\",\"source\":\"web\"}]\n";
const PROCESSES: &str = "[{\"service\":\"web\",\"language\":\"java\"}]\n";

fn case(name: &'static str, kind: Kind) -> Case {
    Case {
        name,
        kind,
        enforces: None,
        annotations: Vec::new(),
        label: None,
        script: SHOW,
        spec: json!({}),
        container: json!({}),
        policy: json!({}),
        prints: Vec::new(),
        ends: End::GoesOn,
        starts_with_sidecar: false,
    }
}

/// All variables of a container with an agent, and what they refer to.
const VARIABLES: &str = "\
DD_SERVICE=web
DD_TAGS=team:shop,pod_name:web
HOME=/
HOSTNAME=web
JAVA_TOOL_OPTIONS=-Xmx48m -javaagent:/datadog-lib/dd-java-agent.jar
MEMORY=64
PATH=/bin
POD_NAME=web
PWD=/
SHLVL=1
";

pub fn all() -> Vec<Case> {
    let mut cases = agents();
    cases.extend(sidecars());
    cases.extend(jobs());
    cases.extend(security());
    cases
}

fn agents() -> Vec<Case> {
    vec![
        Case {
            annotations: vec![JAVA],
            prints: vec![("datakit-lib-init", "0\n"), ("app", SHOWN)],
            ..case("an agent in a Deployment", Kind::Deployment)
        },
        Case {
            annotations: vec![JAVA],
            prints: vec![("app", SHOWN)],
            ..case("an agent in a Pod", Kind::Pod)
        },
        Case {
            annotations: vec![JAVA],
            // Kubernetes adds the Services of the namespace.
            script: "env | grep -v ^KUBERNETES_ | sort; exec sleep 100000",
            container: json!({
                "env": [
                    {"name": "DD_TAGS", "value": "team:shop"},
                    {"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx48m"},
                ],
                "resources": {"limits": {"memory": "64Mi"}},
            }),
            prints: vec![("app", VARIABLES)],
            ..case("variables of the container and of the settings", Kind::Pod)
        },
        Case {
            annotations: vec![("otel-java-lib.version", "")],
            script: "cat /otel-auto-instrumentation-java/javaagent.jar; echo \"$JAVA_TOOL_OPTIONS\"; exec sleep 100000",
            prints: vec![(
                "app",
                "agent\n-javaagent:/otel-auto-instrumentation-java/javaagent.jar\n",
            )],
            ..case("an agent of OpenTelemetry", Kind::Deployment)
        },
        Case {
            annotations: vec![JAVA, ("exclude-containers", "app")],
            script: "ls /datadog-lib 2>/dev/null || echo nothing; echo \"$JAVA_TOOL_OPTIONS\"; exec sleep 100000",
            spec: json!({"containers": [{"name": "other"}]}),
            prints: vec![("app", "nothing\n\n"), ("other", SHOWN)],
            ..case("a container that is left alone", Kind::Deployment)
        },
    ]
}

fn sidecars() -> Vec<Case> {
    let logs = || Case {
        annotations: vec![LOGS],
        script: LOG,
        prints: vec![("datakit-logfwd", FORWARDED)],
        ..case("", Kind::Deployment)
    };
    vec![
        Case {
            name: "log files that are read by a sidecar",
            ..logs()
        },
        Case {
            name: "a native sidecar starts before the application",
            policy: json!({"native_sidecars": "always"}),
            starts_with_sidecar: true,
            ..logs()
        },
        Case {
            label: Some(("logs", "collected")),
            script: "echo \"$COLLECTED\"; echo hello >/data/log/app.log; exec sleep 100000",
            container: json!({"env": [{"name": "COLLECTED", "valueFrom": {"fieldRef": {
                "fieldPath": "metadata.annotations['datakit/logs']",
            }}}]}),
            spec: json!({"containers": [{
                "name": "other",
                "command": ["sh", "-c", "until test -s /data/log/app.log; do sleep 0.2; done; cat /data/log/app.log; exec sleep 100000"],
            }]}),
            prints: vec![("app", COLLECTED), ("other", "hello\n")],
            ..case("log files that Datakit finds on the node", Kind::Deployment)
        },
        Case {
            label: Some(("profiling", "flameshot")),
            script: "sleep 54321 & cd /profiles; until test -s profile; do sleep 0.2; done; cat profile; wait",
            prints: vec![("datakit-flameshot", PROCESSES), ("app", "profile\n")],
            ..case(
                "a flameshot that finds the application's process",
                Kind::Deployment,
            )
        },
        Case {
            annotations: vec![("java-profiler.version", "")],
            script: "exec sleep 54321",
            prints: vec![("datakit-profiler", "found\n")],
            ..case(
                "a profiler that finds the application's process",
                Kind::Deployment,
            )
        },
    ]
}

fn jobs() -> Vec<Case> {
    let job = || Case {
        annotations: vec![JAVA, LOGS],
        script: LOG_AND_END,
        prints: vec![("datakit-logfwd", FORWARDED)],
        ..case("", Kind::Job)
    };
    vec![
        Case {
            name: "a Job with a sidecar completes",
            ends: End::Completes,
            ..job()
        },
        Case {
            name: "a Job whose sidecar is not native goes on",
            policy: json!({"native_sidecars": "never"}),
            ends: End::IsKept,
            ..job()
        },
    ]
}

fn security() -> Vec<Case> {
    let restricted = json!({"securityContext": {
        "runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}
    }});
    let container = json!({"securityContext": {
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}
    }});
    vec![
        Case {
            enforces: Some("restricted"),
            annotations: vec![JAVA],
            spec: restricted.clone(),
            container: container.clone(),
            prints: vec![("datakit-lib-init", "1000\n"), ("app", SHOWN)],
            ..case("an agent where Pod Security is restricted", Kind::Pod)
        },
        Case {
            enforces: Some("restricted"),
            annotations: vec![LOGS],
            script: LOG,
            spec: restricted,
            container: container.clone(),
            prints: vec![(
                "datakit-logfwd",
                "1000\nhello\ntouch: /data/log/other: Read-only file system\n",
            )],
            ..case(
                "log files where Pod Security is restricted",
                Kind::Deployment,
            )
        },
        Case {
            annotations: vec![JAVA],
            spec: json!({"securityContext": {"runAsNonRoot": true}}),
            container: json!({"securityContext": {"runAsUser": 2000}}),
            prints: vec![("datakit-lib-init", "2000\n"), ("app", SHOWN)],
            ..case(
                "an image of root in a pod that is runAsNonRoot",
                Kind::Deployment,
            )
        },
    ]
}

impl Case {
    /// The name, as one of a namespace.
    pub fn namespace(&self) -> String {
        let name = self.name.to_lowercase();
        name.replace(|character: char| !character.is_ascii_alphanumeric(), "-")
    }

    pub fn settings(&self, registry: &str) -> Value {
        let image = |name: &str| images::name(registry, name);
        let rule = |name: &str| {
            json!({
                "namespace_selectors": ["*"],
                "check_annotation": true,
                "image": image(name),
                "image_pull_policy": "IfNotPresent",
                "resources": {"requests": {"cpu": "1m"}},
            })
        };
        let of_java = |name: &str| {
            let mut rule = rule(name);
            rule["language"] = json!("java");
            rule
        };
        let mut ddtrace = of_java("java");
        ddtrace["envs"] = json!({
            "DD_SERVICE": "{fieldRef:metadata.labels['app']}",
            "DD_TAGS": "pod_name:$(POD_NAME)",
            "MEMORY": "{resourceFieldRef:limits.memory}",
            "POD_NAME": "{fieldRef:metadata.name}",
        });
        let flameshot = json!({
            "label_selectors": ["profiling=flameshot"],
            "image": image("flameshot"),
            "image_pull_policy": "IfNotPresent",
            "resources": {"requests": {"cpu": "1m"}},
            "processes": PROCESSES.trim_end(),
            "envs": {"FLAMESHOT_PROFILING_PATH": "/profiles", "FLAMESHOT_HTTP_LOCAL_PORT": "8089"},
        });
        let logging =
            json!({"label_selectors": ["logs=collected"], "config": COLLECTED.trim_end()});
        json!({
            "policy": self.policy,
            "admission_inject_v2": {
                "ddtraces": [ddtrace],
                "otels": [of_java("otel")],
                "logfwds": [rule("logfwd")],
                "flameshots": [flameshot],
                "profilers": [of_java("profiler")],
            },
            "admission_mutate": {"loggings": [logging]},
        })
    }

    pub fn object(&self, registry: &str) -> Value {
        let annotations = self.annotations.iter();
        let annotations: Value = annotations
            .map(|(name, value)| (format!("admission.datakit/{name}"), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let mut spec = merged(
            &json!({"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false}),
            &self.spec,
        );
        let mut containers = vec![merged(
            &json!({"name": "app", "command": ["sh", "-c", self.script]}),
            &self.container,
        )];
        for other in self.spec["containers"].as_array().into_iter().flatten() {
            containers.push(merged(&json!({"command": ["sh", "-c", SHOW]}), other));
        }
        for container in &mut containers {
            container["image"] = json!(images::name(registry, "app"));
        }
        spec["containers"] = json!(containers);
        let mut labels = json!({"app": "web"});
        if let Some((name, value)) = self.label {
            labels[name] = json!(value);
        }
        match self.kind {
            Kind::Pod => json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "web", "labels": labels, "annotations": annotations}, "spec": spec,
            }),
            Kind::Deployment => json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec},
                },
            }),
            Kind::Job => {
                spec["restartPolicy"] = json!("Never");
                json!({
                    "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web"},
                    "spec": {"template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}},
                })
            }
        }
    }
}

fn merged(one: &Value, other: &Value) -> Value {
    let mut all = one.clone();
    for (key, value) in other.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}
