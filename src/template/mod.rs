//! The pod template of a workload: the one place that reads it and, through a [`Plan`], edits it.
//!
//! The template stays the JSON that came in, so that fields of any Kubernetes version survive; what
//! is added is built with typed objects and appended. Everything that is added is noted in the
//! template's [`Journal`], by which it can be taken away again.

mod backing;
mod commands;
mod container;
mod describe;
mod eviction;
mod growth;
pub mod journal;
mod kinds;
mod plan;
mod shape;
mod volumes;

pub use crate::json::Object;
use crate::json::Value;
use crate::paths::MountPath;
use crate::standards::Pod;

pub use backing::{Around, Backing};
pub use container::{Container, SecurityContext};
pub use eviction::SAFE_TO_EVICT;
pub use journal::{Journal, Source};
pub(crate) use kinds::is_empty_dir;
pub use kinds::{ImageSource, VolumeKind};
pub use plan::{Edits, EnvEdit, Plan, mount, mount_like, original_of};
pub use shape::Malformed;
pub use volumes::Volumes;

/// What is injected could not be told from the user's part any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalIsFull;

/// A template of the right shape: every place that the policy touches has the type that Kubernetes
/// gives it, so reading it cannot fail.
#[derive(Debug)]
pub struct Template<'v> {
    object: Object<'v>,
    /// The names of the app containers that get nothing.
    left_alone: Vec<String>,
}

impl<'v> Template<'v> {
    /// Takes `value` as a template.
    ///
    /// # Errors
    /// The path at which `value` is none.
    pub fn new(value: impl Into<Value<'v>>) -> Result<Self, Malformed> {
        Self::take(&mut value.into())
    }

    /// Takes the template out of its place, which is null until the [value](Self::into_value) is put back.
    ///
    /// # Errors
    /// The path at which it is none; it stays in its place then.
    pub fn take(place: &mut Value<'v>) -> Result<Self, Malformed> {
        shape::check(place)?;
        let object = place.as_object_mut().ok_or(Malformed::at("template"))?;
        let template = Self {
            object: std::mem::take(object),
            left_alone: Vec::new(),
        };
        *place = Value::Null;
        Ok(template)
    }

    /// Leaves app containers of these names alone from now on.
    pub fn leave_alone(&mut self, names: Vec<String>) {
        self.left_alone = names;
    }

