//! `preview`: what the policy would do to manifests.

mod count;
mod output;
mod progress;

use std::io::stdout;
use std::process::ExitCode;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::aside::{self, say};
use crate::gathered::{Read, Record};
use crate::inputs::{Inputs, NO_SETTINGS};
use crate::notes::Notes;
use crate::report::PreviewReport;
use crate::screen::ColorArgs;
use crate::session::{Answer, Session};
use crate::{Failure, inputs, logs, report};
use count::Count;
use output::{Format, Printer, Writer, Written};
use progress::Progress;

/// Show what the policy would inject into manifests, before they are applied
///
/// Prints a diff for every object that the policy changes, with the policy's warnings and what it injected, and counts
/// them in the last line. Errors go to standard error. A broken document is an error, and nothing else is printed then but
/// with --keep-going.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  datakit-policy preview app.yaml --settings settings.json
  datakit-policy preview manifests/ -s policy.yaml -o summary
  kubectl get deploy -A -o yaml | datakit-policy preview - -s cm.yaml
  datakit-policy preview edited.yaml --old live.yaml -s settings.json
  datakit-policy preview manifests/ -s policy.yaml -o github

Exit codes:
  0  done
  1  an error: a file, a document or a workload that cannot be used, an object or settings that are refused
  2  wrong usage
with --exit-code:
  0  nothing would be injected, nor taken away
  1  something would be
  2  wrong usage
  3  an error, or a reader that wants no more of the output")]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,

    /// What to print
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Diff)]
    output: Format,

    /// Exit with 1 if anything would be injected or taken away, and with 3 if there is an error
    #[arg(long)]
    exit_code: bool,

    /// Print what can be printed where something else is broken, malformed or refused
    #[arg(long)]
    keep_going: bool,

    #[command(flatten)]
    color: ColorArgs,

    /// Print what the policy logs about its decisions, too
    #[arg(short, long)]
    verbose: bool,
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let count = show(args);
    if let (Err(failure), Some(format)) = (&count, args.output.report())
        && !crate::is_closed_pipe(failure)
    {
        let mut report = PreviewReport::default();
        report.add_error(failure);
        report::write(&report, format, stdout().lock())?;
    }
    match count {
        Ok(count) => Ok(ExitCode::from(exit_code(&count, args.exit_code))),
        Err(failure) if args.exit_code => {
            // Nor can be said what is in objects that nobody wanted to see.
            if !crate::is_closed_pipe(&failure) {
                say(format_args!("Error: {failure}"));
            }
            Ok(ExitCode::from(ERROR_BESIDE_CHANGES))
        }
        Err(failure) => Err(failure),
    }
}

/// The exit code of an error where 1 says that something would be injected.
const ERROR_BESIDE_CHANGES: u8 = 3;

fn exit_code(count: &Count, tells_changes: bool) -> u8 {
    match (count.has_errors(), tells_changes) {
        (true, true) => ERROR_BESIDE_CHANGES,
        (true, false) => 1,
        (false, true) => u8::from(count.has_changes()),
        (false, false) => 0,
    }
}

fn show(args: &Args) -> Result<Count, Failure> {
    let writer = Writer {
        format: args.output,
        paint: args.color.paint(),
    };
    let manifests = &args.inputs.manifests;
    let gathered = manifests.gather(writer.wants_texts())?;
    let session = args.inputs.open(gathered.namespaces())?;
    // A report has what is broken beside the rest.
    if !args.keep_going && args.output.report().is_none() {
        aside::stop_at_errors(gathered.errors())?;
    }
    manifests.check(&gathered)?;
    let progress = Progress::new(gathered.len());
    let mut printer = Printer::new(args.output, args.keep_going);
    let mut count = Count::default();
    let mut notes = Notes::default();
    for batch in gathered.batches()? {
        for answer in answers(&session, writer, batch?)? {
            match answer {
                Ok((answer, written)) => {
                    count.add(&answer);
                    notes.add(&answer);
                    progress.aside(|| {
                        if args.verbose && !answer.logs.is_empty() {
                            say(answer.place());
                        }
                        logs::print(&answer.logs, args.verbose);
                        printer.print(&answer, &written)
                    })?;
                }
                Err(error) => {
                    count.add_error();
                    printer.add_error(&error);
                    progress.aside(|| say(format_args!("Error: {error}")));
                }
            }
            progress.step();
        }
    }
    progress.finish();
    printer.finish(&count)?;
    notes.tell();
    if args.inputs.settings.is_empty() && !count.has_changes() {
        say(NO_SETTINGS);
    }
    Ok(count)
}

/// The policy's answer and what is printed of it, or why an object could not be read.
type Answered = Result<(Answer, Written), Failure>;

/// The policy's answers about a batch, in its order.
///
/// # Errors
/// Where the policy cannot be asked.
fn answers(
    session: &Session,
    writer: Writer,
    batch: Vec<Result<Record, Failure>>,
) -> Result<Vec<Answered>, Failure> {
    let answer = |read: Read| {
        let answer = inputs::ask(session, read.document)?;
        let written = writer.write(&answer, read.text.as_deref());
        Ok((answer, written))
    };
    batch
        .into_par_iter()
        .map(|record| match record.and_then(Record::open) {
            Ok(read) => answer(read).map(Ok),
            Err(error) => Ok(Err(error)),
        })
        .collect()
}
