//! The volumes that the policy adds.

use super::Backing;
use crate::json::{Object, Value, typed};
use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, DownwardAPIVolumeSource, EmptyDirVolumeSource, HostPathVolumeSource,
    ImageVolumeSource, ObjectFieldSelector,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// The volumes that the policy adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeKind {
    EmptyDir,
    /// A file of the node, made where it is missing.
    HostFile(&'static str),
    /// The pod's labels in the file `labels`.
    PodLabels,
    /// The [image](Plan::image) of the plan. Kubernetes has such volumes from 1.36 on.
    Image,
}

/// An image that is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSource {
    pub reference: String,
    pub pull_policy: &'static str,
}

impl VolumeKind {
    /// A volume of this kind. Only the source is a typed object: the typed `Volume` knows how to
    /// write every other source too, which would double the size of the module.
    pub(super) fn build(
        self,
        name: &str,
        size_limit: Option<&str>,
        image: Option<&ImageSource>,
    ) -> Value<'static> {
        let (key, source) = match self {
            Self::EmptyDir => (
                "emptyDir",
                typed(&EmptyDirVolumeSource {
                    size_limit: size_limit.map(|limit| Quantity(limit.to_owned())),
                    ..EmptyDirVolumeSource::default()
                }),
            ),
            Self::HostFile(path) => (
                "hostPath",
                typed(&HostPathVolumeSource {
                    path: path.to_owned(),
                    type_: Some("FileOrCreate".to_owned()),
                }),
            ),
            Self::PodLabels => ("downwardAPI", typed(&pod_labels())),
            Self::Image => (
                "image",
                typed(&ImageVolumeSource {
                    reference: image.map(|image| image.reference.clone()),
                    pull_policy: image.map(|image| image.pull_policy.to_owned()),
                }),
            ),
        };
        Value::object([("name", name.to_owned().into()), (key, source)])
    }

    /// Whether a volume of the pod can serve as this one.
    pub(super) fn is(self, volume: &Object) -> bool {
        match self {
            Self::EmptyDir => is_empty_dir(volume),
            Self::HostFile(path) => volume
                .get("hostPath")
                .and_then(|source| source.get("path"))
                .is_some_and(|have| have == path),
            Self::PodLabels => volume
                .get("downwardAPI")
                .and_then(|source| source.get("items"))
                .and_then(Value::as_array)
                .is_some_and(|items| items.iter().any(is_labels_file)),
            // By our name and at our path: it is there from an earlier pass.
            Self::Image => volume.contains_key("image"),
        }
    }
}

fn pod_labels() -> DownwardAPIVolumeSource {
    DownwardAPIVolumeSource {
        default_mode: None,
        items: Some(vec![DownwardAPIVolumeFile {
            field_ref: Some(ObjectFieldSelector {
                api_version: None,
                field_path: "metadata.labels".to_owned(),
            }),
            path: "labels".to_owned(),
            ..DownwardAPIVolumeFile::default()
        }]),
    }
}

fn is_labels_file(item: &Value) -> bool {
    item.get("path").is_some_and(|path| path == "labels")
        && item
            .get("fieldRef")
            .and_then(|field| field.get("fieldPath"))
            .is_some_and(|path| path == "metadata.labels")
}

/// Whether the volume is an `emptyDir`.
pub(crate) fn is_empty_dir(volume: &Object) -> bool {
    Backing::of(Some(volume)) == Backing::EmptyDir
}
