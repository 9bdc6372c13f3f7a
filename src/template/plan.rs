//! What a feature wants of a template, as plain data, and the one door through which it is done.

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, DownwardAPIVolumeSource, EmptyDirVolumeSource, EnvVar,
    HostPathVolumeSource, ObjectFieldSelector, VolumeMount,
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Backing, Container, Object, Template, Volumes};

/// All that one feature adds to a template. Nothing is edited before the whole plan stands, so a
/// feature is injected whole or not at all.
#[derive(Debug, Default)]
pub struct Plan {
    pub init_container: Option<Container>,
    pub sidecar: Option<Container>,
    pub(super) volumes: Vec<(String, VolumeKind)>,
    /// One for each container of `spec.containers`, as far as they go.
    pub(super) containers: Vec<ContainerEdit>,
    /// Keys that the template does not have.
    pub annotations: Vec<(&'static str, String)>,
    pub share_process_namespace: bool,
}

/// What is added to one container.
#[derive(Debug, Default)]
pub(super) struct ContainerEdit {
    pub(super) mounts: Vec<VolumeMount>,
    pub(super) env: Vec<EnvEdit>,
}

/// One change of a container's variables. Places are those of the entries before any of the edits.
#[derive(Clone, Debug, PartialEq)]
pub enum EnvEdit {
    /// A new entry at the end.
    Append(EnvVar),
    /// Another value for the entry at a place.
    SetValue { place: usize, value: String },
    /// The entry at a place leaves it and comes last, with another value.
    MoveToEnd { place: usize, value: String },
    /// The entry at a place gets another name; its old name goes to `then`, right behind it.
    Rename {
        place: usize,
        name: String,
        then: EnvVar,
    },
}

/// The volumes that the policy adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeKind {
    EmptyDir,
    /// A file of the node, made where it is missing.
    HostFile(&'static str),
    /// The pod's labels in the file `labels`.
    PodLabels,
}

impl VolumeKind {
    /// A volume of this kind. Only the source is a typed object: the typed `Volume` knows how to
    /// write every other source too, which would double the size of the module.
    fn build(self, name: &str) -> Value {
        let (key, source) = match self {
            Self::EmptyDir => ("emptyDir", json(EmptyDirVolumeSource::default())),
            Self::HostFile(path) => (
                "hostPath",
                json(HostPathVolumeSource {
                    path: path.to_owned(),
                    type_: Some("FileOrCreate".to_owned()),
                }),
            ),
            Self::PodLabels => ("downwardAPI", json(pod_labels())),
        };
        let mut volume = Map::new();
        volume.insert("name".to_owned(), Value::String(name.to_owned()));
        volume.insert(key.to_owned(), source);
        Value::Object(volume)
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

/// A mount of a whole volume.
#[must_use]
pub fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    }
}

/// A mount of the pod as another container can have it, at `path`: of the same part of the same volume.
/// `None` where `subPathExpr` chooses the part, for it expands to another thing in another container.
#[must_use]
pub fn mount_like(own: &Object, path: &str) -> Option<VolumeMount> {
    let text = |key: &str| {
        let text = own.get(key).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    if text("subPathExpr").is_some() {
        return None;
    }
    Some(VolumeMount {
        sub_path: text("subPath").map(str::to_owned),
        ..mount(text("name")?, path)
    })
}

impl Plan {
    /// The name of a volume of this kind for `path`: `name`, if the pod does not use that for
    /// something else, or the next free of `name-1`, `name-2`, … A volume of the pod that is of this
    /// kind, and is mounted nowhere but at `path`, is taken as it is.
    pub fn volume(
        &mut self,
        template: &Template<'_>,
        name: &str,
        kind: VolumeKind,
        path: &str,
    ) -> String {
        if !template.names_volume(name) && !self.plans_volume(name) {
            self.volumes.push((name.to_owned(), kind));
            return name.to_owned();
        }
        // A pod may have taken thousands of names.
        self.volume_beside(&Volumes::new(template), name, kind, path)
    }

    /// The same, for who asks for many.
    pub fn volume_beside(
        &mut self,
        volumes: &Volumes<'_>,
        name: &str,
        kind: VolumeKind,
        path: &str,
    ) -> String {
        let mut candidate = name.to_owned();
        let mut number: u32 = 0;
        loop {
            match volumes.serves(&candidate, kind, path) {
                Some(true) => return candidate,
                None if !self.plans_volume(&candidate) => {
                    self.volumes.push((candidate.clone(), kind));
                    return candidate;
                }
                _ => {}
            }
            number = number.saturating_add(1);
            candidate = format!("{name}-{number}");
        }
    }

    fn plans_volume(&self, name: &str) -> bool {
        self.volumes.iter().any(|(planned, _)| planned == name)
    }

    /// Adds a mount to the container at a place of `spec.containers`.
    pub fn mount(&mut self, place: usize, mount: VolumeMount) {
        if let Some(edit) = self.container(place) {
            edit.mounts.push(mount);
        }
    }

    /// Changes the variables of the container at a place of `spec.containers`.
    pub fn edit_env(&mut self, place: usize, edits: Vec<EnvEdit>) {
        if let Some(edit) = self.container(place) {
            edit.env.extend(edits);
        }
    }

    fn container(&mut self, place: usize) -> Option<&mut ContainerEdit> {
        if self.containers.len() <= place {
            let wanted = place.saturating_add(1);
            self.containers.resize_with(wanted, ContainerEdit::default);
        }
        self.containers.get_mut(place)
    }
}

impl Template<'_> {
    /// Carries out `plan`.
    pub fn apply(&mut self, plan: Plan) {
        if !plan.annotations.is_empty()
            && let Some(metadata) = object_at(self.object, "metadata")
            && let Some(annotations) = object_at(metadata, "annotations")
        {
            for (key, value) in plan.annotations {
                annotations.insert(key.to_owned(), Value::String(value));
            }
        }
        let Some(spec) = object_at(self.object, "spec") else {
            return;
        };
        if plan.share_process_namespace {
            spec.insert("shareProcessNamespace".to_owned(), Value::Bool(true));
        }
        if let Some(containers) = list_at(spec, "containers") {
            for (container, edit) in containers.iter_mut().zip(plan.containers) {
                if let Value::Object(container) = container {
                    edit_container(container, edit);
                }
            }
        }
        append(spec, "containers", plan.sidecar);
        append(spec, "initContainers", plan.init_container);
        let volumes = plan
            .volumes
            .into_iter()
            .map(|(name, kind)| kind.build(&name));
        append(spec, "volumes", volumes);
    }
}

fn edit_container(container: &mut Object, edit: ContainerEdit) {
    if !edit.env.is_empty()
        && let Some(env) = list_at(container, "env")
    {
        edit_env(env, edit.env);
    }
    append(container, "volumeMounts", edit.mounts);
}

fn edit_env(env: &mut Vec<Value>, edits: Vec<EnvEdit>) {
    let mut appended = Vec::new();
    // Places shift when an entry leaves or one is put between: that waits for all others.
    let mut shifts = Vec::new();
    for edit in edits {
        match edit {
            EnvEdit::Append(entry) => appended.push(json(entry)),
            EnvEdit::SetValue { place, value } => set_value(env.get_mut(place), value),
            EnvEdit::MoveToEnd { place, value } => {
                let mut entry = env.get(place).cloned().unwrap_or_default();
                set_value(Some(&mut entry), value);
                appended.push(entry);
                shifts.push((place, None));
            }
            EnvEdit::Rename { place, name, then } => {
                if let Some(Value::Object(entry)) = env.get_mut(place) {
                    entry.insert("name".to_owned(), Value::String(name));
                }
                shifts.push((place, Some(then)));
            }
        }
    }
    if !shifts.is_empty() {
        for (place, entry) in std::mem::take(env).into_iter().enumerate() {
            match shifts.iter().find(|(shifted, _)| *shifted == place) {
                None => env.push(entry),
                Some((_, None)) => {}
                Some((_, Some(then))) => env.extend([entry, json(then)]),
            }
        }
    }
    env.append(&mut appended);
}

fn set_value(entry: Option<&mut Value>, value: String) {
    if let Some(Value::Object(entry)) = entry {
        entry.insert("value".to_owned(), Value::String(value));
    }
}

/// Appends `items` to the list `key`, which is made where it is missing and there is an item.
fn append<T: Serialize>(object: &mut Object, key: &str, items: impl IntoIterator<Item = T>) {
    let mut items = items.into_iter().map(json).peekable();
    if items.peek().is_some()
        && let Some(list) = list_at(object, key)
    {
        list.extend(items);
    }
}

/// The object `key`, made where it is absent or null.
fn object_at<'o>(object: &'o mut Object, key: &str) -> Option<&'o mut Object> {
    slot(object, key, Value::Object(Map::new())).as_object_mut()
}

