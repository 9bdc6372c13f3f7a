//! What is said about settings that the policy takes, and the parts of them that it is said about.

mod labels;
mod namespaces;
mod rules;
mod values;

use std::fmt;

use datakit_operator_policy::features::{self, Feature};
use datakit_operator_policy::json;
use datakit_operator_policy::settings::{Document, Outline};
use datakit_policy_host::yaml::Position;
use serde_json::Value;

use crate::Failure;
use crate::settings::SettingsFile;

/// A remark about a part of the settings.
pub struct Advice {
    /// The part.
    pub path: String,
    /// What about it.
    pub message: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.message)
    }
}

impl Advice {
    fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// All advice about settings that the policy takes, in the order of the file; `cluster` are the names of
/// namespaces.
///
/// # Errors
/// Where the settings cannot be read after all.
pub fn advise(file: &SettingsFile, cluster: &[String]) -> Result<Vec<(Position, Advice)>, Failure> {
    let written = file.structured()?;
    let text = file.found.settings.to_string();
    let document = Document::new(json::Value::parse(&text)?);
    document.check_form()?;
    let features = RulesOf::all(&document);

    let mut advice = Vec::new();
    rules::advise(&document, &features, &written, &mut advice);
    namespaces::advise(&written, cluster, &mut advice);
    values::advise(&features, &written, &mut advice);

    let mut placed: Vec<_> = advice
        .into_iter()
        .map(|advice| (file.place(&advice.path), advice))
        .collect();
    placed.sort_by_key(|(at, _)| (at.line, at.column));
    Ok(placed)
}

/// A feature and its rules.
struct RulesOf<'s> {
    feature: &'static Feature,
    rules: Outline<'s>,
}

impl<'s> RulesOf<'s> {
    /// Those of all features, in their order.
    fn all(settings: &'s Document<'s>) -> Vec<Self> {
        let read = |feature: &&'static Feature| Self {
            feature,
            rules: (feature.rules)(settings, &mut settings.reader()),
        };
        features::ALL.iter().map(read).collect()
    }
}

/// The items of a list of the settings, each with its path.
fn items<'v>(written: &'v Value, list: &str) -> Vec<(String, &'v Value)> {
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
fn entry_lists() -> impl Iterator<Item = (String, &'static str)> {
    let sections = features::ALL
        .iter()
        .filter_map(|feature| feature.place.section);
    sections.flat_map(|section| {
        [
            ("enabled_namespaces", "namespace"),
            ("enabled_labelselectors", "labelselector"),
        ]
        .map(|(list, key)| (format!("{section}.{list}"), key))
    })
}

/// The selectors of the lists of the first generation, of one key, each with its path.
fn entry_selectors<'v>(written: &'v Value, key: &str) -> Vec<(String, &'v str)> {
    let lists = entry_lists().filter(|(_, selector)| *selector == key);
    lists
        .flat_map(|(list, _)| items(written, &list))
        .filter_map(|(path, entry)| Some((format!("{path}.{key}"), entry.get(key)?.as_str()?)))
        .collect()
}

/// The lists of rules that have selectors of their own.
fn rule_lists() -> impl Iterator<Item = &'static str> {
    features::ALL.iter().map(|feature| feature.place.list)
}

/// The texts of a rule's list of selectors, each with its path; blank ones count as not there.
fn selectors<'v>(rule: &'v Value, path: &str, key: &str) -> Vec<(String, &'v str)> {
    let list = rule.get(key).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, text)| Some((format!("{path}.{key}[{index}]"), text.as_str()?)))
        .filter(|(_, text)| !text.trim().is_empty())
        .collect()
}
