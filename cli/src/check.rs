//! `check`: whether the policy takes settings, and what they may not mean.

mod advice;
mod labels;
mod namespaces;
mod rules;
mod values;

use std::io::{Write as _, stdout};
use std::process::ExitCode;

use datakit_operator_policy::json;
use datakit_operator_policy::settings::Document;
use datakit_policy_host::policy::Policy;
use datakit_policy_host::settings::Problem;
use datakit_policy_host::yaml::Position;

use self::advice::{Advice, RulesOf};
use crate::aside::say;
use crate::input::{self, PolicyArgs};
use crate::paint::{Ink, Paint, When};
use crate::report::{CheckReport, CheckVerdict, CheckedFile, Output, Remark, findings_of};
use crate::settings::SettingsFile;
use crate::{Failure, report};

/// Check settings before the policy is loaded with them
///
/// Prints what the policy does not accept, and what is wrong with the rest of a ClusterAdmissionPolicy or an
/// AdmissionPolicy that the settings are in. Then comes advice: what is accepted and what still is hardly meant, such as
/// a rule that no pod can meet. Each of them begins with file, line and column.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  datakit-policy check policy.yaml
  datakit-policy check policies/*.yaml -o github --strict

Exit codes: 0 accepted, 1 refused or not to be read, 2 wrong usage, 3 accepted with advice (--strict).")]
pub struct Args {
    #[command(flatten)]
    policy: PolicyArgs,

    /// The settings: YAML or JSON files of settings, Kubewarden policies, the operator's ConfigMap or release file, or
    /// Helm values; - is standard input
    #[arg(value_name = "SETTINGS", required_unless_present = "option")]
    settings: Vec<String>,

    /// The same, as the other commands have it
    #[arg(
        id = "option",
        short = 's',
        long = "settings",
        value_name = "FILE",
        conflicts_with = "settings"
    )]
    option: Vec<String>,

    /// A namespace of the cluster, for advice about patterns that match several; may be repeated
    #[arg(
        short,
        long = "namespace",
        value_name = "NAMESPACE",
        value_delimiter = ',',
        value_parser = input::namespace
    )]
    namespaces: Vec<String>,

    /// Exit with 3 where there is advice
    #[arg(long)]
    strict: bool,

    /// What to print
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    output: Output,

    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = When::Auto)]
    color: When,
}

/// The exit code for advice where it is asked for.
const ADVICE: u8 = 3;

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let policy = args.policy.compile()?;
    let files = args.settings.iter().chain(&args.option);
    let files = files.map(|path| check(&policy, path, &args.namespaces));
    let report = CheckReport {
        files: files.collect(),
        ..CheckReport::default()
    };
    match args.output.format() {
        None => write_text(&report, Paint::new(args.color))?,
        Some(format) => report::write(&report, format, stdout().lock())?,
    }
    Ok(exit_code(&report, args.strict))
}

fn exit_code(report: &CheckReport, is_strict: bool) -> ExitCode {
    let is_accepted = |file: &CheckedFile| file.verdict == CheckVerdict::Accepted;
    let has_advice = report.files.iter().any(|file| !file.advice.is_empty());
    if !report.files.iter().all(is_accepted) {
        ExitCode::FAILURE
    } else if is_strict && has_advice {
        ExitCode::from(ADVICE)
    } else {
        ExitCode::SUCCESS
    }
}

/// Checks a file. Why it cannot be read is told at once.
fn check(policy: &Policy, path: &str, namespaces: &[String]) -> CheckedFile {
    let name = input::name(path);
    let mut checked = CheckedFile::new(name);
    if let Err(failure) = look(policy, path, namespaces, &mut checked) {
        say(format_args!("Error: {failure}"));
        checked.verdict = CheckVerdict::Unreadable;
        checked.problems = findings_of(&failure).iter().map(Remark::of).collect();
    }
    checked
}

fn look(
    policy: &Policy,
    path: &str,
    namespaces: &[String],
    checked: &mut CheckedFile,
) -> Result<(), Failure> {
    let file = input::settings(path)?;
    let mut problems = file.policy_problems();
    problems.extend(file.problems(policy)?);
    problems.sort_by_key(|problem| (problem.at.line, problem.at.column));
    if problems.is_empty() {
        let advice = advise(&file, namespaces)?.into_iter();
        let remark = |(at, advice): (_, Advice)| Remark::new(at, &advice.path, &advice.message);
        checked.advice = advice.map(remark).collect();
    } else {
        let remark = |problem: &Problem| Remark::new(problem.at, &problem.path, &problem.what);
        checked.verdict = CheckVerdict::Refused;
        checked.problems = problems.iter().map(remark).collect();
    }
    Ok(())
}

fn write_text(report: &CheckReport, paint: Paint) -> std::io::Result<()> {
    let mut out = stdout().lock();
    for file in &report.files {
        let error = paint.ink(Ink::Removed, "error");
        let warning = paint.ink(Ink::Warning, "warning");
        let verdict = match (file.verdict, file.advice.len()) {
            // The error is told already.
            (CheckVerdict::Unreadable, _) => continue,
            (CheckVerdict::Refused, _) => {
                format!("refused, {}", count(file.problems.len(), "problem"))
            }
            (CheckVerdict::Accepted, 0) => "accepted".to_owned(),
            (CheckVerdict::Accepted, advice) => format!("accepted, {}", count(advice, "warning")),
        };
        let problems = file.problems.iter().map(|problem| (&error, problem));
        let advice = file.advice.iter().map(|advice| (&warning, advice));
        for (level, remark) in problems.chain(advice) {
            let place = remark.place(&file.name);
            writeln!(out, "{place}: {level}: {}", remark.text())?;
        }
        writeln!(out, "{}: {verdict}", file.name)?;
    }
    Ok(())
}

/// All advice about settings that the policy takes, in the order of the file.
fn advise(file: &SettingsFile, cluster: &[String]) -> Result<Vec<(Position, Advice)>, Failure> {
    let written = file.structured()?;
    let text = file.found.settings.to_string();
    let document = Document::new(json::Value::parse(&text)?);
    document.check_form()?;
    let features = RulesOf::all(&document);

    let mut advice = Vec::new();
    rules::advise(&document, &features, &written, &mut advice);
    namespaces::advise(&written, cluster, &mut advice);
    values::advise(&features, &written, &mut advice);

    let mut placed: Vec<_> = advice
        .into_iter()
        .map(|advice| (file.place(&advice.path), advice))
        .collect();
    placed.sort_by_key(|(at, _)| (at.line, at.column));
    Ok(placed)
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
