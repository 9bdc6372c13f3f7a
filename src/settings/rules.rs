//! The rules that settings of every generation become: who they are for, what they need, and what
//! they inject. No feature knows which generation a rule came from, except by what the rule says.

use std::fmt;
use std::rc::Rc;

use k8s_openapi::api::core::v1::ResourceRequirements;

use crate::env::Env;
use crate::namespace::NamespacePattern;
use crate::paths;
use crate::report::shown;
use crate::selector::LabelSelector;
use crate::template::Object;

/// The rules of one feature, in order.
#[derive(Debug)]
pub struct RuleSet<'a, T> {
    pub rules: Vec<Rule<'a, T>>,
    /// What happens when a rule is for the pod, but the annotation that it needs is not there.
    pub without_annotation: WithoutAnnotation,
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
    pub labels: Option<&'t Object>,
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

impl Scope<'_> {
    /// Tells of each selector whether it fits `subject`, and what it saw.
    pub fn trace(&self, subject: Subject<'_>, mut tell: impl FnMut(String)) {
        let Some(selectors) = self.selectors() else {
            return;
        };
        let fits = |yes: bool| if yes { "fits" } else { "does not fit" };
        let namespace = shown(subject.namespace);
        for pattern in &selectors.namespaces {
            let fits = fits(pattern.matches(subject.namespace));
            tell(format!("namespace {namespace} {fits} {pattern}"));
        }
        for text in &selectors.labels {
            tell(trace_labels(text, subject));
        }
    }
}

/// Whether a label selector fits, with the labels by which it does or does not.
fn trace_labels(text: &str, subject: Subject<'_>) -> String {
    let Ok(selector) = LabelSelector::parse(text) else {
        return format!("`{text}` is no label selector");
    };
    let fits = selector.matches(subject.labels);
    let verdict = if fits { "fits" } else { "does not fit" };
    let mut line = format!("label selector `{text}` {verdict}");
    let mut separator = ": ";
    for requirement in selector.requirements() {
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
    line
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
pub struct Agent {
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

/// What a flameshot rule injects.
#[derive(Clone, Copy, Debug)]
pub struct Sampler<'a> {
    /// The value of `FLAMESHOT_PROCESSES`; empty makes the rule inert.
    pub processes: &'a str,
    pub prometheus_annotations: bool,
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

impl Sampler<'_> {
    /// The variable with `processes`.
    pub const PROCESSES: &'static str = "FLAMESHOT_PROCESSES";
    /// The variable with the directory in which profiles are put.
    pub const PATH: &'static str = "FLAMESHOT_PROFILING_PATH";
    /// The variable with the port that metrics and requests are served on.
    pub const PORT: &'static str = "FLAMESHOT_HTTP_LOCAL_PORT";

    /// The directory in which profiles are put, cleaned.
    #[must_use]
    pub fn profiling_path(envs: &[Env<'_>]) -> Option<String> {
        let path = value_of(envs, Self::PATH)?;
        let directory = paths::clean(path);
        paths::unmountable(path, &directory)
            .is_none()
            .then_some(directory)
    }

    /// The port that metrics and requests are served on.
    #[must_use]
    pub fn http_port(envs: &[Env<'_>]) -> Option<u16> {
        // `parse` would take a sign, which the port's container does not.
        value_of(envs, Self::PORT)
            .filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?
            .parse()
            .ok()
            .filter(|port| *port > 0)
    }
}

fn value_of<'n>(envs: &[Env<'n>], name: &str) -> Option<&'n str> {
    envs.iter()
        .find(|env| env.name == name)
        .map(|env| env.value)
}
