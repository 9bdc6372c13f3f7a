//! `explain`: why a workload gets what it gets, and why not more.

use std::io::{Write as _, stdout};
use std::process::ExitCode;

use datakit_policy_host::manifest::Document;
use datakit_policy_host::request::resource_name;

use crate::aside::{self, say};
use crate::explanation::explanation;
use crate::inputs::{Inputs, NO_SETTINGS};
use crate::notes::Notes;
use crate::paint::{Paint, When};
use crate::policies::Policies;
use crate::report::{ExplainReport, Output};
use crate::session::{Answer, Outcome, Session};
use crate::{Failure, report, shape};

/// Explain what the policy decides about a workload, and why
///
/// For every feature in its order: which rule or annotation decided, what matched and what did not, and what was
/// injected. The policy itself says it, in the lines that it logs at the level `debug`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  datakit-policy explain -f app.yaml --settings settings.json
  kubectl get deploy web -o yaml | datakit-policy explain - --settings policy.yaml
  datakit-policy explain manifests/ -s settings.json --only deployment/web
  datakit-policy explain edited.yaml --old live.yaml -s settings.json
  datakit-policy explain manifests/ -s policy.yaml -o sarif > explain.sarif

Exit codes: 0 done, 1 an error, a workload that is malformed or refused, or no workload to explain, 2 wrong usage.")]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,

    /// Explain this workload alone, of several: KIND/NAME or NAME, with a kind as kubectl takes it (deploy/web)
    #[arg(long, value_name = "WORKLOAD")]
    only: Option<String>,

    /// Explain what can be explained where something else is broken
    #[arg(long)]
    keep_going: bool,

    /// What to print
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    output: Output,

    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = When::Auto)]
    color: When,
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let Some(format) = args.output.format() else {
        let paint = Paint::new(args.color);
        let is_first = true;
        return explain(args, &mut Printer::Text { paint, is_first });
    };
    let mut printer = Printer::Report(ExplainReport::default());
    let code = explain(args, &mut printer);
    if let Err(failure) = &code {
        printer.add_error(failure);
    }
    if let Printer::Report(report) = &printer {
        report::write(report, format, stdout().lock())?;
    }
    code
}

/// What becomes of explanations.
enum Printer {
    /// They are printed at once, with a blank line between them.
    Text { paint: Paint, is_first: bool },
    /// They are kept.
    Report(ExplainReport),
}

impl Printer {
    fn add(&mut self, answer: &Answer) -> std::io::Result<()> {
        match self {
            Self::Report(report) => report.add(answer),
            Self::Text { paint, is_first } => {
                let gap = if *is_first { "" } else { "\n" };
                *is_first = false;
                write!(stdout(), "{gap}{}", explanation(answer, *paint))?;
            }
        }
        Ok(())
    }

    fn add_error(&mut self, failure: &Failure) {
        if let Self::Report(report) = self {
            report.add_error(failure);
        }
    }
}

fn explain(args: &Args, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let documents = args.inputs.documents();
    let session = args.inputs.open(&documents)?;
    // A report has what is broken beside the rest.
    if !args.keep_going && args.output == Output::Text {
        aside::stop_at_errors(&documents)?;
    }
    let mut explained = 0_usize;
    let mut others = Vec::new();
    let mut has_errors = false;
    let mut notes = Notes::default();
    for document in documents {
        let answer = match document {
            Ok(document) => ask(&session, document)?,
            Err(error) => {
                say(format_args!("Error: {error}"));
                printer.add_error(&error);
                has_errors = true;
                continue;
            }
        };
        if matches!(answer.outcome, Outcome::NoWorkload) {
            continue;
        }
        if !is_wanted(&answer, args) {
            others.push(reference(&answer));
            continue;
        }
        printer.add(&answer)?;
        has_errors |= matches!(answer.outcome, Outcome::Refused(_));
        notes.add(&answer);
        explained += 1;
    }
    let is_all_broken = has_errors && others.is_empty();
    if explained == 0 && !is_all_broken {
        return Err(nothing_to_explain(args, &others).into());
    }
    notes.tell();
    if args.inputs.settings.is_empty() {
        say(NO_SETTINGS);
    }
    Ok(if has_errors {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Asks about a document. One of a kind that the policy does not see is asked about as the pod that is made of it.
fn ask(session: &Session<Policies>, document: Document) -> Result<Answer, Failure> {
    let pod = shape::pod_of(&document);
    let seen = session.ask(document)?;
    let Some(pod) = pod.filter(|_| matches!(seen.outcome, Outcome::NoWorkload)) else {
        return Ok(seen);
    };
    let mut answer = session.ask(pod)?;
    answer.kind = seen.kind;
    answer.remarks.splice(0..0, seen.warnings);
    Ok(answer)
}

fn nothing_to_explain(args: &Args, others: &[String]) -> String {
    /// More than that are no help.
    const MOST: usize = 20;
    match &args.only {
        Some(only) if !others.is_empty() && others.len() <= MOST => {
            format!("there is no workload {only}; there are {}", others.join(", "))
        }
        Some(only) => format!("there is no workload {only} among the objects"),
        None => "there is no workload among the objects: no Pod, Deployment, DaemonSet, StatefulSet, ReplicaSet, \
                 ReplicationController, Job or CronJob"
            .to_owned(),
    }
}

fn is_wanted(answer: &Answer, args: &Args) -> bool {
    let Some(only) = &args.only else {
        return true;
    };
    let (kind, name) = match only.split_once('/') {
        Some((kind, name)) => (Some(kind), name),
        None => (None, only.as_str()),
    };
    kind.is_none_or(|kind| is_called(&answer.kind, kind)) && answer.name.as_deref() == Some(name)
}

/// Whether kubectl takes a word for this kind: `Deployment`, `deployments`, `deploy`.
fn is_called(kind: &str, word: &str) -> bool {
    let short = match kind {
        "CronJob" => Some("cj"),
        "DaemonSet" => Some("ds"),
        "Deployment" => Some("deploy"),
        "Pod" => Some("po"),
        "ReplicaSet" => Some("rs"),
        "ReplicationController" => Some("rc"),
        "StatefulSet" => Some("sts"),
        _ => None,
    };
    let word = word.to_lowercase();
    word == kind.to_lowercase() || word == resource_name(kind) || Some(word.as_str()) == short
}

/// A workload as `--only` takes it.
fn reference(answer: &Answer) -> String {
    let name = answer.name.as_deref().unwrap_or("(no name)");
    format!("{}/{name}", answer.kind.to_lowercase())
}
