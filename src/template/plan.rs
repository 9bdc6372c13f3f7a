//! What a feature wants of a template, as plain data, and the one door through which it is done.

use crate::json::{Object, Value, typed};
use k8s_openapi::api::core::v1::{EnvVar, VolumeMount};

use super::{Container, ImageSource, Source, Template, VolumeKind, Volumes, name_of};

/// All that one feature adds to a template. Nothing is edited before the whole plan stands, so a
/// feature is injected whole or not at all.
#[derive(Debug, Default)]
pub struct Plan {
    pub init_container: Option<Container>,
    pub sidecar: Option<Container>,
    pub(super) volumes: Vec<(String, VolumeKind)>,
    /// The `sizeLimit` of each `emptyDir` among them.
    pub(super) size_limit: Option<String>,
    /// One for each container of `spec.containers`, as far as they go.
    pub(super) containers: Vec<ContainerEdit>,
    /// Keys that the template does not have.
    pub annotations: Vec<(&'static str, String)>,
    pub share_process_namespace: bool,
    /// What a volume of the kind [`Image`](VolumeKind::Image) is of.
    pub image: Option<ImageSource>,
    /// Where from it comes.
    pub source: Source,
}

/// What is added to one container.
#[derive(Debug, Default)]
pub(super) struct ContainerEdit {
    pub(super) mounts: Vec<VolumeMount>,
    pub(super) env: Vec<EnvEdit>,
}

/// One change of a container's variables. Places are those of the entries before any of the edits.
///
/// An entry of the pod is only ever extended, moved or renamed, never overwritten, so each of these
/// can be taken back without knowing what the entry was.
#[derive(Clone, Debug, PartialEq)]
pub enum EnvEdit<Entry = EnvVar> {
    /// A new entry at the end.
    Append(Entry),
    /// The value of the entry at a place gets text before and behind it.
    Extend {
        place: usize,
        before: String,
        behind: String,
    },
    /// The entry at a place leaves it and comes last.
    MoveToEnd { place: usize },
    /// The entry at a place gets the name [`original_of`] its own; `then` takes its old name, right
    /// behind it.
    Rename { place: usize, then: Entry },
}

/// The name under which an entry is kept whose own name goes to an entry that refers to it.
#[must_use]
pub fn original_of(name: &str) -> String {
    format!("DATAKIT_ORIG_{name}")
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

    /// Gives each `emptyDir` that it adds this `sizeLimit`.
    pub fn limit_empty_dirs(&mut self, limit: &str) {
        self.size_limit = Some(limit.to_owned());
    }

    /// Whether it changes nothing: all of it is there already, from an earlier pass.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_edited = |edit: &ContainerEdit| !(edit.mounts.is_empty() && edit.env.is_empty());
        self.init_container.is_none()
            && self.sidecar.is_none()
            && self.volumes.is_empty()
            && self.annotations.is_empty()
            && !self.share_process_namespace
            && !self.containers.iter().any(is_edited)
    }

    /// Makes the sidecar a native one: an init container that goes on, which does not keep a pod from its
    /// end. Kubernetes has them from 1.29 on.
    pub fn make_sidecar_native(&mut self) {
        if let Some(mut sidecar) = self.sidecar.take() {
            sidecar.restart_policy = Some("Always");
            self.init_container = Some(sidecar);
        }
    }

    /// The container that runs beside the app containers.
    pub fn running(&self) -> Option<&Container> {
        let native = self.init_container.iter().filter(|own| own.goes_on());
        self.sidecar.iter().chain(native).next()
    }

    /// The containers that are added.
    pub fn added_mut(&mut self) -> impl Iterator<Item = &mut Container> {
        self.init_container.iter_mut().chain(&mut self.sidecar)
    }

    /// The mounts of the containers that are added.
    pub fn mounts_of_added(&self) -> impl Iterator<Item = &VolumeMount> {
        let added = self.init_container.iter().chain(&self.sidecar);
        added.flat_map(|container| &container.volume_mounts)
    }

    /// The mounts that the container at a place of `spec.containers` gets.
    #[must_use]
    pub fn mounts_at(&self, place: usize) -> &[VolumeMount] {
        let edit = self.containers.get(place);
        edit.map_or(&[], |edit| edit.mounts.as_slice())
    }

