//! Which pods a rule is for, and why it is not for others.

use std::fmt;

use crate::json::Object;

use crate::namespace::NamespacePattern;
use crate::owner::Owner;
use crate::report::shown;
use crate::selector::LabelSelector;

/// Which pods a rule is for.
#[derive(Debug)]
pub enum Scope<'a> {
    /// All of them; they opt in by annotation.
    Everywhere,
    /// Those in one of the namespaces (if any are named) with labels that meet one of the selectors
    /// (if any are named); nobody if neither is.
    Both(Selectors<'a>),
    /// Those in one of the namespaces, and those with labels that meet one of the selectors.
    Either(Selectors<'a>),
    /// Those in one of the namespaces with labels that meet one of the selectors; nobody if either
    /// list is empty.
    Each(Selectors<'a>),
}

/// Namespace patterns and label selectors. Selectors are parsed only when they are asked; one that
/// is none was refused when the policy was loaded and matches nothing.
#[derive(Clone, Debug, Default)]
pub struct Selectors<'a> {
    pub namespaces: Vec<NamespacePattern<'a>>,
    pub labels: Vec<&'a str>,
}

/// What rules are matched against.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'t> {
    pub namespace: &'t str,
    pub labels: Option<&'t Object<'t>>,
    pub owner: &'t Owner,
}

/// Why a rule is not for a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch<'a> {
    SwitchedOff,
    NoSelectors,
    OneList,
    Namespace,
    Labels,
    NamespaceAndLabels,
    /// By this pattern.
    ExcludedNamespace(NamespacePattern<'a>),
    /// By this label selector.
    ExcludedLabels(&'a str),
    /// The number of its workload is not below the percentage.
    NotInShare {
        number: u64,
        percent: u64,
    },
}

impl Mismatch<'_> {
    /// The word for it in what the policy logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::SwitchedOff => "switched off",
            Self::NoSelectors => "no selectors",
            Self::OneList => "one list",
            Self::Namespace => "namespace",
            Self::Labels => "labels",
            Self::NamespaceAndLabels => "namespace and labels",
            Self::ExcludedNamespace(_) => "excluded namespace",
            Self::ExcludedLabels(_) => "excluded labels",
            Self::NotInShare { .. } => "not in the share",
        }
    }
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::SwitchedOff => "it is switched off",
            Self::NoSelectors => "it has no selectors",
            Self::OneList => {
                "one of its lists of selectors is empty, and `policy.logging_match` is `all`"
            }
            Self::Namespace => "the namespace matches none of its namespaces",
            Self::Labels => "the labels meet none of its label selectors",
            Self::NamespaceAndLabels => {
                "the namespace matches none of its namespaces, and the labels meet none of its label selectors"
            }
            Self::ExcludedNamespace(pattern) => {
                return write!(formatter, "it excludes the namespace by {pattern}");
            }
            Self::ExcludedLabels(selector) => {
                return write!(formatter, "it excludes the labels by `{selector}`");
            }
            Self::NotInShare { number, percent } => {
                return write!(
                    formatter,
                    "the workload has the number {number}, and the rule applies to numbers below \
                     `rollout_percent`, which is {percent}"
                );
            }
        })
    }
}

impl Scope<'_> {
    /// Whether `subject` is in the scope.
    ///
    /// # Errors
    /// Why it is not.
    pub fn covers(&self, subject: Subject<'_>) -> Result<(), Mismatch<'static>> {
        match self {
            Self::Everywhere => Ok(()),
            Self::Both(selectors) => selectors.both(subject),
            Self::Either(selectors) => selectors.either(subject),
            Self::Each(selectors) => selectors.each(subject),
        }
    }
}

impl<'a> Scope<'a> {
    /// Its selectors, if it has any.
    #[must_use]
    pub fn selectors(&self) -> Option<&Selectors<'a>> {
        match self {
            Self::Everywhere => None,
            Self::Both(selectors) | Self::Either(selectors) | Self::Each(selectors) => {
                Some(selectors)
            }
        }
    }
}

/// What a selector of a rule was compared with.
#[derive(Debug)]
pub struct Comparison {
    /// The selector, as messages name it.
    pub selector: String,
    pub fits: bool,
    /// The word for that in what the policy logs.
    pub verdict: &'static str,
    /// The whole of it, as a line to read.
    pub line: String,
}

