//! `preview`: what the policy would do to manifests.

mod report;

use std::collections::BTreeMap;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use datakit_policy_host::manifest::{self, Document, Source};
use datakit_policy_host::policy::Policy;
use datakit_policy_host::request::{self, AdmissionRequest, Context};
use datakit_policy_host::settings;
use serde_json::{Value, json};

use crate::paint::{Paint, When};
use crate::{Failure, input, logs};

/// Show what the policy would change in manifests, before they are applied
///
/// Prints a diff for every object that the policy changes, with the policy's warnings and what it injected, and counts
/// them in the last line. Errors go to standard error; a broken document does not stop the others.
#[derive(clap::Args)]
pub struct Args {
    /// The policy: a WebAssembly module
    #[arg(short, long, value_name = "FILE", env = "DATAKIT_POLICY")]
    policy: PathBuf,

    /// Manifests, YAML or JSON, with any number of documents and lists; - is standard input
    #[arg(short, long = "filename", value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<String>,

    /// The policy's settings: a YAML or JSON file
    #[arg(short, long, value_name = "FILE")]
    settings: Option<PathBuf>,

    /// The namespace of objects that name none
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    namespace: String,

    /// What is done to the objects
    #[arg(long, value_enum, ignore_case = true, default_value_t = Operation::Create)]
    operation: Operation,

    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = When::Auto)]
    color: When,

    /// Print all that the policy logs, not only what matters
    #[arg(short, long)]
    verbose: bool,
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

/// What the policy makes of one object.
pub struct Preview {
    pub source: Source,
    /// Kind, namespace and name.
    pub title: String,
    pub outcome: Outcome,
    pub warnings: Vec<String>,
    /// The audit annotations: feature by feature, what was injected.
    pub injected: BTreeMap<String, String>,
}

pub enum Outcome {
    Changed { before: Value, after: Value },
    Unchanged,
    NoWorkload,
    Refused { message: String },
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let policy = input::policy(&args.policy)?;
    let settings = match &args.settings {
        Some(path) => settings::read_file(path)?,
        None => json!({}),
    };
    check(&policy, &settings, args.verbose)?;

    let paint = Paint::new(args.color);
    let mut count = report::Count::default();
    for file in &args.files {
        let documents = match input::text(file) {
            Ok(text) => manifest::read(input::name(file), &text),
            Err(error) => {
                count.error(&error.to_string());
                continue;
            }
        };
        for document in documents {
            match document {
                Ok(document) => {
                    let preview = preview(&policy, &settings, args, document)?;
                    count.add(&preview);
                    write!(stdout(), "{}", report::write(&preview, paint))?;
                }
                Err(error) => count.error(&error.to_string()),
            }
        }
    }
    writeln!(stdout(), "{count}")?;
    Ok(if count.has_errors() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn check(policy: &Policy, settings: &Value, verbose: bool) -> Result<(), Failure> {
    let instance = policy.instance()?;
    let verdict = instance.validate_settings(settings)?;
    logs::print(&instance, verbose);
    if verdict.valid {
        return Ok(());
    }
    let message = verdict.message.unwrap_or_default();
    Err(format!("Provided settings are not valid: {message}").into())
}

fn preview(
    policy: &Policy,
    settings: &Value,
    args: &Args,
    document: Document,
) -> Result<Preview, Failure> {
    let Document { source, object } = document;
    let context = Context {
        namespace: args.namespace.clone(),
        operation: match args.operation {
            Operation::Create => request::Operation::Create,
            Operation::Update => request::Operation::Update,
        },
        old_object: Some(without_spec(&object)),
    };
    let request = AdmissionRequest::for_object(&object, &context)?;
    let mut preview = Preview {
        title: title(&request),
        source,
        outcome: Outcome::NoWorkload,
        warnings: Vec::new(),
        injected: BTreeMap::new(),
    };
    if !request::is_workload(&object) {
        return Ok(preview);
    }
    // A fresh instance for every object, as in policy-server: an object cannot depend on the one before.
    let instance = policy.instance()?;
    let answer = instance.validate(&request, settings);
    logs::print(&instance, args.verbose);
    match answer {
        Err(error) => {
            preview.outcome = Outcome::Refused {
                message: error.to_string(),
            };
        }
        Ok(answer) => {
            preview.outcome = if !answer.accepted {
                Outcome::Refused {
                    message: answer.message.unwrap_or_default(),
                }
            } else if let Some(after) = answer.mutated_object.filter(|after| *after != object) {
                Outcome::Changed {
                    before: object,
                    after,
                }
            } else {
                Outcome::Unchanged
            };
            preview.warnings = answer.warnings.unwrap_or_default();
            preview.injected = answer.audit_annotations.unwrap_or_default();
        }
    }
    Ok(preview)
}

fn title(request: &AdmissionRequest) -> String {
    let kind = &request.kind.kind;
    let name = request.name.as_deref().unwrap_or("(no name)");
    match &request.namespace {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
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
