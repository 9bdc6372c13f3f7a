//! `check`: whether the policy takes settings, and what they may not mean.

use std::io::{Write as _, stdout};
use std::process::ExitCode;

use crate::Failure;
use crate::advice::advise;
use crate::input::{self, PolicyArgs};
use crate::paint::{Ink, Paint, When};

/// Check settings before the policy is loaded with them
///
/// Prints what the policy does not accept, and what is wrong with the rest of a ClusterAdmissionPolicy or an
/// AdmissionPolicy that the settings are in. Then comes advice: what is accepted and what still is hardly meant, such as
/// a rule that no pod can meet. Each of them begins with file, line and column.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 accepted, 1 refused or not to be read, 2 wrong usage, 3 accepted with advice \
                        (--strict)."
)]
pub struct Args {
    #[command(flatten)]
    policy: PolicyArgs,

    /// The settings: a YAML or JSON file of settings, a Kubewarden policy, the operator's ConfigMap or release file, or
    /// Helm values; - is standard input
    #[arg(value_name = "SETTINGS", required_unless_present = "option")]
    settings: Option<String>,

    /// The same, as the other commands have it
    #[arg(
        id = "option",
        short = 's',
        long = "settings",
        value_name = "FILE",
        conflicts_with = "settings"
    )]
    option: Option<String>,

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

    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = When::Auto)]
    color: When,
}

impl Args {
    fn file(&self) -> &str {
        let file = self.settings.as_deref().or(self.option.as_deref());
        file.unwrap_or(input::STDIN)
    }
}

/// The exit code for advice where it is asked for.
const ADVICE: u8 = 3;

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let policy = args.policy.compile()?;
    let file = input::settings(args.file())?;
    let paint = Paint::new(args.color);
    let mut out = stdout().lock();

    let mut problems = file.policy_problems();
    problems.extend(file.problems(&policy)?);
    problems.sort_by_key(|problem| (problem.at.line, problem.at.column));
    for problem in &problems {
        let error = paint.ink(Ink::Removed, "error");
        let message = format!("{error}: {}", problem.message);
        writeln!(out, "{}", file.at(problem.at, &message))?;
    }
    if !problems.is_empty() {
        let count = count(problems.len(), "problem");
        writeln!(out, "{}: refused, {count}", file.name)?;
        return Ok(ExitCode::FAILURE);
    }

    let advice = advise(&file, &args.namespaces)?;
    for (at, advice) in &advice {
        let warning = paint.ink(Ink::Warning, "warning");
        let message = format!("{warning}: {advice}");
        writeln!(out, "{}", file.at(*at, &message))?;
    }
    if advice.is_empty() {
        writeln!(out, "{}: accepted", file.name)?;
        return Ok(ExitCode::SUCCESS);
    }
    let count = count(advice.len(), "warning");
    writeln!(out, "{}: accepted, {count}", file.name)?;
    Ok(if args.strict {
        ExitCode::from(ADVICE)
    } else {
        ExitCode::SUCCESS
    })
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
