//! The user's part of a template: the template less what its journal names, as far as that still is
//! as it was left.
//!
//! What is found in an API server's objects after somebody applied a manifest over an injected
//! template, and what becomes of it here:
//!
//! | found | user's part |
//! |---|---|
//! | an entry that equals ours, defaults of the API server aside | without it |
//! | a variable with our text around its value | the value without that text |
//! | a variable that we extended, with any other value: apply has set it back, or the user changed it | as it stands |
//! | a variable with two sources, one of them ours: server-side apply, and `value` beside `valueFrom` in a strategic merge | the other source |
//! | a volume with two sources, one of them ours: server-side apply | the other source |
//! | a volume of our name with another source, or one that a container of the user mounts | as it stands; of our mounts those that alone mount it |
//! | a mount at our path of another volume, with our `readOnly`: mounts are merged by their paths | the mount without `readOnly` |
//! | one of our containers, whatever is in it | without it |
//! | a container with another name and entries that equal ours: it was renamed, or copied | without them |

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::plan::original_of;
use super::super::{Object, name_of, objects_in};
use super::named::Named;
use super::{ANNOTATION, ContainerRecord, Extension, Hash, Journal};
use crate::report::shown;

/// The lists of containers in a template.
const LISTS: [&str; 2] = ["initContainers", "containers"];

/// What was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Everything that the journal names was there, as it was left.
    pub whole: bool,
    /// There was anything that it names.
    pub anything: bool,
    /// What was changed or is gone, in words. Not that which a manifest sets back: what was extended,
    /// renamed or moved, and annotations.
    pub altered: Vec<String>,
}

/// What was found of one entry of a journal, and taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    AsItWasLeft,
    InPart,
    Nothing,
}

impl Taken {
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            whole: true,
            anything: false,
            altered: Vec::new(),
        }
    }

    /// Notes what was found of something that a manifest may set back.
    fn note(&mut self, found: Found) {
        self.whole &= found == Found::AsItWasLeft;
        self.anything |= found != Found::Nothing;
    }

    /// Notes what was found of something that is the policy's alone.
    fn note_own(&mut self, found: Found, what: impl FnOnce() -> String) {
        self.note(found);
        if found != Found::AsItWasLeft {
            self.altered(what());
        }
    }

    fn altered(&mut self, what: String) {
        if !self.altered.contains(&what) {
            self.altered.push(what);
        }
    }

    /// Adds what was taken from one container; one without a record of its own is a copy, of which
    /// nothing is missing.
    fn add(&mut self, other: Self, container: &str, has_its_own: bool) {
        self.anything |= other.anything;
        if has_its_own {
            self.whole &= other.whole;
            for what in other.altered {
                self.altered(format!("{what} of container {}", shown(container)));
            }
        } else {
            self.whole &= !other.anything;
        }
    }
}

/// Takes away from `template` what `journal` names, so that the user's part is left, and the
/// annotation that holds the journal.
pub fn take_apart(template: &mut Value, journal: &Journal) -> Taken {
    match template.as_object_mut() {
        Some(template) => take_from(template, journal),
        None => Taken::nothing(),
    }
}

pub(in super::super) fn take_from(template: &mut Object, journal: &Journal) -> Taken {
    let mut taken = Taken::nothing();
    if let Some(spec) = object_in(template, "spec") {
        take_containers(spec, journal, &mut taken);
        take_variables(spec, journal, &mut taken);
        take_volumes(spec, journal, &mut taken);
        if journal.shares_processes {
            let is_shared = spec.get("shareProcessNamespace") == Some(&Value::Bool(true));
            taken.note_own(found(is_shared), || "shareProcessNamespace".to_owned());
            if is_shared {
                spec.remove("shareProcessNamespace");
            }
        }
    }
    take_annotations(template, journal, &mut taken);
    taken
}

/// Takes away the annotation that holds the journal, and nothing else.
pub fn remove(template: &mut Value) {
    if let Some(template) = template.as_object_mut() {
        take_annotations(template, &Journal::default(), &mut Taken::nothing());
    }
}

