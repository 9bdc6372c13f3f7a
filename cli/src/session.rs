//! What `preview` and `explain` share: the objects that they look at, and the policy's answer to each.

use std::collections::BTreeMap;

use clap::ValueEnum;
use datakit_policy_host::manifest::{Document, Source};
use datakit_policy_host::policy::{LogLine, Policy};
use datakit_policy_host::request::{self, AdmissionRequest, Context};
use serde_json::{Value, json};

use crate::input::PolicyArgs;
use crate::settings::SettingsFile;
use crate::{Failure, input};

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
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
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
    /// The object as the policy wants it.
    Injected(Value),
    /// A workload that nothing is injected into.
    Unchanged,
    /// It runs no pods, so the policy is not asked.
    NoWorkload,
    /// Another policy than ours refuses it, or fails; the reason.
    Refused(String),
}

impl Session {
    /// Compiles the policy and asks it whether it takes the settings. `change` may change them before.
    pub fn open(args: &Inputs, change: impl FnOnce(Value) -> Value) -> Result<Self, Failure> {
        let policy = args.policy.compile()?;
        let settings = match &args.settings {
            Some(path) => SettingsFile::read(path)?.accepted_by(&policy)?,
            None => json!({}),
        };
        Ok(Self {
            policy,
            settings: change(settings),
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
            old_object: Some(without_spec(&object)),
        };
        let request = AdmissionRequest::for_object(&object, &context)?;
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
            Err(error) => answer.outcome = Outcome::Refused(error.to_string()),
            Ok(said) => {
                answer.outcome = if !said.accepted {
                    Outcome::Refused(said.message.unwrap_or_default())
                } else if let Some(after) =
                    said.mutated_object.filter(|after| *after != answer.object)
                {
                    Outcome::Injected(after)
                } else {
                    Outcome::Unchanged
                };
                answer.warnings = said.warnings.unwrap_or_default();
                answer.injected = said.audit_annotations.unwrap_or_default();
            }
        }
        Ok(answer)
    }
}

impl Answer {
    /// What the object is: `Deployment shop/web`.
    pub fn title(&self) -> String {
        let name = self.name.as_deref().unwrap_or("(no name)");
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{name}", self.kind),
            None => format!("{} {name}", self.kind),
        }
    }

    /// What the object is, and where it stands.
    pub fn place(&self) -> String {
        format!("{}: {}", self.title(), self.source)
    }
}

/// Settings with which the policy logs every decision.
pub fn at_debug(settings: Value) -> Value {
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

/// Whatever is in the new template, it differs from none.
fn without_spec(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("spec");
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
