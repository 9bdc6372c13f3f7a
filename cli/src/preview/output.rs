//! A preview, object by object, in the format that the user wants.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use clap::ValueEnum;
use datakit_policy_host::response::difference;
use datakit_policy_host::yaml::{Comments, with_comments};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::count::Count;
use crate::aside::say;
use crate::objects::{Form, Objects, json_item, yaml_document};
use crate::paint::{Ink, Paint};
use crate::report::{self, PreviewReport};
use crate::screen::{self, stdout};
use crate::session::{Answer, Outcome};
use crate::{Failure, journal};

/// What is printed of each object.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A unified diff of the YAML of each object that changes, and a line for each workload that does not
    Diff,
    /// All objects, with what would be injected, as YAML documents in your order of keys
    Yaml,
    /// All objects, with what would be injected, as a List in JSON
    Json,
    /// For each object that changes a line of JSON with its JSON patch
    Patch,
    /// A line for each workload
    Summary,
    /// What becomes of each object and why, and the numbers, in JSON with a schema and a version
    Report,
    /// Commands of a GitHub workflow, which annotate the files with errors, warnings and notes
    Github,
}

impl Format {
    /// The format of the report, where one is to be printed.
    pub fn report(self) -> Option<report::Format> {
        match self {
            Self::Report => Some(report::Format::Json),
            Self::Github => Some(report::Format::Github),
            Self::Diff | Self::Yaml | Self::Json | Self::Patch | Self::Summary => None,
        }
    }
}

/// Writes what is printed of each object.
#[derive(Clone, Copy)]
pub struct Writer {
    pub format: Format,
    pub paint: Paint,
}

/// What is printed of an object.
pub struct Written {
    /// What goes to standard error.
    remarks: Vec<String>,
    text: String,
}

impl Writer {
    /// Whether objects are written as they came, where nothing changes.
    pub fn wants_texts(self) -> bool {
        self.format == Format::Yaml
    }

    /// Writes one object; `text` is that of its document, if it is known.
    pub fn write(self, answer: &Answer, text: Option<&str>) -> Written {
        let remarks = match self.format {
            Format::Yaml | Format::Json | Format::Patch => remarks_with_place(answer),
            Format::Diff | Format::Summary | Format::Report | Format::Github => Vec::new(),
        };
        let text = match (self.format, answer.result()) {
            (Format::Diff, _) => diff_of(answer, self.paint),
            (Format::Summary, _) => screen::wrapped(&summary_of(answer, self.paint)).into_owned(),
            (Format::Patch, _) => {
                patch_of(answer).map_or_else(String::new, |line| format!("{line}\n"))
            }
            (Format::Yaml, Some(object)) => {
                yaml_document(object, text.map(|text| (text, &answer.object)))
            }
            (Format::Json, Some(object)) => json_item(object),
            (Format::Yaml | Format::Json, None) | (Format::Report | Format::Github, _) => {
                String::new()
            }
        };
        Written { remarks, text }
    }
}

/// Prints a preview. Where objects or patches are printed, standard output holds nothing else: what is said about
/// them goes to standard error.
pub struct Printer {
    format: Format,
    /// Objects and patches. They are printed at the end, all or none.
    objects: Objects,
    report: PreviewReport,
    keep_going: bool,
    /// Whether the last thing printed was a single line, from which what is longer keeps a distance.
    after_line: bool,
}

impl Printer {
    pub fn new(format: Format, keep_going: bool) -> Self {
        let form = match format {
            Format::Yaml => Form::Yaml,
            Format::Json => Form::Json,
            _ => Form::Lines,
        };
        Self {
            format,
            objects: Objects::new(form),
            report: PreviewReport::default(),
            keep_going,
            after_line: false,
        }
    }

    /// Prints one object; what others are to read is kept for the end.
    pub fn print(&mut self, answer: &Answer, written: &Written) -> io::Result<()> {
        written.remarks.iter().for_each(say);
        let text = &written.text;
        match self.format {
            Format::Diff => self.print_diff(text),
            Format::Summary => write!(stdout(), "{text}"),
            Format::Report | Format::Github => {
                self.report.add(answer);
                Ok(())
            }
            Format::Yaml | Format::Json | Format::Patch if text.is_empty() => Ok(()),
            Format::Yaml | Format::Json | Format::Patch => self.objects.push(text),
        }
    }

    fn print_diff(&mut self, text: &str) -> io::Result<()> {
        let is_line = text.lines().nth(1).is_none();
        if self.after_line && !is_line {
            writeln!(stdout())?;
        }
        self.after_line = is_line && (self.after_line || !text.is_empty());
        write!(stdout(), "{text}")
    }

    /// Takes in what cannot be read.
    pub fn add_error(&mut self, failure: &Failure) {
        if self.format.report().is_some() {
            self.report.add_error(failure);
        }
    }

    /// Prints what comes last.
    pub fn finish(self, count: &Count) -> Result<(), Failure> {
        match self.format {
            Format::Diff | Format::Summary => return Ok(writeln!(stdout(), "{count}")?),
            Format::Report => report::write(&self.report, report::Format::Json, stdout())?,
            Format::Github => report::write(&self.report, report::Format::Github, stdout())?,
            // Whoever applies what is left would miss the rest.
            _ if count.has_errors() && !self.keep_going => {
                say(
                    "Error: nothing is printed, because a part of it is missing; --keep-going prints the rest",
                );
            }
            Format::Json | Format::Yaml | Format::Patch => self.objects.print()?,
        }
        say(count);
        Ok(())
    }
}

