//! `admission_inject_v2`: the settings of newer operators, lists of rules with selectors of their own.

use super::log_config;
use super::reader::{Reader, default_resources};
use super::rules::{
    Agent, Language, LogForwarder, OptIn, Origin, PhpLoader, Rule, RuleSet, Sampler, Scope,
    WithoutAnnotation,
};
use super::{AGENT_LANGUAGES, PROFILER_LANGUAGES, keys};
use crate::env;
use crate::json::{Node, Path, Problems};
use crate::namespace::NamespacePattern;
use crate::paths;

/// `ddtraces`: all rules for the pod are tried.
pub(super) fn ddtraces<'n>(
    reader: &mut Reader,
    node: Option<&'n Node<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, Agent> {
    let section = "admission_inject_v2.ddtraces";
    let rules = rules(
        reader,
        node,
        path,
        section,
        keys::V2_DDTRACE,
        |reader, rule, path| {
            let language = language(reader, rule, path, &AGENT_LANGUAGES)?;
            let flavor = path.key("php_loader_flavor");
            let php_loader = reader.one_of(
                rule.get("php_loader_flavor"),
                flavor,
                &PhpLoader::ALL.map(|loader| (loader.name(), loader)),
            );
            Some(Agent {
                language,
                php_loader,
            })
        },
    );
    RuleSet {
        rules,
        without_annotation: WithoutAnnotation::TryNextRule,
    }
}

/// `otels`: an empty list, as the releases of operator 1.9 have it.
pub(super) fn otels(reader: &mut Reader, node: Option<&Node<'_>>, path: Path<'_>) {
    let rules = reader.problems.list(node, path);
    if reader.checks && rules.iter().any(|rule| *rule != Node::Null) {
        reader
            .problems
            .add(path, "is not supported yet: leave the list empty");
    }
}

/// `logfwds`: the first rule for the pod decides.
pub(super) fn logfwds<'n>(
    reader: &mut Reader,
    node: Option<&'n Node<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, LogForwarder<'n>> {
    let section = "admission_inject_v2.logfwds";
    let rules = rules(
        reader,
        node,
        path,
        section,
        keys::V2_LOGFWD,
        |reader, rule, path| {
            let configs_path = path.key("log_configs");
            let log_configs = reader
                .problems
                .string(rule.get("log_configs"), configs_path)
                .unwrap_or_default();
            if reader.checks && !log_configs.is_empty() {
                if !env::fits(LogForwarder::CONFIGS, log_configs) {
                    reader.problems.add(configs_path, env::TOO_LONG);
                }
                log_config::check(log_configs, &mut reader.problems, configs_path);
            }
            let volumes_path = path.key("log_volume_paths");
            let log_volume_paths = reader
                .problems
                .strings(rule.get("log_volume_paths"), volumes_path);
            if reader.checks {
                check_directories(&log_volume_paths, &mut reader.problems, volumes_path);
            }
            Some(LogForwarder {
                needs_instances: false,
                needs_free_directories: false,
                pod_info: true,
                log_configs,
                log_volume_paths,
            })
        },
    );
    RuleSet {
        rules,
        without_annotation: WithoutAnnotation::InjectNothing,
    }
}

fn check_directories(directories: &[&str], problems: &mut Problems, path: Path<'_>) {
    for (index, directory) in directories.iter().enumerate() {
        if let Some(problem) = paths::unmountable(directory, &paths::directory(directory)) {
            problems.add(path.index(index), problem);
        }
    }
}

/// `flameshots`: the first rule for the pod decides.
pub(super) fn flameshots<'n>(
    reader: &mut Reader,
    node: Option<&'n Node<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, Sampler<'n>> {
    let section = "admission_inject_v2.flameshots";
    let mut rules = rules(
        reader,
        node,
        path,
        section,
        keys::V2_FLAMESHOT,
        |reader, rule, path| {
            let processes_path = path.key("processes");
            let prometheus = path.key("enable_prometheus_annotations");
            let processes = reader
                .problems
                .string(rule.get("processes"), processes_path)
                .unwrap_or_default();
            if reader.checks && !processes.is_empty() {
                if !env::fits(Sampler::PROCESSES, processes) {
                    reader.problems.add(processes_path, env::TOO_LONG);
                }
                check_processes(processes, &mut reader.problems, processes_path);
                check_sampler_envs(reader, rule, path);
            }
            Some(Sampler {
                processes,
                prometheus_annotations: reader
                    .problems
                    .boolean(rule.get("enable_prometheus_annotations"), prometheus)
                    .unwrap_or_default(),
            })
        },
    );
    // There is no annotation that asks for it, so `check_annotation` has nothing to check.
    for rule in &mut rules {
        rule.opt_in = OptIn::Scope;
    }
    RuleSet {
        rules,
        without_annotation: WithoutAnnotation::InjectNothing,
    }
}

