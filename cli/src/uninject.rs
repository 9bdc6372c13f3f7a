//! `uninject`: manifests without what was injected into them.

use std::process::ExitCode;

use clap::ValueEnum;
use datakit_policy_host::manifest::Document;
use datakit_policy_host::policy::Policy;
use datakit_policy_host::request::{AdmissionRequest, Context};
use datakit_policy_host::settings::name_of;
use serde_json::{Value, json};

use crate::aside::{self, say};
use crate::gathered::{Read, Record};
use crate::input::PolicyArgs;
use crate::manifests::Manifests;
use crate::objects::{Form, Objects, json_item, yaml_document};
use crate::order::in_order_of;
use crate::{Failure, input, journal, shape};

/// Take out of manifests what the policy injected
///
/// The journal in the pod template (the annotation admission.datakit/injected) says what was injected. Prints all
/// objects, those that have no journal as they are, in your order of keys and without comments.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kubectl get deploy web -o yaml | datakit-policy uninject - > web.yaml
  kubectl get deploy -A -o yaml | datakit-policy uninject - -o json
  datakit-policy uninject backup/ > manifests.yaml

Exit codes: 0 done, 1 an error (with --keep-going, the other objects are printed), 2 wrong usage.")]
pub struct Args {
    #[command(flatten)]
    manifests: Manifests,

    /// What to print
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Yaml)]
    output: Format,

    /// Print what can be printed where something else is broken
    #[arg(long)]
    keep_going: bool,

    #[command(flatten)]
    policy: PolicyArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// YAML documents
    Yaml,
    /// A List in JSON
    Json,
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let policy = args.policy.compile()?;
    let form = match args.output {
        Format::Yaml => Form::Yaml,
        Format::Json => Form::Json,
    };
    let gathered = args.manifests.gather(form == Form::Yaml)?;
    if !args.keep_going {
        aside::stop_at_errors(gathered.errors())?;
    }
    args.manifests.check(&gathered)?;
    let mut objects = Objects::new(form);
    let mut has_errors = false;
    let namespace = &args.manifests.namespace;
    for batch in gathered.batches()? {
        for record in batch? {
            let read = record.and_then(Record::open);
            match read.and_then(|read| written(&policy, read, namespace, args.output)) {
                Ok(text) => objects.push(&text)?,
                Err(error) => {
                    has_errors = true;
                    say(format_args!("Error: {error}"));
                }
            }
        }
    }
    if has_errors && !args.keep_going {
        return Err(
            "nothing is printed, because a part of it is missing; --keep-going prints the rest"
                .into(),
        );
    }
    objects.print()?;
    Ok(ExitCode::from(u8::from(has_errors)))
}

/// An object without its injection, as it is printed.
fn written(
    policy: &Policy,
    read: Read,
    namespace: &str,
    format: Format,
) -> Result<String, Failure> {
    let Read { document, text } = read;
    let before = document.object.clone();
    let object = without_injection(policy, document, namespace)?;
    Ok(match format {
        Format::Yaml => yaml_document(&object, text.as_deref().map(|text| (text, &before))),
        Format::Json => json_item(&object),
    })
}

/// The object without what its journal names.
///
/// # Errors
/// Where there is a journal that cannot be followed: what was injected would look like the user's.
fn without_injection(
    policy: &Policy,
    document: Document,
    namespace: &str,
) -> Result<Value, Failure> {
    let Document { source, mut object } = document;
    let Some(template) = journal::template(&object) else {
        return Ok(object);
    };
    let mut name = name_of(&object);
    name.namespace.get_or_insert_with(|| namespace.to_owned());
    let place = format!("{name}: {source}");
    match journal::of(&object) {
        None => {
            say(format_args!(
                "note: {place}: the pod template has no journal of an injection, so it is printed as it is"
            ));
            return Ok(object);
        }
        Some(Err(problem)) => {
            let path = journal::template_path(&object)
                .unwrap_or_default()
                .join(".");
            let path = format!("{path}.metadata.annotations.{}", journal::ANNOTATION);
            let source = input::place_of_field(&source, &path);
            return Err(format!(
                "{source}: {name}: annotation {} {problem}, so what was injected is not known; remove the injection by \
                 hand, or apply the manifest that it was injected into",
                journal::ANNOTATION
            )
            .into());
        }
        Some(Ok(_)) => {}
    }
    if let Some(malformed) = shape::malformed(&object) {
        let source = input::place_of_field(&source, &malformed.field);
        return Err(format!("{source}: {name}: {}", malformed.message).into());
    }
    let part =
        users_part(policy, template).map_err(|error| format!("{source}: {name}: {error}"))?;
    let part = in_order_of(template, part);
    if let Some(template) = journal::template_mut(&mut object) {
        *template = part;
    }
    Ok(object)
}

/// What is left of a template where the settings ask for nothing. It is asked for as a Deployment's: pods, and what a
/// controller made, are left alone by the policy, because they come from a template that was injected.
fn users_part(policy: &Policy, template: &Value) -> Result<Value, Failure> {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "uninjected"},
        "spec": {"template": template}
    });
    let request = AdmissionRequest::for_object(&deployment, &Context::default())?;
    let said = policy.instance()?.validate(&request, &json!({}))?;
    let part = said
        .mutated_object
        .and_then(|mut deployment| journal::template_mut(&mut deployment).map(Value::take));
    part.ok_or_else(|| {
        let warnings = said.warnings.unwrap_or_default();
        format!("the policy leaves it as it is: {}", warnings.join("; ")).into()
    })
}
