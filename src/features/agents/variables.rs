//! The variables of the settings in a container: those that it does not have, and one whose pairs are merged.

use std::collections::BTreeSet;

use crate::json::Value;
use k8s_openapi::api::core::v1::EnvVar;

use super::super::feature::Feature;
use crate::env;
use crate::report::{Report, shown};
use crate::tags::Pairs;
use crate::template::{AppContainer, EnvEdit, name_of, original_of};

/// A variable that holds a list of pairs, which are merged with those of the settings.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Merged {
    pub variable: &'static str,
    pub pairs: Pairs,
}

/// The variables of the settings that the container does not have, and its pairs merged with theirs.
pub(super) fn edits(
    feature: &Feature,
    merged: Merged,
    container: AppContainer<'_>,
    agent: &[EnvEdit],
    envs: Vec<EnvVar>,
    report: &mut Report,
) -> Vec<EnvEdit> {
    let pairs = MergedPairs::new(feature, merged, container, &envs, report);
    let moved = pairs
        .as_ref()
        .map(|pairs| pairs.moved(feature, container, &envs, report));
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    taken.extend(container.env().map(name_of));
    let originals: Vec<String> = agent
        .iter()
        .filter_map(|edit| match edit {
            EnvEdit::Rename { then, .. } => Some(original_of(&then.name)),
            _ => None,
        })
        .collect();
    taken.extend(originals.iter().map(String::as_str));
    for edit in agent {
        if let EnvEdit::Append(entry) = edit {
            taken.insert(&entry.name);
        }
    }
    let mut last = envs;
    last.retain(|entry| !taken.contains(entry.name.as_str()));
    let appended = last.len();
    // Of each entry that is moved, where it stands.
    let mut from = Vec::new();
    for (entry, place) in moved.into_iter().flatten() {
        last.push(entry);
        from.push(place);
    }
    let places = env::order_of_reference(&last);
    let mut last: Vec<Option<EnvVar>> = last.into_iter().map(Some).collect();
    let mut edits = Vec::with_capacity(last.len().saturating_add(1));
    edits.extend(pairs.map(MergedPairs::into_extension));
    edits.extend(places.into_iter().filter_map(|place| {
        let moved = place
            .checked_sub(appended)
            .and_then(|moved| from.get(moved));
        match moved {
            Some(place) => Some(EnvEdit::MoveToEnd { place: *place }),
            None => last.get_mut(place)?.take().map(EnvEdit::Append),
        }
    }));
    edits
}

/// The container's pairs with those of the settings that it does not have.
struct MergedPairs {
    variable: &'static str,
    place: usize,
    own: String,
    /// What comes behind its own.
    behind: String,
}

impl MergedPairs {
    /// `None` where the settings have no pairs that the container lacks.
    fn new(
        feature: &Feature,
        Merged { variable, pairs }: Merged,
        container: AppContainer<'_>,
        envs: &[EnvVar],
        report: &mut Report,
    ) -> Option<Self> {
        let added = envs.iter().find(|entry| entry.name == variable)?;
        let (place, own) = container.variable(variable)?;
        // A reference in the settings is not text that could be merged.
        let added = added.value.as_deref()?;
        if own.get("valueFrom").is_some_and(|source| !source.is_null()) {
            report.warn(
                feature.name,
                format_args!(
                    "{variable} of container {} is a reference, so the configured {} are not merged",
                    shown(container.name()),
                    pairs.noun
                ),
            );
            return None;
        }
        let own = own.get("value").and_then(Value::as_str).unwrap_or_default();
        Some(Self {
            variable,
            place,
            own: own.to_owned(),
            behind: pairs.lacking(own, added)?,
        })
    }

    fn value(&self) -> String {
        format!("{}{}", self.own, self.behind)
    }

    fn into_extension(self) -> EnvEdit {
        EnvEdit::Extend {
            place: self.place,
            before: String::new(),
            behind: self.behind,
        }
    }

    /// The entries that have to come last for the sake of the pairs, with their places: Kubernetes
    /// expands `$(NAME)` only from entries that stand before. They stay where they are if all that
    /// they refer to stands before them; else those entries that refer to them go along.
    fn moved(
        &self,
        feature: &Feature,
        container: AppContainer<'_>,
        envs: &[EnvVar],
        report: &mut Report,
    ) -> Vec<(EnvVar, usize)> {
        if self.can_stay(container, envs) {
            return Vec::new();
        }
        let followers = self.followers(container);
        if self.lead_to(&followers, envs) {
            report.warn(
                feature.name,
                format_args!(
                    "{} of container {} refers to a variable that refers back to it, so not all of it is expanded",
                    self.variable,
                    shown(container.name())
                ),
            );
            return Vec::new();
        }
        let mut moved = vec![(env::plain(self.variable, self.value()), self.place)];
        moved.extend(followers);
        moved
    }

    /// Whether all that the pairs refer to stands before them, or nowhere.
    fn can_stay(&self, container: AppContainer<'_>, envs: &[EnvVar]) -> bool {
        let value = self.value();
        let mut before = BTreeSet::new();
        let mut others = BTreeSet::new();
        others.extend(envs.iter().map(|entry| entry.name.as_str()));
        for (place, entry) in container.env().enumerate() {
            let names = if place < self.place {
                &mut before
            } else {
                &mut others
            };
            names.insert(name_of(entry));
        }
        env::references(&value)
            .all(|name| before.contains(name) || name == self.variable || !others.contains(name))
    }

    /// The container's entries behind the pairs that refer to them, or to one that does.
    fn followers(&self, container: AppContainer<'_>) -> Vec<(EnvVar, usize)> {
        let mut names = BTreeSet::from([self.variable]);
        let mut followers = Vec::new();
        let behind = container
            .env()
            .enumerate()
            .skip(self.place.saturating_add(1));
        for (place, entry) in behind {
            let value = entry
                .get("value")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if env::references(value).any(|name| names.contains(name)) {
                names.insert(name_of(entry));
                followers.push((env::plain(name_of(entry), value), place));
            }
        }
        followers
    }

    /// Whether the pairs refer to one of those that refer to them, also by entries of the settings.
    fn lead_to(&self, followers: &[(EnvVar, usize)], envs: &[EnvVar]) -> bool {
        let value = self.value();
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = env::references(&value).collect();
        while let Some(name) = open.pop() {
            if name == self.variable || !seen.insert(name) {
                continue;
            }
            if followers.iter().any(|(entry, _)| entry.name == name) {
                return true;
            }
            let values = envs.iter().filter(|entry| entry.name == name);
            for value in values.filter_map(|entry| entry.value.as_deref()) {
                open.extend(env::references(value));
            }
        }
        false
    }
}
