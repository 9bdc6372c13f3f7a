//! What is noted of a plan that is carried out.

use crate::json::Value;

use super::super::plan::{ContainerEdits, Edits, EnvEdit};
use super::super::{AppContainer, Template, name_of};
use super::named::Named;
use super::{ANNOTATION, ContainerRecord, Extension, Hash, Journal, Source};

/// Notes the name and the hash of a JSON object.
fn note(all: &mut Named<Hash>, value: &Value) {
    let name = value.get("name").and_then(Value::as_str);
    all.insert(name.unwrap_or_default(), Hash::of(value));
}

impl Journal {
    /// The journal of `edits` alone, which `template` is still without; this is the journal so far.
    pub(in super::super) fn record(
        &self,
        feature: &str,
        source: Source,
        edits: &Edits,
        template: &Template<'_>,
    ) -> Self {
        let mut journal = Self {
            shares_processes: edits.share_process_namespace,
            ..Self::default()
        };
        journal.features.insert(feature, source);
        for container in [&edits.init_container, &edits.sidecar]
            .into_iter()
            .flatten()
        {
            note(&mut journal.containers, container);
        }
        for volume in &edits.volumes {
            note(&mut journal.volumes, volume);
        }
        for (key, value) in &edits.annotations {
            journal.annotations.insert(key, Hash::of_text(value));
        }
        let mut edits = edits.containers.iter();
        for container in template.app_containers() {
            let record = edits
                .next()
                .map(|edits| ContainerRecord::of(edits, container));
            // What another feature added is noted as a whole. A container of the user is noted even if
            // nothing was done to it: what it has is its own.
            if !self.containers.has(container.name()) {
                journal
                    .edits
                    .insert(container.name(), record.unwrap_or_default());
            }
        }
        journal
    }

    /// The journal of an annotation that was added.
    pub(in super::super) fn of_annotation(key: &str, text: &str) -> Self {
        let mut journal = Self::default();
        journal.annotations.insert(key, Hash::of_text(text));
        journal
    }

    /// The journal of names that were added to the list in an annotation of the user.
    pub(in super::super) fn of_list(key: &str, names: Extension) -> Self {
        let mut journal = Self::default();
        journal.lists.insert(key, names);
        journal
    }

    /// Adds what another feature did.
    pub fn add(&mut self, other: Self) {
        self.features.add(other.features);
        self.containers.add(other.containers);
        self.volumes.add(other.volumes);
        self.annotations.add(other.annotations);
        self.lists.add(other.lists);
        self.shares_processes |= other.shares_processes;
        for (container, record) in other.edits {
            match self.edits.get_mut(&container) {
                Some(own) => own.add(record),
                None => self.edits.insert(&container, record),
            }
        }
    }

    /// Notes how `template`, which is injected, was left: containers get mounts of features that
    /// come later, and the order of variables is that of the whole list.
    pub(in super::super) fn seal(&mut self, template: &Template<'_>) {
        for container in template.all_containers() {
            if let Some(hash) = self.containers.get_mut(name_of(container)) {
                *hash = Hash::of_object(container);
            }
        }
        for container in template.app_containers() {
            if let Some(record) = self.edits.get_mut(container.name())
                && !record.moved.is_empty()
            {
                record.order = Some(Hash::of_texts(container.env().map(name_of)));
            }
        }
    }

    /// Whether the annotation, with `other` added to it, takes no more than so many bytes.
    pub(in super::super) fn fits(&self, other: &Self, room: usize) -> bool {
        let most = self.most_bytes().saturating_add(other.most_bytes());
        if most <= room {
            return true;
        }
        let mut all = self.clone();
        all.add(other.clone());
        all.to_text().len().saturating_add(ANNOTATION.len()) <= room
    }

