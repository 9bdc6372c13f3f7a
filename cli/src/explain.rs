//! `explain`: why a workload gets what it gets, and why not more.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::process::ExitCode;

use datakit_operator_policy::features;
use datakit_policy_host::manifest::Document;
use datakit_policy_host::policy::LogLine;
use datakit_policy_host::request::resource_name;

use crate::Failure;
use crate::aside::{self, say};
use crate::notes::Notes;
use crate::paint::{Ink, Paint, When};
use crate::session::{Answer, Inputs, NO_SETTINGS, OBJECT, Outcome, Session};
use crate::{journal, shape};

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

    /// Explain this workload alone, of several: KIND/NAME or NAME, with a kind as kubectl takes it (deploy/web)
    #[arg(long, value_name = "WORKLOAD")]
    only: Option<String>,

    /// Explain what can be explained where something else is broken
    #[arg(long)]
    keep_going: bool,

    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = When::Auto)]
    color: When,
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let documents = args.inputs.documents();
    let session = Session::open(&args.inputs, &documents)?;
    if !args.keep_going {
        aside::stop_at_errors(&documents)?;
    }
    let paint = Paint::new(args.color);
    let mut explained = 0_usize;
    let mut others = Vec::new();
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
        if !is_wanted(&answer, args) {
            others.push(reference(&answer));
            continue;
        }
        if explained > 0 {
            writeln!(stdout())?;
        }
        write!(stdout(), "{}", explanation(&answer, paint))?;
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
fn ask(session: &Session, document: Document) -> Result<Answer, Failure> {
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

/// The object, what it is matched by, and feature by feature what the policy said.
fn explanation(answer: &Answer, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.ink(Ink::Title, answer.place()));
    let told = Told::new(answer);
    match (&answer.outcome, answer.update()) {
        (Outcome::NotAsked(reason), _) => {
            let _ = writeln!(text, "the policy is not asked: {reason}");
        }
        // The policy logs nothing where it need not look.
        (Outcome::Kept(_), Some(why)) if answer.logs.is_empty() => {
            let _ = writeln!(text, "kept as it was\n  {why}");
        }
        (Outcome::Kept(_), _) => text.push_str("kept as it was\n"),
        _ if told.is_about_the_object_alone() => text.push_str("nothing injected\n"),
        _ => {}
    }
    if let Some(about) = told.about.get(OBJECT) {
        write_lines(&mut text, about, paint);
    }
    let has = answer.result().map(journal::features).unwrap_or_default();
    for feature in features::ALL.iter().map(|feature| feature.name) {
        let Some(about) = told.about.get(feature) else {
            continue;
        };
        let verdict = match answer.injected.get(feature) {
            Some(what) => paint.ink(Ink::Added, format_args!("injected {what}")),
            None if has.contains(feature) => "stays as it is".to_owned(),
            None if answer.had.contains(feature) => paint.ink(Ink::Removed, "taken away"),
            None => "nothing injected".to_owned(),
        };
        let _ = writeln!(text, "{}: {verdict}", paint.ink(Ink::Title, feature));
        write_lines(&mut text, about, paint);
    }
    if let Outcome::Refused(message) = &answer.outcome {
        let _ = writeln!(text, "{}: {message}", paint.ink(Ink::Removed, "refused"));
    }
    text
}

/// What the policy said, by what it is about.
struct Told {
    about: BTreeMap<String, Vec<Line>>,
}

/// A line of an explanation.
#[derive(PartialEq)]
enum Line {
    Decision(String),
    /// A selector of the rule that was decided about last.
    Detail(String),
    Warning(String),
}

impl Told {
    fn new(answer: &Answer) -> Self {
        let mut told = Self {
            about: BTreeMap::new(),
        };
        for line in &answer.logs {
            told.add_log(line);
        }
        // Another policy than ours may not log its warnings.
        let are_logged = answer.logs.iter().any(is_warning);
        let own = answer.warnings.iter().filter(|_| !are_logged);
        let own = own.filter(|warning| !answer.remarks.contains(warning));
        for warning in own.chain(&answer.remarks) {
            told.add(OBJECT, Line::Warning(warning.clone()));
        }
        told
    }

    fn add_log(&mut self, line: &LogLine) {
        let message = line.message.clone();
        let line_of = match line.field("event") {
            // The heading says it.
            Some("injected") => return,
            Some("selector") => Line::Detail(message),
            Some("warning") => Line::Warning(message),
            _ => Line::Decision(message),
        };
        self.add(line.field("feature").unwrap_or(OBJECT), line_of);
    }

    fn add(&mut self, about: &str, line: Line) {
        // What is known of no feature is of the object.
        let about = if is_feature(about) { about } else { OBJECT };
        let about = self.about.entry(about.to_owned()).or_default();
        // The journal before an update and the one after it mostly say the same.
        if about.last() != Some(&line) {
            about.push(line);
        }
    }

    fn is_about_the_object_alone(&self) -> bool {
        self.about.keys().all(|about| about == OBJECT)
    }
}

/// What was decided, and then the warnings.
fn write_lines(text: &mut String, lines: &[Line], paint: Paint) {
    let is_warning = |line: &&Line| matches!(line, Line::Warning(_));
    let decisions = lines.iter().filter(|line| !is_warning(line));
    for line in decisions.chain(lines.iter().filter(is_warning)) {
        let _ = writeln!(text, "{}", line.show(paint));
    }
}

fn is_warning(line: &LogLine) -> bool {
    line.field("event") == Some("warning")
}

fn is_feature(name: &str) -> bool {
    features::ALL.iter().any(|feature| feature.name == name)
}

impl Line {
    fn show(&self, paint: Paint) -> String {
        match self {
            Self::Decision(text) => format!("  {text}"),
            Self::Detail(text) => format!("    {text}"),
            Self::Warning(text) => {
                format!("  {}: {text}", paint.ink(Ink::Warning, "warning"))
            }
        }
    }
}
