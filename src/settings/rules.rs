//! The rules that settings of every generation become: who they are for, what they need, and what
//! they inject. No feature knows which generation a rule came from, except by what the rule says.

use std::fmt;
use std::rc::Rc;

use k8s_openapi::api::core::v1::ResourceRequirements;
use serde_json::{Map, Value};

use crate::env::Env;
use crate::namespace::NamespacePattern;
use crate::report::shown;
use crate::selector::LabelSelector;

/// The rules of one feature, in order.
#[derive(Debug)]
pub struct RuleSet<'a, T> {
    pub rules: Vec<Rule<'a, T>>,
    /// What happens when a rule is for the pod, but the annotation that it needs is not there.
    pub without_annotation: WithoutAnnotation,
}

impl<T> Default for RuleSet<'_, T> {
    fn default() -> Self {
        Self::first_decides(Vec::new())
    }
}

impl<'a, T> RuleSet<'a, T> {
    /// Rules of which the first for a pod decides.
    pub(crate) fn first_decides(rules: Vec<Rule<'a, T>>) -> Self {
        Self {
            rules,
            without_annotation: WithoutAnnotation::InjectNothing,
        }
    }

    /// Rules of which all are tried until one has the annotation that it needs.
    pub(crate) fn all_are_tried(rules: Vec<Rule<'a, T>>) -> Self {
        Self {
            rules,
            without_annotation: WithoutAnnotation::TryNextRule,
        }
    }
}

/// The rules of any feature, with what all of them have. What is left of what they inject is the
/// language, where there is one.
pub type Outline<'a> = RuleSet<'a, Option<Language>>;

impl<'a, T> RuleSet<'a, T> {
    /// The same rules without what only this feature needs, but for the language.
    pub fn outline(self, language: impl Fn(T) -> Option<Language>) -> Outline<'a> {
        let rules = self.rules.into_iter().map(|rule| Rule {
            origin: rule.origin,
            name: rule.name,
            scope: rule.scope,
            opt_in: rule.opt_in,
            container: rule.container,
            image: rule.image,
            what: language(rule.what),
        });
        RuleSet {
            rules: rules.collect(),
            without_annotation: self.without_annotation,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutAnnotation {
    TryNextRule,
    InjectNothing,
}

/// One rule. `T` is what only this feature needs.
#[derive(Debug)]
pub struct Rule<'a, T> {
    pub origin: Origin,
    /// The name that the settings give it, or empty.
    pub name: &'a str,
    pub scope: Scope<'a>,
    pub opt_in: OptIn,
    pub container: Rc<ContainerSettings<'a>>,
    pub image: Option<&'a str>,
    pub what: T,
}

/// Where a rule stands in the settings; printed as its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub section: &'static str,
    pub index: Option<usize>,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.section)?;
        match self.index {
            Some(index) => write!(formatter, "[{index}]"),
            None => Ok(()),
        }
    }
}

/// Whether the pods of a rule's scope have to ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptIn {
    /// To be in the scope is enough.
    Scope,
    /// The feature's annotation must be there too.
    Annotation,
}

/// What a container that is added gets from the settings.
#[derive(Debug, Default)]
pub struct ContainerSettings<'a> {
    /// In the order that ties are to have: alphabetical, or as written where the order was kept.
    pub envs: Vec<Env<'a>>,
    pub resources: Option<ResourceRequirements>,
    pub image_pull_policy: ImagePullPolicy,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImagePullPolicy {
    #[default]
    Always,
    IfNotPresent,
    Never,
}

impl ImagePullPolicy {
    pub const ALL: [Self; 3] = [Self::Always, Self::IfNotPresent, Self::Never];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

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

/// How the namespaces and the label selectors of a logging rule go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoggingMatch {
    /// One of them is enough: operators before 1.7.
    #[default]
    Any,
    /// Both have to match: operators since 1.7.
    All,
}

impl LoggingMatch {
    pub const ALL: [Self; 2] = [Self::Any, Self::All];

    /// As `policy.logging_match` names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
        }
    }
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
    pub labels: Option<&'t Map<String, Value>>,
}

/// Why a rule is not for a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    NoSelectors,
    OneList,
    Namespace,
    Labels,
    NamespaceAndLabels,
}

