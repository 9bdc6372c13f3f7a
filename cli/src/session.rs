//! What `preview` and `explain` share: the objects that they look at, and the policy's answer to each.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use datakit_operator_policy::features;
use datakit_policy_host::manifest::{Document, Source};
use datakit_policy_host::policy::{self, LogLine};
use datakit_policy_host::request::{self, AdmissionRequest, Context, RequestError};
use serde_json::{Value, json};

use crate::input::{Manifests, PolicyArgs};
use crate::live::{Before, Live};
use crate::namespaces::NamespaceArgs;
use crate::order::in_order_of;
use crate::policies::{Asked, Policies, Said};
use crate::settings::SettingsFile;
use crate::{Failure, input, journal, shape};

/// Said where nobody gave settings.
pub const NO_SETTINGS: &str = "note: without --settings the policy has nothing to inject";

/// Which objects, with which settings.
#[derive(clap::Args)]
pub struct Inputs {
    #[command(flatten)]
    manifests: Manifests,

    /// The policy's settings, recognised by their content: a file of settings (YAML or JSON), a ClusterAdmissionPolicy,
    /// or the operator's ConfigMap, release file or Helm values; - is standard input. Of a policy all counts: its
    /// rules, selectors and conditions too. Several policies, in one file or several, are asked in the API server's
    /// order
    #[arg(short, long, value_name = "FILE")]
    pub settings: Vec<String>,

    /// The namespace of objects that name none
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default", value_parser = input::namespace)]
    namespace: String,

    /// What is done to the objects
    #[arg(long, value_enum, ignore_case = true, default_value_t = Operation::Create)]
    operation: Operation,

    /// The objects as they are in the cluster, in files or folders, for an UPDATE of those that are there, by kind,
    /// namespace and name
    #[arg(long, value_name = "FILE", conflicts_with = "operation")]
    old: Vec<String>,

    #[command(flatten)]
    namespaces: NamespaceArgs,

    #[command(flatten)]
    policy: PolicyArgs,
}

