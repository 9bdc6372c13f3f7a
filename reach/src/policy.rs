//! A policy's resource, but for its settings.

use serde_json::Value;

use crate::condition::{Condition, Evaluated};
use crate::question::{Namespaces, Question, labels_of};
use crate::read::{Problem, Reader};
use crate::rule::Rule;
use crate::selector::{Fit, Labels, Selector};
use crate::verdict::{Doubt, Reason, Verdict};

/// What a policy server does with a policy's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It counts.
    Protect,
    /// It is logged, and the object stays as it is.
    Monitor,
}

/// What the API server does where the policy cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It refuses the request.
    Fail,
    /// It goes on without the policy.
    Ignore,
}

/// A ClusterAdmissionPolicy or an AdmissionPolicy.
#[derive(Debug)]
pub struct Policy {
    name: String,
    /// The namespace of an AdmissionPolicy.
    namespace: Option<String>,
    /// What becomes of its answers.
    pub mode: Mode,
    /// Whether it may change objects.
    pub is_mutating: bool,
    /// Whether it may ask the cluster for Namespaces.
    pub sees_namespaces: bool,
    failure_policy: FailurePolicy,
    rules: Vec<Rule>,
    namespace_selector: Selector,
    object_selector: Selector,
    conditions: Vec<Condition>,
}

impl Policy {
    /// Reads a resource; `namespace` is that of an AdmissionPolicy that names none.
    ///
    /// # Errors
    /// All that is wrong with it, but for its settings.
    pub fn read(resource: &Value, namespace: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let policy = read(&mut Reader::new(&mut problems), resource, namespace);
        if problems.is_empty() {
            Ok(policy)
        } else {
            Err(problems)
        }
    }

    /// What it is called: `ClusterAdmissionPolicy workloads`.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("AdmissionPolicy {namespace}/{}", self.name),
            None => format!("ClusterAdmissionPolicy {}", self.name),
        }
    }

    /// The name of its webhook configuration: the API server asks them in the order of these.
    #[must_use]
    pub fn webhook(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("namespaced-{namespace}-{}", self.name),
            None => format!("clusterwide-{}", self.name),
        }
    }

    /// Whether the API server asks the policy.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>, namespaces: &Namespaces) -> Verdict {
        let mut doubts = Vec::new();
        match self.matches(question, namespaces, &mut doubts) {
            Err(reason) => Verdict::NotAsked(reason),
            Ok(()) => self.meets_conditions(question, doubts),
        }
    }

    fn matches(
        &self,
        question: &Question<'_>,
        namespaces: &Namespaces,
        doubts: &mut Vec<Doubt>,
    ) -> Result<(), Reason> {
        if let Some(own) = &self.namespace
            && question.namespace != Some(own)
        {
            return Err(Reason::OtherNamespace { own: own.clone() });
        }
        if !self.rules.iter().any(|rule| rule.is_for(question)) {
            return Err(Reason::Rules {
                wanted: wanted(question),
            });
        }
        // What lives in no namespace meets every namespaceSelector.
        if let Some(namespace) = question.namespace {
            match self.namespace_selector.fit(&namespaces.labels(namespace)) {
                Fit::Yes => {}
                Fit::No(requirement) => return Err(Reason::NamespaceSelector(requirement)),
                Fit::Unknown(requirement) => doubts.push(Doubt::NamespaceLabels {
                    namespace: namespace.to_owned(),
                    requirement,
                }),
            }
        }
        self.selects(question.object).or_else(|reason| {
            // One that is selected no longer is still asked about once.
            let old = question.old_object.ok_or_else(|| reason.clone())?;
            self.selects(old).map_err(|_| reason)
        })
    }

    fn selects(&self, object: &Value) -> Result<(), Reason> {
        let labels = Labels {
            labels: labels_of(object),
            are_all: true,
        };
        match self.object_selector.fit(&labels) {
            Fit::Yes => Ok(()),
            Fit::No(requirement) | Fit::Unknown(requirement) => {
                Err(Reason::ObjectSelector(requirement))
            }
        }
    }

    /// One that is false counts before one that fails.
    fn meets_conditions(&self, question: &Question<'_>, mut doubts: Vec<Doubt>) -> Verdict {
        let mut failed = None;
        for condition in &self.conditions {
            let name = || condition.name.clone();
            match condition.evaluate(question) {
                Evaluated::True => {}
                Evaluated::False => {
                    return Verdict::NotAsked(Reason::Condition {
                        name: name(),
                        expression: condition.expression.clone(),
                    });
                }
                Evaluated::Error(error) => {
                    failed = failed.or(Some(Reason::ConditionFails {
                        name: name(),
                        error,
                    }));
                }
                Evaluated::Beyond(error) => doubts.push(Doubt::Beyond {
                    name: name(),
                    error,
                }),
            }
            if condition.asks_who() {
                doubts.push(Doubt::Who { name: name() });
            }
        }
        match (failed, self.failure_policy) {
            (None, _) => Verdict::Asked(doubts),
            (Some(reason), FailurePolicy::Ignore) => Verdict::NotAsked(reason),
            (Some(reason), FailurePolicy::Fail) => Verdict::Refused(reason),
        }
    }
}

