//! The operator as a file describes it: what else is installed of it, and what its webhook is asked about.

use std::collections::BTreeSet;

use datakit_policy_host::manifest;
use datakit_policy_host::settings::{Form, ObjectName, name_of};
use serde_json::{Value, json};

use super::Level;
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
        if !matches!(file.found.form, Form::ConfigMap(_)) {
            return Ok(operator);
        }
        for document in manifest::read(&file.name, &file.text) {
            let object = document?.object;
            let name = name_of(&object);
            if let Some(webhook) = Webhook::of(&object, &name) {
                operator.webhook = Some(webhook);
            } else if name.name.starts_with("datakit-operator") {
                operator.objects.push(name);
            } else {
                operator.others.push(name);
            }
        }
        Ok(operator)
    }

    /// What its webhook is asked about; workloads where that is not known.
    pub fn level(&self) -> Level {
        match &self.webhook {
            Some(webhook) if !webhook.has_workloads() && webhook.resources.contains("pods") => {
                Level::Pods
            }
            _ => Level::Workloads,
        }
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
