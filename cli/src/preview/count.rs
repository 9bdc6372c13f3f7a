//! The numbers of a preview's last line.

use std::fmt;

use crate::session::{Answer, Outcome};

/// How many objects had which outcome.
#[derive(Default)]
pub struct Count {
    injected: usize,
    unchanged: usize,
    no_workload: usize,
    refused: usize,
    errors: usize,
}

impl Count {
    /// Counts one object.
    pub fn add(&mut self, answer: &Answer) {
        match answer.outcome {
            Outcome::Injected(_) => self.injected += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::NoWorkload => self.no_workload += 1,
            Outcome::Refused(_) => self.refused += 1,
        }
    }

    /// Counts a document or a file that cannot be used.
    pub fn add_error(&mut self) {
        self.errors += 1;
    }

    /// Whether something would be injected.
    pub fn has_changes(&self) -> bool {
        self.injected > 0
    }

    /// Whether anything went wrong.
    pub fn has_errors(&self) -> bool {
        self.refused + self.errors > 0
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.unchanged + self.no_workload;
        let objects = self.injected + skipped + self.refused;
        let injected = self.injected;
        write!(
            out,
            "{}: {injected} injected, {skipped} skipped",
            plural(objects, "object")
        )?;
        let reasons = [
            (self.unchanged, "nothing to inject"),
            (self.no_workload, "no workload"),
        ];
        let reasons = reasons
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, reason)| format!("{count} {reason}"));
        let reasons: Vec<_> = reasons.collect();
        if !reasons.is_empty() {
            write!(out, " ({})", reasons.join(", "))?;
        }
        if self.refused > 0 {
            write!(out, ", {} refused", self.refused)?;
        }
        if self.errors > 0 {
            write!(out, "; {}", plural(self.errors, "error"))?;
        }
        Ok(())
    }
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