impl Inputs {
    /// The documents of all files, in their order; for what cannot be read, the reason.
    pub fn documents(&self) -> Vec<Result<Document, Failure>> {
        self.manifests.documents()
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Operation {
    /// The objects are new
    #[value(name = "CREATE")]
    Create,
    /// The objects are there already, with another pod template
    #[value(name = "UPDATE")]
    Update,
}

/// Policies with settings that they take.
pub struct Session {
    policies: Policies,
    namespace: String,
    operation: Operation,
    /// None where nobody said how the objects are in the cluster.
    live: Option<Live>,
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
    /// The features that it had by the journals in it and in the object before.
    pub had: BTreeSet<String>,
    pub outcome: Outcome,
    pub warnings: Vec<String>,
    /// The audit annotations: feature by feature, what was injected.
    pub injected: BTreeMap<String, String>,
    pub logs: Vec<LogLine>,
    /// What cannot be told without the cluster.
    pub doubts: Vec<String>,
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
    /// Compiles the policy and asks it whether it takes the settings. It will log every decision. The labels of
    /// namespaces are those of the options, and of the Namespaces among the documents.
    pub fn open(args: &Inputs, documents: &[Result<Document, Failure>]) -> Result<Self, Failure> {
        let module = args.policy.compile()?;
        let mut all = Vec::new();
        for file in SettingsFile::read_all(&args.settings)? {
            all.push(Asked {
                resource: file.policy(&args.namespace)?,
                settings: at_debug(file.accepted_by(&module)?),
            });
        }
        if all.is_empty() {
            all.push(Asked {
                resource: None,
                settings: at_debug(json!({})),
            });
        }
        let mut namespaces = args.namespaces.read()?;
        for document in documents.iter().flatten() {
            namespaces.insert_object(&document.object);
        }
        let mut policies = Policies::new(module, all);
        policies.know(namespaces);
        Ok(Self {
            policies,
            namespace: args.namespace.clone(),
            operation: args.operation,
            live: match &args.old[..] {
                [] => None,
                files => Some(Live::read(files, &args.namespace)?),
            },
        })
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
        let old = request.old_object.clone();
        let heard = self.policies.ask(request)?;
        answer.logs = heard.logs;
        answer.doubts = heard.doubts;
        match heard.said {
            Said::Answer(said) => answer.take(said, old.as_ref()),
            Said::NotAsked(reason) => answer.outcome = Outcome::NotAsked(reason),
            Said::Refused(reason) => answer.outcome = Outcome::Refused(reason),
        }
        if matches!(answer.outcome, Outcome::Unchanged(_) | Outcome::NotAsked(_))
            && let Some(problem) = shape::malformed(&answer.object)
        {
            answer.outcome = Outcome::Refused(problem);
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
        let (old, before) = match (&self.live, self.operation) {
            _ if !request::is_workload(object) => return Ok((created, Before::Unknown)),
            (Some(live), _) => match live.find(&created) {
                Some(old) => (old.clone(), Before::of_update(old, object)),
                None => return Ok((created, Before::Absent)),
            },
            (None, Operation::Create) => return Ok((created, Before::Unknown)),
            (None, Operation::Update) => (with_another_template(object), Before::Unknown),
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
            had,
            outcome: Outcome::NoWorkload,
            warnings: Vec::new(),
            injected: BTreeMap::new(),
            logs: Vec::new(),
            doubts: Vec::new(),
            remarks: Vec::new(),
        }
    }

    fn take(&mut self, said: policy::Answer, old: Option<&Value>) {
        self.warnings = said.warnings.unwrap_or_default();
        self.injected = said.audit_annotations.unwrap_or_default();
        self.outcome = if said.accepted {
            self.outcome_of(said.mutated_object, old)
        } else {
            Outcome::Refused(said.message.unwrap_or_default())
        };
    }

    fn outcome_of(&self, mutated: Option<Value>, old: Option<&Value>) -> Outcome {
        let after = mutated
            .filter(|after| *after != self.object)
            .map(|after| in_order_of(&self.object, after));
        let old = old
            .filter(|_| self.before.is_known())
            .and_then(journal::template);
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
        let place = |feature: &str| features::ALL.iter().position(|known| known.name == feature);
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

/// Settings with which the policy logs every decision.
fn at_debug(settings: Value) -> Value {
    let with_level = |settings: Value| {
        let mut settings = settings;
        if let Some(keys) = settings.as_object_mut() {
            keys.insert("log_level".to_owned(), json!("debug"));
        }
        settings
    };
    let pasted = settings.get("jsonconfig").and_then(Value::as_str);
    match pasted.map(serde_json::from_str) {
        Some(Ok(pasted)) => json!({ "jsonconfig": with_level(pasted).to_string() }),
        // Empty text, which the policy takes for no settings.
        Some(Err(_)) => settings,
        None => with_level(settings),
    }
}

/// The object with an empty template: whatever is in the new one, it differs from that.
fn with_another_template(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(template) = journal::template_mut(&mut object) {
        *template = json!({});
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_the_level_wherever_the_settings_are() {
        for (settings, expected) in [
            (json!({}), json!({"log_level": "debug"})),
            (
                json!({"log_level": "info", "admission_inject": {}}),
                json!({"log_level": "debug", "admission_inject": {}}),
            ),
            (
                json!({"jsonconfig": "{\"b\": {\"z\": 1, \"a\": 2}, \"log_level\": \"warn\"}"}),
                json!({"jsonconfig": "{\"b\":{\"z\":1,\"a\":2},\"log_level\":\"debug\"}"}),
            ),
            (json!({"jsonconfig": ""}), json!({"jsonconfig": ""})),
        ] {
            assert_eq!(at_debug(settings), expected);
        }
    }
}
