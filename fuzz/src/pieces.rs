//! Requests and settings put together from pieces that mean something to the policy, so that a fuzzer need not find
//! out how they are spelled.

use arbitrary::Arbitrary;
use datakit_operator_policy::features;
use serde_json::{Map, Value, json};

/// A request with settings that the policy accepts.
#[derive(Arbitrary, Debug)]
pub struct Admission {
    kind: Kind,
    is_update: bool,
    settings: Settings,
    template: Template,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Pod,
    Deployment,
    ReplicaSet,
    Job,
    CronJob,
}

#[derive(Arbitrary, Debug)]
struct Settings {
    is_first_generation: bool,
    language: Language,
    profiled: Language,
    by_annotation: bool,
    envs: Vec<(Name, Text)>,
    log_directories: Vec<u8>,
    resources: bool,
    flameshot: bool,
    agent: Agent,
    logging: bool,
}

/// Which tracer the rules of the second generation are for.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Agent {
    Ddtrace,
    OpenTelemetry,
    Both,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Language {
    Java,
    Python,
    NodeJs,
    Php,
}

#[derive(Arbitrary, Debug)]
struct Template {
    namespace: Option<u8>,
    annotations: Vec<Annotation>,
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    volumes: Vec<Volume>,
    host_pid: Option<bool>,
    unknown: Option<String>,
}

#[derive(Arbitrary, Debug)]
enum Annotation {
    Version {
        language: Language,
        is_profiler: bool,
        version: Version,
    },
    Switch {
        feature: u8,
        value: Version,
    },
    Instances(Vec<LogPath>),
    BrokenInstances(String),
    Logs(String),
    Prometheus,
    Unknown(String, String),
}

#[derive(Arbitrary, Debug)]
enum Version {
    Empty,
    Tag,
    True,
    False,
    Any(String),
}

#[derive(Arbitrary, Debug)]
struct Container {
    name: Option<u8>,
    env: Vec<(Name, Source)>,
    mounts: Vec<(u8, MountPath)>,
    limits: bool,
    unknown: Option<String>,
}

#[derive(Arbitrary, Debug)]
enum Source {
    Value(Text),
    Secret { is_optional: bool },
    Nothing,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Name(u8);

#[derive(Arbitrary, Debug)]
enum Text {
    Reference(Name),
    Tags(Vec<(u8, u8)>),
    Loaded,
    Field,
    Any(String),
}

#[derive(Arbitrary, Debug)]
enum LogPath {
    InDirectory(u8),
    Glob(u8),
    Any(String),
}

#[derive(Arbitrary, Debug)]
enum MountPath {
    Known(u8),
    Any(String),
}

#[derive(Arbitrary, Debug)]
struct Volume {
    name: u8,
    is_empty_dir: bool,
}

const NAMES: [&str; 13] = [
    "OTEL_RESOURCE_ATTRIBUTES",
    "JAVA_TOOL_OPTIONS",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "PHP_INI_SCAN_DIR",
    "DD_TAGS",
    "DD_LOADER_PACKAGE_PATH",
    "DATAKIT_ORIG_JAVA_TOOL_OPTIONS",
    "LOGFWD_JSON_CONFIG",
    "A",
    "B",
    "POD_NAME",
    "FLAMESHOT_PROCESSES",
];

const VOLUMES: [&str; 11] = [
    "datakit-auto-instrument",
    "datakit-otel-auto-instrument",
    "datakit-logfwd-volume-0",
    "datakit-logfwd-volume-0-1",
    "datakit-logs-volume-0",
    "datakit-pod-info",
    "flameshot-volume",
    "datakit-profiler-volume",
    "tmp",
    "timezone",
    "own",
];

const PATHS: [&str; 11] = [
    "/datadog-lib",
    "/otel-auto-instrumentation-java",
    "/datadog-lib/",
    "/logs/0",
    "/logs/1",
    "/etc/podinfo",
    "/flames",
    "/app/datakit-profiler",
    "/tmp",
    "/etc/localtime",
    "/own",
];

const CONTAINERS: [&str; 5] = [
    "datakit-lib-init",
    "datakit-otel-lib-init",
    "datakit-logfwd",
    "datakit-profiler",
    "datakit-flameshot",
];

fn pick<'a>(names: &[&'a str], number: u8) -> &'a str {
    names[usize::from(number) % names.len()]
}

impl Admission {
    /// The payload of `validate`.
    pub fn payload(&self) -> Value {
        let (group, kind) = match self.kind {
            Kind::Pod => ("", "Pod"),
            Kind::Deployment => ("apps", "Deployment"),
            Kind::ReplicaSet => ("apps", "ReplicaSet"),
            Kind::Job => ("batch", "Job"),
            Kind::CronJob => ("batch", "CronJob"),
        };
        let operation = if self.is_update { "UPDATE" } else { "CREATE" };
        let old = self.around(json!({"metadata": {}, "spec": {"containers": [{"name": "old"}]}}));
        json!({
            "request": {
                "kind": {"group": group, "version": "v1", "kind": kind},
                "operation": operation,
                "namespace": "default",
                "object": self.around(self.template.json()),
                "oldObject": if self.is_update { old } else { Value::Null }
            },
            "settings": self.settings.json()
        })
    }

