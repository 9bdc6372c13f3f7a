//! The settings: the operator's ConfigMap, key for key, read into rules.

mod keys;
mod log_config;
mod narrowing;
mod own;
mod reader;
mod rules;
mod scope;
pub mod v1;

use crate::json::{Path, Problem, Problems, Value};

#[cfg(not(target_arch = "wasm32"))]
pub use keys::About;
pub use keys::{Absent, Key, Kind, NEVER_READ, SECTIONS, Section};
pub use log_config::file_paths;
pub(crate) use log_config::{check as check_log_config, with_stdout};
pub use narrowing::Narrowing;
pub use own::{Delivery, Held, InitResources, LogVolumes, NativeSidecars, Own};
pub(crate) use reader::resources;
use reader::{EnvOrder, has_entries};
pub use reader::{Reader, Unread, nearest};
pub use rules::{
    ContainerSettings, ImagePullPolicy, Language, LogConfig, LogForwarder, LoggingMatch, OptIn,
    Origin, Outline, PhpLoader, Rule, RuleSet, Tracer, WithoutAnnotation,
};
pub use scope::{Comparison, Mismatch, Scope, Selectors, Subject};
pub(crate) use v2::{language, listed};

mod v2;

/// The keys that may stand beside each other where the settings are text.
const BESIDE_TEXT: [&str; 2] = ["jsonconfig", "policy"];

/// Languages that there is an agent for, as settings name them.
pub(crate) const AGENT_LANGUAGES: [(&str, Language); 5] = [
    ("java", Language::Java),
    ("python", Language::Python),
    ("nodejs", Language::NodeJs),
    ("js", Language::NodeJs),
    ("php", Language::Php),
];

/// Languages that there is a profiler for.
pub(crate) const PROFILER_LANGUAGES: [(&str, Language); 3] = [
    ("java", Language::Java),
    ("python", Language::Python),
    ("golang", Language::Golang),
];

/// Where the rules of a feature stand in the settings: paths of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The section of `admission_inject`, if that generation has the feature.
    pub section: Option<&'static str>,
    /// The list of its rules.
    pub list: &'static str,
}

/// Which of the two generations of settings configures a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// A section of `admission_inject`.
    First,
    /// A list of rules.
    Second,
}

/// Reads the rules at a path of the settings.
type Read<'n, 'a, T> = fn(&mut Reader, Option<&'n Value<'a>>, Path<'_>) -> RuleSet<'n, T>;

/// The settings' JSON, from which rules borrow.
#[derive(Debug)]
pub struct Document<'a> {
    root: Value<'a>,
    /// The key `policy` that stands beside `jsonconfig`.
    policy: Option<Value<'a>>,
    env_order: EnvOrder,
    problems: Vec<Problem>,
}

impl<'a> Document<'a> {
    /// Takes what the host hands over: the settings themselves, or the ConfigMap's text in
    /// `jsonconfig`.
    #[must_use]
    pub fn new(root: Value<'a>) -> Self {
        let Some(pasted) = root.given("jsonconfig") else {
            return Self {
                root,
                policy: None,
                env_order: EnvOrder::Alphabetical,
                problems: Vec::new(),
            };
        };
        let mut problems = Problems::default();
        let path = Path::Root;
        let path = path.key("jsonconfig");
        let text = problems.string(Some(pasted), path).unwrap_or("{}");
        // An empty ConfigMap is no configuration, not a broken one.
        let text = if text.trim().is_empty() { "{}" } else { text };
        let parsed = Value::parse(text).map(Value::into_owned);
        match &parsed {
            Err(error) => problems.add_syntax(path, error),
            Ok(config) if config.given("jsonconfig").is_some() => {
                problems.add(path, "cannot contain another `jsonconfig`");
            }
            Ok(_) => {}
        }
        if let Value::Object(entries) = &root
            && entries.iter().any(|(key, _)| !BESIDE_TEXT.contains(&key))
        {
            problems.add(path, "cannot be combined with other keys");
        }
        let policy = root.given("policy").cloned();
        let root = parsed.unwrap_or_default();
        if policy.is_some() && root.given("policy").is_some() {
            problems.add(path, "cannot contain `policy` when `policy` is beside it");
        }
        Self {
            root,
            policy,
            env_order: EnvOrder::Written,
            problems: problems.list,
        }
    }

    /// How much the policy logs.
    #[must_use]
    pub fn log_level(&self) -> slog::Level {
        match self.root.given("log_level") {
            Some(Value::String(name)) => log_level(name),
            _ => log_level(""),
        }
    }

