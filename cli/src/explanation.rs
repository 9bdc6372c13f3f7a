//! What the policy said about an object, feature by feature.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use datakit_operator_policy::features;
use datakit_policy_host::policy::LogLine;

use crate::journal;
use crate::paint::{Ink, Paint};
use crate::session::{Answer, OBJECT, Outcome};

/// The object, what it is matched by, and feature by feature what the policy said.
pub fn explanation(answer: &Answer, paint: Paint) -> String {
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
    for feature in features::NAMES {
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
    features::NAMES.contains(&name)
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