    fn around(&self, template: Value) -> Value {
        match self.kind {
            Kind::Pod => template,
            Kind::CronJob => json!({"spec": {"jobTemplate": {"spec": {"template": template}}}}),
            _ => json!({"spec": {"replicas": 1, "template": template}, "status": {}}),
        }
    }
}

impl Settings {
    fn json(&self) -> Value {
        let mut envs = Map::new();
        for (name, text) in &self.envs {
            envs.insert(name.text().to_owned(), json!(text.text()));
        }
        let envs = Value::Object(envs);
        let mut settings = json!({});
        if self.is_first_generation {
            settings["admission_inject"] = self.first_generation(&envs);
        } else {
            settings["admission_inject_v2"] = self.second_generation(&envs);
        }
        if self.logging {
            let config = json!([{"type": "file", "path": "/logs/0/*.log"}, {}]);
            settings["admission_mutate"] = json!({"loggings": [
                {"namespace_selectors": ["*"], "config": config.to_string()}
            ]});
        }
        settings
    }

    fn first_generation(&self, envs: &Value) -> Value {
        let resources = self.resources();
        let mut ddtrace = json!({
            "images": {
                "java_agent_image": "repo/java:1",
                "python_agent_image": "repo/python",
                "php_agent_image": "repo:5000/php:1"
            },
            "envs": envs,
            "resources": resources
        });
        if !self.by_annotation {
            ddtrace["enabled_namespaces"] =
                json!([{"namespace": "default", "language": self.language.name()}]);
        }
        json!({
            "ddtrace": ddtrace,
            "logfwd": {"images": {"logfwd_image": "repo/logfwd:1"}, "envs": envs, "resources": resources},
            "profiler": {"images": {"java_profiler_image": "repo/java:1"}, "envs": envs, "resources": resources}
        })
    }

    fn second_generation(&self, envs: &Value) -> Value {
        let rule = |more: Value| {
            let mut rule = json!({
                "namespace_selectors": ["*"],
                "image": "repo/image:1",
                "envs": envs,
                "check_annotation": self.by_annotation
            });
            for (key, value) in more.as_object().into_iter().flatten() {
                rule[key] = value.clone();
            }
            json!([rule])
        };
        let profiled = match self.profiled {
            Language::Python => "python",
            _ => "java",
        };
        let mut flames = envs.clone();
        flames["FLAMESHOT_PROFILING_PATH"] = json!("/flames");
        flames["FLAMESHOT_HTTP_LOCAL_PORT"] = json!("8089");
        let directory = |number: &u8| format!("/logs/{}/", number % 3);
        let paths: Vec<String> = self.log_directories.iter().map(directory).collect();
        let mut rules = json!({
            "logfwds": rule(json!({"log_volume_paths": paths})),
            "profilers": rule(json!({"language": profiled}))
        });
        if !matches!(self.agent, Agent::OpenTelemetry) {
            rules["ddtraces"] = rule(json!({"language": self.language.name()}));
        }
        if !matches!(self.agent, Agent::Ddtrace) && !matches!(self.language, Language::Php) {
            rules["otels"] = rule(json!({"language": self.language.name()}));
        }
        if self.flameshot {
            rules["flameshots"] = rule(json!({
                "processes": "[]",
                "enable_prometheus_annotations": true,
                "envs": flames
            }));
        }
        rules
    }

    fn resources(&self) -> Value {
        if self.resources {
            json!({"requests": {"cpu": "1m"}, "limits": {"cpu": "1", "memory": "1Gi"}})
        } else {
            json!({})
        }
    }
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Self::Java => "java",
            Self::Python => "python",
            Self::NodeJs => "nodejs",
            Self::Php => "php",
        }
    }
}

impl Template {
    fn json(&self) -> Value {
        let mut annotations = Map::new();
        for annotation in &self.annotations {
            let (key, value) = annotation.entry();
            annotations.insert(key, Value::String(value));
        }
        let mut containers: Vec<Value> = self.containers.iter().map(Container::json).collect();
        if containers.is_empty() {
            containers.push(json!({"name": "main"}));
        }
        let mut template = json!({
            "metadata": {"labels": {"app": "x"}, "annotations": annotations},
            "spec": {"containers": containers}
        });
        if let Some(namespace) = self.namespace {
            template["metadata"]["namespace"] = json!(pick(&["default", "other", ""], namespace));
        }
        if !self.init_containers.is_empty() {
            let list: Vec<Value> = self.init_containers.iter().map(Container::json).collect();
            template["spec"]["initContainers"] = json!(list);
        }
        if !self.volumes.is_empty() {
            let list: Vec<Value> = self.volumes.iter().map(Volume::json).collect();
            template["spec"]["volumes"] = json!(list);
        }
        if let Some(host_pid) = self.host_pid {
            template["spec"]["hostPID"] = json!(host_pid);
        }
        if let Some(unknown) = &self.unknown {
            template["spec"]["future"] = json!([unknown, 1.5, null]);
            template["future"] = json!({ unknown: {} });
        }
        template
    }
}

