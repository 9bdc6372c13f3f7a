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
//! | an annotation with a list that ends with our names | the list without them |
//! | a variable that we extended, with any other value: apply has set it back, or the user changed it | as it stands |
//! | a variable with two sources, one of them ours: server-side apply, and `value` beside `valueFrom` in a strategic merge | the other source |
//! | a volume with two sources, one of them ours: server-side apply | the other source |
//! | a volume of our name with another source, or one that a container of the user mounts | as it stands; of our mounts those that alone mount it |
//! | a mount at our path of another volume, with our `readOnly`: mounts are merged by their paths | the mount without `readOnly` |
//! | one of our containers, whatever is in it | without it |
//! | a container with another name and entries that equal ours: it was renamed, or copied | without them |

mod variables;
mod volumes;

use crate::json::{Object, Value};

use super::super::name_of;
use super::{ANNOTATION, ContainerRecord, Hash, Journal};
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

pub(in super::super::super) fn take_from(template: &mut Object, journal: &Journal) -> Taken {
    let mut taken = Taken::nothing();
    if let Some(spec) = object_in(template, "spec") {
        take_containers(spec, journal, &mut taken);
        let known = Known::of(journal);
        variables::take(spec, &known, &mut taken);
        volumes::take(spec, journal, &known, &mut taken);
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
    let mut none = Object::new();
    let metadata = object_in(template, "metadata").unwrap_or(&mut none);
    let mut none = Object::new();
    let annotations = object_in(metadata, "annotations").unwrap_or(&mut none);
    for (key, hash) in journal.annotations.iter() {
        let text = annotations.get(key).and_then(Value::as_str);
        let is_ours = text.is_some_and(|text| Hash::of_text(text) == *hash);
        taken.note(found(is_ours));
        if is_ours {
            annotations.remove(key);
        }
    }
    for (key, names) in journal.lists.iter() {
        let text = annotations.get(key).and_then(Value::as_str);
        let own = text.and_then(|text| names.own(text)).map(str::to_owned);
        taken.note(found(own.is_some()));
        if let Some(own) = own {
            annotations.insert(key.to_owned(), own.into());
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

/// What says which part of which container is the policy's.
struct Known<'j> {
    journal: &'j Journal,
    /// The records of all containers, each once.
    distinct: Vec<&'j ContainerRecord>,
}

impl<'j> Known<'j> {
    /// More sorts of containers than a pod has; it bounds what a journal that was made up can cost.
    const MOST: usize = 16;

    fn of(journal: &'j Journal) -> Self {
        let mut distinct: Vec<&ContainerRecord> = Vec::new();
        for (_, record) in journal.edits.iter() {
            if distinct.len() <= Self::MOST && !distinct.contains(&record) {
                distinct.push(record);
            }
        }
        if distinct.len() > Self::MOST {
            distinct.clear();
        }
        Self { journal, distinct }
    }

    fn records(&self, container: &Object, list: &str) -> Records<'j> {
        match self.journal.edits.get(name_of(container)) {
            Some(record) => Records {
                list: vec![record],
                are_its_own: true,
            },
            None if list == "containers" => Records {
                list: self.distinct.clone(),
                are_its_own: false,
            },
            None => Records {
                list: Vec::new(),
                are_its_own: false,
            },
        }
    }
}

/// What says which part of one container is the policy's.
struct Records<'j> {
    list: Vec<&'j ContainerRecord>,
    /// Whether it is the container's own record. An app container without one is new; it may be one
    /// that was renamed, or a copy, so an entry in it that equals ours is ours.
    are_its_own: bool,
}

impl Records<'_> {
    fn made(&self, mount: &Object) -> bool {
        self.list.iter().any(|record| record.made(mount))
    }
}

/// The containers of the user, each with its list.
fn containers_mut<'o, 'a>(
    spec: &'o mut Object<'a>,
) -> impl Iterator<Item = (&'o str, &'o mut Object<'a>)> {
    spec.iter_mut()
        .filter(|(key, _)| LISTS.contains(key))
        .filter_map(|(key, list)| Some((key, list.as_array_mut()?)))
        .flat_map(|(key, list)| list.iter_mut().map(move |container| (key, container)))
        .filter_map(|(key, container)| Some((key, container.as_object_mut()?)))
}

fn object_in<'o, 'a>(object: &'o mut Object<'a>, key: &str) -> Option<&'o mut Object<'a>> {
    object.get_mut(key)?.as_object_mut()
}

fn list_in<'o, 'a>(object: &'o mut Object<'a>, key: &str) -> Option<&'o mut Vec<Value<'a>>> {
    object.get_mut(key)?.as_array_mut()
}

/// Takes something from the list `key`, which goes when nothing is left of it.
fn in_list<'a, T>(
    object: &mut Object<'a>,
    key: &str,
    take: impl FnOnce(&mut Vec<Value<'a>>) -> T,
) -> T {
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

fn name_in<'e>(entry: &'e Value<'_>) -> &'e str {
    entry.as_object().map_or("", name_of)
}

fn place_of(env: &[Value], name: &str) -> Option<usize> {
    env.iter().rposition(|entry| name_in(entry) == name)
}

/// The entry of a name; of several the last, which is the one that counts.
fn last<'e, 'a>(env: &'e mut [Value<'a>], name: &str) -> Option<&'e mut Object<'a>> {
    let place = place_of(env, name)?;
    env.get_mut(place)?.as_object_mut()
}
