//! The table of features: whoever needs to know which there are, what they are called, what they add or
//! what asks for them, asks it.

use super::feature::{Added, Feature, Planner};
use super::scene::SWITCH;
use super::{ddtrace, flameshot, logfwd, logging, otel, profiler, security, targets};
use crate::json::Problem;
use crate::settings::Document;
use crate::template::Journal;

/// All features, in the order in which they are injected; each sees the template as the one before left it.
pub static ALL: [&Feature; 6] = [
    &ddtrace::FEATURE,
    &otel::FEATURE,
    &logfwd::FEATURE,
    &flameshot::FEATURE,
    &profiler::FEATURE,
    &logging::FEATURE,
];

/// What decides about templates, feature by feature. Apart from the table, so that programs that read settings and inject
/// nothing go without it.
pub(super) static PLANS: [Planner; ALL.len()] = [
    ddtrace::plan,
    otel::plan,
    logfwd::plan,
    flameshot::plan,
    profiler::plan,
    logging::plan,
];

/// A column of the table, apart from it: for programs that read journals and annotations and inject nothing. What looks
/// at the table itself carries all that its functions do.
macro_rules! column {
    ($field:ident, $empty:expr) => {{
        let mut column = [$empty; ALL.len()];
        let mut place = 0;
        while place < ALL.len() {
            column[place] = ALL[place].$field;
            place += 1;
        }
        column
    }};
}

/// Their names.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // The compiler evaluates it.
pub const NAMES: [&str; ALL.len()] = column!(name, "");

/// The columns of what they add, and of their annotations.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // The compiler evaluates it.
mod columns {
    use super::{ALL, Added};
    use crate::features::feature::Ask;

    pub const ADDED: [Option<Added>; ALL.len()] = column!(adds, None);
    pub const SWITCHES: [Option<&str>; ALL.len()] = column!(switch, None);
    pub const ASKS: [&[Ask]; ALL.len()] = column!(asks, &[] as &[Ask]);
    pub const RESOURCES: [Option<&str>; ALL.len()] = column!(resources, None);
}

/// The feature that adds a container of this name.
#[must_use]
pub fn adding(name: &str) -> Option<&'static str> {
    let mut features = NAMES.iter().zip(columns::ADDED);
    let is_it = |added: Option<Added>| added.is_some_and(|added| added.name() == name);
    features.find_map(|(feature, added)| is_it(added).then_some(*feature))
}

/// Whether a feature adds a container of this name.
#[must_use]
pub fn adds_container(name: &str) -> bool {
    adding(name).is_some()
}

/// Whether a feature adds a sidecar of this name.
#[must_use]
pub fn adds_sidecar(name: &str) -> bool {
    ALL.iter()
        .any(|feature| matches!(feature.adds, Some(Added::Sidecar(own)) if own == name))
}

/// Reads a journal: of containers it may name those that a feature adds.
///
/// # Errors
/// Why it is not taken, as the end of a sentence.
pub fn journal(text: &str) -> Result<Journal, &'static str> {
    Journal::parse(text, adds_container)
}

/// The names of all annotations that the policy looks at, behind the [`PREFIX`](super::PREFIX).
pub fn annotation_names() -> impl Iterator<Item = &'static str> {
    let switches = columns::SWITCHES.into_iter().flatten();
    let asks = columns::ASKS.into_iter().flatten();
    let resources = columns::RESOURCES.into_iter().flatten();
    [
        SWITCH,
        security::ANNOTATION,
        targets::ONLY,
        targets::EXCLUDED,
    ]
    .into_iter()
    .chain(switches)
    .chain(asks.map(|ask| ask.name))
    .chain(resources)
}

/// Everything that is wrong with settings, each with its path; nothing if they are valid.
#[must_use]
pub fn problems(settings: &Document<'_>) -> Vec<Problem> {
    settings.problems(|reader| {
        for feature in ALL {
            (feature.rules)(settings, reader);
        }
    })
}
