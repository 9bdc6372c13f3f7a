//! The volumes of a pod, and their mounts.

use std::collections::HashSet;

use super::names;
use super::place::{Place, Violations};

/// Every kind of volume up to Kubernetes 1.36.
const SOURCES: [&str; 30] = [
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "photonPersistentDisk",
    "portworxVolume",
    "projected",
    "quobyte",
    "rbd",
    "scaleIO",
    "secret",
    "storageos",
    "vsphereVolume",
];

/// Checks `volumes`; gives their names.
pub(super) fn check<'v>(spec: &Place<'v>, found: &mut Violations) -> HashSet<&'v str> {
    let volumes = found.list(spec, "volumes");
    let mut named = Vec::new();
    for volume in &volumes {
        if let Some(name) = found.required(volume, "name") {
            named.push((volume, name));
            if !names::is_label(name) {
                found.add(volume, format_args!("`{name}` is no DNS label"));
            }
        }
        source(volume, found);
    }
    let names = named.iter().map(|(_, name)| *name).collect();
    found.unique("volume", named);
    names
}

/// A volume without a source is an `emptyDir`.
fn source(volume: &Place<'_>, found: &mut Violations) {
    let sources = SOURCES.map(|kind| found.object(volume, kind));
    if sources.iter().flatten().count() > 1 {
        found.add(volume, "has more than one source");
    }
    if let Some(host_path) = found.object(volume, "hostPath") {
        let path = found.required(&host_path, "path").unwrap_or_default();
        if path.split('/').any(|part| part == "..") {
            found.add(&host_path, "the path has a `..`");
        }
        const KINDS: [&str; 8] = [
            "",
            "DirectoryOrCreate",
            "Directory",
            "FileOrCreate",
            "File",
            "Socket",
            "CharDevice",
            "BlockDevice",
        ];
        let kind = found.text(&host_path, "type").unwrap_or_default();
        if !KINDS.contains(&kind) {
            found.add(&host_path, format_args!("there is no type `{kind}`"));
        }
    }
    if let Some(downward) = found.object(volume, "downwardAPI") {
        for item in found.list(&downward, "items") {
            file_of_the_pod(&item, found);
        }
    }
}

fn file_of_the_pod(item: &Place<'_>, found: &mut Violations) {
    let path = found.required(item, "path").unwrap_or_default();
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        found.add(item, "the path leads out of the volume");
    }
    let Some(field) = found.object(item, "fieldRef") else {
        return;
    };
    let path = found.required(&field, "fieldPath").unwrap_or_default();
    if !names::is_file_field(path) {
        found.add(&field, format_args!("there is no field `{path}` for files"));
    }
}

/// Checks `volumeMounts` and `volumeDevices` of a container.
pub(super) fn mounts(container: &Place<'_>, volumes: &HashSet<&str>, found: &mut Violations) {
    let devices = found.list(container, "volumeDevices");
    let mut device_names = Vec::new();
    let mut places = Vec::new();
    for device in &devices {
        device_names.extend(volume_of(device, volumes, found));
        places.extend(
            found
                .required(device, "devicePath")
                .map(|path| (device, path)),
        );
    }
    let mounts = found.list(container, "volumeMounts");
    for mount in &mounts {
        if volume_of(mount, volumes, found).is_some_and(|name| device_names.contains(&name)) {
            found.add(mount, "the volume is a block device of the container");
        }
        if let Some(path) = found.required(mount, "mountPath") {
            places.push((mount, path));
            if !path.starts_with('/') {
                found.add(mount, format_args!("`{path}` is not absolute"));
            }
            if path.contains(':') {
                found.add(mount, format_args!("`{path}` has a `:`"));
            }
        }
        sub_path(mount, found);
        found.boolean(mount, "readOnly");
    }
    found.unique("path", places);
}

fn volume_of<'v>(
    place: &Place<'v>,
    volumes: &HashSet<&str>,
    found: &mut Violations,
) -> Option<&'v str> {
    let name = found.required(place, "name")?;
    if !volumes.contains(name) {
        found.add(place, format_args!("there is no volume `{name}`"));
    }
    Some(name)
}

fn sub_path(mount: &Place<'_>, found: &mut Violations) {
    let path = found.text(mount, "subPath").unwrap_or_default();
    let expression = found.text(mount, "subPathExpr").unwrap_or_default();
    if !path.is_empty() && !expression.is_empty() {
        found.add(mount, "has both subPath and subPathExpr");
    }
    for path in [path, expression] {
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            found.add(mount, "the path leads out of the volume");
        }
    }
}
