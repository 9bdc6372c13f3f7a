//! The policy as an object of Kubewarden, in the form of the manifests in `deploy/`.

use std::collections::BTreeMap;

use datakit_policy_host::yaml::{self, Comments, Content, DuplicateKeys, Node, pointer_key};
use serde_json::{Value, json};

use super::Level;
use super::operator::{Operator, WORKLOADS, Webhook};
use crate::Failure;
use crate::settings::SettingsFile;

/// How long the API server may be told to wait, by the definition of the resource.
const TIMEOUTS: std::ops::RangeInclusive<u64> = 2..=30;

/// A ClusterAdmissionPolicy, and the comments on it.
pub struct Resource {
    pub level: Level,
    pub object: Value,
    pub comments: Comments,
}

impl Resource {
    /// The manifest of `deploy/` for this level, with what the operator was told.
    pub fn new(level: Level, operator: &Operator, settings: &Value) -> Result<Self, Failure> {
        let text = match level {
            Level::Workloads => include_str!("../../../deploy/workloads.yaml"),
            Level::Pods => include_str!("../../../deploy/pods.yaml"),
        };
        let mut object = yaml::single(text, DuplicateKeys::Refuse)?;
        let mut comments = Comments::default();
        for (pointer, comment) in comments_of(text) {
            // Those are about the file and its settings.
            if pointer != "/apiVersion" && !pointer.starts_with("/spec/settings") {
                comments.add(&pointer, comment);
            }
        }
        object["spec"]["settings"] = Value::Null;
        let mut resource = Self {
            level,
            object,
            comments,
        };
        if let Some(webhook) = &operator.webhook {
            resource.carry_over(webhook, operator.level());
        }
        resource.set_settings(settings);
        Ok(resource)
    }

    pub fn set_name(&mut self, name: &str) {
        self.object["metadata"]["name"] = json!(name);
    }

    pub fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub fn set_module(&mut self, module: &str) {
        self.object["spec"]["module"] = json!(module);
    }

    /// Says at the top what this is.
    pub fn describe(&mut self, file: &SettingsFile) {
        let into = match self.level {
            Level::Workloads => "the pod templates of workloads",
            Level::Pods => "pods",
        };
        self.comments.add(
            "/apiVersion",
            format!(
                "Injects into {into} what the Datakit Operator was told to inject by {} ({}).",
                file.found.form, file.name
            ),
        );
        self.comments.add(
            "/apiVersion",
            "Delete the operator's webhook before this is applied: a workload must not pass both.",
        );
    }

    /// The settings come last, as in `deploy/`.
    fn set_settings(&mut self, settings: &Value) {
        if let Some(spec) = self.object["spec"].as_object_mut() {
            spec.remove("settings");
            spec.insert("settings".to_owned(), settings.clone());
        }
    }

    fn carry_over(&mut self, webhook: &Webhook, asked: Level) {
        if self.level == asked {
            self.narrow_rules(webhook);
        }
        if let Some(seconds) = webhook.timeout_seconds {
            let seconds = seconds.clamp(*TIMEOUTS.start(), *TIMEOUTS.end());
            self.object["spec"]["timeoutSeconds"] = json!(seconds);
        }
        if webhook.failure_policy.as_deref() == Some("Fail") {
            self.object["spec"]["failurePolicy"] = json!("Fail");
            self.comments.add(
                "/spec/failurePolicy",
                "The operator's webhook has `Fail`, which is carried over: while the policy server is down, nothing \
                 that the policy is asked about can be created. Consider `Ignore`.",
            );
        }
        let from = "From the operator's webhook.";
        self.add_expressions("namespaceSelector", &webhook.namespaces, from);
        let about = match (asked == self.level, asked) {
            (true, _) => from,
            (false, Level::Workloads) => {
                "From the operator's webhook, where it is about the labels of workloads: pods need them too."
            }
            (false, Level::Pods) => {
                "From the operator's webhook, where it is about the labels of pods: workloads need them too."
            }
        };
        self.add_expressions("objectSelector", &webhook.objects, about);
        if let Some(conditions) = &webhook.conditions {
            self.object["spec"]["matchConditions"] = conditions.clone();
            self.comments.add("/spec/matchConditions", from);
        }
    }

