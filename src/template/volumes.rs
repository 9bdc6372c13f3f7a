//! The volumes of a pod by name: a pod may have thousands, and a feature may look for hundreds.

use std::collections::BTreeMap;

use crate::json::Value;

use super::{Object, Template, VolumeKind};
use crate::paths::MountPath;

/// The volumes of a template, and where they are mounted.
#[derive(Debug)]
pub struct Volumes<'t> {
    list: Vec<Volume<'t>>,
    /// Places in the list.
    by_name: BTreeMap<&'t str, usize>,
}

#[derive(Debug)]
struct Volume<'t> {
    /// `None` where only a mount names it: the claims of a stateful set become volumes of its pods.
    object: Option<&'t Object<'t>>,
    mounted: Mounted<'t>,
}

/// Where init and app containers mount a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mounted<'t> {
    #[default]
    Nowhere,
    At(&'t str),
    AtSeveralPaths,
}

impl<'t> Volumes<'t> {
    #[must_use]
    pub fn new(template: &'t Template<'_>) -> Self {
        let mut volumes = Self {
            list: Vec::new(),
            by_name: BTreeMap::new(),
        };
        for (name, object) in template.volumes() {
            volumes.add(name, Some(object));
        }
        for (name, mount) in template.mounts() {
            if !volumes.by_name.contains_key(name) {
                volumes.add(name, None);
            }
            let place = volumes.by_name.get(name);
            if let Some(volume) = place.and_then(|place| volumes.list.get_mut(*place)) {
                let path = mount.get("mountPath").and_then(Value::as_str);
                volume.mounted = volume.mounted.and(path);
            }
        }
        volumes
    }

    fn add(&mut self, name: &'t str, object: Option<&'t Object<'t>>) {
        self.by_name.insert(name, self.list.len());
        self.list.push(Volume {
            object,
            mounted: Mounted::Nowhere,
        });
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'t Object<'t>> {
        self.volume(name)?.object
    }

    /// Whether the pod's volume `name` can serve as one of this kind at `path`; `None` if nothing has
    /// that name.
    pub(super) fn serves(&self, name: &str, kind: VolumeKind, path: &str) -> Option<bool> {
        let volume = self.volume(name)?;
        let is_elsewhere = match volume.mounted {
            Mounted::Nowhere => false,
            Mounted::At(own) => !MountPath::new(path).is(own),
            Mounted::AtSeveralPaths => true,
        };
        Some(!is_elsewhere && volume.object.is_some_and(|object| kind.is(object)))
    }

    fn volume(&self, name: &str) -> Option<&Volume<'t>> {
        self.list.get(*self.by_name.get(name)?)
    }
}

impl<'t> Mounted<'t> {
    fn and(self, path: Option<&'t str>) -> Self {
        match (self, path) {
            (Self::Nowhere, Some(path)) => Self::At(path),
            (Self::At(own), Some(path)) if MountPath::new(own).is(path) => self,
            _ => Self::AtSeveralPaths,
        }
    }
}