    /// Whether rules can be read at all.
    ///
    /// # Errors
    /// Why they cannot: the settings are no object, or `jsonconfig` is no JSON.
    pub fn check_form(&self) -> Result<(), String> {
        if let Some(problem) = self.problems.first() {
            return Err(problem.to_string());
        }
        if !matches!(self.root, Value::Object(_) | Value::Null) {
            return Err(format!("must be an object, not {}", self.root.kind()));
        }
        Ok(())
    }

    /// Reads without looking for problems.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.env_order, false)
    }

    /// Everything that is wrong with the settings, each with its path; nothing if they are valid.
    /// `read_rules` reads those of all features.
    #[must_use]
    pub fn problems(&self, read_rules: impl FnOnce(&mut Reader)) -> Vec<Problem> {
        let mut reader = Reader::new(self.env_order, true);
        reader.problems.list.clone_from(&self.problems);
        self.read_top(&mut reader);
        read_rules(&mut reader);
        reader.problems.list
    }

    fn read_top(&self, reader: &mut Reader) {
        let root = Path::Root;
        reader.keys(Some(&self.root), root);
        for section in [
            "admission_inject",
            "admission_inject_v2",
            "admission_mutate",
        ] {
            reader.keys(self.root.given(section), root.key(section));
        }
        for key in ["server_listen", "log_level"] {
            reader.problems.string(self.root.given(key), root.key(key));
        }
        let _ = self.own(reader);
    }

    /// The settings of the policy itself.
    pub(crate) fn own(&self, reader: &mut Reader) -> Own<'_> {
        let path = Path::Root;
        Own::read(reader, self.policy(), path.key("policy"))
    }

    fn policy(&self) -> Option<&Value<'a>> {
        self.policy.as_ref().or_else(|| self.root.given("policy"))
    }

    /// How the selectors of `admission_mutate.loggings` go together.
    pub(crate) fn logging_match(&self, reader: &mut Reader) -> LoggingMatch {
        let path = Path::Root;
        let path = path.key("policy");
        reader.one_of(
            self.policy()
                .and_then(|policy| policy.given("logging_match")),
            path.key("logging_match"),
            &LoggingMatch::ALL.map(|how| (how.name(), how)),
        )
    }

    /// The generation that configures a feature: the first where it says so by `images` or `envs`. It also
    /// stands in where the second has no rules: then a pod that asks by annotation is told that nothing is
    /// configured for it.
    #[must_use]
    pub fn generation(&self, place: &Place) -> Generation {
        let Some(section) = place.section else {
            return Generation::Second;
        };
        let says_so = self.at(section).is_some_and(|section| {
            has_entries(section.given("images")) || has_entries(section.given("envs"))
        });
        let has_rules = || match self.at(place.list) {
            Some(Value::Array(rules)) => rules.iter().any(is_there),
            _ => false,
        };
        if says_so || !has_rules() {
            Generation::First
        } else {
            Generation::Second
        }
    }

    /// The rules of a feature: those of the generation that configures it. Where problems are looked for,
    /// the other generation is read, too.
    pub(crate) fn rules<'n, T>(
        &'n self,
        reader: &mut Reader,
        place: &Place,
        first: Read<'n, 'a, T>,
        second: Read<'n, 'a, T>,
    ) -> RuleSet<'n, T> {
        let counts = self.generation(place);
        let mut rules = RuleSet::default();
        let of_section = place.section.map(|path| (Generation::First, path, first));
        for (generation, path, read) in
            of_section
                .into_iter()
                .chain([(Generation::Second, place.list, second)])
        {
            if reader.checks || generation == counts {
                let read = self.read(reader, path, read);
                if generation == counts {
                    rules = read;
                }
            }
        }
        rules
    }

    /// The rules at a path.
    pub(crate) fn read<'n, T>(
        &'n self,
        reader: &mut Reader,
        path: &'static str,
        rules: impl FnOnce(&mut Reader, Option<&'n Value<'a>>, Path<'_>) -> RuleSet<'n, T>,
    ) -> RuleSet<'n, T> {
        let root = Path::Root;
        rules(reader, self.at(path), root.key(path))
    }

    /// What is at a path of keys.
    fn at(&self, path: &str) -> Option<&Value<'a>> {
        path.split('.')
            .try_fold(&self.root, |node, key| node.given(key))
    }
}

/// Whether a rule is there: one that is switched off is not.
fn is_there(rule: &Value<'_>) -> bool {
    *rule != Value::Null && rule.given("enabled") != Some(&Value::Bool(false))
}

/// An unknown level is `info`: the operator takes any word.
fn log_level(name: &str) -> slog::Level {
    match name.to_ascii_lowercase().as_str() {
        "debug" | "trace" => slog::Level::Debug,
        "warn" | "warning" => slog::Level::Warning,
        "error" | "fatal" | "panic" => slog::Level::Error,
        _ => slog::Level::Info,
    }
}