impl Annotation {
    fn entry(&self) -> (String, String) {
        match self {
            Self::Version {
                language,
                is_profiler,
                version,
            } => {
                let kind = if *is_profiler { "profiler" } else { "lib" };
                (
                    format!("admission.datakit/{}-{kind}.version", language.name()),
                    version.text(),
                )
            }
            Self::Switch { feature, value } => {
                let switches = features::ALL.iter().filter_map(|feature| feature.switch);
                let switches: Vec<&str> = switches.chain([features::SWITCH]).collect();
                (
                    format!("{}{}", features::PREFIX, pick(&switches, *feature)),
                    value.text(),
                )
            }
            Self::Instances(paths) => {
                let files: Vec<String> = paths.iter().map(LogPath::text).collect();
                let instances = json!([{"loggings": [{"logfiles": files, "source": "x"}]}]);
                (
                    "admission.datakit/logfwd.instances".to_owned(),
                    instances.to_string(),
                )
            }
            Self::BrokenInstances(text) => (
                "admission.datakit/logfwd.instances".to_owned(),
                text.clone(),
            ),
            Self::Logs(text) => ("datakit/logs".to_owned(), text.clone()),
            Self::Prometheus => ("prometheus.io/scrape".to_owned(), "true".to_owned()),
            Self::Unknown(key, value) => (key.clone(), value.clone()),
        }
    }
}

impl Version {
    fn text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Tag => "v1.2.3".to_owned(),
            Self::True => "true".to_owned(),
            Self::False => "false".to_owned(),
            Self::Any(text) => text.clone(),
        }
    }
}

impl Container {
    fn json(&self) -> Value {
        let name = self.name.map_or("main", |number| pick(&CONTAINERS, number));
        let mut container = json!({"name": name, "image": "app:1"});
        if !self.env.is_empty() {
            let env: Vec<Value> = self
                .env
                .iter()
                .map(|(name, source)| source.entry(*name))
                .collect();
            container["env"] = json!(env);
        }
        if !self.mounts.is_empty() {
            let mounts: Vec<Value> = self
                .mounts
                .iter()
                .map(|(volume, path)| json!({"name": pick(&VOLUMES, *volume), "mountPath": path.text()}))
                .collect();
            container["volumeMounts"] = json!(mounts);
        }
        if self.limits {
            container["resources"] = json!({"limits": {"cpu": "1"}});
        }
        if let Some(unknown) = &self.unknown {
            container["future"] = json!([unknown]);
        }
        container
    }
}

impl Source {
    fn entry(&self, name: Name) -> Value {
        match self {
            Self::Value(text) => json!({"name": name.text(), "value": text.text()}),
            Self::Secret { is_optional } => json!({"name": name.text(), "valueFrom": {
                "secretKeyRef": {"name": "s", "key": "k", "optional": is_optional}
            }}),
            Self::Nothing => json!({"name": name.text()}),
        }
    }
}

impl Name {
    fn text(self) -> &'static str {
        pick(&NAMES, self.0)
    }
}

impl Text {
    fn text(&self) -> String {
        match self {
            Self::Reference(name) => format!("x:$({})", name.text()),
            Self::Tags(tags) => {
                let pairs: Vec<String> = tags
                    .iter()
                    .map(|(key, value)| format!("k{key}:{value}"))
                    .collect();
                pairs.join(",")
            }
            Self::Loaded => "-javaagent:/datadog-lib/dd-java-agent.jar".to_owned(),
            Self::Field => "{resourceFieldRef:limits.cpu}".to_owned(),
            Self::Any(text) => text.clone(),
        }
    }
}

impl LogPath {
    fn text(&self) -> String {
        match self {
            Self::InDirectory(number) => format!("/logs/{}/a.log", number % 3),
            Self::Glob(number) => format!("/logs/{}/*/a.log", number % 3),
            Self::Any(text) => text.clone(),
        }
    }
}

impl MountPath {
    fn text(&self) -> String {
        match self {
            Self::Known(number) => pick(&PATHS, *number).to_owned(),
            Self::Any(text) => text.clone(),
        }
    }
}

impl Volume {
    fn json(&self) -> Value {
        let name = pick(&VOLUMES, self.name);
        if self.is_empty_dir {
            json!({"name": name, "emptyDir": {}})
        } else {
            json!({"name": name, "secret": {"secretName": "s"}})
        }
    }
}