fn read(reader: &mut Reader<'_>, resource: &Value, namespace: &str) -> Policy {
    let metadata = &resource["metadata"];
    let name = reader.at("metadata", |reader| reader.text(metadata, "name"));
    let is_cluster_wide = resource["kind"] == "ClusterAdmissionPolicy";
    let own = || {
        metadata["namespace"]
            .as_str()
            .unwrap_or(namespace)
            .to_owned()
    };
    let spec = &resource["spec"];
    reader.at("spec", |reader| {
        let mutating = &spec["mutating"];
        if !mutating.is_boolean() {
            reader.problem("mutating", "must be true or false".to_owned());
        }
        let conditions = items(reader, spec, "matchConditions", Condition::read);
        let rules = items(reader, spec, "rules", Rule::read);
        if rules.is_empty() {
            reader.problem(
                "rules",
                "it has none, so the policy is never asked".to_owned(),
            );
        }
        let mode = reader.word(spec, "mode", &["protect", "monitor"]);
        let failure_policy = reader.word(spec, "failurePolicy", &["Fail", "Ignore"]);
        Policy {
            name: name.unwrap_or_default(),
            namespace: (!is_cluster_wide).then(own),
            mode: if mode == "monitor" {
                Mode::Monitor
            } else {
                Mode::Protect
            },
            is_mutating: *mutating == true,
            sees_namespaces: is_cluster_wide && sees_namespaces(reader, spec),
            failure_policy: if failure_policy == "Ignore" {
                FailurePolicy::Ignore
            } else {
                FailurePolicy::Fail
            },
            rules,
            namespace_selector: namespace_selector(reader, spec, is_cluster_wide),
            object_selector: reader.at("objectSelector", |reader| {
                Selector::read(reader, &spec["objectSelector"])
            }),
            conditions: conditions.into_iter().flatten().collect(),
        }
    })
}

fn sees_namespaces(reader: &mut Reader<'_>, spec: &Value) -> bool {
    let resources = reader.list(spec, "contextAwareResources");
    let is_namespace =
        |resource: &Value| resource["apiVersion"] == "v1" && resource["kind"] == "Namespace";
    resources.iter().any(is_namespace)
}

fn namespace_selector(reader: &mut Reader<'_>, spec: &Value, is_cluster_wide: bool) -> Selector {
    const KEY: &str = "namespaceSelector";
    let selector = &spec[KEY];
    if selector.is_null() {
        return Selector::default();
    }
    if !is_cluster_wide {
        let message =
            "an AdmissionPolicy does not have it, because it applies to its own namespace";
        reader.problem(KEY, message.to_owned());
    } else if !selector["matchLabels"].is_null() {
        let message = "Kubewarden's controller silently drops it; use matchExpressions";
        reader.at(KEY, |reader| {
            reader.problem("matchLabels", message.to_owned())
        });
    }
    reader.at(KEY, |reader| Selector::read(reader, selector))
}

/// The items of a list, each read where it stands.
fn items<T>(
    reader: &mut Reader<'_>,
    of: &Value,
    key: &str,
    read: impl Fn(&mut Reader<'_>, &Value) -> T,
) -> Vec<T> {
    let mut found = Vec::new();
    for (index, item) in reader.list(of, key).iter().enumerate() {
        found.push(reader.at(&format!("{key}[{index}]"), |reader| read(reader, item)));
    }
    found
}

fn wanted(question: &Question<'_>) -> String {
    let Question {
        operation,
        group,
        version,
        resource,
        ..
    } = question;
    match *group {
        "" => format!("{operation} of {version} {resource}"),
        group => format!("{operation} of {group}/{version} {resource}"),
    }
}