    /// The template's own namespace: pods in a request have one, templates of workloads rarely.
    /// Nobody checks it there, and expressions are matched with it: a text that is longer than the
    /// name of a namespace is none.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.metadata("namespace")?
            .as_str()
            .filter(|name| (1..=63).contains(&name.len()))
    }

    #[must_use]
    pub fn labels(&self) -> Option<&Object<'_>> {
        self.metadata("labels")?.as_object()
    }

    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations()?.get(key)?.as_str()
    }

    /// The annotation whose key is `prefix` and `name`.
    #[must_use]
    pub fn annotation_below(&self, prefix: &str, name: &str) -> Option<&str> {
        let is_it = |key: &str| key.strip_prefix(prefix) == Some(name);
        let mut annotations = self.annotations()?.iter();
        annotations.rfind(|(key, _)| is_it(key))?.1.as_str()
    }

    #[must_use]
    pub fn annotations(&self) -> Option<&Object<'_>> {
        self.metadata("annotations")?.as_object()
    }

    /// Whether there is room for more annotations: Kubernetes takes 256 KiB of them in all.
    #[must_use]
    pub fn has_room_for(&self, added: &[(&str, String)]) -> bool {
        self.room_beside(added).is_some()
    }

    /// How many bytes annotations may still take when these are there, too.
    fn room_beside(&self, added: &[(&str, String)]) -> Option<usize> {
        const MOST: usize = 256 * 1024;
        let own = self.annotations().into_iter().flatten();
        let own =
            own.map(|(key, value)| key.len().saturating_add(value.as_str().map_or(0, str::len)));
        let added = added
            .iter()
            .map(|(key, value)| key.len().saturating_add(value.len()));
        MOST.checked_sub(own.chain(added).fold(0, usize::saturating_add))
    }

    /// Carries out the plan of a feature and notes it in the journal, where there is one.
    ///
    /// # Errors
    /// The journal would be too large for the template's annotations: nothing is done then.
    pub fn inject(
        &mut self,
        feature: &str,
        plan: Plan,
        journal: Option<&mut Journal>,
    ) -> Result<(), JournalIsFull> {
        let source = plan.source.clone();
        let edits = Edits::from(plan);
        if let Some(journal) = journal {
            let record = journal.record(feature, source, &edits, self);
            let room = self.room_beside(&edits.annotations);
            if !room.is_some_and(|room| journal.fits(&record, room)) {
                return Err(JournalIsFull);
            }
            journal.add(record);
        }
        self.apply(edits);
        Ok(())
    }

    /// Takes back what was injected so far.
    pub fn take_back(&mut self, mut journal: Journal) {
        journal.seal(self);
        journal::take_from(&mut self.object, &journal);
    }

    /// Writes the journal of what was injected into the template.
    pub fn keep_journal(&mut self, mut journal: Journal) {
        journal.seal(self);
        self.annotate(journal::ANNOTATION, journal.to_text());
    }

    /// The template as it is now.
    #[must_use]
    pub fn into_value(self) -> Value<'v> {
        Value::Object(self.object)
    }

    fn metadata(&self, key: &str) -> Option<&Value<'_>> {
        self.object.get("metadata")?.get(key)
    }

    /// A field of the pod's spec.
    #[must_use]
    pub fn spec(&self, key: &str) -> Option<&Value<'_>> {
        self.object.get("spec")?.get(key)
    }

    /// The template as the Pod Security Standards look at it.
    #[must_use]
    pub fn as_pod(&self) -> Option<Pod<'_>> {
        let spec = self.object.get("spec")?.as_object()?;
        let annotations = self.annotations();
        Some(Pod { annotations, spec })
    }

    /// A field of a container's security context, over that of the pod; null counts as absent.
    #[must_use]
    pub fn effective<'o>(
        &'o self,
        context: Option<&'o Object<'o>>,
        key: &str,
    ) -> Option<&'o Value<'o>> {
        let of_the_pod = self.spec("securityContext").and_then(Value::as_object);
        [context, of_the_pod]
            .into_iter()
            .filter_map(|context| context?.get(key))
            .find(|value| !value.is_null())
    }

    /// The containers of `spec.containers`, as they are now.
    pub fn app_containers(&self) -> impl Iterator<Item = AppContainer<'_>> {
        self.objects("containers").map(AppContainer)
    }

    /// The app containers that are not left alone, each with its place in `spec.containers`.
    pub fn targets(&self) -> impl Iterator<Item = (usize, AppContainer<'_>)> {
        let is_left_alone = |name: &str| self.left_alone.iter().any(|own| own == name);
        self.app_containers()
            .enumerate()
            .filter(move |(_, container)| !is_left_alone(container.name()))
    }

    /// The containers that run side by side: the app containers, and the init containers that go on
    /// (native sidecars).
    pub fn running_containers(&self) -> impl Iterator<Item = AppContainer<'_>> {
        let goes_on = |container: &&Object| {
            container.get("restartPolicy").and_then(Value::as_str) == Some("Always")
        };
        self.objects("initContainers")
            .filter(goes_on)
            .map(AppContainer)
            .chain(self.app_containers())
    }

    /// The container that resources of the pod are read of: the first that is not left alone.
    #[must_use]
    pub fn first_container(&self) -> Option<&Object<'_>> {
        self.targets()
            .next()
            .map(|(_, container)| container.object())
    }

    /// Containers of every sort.
    fn all_containers(&self) -> impl Iterator<Item = &Object<'_>> {
        ["initContainers", "containers", "ephemeralContainers"]
            .into_iter()
            .flat_map(|list| self.objects(list))
    }

    /// Whether a container of any sort has this name; it must be unique among all of them.
    #[must_use]
    pub fn has_container(&self, name: &str) -> bool {
        self.all_containers()
            .any(|container| name_of(container) == name)
    }

    /// Every volume with its name.
    fn volumes(&self) -> impl Iterator<Item = (&str, &Object<'_>)> {
        self.objects("volumes")
            .map(|volume| (name_of(volume), volume))
    }

    /// The volume of this name.
    #[must_use]
    pub fn volume(&self, name: &str) -> Option<&Object<'_>> {
        let mut volumes = self.volumes();
        volumes
            .find(|(own, _)| *own == name)
            .map(|(_, volume)| volume)
    }

    /// Every mount of init and app containers with its volume's name.
    fn mounts(&self) -> impl Iterator<Item = (&str, &Object<'_>)> {
        ["initContainers", "containers"]
            .into_iter()
            .flat_map(|list| self.objects(list))
            .flat_map(|container| objects_in(container, "volumeMounts"))
            .map(|mount| (name_of(mount), mount))
    }

    /// Whether a volume has this name, or a mount refers to one.
    fn names_volume(&self, name: &str) -> bool {
        self.volumes()
            .chain(self.mounts())
            .any(|(taken, _)| taken == name)
    }

    fn objects(&self, list: &str) -> impl Iterator<Item = &Object<'_>> {
        self.spec(list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
    }
}

/// A container of `spec.containers`.
#[derive(Clone, Copy, Debug)]
pub struct AppContainer<'t>(&'t Object<'t>);

