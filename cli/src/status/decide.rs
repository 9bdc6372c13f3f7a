//! What a workload has of the policy, compared with what the policy would inject today.

use std::collections::BTreeMap;

use clap::ValueEnum;
use datakit_operator_policy::features;
use datakit_operator_policy::template::journal::Source;
use serde_json::Value;

use crate::journal;
use crate::session::{Answer, Outcome};

/// What a workload has of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum State {
    /// As the settings want it.
    Injected,
    /// Injected, and today's settings would inject something else.
    Outdated,
    /// A part of the injection was removed.
    Incomplete,
    /// Not injected, and today's settings would inject.
    Missing,
    /// Nothing is injected, and nothing would be.
    None,
    /// The API server does not ask the policy.
    NotAsked,
    /// The workload would be refused.
    Refused,
}

impl State {
    /// The word that is printed and that --state takes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Injected => "injected",
            Self::Outdated => "outdated",
            Self::Incomplete => "incomplete",
            Self::Missing => "missing",
            Self::None => "none",
            Self::NotAsked => "not-asked",
            Self::Refused => "refused",
        }
    }

    /// Whether the workload is not as the settings want it.
    pub fn is_wanting(self) -> bool {
        self.is_cured_by_restart() || self == Self::Refused
    }

    /// Whether a change of the template brings what the settings want.
    pub fn is_cured_by_restart(self) -> bool {
        matches!(self, Self::Outdated | Self::Incomplete | Self::Missing)
    }
}

/// A workload and its state.
pub struct Row {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub state: State,
    /// What is injected, feature by feature.
    pub has: Vec<Has>,
    /// Why it is in this state.
    pub reason: Option<String>,
    /// What the policy warns of today.
    pub warnings: Vec<String>,
}

/// An injected feature.
pub struct Has {
    pub feature: String,
    /// The image of what was added, if there is one.
    pub image: Option<String>,
    /// The rule that decided; none in a pod, which has no journal.
    pub rule: Option<String>,
}

impl Row {
    /// Whether a policy on pods has to do with it.
    pub fn is_of_pods(&self) -> bool {
        self.state != State::NotAsked && self.reason.as_deref() != Some(FROM_TEMPLATE)
    }
}

/// Said of a pod whose template was injected: the workload that it comes from has its own line.
const FROM_TEMPLATE: &str = "its template was injected";

/// What the policy's answer to the creation of an object as it is in the cluster says about it.
pub fn decide(answer: Answer) -> Row {
    let journal = journal::of(&answer.object);
    let (mut has, unreadable) = match &journal {
        Some(Ok(journal)) => (journal.features().map(Has::of).collect(), None),
        Some(Err(problem)) => (Vec::new(), Some(*problem)),
        None => (Vec::new(), None),
    };
    let (state, reason) = if answer.kind == "Pod" && matches!(journal, Some(Ok(_))) {
        (State::Injected, Some(FROM_TEMPLATE.to_owned()))
    } else {
        if answer.kind == "Pod" {
            has = in_pod(&answer.object);
        }
        state(&answer, &has)
    };
    let reason = match unreadable {
        Some(problem) => Some(format!("its journal {problem}")),
        None => reason,
    };
    Row {
        kind: answer.kind,
        namespace: answer.namespace.unwrap_or_default(),
        name: answer.name.unwrap_or_default(),
        state,
        has,
        reason,
        warnings: answer.warnings,
    }
}

fn state(answer: &Answer, has: &[Has]) -> (State, Option<String>) {
    match &answer.outcome {
        Outcome::Refused(reason) => (State::Refused, Some(reason.clone())),
        Outcome::NotAsked(reason) if has.is_empty() => (State::NotAsked, Some(reason.clone())),
        Outcome::NotAsked(reason) => {
            let reason = format!("stays as it is: the policy is not asked: {reason}");
            (State::Injected, Some(reason))
        }
        Outcome::Uninjected(_) => (
            State::Outdated,
            Some("nothing would be injected".to_owned()),
        ),
        Outcome::Injected(after) if has.is_empty() => {
            let what: Vec<&str> = answer.injected().map(|(feature, _)| feature).collect();
            (
                State::Missing,
                Some(format!("would get {}", what.join(", "))),
            )
        }
        Outcome::Injected(after) => match difference(&answer.object, after) {
            Some(difference) => (State::Outdated, Some(difference)),
            None => match lost(&answer.object) {
                Some(lost) => (State::Incomplete, Some(format!("{lost} is gone"))),
                None => (State::Injected, None),
            },
        },
        Outcome::Unchanged(_) | Outcome::Kept(_) if !has.is_empty() => (State::Injected, None),
        Outcome::Unchanged(reason) => (State::None, Some(why_nothing(answer, reason.as_deref()))),
        Outcome::Kept(_) | Outcome::NoWorkload => (State::None, None),
    }
}