fn take_annotations(template: &mut Object, journal: &Journal, taken: &mut Taken) {
    let mut none = Map::new();
    let metadata = object_in(template, "metadata").unwrap_or(&mut none);
    let mut none = Map::new();
    let annotations = object_in(metadata, "annotations").unwrap_or(&mut none);
    for (key, hash) in journal.annotations.iter() {
        let text = annotations.get(key).and_then(Value::as_str);
        let is_ours = text.is_some_and(|text| Hash::of_text(text) == *hash);
        taken.note(found(is_ours));
        if is_ours {
            annotations.remove(key);
        }
    }
    annotations.remove(ANNOTATION);
    remove_if_empty(metadata, "annotations");
    remove_if_empty(template, "metadata");
}

fn found(is_as_it_was_left: bool) -> Found {
    if is_as_it_was_left {
        Found::AsItWasLeft
    } else {
        Found::Nothing
    }
}

fn take_containers(spec: &mut Object, journal: &Journal, taken: &mut Taken) {
    let mut found_names: Vec<String> = Vec::new();
    for list in LISTS {
        in_list(spec, list, |containers| {
            containers.retain(|container| {
                let name = name_in(container);
                let Some(hash) = journal.containers.get(name) else {
                    return true;
                };
                let found = if Hash::of(container) == *hash {
                    Found::AsItWasLeft
                } else {
                    Found::InPart
                };
                taken.note_own(found, || format!("container {name}"));
                found_names.push(name.to_owned());
                false
            });
        });
    }
    let is_there = |name: &&str| found_names.iter().any(|there| there == name);
    for name in journal.containers.names().filter(|name| !is_there(name)) {
        taken.note_own(Found::Nothing, || format!("container {name}"));
    }
}

/// What says which part of a container is the policy's.
struct Records<'j> {
    list: Vec<&'j ContainerRecord>,
    /// Whether it is the container's own record. An app container without one is new; it may be one
    /// that was renamed, or a copy, so an entry in it that equals ours is ours.
    are_its_own: bool,
}

impl<'j> Records<'j> {
    fn of(container: &Object, list: &str, journal: &'j Journal) -> Self {
        if let Some(record) = journal.edits.get(name_of(container)) {
            return Self {
                list: vec![record],
                are_its_own: true,
            };
        }
        let mut all: Vec<&ContainerRecord> = Vec::new();
        if list == "containers" {
            for (_, record) in journal.edits.iter() {
                if !all.contains(&record) {
                    all.push(record);
                }
            }
        }
        Self {
            list: all,
            are_its_own: false,
        }
    }

    fn made(&self, mount: &Object) -> bool {
        self.list.iter().any(|record| record.made(mount))
    }
}

/// The containers of the user, each with its list.
fn containers_mut(spec: &mut Object) -> impl Iterator<Item = (&str, &mut Object)> {
    spec.iter_mut()
        .filter(|(key, _)| LISTS.contains(&key.as_str()))
        .filter_map(|(key, list)| Some((key.as_str(), list.as_array_mut()?)))
        .flat_map(|(key, list)| list.iter_mut().map(move |container| (key, container)))
        .filter_map(|(key, container)| Some((key, container.as_object_mut()?)))
}

fn take_variables(spec: &mut Object, journal: &Journal, taken: &mut Taken) {
    let mut missing: BTreeSet<&str> = BTreeSet::new();
    missing.extend(journal.edits.names());
    for (list, container) in containers_mut(spec) {
        missing.remove(name_of(container));
        let records = Records::of(container, list, journal);
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
        for (name, hash) in self.added.iter() {
            let found = take_variable(env, name, *hash);
            taken.note_own(found, || "a variable".to_owned());
        }
        for (place, entry) in moved {
            env.insert(place.min(env.len()), entry);
        }
        taken
    }
}