impl<'t> AppContainer<'t> {
    #[must_use]
    pub fn name(self) -> &'t str {
        name_of(self.0)
    }

    /// The container itself.
    #[must_use]
    pub fn object(self) -> &'t Object<'t> {
        self.0
    }

    #[must_use]
    pub fn image(self) -> &'t str {
        let image = self.0.get("image").and_then(Value::as_str);
        image.unwrap_or_default()
    }

    /// The entries of `volumeMounts`.
    pub fn mounts(self) -> impl DoubleEndedIterator<Item = &'t Object<'t>> {
        objects_in(self.0, "volumeMounts")
    }

    /// The mount at `path`.
    #[must_use]
    pub fn mount_at(self, path: &MountPath<'_>) -> Option<&'t Object<'t>> {
        self.mounts().find(|mount| is_at(mount, "mountPath", path))
    }

    /// Whether a block device is at `path`: Kubernetes takes no mount there.
    #[must_use]
    pub fn has_device_at(self, path: &MountPath<'_>) -> bool {
        objects_in(self.0, "volumeDevices").any(|device| is_at(device, "devicePath", path))
    }

    /// Whether neither a volume nor a block device is at `path`.
    #[must_use]
    pub fn is_free(self, path: &MountPath<'_>) -> bool {
        self.mount_at(path).is_none() && !self.has_device_at(path)
    }

    /// The entries of `ports`.
    pub fn ports(self) -> impl Iterator<Item = &'t Object<'t>> {
        objects_in(self.0, "ports")
    }

    /// The entries of `env`.
    pub fn env(self) -> impl DoubleEndedIterator<Item = &'t Object<'t>> {
        objects_in(self.0, "env")
    }

    /// The text of the variable `name`, if it has one and not a reference.
    #[must_use]
    pub fn plain_value(self, name: &str) -> Option<&'t str> {
        self.variable(name)?.1.get("value")?.as_str()
    }

    /// The place and the entry of the variable `name`; of several the last, which is the one that
    /// counts.
    #[must_use]
    pub fn variable(self, name: &str) -> Option<(usize, &'t Object<'t>)> {
        self.env()
            .enumerate()
            .filter(|(_, entry)| name_of(entry) == name)
            .last()
    }
}

/// An annotation of an object or a template.
#[must_use]
pub fn annotation<'o>(object: &'o Value<'_>, key: &str) -> Option<&'o str> {
    object
        .get("metadata")?
        .get("annotations")?
        .get(key)?
        .as_str()
}

/// What a boolean annotation says, in the spellings of Go's `strconv.ParseBool`.
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Some(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn is_at(entry: &Object, key: &str, path: &MountPath<'_>) -> bool {
    let own = entry.get(key).and_then(Value::as_str);
    own.is_some_and(|own| path.is(own))
}

/// The objects of the list `key`; absent and null are an empty list.
fn objects_in<'t, 'a>(
    object: &'t Object<'a>,
    key: &str,
) -> impl DoubleEndedIterator<Item = &'t Object<'a>> {
    object
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
}

/// The `name` of a container, a volume, a mount or a variable.
#[must_use]
pub fn name_of<'o>(object: &'o Object<'_>) -> &'o str {
    object
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_how_many_annotations_fit() {
        let pod = json!({
            "metadata": {"annotations": {"own": "x".repeat(100)}},
            "spec": {"containers": [{"name": "a"}]}
        });
        let template = Template::new(pod.clone()).unwrap();
        let most = 256 * 1024 - "own".len() - 100 - "new".len();
        assert!(template.has_room_for(&[("new", "x".repeat(most))]));
        assert!(!template.has_room_for(&[("new", "x".repeat(most + 1))]));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_the_last_of_variables_that_are_there_twice() {
        let pod = json!({"spec": {"containers": [{"name": "a", "env": [
            {"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}
        ]}]}});
        let template = Template::new(pod.clone()).unwrap();
        let container = template.app_containers().next().unwrap();
        let place = |name| container.variable(name).map(|(place, _)| place);
        assert_eq!(
            [place("A"), place("B"), place("C")],
            [Some(2), Some(1), None]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn has_a_namespace_only_where_it_could_be_one() {
        let (longest, too_long) = ("x".repeat(63), "x".repeat(64));
        for (name, expected) in [
            ("team", Some("team")),
            (longest.as_str(), Some(longest.as_str())),
            (&too_long, None),
            ("", None),
        ] {
            let pod = json!({
                "metadata": {"namespace": name},
                "spec": {"containers": [{"name": "a"}]}
            });
            assert_eq!(Template::new(pod.clone()).unwrap().namespace(), expected);
        }
    }
}