/// Why nothing is injected: what the policy says of the object, else its warnings, else that nothing asks for it.
fn why_nothing(answer: &Answer, reason: Option<&str>) -> String {
    match (reason, &answer.warnings[..]) {
        (Some(reason), _) => reason.to_owned(),
        (None, []) => "no rule applies, and no annotation asks for anything".to_owned(),
        (None, warnings) => warnings.join("; "),
    }
}

/// How what would be injected today differs from what is injected.
fn difference(before: &Value, after: &Value) -> Option<String> {
    let (before, after) = (journal::text(before)?, journal::text(after)?);
    if before == after {
        return None;
    }
    let (before, after) = (sources(before), sources(after));
    let mut told = Vec::new();
    for feature in features::NAMES {
        match (before.get(feature), after.get(feature)) {
            (None, Some(_)) => told.push(format!("{feature} would be added")),
            (Some(_), None) => told.push(format!("{feature} would be removed")),
            (Some(one), Some(other)) if one.image != other.image => {
                let image = |source: &Source| source.image.clone().unwrap_or_default();
                told.push(format!(
                    "{feature}: {} would become {}",
                    image(one),
                    image(other)
                ));
            }
            (Some(one), Some(other)) if one.rule != other.rule => {
                told.push(format!(
                    "{feature}: by {}, no longer by {}",
                    other.rule, one.rule
                ));
            }
            _ => {}
        }
    }
    if told.is_empty() {
        told.push("other variables, resources or volumes".to_owned());
    }
    Some(told.join("; "))
}

fn sources(text: &str) -> BTreeMap<String, Source> {
    let journal = features::journal(text).unwrap_or_default();
    let sources = journal
        .features()
        .map(|(feature, source)| (feature.to_owned(), source.clone()));
    sources.collect()
}

/// The first thing that the journal of a template names and the template lacks.
fn lost(object: &Value) -> Option<String> {
    let journal: Value = serde_json::from_str(journal::text(object)?).ok()?;
    let spec = journal::template(object)?.get("spec")?;
    let containers = || items(&spec["containers"]).chain(items(&spec["initContainers"]));
    for name in keys(&journal["containers"]) {
        if !containers().any(|container| container["name"] == *name) {
            return Some(format!("container {name}"));
        }
    }
    for name in keys(&journal["volumes"]) {
        if !items(&spec["volumes"]).any(|volume| volume["name"] == *name) {
            return Some(format!("volume {name}"));
        }
    }
    for edit in items(&journal["edits"]) {
        for name in items(&edit["in"]) {
            let Some(container) = containers().find(|container| container["name"] == *name) else {
                continue;
            };
            let name = name.as_str().unwrap_or_default();
            for path in keys(&edit["mounts"]) {
                if !items(&container["volumeMounts"]).any(|mount| mount["mountPath"] == *path) {
                    return Some(format!("mount {path} of container {name}"));
                }
            }
            for variable in keys(&edit["added"]) {
                if !items(&container["env"]).any(|entry| entry["name"] == *variable) {
                    return Some(format!("variable {variable} of container {name}"));
                }
            }
        }
    }
    None
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn keys(map: &Value) -> impl Iterator<Item = &String> {
    map.as_object().into_iter().flat_map(serde_json::Map::keys)
}

/// What a pod has that was injected as a pod: its containers tell.
fn in_pod(pod: &Value) -> Vec<Has> {
    let spec = &pod["spec"];
    let containers = items(&spec["initContainers"]).chain(items(&spec["containers"]));
    let ours = containers.filter_map(|container| {
        let feature = features::adding(container["name"].as_str()?)?;
        Some(Has {
            feature: feature.to_owned(),
            image: container["image"].as_str().map(str::to_owned),
            rule: None,
        })
    });
    ours.collect()
}

impl Has {
    fn of((feature, source): (&str, &Source)) -> Self {
        Self {
            feature: feature.to_owned(),
            image: source.image.clone(),
            rule: Some(source.rule.clone()),
        }
    }
}