fn name_in(entry: &Value) -> &str {
    entry.as_object().map_or("", name_of)
}

fn place_of(env: &[Value], name: &str) -> Option<usize> {
    env.iter().rposition(|entry| name_in(entry) == name)
}

/// The entry of a name; of several the last, which is the one that counts.
fn last<'e>(env: &'e mut [Value], name: &str) -> Option<&'e mut Object> {
    let place = place_of(env, name)?;
    env.get_mut(place)?.as_object_mut()
}

/// Takes the entries out that were moved, with the places that they had, the first place first.
fn take_out(env: &mut Vec<Value>, moved: &[(usize, usize)]) -> Vec<(usize, Value)> {
    let mut entries: Vec<(usize, Value)> = Vec::with_capacity(moved.len());
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
        let own = value.and_then(|value| {
            value
                .strip_prefix(self.before.as_str())?
                .strip_suffix(self.behind.as_str())
        });
        let Some(own) = own.map(str::to_owned) else {
            return Found::Nothing;
        };
        if own.is_empty() {
            // As an API server writes it.
            entry.remove("value");
        } else {
            entry.insert("value".to_owned(), Value::String(own));
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
        entry.insert("name".to_owned(), Value::String(name.to_owned()));
        return Found::AsItWasLeft;
    }
    let source = take_variable(env, name, hash);
    match place_of(env, &original) {
        Some(place) => {
            env.remove(place);
            Found::InPart
        }
        None => source,
    }
}

/// Takes an added variable away; where it was mixed with one of the user's, the source that is ours.
fn take_variable(env: &mut Vec<Value>, name: &str, hash: Hash) -> Found {
    let is_ours = |entry: &Value| name_in(entry) == name && Hash::of(entry) == hash;
    if let Some(place) = env.iter().rposition(is_ours) {
        env.remove(place);
        return Found::AsItWasLeft;
    }
    if last(env, name).is_some_and(|entry| take_source(entry, hash)) {
        Found::InPart
    } else {
        Found::Nothing
    }
}

/// Takes from a variable with two sources the one with which it would be ours.
fn take_source(entry: &mut Object, hash: Hash) -> bool {
    let (Some(name), Some(sources)) = (entry.get("name"), entry.get("valueFrom")) else {
        return false;
    };
    let sources = sources.as_object().cloned().unwrap_or_default();
    let value = entry.get("value").filter(|value| value.is_string());
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
        let alone = Value::Object(Map::from_iter([(key.clone(), source.clone())]));
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

/// Takes volumes and mounts away. A volume that is the user's by now keeps those mounts of ours
/// without which nothing would mount it: a manifest may have the same.
fn take_volumes(spec: &mut Object, journal: &Journal, taken: &mut Taken) {
    let mounted = mounted_by_the_user(spec, journal);
    let mut ours: BTreeSet<&str> = BTreeSet::new();
    for (name, hash) in journal.volumes.iter() {
        let volume = list_in(spec, "volumes").and_then(|volumes| last(volumes, name));
        let state = volume.map_or(Found::Nothing, |volume| source_of(volume, *hash));
        taken.note_own(state, || format!("volume {name}"));
        if state == Found::AsItWasLeft && !mounted.contains(name) {
            ours.insert(name);
        }
    }
    in_list(spec, "volumes", |volumes| {
        volumes.retain(|volume| !ours.contains(name_in(volume)));
    });
    // A volume of the user that containers share was mounted by one of them before.
    let stays = |volume: &str, has_its_own: bool| match journal.volumes.has(volume) {
        true => !ours.contains(volume) && !mounted.contains(volume),
        false => !has_its_own,
    };
    for (list, container) in containers_mut(spec) {
        let records = Records::of(container, list, journal);
        for record in records.list {
            let stays = |volume: &str| stays(volume, records.are_its_own);
            let of_the_record = in_list(container, "volumeMounts", |mounts| {
                if records.are_its_own {
                    record.take_fields_from(mounts);
                }
                record.take_mounts_from(mounts, &stays)
            });
            taken.add(of_the_record, name_of(container), records.are_its_own);
        }
    }
}

/// Volumes that a container of the user mounts with a mount that is not ours.
fn mounted_by_the_user<'j>(spec: &Object, journal: &'j Journal) -> BTreeSet<&'j str> {
    let mut mounted = BTreeSet::new();
    if journal.volumes.is_empty() {
        return mounted;
    }
    for list in LISTS {
        for container in objects_in(spec, list) {
            let records = Records::of(container, list, journal);
            for mount in objects_in(container, "volumeMounts") {
                if let Some(volume) = journal.volumes.name(name_of(mount))
                    && !records.made(mount)
                {
                    mounted.insert(volume);
                }
            }
        }
    }
    mounted
}