fn check_processes(processes: &str, problems: &mut Problems, path: Path<'_>) {
    match Node::parse(processes) {
        Err(problem) => problems.add(path, format_args!("the JSON {problem}")),
        Ok(Node::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                if !matches!(item, Node::Object(_)) {
                    let problem = format!("must be an object, is {}", item.kind());
                    problems.add(path.index(index), problem);
                }
            }
        }
        Ok(other) => {
            problems.add(
                path,
                format_args!("the JSON must be a list, is {}", other.kind()),
            );
        }
    }
}

/// What the sidecar's form is made of must be in its variables.
fn check_sampler_envs(reader: &mut Reader, rule: &Node<'_>, path: Path<'_>) {
    let mut unheard = Reader {
        problems: Problems::default(),
        checks: false,
        env_order: reader.env_order,
    };
    let container = unheard.container(rule, path, None);
    let path = path.key("envs");
    if Sampler::profiling_path(&container.envs).is_none() {
        reader.problems.add(
            path.key(Sampler::PATH),
            "must be an absolute path at which a volume can be mounted",
        );
    }
    if Sampler::http_port(&container.envs).is_none() {
        reader
            .problems
            .add(path.key(Sampler::PORT), "must be a port from 1 to 65535");
    }
}

/// `profilers`: the first rule for the pod decides.
pub(super) fn profilers<'n>(
    reader: &mut Reader,
    node: Option<&'n Node<'_>>,
    path: Path<'_>,
) -> RuleSet<'n, Language> {
    let section = "admission_inject_v2.profilers";
    let rules = rules(
        reader,
        node,
        path,
        section,
        keys::V2_PROFILER,
        |reader, rule, path| language(reader, rule, path, &PROFILER_LANGUAGES),
    );
    RuleSet {
        rules,
        without_annotation: WithoutAnnotation::InjectNothing,
    }
}

/// The rules of the list at `path`; `what` reads what only this feature has.
fn rules<'n, 'a, T>(
    reader: &mut Reader,
    node: Option<&'n Node<'a>>,
    path: Path<'_>,
    section: &'static str,
    known: &[&str],
    what: impl Fn(&mut Reader, &'n Node<'a>, Path<'_>) -> Option<T>,
) -> Vec<Rule<'n, T>> {
    let mut rules = Vec::new();
    for (index, node) in reader.problems.list(node, path).iter().enumerate() {
        let path = path.index(index);
        reader.keys(Some(node), path, known);
        if !matches!(node, Node::Object(_)) {
            continue;
        }
        let check = path.key("check_annotation");
        let by_annotation = reader.problems.boolean(node.get("check_annotation"), check);
        let name = reader.problems.string(node.get("name"), path.key("name"));
        let scope = Scope::Both(reader.selectors(node, path, NamespacePattern::expression));
        let container = reader.container(node, path, Some(default_resources()));
        let image = reader.image(node.get("image"), path.key("image"));
        let Some(what) = what(reader, node, path) else {
            continue;
        };
        rules.push(Rule {
            origin: Origin {
                section,
                index: Some(index),
            },
            name: name.unwrap_or_default(),
            scope,
            opt_in: if by_annotation == Some(true) {
                OptIn::Annotation
            } else {
                OptIn::Scope
            },
            container,
            image,
            what,
        });
    }
    rules
}

fn language(
    reader: &mut Reader,
    rule: &Node<'_>,
    path: Path<'_>,
    languages: &[(&str, Language)],
) -> Option<Language> {
    reader.language(rule.get("language"), path.key("language"), languages)
}
