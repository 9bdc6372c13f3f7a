//! A preview as text.

use std::fmt::{self, Write as _};

use datakit_policy_host::yaml::to_yaml;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::{Outcome, Preview};
use crate::paint::{Ink, Paint};

/// One object: where it stands, what changes, what the policy says about it. Ends with a blank line where it is
/// longer than one.
pub fn write(preview: &Preview, paint: Paint) -> String {
    let place = format!("{}: {}", preview.title, preview.source);
    let mut text = match &preview.outcome {
        Outcome::Changed { before, after } => {
            format!(
                "{}\n{}",
                paint.ink(Ink::Title, place),
                diff(before, after, paint)
            )
        }
        Outcome::Unchanged => format!("skipped, unchanged: {place}\n"),
        Outcome::NoWorkload => format!("skipped, no workload: {place}\n"),
        Outcome::Refused { message } => {
            format!(
                "{}: {place}\n{message}\n",
                paint.ink(Ink::Removed, "refused")
            )
        }
    };
    for warning in &preview.warnings {
        let _ = writeln!(text, "{}: {warning}", paint.ink(Ink::Warning, "warning"));
    }
    for (feature, what) in &preview.injected {
        let _ = writeln!(
            text,
            "{}: {feature}: {what}",
            paint.ink(Ink::Added, "injected")
        );
    }
    if text.lines().nth(1).is_some() {
        text.push('\n');
    }
    text
}

/// A unified diff of the two as YAML. Its keys are sorted, so that nothing but the policy's changes shows.
fn diff(before: &Value, after: &Value, paint: Paint) -> String {
    let (before, after) = (to_yaml(before), to_yaml(after));
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

/// The last line's numbers.
#[derive(Default)]
pub struct Count {
    changed: usize,
    unchanged: usize,
    no_workload: usize,
    refused: usize,
    errors: usize,
}

impl Count {
    /// Counts one object.
    pub fn add(&mut self, preview: &Preview) {
        match preview.outcome {
            Outcome::Changed { .. } => self.changed += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::NoWorkload => self.no_workload += 1,
            Outcome::Refused { .. } => self.refused += 1,
        }
    }

    /// Counts a document or a file that cannot be used, and says why.
    pub fn error(&mut self, message: &str) {
        self.errors += 1;
        eprintln!("Error: {message}");
    }

    /// Whether anything went wrong.
    pub fn has_errors(&self) -> bool {
        self.refused + self.errors > 0
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.unchanged + self.no_workload;
        let objects = self.changed + skipped + self.refused;
        write!(
            out,
            "{}: {} changed, {skipped} skipped ({} unchanged, {} no workload), {} refused; {}",
            plural(objects, "object"),
            self.changed,
            self.unchanged,
            self.no_workload,
            self.refused,
            plural(self.errors, "error")
        )
    }
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
