//! The operator as a file describes it: what else is installed of it, and what its webhook is asked about.

use std::collections::BTreeSet;

use datakit_policy_host::manifest;
use datakit_policy_host::settings::{Form, ObjectName, name_of};
use datakit_policy_host::yaml::{self, DuplicateKeys};
use serde_json::{Value, json};

use super::Level;
use super::version::Version;
use crate::Failure;
use crate::settings::SettingsFile;

/// The resources that the policy knows as workloads, with their API groups.
pub const WORKLOADS: [(&str, &str); 6] = [
    ("apps", "deployments"),
    ("apps", "daemonsets"),
    ("apps", "statefulsets"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
];

/// What a file says about the operator besides its settings.
#[derive(Default)]
pub struct Operator {
    /// Its objects but for the webhook, in the order of the file.
    pub objects: Vec<ObjectName>,
    /// Objects of the file that are not the operator's.
    pub others: Vec<ObjectName>,
    pub webhook: Option<Webhook>,
    /// By the tag of its image.
    pub version: Option<Version>,
    /// The variables of its Deployment.
    pub variables: Vec<Variable>,
}

/// A variable of the operator's Deployment.
#[derive(Default)]
pub struct Variable {
    pub name: String,
    /// None where it has its value from elsewhere.
    pub value: Option<String>,
    /// The ConfigMap that it has its value from, and the key there.
    pub config_map: Option<String>,
    pub key: Option<String>,
}

impl Variable {
    /// A value that the operator took for none.
    pub fn is_empty(&self) -> bool {
        self.value.as_deref() == Some("")
    }
}

/// The operator's webhook.
pub struct Webhook {
    /// The object that registers it.
    pub configuration: String,
    /// Whether the object registers other webhooks too.
    pub is_shared: bool,
    pub resources: BTreeSet<String>,
    pub operations: BTreeSet<String>,
    /// Requirements of `namespaceSelector`, as expressions.
    pub namespaces: Vec<Value>,
    /// Requirements of `objectSelector`, as expressions.
    pub objects: Vec<Value>,
    pub conditions: Option<Value>,
    pub timeout_seconds: Option<u64>,
    pub failure_policy: Option<String>,
}

impl Operator {
    /// Reads the objects of a file; one without objects says nothing.
    pub fn read(file: &SettingsFile) -> Result<Self, Failure> {
        let mut operator = Self::default();
        match file.found.form {
            Form::HelmValues => {
                operator.read_values(&yaml::single(&file.text, DuplicateKeys::Refuse)?)
            }
            Form::ConfigMap(_) => operator.read_objects(file)?,
            Form::Settings | Form::Policy(_) => {}
        }
        Ok(operator)
    }

    /// The values of its chart.
    fn read_values(&mut self, values: &Value) {
        let tag = values.pointer("/image/tag").and_then(Value::as_str);
        self.version = tag.and_then(|tag| tag.parse().ok());
        self.variables = match &values["env"] {
            Value::Object(entries) => entries
                .iter()
                .map(|(name, value)| named(name, value))
                .collect(),
            Value::Array(entries) => entries.iter().map(variable).collect(),
            _ => Vec::new(),
        };
    }

    fn read_objects(&mut self, file: &SettingsFile) -> Result<(), Failure> {
        for document in manifest::read(&file.name, &file.text) {
            let object = document?.object;
            let name = name_of(&object);
            if let Some(webhook) = Webhook::of(&object, &name) {
                self.webhook = Some(webhook);
            } else if name.name.starts_with("datakit-operator") {
                if name.kind == "Deployment" {
                    self.read_deployment(&object);
                }
                self.objects.push(name);
            } else {
                self.others.push(name);
            }
        }
        Ok(())
    }

    fn read_deployment(&mut self, deployment: &Value) {
        let containers = deployment.pointer("/spec/template/spec/containers");
        for container in containers.and_then(Value::as_array).into_iter().flatten() {
            let image = container["image"].as_str().unwrap_or_default();
            self.version = self.version.or_else(|| Version::of_image(image));
            let env = container["env"].as_array();
            self.variables
                .extend(env.into_iter().flatten().map(variable));
        }
    }

    /// What its webhook is asked about. Where that is not known: pods, as in all releases since 1.3.
    pub fn level(&self) -> Level {
        match &self.webhook {
            Some(webhook) if webhook.has_workloads() => Level::Workloads,
            None if self
                .version
                .is_some_and(|version| !version.is_since((1, 3))) =>
            {
                Level::Workloads
            }
            _ => Level::Pods,
        }
    }

    /// Whether it is of this release or a later one, if its version or its settings say so.
    pub fn is_since(&self, release: (u32, u32), settings: &Value) -> Option<bool> {
        match self.version {
            Some(version) => Some(version.is_since(release)),
            None => {
                let has_rules = settings.get("admission_inject_v2").is_some();
                // Operator 1.7 is the first that knows them.
                (has_rules && release <= (1, 7)).then_some(true)
            }
        }
    }
}

/// An item of a container's `env`.
fn variable(entry: &Value) -> Variable {
    let name = entry["name"].as_str().unwrap_or_default();
    let source = entry.pointer("/valueFrom/configMapKeyRef");
    let part = |key| Some(source?.get(key)?.as_str()?.to_owned());
    let value = entry["value"].as_str();
    Variable {
        name: name.to_owned(),
        // One without a value is empty.
        value: value
            .or_else(|| entry.get("valueFrom").is_none().then_some(""))
            .map(str::to_owned),
        config_map: part("name"),
        key: part("key"),
    }
}

/// An entry of the chart's `env`, where that is an object.
fn named(name: &str, value: &Value) -> Variable {
    let value = match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Variable {
        name: name.to_owned(),
        value,
        ..Variable::default()
    }
}

impl Webhook {
    fn of(object: &Value, name: &ObjectName) -> Option<Self> {
        if name.kind != "MutatingWebhookConfiguration" {
            return None;
        }
        let webhooks = object.get("webhooks").and_then(Value::as_array)?;
        let webhook = webhooks.iter().find(|webhook| is_the_operators(webhook))?;
        let of_rules = |key: &str| texts(webhook, "rules", key);
        Some(Self {
            configuration: name.name.clone(),
            is_shared: webhooks.len() > 1,
            resources: of_rules("resources"),
            operations: of_rules("operations"),
            namespaces: expressions(webhook.get("namespaceSelector")),
            objects: expressions(webhook.get("objectSelector")),
            conditions: webhook.get("matchConditions").cloned(),
            timeout_seconds: webhook.get("timeoutSeconds").and_then(Value::as_u64),
            failure_policy: webhook
                .get("failurePolicy")
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
    }

    pub fn has_workloads(&self) -> bool {
        WORKLOADS
            .iter()
            .any(|(_, resource)| self.resources.contains(*resource))
    }
}

fn is_the_operators(webhook: &Value) -> bool {
    let service = webhook.pointer("/clientConfig/service/name");
    let service = service.and_then(Value::as_str).unwrap_or_default();
    webhook["name"] == "mutation.datakit.svc" || service.starts_with("datakit-operator")
}

fn texts(webhook: &Value, list: &str, key: &str) -> BTreeSet<String> {
    let items = webhook.get(list).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(|item| item.get(key)?.as_array())
        .flatten()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

/// The requirements of a label selector, all as expressions.
fn expressions(selector: Option<&Value>) -> Vec<Value> {
    let part = |key| selector.and_then(|selector| selector.get(key));
    let labels = part("matchLabels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    let expressions = part("matchExpressions").and_then(Value::as_array);
    labels
        .map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}))
        .chain(expressions.into_iter().flatten().cloned())
        .collect()
}