/// Where it stands, what changes, what the policy says about it. Ends with a blank line where it is longer than one.
/// What is no workload is only counted, where it does not ask for an injection.
fn diff_of(answer: &Answer, paint: Paint) -> String {
    let place = answer.place();
    let mut text = match &answer.outcome {
        Outcome::NoWorkload if answer.warnings.is_empty() => return String::new(),
        Outcome::NoWorkload => format!("no workload: {place}\n"),
        Outcome::Injected(after) | Outcome::Uninjected(after) | Outcome::Kept(Some(after)) => {
            let diff = diff(&answer.object, after, paint);
            format!("{}\n{diff}", paint.ink(Ink::Title, place))
        }
        Outcome::Kept(None) => format!("kept as it was: {place}{}\n", why(&answer.update())),
        Outcome::Unchanged(reason) => format!("nothing to inject: {place}{}\n", why(reason)),
        Outcome::NotAsked(reason) => format!("not asked: {place} ({reason})\n"),
        Outcome::Refused(message) => {
            format!(
                "{}: {place}\n{message}\n",
                paint.ink(Ink::Removed, "refused")
            )
        }
    };
    text.push_str(&remarks(answer, "", paint));
    for (feature, what) in answer.injected() {
        let injected = paint.ink(Ink::Added, "injected");
        let _ = writeln!(text, "{injected}: {feature}: {what}");
    }
    text.push_str(&verdict(answer, paint));
    if text.lines().nth(1).is_some() {
        text.push('\n');
    }
    text
}

/// What changes otherwise than by an injection.
fn verdict(answer: &Answer, paint: Paint) -> String {
    let verdict = match &answer.outcome {
        Outcome::Uninjected(_) => {
            let had = answer.had.iter().map(String::as_str);
            let had = Vec::from_iter(had).join(", ");
            format!("{}: {had}\n", paint.ink(Ink::Removed, "uninjected"))
        }
        _ => String::new(),
    };
    match answer
        .update()
        .filter(|_| !matches!(answer.outcome, Outcome::Kept(None)))
    {
        Some(update) => format!("{verdict}update: {update}\n"),
        None => verdict,
    }
}

/// A line, with the features that are injected, and the warnings below it.
fn summary_of(answer: &Answer, paint: Paint) -> String {
    let features: Vec<_> = answer.injected().map(|(feature, _)| feature).collect();
    let features = features.join(", ");
    let place = answer.place();
    let line = match &answer.outcome {
        Outcome::NoWorkload if answer.warnings.is_empty() => return String::new(),
        Outcome::NoWorkload => format!("no workload:       {place}"),
        Outcome::Injected(_) => {
            format!(
                "{}          {place}: {features}",
                paint.ink(Ink::Added, "injected:")
            )
        }
        Outcome::Uninjected(_) => {
            format!("{}        {place}", paint.ink(Ink::Removed, "uninjected:"))
        }
        Outcome::Kept(_) => format!("kept as it was:    {place}{}", why(&answer.update())),
        Outcome::Unchanged(reason) => format!("nothing to inject: {place}{}", why(reason)),
        Outcome::NotAsked(reason) => format!("not asked:         {place} ({reason})"),
        Outcome::Refused(message) => {
            format!(
                "{}           {place}: {message}",
                paint.ink(Ink::Removed, "refused:")
            )
        }
    };
    format!("{line}\n{}", remarks(answer, "  ", paint))
}

/// The reason why a workload is left alone, behind it.
fn why(reason: &Option<String>) -> String {
    reason
        .as_ref()
        .map_or_else(String::new, |reason| format!(" ({reason})"))
}

fn remarks(answer: &Answer, indent: &str, paint: Paint) -> String {
    let warning = paint.ink(Ink::Warning, "warning");
    let lines = answer
        .warnings
        .iter()
        .map(|text| format!("{indent}{warning}: {text}\n"));
    lines.collect()
}

/// Remarks for a place where nothing else says what they are about.
fn remarks_with_place(answer: &Answer) -> Vec<String> {
    let place = answer.place();
    let refused = match &answer.outcome {
        Outcome::Refused(message) => Some(format!("refused: {place}: {message}")),
        _ => None,
    };
    let warnings = answer.warnings.iter();
    let warnings = warnings.map(|warning| format!("warning: {place}: {warning}"));
    refused.into_iter().chain(warnings).collect()
}

/// The patch as the API server would get it, with what it is for.
fn patch_of(answer: &Answer) -> Option<Value> {
    let after = answer.result().filter(|after| **after != answer.object)?;
    Some(json!({
        "apiVersion": answer.object["apiVersion"],
        "kind": answer.kind,
        "namespace": answer.namespace,
        "name": answer.name,
        "patch": difference(&answer.object, after)
    }))
}

fn yaml(object: &Value) -> String {
    with_comments(object, &Comments::default())
}

/// A unified diff of the two as YAML. Both have the user's order of keys, so nothing but the policy's changes shows; of
/// journals only that they are there.
fn diff(before: &Value, after: &Value, paint: Paint) -> String {
    let (before, after) = journal::shortened(before, after);
    let (before, after) = (yaml(&before), yaml(&after));
    let diff = TextDiff::from_lines(&before, &after);
    let mut text = String::new();
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        let _ = writeln!(text, "{}", paint.ink(Ink::Place, hunk.header()));
        for change in hunk.iter_changes() {
            let line = change.value().trim_end_matches('\n');
            let _ = match change.tag() {
                ChangeTag::Equal => writeln!(text, " {line}"),
                ChangeTag::Insert => {
                    writeln!(text, "{}", paint.ink(Ink::Added, format_args!("+{line}")))
                }
                ChangeTag::Delete => {
                    writeln!(text, "{}", paint.ink(Ink::Removed, format_args!("-{line}")))
                }
            };
        }
    }
    text
}
