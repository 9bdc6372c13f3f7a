//! What is said about settings that the policy takes.

use datakit_operator_policy::json::Node;
use datakit_operator_policy::settings::Document;
use datakit_policy_host::yaml::Position;
use serde_json::Value;

use super::{namespaces, rules, values};
use crate::Failure;
use crate::settings::SettingsFile;

/// A remark about a part of the settings.
pub struct Advice {
    /// The part.
    pub path: String,
    /// What about it.
    pub message: String,
}

impl Advice {
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// All advice about settings that the policy takes, in the order of the file.
pub fn all(file: &SettingsFile, cluster: &[String]) -> Result<Vec<(Position, Advice)>, Failure> {
    let written = file.structured()?;
    let text = file.found.settings.to_string();
    let document = Document::new(Node::parse(&text)?);
    let read = document.settings()?;

    let mut advice = Vec::new();
    rules::advise(&read, &written, &mut advice);
    namespaces::advise(&written, cluster, &mut advice);
    values::advise(&read, &written, &mut advice);

    let mut placed: Vec<_> = advice
        .into_iter()
        .map(|advice| (file.place(&advice.path), advice))
        .collect();
    placed.sort_by_key(|(at, _)| (at.line, at.column));
    Ok(placed)
}

/// The items of a list of the settings, each with its path.
pub fn items<'v>(written: &'v Value, list: &str) -> Vec<(String, &'v Value)> {
    let pointer = format!("/{}", list.replace(['.', '['], "/").replace(']', ""));
    let items = written.pointer(&pointer).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, item)| (format!("{list}[{index}]"), item))
        .collect()
}

/// The lists of the first generation whose entries each have one selector; the path of the list and the selector's key.
pub const ENTRY_LISTS: [(&str, &str); 4] = [
    ("admission_inject.ddtrace.enabled_namespaces", "namespace"),
    (
        "admission_inject.ddtrace.enabled_labelselectors",
        "labelselector",
    ),
    ("admission_inject.profiler.enabled_namespaces", "namespace"),
    (
        "admission_inject.profiler.enabled_labelselectors",
        "labelselector",
    ),
];

/// The selectors of the lists of the first generation, of one key, each with its path.
pub fn entry_selectors<'v>(written: &'v Value, key: &str) -> Vec<(String, &'v str)> {
    let lists = ENTRY_LISTS.iter().filter(|(_, selector)| *selector == key);
    lists
        .flat_map(|(list, _)| items(written, list))
        .filter_map(|(path, entry)| Some((format!("{path}.{key}"), entry.get(key)?.as_str()?)))
        .collect()
}

/// The lists of rules that have selectors of their own.
pub fn rule_lists(written: &Value) -> Vec<String> {
    let second = written.get("admission_inject_v2");
    let keys = second.and_then(Value::as_object).into_iter().flatten();
    let mut lists: Vec<String> = keys
        .map(|(key, _)| format!("admission_inject_v2.{key}"))
        .collect();
    lists.push("admission_mutate.loggings".to_owned());
    lists
}

/// The texts of a rule's list of selectors, each with its path; blank ones count as not there.
pub fn selectors<'v>(rule: &'v Value, path: &str, key: &str) -> Vec<(String, &'v str)> {
    let list = rule.get(key).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, text)| Some((format!("{path}.{key}[{index}]"), text.as_str()?)))
        .filter(|(_, text)| !text.trim().is_empty())
        .collect()
}
