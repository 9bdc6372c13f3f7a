//! What `preview` and `explain` share: the objects that they look at, and the policy's answer to each.

use std::collections::{BTreeMap, BTreeSet};

use datakit_operator_policy::features;
use datakit_policy_host::manifest::{Document, Source};
use datakit_policy_host::policy::{self, LogLine};
use datakit_policy_host::request::{self, AdmissionRequest, Context, RequestError};
use serde_json::{Value, json};

use crate::live::{Before, Live};
use crate::order::in_order_of;
use crate::policies::{Doubted, Policies, Said};
use crate::{Failure, journal, shape};

/// What is done to objects.
pub enum Operation {
    /// They are new.
    Create,
    /// They are there already, with another pod template.
    Update,
    /// Those that are there are updated; the others are new.
    Apply(Live),
}

/// Policies with settings that they take.
pub struct Session {
    policies: Policies,
    namespace: String,
    operation: Operation,
}

/// An object, and what the policy says about it.
pub struct Answer {
    pub source: Source,
    pub kind: String,
    /// None for what lives in none.
    pub namespace: Option<String>,
    /// None where the server is to generate it.
    pub name: Option<String>,
    pub object: Value,
    pub before: Before,
    /// The object as it is in the cluster, where that is known.
    pub old: Option<Value>,
    /// The features that it had by the journals in it and in the object before.
    pub had: BTreeSet<String>,
    pub outcome: Outcome,
    /// The path of what the outcome is about, where it is about a part of the object.
    pub field: Option<String>,
    pub warnings: Vec<String>,
    /// The audit annotations: feature by feature, what was injected.
    pub injected: BTreeMap<String, String>,
    pub logs: Vec<LogLine>,
    /// What cannot be told without the cluster.
    pub doubts: Vec<Doubted>,
    /// Those of the warnings that are not the policy's own.
    pub remarks: Vec<String>,
}

/// What becomes of an object.
pub enum Outcome {
    /// The object as the policy wants it, in the user's order.
    Injected(Value),
    /// Likewise, without what was injected into it once.
    Uninjected(Value),
    /// An update after which the template is what it was before. The object as it is then, where it came otherwise.
    Kept(Option<Value>),
    /// A workload that nothing is injected into, and why where the policy leaves it alone as a whole.
    Unchanged(Option<String>),
    /// It runs no pods, so the policy is not asked.
    NoWorkload,
    /// The API server does not ask the policy; the reason.
    NotAsked(String),
    /// A policy, the policy server or the API server refuses it, or it is malformed; the reason.
    Refused(String),
}

impl Session {
    /// `namespace` is that of objects which name none.
    pub fn new(policies: Policies, namespace: &str, operation: Operation) -> Self {
        Self {
            policies,
            namespace: namespace.to_owned(),
            operation,
        }
    }

    /// Asks the policies about an object.
    ///
    /// # Errors
    /// Where the policy cannot be started.
    pub fn ask(&self, document: Document) -> Result<Answer, Failure> {
        let (request, before) = self.request(&document.object)?;
        let mut answer = Answer::new(document, &request, before);
        if !request::is_workload(&answer.object) {
            answer.warnings.extend(shape::not_seen(&answer.object));
            return Ok(answer);
        }
        let heard = self.policies.ask(request)?;
        answer.logs = heard.logs;
        answer.doubts = heard.doubts;
        match heard.said {
            Said::Answer(said) => answer.take(said),
            Said::NotAsked(reason) => answer.outcome = Outcome::NotAsked(reason),
            Said::Refused(reason) => answer.outcome = Outcome::Refused(reason),
        }
        if matches!(answer.outcome, Outcome::Unchanged(_) | Outcome::NotAsked(_))
            && let Some(problem) = shape::malformed(&answer.object)
        {
            answer.outcome = Outcome::Refused(problem.message);
            answer.field = Some(problem.field);
        }
        answer.warnings.extend(heard.remarks.iter().cloned());
        answer.remarks = heard.remarks;
        Ok(answer)
    }

    /// The request for an object: where it is in the cluster already, an UPDATE.
    fn request(&self, object: &Value) -> Result<(AdmissionRequest, Before), RequestError> {
        let request = |operation, old_object| {
            let context = Context {
                namespace: self.namespace.clone(),
                operation,
                old_object,
            };
            AdmissionRequest::for_object(object, &context)
        };
        let created = request(request::Operation::Create, None)?;
        let (old, before) = match &self.operation {
            _ if !request::is_workload(object) => return Ok((created, Before::Unknown)),
            Operation::Create => return Ok((created, Before::Unknown)),
            Operation::Update => (with_another_template(object), Before::Unknown),
            Operation::Apply(live) => match live.find(&created) {
                Some(old) => (old.clone(), Before::of_update(old, object)),
                None => return Ok((created, Before::Absent)),
            },
        };
        Ok((request(request::Operation::Update, Some(old))?, before))
    }
}