    /// A bound of the text's length that costs nothing: each character escaped, and no two
    /// containers alike.
    fn most_bytes(&self) -> usize {
        let escaped = |text: &str| text.len().saturating_mul(6).saturating_add(80);
        let mut most: usize = 256;
        let mut add = |text: &str| most = most.saturating_add(escaped(text));
        for (name, source) in self.features.iter() {
            add(name);
            add(&source.rule);
            add(source.image.as_deref().unwrap_or_default());
            add(source.name.as_deref().unwrap_or_default());
        }
        for names in [&self.containers, &self.volumes, &self.annotations] {
            names.names().for_each(&mut add);
        }
        for (key, names) in self.lists.iter() {
            add(key);
            add(&names.behind);
        }
        for (name, record) in self.edits.iter() {
            add(name);
            record.texts(&mut add);
        }
        most
    }
}

impl ContainerRecord {
    fn of(edits: &ContainerEdits, container: AppContainer<'_>) -> Self {
        let mut record = Self::default();
        for mount in &edits.mounts {
            record.mount(mount);
        }
        for edit in &edits.env {
            record.variable(edit, container);
        }
        record.moved = moves(&edits.env, container);
        // What it is, is known in the end; that it takes room, now.
        record.order = (!record.moved.is_empty()).then(|| Hash::of_text(""));
        record
    }

    fn mount(&mut self, mount: &Value) {
        let path = mount.get("mountPath").and_then(Value::as_str);
        let path = path.unwrap_or_default();
        self.mounts.insert(path, Hash::of(mount));
        let mut more = Named::default();
        for (key, value) in mount.as_object().into_iter().flatten() {
            if key != "name" && key != "mountPath" {
                more.insert(key, Hash::of(value));
            }
        }
        if !more.is_empty() {
            self.fields.insert(path, more);
        }
    }

    fn variable(&mut self, edit: &EnvEdit<Value>, container: AppContainer<'_>) {
        let name = |place: usize| container.env().nth(place).map_or("", name_of);
        match edit {
            EnvEdit::Append(entry) => note(&mut self.added, entry),
            EnvEdit::Extend {
                place,
                before,
                behind,
            } => {
                let extension = Extension {
                    before: before.clone(),
                    behind: behind.clone(),
                };
                self.extended.insert(name(*place), extension);
            }
            EnvEdit::MoveToEnd { .. } => {}
            EnvEdit::Rename { then, .. } => note(&mut self.renamed, then),
        }
    }

    fn add(&mut self, other: Self) {
        self.mounts.add(other.mounts);
        self.fields.add(other.fields);
        self.added.add(other.added);
        self.extended.add(other.extended);
        self.renamed.add(other.renamed);
        self.moved.extend(other.moved);
        self.order = self.order.or(other.order);
    }

    fn texts(&self, add: &mut impl FnMut(&str)) {
        for names in [&self.mounts, &self.added, &self.renamed] {
            names.names().for_each(&mut *add);
        }
        for (path, fields) in self.fields.iter() {
            add(path);
            fields.names().for_each(&mut *add);
        }
        for (name, extension) in self.extended.iter() {
            add(name);
            add(&extension.before);
            add(&extension.behind);
        }
        self.moved.iter().for_each(|_| add(""));
    }
}

/// Where entries are moved from, and to: behind those that stay come those that are appended, in the
/// order of the edits.
fn moves(edits: &[EnvEdit<Value>], container: AppContainer<'_>) -> Vec<(usize, usize)> {
    let count = |is: fn(&EnvEdit<Value>) -> bool| edits.iter().filter(|edit| is(edit)).count();
    let moved = count(|edit| matches!(edit, EnvEdit::MoveToEnd { .. }));
    let renamed = count(|edit| matches!(edit, EnvEdit::Rename { .. }));
    let stay = container.env().count().saturating_sub(moved);
    let mut end = stay.saturating_add(renamed);
    let mut moves = Vec::with_capacity(moved);
    for edit in edits {
        match edit {
            EnvEdit::MoveToEnd { place } => moves.push((*place, end)),
            EnvEdit::Append(_) => {}
            EnvEdit::Extend { .. } | EnvEdit::Rename { .. } => continue,
        }
        end = end.saturating_add(1);
    }
    moves
}
