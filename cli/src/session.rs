//! What `preview` and `explain` share: the objects that they look at, and the policy's answer to each.

use std::collections::BTreeMap;

use clap::ValueEnum;
use datakit_operator_policy::workload::Workload;
use datakit_policy_host::manifest::{Document, Source};
use datakit_policy_host::policy::{self, LogLine, Policy};
use datakit_policy_host::request::{self, AdmissionRequest, Context};
use serde_json::{Value, json};

use crate::input::PolicyArgs;
use crate::order::in_order_of;
use crate::settings::SettingsFile;
use crate::{Failure, input};

/// The features, in the order in which the policy goes through them.
pub const FEATURES: [&str; 5] = ["ddtrace", "logfwd", "flameshot", "profiler", "logging"];

/// Said where nobody gave settings.
pub const NO_SETTINGS: &str = "note: without --settings the policy has nothing to inject";

/// Which objects, with which settings.
#[derive(clap::Args)]
pub struct Inputs {
    /// Manifests: files, folders with all that is in them, or - for standard input. YAML or JSON, with any number of
    /// documents and lists
    #[arg(value_name = "FILE", required_unless_present = "files")]
    objects: Vec<String>,

    /// The same, as kubectl has it
    #[arg(short, long = "filename", value_name = "FILE", num_args = 1..)]
    files: Vec<String>,

    /// The policy's settings, recognised by their content: a file of settings (YAML or JSON), a ClusterAdmissionPolicy,
    /// or the operator's ConfigMap, release file or Helm values; - is standard input
    #[arg(short, long, value_name = "FILE")]
    pub settings: Option<String>,

    /// The namespace of objects that name none
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default", value_parser = input::namespace)]
    namespace: String,

    /// What is done to the objects
    #[arg(long, value_enum, ignore_case = true, default_value_t = Operation::Create)]
    operation: Operation,

    #[command(flatten)]
    policy: PolicyArgs,
}

impl Inputs {
    /// The documents of all files, in their order; for what cannot be read, the reason.
    pub fn documents(&self) -> Vec<Result<Document, Failure>> {
        self.objects
            .iter()
            .chain(&self.files)
            .flat_map(|path| input::manifests(path))
            .collect()
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

/// A policy with settings that it takes.
pub struct Session {
    policy: Policy,
    settings: Value,
    namespace: String,
    operation: request::Operation,
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
    pub outcome: Outcome,
    pub warnings: Vec<String>,
    /// The audit annotations: feature by feature, what was injected.
    pub injected: BTreeMap<String, String>,
    pub logs: Vec<LogLine>,
}

/// What becomes of an object.
pub enum Outcome {
    /// The object as the policy wants it, in the user's order.
    Injected(Value),
    /// A workload that nothing is injected into, and why where the policy leaves it alone as a whole.
    Unchanged(Option<String>),
    /// It runs no pods, so the policy is not asked.
    NoWorkload,
    /// Another policy than ours refuses it, or fails; the reason.
    Refused(String),
}

impl Session {
    /// Compiles the policy and asks it whether it takes the settings. It will log every decision.
    pub fn open(args: &Inputs) -> Result<Self, Failure> {
        let policy = args.policy.compile()?;
        let settings = match &args.settings {
            Some(path) => SettingsFile::read(path)?.accepted_by(&policy)?,
            None => json!({}),
        };
        Ok(Self {
            policy,
            settings: at_debug(settings),
            namespace: args.namespace.clone(),
            operation: match args.operation {
                Operation::Create => request::Operation::Create,
                Operation::Update => request::Operation::Update,
            },
        })
    }

    /// Asks the policy about an object.
    ///
    /// # Errors
    /// Where the policy cannot be started.
    pub fn ask(&self, document: Document) -> Result<Answer, Failure> {
        let Document { source, object } = document;
        let context = Context {
            namespace: self.namespace.clone(),
            operation: self.operation,
            old_object: None,
        };
        let mut request = AdmissionRequest::for_object(&object, &context)?;
        if self.operation == request::Operation::Update {
            request.old_object = Some(with_another_template(&object, &request));
        }
        let mut answer = Answer {
            source,
            kind: request.kind.kind.clone(),
            namespace: request.namespace.clone(),
            name: request.name.clone(),
            outcome: Outcome::NoWorkload,
            warnings: Vec::new(),
            injected: BTreeMap::new(),
            logs: Vec::new(),
            object,
        };
        if !request::is_workload(&answer.object) {
            return Ok(answer);
        }
        // A fresh instance for every object, as in policy-server: an object cannot depend on the one before.
        let instance = self.policy.instance()?;
        let said = instance.validate(&request, &self.settings);
        answer.logs = instance.take_logs();
        match said {
            Ok(said) => answer.take(said),
            Err(error) => answer.outcome = Outcome::Refused(error.to_string()),
        }
        Ok(answer)
    }
}

impl Answer {
    fn take(&mut self, said: policy::Answer) {
        self.outcome = if !said.accepted {
            Outcome::Refused(said.message.unwrap_or_default())
        } else if let Some(after) = said.mutated_object.filter(|after| *after != self.object) {
            Outcome::Injected(in_order_of(&self.object, after))
        } else {
            Outcome::Unchanged(left_alone(&self.logs))
        };
        self.warnings = said.warnings.unwrap_or_default();
        self.injected = said.audit_annotations.unwrap_or_default();
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
        let place = |feature: &str| FEATURES.iter().position(|known| *known == feature);
        let mut injected: Vec<_> = self.injected.iter().collect();
        injected.sort_by_key(|(feature, _)| place(feature).unwrap_or(FEATURES.len()));
        injected
            .into_iter()
            .map(|(feature, what)| (feature.as_str(), what.as_str()))
    }

    /// What the object is, and where it stands.
    pub fn place(&self) -> String {
        format!("{}: {}", self.title(), self.source)
    }
}

/// What the policy says about an object, rather than about a feature.
fn left_alone(logs: &[LogLine]) -> Option<String> {
    let about = |line: &&LogLine| {
        line.fields
            .get("feature")
            .is_some_and(|about| about == "policy")
    };
    logs.iter().find(about).map(|line| line.message.clone())
}

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
fn with_another_template(object: &Value, request: &AdmissionRequest) -> Value {
    let mut object = object.clone();
    let workload = Workload::of(&request.kind.group, &request.kind.kind);
    if let Some(template) = workload.and_then(|workload| workload.template_mut(&mut object)) {
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
