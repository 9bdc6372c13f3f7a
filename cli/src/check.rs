//! `check`: whether the policy takes settings, and what they may not mean.

mod advice;
mod labels;
mod namespaces;
mod rules;
mod values;

use std::io::Write as _;
use std::process::ExitCode;

use datakit_operator_policy::json;
use datakit_operator_policy::settings::Document;
use datakit_policy_host::policy::Policy;
use datakit_policy_host::settings::name_of;
use datakit_policy_host::yaml::Position;
use serde_json::Value;

use self::advice::{Advice, RulesOf};
use crate::Failure;
use crate::aside::say;
use crate::input::{self, PolicyArgs};
use crate::manifests::Reading;
use crate::namespaces::NamespaceArgs;
use crate::paint::{Ink, Paint};
use crate::screen::{self, ColorArgs, stdout};
use crate::settings::SettingsFile;

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

    #[command(flatten)]
    color: ColorArgs,
}

/// The exit code for advice where it is asked for.
const ADVICE: u8 = 3;

/// Settings, with what the verdict calls them; for what cannot be read, the reason.
type Named = Result<(String, SettingsFile), Failure>;

/// What came of settings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Accepted,
    Advised,
    Refused,
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let policy = args.policy.compile()?;
    let cluster = args.cluster()?;
    let paint = args.color.paint();
    let mut worst = Verdict::Accepted;
    for file in args.read()? {
        let verdict = match file {
            Ok((name, file)) => check(&policy, &name, &file, &cluster, paint)?,
            Err(error) => {
                say(format_args!("Error: {error}"));
                Verdict::Refused
            }
        };
        worst = worst.max(verdict);
    }
    Ok(match worst {
        Verdict::Refused => ExitCode::FAILURE,
        Verdict::Advised if args.strict => ExitCode::from(ADVICE),
        Verdict::Accepted | Verdict::Advised => ExitCode::SUCCESS,
    })
}

impl Args {
    /// The settings that are to be checked.
    fn read(&self) -> Result<Vec<Named>, Failure> {
        let paths = self.settings.iter().chain(&self.options).chain(&self.files);
        let paths: Vec<String> = paths.cloned().collect();
        let mut all = Vec::new();
        for held in self.reading.settings_by_file(&paths) {
            match held {
                Err(error) => all.push(Err(error)),
                Ok(held) => {
                    let is_alone = held.len() == 1;
                    all.extend(
                        held.into_iter()
                            .map(|file| Ok((title(&file, is_alone), file))),
                    );
                }
            }
        }
        self.reading.select(all, |read| match read {
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

fn check(
    policy: &Policy,
    name: &str,
    file: &SettingsFile,
    cluster: &[String],
    paint: Paint,
) -> Result<Verdict, Failure> {
    let mut out = stdout();
    let mut problems = file.policy_problems();
    problems.extend(file.problems(policy)?);
    problems.sort_by_key(|problem| (problem.at.line, problem.at.column));
    for problem in &problems {
        let error = paint.ink(Ink::Removed, "error");
        let message = format!("{error}: {}", problem.message);
        let line = file.at(problem.at, &message);
        writeln!(out, "{}", screen::wrapped(&line))?;
    }
    if !problems.is_empty() {
        let count = count(problems.len(), "problem");
        writeln!(out, "{name}: refused, {count}")?;
        return Ok(Verdict::Refused);
    }

    let advice = advise(file, cluster)?;
    for (at, advice) in &advice {
        let warning = paint.ink(Ink::Warning, "warning");
        let message = format!("{warning}: {}: {}", advice.path, advice.message);
        let line = file.at(*at, &message);
        writeln!(out, "{}", screen::wrapped(&line))?;
    }
    if advice.is_empty() {
        writeln!(out, "{name}: accepted")?;
        return Ok(Verdict::Accepted);
    }
    let count = count(advice.len(), "warning");
    writeln!(out, "{name}: accepted, {count}")?;
    Ok(Verdict::Advised)
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
