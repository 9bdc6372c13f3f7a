//! `explain`: why a workload gets what it gets, and why not more.

use std::io::Write as _;
use std::process::ExitCode;

use datakit_policy_host::manifest::Document;

use crate::aside::{self, say};
use crate::explanation::explanation;
use crate::inputs::{Inputs, NO_SETTINGS};
use crate::notes::Notes;
use crate::screen::{self, ColorArgs, stdout};
use crate::session::{Answer, Outcome, Session};
use crate::{Failure, input, inputs, shape};

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

Exit codes: 0 done, 1 an error, a workload that is malformed or refused, or no workload to explain, 2 wrong usage.")]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,

    /// Explain what can be explained where something else is broken
    #[arg(long)]
    keep_going: bool,

    #[command(flatten)]
    color: ColorArgs,
}

/// Said where the policy sees none of the objects.
const NOTHING_TO_EXPLAIN: &str = "there is no workload among the objects: no Pod, Deployment, DaemonSet, StatefulSet, \
                                  ReplicaSet, ReplicationController, Job or CronJob";

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let documents = args.inputs.documents();
    let session = args.inputs.open(&documents)?;
    if !args.keep_going {
        aside::stop_at_errors(&documents)?;
    }
    let documents = args.inputs.manifests.select(documents)?;
    let paint = args.color.paint();
    let mut explained = 0_usize;
    let mut has_errors = false;
    let mut notes = Notes::default();
    for document in documents {
        let answer = match document {
            Ok(document) => ask(&session, document)?,
            Err(error) => {
                say(format_args!("Error: {error}"));
                has_errors = true;
                continue;
            }
        };
        if matches!(answer.outcome, Outcome::NoWorkload) {
            continue;
        }
        if explained > 0 {
            writeln!(stdout())?;
        }
        let text = explanation(&answer, paint);
        write!(stdout(), "{}", screen::wrapped(&text))?;
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
