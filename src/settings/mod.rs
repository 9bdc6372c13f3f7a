//! The settings: the operator's ConfigMap, key for key, read into rules.

mod keys;
mod log_config;
mod reader;
mod rules;
mod v1;
mod v2;

use crate::json::{Node, Path, Problems};
use crate::namespace::NamespacePattern;
use reader::{EnvOrder, Reader};

pub use keys::{NEVER_READ, SECTIONS};
pub use log_config::file_paths;
pub use reader::nearest;
pub use rules::{
    Agent, ContainerSettings, ImagePullPolicy, Language, LogConfig, LogForwarder, LoggingMatch,
    Mismatch, OptIn, Origin, PhpLoader, Rule, RuleSet, Sampler, Scope, Selectors, Subject,
    WithoutAnnotation,
};

/// The keys that may stand beside each other where the settings are text.
const BESIDE_TEXT: [&str; 2] = ["jsonconfig", "policy"];

/// Languages that there is an agent for, as settings name them.
const AGENT_LANGUAGES: [(&str, Language); 5] = [
    ("java", Language::Java),
    ("python", Language::Python),
    ("nodejs", Language::NodeJs),
    ("js", Language::NodeJs),
    ("php", Language::Php),
];

/// Languages that there is a profiler for.
const PROFILER_LANGUAGES: [(&str, Language); 3] = [
    ("java", Language::Java),
    ("python", Language::Python),
    ("golang", Language::Golang),
];

/// All rules, by feature.
#[derive(Debug)]
pub struct Settings<'n> {
    pub ddtrace: RuleSet<'n, Agent>,
    pub logfwd: RuleSet<'n, LogForwarder<'n>>,
    pub flameshot: RuleSet<'n, Sampler<'n>>,
    pub profiler: RuleSet<'n, Language>,
    pub logging: Vec<LoggingRule<'n>>,
}

/// A rule that sets Datakit's log annotation.
#[derive(Debug)]
pub struct LoggingRule<'n> {
    pub origin: Origin,
    pub scope: Scope<'n>,
    pub logs: LogConfig<'n>,
}

/// The settings' JSON, from which [`Settings`] borrow.
#[derive(Debug)]
pub struct Document<'a> {
    root: Node<'a>,
    /// The key `policy` that stands beside `jsonconfig`.
    policy: Option<Node<'a>>,
    env_order: EnvOrder,
    problems: Vec<String>,
}

impl<'a> Document<'a> {
    /// Takes what the host hands over: the settings themselves, or the ConfigMap's text in
    /// `jsonconfig`.
    #[must_use]
    pub fn new(root: Node<'a>) -> Self {
        let Some(pasted) = root.get("jsonconfig") else {
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
        let parsed = Node::parse(text).map(Node::into_owned);
        match &parsed {
            Err(problem) => problems.add(path, format_args!("the JSON {problem}")),
            Ok(config) if config.get("jsonconfig").is_some() => {
                problems.add(path, "cannot hold another `jsonconfig`");
            }
            Ok(_) => {}
        }
        if let Node::Object(entries) = &root
            && entries
                .iter()
                .any(|(key, _)| !BESIDE_TEXT.contains(&&**key))
        {
            problems.add(path, "cannot be given together with other keys");
        }
        let policy = root.get("policy").cloned();
        let root = parsed.unwrap_or_default();
        if policy.is_some() && root.get("policy").is_some() {
            problems.add(path, "cannot hold `policy` where that stands beside it");
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
        match self.root.get("log_level") {
            Some(Node::String(name)) => log_level(name),
            _ => log_level(""),
        }
    }

    /// Reads the rules, without looking for problems.
    ///
    /// # Errors
    /// Why there are none: the settings are no object, or `jsonconfig` is no JSON.
    pub fn settings(&self) -> Result<Settings<'_>, String> {
        if let Some(problem) = self.problems.first() {
            return Err(problem.clone());
        }
        if !matches!(self.root, Node::Object(_) | Node::Null) {
            return Err(format!("must be an object, is {}", self.root.kind()));
        }
        Ok(self.read(&mut self.reader(false)))
    }

    /// Everything that is wrong with the settings, each with its path; nothing if they are valid.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut reader = self.reader(true);
        reader.problems.list.clone_from(&self.problems);
        self.read(&mut reader);
        reader.problems.list
    }

