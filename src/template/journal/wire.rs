//! How a journal is written: compact JSON with a version.
//!
//! ```json
//! {"v":1,
//!  "features":{"ddtrace":{"image":"repo/java:1","rule":"admission_inject.ddtrace"}},
//!  "containers":{"datakit-lib-init":"5d2c1f0a"},
//!  "volumes":{"datakit-auto-instrument":"0c8e7a11"},
//!  "edits":[{"in":["web"],
//!    "mounts":{"/datadog-lib":"77aa01fe"},
//!    "added":{"DD_AGENT_HOST":"1b2c3d4e"},
//!    "extended":{"JAVA_TOOL_OPTIONS":{"behind":" -javaagent:/datadog-lib/dd-java-agent.jar"}}}]}
//! ```
//!
//! Containers to which the same was done share an entry of `edits`. What is empty is left out.

use crate::json::{Value, write_text};

use super::super::Object;
use super::named::Named;
use super::names::{is_annotation, is_list, is_volume};
use super::{ContainerRecord, Extension, Hash, Journal, Source};

/// Raised when a journal cannot be read as those before: an older policy drops it with a warning.
const VERSION: u64 = 1;

const MALFORMED: &str = "is malformed";

impl Journal {
    /// Reads the value of the annotation; `may_add` knows the names of the containers that the policy adds.
    ///
    /// # Errors
    /// Why it is not taken, as the end of a sentence.
    pub fn parse(text: &str, may_add: fn(&str) -> bool) -> Result<Self, &'static str> {
        let value = Value::parse(text).map_err(|_| MALFORMED)?;
        let Value::Object(object) = value else {
            return Err(MALFORMED);
        };
        match object.get("v") {
            Some(version) if *version == VERSION => {}
            Some(Value::Number(_)) => return Err("is from another version of the policy"),
            _ => return Err(MALFORMED),
        }
        let journal = Self::read(&object).ok_or(MALFORMED)?;
        if journal.names_what_is_not_ours(may_add) {
            return Err("names something that the policy does not add");
        }
        Ok(journal)
    }

    fn read(object: &Object) -> Option<Self> {
        let mut journal = Self::default();
        for (key, value) in object {
            match key {
                "v" => {}
                "features" => journal.features = named(value, Source::read)?,
                "containers" => journal.containers = named(value, Hash::read)?,
                "volumes" => journal.volumes = named(value, Hash::read)?,
                "annotations" => journal.annotations = named(value, Hash::read)?,
                "lists" => journal.lists = named(value, Extension::read)?,
                "shareProcessNamespace" => journal.shares_processes = value.as_bool()?,
                "edits" => {
                    for group in value.as_array()? {
                        let record = ContainerRecord::read(group)?;
                        for name in group.get("in")?.as_array()? {
                            journal.edits.insert(name.as_str()?, record.clone());
                        }
                    }
                }
                _ => return None,
            }
        }
        Some(journal)
    }

    fn names_what_is_not_ours(&self, may_add: fn(&str) -> bool) -> bool {
        !self.containers.names().all(may_add)
            || !self.volumes.names().all(is_volume)
            || !self.annotations.names().all(is_annotation)
            || !self.lists.iter().all(|(key, names)| is_list(key, names))
            || self.edits.names().any(|name| self.containers.has(name))
    }

    /// The value of the annotation.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = Writer::default();
        out.open('{');
        out.key("v");
        out.0.push_str(&VERSION.to_string());
        out.named("features", &self.features, |out, source| source.write(out));
        out.hashes("containers", &self.containers);
        out.hashes("volumes", &self.volumes);
        out.hashes("annotations", &self.annotations);
        out.named("lists", &self.lists, |out, names| names.write(out));
        if self.shares_processes {
            out.key("shareProcessNamespace");
            out.0.push_str("true");
        }
        if !self.edits.is_empty() {
            out.key("edits");
            out.open('[');
            for (names, record) in self.groups() {
                out.item();
                out.open('{');
                out.key("in");
                out.open('[');
                for name in names {
                    out.item();
                    out.text(name);
                }
                out.close(']');
                record.write(&mut out);
                out.close('}');
            }
            out.close(']');
        }
        out.close('}');
        out.0
    }

    fn groups(&self) -> Vec<(Vec<&str>, &ContainerRecord)> {
        let mut groups: Vec<(Vec<&str>, &ContainerRecord)> = Vec::new();
        for (name, record) in self.edits.iter() {
            match groups.iter_mut().find(|(_, other)| *other == record) {
                Some((names, _)) => names.push(name),
                None => groups.push((vec![name], record)),
            }
        }
        groups
    }
}

impl Source {
    fn read(value: &Value) -> Option<Self> {
        let mut source = Self::default();
        for (key, value) in value.as_object()? {
            let text = value.as_str()?.to_owned();
            match key {
                "image" => source.image = Some(text),
                "rule" => source.rule = text,
                "name" => source.name = Some(text),
                _ => return None,
            }
        }
        Some(source)
    }