impl Answer {
    fn new(document: Document, request: &AdmissionRequest, before: Before) -> Self {
        let Document { source, object } = document;
        let mut had = journal::features(&object);
        had.extend(request.old_object.iter().flat_map(journal::features));
        Self {
            source,
            kind: request.kind.kind.clone(),
            namespace: request.namespace.clone(),
            name: request.name.clone(),
            object,
            before,
            old: request.old_object.clone().filter(|_| before.is_known()),
            had,
            outcome: Outcome::NoWorkload,
            field: None,
            warnings: Vec::new(),
            injected: BTreeMap::new(),
            logs: Vec::new(),
            doubts: Vec::new(),
            remarks: Vec::new(),
        }
    }

    fn take(&mut self, said: policy::Answer) {
        self.warnings = said.warnings.unwrap_or_default();
        self.injected = said.audit_annotations.unwrap_or_default();
        self.outcome = if said.accepted {
            self.outcome_of(said.mutated_object)
        } else {
            Outcome::Refused(said.message.unwrap_or_default())
        };
    }

    fn outcome_of(&self, mutated: Option<Value>) -> Outcome {
        let after = mutated
            .filter(|after| *after != self.object)
            .map(|after| in_order_of(&self.object, after));
        let old = self.old.as_ref().and_then(journal::template);
        let template = journal::template(after.as_ref().unwrap_or(&self.object));
        if old.is_some() && old == template {
            return Outcome::Kept(after);
        }
        match after {
            Some(after) if self.injected.is_empty() && !self.had.is_empty() => {
                Outcome::Uninjected(after)
            }
            Some(after) => Outcome::Injected(after),
            None => Outcome::Unchanged(self.reason()),
        }
    }

    /// Why nothing is injected into the object as a whole, if there is a reason.
    fn reason(&self) -> Option<String> {
        let said = self.said_of_it(&["reason"]);
        let is_injected = !journal::features(&self.object).is_empty();
        said.or_else(|| is_injected.then(|| "injected already".to_owned()))
    }

    /// What the policy says about the object, rather than about a feature, in lines of these events.
    fn said_of_it(&self, events: &[&str]) -> Option<String> {
        let is_wanted = |line: &&LogLine| {
            line.field("feature") == Some(OBJECT)
                && line
                    .field("event")
                    .is_some_and(|event| events.contains(&event))
        };
        let lines: Vec<&str> = self
            .logs
            .iter()
            .filter(is_wanted)
            .map(|line| line.message.as_str())
            .collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }

    /// What the policy says about an update of a known object.
    pub fn update(&self) -> Option<String> {
        if !self.before.is_known() {
            return None;
        }
        let said = self.said_of_it(&["reason", "update"]);
        said.or_else(|| {
            matches!(self.outcome, Outcome::Kept(_))
                .then(|| "the template is the same as before".to_owned())
        })
    }

    /// The object as it would be; none where it is refused.
    pub fn result(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Injected(after) | Outcome::Uninjected(after) | Outcome::Kept(Some(after)) => {
                Some(after)
            }
            Outcome::Kept(None)
            | Outcome::Unchanged(_)
            | Outcome::NotAsked(_)
            | Outcome::NoWorkload => Some(&self.object),
            Outcome::Refused(_) => None,
        }
    }

    /// What the object is: `Deployment shop/web`.
    pub fn title(&self) -> String {
        let name = self.name.as_deref().unwrap_or("(no name)");
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{name}", self.kind),
            None => format!("{} {name}", self.kind),
        }
    }

    /// What was injected by which feature, in the order in which the policy goes through them.
    pub fn injected(&self) -> impl Iterator<Item = (&str, &str)> {
        let place = |feature: &str| features::NAMES.iter().position(|known| *known == feature);
        let mut injected: Vec<_> = self.injected.iter().collect();
        injected.sort_by_key(|(feature, _)| place(feature).unwrap_or(usize::MAX));
        injected
            .into_iter()
            .map(|(feature, what)| (feature.as_str(), what.as_str()))
    }

    /// What the object is, and where it stands.
    pub fn place(&self) -> String {
        format!("{}: {}", self.title(), self.source)
    }
}

/// What the policy's lines about the object as a whole have in the field `feature`.
pub const OBJECT: &str = "policy";

/// The object with an empty template: whatever is in the new one, it differs from that.
fn with_another_template(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(template) = journal::template_mut(&mut object) {
        *template = json!({});
    }
    object
}
