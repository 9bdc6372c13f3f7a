//! Images, variables and log configurations that do something else than they seem to.

use std::collections::{BTreeMap, BTreeSet};

use datakit_operator_policy::env::{self, Env};
use datakit_operator_policy::features::{self, Added, Sampler};
use datakit_operator_policy::image;
use datakit_operator_policy::paths::is_of_the_system;
use datakit_operator_policy::settings::{Origin, Outline, nearest};
use serde_json::Value;

use super::{Advice, RulesOf, items, rule_lists};

/// Adds advice about the values in rules.
pub fn advise(features: &[RulesOf<'_>], written: &Value, advice: &mut Vec<Advice>) {
    images(written, advice);
    stdout_collection(written, advice);
    let mut envs = BTreeMap::new();
    for of in features {
        collect(&of.rules, &mut envs);
    }
    for (path, envs) in &envs {
        references(path, envs, written, advice);
    }
    for of in features {
        dropped_by_agents(of, written, advice);
        hidden_programs(of, written, advice);
        if matches!(of.feature.adds, Some(Added::Sidecar(_))) {
            without_requests(&of.rules, advice);
        }
    }
}

/// Variables that an agent sets itself: those of the settings come after it, and what is there stays.
fn dropped_by_agents(of: &RulesOf<'_>, written: &Value, advice: &mut Vec<Advice>) {
    let mut told = BTreeSet::new();
    for rule in of.rules.rules.iter().filter(|rule| rule.image.is_some()) {
        let Some(language) = rule.what else {
            continue;
        };
        let path = format!("{}.envs", section(rule.origin));
        for name in (of.feature.sets)(language) {
            let is_set = rule
                .container
                .read()
                .envs
                .iter()
                .any(|env| env.name == name);
            if is_set && told.insert((path.clone(), name)) {
                let message = format!(
                    "has no effect where the agent for {} is injected, which sets this variable itself; \
                     set it in the container, and the agent adds to it",
                    language.name()
                );
                advice.push(Advice::new(value_path(&path, name, written), message));
            }
        }
    }
}

/// Directories for profiles that hide what an image needs to start.
fn hidden_programs(of: &RulesOf<'_>, written: &Value, advice: &mut Vec<Advice>) {
    for rule in &of.rules.rules {
        let directory = Sampler::profiling_path(&rule.container.read().envs);
        if let Some(directory) = directory.filter(|directory| is_of_the_system(directory)) {
            let path = format!("{}.envs", section(rule.origin));
            let message = format!(
                "a volume at {directory} hides programs of images, so nothing is injected; use a subdirectory"
            );
            advice.push(Advice::new(
                value_path(&path, Sampler::PATH, written),
                message,
            ));
        }
    }
}

/// Sidecars that request no cpu or no memory: an autoscaler that goes by it stops for their pods.
fn without_requests(set: &Outline<'_>, advice: &mut Vec<Advice>) {
    let mut told = BTreeSet::new();
    for rule in set.rules.iter().filter(|rule| rule.image.is_some()) {
        let Some(resources) = rule.container.read().resources else {
            continue;
        };
        let path = format!("{}.resources", section(rule.origin));
        if !told.insert(path.clone()) {
            continue;
        }
        for resource in ["cpu", "memory"] {
            // Kubernetes takes a limit for the request where that is missing.
            let amounts = [&resources.requests, &resources.limits];
            let is_there = |amounts: &&Option<BTreeMap<String, _>>| {
                amounts
                    .as_ref()
                    .is_some_and(|amounts| amounts.contains_key(resource))
            };
            if !amounts.iter().any(is_there) {
                let message = format!(
                    "requests no {resource}: a HorizontalPodAutoscaler on {resource} stops for these pods, \
                     because it needs the request of every container"
                );
                advice.push(Advice::new(&path, message));
            }
        }
    }
}

/// The section that a rule has its container from: the entries of `enabled_…` share that of their feature.
fn section(origin: Origin) -> String {
    let origin = origin.to_string();
    let section = origin.split(".enabled_").next();
    section.unwrap_or_default().to_owned()
}

/// Where the value of a variable stands: of a list, in the item; of an object, at its name.
fn value_path(envs: &str, name: &str, written: &Value) -> String {
    let listed = items(written, envs);
    match listed.iter().find(|(_, item)| item["name"] == name) {
        Some((path, _)) => format!("{path}.value"),
        None => format!("{envs}.{name}"),
    }
}

fn images(written: &Value, advice: &mut Vec<Advice>) {
    let mut images = Vec::new();
    let sections = features::ALL
        .iter()
        .filter_map(|feature| feature.place.section);
    for section in sections {
        let pointer = format!("/{}/images", section.replace('.', "/"));
        let entries = written.pointer(&pointer).and_then(Value::as_object);
        for (key, image) in entries.into_iter().flatten() {
            images.push((format!("{section}.images.{key}"), image));
        }
    }
    for list in rule_lists() {
        for (path, rule) in items(written, list) {
            images.extend(
                rule.get("image")
                    .map(|image| (format!("{path}.image"), image)),
            );
        }
    }
    for (path, image) in images {
        let text = image.as_str().unwrap_or_default();
        if text.is_empty() || image::has_digest(text) {
            continue;
        }
        let message = match image::tag(text) {
            None => {
                "has no tag, which means `latest`: pods of one workload may get different images"
            }
            Some("latest") => {
                "the tag `latest` moves: pods of one workload may get different images"
            }
            Some(_) => continue,
        };
        advice.push(Advice::new(path, message));
    }
}

/// Datakit collects stdout of a pod unless its annotation says what else to collect.
fn stdout_collection(written: &Value, advice: &mut Vec<Advice>) {
    for (path, rule) in items(written, "admission_mutate.loggings") {
        let config = rule
            .get("config")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Ok(Value::Array(entries)) = serde_json::from_str(config) else {
            continue;
        };
        let is_stdout = |entry: &&Value| {
            let kind = entry.get("type").and_then(Value::as_str);
            matches!(kind, None | Some("" | "stdout"))
        };
        let stdout: Vec<&Value> = entries.iter().filter(is_stdout).collect();
        let is_off = |entry: &&Value| entry.get("disable") == Some(&Value::Bool(true));
        let message = if entries.is_empty() || stdout.iter().any(|entry| !is_off(entry)) {
            continue;
        } else if stdout.is_empty() {
            "names only files, which switches off the collection of stdout for these pods; an entry \
             {\"type\":\"stdout\"} keeps it"
        } else {
            "switches off the collection of stdout for these pods (`disable` in its entry of type `stdout`)"
        };
        advice.push(Advice::new(format!("{path}.config"), message));
    }
}

/// The variables of the rules, by the path of the section that has them.
fn collect<'s>(set: &'s Outline<'s>, found: &mut BTreeMap<String, Vec<Env<'s>>>) {
    for rule in &set.rules {
        found.insert(
            format!("{}.envs", section(rule.origin)),
            rule.container.read().envs,
        );
    }
}

fn references(path: &str, envs: &[Env<'_>], written: &Value, advice: &mut Vec<Advice>) {
    let names: Vec<&str> = envs.iter().map(|env| env.name).collect();
    for env in envs.iter().filter(|env| !env::is_reference(env.value)) {
        for name in env::references(env.value) {
            if names.contains(&name) || is_of_the_cluster(name) {
                continue;
            }
            // Of names of a letter or two, any is near.
            let hint = match nearest(name, &names) {
                Some(near) if name.len() > 2 => format!(", did you mean `$({near})`?"),
                _ => "; it stays as it is unless the container defines it itself".to_owned(),
            };
            let message =
                format!("refers to `$({name})`, which is not among these variables{hint}");
            advice.push(Advice::new(value_path(path, env.name, written), message));
        }
    }
}

/// Whether Kubernetes may define it in every container: the addresses of services.
fn is_of_the_cluster(name: &str) -> bool {
    ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"]
        .iter()
        .any(|end| name.ends_with(end))
        || name.contains("_SERVICE_PORT_")
        || name.contains("_PORT_")
}