    fn reader(&self, checks: bool) -> Reader {
        Reader {
            problems: Problems::default(),
            checks,
            env_order: self.env_order,
        }
    }

    fn read<'n>(&'n self, reader: &mut Reader) -> Settings<'n> {
        let root = Path::Root;
        reader.keys(Some(&self.root), root, keys::TOP);
        let first_path = root.key("admission_inject");
        let second_path = root.key("admission_inject_v2");
        let first = self.root.get("admission_inject").unwrap_or(&Node::Null);
        let second = self.root.get("admission_inject_v2").unwrap_or(&Node::Null);
        reader.keys(Some(first), first_path, keys::V1);
        reader.keys(Some(second), second_path, keys::V2);
        v2::otels(reader, second.get("otels"), second_path.key("otels"));
        reader
            .problems
            .string(self.root.get("server_listen"), root.key("server_listen"));
        reader
            .problems
            .string(self.root.get("log_level"), root.key("log_level"));
        Settings {
            ddtrace: preferred(
                v1::is_used(first.get("ddtrace")),
                v1::ddtrace(reader, section(first, "ddtrace"), first_path.key("ddtrace")),
                v2::ddtraces(reader, second.get("ddtraces"), second_path.key("ddtraces")),
            ),
            logfwd: preferred(
                v1::is_used(first.get("logfwd")),
                v1::logfwd(reader, section(first, "logfwd"), first_path.key("logfwd")),
                v2::logfwds(reader, second.get("logfwds"), second_path.key("logfwds")),
            ),
            flameshot: v2::flameshots(
                reader,
                second.get("flameshots"),
                second_path.key("flameshots"),
            ),
            profiler: preferred(
                v1::is_used(first.get("profiler")),
                v1::profiler(
                    reader,
                    section(first, "profiler"),
                    first_path.key("profiler"),
                ),
                v2::profilers(
                    reader,
                    second.get("profilers"),
                    second_path.key("profilers"),
                ),
            ),
            logging: self.loggings(reader),
        }
    }

    /// How selectors of `admission_mutate.loggings` go together.
    fn logging_match(&self, reader: &mut Reader) -> LoggingMatch {
        let policy = self.policy.as_ref().or_else(|| self.root.get("policy"));
        let path = Path::Root;
        let path = path.key("policy");
        reader.keys(policy, path, keys::POLICY);
        reader.one_of(
            policy.and_then(|policy| policy.get("logging_match")),
            path.key("logging_match"),
            &LoggingMatch::ALL.map(|how| (how.name(), how)),
        )
    }

    fn loggings<'n>(&'n self, reader: &mut Reader) -> Vec<LoggingRule<'n>> {
        let matching = self.logging_match(reader);
        let root = Path::Root;
        let path = root.key("admission_mutate");
        let mutate = self.root.get("admission_mutate");
        reader.keys(mutate, path, keys::MUTATE);
        let path = path.key("loggings");
        let list = mutate.and_then(|mutate| mutate.get("loggings"));
        let mut rules = Vec::new();
        for (index, rule) in reader.problems.list(list, path).iter().enumerate() {
            let path = path.index(index);
            reader.keys(Some(rule), path, keys::LOGGING);
            let pattern = NamespacePattern::name_or_expression;
            let selectors = reader.selectors(rule, path, pattern);
            let scope = match matching {
                LoggingMatch::Any => Scope::Either(selectors),
                LoggingMatch::All => Scope::Each(selectors),
            };
            let path = path.key("config");
            let config = reader.problems.string(rule.get("config"), path);
            let config = config.unwrap_or_default();
            if reader.checks && !config.is_empty() {
                log_config::check(config, &mut reader.problems, path);
            }
            rules.push(LoggingRule {
                origin: Origin {
                    section: "admission_mutate.loggings",
                    index: Some(index),
                },
                scope,
                logs: LogConfig { config },
            });
        }
        rules
    }
}

fn section<'n, 'a>(node: &'n Node<'a>, key: &str) -> &'n Node<'a> {
    node.get(key).unwrap_or(&Node::Null)
}

/// The first generation where it configures the feature. It also stands in where the second has no
/// rules: then a pod that asks by annotation is told that nothing is configured for it.
fn preferred<'n, T>(
    first_is_used: bool,
    first: RuleSet<'n, T>,
    second: RuleSet<'n, T>,
) -> RuleSet<'n, T> {
    if first_is_used || second.rules.is_empty() {
        first
    } else {
        second
    }
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
