//! Which volumes and mounts are the policy's, and which are the user's.

use std::collections::BTreeSet;

use crate::json::Value;

use super::super::super::{Object, name_of, objects_in};
use super::super::named::Named;
use super::super::{ContainerRecord, Hash, Journal};
use super::{Found, Known, LISTS, Taken, containers_mut, in_list, name_in};

/// Takes volumes and mounts away. A volume that is the user's by now keeps those mounts of ours
/// without which nothing would mount it: a manifest may have the same.
pub(super) fn take(spec: &mut Object, journal: &Journal, known: &Known<'_>, taken: &mut Taken) {
    let mounted = mounted_by_the_user(spec, journal, known);
    // Where a manifest has no volumes any more, ours are gone, too, and what mounts them is left.
    let mut ours: BTreeSet<&str> = BTreeSet::new();
    ours.extend(
        journal
            .volumes
            .names()
            .filter(|name| !mounted.contains(name)),
    );
    let mut as_left: BTreeSet<&str> = BTreeSet::new();
    in_list(spec, "volumes", |volumes| {
        volumes.retain_mut(|volume| {
            let Some((name, hash)) = journal.volumes.entry(name_in(volume)) else {
                return true;
            };
            let state = source_of(volume, *hash);
            taken.anything |= state != Found::Nothing;
            if state == Found::AsItWasLeft {
                as_left.insert(name);
            } else {
                ours.remove(name);
            }
            !ours.contains(name)
        });
    });
    for name in journal
        .volumes
        .names()
        .filter(|name| !as_left.contains(name))
    {
        taken.whole = false;
        taken.altered(format!("volume {name}"));
    }
    // A volume of the user that containers share was mounted by one of them before.
    let stays = |volume: &str, has_its_own: bool| match journal.volumes.has(volume) {
        true => !ours.contains(volume) && !mounted.contains(volume),
        false => !has_its_own,
    };
    for (list, container) in containers_mut(spec) {
        let records = known.records(container, list);
        for record in records.list {
            let stays = |volume: &str| stays(volume, records.are_its_own);
            let of_the_record = in_list(container, "volumeMounts", |mounts| {
                let taken = record.take_mounts_from(mounts, &stays);
                if records.are_its_own {
                    record.take_fields_from(mounts);
                }
                taken
            });
            taken.add(of_the_record, name_of(container), records.are_its_own);
        }
    }
}

/// Volumes that a container of the user mounts with a mount that is not ours.
fn mounted_by_the_user<'j>(
    spec: &Object,
    journal: &'j Journal,
    known: &Known<'j>,
) -> BTreeSet<&'j str> {
    let mut mounted = BTreeSet::new();
    if journal.volumes.is_empty() {
        return mounted;
    }
    for list in LISTS {
        for container in objects_in(spec, list) {
            let records = known.records(container, list);
            for mount in objects_in(container, "volumeMounts") {
                if let Some((volume, _)) = journal.volumes.entry(name_of(mount))
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
fn source_of(volume: &mut Value, hash: Hash) -> Found {
    let Some(volume) = volume.as_object_mut() else {
        return Found::Nothing;
    };
    if Hash::of_object(volume) == hash {
        return Found::AsItWasLeft;
    }
    let ours = volume.get("name").and_then(|name| {
        let is_ours = |(key, source): &(&str, &Value<'_>)| {
            *key != "name" && Hash::of_fields(&mut [("name", name), (key, source)]) == hash
        };
        volume.iter().find(is_ours).map(|(key, _)| key.to_owned())
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
    pub(super) fn made(&self, mount: &Object) -> bool {
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

    /// Takes our fields from what is mounted at our paths and stays.
    fn take_fields_from(&self, mounts: &mut [Value]) {
        for mount in mounts.iter_mut().filter_map(Value::as_object_mut) {
            let path = mount.get("mountPath").and_then(Value::as_str);
            let fields = path.and_then(|path| self.fields.get(path));
            for (key, hash) in fields.into_iter().flat_map(Named::iter) {
                if mount.get(key).map(Hash::of) == Some(*hash) {
                    mount.remove(key);
                }
            }
        }
    }
}
