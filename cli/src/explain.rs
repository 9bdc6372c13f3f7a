//! `explain`: why a workload gets what it gets, and why not more.

use std::io::Write as _;
use std::process::ExitCode;

use datakit_policy_host::manifest::Document;

use crate::aside::{self, say};
use crate::explanation::explanation;
use crate::inputs::{Inputs, NO_SETTINGS};
use crate::notes::Notes;
use crate::paint::Paint;
use crate::report::{ExplainReport, Output};
use crate::screen::{self, ColorArgs, stdout};
use crate::session::{Answer, Outcome, Session};
use crate::{Failure, input, inputs, report, shape};

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

    /// Explain what can be explained where something else is broken
    #[arg(long)]
    keep_going: bool,

    /// What to print
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    output: Output,

    #[command(flatten)]
    color: ColorArgs,
}

/// Said where the policy sees none of the objects.
const NOTHING_TO_EXPLAIN: &str = "there is no workload among the objects: no Pod, Deployment, DaemonSet, StatefulSet, \
                                  ReplicaSet, ReplicationController, Job or CronJob";

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let Some(format) = args.output.format() else {
        let paint = args.color.paint();
        let is_first = true;
        return explain(args, &mut Printer::Text { paint, is_first });
    };
    let mut printer = Printer::Report(ExplainReport::default());
    let code = explain(args, &mut printer);
    if let Err(failure) = &code {
        printer.add_error(failure);
    }
    if let Printer::Report(report) = &printer {
        report::write(report, format, stdout())?;
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
                let text = explanation(answer, *paint);
                write!(stdout(), "{gap}{}", screen::wrapped(&text))?;
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
        aside::stop_at_errors(input::errors(&documents))?;
    }
    let documents = args.inputs.manifests.select(documents)?;
    let mut explained = 0_usize;
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
        printer.add(&answer)?;
        has_errors |= matches!(answer.outcome, Outcome::Refused(_));
        notes.add(&answer);
        explained += 1;
    }
    if explained == 0 && !has_errors {
        return Err(NOTHING_TO_EXPLAIN.into());
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
fn ask(session: &Session, document: Document) -> Result<Answer, Failure> {
    let pod = shape::pod_of(&document);
    let seen = inputs::ask(session, document)?;
    let Some((pod, template)) = pod.filter(|_| matches!(seen.outcome, Outcome::NoWorkload)) else {
        return Ok(seen);
    };
    let mut answer = session.ask(pod)?;
    if let Some(field) = &answer.field {
        answer.source = input::place_of_field(&answer.source, &format!("{template}.{field}"));
    }
    answer.kind = seen.kind;
    answer.remarks.splice(0..0, seen.warnings);
    Ok(answer)
}
