//! `check`: whether the policy takes settings, and what they may not mean.

use std::io::Write as _;
use std::process::ExitCode;

use datakit_policy_host::policy::Policy;
use datakit_policy_host::settings::{Problem, name_of};
use serde_json::Value;

use crate::advice::{Advice, advise};
use crate::aside::say;
use crate::input::{self, PolicyArgs};
use crate::manifests::Reading;
use crate::namespaces::NamespaceArgs;
use crate::paint::{Ink, Paint};
use crate::report::{CheckReport, CheckVerdict, CheckedFile, Output, Remark, findings_of};
use crate::screen::{self, ColorArgs, stdout};
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
  datakit-policy check policies/ --strict
  datakit-policy check policies/ -l team=front --namespaces namespaces.yaml
  datakit-policy check policies/*.yaml -o github --strict

Exit codes: 0 accepted, 1 refused or not to be read, 2 wrong usage, 3 accepted with advice (--strict).")]
pub struct Args {
    #[command(flatten)]
    policy: PolicyArgs,

    /// The settings: YAML or JSON files of settings, Kubewarden policies, the operator's ConfigMap or release file, or
    /// Helm values; folders with such files; - is standard input. A file can hold several policies
    #[arg(value_name = "SETTINGS", required_unless_present_any = ["options", "files", "kustomize"])]
    settings: Vec<String>,

    /// The same, as the other commands have it
    #[arg(short = 's', long = "settings", value_name = "FILE")]
    options: Vec<String>,

    /// The same, as kubectl has it
    #[arg(short, long = "filename", value_name = "FILE", num_args = 1.., value_delimiter = ',')]
    files: Vec<String>,

    #[command(flatten)]
    reading: Reading,

    /// A namespace of the cluster, for advice about patterns that match several; can be given more than once
    #[arg(
        short,
        long = "namespace",
        value_name = "NAMESPACE",
        value_delimiter = ',',
        value_parser = input::namespace
    )]
    names: Vec<String>,

    #[command(flatten)]
    namespaces: NamespaceArgs,

    /// Exit with 3 where there is advice
    #[arg(long)]
    strict: bool,

    /// What to print
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    output: Output,

    #[command(flatten)]
    color: ColorArgs,
}

/// The exit code for advice where it is asked for.
const ADVICE: u8 = 3;

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let policy = args.policy.compile()?;
    let cluster = args.cluster()?;
    let mut report = CheckReport::default();
    for file in args.read()? {
        report.files.push(match file {
            (_, Ok((title, file))) => check(&policy, title, &file, &cluster),
            (name, Err(failure)) => unreadable(&name, &failure),
        });
    }
    match args.output.format() {
        None => write_text(&report, args.color.paint())?,
        Some(format) => report::write(&report, format, stdout())?,
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

/// A file, by the name that messages have for it, and its settings, by what the verdict calls them; or why they cannot be
/// read.
type Read = (String, Result<(String, SettingsFile), Failure>);

impl Args {
    /// All settings, file by file.
    fn read(&self) -> Result<Vec<Read>, Failure> {
        let paths = self.settings.iter().chain(&self.options).chain(&self.files);
        let paths: Vec<String> = paths.cloned().collect();
        let mut all: Vec<Read> = Vec::new();
        for (name, held) in self.reading.settings_by_file(&paths) {
            match held {
                Err(error) => all.push((name, Err(error))),
                Ok(held) => {
                    let is_alone = held.len() == 1;
                    let titled = |file| (title(&file, is_alone), file);
                    all.extend(
                        held.into_iter()
                            .map(|file| (name.clone(), Ok(titled(file)))),
                    );
                }
            }
        }
        self.reading.select(all, |(_, read)| match read {
            Ok((_, file)) => Some(&file.object),
            Err(_) => None,
        })
    }

    /// The namespaces of the cluster, as far as they are known.
    fn cluster(&self) -> Result<Vec<String>, Failure> {
        let known = self.namespaces.read(&self.reading)?;
        let name = |object: Value| object["metadata"]["name"].as_str().map(str::to_owned);
        let known = known.objects().filter_map(name);
        Ok(self.names.iter().cloned().chain(known).collect())
    }
}

/// What the verdict calls settings: their file, or, of several in one, the object that they stand in.
fn title(file: &SettingsFile, is_alone: bool) -> String {
    if is_alone {
        file.name.clone()
    } else {
        format!("{}: {}", file.found.source, name_of(&file.object))
    }
}

fn check(policy: &Policy, title: String, file: &SettingsFile, cluster: &[String]) -> CheckedFile {
    let mut checked = CheckedFile::new(&file.name);
    checked.title = title;
    match look(policy, file, cluster, &mut checked) {
        Ok(()) => checked,
        Err(failure) => unreadable(&file.name, &failure),
    }
}

/// Why a file cannot be read is told at once.
fn unreadable(name: &str, failure: &Failure) -> CheckedFile {
    say(format_args!("Error: {failure}"));
    let mut checked = CheckedFile::new(name);
    checked.verdict = CheckVerdict::Unreadable;
    checked.problems = findings_of(failure).iter().map(Remark::of).collect();
    checked
}

fn look(
    policy: &Policy,
    file: &SettingsFile,
    cluster: &[String],
    checked: &mut CheckedFile,
) -> Result<(), Failure> {
    let mut problems = file.policy_problems();
    problems.extend(file.problems(policy)?);
    problems.sort_by_key(|problem| (problem.at.line, problem.at.column));
    if problems.is_empty() {
        let advice = advise(file, cluster)?.into_iter();
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
    let mut out = stdout();
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
            let line = format!("{}: {level}: {}", remark.place(&file.name), remark.text());
            writeln!(out, "{}", screen::wrapped(&line))?;
        }
        writeln!(out, "{}: {verdict}", file.title)?;
    }
    Ok(())
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