/// Whether a volume has our source. Of two sources ours is taken away: the other is the user's.
fn source_of(volume: &mut Object, hash: Hash) -> Found {
    if Hash::of_object(volume) == hash {
        return Found::AsItWasLeft;
    }
    let ours = volume.get("name").and_then(|name| {
        let is_ours = |(key, source): &(&String, &Value)| {
            *key != "name" && Hash::of_fields(&mut [("name", name), (key, source)]) == hash
        };
        volume.iter().find(is_ours).map(|(key, _)| key.clone())
    });
    match ours {
        Some(key) => {
            volume.remove(&key);
            Found::InPart
        }
        None => Found::Nothing,
    }
}

impl ContainerRecord {
    /// Whether a mount is one that the policy added.
    fn made(&self, mount: &Object) -> bool {
        let path = mount.get("mountPath").and_then(Value::as_str);
        path.and_then(|path| self.mounts.get(path))
            .is_some_and(|hash| Hash::of_object(mount) == *hash)
    }

    fn take_mounts_from(&self, mounts: &mut Vec<Value>, stays: &impl Fn(&str) -> bool) -> Taken {
        let mut taken = Taken::nothing();
        let mut as_left: usize = 0;
        mounts.retain(|mount| {
            let Some(mount) = mount.as_object().filter(|mount| self.made(mount)) else {
                return true;
            };
            as_left = as_left.saturating_add(1);
            taken.anything = true;
            stays(name_of(mount))
        });
        if as_left < self.mounts.len() {
            taken.whole = false;
            taken.altered("a mount".to_owned());
        }
        taken
    }

    /// Takes our fields from other mounts at our paths.
    fn take_fields_from(&self, mounts: &mut [Value]) {
        for mount in mounts.iter_mut().filter_map(Value::as_object_mut) {
            let path = mount.get("mountPath").and_then(Value::as_str);
            let fields = path.and_then(|path| self.fields.get(path));
            if self.made(mount) {
                continue;
            }
            for (key, hash) in fields.into_iter().flat_map(Named::iter) {
                if mount.get(key).map(Hash::of) == Some(*hash) {
                    mount.remove(key);
                }
            }
        }
    }
}

fn object_in<'o>(object: &'o mut Object, key: &str) -> Option<&'o mut Object> {
    object.get_mut(key)?.as_object_mut()
}

fn list_in<'o>(object: &'o mut Object, key: &str) -> Option<&'o mut Vec<Value>> {
    object.get_mut(key)?.as_array_mut()
}

/// Takes something from the list `key`, which goes when nothing is left of it.
fn in_list<T>(object: &mut Object, key: &str, take: impl FnOnce(&mut Vec<Value>) -> T) -> T {
    let Some(list) = list_in(object, key) else {
        return take(&mut Vec::new());
    };
    let was_empty = list.is_empty();
    let taken = take(list);
    if list.is_empty() && !was_empty {
        object.remove(key);
    }
    taken
}

/// API servers leave out what is empty.
fn remove_if_empty(object: &mut Object, key: &str) {
    let is_empty = match object.get(key) {
        Some(Value::Object(object)) => object.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        _ => false,
    };
    if is_empty {
        object.remove(key);
    }
}
