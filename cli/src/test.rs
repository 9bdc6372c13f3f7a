//! `test`: cases of the user's own, with what their settings are to make of them.

mod case;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::input::{self, PolicyArgs};
use crate::paint::{Ink, Paint};
use crate::report::{self, Case, Output, TestReport, Verdict, findings_of};
use crate::screen::{ColorArgs, stdout};
use crate::{Failure, test::case::Folder};

/// Test settings with cases of your own
///
/// A case is a folder with manifests in it: input.yaml, or a folder `manifests`. Its settings are in settings.yaml,
/// settings.json or policy.yaml beside them, or in a folder above, up to FOLDER. old.yaml has the objects as they are in
/// the cluster, for updates. expected.yaml has what `preview -o yaml` prints, with outcome and warnings of each object in
/// comments, and with a short journal. Prints a line for each case, with a diff where the result is another one.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  datakit-policy test tests/
  datakit-policy test tests/ --update
  datakit-policy test tests/ -o junit > junit.xml

Exit codes: 0 all cases are as expected, 1 some are not, or there is none, 2 wrong usage.")]
pub struct Args {
    /// The folder that the cases are in
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,

    /// Write what is expected anew, where it differs or is not there
    #[arg(long)]
    update: bool,

    /// The namespace of objects that name none
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default", value_parser = input::namespace)]
    namespace: String,

    /// What to print
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    output: Output,

    #[command(flatten)]
    color: ColorArgs,

    #[command(flatten)]
    policy: PolicyArgs,
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let policy = args.policy.compile()?;
    let folders = Folder::all_in(&args.folder)?;
    let test = |folder: &Folder| report_of(folder, folder.test(&policy, args));
    let report = TestReport {
        cases: folders.par_iter().map(test).collect(),
        ..TestReport::default()
    };
    match args.output.format() {
        None => write_text(&report.cases, args.color.paint())?,
        Some(format) => report::write(&report, format, stdout())?,
    }
    let has_failed = report
        .cases
        .iter()
        .any(|case| case.verdict == Verdict::Failed);
    Ok(ExitCode::from(u8::from(has_failed)))
}

/// What came of a case.
enum Outcome {
    Ok,
    Updated,
    /// The result is another one: a unified diff.
    Differs(String),
}

fn report_of(folder: &Folder, outcome: Result<Outcome, Failure>) -> Case {
    let findings = outcome.as_ref().err().map(findings_of).unwrap_or_default();
    let mut places = findings.into_iter().map(|finding| finding.place);
    let place = places.find(|place| place.file.is_some());
    let (verdict, message, diff) = match outcome {
        Ok(Outcome::Ok) => (Verdict::Ok, None, None),
        Ok(Outcome::Updated) => (Verdict::Updated, None, None),
        Ok(Outcome::Differs(diff)) => {
            let message = "the result is not the expected one".to_owned();
            (Verdict::Failed, Some(message), Some(diff))
        }
        Err(failure) => (Verdict::Failed, Some(failure.to_string()), None),
    };
    Case {
        name: folder.name.clone(),
        place: place.unwrap_or_else(|| folder.place()),
        verdict,
        message,
        diff,
    }
}

fn write_text(cases: &[Case], paint: Paint) -> std::io::Result<()> {
    let mut out = stdout();
    for case in cases {
        let verdict = match case.verdict {
            Verdict::Ok => "ok:     ".to_owned(),
            Verdict::Updated => paint.ink(Ink::Added, "updated:"),
            Verdict::Failed => paint.ink(Ink::Removed, "FAILED: "),
        };
        let message = case.message.iter();
        let message: String = message.map(|text| format!(": {text}")).collect();
        writeln!(out, "{verdict} {}{message}", case.name)?;
        for line in case.diff.iter().flat_map(|diff| diff.lines()) {
            writeln!(out, "{}", painted(line, paint))?;
        }
    }
    writeln!(out, "{}", total(cases))
}

fn painted(line: &str, paint: Paint) -> String {
    let ink = match line.as_bytes() {
        [b'+', ..] => Ink::Added,
        [b'-', ..] => Ink::Removed,
        [b'@', ..] => Ink::Place,
        _ => return line.to_owned(),
    };
    paint.ink(ink, line)
}

fn total(cases: &[Case]) -> String {
    let of = |verdict| {
        let cases = cases.iter().filter(move |case| case.verdict == verdict);
        cases.count()
    };
    let noun = if cases.len() == 1 { "case" } else { "cases" };
    let mut total = format!("{} {noun}: {} ok", cases.len(), of(Verdict::Ok));
    for (count, what) in [
        (of(Verdict::Updated), "updated"),
        (of(Verdict::Failed), "failed"),
    ] {
        if count > 0 {
            total.push_str(&format!(", {count} {what}"));
        }
    }
    total
}
