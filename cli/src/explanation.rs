//! What the policy said about an object, feature by feature.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use datakit_operator_policy::features;
use datakit_policy_host::policy::LogLine;

use crate::journal;
use crate::paint::{Ink, Paint};
use crate::session::{Answer, OBJECT, Outcome};

/// What the policy said about an object.
pub struct Explanation<'a> {
    /// About it as a whole.
    pub object: Vec<Line<'a>>,
    /// Feature by feature, in the policy's order; those that it said nothing about are left out.
    pub features: Vec<Feature<'a>>,
}

/// What the policy said about a feature.
pub struct Feature<'a> {
    pub name: &'static str,
    pub verdict: Verdict<'a>,
    pub lines: Vec<Line<'a>>,
}

/// What became of a feature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// What was injected.
    Injected(&'a str),
    /// The object has it, and keeps it.
    Stays,
    TakenAway,
    Nothing,
}

/// Something that the policy said.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    pub kind: Kind,
    pub message: &'a str,
    /// The line that the policy logged; none for a warning that it did not.
    pub log: Option<&'a LogLine>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Decision,
    /// A selector of the rule that was decided about last.
    Detail,
    Warning,
}

impl<'a> Explanation<'a> {
    /// Sorts what was logged about an object.
    pub fn new(answer: &'a Answer) -> Self {
        let mut about: BTreeMap<&str, Vec<Line<'a>>> = BTreeMap::new();
        let lines = answer.logs.iter().filter_map(Line::of_log);
        for (subject, line) in lines.chain(not_logged(answer)) {
            // What is known of no feature is of the object.
            let subject = if is_feature(subject) { subject } else { OBJECT };
            let about = about.entry(subject).or_default();
            // The journal before an update and the one after it mostly say the same.
            if !about.last().is_some_and(|last| last.is_like(&line)) {
                about.push(line);
            }
        }
        let has = answer.result().map(journal::features).unwrap_or_default();
        let verdict = |name: &str| match answer.injected.get(name) {
            Some(what) => Verdict::Injected(what),
            None if has.contains(name) => Verdict::Stays,
            None if answer.had.contains(name) => Verdict::TakenAway,
            None => Verdict::Nothing,
        };
        let features = features::NAMES.into_iter().filter_map(|name| {
            Some(Feature {
                name,
                verdict: verdict(name),
                lines: about.remove(name)?,
            })
        });
        Self {
            features: features.collect(),
            object: about.remove(OBJECT).unwrap_or_default(),
        }
    }
}

/// The warnings of policies that log none, and those that are not a policy's own.
fn not_logged(answer: &Answer) -> impl Iterator<Item = (&str, Line<'_>)> {
    // Another policy than ours may not log its warnings.
    let are_logged = answer
        .logs
        .iter()
        .any(|line| line.field("event") == Some("warning"));
    let own = answer.warnings.iter().filter(move |_| !are_logged);
    let own = own.filter(|warning| !answer.remarks.contains(warning));
    own.chain(&answer.remarks).map(|message| {
        let line = Line {
            kind: Kind::Warning,
            message,
            log: None,
        };
        (OBJECT, line)
    })
}

fn is_feature(name: &str) -> bool {
    features::NAMES.contains(&name)
}

impl<'a> Line<'a> {
    /// With what it is about; none for what the heading says.
    fn of_log(log: &'a LogLine) -> Option<(&'a str, Self)> {
        let kind = match log.field("event") {
            Some("injected") => return None,
            Some("selector") => Kind::Detail,
            Some("warning") => Kind::Warning,
            _ => Kind::Decision,
        };
        let line = Self {
            kind,
            message: &log.message,
            log: Some(log),
        };
        Some((log.field("feature").unwrap_or(OBJECT), line))
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.kind, self.message) == (other.kind, other.message)
    }

    fn show(&self, paint: Paint) -> String {
        let text = self.message;
        match self.kind {
            Kind::Decision => format!("  {text}"),
            Kind::Detail => format!("    {text}"),
            Kind::Warning => format!("  {}: {text}", paint.ink(Ink::Warning, "warning")),
        }
    }
}

/// The object, what it is matched by, and feature by feature what the policy said.
pub fn explanation(answer: &Answer, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.ink(Ink::Title, answer.place()));
    let said = Explanation::new(answer);
    match (&answer.outcome, answer.update()) {
        (Outcome::NotAsked(reason), _) => {
            let _ = writeln!(text, "the policy is not asked: {reason}");
        }
        // The policy logs nothing where it need not look.
        (Outcome::Kept(_), Some(why)) if answer.logs.is_empty() => {
            let _ = writeln!(text, "kept as it was\n  {why}");
        }
        (Outcome::Kept(_), _) => text.push_str("kept as it was\n"),
        _ if said.features.is_empty() => text.push_str("nothing injected\n"),
        _ => {}
    }
    write_lines(&mut text, &said.object, paint);
    for feature in &said.features {
        let verdict = match feature.verdict {
            Verdict::Injected(what) => paint.ink(Ink::Added, format_args!("injected {what}")),
            Verdict::Stays => "stays as it is".to_owned(),
            Verdict::TakenAway => paint.ink(Ink::Removed, "taken away"),
            Verdict::Nothing => "nothing injected".to_owned(),
        };
        let _ = writeln!(text, "{}: {verdict}", paint.ink(Ink::Title, feature.name));
        write_lines(&mut text, &feature.lines, paint);
    }
    if let Outcome::Refused(message) = &answer.outcome {
        let _ = writeln!(text, "{}: {message}", paint.ink(Ink::Removed, "refused"));
    }
    text
}

/// What was decided, and then the warnings.
fn write_lines(text: &mut String, lines: &[Line<'_>], paint: Paint) {
    let is_warning = |line: &&Line<'_>| line.kind == Kind::Warning;
    let decisions = lines.iter().filter(|line| !is_warning(line));
    for line in decisions.chain(lines.iter().filter(is_warning)) {
        let _ = writeln!(text, "{}", line.show(paint));
    }
}
