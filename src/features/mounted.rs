//! Where the app containers mount what themselves.

use std::collections::BTreeMap;

use crate::json::Value;
use k8s_openapi::api::core::v1::VolumeMount;

use crate::paths::MountPath;
use crate::template::{Around, Object, Template, Volumes, is_empty_dir, mount_like};

/// Whether the part of the volume is chosen by an expression, which is another in another container.
pub(super) fn expands(mount: &Object) -> bool {
    text(mount, "subPathExpr").is_some_and(|expression| !expression.is_empty())
}

/// The app containers' own mounts, by path.
pub(super) struct OwnMounts<'t> {
    /// Those at one path, each with the place of its container, in order.
    lists: Vec<Vec<(usize, &'t Object<'t>)>>,
    /// Places in the lists.
    by_path: BTreeMap<MountPath<'t>, usize>,
}

impl<'t> OwnMounts<'t> {
    pub fn new(template: &'t Template<'_>) -> Self {
        let mut own = Self {
            lists: Vec::new(),
            by_path: BTreeMap::new(),
        };
        for (place, container) in template.targets() {
            for mount in container.mounts() {
                if let Some(path) = text(mount, "mountPath") {
                    own.add(MountPath::new(path), place, mount);
                }
            }
        }
        own
    }

    fn add(&mut self, path: MountPath<'t>, place: usize, mount: &'t Object<'t>) {
        let list = self.by_path.get(&path);
        let Some(list) = list.and_then(|list| self.lists.get_mut(*list)) else {
            self.by_path.insert(path, self.lists.len());
            self.lists.push(vec![(place, mount)]);
            return;
        };
        // Of several mounts of a container at one path, written in two ways, the last hides the others.
        match list.last_mut() {
            Some((last, hidden)) if *last == place => *hidden = mount,
            _ => list.push((place, mount)),
        }
    }

    /// Those at a path, which is clean.
    pub fn at(&self, path: &str) -> &[(usize, &'t Object<'t>)] {
        let list = self.by_path.get(path);
        list.and_then(|list| self.lists.get(*list))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The innermost mount that `directory` lies in, by the place of the container.
    pub fn around(&self, directory: &str, volumes: &Volumes<'_>) -> BTreeMap<usize, Around<'t>> {
        let mut around = BTreeMap::new();
        for parent in MountPath::new(directory)
            .way()
            .filter(|place| *place != directory)
        {
            for (place, mount) in self.at(parent) {
                around.insert(*place, Around::new(mount, volumes));
            }
        }
        around
    }
}

/// How the pod itself mounts a directory.
pub(super) enum Mounted {
    Nowhere,
    Shareable(VolumeMount),
    NotShareable,
}

pub(super) fn mounted_by_the_pod(
    own: &[(usize, &Object)],
    directory: &str,
    volumes: &Volumes<'_>,
) -> Mounted {
    let Some((_, own)) = own.first() else {
        return Mounted::Nowhere;
    };
    mount_like(own, directory)
        .filter(|mount| volumes.get(&mount.name).is_some_and(is_empty_dir))
        .map_or(Mounted::NotShareable, Mounted::Shareable)
}

pub(super) fn text<'o>(object: &'o Object, key: &str) -> Option<&'o str> {
    object.get(key).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_the_mount_that_hides_the_others_at_its_path() {
        let mount = |path: &str, read_only: bool| json!({"name": "v", "mountPath": path, "readOnly": read_only});
        let pod = json!({"spec": {
            "volumes": [{"name": "v", "emptyDir": {}}],
            "containers": [
                {"name": "a", "volumeMounts": [mount("/v", false), mount("/v/", true)]},
                {"name": "b", "volumeMounts": [mount("/v/", true), mount("/v", false)]}
            ]
        }});
        let template = Template::new(pod.clone()).unwrap();
        let around = OwnMounts::new(&template).around("/v/logs", &Volumes::new(&template));
        let is_read_only = |place: usize| around.get(&place).map(|around| around.is_read_only);
        assert_eq!([0, 1, 2].map(is_read_only), [Some(true), Some(false), None]);
    }
}
