//! The rules that settings of every generation become: who they are for, what they need, and what
//! they inject. No feature knows which generation a rule came from, except by what the rule says.

use std::fmt;

use k8s_openapi::api::core::v1::ResourceRequirements;

use super::narrowing::Narrowing;
use super::reader::Unread;
use super::scope::{Comparison, Mismatch, Scope, Subject};
use crate::env::Env;

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
            narrowing: rule.narrowing,
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
    pub narrowing: Narrowing<'a>,
    pub opt_in: OptIn,
    /// That of the container which it adds.
    pub container: Unread<'a>,
    pub image: Option<&'a str>,
    pub what: T,
}

impl<T> Rule<'_, T> {
    /// Whether the rule is for `subject`.
    ///
    /// # Errors
    /// Why it is not.
    pub fn covers(&self, subject: Subject<'_>) -> Result<(), Mismatch<'_>> {
        if !self.narrowing.enabled {
            return Err(Mismatch::SwitchedOff);
        }
        self.scope.covers(subject)?;
        self.narrowing.leaves(subject)
    }

    /// Tells of each selector whether it fits `subject`, and what it saw; of a rule that is switched off
    /// none is asked.
    pub fn trace(&self, subject: Subject<'_>, mut tell: impl FnMut(Comparison)) {
        if !self.narrowing.enabled {
            return;
        }
        if let Some(selectors) = self.scope.selectors() {
            selectors.trace(subject, &mut tell);
        }
        self.narrowing.trace(subject, tell);
    }
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
