//! What lies behind the volumes of a pod: whether a mount over or in it would hide data.

use crate::json::Value;

use super::{AppContainer, Object, Volumes, objects_in};
use crate::paths::MountPath;

/// What a volume of the pod is made of. The later of two weighs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backing {
    /// Empty when the pod starts.
    EmptyDir,
    /// Files that Kubernetes writes.
    Files,
    /// A directory or file of the node.
    HostPath,
    /// Data that is there before the pod, or outlives it.
    Data,
}

/// The sources of a volume, but for those with data of its own. What is not here has some: claims,
/// `ephemeral`, CSI, the disks of clouds, images, and what later versions of Kubernetes bring.
const SOURCES: [(&str, Backing); 6] = [
    ("emptyDir", Backing::EmptyDir),
    ("configMap", Backing::Files),
    ("downwardAPI", Backing::Files),
    ("projected", Backing::Files),
    ("secret", Backing::Files),
    ("hostPath", Backing::HostPath),
];

impl Backing {
    /// What is behind a volume; `None` is one that only a mount names, the claim of a stateful set.
    #[must_use]
    pub fn of(volume: Option<&Object>) -> Self {
        let Some(volume) = volume else {
            return Self::Data;
        };
        // Without a source it is an `emptyDir` (`SetDefaults_Volume` of Kubernetes).
        sources(volume)
            .map(|(name, _)| {
                let known = SOURCES.iter().find(|(source, _)| *source == name);
                known.map_or(Self::Data, |(_, backing)| *backing)
            })
            .max()
            .unwrap_or(Self::EmptyDir)
    }
}

fn sources<'v, 'a>(volume: &'v Object<'a>) -> impl Iterator<Item = (&'v str, &'v Value<'a>)> {
    volume
        .iter()
        .filter(|(name, source)| *name != "name" && source.is_object())
}

/// Whether the source itself can only be read.
fn is_read_only_source(volume: &Object) -> bool {
    sources(volume)
        .any(|(name, source)| name == "image" || source.get("readOnly") == Some(&Value::Bool(true)))
}

/// A mount of a container that a path lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Around<'t> {
    pub mount: &'t Object<'t>,
    /// Its `mountPath`.
    pub path: &'t str,
    pub backing: Backing,
    /// Whether nothing can be made in it, so that the runtime cannot make the place of a mount either.
    pub is_read_only: bool,
}

impl<'t> Around<'t> {
    /// What `mount` is for the places in it.
    #[must_use]
    pub fn new(mount: &'t Object<'t>, volumes: &Volumes<'_>) -> Self {
        let text = |key: &str| mount.get(key).and_then(Value::as_str).unwrap_or_default();
        let volume = volumes.get(text("name"));
        let backing = Backing::of(volume);
        let says_so = mount.get("readOnly") == Some(&Value::Bool(true));
        Self {
            mount,
            path: mount
                .get("mountPath")
                .and_then(Value::as_str)
                .unwrap_or_default(),
            backing,
            // The kubelet makes the places of mounts in the files that it writes.
            is_read_only: backing != Backing::Files
                && (says_so || volume.is_some_and(is_read_only_source)),
        }
    }
}

impl<'t> AppContainer<'t> {
    /// The innermost mount that `path` lies in.
    #[must_use]
    pub fn mount_around(self, path: &MountPath<'_>) -> Option<&'t Object<'t>> {
        objects_in(self.0, "volumeMounts")
            .filter_map(|mount| {
                let own = MountPath::new(mount.get("mountPath")?.as_str()?);
                path.lies_in(&own).then_some((own.as_str().len(), mount))
            })
            .max_by_key(|(length, _)| *length)
            .map(|(_, mount)| mount)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Template;
    use super::*;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_which_volumes_have_data_of_their_own() {
        for (source, expected) in [
            (json!({}), Backing::EmptyDir),
            (json!({"emptyDir": {}}), Backing::EmptyDir),
            (json!({"emptyDir": null}), Backing::EmptyDir),
            (json!({"configMap": {"name": "c"}}), Backing::Files),
            (json!({"secret": {"secretName": "s"}}), Backing::Files),
            (json!({"projected": {"sources": []}}), Backing::Files),
            (json!({"downwardAPI": {"items": []}}), Backing::Files),
            (json!({"hostPath": {"path": "/srv"}}), Backing::HostPath),
            (json!({"persistentVolumeClaim": {}}), Backing::Data),
            (json!({"ephemeral": {}}), Backing::Data),
            (json!({"csi": {"driver": "d"}}), Backing::Data),
            (json!({"awsElasticBlockStore": {}}), Backing::Data),
            (json!({"azureDisk": {}}), Backing::Data),
            (json!({"gcePersistentDisk": {}}), Backing::Data),
            (json!({"nfs": {}}), Backing::Data),
            (json!({"gitRepo": {}}), Backing::Data),
            (json!({"image": {"reference": "r"}}), Backing::Data),
            (json!({"sourceOfTheFuture": {}}), Backing::Data),
            // Two sources are left of an update that was merged.
            (
                json!({"emptyDir": {}, "persistentVolumeClaim": {}}),
                Backing::Data,
            ),
        ] {
            let mut volume = source;
            volume["name"] = json!("v");
            assert_eq!(Backing::of(volume.as_object()), expected, "{volume}");
        }
        assert_eq!(Backing::of(None), Backing::Data);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn finds_the_innermost_mount_around_a_path() {
        let pod = json!({"spec": {
            "volumes": [
                {"name": "claim", "persistentVolumeClaim": {"claimName": "c", "readOnly": true}},
                {"name": "scratch", "emptyDir": {}},
                {"name": "files", "configMap": {"name": "c"}}
            ],
            "containers": [{"name": "a", "volumeMounts": [
                {"name": "scratch", "mountPath": "/data/scratch/"},
                {"name": "claim", "mountPath": "data"},
                {"name": "files", "mountPath": "/etc/app", "readOnly": true},
                {"name": "template", "mountPath": "/claims"}
            ]}]
        }});
        let template = Template::new(pod.clone()).unwrap();
        let volumes = Volumes::new(&template);
        let container = template.app_containers().next().unwrap();
        let around = |path: &str| {
            let mount = container.mount_around(&MountPath::new(path))?;
            let Around {
                path,
                backing,
                is_read_only,
                ..
            } = Around::new(mount, &volumes);
            Some((path, backing, is_read_only))
        };
        assert_eq!(around("/data/x"), Some(("data", Backing::Data, true)));
        assert_eq!(
            around("/data//scratch/x"),
            Some(("/data/scratch/", Backing::EmptyDir, false))
        );
        assert_eq!(
            around("/etc/app/x"),
            Some(("/etc/app", Backing::Files, false))
        );
        assert_eq!(around("/claims/x"), Some(("/claims", Backing::Data, false)));
        assert_eq!(around("/data"), None);
        assert_eq!(around("/etc"), None);
    }
}
