//! The numbers of a preview's last line.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use crate::session::{Answer, Outcome};

/// How many objects had which outcome.
#[derive(Default)]
pub struct Count {
    injected: usize,
    uninjected: usize,
    /// Updates that leave the template as it was.
    kept: usize,
    /// By their reasons.
    skipped: BTreeMap<String, usize>,
    refused: usize,
    errors: usize,
    warnings: usize,
}

/// The reason for objects that the policy is not asked about.
const NO_WORKLOAD: &str = "no workload";
/// The reason for workloads that the API server does not ask the policy about.
const NOT_ASKED: &str = "not asked about";
/// The reason for workloads that no feature found anything for.
const NOTHING: &str = "nothing to inject";

impl Count {
    /// Counts one object.
    pub fn add(&mut self, answer: &Answer) {
        self.warnings += answer.warnings.len();
        match &answer.outcome {
            Outcome::Injected(_) => self.injected += 1,
            Outcome::Uninjected(_) => self.uninjected += 1,
            Outcome::Kept(_) => self.kept += 1,
            Outcome::Unchanged(reason) => self.skip(reason.as_deref().unwrap_or(NOTHING)),
            Outcome::NotAsked(_) => self.skip(NOT_ASKED),
            Outcome::NoWorkload => self.skip(NO_WORKLOAD),
            Outcome::Refused(_) => self.refused += 1,
        }
    }

    fn skip(&mut self, reason: &str) {
        *self.skipped.entry(reason.to_owned()).or_default() += 1;
    }

    /// Counts a document or a file that cannot be used.
    pub fn add_error(&mut self) {
        self.errors += 1;
    }

    /// Whether something would be injected, or taken away.
    pub fn has_changes(&self) -> bool {
        self.injected + self.uninjected > 0
    }

    /// Whether anything went wrong.
    pub fn has_errors(&self) -> bool {
        self.refused + self.errors > 0
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped: usize = self.skipped.values().sum();
        let objects = self.injected + self.uninjected + self.kept + skipped + self.refused;
        let objects = plural(objects, "object");
        write!(out, "{objects}: {} injected", self.injected)?;
        for (count, what) in [
            (self.uninjected, "uninjected"),
            (self.kept, "kept as it was"),
        ] {
            if count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        write!(out, ", {skipped} skipped")?;
        let mut reasons: Vec<_> = self.skipped.iter().collect();
        reasons.sort_by_key(|(_, count)| Reverse(**count));
        for (place, (reason, count)) in reasons.into_iter().enumerate() {
            let separator = if place == 0 { " (" } else { ", " };
            write!(out, "{separator}{count} {reason}")?;
        }
        if skipped > 0 {
            out.write_str(")")?;
        }
        if self.refused > 0 {
            write!(out, ", {} refused", self.refused)?;
        }
        for (count, noun) in [(self.warnings, "warning"), (self.errors, "error")] {
            if count > 0 {
                write!(out, "; {}", plural(count, noun))?;
            }
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
