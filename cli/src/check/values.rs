//! Images, variables and log configurations that do something else than they seem to.

use std::collections::BTreeMap;

use datakit_operator_policy::env::{self, Env};
use datakit_operator_policy::image;
use datakit_operator_policy::settings::{RuleSet, Settings, nearest};
use serde_json::Value;

use super::advice::{Advice, items, rule_lists};

/// Adds advice about the values in rules.
pub fn advise(read: &Settings<'_>, written: &Value, advice: &mut Vec<Advice>) {
    images(written, advice);
    stdout_collection(written, advice);
    let mut envs = BTreeMap::new();
    collect(&read.ddtrace, &mut envs);
    collect(&read.logfwd, &mut envs);
    collect(&read.flameshot, &mut envs);
    collect(&read.profiler, &mut envs);
    for (path, envs) in envs {
        references(&path, envs, written, advice);
    }
}

fn images(written: &Value, advice: &mut Vec<Advice>) {
    let mut images = Vec::new();
    for section in ["ddtrace", "logfwd", "profiler"] {
        let pointer = format!("/admission_inject/{section}/images");
        let entries = written.pointer(&pointer).and_then(Value::as_object);
        for (key, image) in entries.into_iter().flatten() {
            let path = format!("admission_inject.{section}.images.{key}");
            images.push((path, image));
        }
    }
    for list in rule_lists(written) {
        for (path, rule) in items(written, &list) {
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
            None => "has no tag, so it is `latest`: pods of one workload may get different images",
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
            "names files alone, which switches the collection of stdout off for these pods; an entry \
             {\"type\":\"stdout\"} keeps it"
        } else {
            "switches the collection of stdout off for these pods (`disable` in its entry of type `stdout`)"
        };
        advice.push(Advice::new(format!("{path}.config"), message));
    }
}

/// The variables of the rules, by the path of the section that has them.
fn collect<'s, T>(set: &'s RuleSet<'s, T>, found: &mut BTreeMap<String, &'s [Env<'s>]>) {
    for rule in &set.rules {
        let section = rule.origin.to_string();
        // The entries of `enabled_…` share the variables of their section.
        let section = section.split(".enabled_").next().unwrap_or_default();
        found.insert(format!("{section}.envs"), &rule.container.envs);
    }
}

fn references(path: &str, envs: &[Env<'_>], written: &Value, advice: &mut Vec<Advice>) {
    let names: Vec<&str> = envs.iter().map(|env| env.name).collect();
    let listed = items(written, path);
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
            // Of a list, the item; of an object, the entry.
            let item = listed.iter().find(|(_, item)| item["name"] == env.name);
            let path = match item {
                Some((path, _)) => format!("{path}.value"),
                None => format!("{path}.{}", env.name),
            };
            advice.push(Advice::new(path, message));
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