    fn write(&self, out: &mut Writer) {
        out.open('{');
        if let Some(image) = &self.image {
            out.key("image");
            out.text(image);
        }
        out.key("rule");
        out.text(&self.rule);
        if let Some(name) = &self.name {
            out.key("name");
            out.text(name);
        }
        out.close('}');
    }
}

impl ContainerRecord {
    fn read(value: &Value) -> Option<Self> {
        let mut record = Self::default();
        for (key, value) in value.as_object()? {
            match key {
                "in" => {}
                "mounts" => record.mounts = named(value, Hash::read)?,
                "fields" => record.fields = named(value, |value| named(value, Hash::read))?,
                "added" => record.added = named(value, Hash::read)?,
                "extended" => record.extended = named(value, Extension::read)?,
                "renamed" => record.renamed = named(value, Hash::read)?,
                "moved" => {
                    let moves = value.as_array()?.iter();
                    record.moved = moves.map(moved).collect::<Option<_>>()?;
                }
                "order" => record.order = Some(Hash::read(value)?),
                _ => return None,
            }
        }
        record.is_plausible().then_some(record)
    }

    /// Whether the policy could have done so much: looking for it costs time.
    fn is_plausible(&self) -> bool {
        self.extended.len() <= 16 && self.renamed.len() <= 16 && self.moved.len() <= 1000
    }

    fn write(&self, out: &mut Writer) {
        out.hashes("mounts", &self.mounts);
        out.named("fields", &self.fields, |out, fields| {
            out.object(fields, |out, hash| out.hash(*hash));
        });
        out.hashes("added", &self.added);
        out.named("extended", &self.extended, |out, extension| {
            extension.write(out)
        });
        out.hashes("renamed", &self.renamed);
        if !self.moved.is_empty() {
            out.key("moved");
            out.open('[');
            for (from, to) in &self.moved {
                out.item();
                out.0.push_str(&format!("[{from},{to}]"));
            }
            out.close(']');
        }
        if let Some(order) = self.order {
            out.key("order");
            out.hash(order);
        }
    }
}

impl Extension {
    fn read(value: &Value) -> Option<Self> {
        let mut extension = Self::default();
        for (key, value) in value.as_object()? {
            let text = value.as_str()?.to_owned();
            match key {
                "before" => extension.before = text,
                "behind" => extension.behind = text,
                _ => return None,
            }
        }
        Some(extension)
    }

    fn write(&self, out: &mut Writer) {
        out.open('{');
        for (key, text) in [("before", &self.before), ("behind", &self.behind)] {
            if !text.is_empty() {
                out.key(key);
                out.text(text);
            }
        }
        out.close('}');
    }
}

fn named<T>(value: &Value, read: fn(&Value) -> Option<T>) -> Option<Named<T>> {
    let mut all = Named::default();
    for (name, value) in value.as_object()? {
        all.insert(name, read(value)?);
    }
    Some(all)
}

fn moved(value: &Value) -> Option<(usize, usize)> {
    let places = value.as_array()?;
    let place = |value: &Value<'_>| usize::try_from(value.as_u64()?).ok();
    match places.as_slice() {
        [from, to] => Some((place(from)?, place(to)?)),
        _ => None,
    }
}

/// Writes JSON in the order in which it is told to.
#[derive(Default)]
struct Writer(String);

impl Writer {
    fn open(&mut self, bracket: char) {
        self.0.push(bracket);
    }

    fn close(&mut self, bracket: char) {
        self.0.push(bracket);
    }

    /// Separates an item from the one before.
    fn item(&mut self) {
        if !self.0.ends_with(['{', '[']) {
            self.0.push(',');
        }
    }

    fn key(&mut self, key: &str) {
        self.item();
        self.text(key);
        self.0.push(':');
    }

    fn text(&mut self, text: &str) {
        write_text(text, &mut self.0);
    }

    fn hash(&mut self, hash: Hash) {
        self.0.push('"');
        hash.write(&mut self.0);
        self.0.push('"');
    }

    fn hashes(&mut self, key: &str, hashes: &Named<Hash>) {
        self.named(key, hashes, |out, hash| out.hash(*hash));
    }

    /// An object, which is left out where it is empty.
    fn named<T>(&mut self, key: &str, all: &Named<T>, write: fn(&mut Self, &T)) {
        if !all.is_empty() {
            self.key(key);
            self.object(all, write);
        }
    }

    fn object<T>(&mut self, all: &Named<T>, write: fn(&mut Self, &T)) {
        self.open('{');
        for (name, value) in all.iter() {
            self.key(name);
            write(self, value);
        }
        self.close('}');
    }
}
