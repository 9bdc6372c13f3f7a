//! What the policy tells about its work: warnings to whoever applies the object, audit annotations
//! for the cluster's audit log, and debug lines for whoever asks why.

use std::cell::OnceCell;
use std::fmt;

use crate::json::Problem;
use crate::settings::Comparison;
use kubewarden_policy_sdk::logging::KubewardenDrain;
use slog::{Drain, Level, Logger, debug, error, o};

/// What a debug line is about. Each line carries the word for it in the field `event`, so that programs
/// need not read the sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Why something is so.
    Reason,
    /// What holds for all that is injected into a template, and keeps nothing from it.
    Note,
    /// What becomes of a template on an update.
    Update,
    /// What the journal of a template holds.
    Journal,
    /// What is decided about a rule; in the fields `rule` and `verdict`.
    Rule,
    /// What a selector of a rule was compared with; in the fields `rule`, `selector` and `verdict`.
    Selector,
    /// What a feature injected.
    Injected,
    /// One edit of a template.
    Edit,
    /// A warning that the answer has, too.
    Warning,
    /// A problem of the settings; in the fields `path` and, where it is in a text, `text_line` and `text_column`
    /// (else 0).
    Problem,
}

impl Event {
    /// The word for it in the field `event`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::Note => "note",
            Self::Update => "update",
            Self::Journal => "journal",
            Self::Rule => "rule",
            Self::Selector => "selector",
            Self::Injected => "injected",
            Self::Edit => "edit",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// Kubernetes truncates all warnings of an answer together at 4096 characters.
const MOST_WARNINGS: usize = 20;

/// Collects what is to be told.
#[derive(Debug)]
pub struct Report {
    level: Level,
    /// Made when something is logged, which is rare.
    log: OnceCell<Logger>,
    /// The first warnings, as many as are shown.
    warnings: Vec<String>,
    /// How many more there were.
    more: usize,
    /// By feature.
    audit: Vec<(&'static str, String)>,
}

impl Report {
    /// A report that logs what is at least as severe as `level`.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self {
            level,
            log: OnceCell::new(),
            warnings: Vec::new(),
            more: 0,
            audit: Vec::new(),
        }
    }

    /// Logs from now on what is at least as severe as `level`.
    pub fn set_level(&mut self, level: Level) {
        self.level = level;
        self.log = OnceCell::new();
    }

    /// Notes what was asked for and not done, and why.
    pub fn warn(&mut self, about: &str, what: impl fmt::Display) {
        let what = what.to_string();
        let warning = one_line(&format!("datakit {about}: {what}"));
        if self.warnings.contains(&warning) {
            return;
        }
        self.tell(about, Event::Warning, || what);
        if self.warnings.len() < MOST_WARNINGS {
            self.warnings.push(warning);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Notes what a feature injected: its image, or the rule where there is none.
    pub fn injected(&mut self, feature: &'static str, what: &str) {
        self.tell(feature, Event::Injected, || format!("injected {what}"));
        self.audit.push((feature, what.to_owned()));
    }

    /// Takes back what was noted as injected: the object stays as it was.
    pub fn forget_injections(&mut self) {
        self.audit.clear();
    }

    /// Logs why something is so, at debug. It may name objects, labels and rules, and no values.
    pub fn explain<T: fmt::Display>(&self, about: &str, reason: impl FnOnce() -> T) {
        self.tell(about, Event::Reason, reason);
    }

    /// Logs an event at debug.
    pub fn tell<T: fmt::Display>(&self, about: &str, event: Event, what: impl FnOnce() -> T) {
        if self.explains() {
            let line = one_line(&what().to_string());
            debug!(self.log(), "{}", line; "feature" => about, "event" => event.word());
        }
    }

    /// Logs the verdict on a rule, at debug.
    pub fn tell_of_rule(&self, about: &str, rule: &str, verdict: &str, line: &str) {
        if self.explains() {
            debug!(self.log(), "{}", one_line(line); "feature" => about, "event" => Event::Rule.word(),
                "rule" => rule, "verdict" => verdict);
        }
    }

    /// Logs whether a selector of a rule fits, at debug.
    pub fn tell_of_selector(&self, about: &str, rule: &str, seen: &Comparison) {
        if self.explains() {
            debug!(self.log(), "{}", one_line(&seen.line); "feature" => about, "event" => Event::Selector.word(),
                "rule" => rule, "selector" => one_line(&seen.selector), "verdict" => seen.verdict);
        }
    }

    /// Logs a problem of the settings, at error: programs find the place by the fields.
    pub fn tell_of_problem(&self, problem: &Problem) {
        let Problem { path, what, place } = problem;
        let (line, column) = place.map_or((0, 0), |place| (place.line, place.column));
        error!(self.log(), "{what}"; "feature" => "settings", "event" => Event::Problem.word(),
            "path" => path, "text_line" => line, "text_column" => column);
    }

    /// Whether decisions are logged, for details that are worth nothing otherwise.
    #[must_use]
    pub fn explains(&self) -> bool {
        Level::Debug.is_at_least(self.level)
    }

    /// The warnings, if there are any.
    #[must_use]
    pub fn warnings(&self) -> Option<Vec<String>> {
        let mut warnings = self.warnings.clone();
        if self.more > 0 {
            warnings.push(format!("datakit: and {} more warnings", self.more));
        }
        (!warnings.is_empty()).then_some(warnings)
    }

    /// The audit annotations.
    #[must_use]
    pub fn audit_annotations(&self) -> &[(&'static str, String)] {
        &self.audit
    }

    fn log(&self) -> &Logger {
        self.log.get_or_init(|| logger(self.level))
    }
}

fn logger(level: Level) -> Logger {
    // A host that takes no logs must not make the policy fail, so errors of the drain are dropped;
    // the SDK's `KubewardenDrain::new` panics on them.
    let drain = KubewardenDrain::default().filter_level(level).ignore_res();
    Logger::root(drain, o!())
}

/// A part of the user's text for a message: short, whatever its length.
#[must_use]
pub fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let mut short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{short}`")
}

/// API servers drop warnings with control characters, and cut those that are longer than 256. Only
/// the names of somebody's keys make them so long.
fn one_line(text: &str) -> String {
    const MOST: usize = 256;
    // Nearly all of them.
    if text.len() <= MOST && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut short = text.replace(char::is_control, " ");
    if let Some((end, _)) = short.char_indices().nth(MOST) {
        short.truncate(end);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn says_each_warning_once_and_on_one_line() {
        let mut report = Report::new(Level::Error);
        assert_eq!(report.warnings(), None);
        report.warn("ddtrace", "a\nb");
        report.warn("ddtrace", "a\nb");
        assert_eq!(
            report.warnings(),
            Some(vec!["datakit ddtrace: a b".to_owned()])
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn counts_the_warnings_that_are_too_many() {
        let mut report = Report::new(Level::Error);
        for number in 0..25 {
            report.warn("logfwd", number);
        }
        let warnings = report.warnings().unwrap();
        assert_eq!(warnings.len(), 21);
        assert_eq!(warnings[20], "datakit: and 5 more warnings");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn cuts_what_is_too_long_to_be_shown() {
        assert_eq!(one_line(&"ä".repeat(300)), "ä".repeat(256));
        assert_eq!(one_line(&"ä".repeat(256)), "ä".repeat(256));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn shows_long_texts_shortly() {
        assert_eq!(shown("no"), "`no`");
        assert_eq!(shown(&"ä".repeat(50)), format!("`{}…`", "ä".repeat(40)));
    }
}