/// The list `key`, made where it is absent or null.
fn list_at<'o>(object: &'o mut Object, key: &str) -> Option<&'o mut Vec<Value>> {
    slot(object, key, Value::Array(Vec::new())).as_array_mut()
}

fn slot<'o>(object: &'o mut Object, key: &str, empty: Value) -> &'o mut Value {
    let slot = object.entry(key).or_insert(Value::Null);
    if slot.is_null() {
        *slot = empty;
    }
    slot
}

/// The typed objects serialize to JSON without fail: their keys are strings and they hold no floats.
fn json(object: impl Serialize) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env;
    use serde_json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn volume(pod: Value, kind: VolumeKind, path: &str) -> (String, usize) {
        let mut pod = pod;
        let template = Template::new(&mut pod).unwrap();
        let mut plan = Plan::default();
        let name = plan.volume(&template, "tmp", kind, path);
        (name, plan.volumes.len())
    }

    fn pod(volumes: Value, mounts: Value) -> Value {
        json!({"spec": {"volumes": volumes, "containers": [{"name": "a", "volumeMounts": mounts}]}})
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_the_volume_of_the_pod_that_is_for_the_same() {
        let empty = json!([{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]);
        let at = |path: &str| json!([{"name": "tmp", "mountPath": path}]);
        let kind = VolumeKind::EmptyDir;
        for (pod, expected) in [
            (pod(json!([]), json!([])), ("tmp", 1)),
            (pod(empty.clone(), json!([])), ("tmp", 0)),
            (pod(empty.clone(), at("/tmp")), ("tmp", 0)),
            (pod(empty.clone(), at("/cache")), ("tmp-1", 1)),
            // The volume comes from the claims of a stateful set.
            (pod(json!([]), at("/cache")), ("tmp-1", 1)),
            (pod(json!([]), at("/tmp")), ("tmp-1", 1)),
            (
                pod(
                    json!([{"name": "tmp", "hostPath": {"path": "/tmp"}}]),
                    json!([]),
                ),
                ("tmp-1", 1),
            ),
            (
                pod(
                    json!([{"name": "tmp", "secret": {}}, {"name": "tmp-1", "secret": {}}]),
                    json!([]),
                ),
                ("tmp-2", 1),
            ),
        ] {
            let (name, planned) = volume(pod.clone(), kind, "/tmp");
            assert_eq!((name.as_str(), planned), expected, "{pod}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_a_volume_alone_that_an_init_container_mounts_elsewhere() {
        let mut pod = pod(json!([{"name": "tmp", "emptyDir": {}}]), json!([]));
        pod["spec"]["initContainers"] = json!([
            {"name": "init", "volumeMounts": [{"name": "tmp", "mountPath": "/cache"}]}
        ]);
        let taken = volume(pod, VolumeKind::EmptyDir, "/tmp");
        assert_eq!(taken, ("tmp-1".to_owned(), 1));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_only_a_volume_that_has_the_file_with_the_labels() {
        for (path, field, expected) in [
            ("labels", "metadata.labels", "tmp"),
            ("all", "metadata.labels", "tmp-1"),
            ("labels", "metadata.annotations", "tmp-1"),
        ] {
            let item = json!({"path": path, "fieldRef": {"fieldPath": field}});
            let volumes = json!([{"name": "tmp", "downwardAPI": {"items": [item]}}]);
            let (name, _) = volume(pod(volumes, json!([])), VolumeKind::PodLabels, "/info");
            assert_eq!(name, expected, "{path} {field}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn edits_variables_by_the_places_that_they_had() {
        let mut env = vec![
            json!({"name": "A", "value": "1"}),
            json!({"name": "B", "valueFrom": {}}),
            json!({"name": "C", "value": "3", "unknown": true}),
            json!({"name": "D", "value": "4"}),
        ];
        let edits = vec![
            EnvEdit::Append(env::plain("E", "5")),
            EnvEdit::Rename {
                place: 1,
                name: "ORIG_B".to_owned(),
                then: env::plain("B", "$(ORIG_B)"),
            },
            EnvEdit::MoveToEnd {
                place: 2,
                value: "$(E)".to_owned(),
            },
            EnvEdit::SetValue {
                place: 3,
                value: "four".to_owned(),
            },
        ];
        edit_env(&mut env, edits);
        assert_eq!(
            env,
            [
                json!({"name": "A", "value": "1"}),
                json!({"name": "ORIG_B", "valueFrom": {}}),
                json!({"name": "B", "value": "$(ORIG_B)"}),
                json!({"name": "D", "value": "four"}),
                json!({"name": "E", "value": "5"}),
                json!({"name": "C", "value": "$(E)", "unknown": true}),
            ]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn appends_and_makes_only_what_is_needed() {
        let mut pod = json!({"metadata": null, "spec": {
            "volumes": null,
            "containers": [{"name": "a"}, {"name": "b", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]
        }});
        let mut template = Template::new(&mut pod).unwrap();
        let mut plan = Plan::default();
        let name = plan.volume(&template, "new", VolumeKind::EmptyDir, "/new");
        plan.mount(1, mount(&name, "/new"));
        plan.annotations = vec![("key", "value".to_owned())];
        template.apply(plan);
        assert_eq!(
            pod,
            json!({"metadata": {"annotations": {"key": "value"}}, "spec": {
                "volumes": [{"name": "new", "emptyDir": {}}],
                "containers": [{"name": "a"}, {"name": "b", "volumeMounts": [
                    {"name": "v", "mountPath": "/v"}, {"name": "new", "mountPath": "/new"}
                ]}]
            }})
        );
    }
}
