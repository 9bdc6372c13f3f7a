//! `uninject`: manifests without what was injected into them.

use std::io::{Write as _, stdout};
use std::process::ExitCode;

use clap::ValueEnum;
use datakit_policy_host::manifest::Document;
use datakit_policy_host::policy::Policy;
use datakit_policy_host::request::{AdmissionRequest, Context};
use datakit_policy_host::yaml::{Comments, with_comments};
use serde_json::{Value, json};

use crate::aside::{self, say};
use crate::input::{Manifests, PolicyArgs};
use crate::order::in_order_of;
use crate::{Failure, journal};

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
    let documents = args.manifests.documents();
    if documents.is_empty() {
        return Err("the input contains no object".into());
    }
    if !args.keep_going {
        aside::stop_at_errors(&documents)?;
    }
    let mut items = Vec::new();
    let mut has_errors = false;
    for document in documents {
        let object = document.and_then(|document| without_injection(&policy, document));
        match object {
            Ok(object) => items.push(object),
            Err(error) => {
                has_errors = true;
                say(format_args!("Error: {error}"));
            }
        }
    }
    if has_errors && !args.keep_going {
        return Err(
            "nothing is printed, because a part of it is missing; --keep-going prints the rest"
                .into(),
        );
    }
    if args.output == Format::Json {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        writeln!(stdout(), "{list:#}")?;
    } else {
        for object in &items {
            let yaml = with_comments(object, &Comments::default());
            write!(stdout(), "---\n{yaml}")?;
        }
    }
    Ok(ExitCode::from(u8::from(has_errors)))
}

/// The object without what its journal names.
///
/// # Errors
/// Where there is a journal that cannot be followed: what was injected would look like the user's.
fn without_injection(policy: &Policy, document: Document) -> Result<Value, Failure> {
    let Document { source, mut object } = document;
    let Some(template) = journal::template(&object) else {
        return Ok(object);
    };
    match journal::of(&object) {
        None => {
            say(format_args!(
                "note: {source}: the pod template has no journal of an injection, so it is printed as it is"
            ));
            return Ok(object);
        }
        Some(Err(problem)) => {
            return Err(format!(
                "{source}: annotation {} {problem}: what was injected is not known",
                journal::ANNOTATION
            )
            .into());
        }
        Some(Ok(_)) => {}
    }
    let part = users_part(policy, template).map_err(|error| format!("{source}: {error}"))?;
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
