//! What a feature is to the rest of the program.

use super::scene::{Decision, Scene};
use crate::report::Report;
use crate::settings::{Document, Language, Outline, Place, Reader};

/// What is known of a feature without a template. Its file has the row.
#[derive(Debug)]
pub struct Feature {
    /// As warnings, audit annotations and journals name it.
    pub name: &'static str,
    /// The boolean annotation that switches it off, behind the [`PREFIX`](super::PREFIX).
    pub switch: Option<&'static str>,
    /// The annotations that ask for it, in the order in which they are looked for.
    pub asks: &'static [Ask],
    /// The container that it adds.
    pub adds: Option<Added>,
    /// The annotation with the resources of that container, behind the prefix.
    pub resources: Option<&'static str>,
    /// Where its rules stand in the settings.
    pub place: Place,
    /// The variables that it sets in each app container, whatever `envs` say of them.
    pub sets: fn(Language) -> Vec<&'static str>,
    /// Reads its rules, and finds what is wrong with them where the reader looks for that.
    pub rules: for<'n> fn(&'n Document<'_>, &mut Reader) -> Outline<'n>,
}

/// An annotation that asks for a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Its name behind the [`PREFIX`](super::PREFIX).
    pub name: &'static str,
    /// The language of the rules that it asks for; of none, it asks for any rule.
    pub language: Option<Language>,
}

impl Ask {
    /// One for the rules of a language.
    pub(super) const fn of(name: &'static str, language: Language) -> Self {
        let language = Some(language);
        Self { name, language }
    }

    /// One for any rule.
    pub(super) const fn for_any(name: &'static str) -> Self {
        let language = None;
        Self { name, language }
    }
}

impl Feature {
    /// The names of the annotations that ask for rules of a language.
    #[must_use]
    pub fn asks_for(&self, language: Option<Language>) -> Vec<&'static str> {
        let is_for = |ask: &&Ask| ask.language.is_none() || ask.language == language;
        self.asks
            .iter()
            .filter(is_for)
            .map(|ask| ask.name)
            .collect()
    }
}

/// Decides about a template.
pub(super) type Planner = fn(&Scene<'_, '_>, &mut Report) -> Decision;

/// The name of a container that a feature adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It ends before the app containers start.
    InitContainer(&'static str),
    /// It runs beside the app containers.
    Sidecar(&'static str),
}

impl Added {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InitContainer(name) | Self::Sidecar(name) => name,
        }
    }
}