impl Mismatch {
    /// The word for it in what the policy logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NoSelectors => "no selectors",
            Self::OneList => "one list",
            Self::Namespace => "namespace",
            Self::Labels => "labels",
            Self::NamespaceAndLabels => "namespace and labels",
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoSelectors => "it has no selectors",
            Self::OneList => {
                "one of its lists of selectors is empty, and `policy.logging_match` is `all`"
            }
            Self::Namespace => "the namespace matches none of its namespaces",
            Self::Labels => "the labels meet none of its label selectors",
            Self::NamespaceAndLabels => {
                "neither does the namespace match one of its namespaces, \
                 nor do the labels meet one of its label selectors"
            }
        })
    }
}

impl Scope<'_> {
    /// Whether the rule is for `subject`.
    ///
    /// # Errors
    /// Why it is not.
    pub fn covers(&self, subject: Subject<'_>) -> Result<(), Mismatch> {
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
    /// The whole of it, as a line to read.
    pub line: String,
}

impl Scope<'_> {
    /// Tells of each selector whether it fits `subject`, and what it saw.
    pub fn trace(&self, subject: Subject<'_>, mut tell: impl FnMut(Comparison)) {
        let Some(selectors) = self.selectors() else {
            return;
        };
        for pattern in &selectors.namespaces {
            let fits = pattern.matches(subject.namespace);
            let namespace = shown(subject.namespace);
            tell(Comparison {
                selector: pattern.to_string(),
                fits,
                line: format!("namespace {namespace} {} {pattern}", verdict(fits)),
            });
        }
        for text in &selectors.labels {
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
            line: format!("`{text}` is no label selector"),
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
        line,
    }
}

impl<'t> Subject<'t> {
    fn label(&self, key: &str) -> Option<&'t str> {
        self.labels?.get(key)?.as_str()
    }
}

impl Selectors<'_> {
    fn both(&self, subject: Subject<'_>) -> Result<(), Mismatch> {
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

    fn either(&self, subject: Subject<'_>) -> Result<(), Mismatch> {
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

    fn each(&self, subject: Subject<'_>) -> Result<(), Mismatch> {
        if self.namespaces.is_empty() != self.labels.is_empty() {
            return Err(Mismatch::OneList);
        }
        self.both(subject)
    }

    fn match_namespace(&self, subject: Subject<'_>) -> bool {
        self.namespaces
            .iter()
            .any(|pattern| pattern.matches(subject.namespace))
    }

    fn match_labels(&self, subject: Subject<'_>) -> bool {
        self.labels.iter().any(|text| {
            LabelSelector::parse(text).is_ok_and(|selector| selector.matches(subject.labels))
        })
    }
}

/// The languages that an agent or a profiler exists for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Java,
    Python,
    NodeJs,
    Php,
    Golang,
}

impl Language {
    /// As annotations name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Java => "java",
            Self::Python => "python",
            Self::NodeJs => "nodejs",
            Self::Php => "php",
            Self::Golang => "golang",
        }
    }
}

/// What a ddtrace rule injects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracer {
    pub language: Language,
    pub php_loader: PhpLoader,
}

/// The C library that PHP was built with: its extension is another file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PhpLoader {
    #[default]
    LinuxGnu,
    LinuxMusl,
}

impl PhpLoader {
    pub const ALL: [Self; 2] = [Self::LinuxGnu, Self::LinuxMusl];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LinuxGnu => "linux-gnu",
            Self::LinuxMusl => "linux-musl",
        }
    }
}

/// What a logfwd rule injects.
#[derive(Debug, Default)]
pub struct LogForwarder<'a> {
    /// Whether the sidecar is of no use without `admission.datakit/logfwd.instances`; otherwise it
    /// can be configured over the network.
    pub needs_instances: bool,
    /// Whether a pod in which a container mounts one of the directories already gets no sidecar.
    pub needs_free_directories: bool,
    /// Whether the sidecar reads the pod's labels.
    pub pod_info: bool,
    /// The value of `LOGFWD_LOG_CONFIGS`, or empty.
    pub log_configs: &'a str,
    /// Directories to share in addition.
    pub log_volume_paths: Vec<&'a str>,
}

/// What a logging rule sets: the value of the annotation `datakit/logs`.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig<'a> {
    pub config: &'a str,
}

impl LogForwarder<'_> {
    /// The variable with `log_configs`.
    pub const CONFIGS: &'static str = "LOGFWD_LOG_CONFIGS";
}