    /// Whether it adds a file of the node.
    #[must_use]
    pub fn adds_files_of_the_node(&self) -> bool {
        let is_of_the_node = |kind| matches!(kind, VolumeKind::HostFile(_));
        self.volumes.iter().any(|(_, kind)| is_of_the_node(*kind))
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

/// A plan in JSON: what is put into the template, and noted in its journal.
#[derive(Debug)]
pub struct Edits {
    pub(super) init_container: Option<Value<'static>>,
    pub(super) sidecar: Option<Value<'static>>,
    pub(super) volumes: Vec<Value<'static>>,
    pub(super) containers: Vec<ContainerEdits>,
    pub(super) annotations: Vec<(&'static str, String)>,
    pub(super) share_process_namespace: bool,
}

#[derive(Debug)]
pub(super) struct ContainerEdits {
    pub(super) mounts: Vec<Value<'static>>,
    pub(super) env: Vec<EnvEdit<Value<'static>>>,
}

impl From<Plan> for Edits {
    fn from(plan: Plan) -> Self {
        let volumes = plan.volumes.into_iter();
        Self {
            init_container: plan.init_container.map(|own| own.to_object().into()),
            sidecar: plan.sidecar.map(|own| own.to_object().into()),
            volumes: volumes
                .map(|(name, kind)| {
                    kind.build(&name, plan.size_limit.as_deref(), plan.image.as_ref())
                })
                .collect(),
            containers: plan
                .containers
                .into_iter()
                .map(ContainerEdits::from)
                .collect(),
            annotations: plan.annotations,
            share_process_namespace: plan.share_process_namespace,
        }
    }
}

impl From<ContainerEdit> for ContainerEdits {
    fn from(edit: ContainerEdit) -> Self {
        Self {
            mounts: edit.mounts.into_iter().map(|own| typed(&own)).collect(),
            env: edit.env.into_iter().map(in_json).collect(),
        }
    }
}

fn in_json(edit: EnvEdit) -> EnvEdit<Value<'static>> {
    match edit {
        EnvEdit::Append(entry) => EnvEdit::Append(typed(&entry)),
        EnvEdit::Extend {
            place,
            before,
            behind,
        } => EnvEdit::Extend {
            place,
            before,
            behind,
        },
        EnvEdit::MoveToEnd { place } => EnvEdit::MoveToEnd { place },
        EnvEdit::Rename { place, then } => EnvEdit::Rename {
            place,
            then: typed(&then),
        },
    }
}

impl Template<'_> {
    /// Carries out a plan. This is the only way in which something is added to a template.
    pub(super) fn apply(&mut self, edits: Edits) {
        for (key, value) in edits.annotations {
            self.annotate(key, value);
        }
        let Some(spec) = object_at(&mut self.object, "spec") else {
            return;
        };
        if edits.share_process_namespace {
            spec.insert("shareProcessNamespace", Value::Bool(true));
        }
        if let Some(containers) = list_at(spec, "containers") {
            for (container, edit) in containers.iter_mut().zip(edits.containers) {
                if let Value::Object(container) = container {
                    edit_container(container, edit);
                }
            }
        }
        append(spec, "containers", edits.sidecar);
        append(spec, "initContainers", edits.init_container);
        append(spec, "volumes", edits.volumes);
    }

    pub(super) fn annotate(&mut self, key: &'static str, value: String) {
        if let Some(metadata) = object_at(&mut self.object, "metadata")
            && let Some(annotations) = object_at(metadata, "annotations")
        {
            annotations.insert(key, value.into());
        }
    }
}

fn edit_container(container: &mut Object, edit: ContainerEdits) {
    if !edit.env.is_empty()
        && let Some(env) = list_at(container, "env")
    {
        edit_env(env, edit.env);
    }
    append(container, "volumeMounts", edit.mounts);
}

fn edit_env(env: &mut Vec<Value<'_>>, edits: Vec<EnvEdit<Value<'static>>>) {
    let mut appended = Vec::new();
    // Places shift when an entry leaves or one is put between: that waits for all others.
    let mut shifts = Vec::new();
    for edit in edits {
        match edit {
            EnvEdit::Append(entry) => appended.push(Appended::New(entry)),
            EnvEdit::Extend {
                place,
                before,
                behind,
            } => extend(env.get_mut(place), &before, &behind),
            EnvEdit::MoveToEnd { place } => {
                appended.push(Appended::Moved(place));
                shifts.push((place, None));
            }
            EnvEdit::Rename { place, then } => {
                if let Some(Value::Object(entry)) = env.get_mut(place) {
                    let name = original_of(name_of(entry));
                    entry.insert("name", name.into());
                }
                shifts.push((place, Some(then)));
            }
        }
    }
    let appended: Vec<Value> = appended
        .into_iter()
        .filter_map(|entry| match entry {
            Appended::New(entry) => Some(entry),
            Appended::Moved(place) => env.get(place).cloned(),
        })
        .collect();
    if !shifts.is_empty() {
        for (place, entry) in std::mem::take(env).into_iter().enumerate() {
            match shifts.iter().find(|(shifted, _)| *shifted == place) {
                None => env.push(entry),
                Some((_, None)) => {}
                Some((_, Some(then))) => env.extend([entry, then.clone()]),
            }
        }
    }
    env.extend(appended);
}

/// What comes behind the entries that stay.
enum Appended {
    New(Value<'static>),
    Moved(usize),
}

fn extend(entry: Option<&mut Value>, before: &str, behind: &str) {
    if let Some(Value::Object(entry)) = entry {
        let own = entry.get("value").and_then(Value::as_str);
        let value = format!("{before}{}{behind}", own.unwrap_or_default());
        entry.insert("value", value.into());
    }
}

/// Appends `items` to the list `key`, which is made where it is missing and there is an item.
fn append<'a>(
    object: &mut Object<'a>,
    key: &'static str,
    items: impl IntoIterator<Item = Value<'a>>,
) {
    let mut items = items.into_iter().peekable();
    if items.peek().is_some()
        && let Some(list) = list_at(object, key)
    {
        list.extend(items);
    }
}

/// The object `key`, made where it is absent or null.
fn object_at<'o, 'a>(object: &'o mut Object<'a>, key: &'static str) -> Option<&'o mut Object<'a>> {
    slot(object, key, Value::Object(Object::new()))?.as_object_mut()
}

/// The list `key`, made where it is absent or null.
fn list_at<'o, 'a>(
    object: &'o mut Object<'a>,
    key: &'static str,
) -> Option<&'o mut Vec<Value<'a>>> {
    slot(object, key, Value::Array(Vec::new()))?.as_array_mut()
}

fn slot<'o, 'a>(
    object: &'o mut Object<'a>,
    key: &'static str,
    empty: Value<'a>,
) -> Option<&'o mut Value<'a>> {
    let slot = object.entry(key)?;
    if slot.is_null() {
        *slot = empty;
    }
    Some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn volume(pod: Value, kind: VolumeKind, path: &str) -> (String, usize) {
        let pod = pod;
        let template = Template::new(pod.clone()).unwrap();
        let mut plan = Plan::default();
        let name = plan.volume(&template, "tmp", kind, path);
        (name, plan.volumes.len())
    }

    fn pod(volumes: Value<'static>, mounts: Value<'static>) -> Value<'static> {
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

    fn extended(place: usize, before: &str, behind: &str) -> EnvEdit {
        let (before, behind) = (before.to_owned(), behind.to_owned());
        EnvEdit::Extend {
            place,
            before,
            behind,
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
                then: env::plain("B", "$(DATAKIT_ORIG_B)"),
            },
            EnvEdit::MoveToEnd { place: 2 },
            extended(2, "", ",$(E)"),
            extended(3, "<", ">"),
        ];
        edit_env(&mut env, edits.into_iter().map(in_json).collect());
        assert_eq!(
            env,
            [
                json!({"name": "A", "value": "1"}),
                json!({"name": "DATAKIT_ORIG_B", "valueFrom": {}}),
                json!({"name": "B", "value": "$(DATAKIT_ORIG_B)"}),
                json!({"name": "D", "value": "<4>"}),
                json!({"name": "E", "value": "5"}),
                json!({"name": "C", "value": "3,$(E)", "unknown": true}),
            ]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn appends_and_makes_only_what_is_needed() {
        let pod = json!({"metadata": null, "spec": {
            "volumes": null,
            "containers": [{"name": "a"}, {"name": "b", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]
        }});
        let mut template = Template::new(pod).unwrap();
        let mut plan = Plan::default();
        let name = plan.volume(&template, "new", VolumeKind::EmptyDir, "/new");
        plan.mount(1, mount(&name, "/new"));
        plan.annotations = vec![("key", "value".to_owned())];
        template.inject("x", plan, None).unwrap();
        assert_eq!(
            template.into_value(),
            json!({"metadata": {"annotations": {"key": "value"}}, "spec": {
                "volumes": [{"name": "new", "emptyDir": {}}],
                "containers": [{"name": "a"}, {"name": "b", "volumeMounts": [
                    {"name": "v", "mountPath": "/v"}, {"name": "new", "mountPath": "/new"}
                ]}]
            }})
        );
    }
}
