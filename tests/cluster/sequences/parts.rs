//! Templates and settings that the sequences are made of.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use datakit_policy_cluster::api_server::root;
use datakit_policy_cluster::sequence::Step;
use serde_json::{Map, Value, json};

/// A template with one container, `app`, that grows.
#[derive(Clone)]
pub struct Template(Value);

impl From<Template> for Value {
    fn from(template: Template) -> Self {
        template.0
    }
}

/// A template that asks for nothing.
pub fn plain() -> Template {
    Template(json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "image": "web:1"}]},
    }))
}

/// A template that asks for an agent of a language.
pub fn agent(language: &str) -> Template {
    plain().annotation(&format!("admission.datakit/{language}-lib.version"), "")
}

pub fn java() -> Template {
    agent("java")
}

/// A template that asks for the agent, a log sidecar and a profiler.
pub fn everything() -> Template {
    java()
        .annotation("admission.datakit/java-profiler.version", "")
        .logs("/data/log/*.log")
}

impl Template {
    fn metadata(&mut self, key: &str) -> &mut Map<String, Value> {
        let metadata = self.0["metadata"].as_object_mut().unwrap();
        let entry = metadata.entry(key).or_insert_with(|| json!({}));
        entry.as_object_mut().unwrap()
    }

    fn spec(&mut self) -> &mut Value {
        &mut self.0["spec"]
    }

    /// The last container: what is said next is said of it.
    fn last(&mut self) -> &mut Value {
        let containers = self.spec()["containers"].as_array_mut().unwrap();
        containers.last_mut().unwrap()
    }

    fn push(&mut self, list: &str, entry: Value) {
        let list = &mut self.last()[list];
        if list.is_null() {
            *list = json!([]);
        }
        list.as_array_mut().unwrap().push(entry);
    }

    fn push_to_spec(&mut self, list: &str, entry: Value) {
        let list = &mut self.spec()[list];
        if list.is_null() {
            *list = json!([]);
        }
        list.as_array_mut().unwrap().push(entry);
    }

    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.metadata("annotations")
            .insert(key.to_owned(), json!(value));
        self
    }

    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.metadata("labels").insert(key.to_owned(), json!(value));
        self
    }

    pub fn without_annotation(mut self, key: &str) -> Self {
        self.metadata("annotations").shift_remove(key);
        self
    }

    /// The key `annotations` leaves the manifest.
    pub fn without_annotations(mut self) -> Self {
        let metadata = self.0["metadata"].as_object_mut().unwrap();
        metadata.shift_remove("annotations");
        self
    }

    pub fn logs(self, path: &str) -> Self {
        let instances = json!([{
            "datakit_addr": "datakit-service.datakit.svc:9533",
            "loggings": [{"logfiles": [path], "source": "web"}],
        }]);
        self.annotation("admission.datakit/logfwd.instances", &instances.to_string())
    }

    pub fn image(mut self, image: &str) -> Self {
        self.last()["image"] = json!(image);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.push("env", json!({"name": name, "value": value}));
        self
    }

    pub fn env_from(mut self, name: &str, source: Value) -> Self {
        self.push("env", json!({"name": name, "valueFrom": source}));
        self
    }

    /// From a key of a ConfigMap, which need not be there.
    pub fn env_from_map(self, name: &str) -> Self {
        let source =
            json!({"configMapKeyRef": {"name": "settings", "key": "key", "optional": true}});
        self.env_from(name, source)
    }

    pub fn container(mut self, name: &str) -> Self {
        self.push_to_spec("containers", json!({"name": name, "image": "web:1"}));
        self
    }

    /// A container before those that are there.
    pub fn container_in_front(mut self, name: &str) -> Self {
        let containers = self.spec()["containers"].as_array_mut().unwrap();
        containers.insert(0, json!({"name": name, "image": "web:1"}));
        self
    }

    pub fn init_container(mut self, name: &str) -> Self {
        self.push_to_spec("initContainers", json!({"name": name, "image": "setup:1"}));
        self
    }

    pub fn volume(mut self, name: &str, source: Value) -> Self {
        let mut volume = source;
        volume["name"] = json!(name);
        self.push_to_spec("volumes", volume);
        self
    }

    pub fn claim(self, name: &str) -> Self {
        self.volume(
            name,
            json!({"persistentVolumeClaim": {"claimName": "data"}}),
        )
    }

    pub fn empty_dir(self, name: &str) -> Self {
        self.volume(name, json!({"emptyDir": {}}))
    }

    pub fn mount(mut self, name: &str, path: &str) -> Self {
        self.push("volumeMounts", json!({"name": name, "mountPath": path}));
        self
    }

    pub fn container_field(mut self, key: &str, value: Value) -> Self {
        self.last()[key] = value;
        self
    }

    pub fn field(mut self, key: &str, value: Value) -> Self {
        self.spec()[key] = value;
        self
    }
}

