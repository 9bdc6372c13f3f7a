//! Which variables of a container are the policy's, and which are the user's.

use std::collections::BTreeSet;

use crate::json::{Object, Value};

use super::super::super::name_of;
use super::super::super::plan::original_of;
use super::super::{ContainerRecord, Extension, Hash};
use super::{
    Found, Known, Taken, containers_mut, in_list, last, name_in, place_of, remove_if_empty,
};

pub(super) fn take(spec: &mut Object, known: &Known<'_>, taken: &mut Taken) {
    let mut missing: BTreeSet<&str> = BTreeSet::new();
    missing.extend(known.journal.edits.names());
    for (list, container) in containers_mut(spec) {
        missing.remove(name_of(container));
        let records = known.records(container, list);
        for record in records.list {
            let of_the_record = in_list(container, "env", |env| record.take_from(env));
            taken.add(of_the_record, name_of(container), records.are_its_own);
        }
    }
    taken.whole &= missing.is_empty();
}

impl ContainerRecord {
    /// Takes away what of a container's variables is the policy's.
    fn take_from(&self, env: &mut Vec<Value>) -> Taken {
        let mut taken = Taken::nothing();
        let is_as_left = self
            .order
            .is_none_or(|order| order == Hash::of_texts(env.iter().map(name_in)));
        for (name, extension) in self.extended.iter() {
            taken.note(extension.take_from(last(env, name)));
        }
        let moved = if is_as_left {
            take_out(env, &self.moved)
        } else {
            taken.whole = false;
            Vec::new()
        };
        for (name, hash) in self.renamed.iter() {
            taken.note(put_name_back(env, name, *hash));
        }
        self.take_added_from(env, &mut taken);
        for (place, entry) in moved {
            env.insert(place.min(env.len()), entry);
        }
        taken
    }

    /// Takes added variables away; where one was mixed with one of the user's, the source that is ours.
    fn take_added_from(&self, env: &mut Vec<Value>, taken: &mut Taken) {
        let mut as_left: BTreeSet<&str> = BTreeSet::new();
        env.retain_mut(|entry| {
            let Some((name, hash)) = self.added.entry(name_in(entry)) else {
                return true;
            };
            if Hash::of(entry) == *hash {
                taken.anything = true;
                as_left.insert(name);
                return false;
            }
            if let Value::Object(entry) = entry {
                taken.anything |= take_source(entry, *hash);
            }
            true
        });
        if as_left.len() < self.added.len() {
            taken.whole = false;
            taken.altered("a variable".to_owned());
        }
    }
}

/// Takes the entries out that were moved, with the places that they had, the first place first.
fn take_out<'a>(env: &mut Vec<Value<'a>>, moved: &[(usize, usize)]) -> Vec<(usize, Value<'a>)> {
    let mut entries: Vec<(usize, Value<'a>)> = Vec::with_capacity(moved.len());
    for (from, to) in moved.iter().rev() {
        if *to < env.len() {
            let place = entries.partition_point(|(other, _)| other < from);
            entries.insert(place, (*from, env.remove(*to)));
        }
    }
    entries
}

impl Extension {
    fn take_from(&self, entry: Option<&mut Object>) -> Found {
        let Some(entry) = entry else {
            return Found::Nothing;
        };
        let value = entry.get("value").and_then(Value::as_str);
        let own = value.and_then(|value| self.own(value));
        let Some(own) = own.map(str::to_owned) else {
            return Found::Nothing;
        };
        if own.is_empty() {
            // As an API server writes it.
            entry.remove("value");
        } else {
            entry.insert("value", own.into());
        }
        if has(entry, "valueFrom") {
            Found::InPart
        } else {
            Found::AsItWasLeft
        }
    }
}

fn has(object: &Object, key: &str) -> bool {
    object.get(key).is_some_and(|value| !value.is_null())
}

/// Gives a renamed variable its name back if the variable that took the name is as it was left; else
/// the name has an entry of the user's again, and the renamed one goes.
fn put_name_back(env: &mut Vec<Value>, name: &str, hash: Hash) -> Found {
    let original = original_of(name);
    let ours = place_of(env, name).filter(|place| env.get(*place).map(Hash::of) == Some(hash));
    if let Some(place) = ours {
        env.remove(place);
        let Some(entry) = last(env, &original) else {
            return Found::InPart;
        };
        entry.insert("name", name.to_owned().into());
        return Found::AsItWasLeft;
    }
    let is_mixed = last(env, name).is_some_and(|entry| take_source(entry, hash));
    match place_of(env, &original) {
        Some(place) => {
            env.remove(place);
            Found::InPart
        }
        None if is_mixed => Found::InPart,
        None => Found::Nothing,
    }
}

/// Takes from a variable with two sources the one with which it would be ours.
fn take_source(entry: &mut Object, hash: Hash) -> bool {
    let (Some(name), Some(sources)) = (entry.get("name"), entry.get("valueFrom")) else {
        return false;
    };
    let sources = sources.as_object().cloned().unwrap_or_default();
    let value = entry.get("value").filter(|value| value.as_str().is_some());
    if let Some(value) = value
        && Hash::of_fields(&mut [("name", name), ("value", value)]) == hash
    {
        entry.remove("value");
        return true;
    }
    if value.is_none() && sources.len() < 2 {
        return false;
    }
    for (key, source) in &sources {
        let alone = Value::object([(key, source.clone())]);
        if Hash::of_fields(&mut [("name", name), ("valueFrom", &alone)]) == hash {
            if let Some(Value::Object(sources)) = entry.get_mut("valueFrom") {
                sources.remove(key);
            }
            remove_if_empty(entry, "valueFrom");
            return true;
        }
    }
    false
}