    /// Leaves in the rules what the webhook is asked about.
    fn narrow_rules(&mut self, webhook: &Webhook) {
        let rules = &mut self.object["spec"]["rules"];
        let rules = rules.as_array_mut();
        for rule in rules.into_iter().flatten() {
            let group = rule["apiGroups"][0].as_str().unwrap_or_default().to_owned();
            if self.level == Level::Workloads && webhook.has_workloads() {
                let known = WORKLOADS.iter().filter(|(of, _)| *of == group);
                rule["resources"] = known
                    .map(|(_, resource)| *resource)
                    .filter(|resource| webhook.resources.contains(*resource))
                    .collect();
            }
            let is_asked = |operation: &Value| {
                let operations = &webhook.operations;
                let operation = operation.as_str().unwrap_or_default();
                operations.is_empty() || operations.contains("*") || operations.contains(operation)
            };
            if let Some(operations) = rule["operations"].as_array_mut() {
                operations.retain(is_asked);
            }
        }
        if let Some(rules) = self.object["spec"]["rules"].as_array_mut() {
            let is_empty = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
            rules.retain(|rule| !is_empty(&rule["resources"]) && !is_empty(&rule["operations"]));
        }
        self.name_what_is_left_out(webhook);
    }

    fn name_what_is_left_out(&mut self, webhook: &Webhook) {
        let is_known = |resource: &str| {
            resource == "*"
                || match self.level {
                    Level::Workloads => WORKLOADS.iter().any(|(_, known)| *known == resource),
                    Level::Pods => resource == "pods",
                }
        };
        let left_out: Vec<&str> = webhook
            .resources
            .iter()
            .map(String::as_str)
            .filter(|resource| !is_known(resource))
            .collect();
        if !left_out.is_empty() {
            let left_out = left_out.join(", ");
            self.comments.add(
                "/spec/rules",
                format!("The operator's webhook is asked about these too, which the policy leaves alone: {left_out}."),
            );
        }
    }

    fn add_expressions(&mut self, selector: &str, expressions: &[Value], comment: &str) {
        if expressions.is_empty() {
            return;
        }
        let list = &mut self.object["spec"][selector]["matchExpressions"];
        if list.is_null() {
            *list = json!([]);
        }
        let Some(list) = list.as_array_mut() else {
            return;
        };
        let first = format!("/spec/{selector}/matchExpressions/{}", list.len());
        list.extend(expressions.iter().cloned());
        self.comments.add(&first, comment);
    }
}

/// The comments of a manifest: those in lines of their own, by the key or item that they stand above.
fn comments_of(text: &str) -> Vec<(String, String)> {
    let mut places = BTreeMap::new();
    for node in yaml::nodes(text, DuplicateKeys::Refuse)
        .into_iter()
        .flatten()
    {
        collect_places(&node, String::new(), &mut places);
    }
    let mut comments = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(words) = line.trim_start().strip_prefix('#') {
            comment.push(words.trim());
        } else if let Some(pointer) = places.get(&(index + 1)) {
            if !comment.is_empty() {
                comments.push((pointer.clone(), comment.join(" ")));
            }
            comment.clear();
        }
    }
    comments
}

/// What begins in which line; the outermost where several do.
fn collect_places(node: &Node, pointer: String, places: &mut BTreeMap<usize, String>) {
    match &node.content {
        Content::Mapping(entries) => {
            for entry in entries {
                let pointer = format!("{pointer}/{}", pointer_key(&entry.key));
                places
                    .entry(entry.at.line)
                    .or_insert_with(|| pointer.clone());
                collect_places(&entry.node, pointer, places);
            }
        }
        Content::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let pointer = format!("{pointer}/{index}");
                places
                    .entry(item.at.line)
                    .or_insert_with(|| pointer.clone());
                collect_places(item, pointer, places);
            }
        }
        Content::Scalar { .. } => {}
    }
}