pub fn apply(template: impl Into<Value>) -> Step {
    Step::Apply(template.into())
}

pub fn apply_while_away(template: impl Into<Value>) -> Step {
    Step::ApplyWhileAway(template.into())
}

pub fn put(template: impl Into<Value>) -> Step {
    Step::Put(template.into())
}

pub fn settings(settings: &Arc<Value>) -> Step {
    Step::Settings(settings.clone())
}

pub fn journal(text: &str) -> Step {
    Step::Journal(Some(text.to_owned()))
}

pub const NO_JOURNAL: Step = Step::Journal(None);
pub const RESTART: Step = run("rollout restart @");

/// A command of kubectl's, with the object in the place of `@`.
pub const fn run(command: &'static str) -> Step {
    Step::Run(Cow::Borrowed(command))
}

/// The settings of `policy-settings/default.json`, with an image for every language.
pub static DEFAULT: LazyLock<Arc<Value>> = LazyLock::new(|| {
    let file = root().join("policy-settings/default.json");
    let mut settings: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let images = &mut settings["admission_inject"]["ddtrace"]["images"];
    for language in ["python", "js", "php"] {
        images[format!("{language}_agent_image")] = json!(format!("example.com/{language}:1"));
    }
    Arc::new(settings)
});

/// What an administrator rolls out: other images, one variable more, one less, another value.
pub static NEWER: LazyLock<Arc<Value>> = LazyLock::new(|| {
    let mut settings = Value::clone(&DEFAULT);
    let inject = &mut settings["admission_inject"];
    inject["ddtrace"]["images"]["java_agent_image"] = json!("example.com/java:2");
    inject["logfwd"]["images"]["logfwd_image"] = json!("example.com/logfwd:2");
    inject["profiler"]["images"]["java_profiler_image"] = json!("example.com/profiler:2");
    let envs = inject["ddtrace"]["envs"].as_object_mut().unwrap();
    envs.shift_remove("DD_JMXFETCH_STATSD_PORT");
    envs.insert("DD_ENV".to_owned(), json!("prod"));
    envs.insert("DD_AGENT_HOST".to_owned(), json!("other.datakit.svc"));
    // Not in the form in which Kubernetes keeps quantities.
    inject["ddtrace"]["resources"] = json!({
        "requests": {"cpu": "0.1", "memory": "1024Mi"},
        "limits": {"cpu": "1000m", "memory": "2048Mi"},
    });
    Arc::new(settings)
});

/// Nothing is injected any more.
pub static NOTHING: LazyLock<Arc<Value>> = LazyLock::new(|| Arc::new(json!({})));

/// Rules of the second format, for everything without an annotation.
pub static RULES: LazyLock<Arc<Value>> = LazyLock::new(|| Arc::new(rules("1")));

/// The same rules, with other images.
pub static NEWER_RULES: LazyLock<Arc<Value>> = LazyLock::new(|| Arc::new(rules("2")));

fn rules(version: &str) -> Value {
    let log_configs = json!([{"type": "file", "path": "/data/log/*.log", "source": "web"}]);
    let processes = json!([{"service": "web", "language": "java", "command": "java"}]);
    json!({
        "admission_inject_v2": {
            "ddtraces": [{
                "namespace_selectors": ["*"],
                "language": "java",
                "image": format!("example.com/java:{version}"),
                "envs": {
                    "DD_SERVICE": "{fieldRef:metadata.labels['app']}",
                    "DD_API_KEY": "{secretKeyRef:keys.api}",
                    "DD_CPU": "{resourceFieldRef:limits.cpu}",
                },
            }],
            "logfwds": [{
                "namespace_selectors": ["*"],
                "image": format!("example.com/logfwd:{version}"),
                "log_configs": log_configs.to_string(),
                "log_volume_paths": ["/data/log"],
            }],
            "flameshots": [{
                "namespace_selectors": ["*"],
                "image": format!("example.com/flameshot:{version}"),
                "envs": {"FLAMESHOT_PROFILING_PATH": "/flameshot", "FLAMESHOT_HTTP_LOCAL_PORT": "8089"},
                "enable_prometheus_annotations": true,
                "processes": processes.to_string(),
            }],
            "profilers": [{
                "namespace_selectors": ["*"],
                "language": "java",
                "image": format!("example.com/profiler:{version}"),
            }],
        },
        "admission_mutate": {"loggings": [{
            "namespace_selectors": ["*"],
            "config": json!([{"type": "file", "path": "/data/out/*.log", "source": "out"}]).to_string(),
        }]},
    })
}