impl Selectors<'_> {
    /// Tells of each selector whether it fits `subject`, and what it saw.
    pub(super) fn trace(&self, subject: Subject<'_>, mut tell: impl FnMut(Comparison)) {
        for pattern in &self.namespaces {
            let fits = pattern.matches(subject.namespace);
            let namespace = shown(subject.namespace);
            let verdict = verdict(fits);
            tell(Comparison {
                selector: pattern.to_string(),
                fits,
                verdict,
                line: format!("namespace {namespace} {verdict} {pattern}"),
            });
        }
        for text in &self.labels {
            tell(compare_labels(text, subject));
        }
    }
}

fn verdict(fits: bool) -> &'static str {
    if fits { "fits" } else { "does not fit" }
}

/// Whether a label selector fits, with the labels by which it does or does not.
fn compare_labels(text: &str, subject: Subject<'_>) -> Comparison {
    let selector = text.to_owned();
    let Ok(parsed) = LabelSelector::parse(text) else {
        return Comparison {
            selector,
            fits: false,
            verdict: verdict(false),
            line: format!("`{text}` is not a label selector"),
        };
    };
    let fits = parsed.matches(subject.labels);
    let mut line = format!("label selector `{text}` {}", verdict(fits));
    let mut separator = ": ";
    for requirement in parsed.requirements() {
        let value = subject.label(requirement.key);
        if requirement.operator.holds(value) != fits {
            continue;
        }
        line.push_str(separator);
        line.push_str(requirement.key);
        match value {
            Some(value) => line.push_str(&format!(" is {}", shown(value))),
            None => line.push_str(" is not there"),
        }
        separator = ", ";
    }
    Comparison {
        selector,
        fits,
        verdict: verdict(fits),
        line,
    }
}

impl<'t> Subject<'t> {
    fn label(&self, key: &str) -> Option<&'t str> {
        self.labels?.get(key)?.as_str()
    }
}

impl Selectors<'_> {
    fn both(&self, subject: Subject<'_>) -> Result<(), Mismatch<'static>> {
        if self.namespaces.is_empty() && self.labels.is_empty() {
            return Err(Mismatch::NoSelectors);
        }
        if !self.namespaces.is_empty() && !self.match_namespace(subject) {
            return Err(Mismatch::Namespace);
        }
        if !self.labels.is_empty() && !self.match_labels(subject) {
            return Err(Mismatch::Labels);
        }
        Ok(())
    }

    fn either(&self, subject: Subject<'_>) -> Result<(), Mismatch<'static>> {
        if self.match_namespace(subject) || self.match_labels(subject) {
            return Ok(());
        }
        Err(match (self.namespaces.is_empty(), self.labels.is_empty()) {
            (true, true) => Mismatch::NoSelectors,
            (false, true) => Mismatch::Namespace,
            (true, false) => Mismatch::Labels,
            (false, false) => Mismatch::NamespaceAndLabels,
        })
    }

    fn each(&self, subject: Subject<'_>) -> Result<(), Mismatch<'static>> {
        if self.namespaces.is_empty() != self.labels.is_empty() {
            return Err(Mismatch::OneList);
        }
        self.both(subject)
    }

    fn match_namespace(&self, subject: Subject<'_>) -> bool {
        self.namespace_of(subject).is_some()
    }

    fn match_labels(&self, subject: Subject<'_>) -> bool {
        self.labels_of(subject).is_some()
    }
}

impl<'a> Selectors<'a> {
    /// The keys of a rule's selectors.
    pub(crate) const KEYS: [&'static str; 2] = ["namespace_selectors", "label_selectors"];

    /// The first pattern that the namespace matches.
    pub(super) fn namespace_of(&self, subject: Subject<'_>) -> Option<NamespacePattern<'a>> {
        let mut patterns = self.namespaces.iter().copied();
        patterns.find(|pattern| pattern.matches(subject.namespace))
    }

    /// The first label selector that the labels meet.
    pub(super) fn labels_of(&self, subject: Subject<'_>) -> Option<&'a str> {
        self.labels.iter().copied().find(|text| {
            LabelSelector::parse(text).is_ok_and(|selector| selector.matches(subject.labels))
        })
    }
}
