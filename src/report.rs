//! What the policy tells about its work: warnings to whoever applies the object, audit annotations
//! for the cluster's audit log, and debug lines for whoever asks why.

use std::collections::HashMap;
use std::fmt;

use kubewarden_policy_sdk::logging::KubewardenDrain;
use slog::{Drain, Level, Logger, debug, o};

/// What the policy injects, in the order in which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    Ddtrace,
    Logfwd,
    Flameshot,
    Profiler,
    Logging,
}

impl Feature {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddtrace => "ddtrace",
            Self::Logfwd => "logfwd",
            Self::Flameshot => "flameshot",
            Self::Profiler => "profiler",
            Self::Logging => "logging",
        }
    }

    /// The name of the annotation that switches it off, behind its prefix.
    #[must_use]
    pub fn switch(self) -> String {
        format!("{}.enabled", self.name())
    }
}

/// Kubernetes truncates all warnings of an answer together at 4096 characters.
const MOST_WARNINGS: usize = 20;

/// Collects what is to be told.
#[derive(Debug)]
pub struct Report {
    log: Logger,
    explains: bool,
    /// The first warnings, as many as are shown.
    warnings: Vec<String>,
    /// How many more there were.
    more: usize,
    audit: HashMap<String, String>,
}

impl Report {
    /// A report that logs what is at least as severe as `level`.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self {
            log: logger(level),
            explains: level.is_at_least(Level::Debug),
            warnings: Vec::new(),
            more: 0,
            audit: HashMap::new(),
        }
    }

    /// Logs from now on what is at least as severe as `level`.
    pub fn set_level(&mut self, level: Level) {
        self.log = logger(level);
        self.explains = level.is_at_least(Level::Debug);
    }

    /// Notes what was asked for and not done, and why.
    pub fn warn(&mut self, about: &str, what: impl fmt::Display) {
        let warning = one_line(&format!("datakit {about}: {what}"));
        if self.warnings.contains(&warning) {
            return;
        }
        if self.warnings.len() < MOST_WARNINGS {
            self.warnings.push(warning);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Notes what `feature` injected: its image, or the rule where there is none.
    pub fn injected(&mut self, feature: Feature, what: &str) {
        self.explain(feature.name(), || format!("injected {what}"));
        self.audit
            .insert(feature.name().to_owned(), what.to_owned());
    }

    /// Takes back what was noted as injected: the object stays as it was.
    pub fn forget_injections(&mut self) {
        self.audit.clear();
    }

    /// Logs a decision at debug. It may name objects, labels and rules, and no values.
    pub fn explain<T: fmt::Display>(&self, about: &str, decision: impl FnOnce() -> T) {
        if self.explains {
            debug!(self.log, "{}", one_line(&decision().to_string()); "feature" => about);
        }
    }

    /// Logs a detail of the decision about `rule`, at debug.
    pub fn explain_rule(&self, about: &str, rule: impl fmt::Display, detail: &str) {
        if self.explains {
            let rule = rule.to_string();
            debug!(self.log, "{}", one_line(detail); "feature" => about, "rule" => rule);
        }
    }

    /// Whether decisions are logged, for details that are worth nothing otherwise.
    #[must_use]
    pub fn explains(&self) -> bool {
        self.explains
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

    /// The audit annotations, if there are any.
    #[must_use]
    pub fn audit_annotations(&self) -> Option<HashMap<String, String>> {
        (!self.audit.is_empty()).then(|| self.audit.clone())
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
