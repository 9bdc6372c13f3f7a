//! Directories that containers share so that their log files can be read from outside.

use std::collections::BTreeSet;

use super::feature::Feature;
use super::lent::lent;
use super::mounted::{Mounted, OwnMounts, expands, mounted_by_the_pod};
use super::programs::{self, Program};
use super::scene::Scene;
use crate::paths::{MountPath, unfit};
use crate::report::{Report, shown};
use crate::settings::LogVolumes;
use crate::template::{
    AppContainer, Around, Backing, Object, Plan, Template, VolumeKind, mount, mount_like,
};
use k8s_openapi::api::core::v1::VolumeMount;

/// More volumes than a node would mount for a pod; it bounds what an annotation can cost.
const MOST_DIRECTORIES: usize = 256;

/// The most that mounts may add to a pod: half of what an object may grow by, so that there is room for
/// what else is injected.
const MOST_BYTES: usize = super::scene::MOST_BYTES / 2;

/// Who reads the log files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadBy {
    /// A sidecar, which sees one volume at a path.
    Sidecar,
    /// Datakit, which finds every volume on the node.
    Node,
}

/// Directories in the order in which they were named, often more than once.
#[derive(Debug)]
pub(super) struct Directories {
    feature: &'static Feature,
    read_by: ReadBy,
    list: Vec<String>,
    /// The paths that led to them.
    files: Vec<String>,
}

/// How a sidecar sees the directories that were shared.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub mounts: Vec<VolumeMount>,
    /// Whether a directory is another one in every container, by `subPathExpr`.
    pub some_expand: bool,
}

impl Directories {
    pub fn new(feature: &'static Feature, read_by: ReadBy) -> Self {
        Self {
            feature,
            read_by,
            list: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Adds the directory that `path` leads to; one that cannot be mounted is left out.
    pub fn add(&mut self, path: &str, directory: String, report: &mut Report) {
        match unfit(path, &directory) {
            None => {
                self.list.push(directory);
                self.files.push(path.to_owned());
            }
            Some(problem) => report.warn(
                self.feature.name,
                format_args!("no volume for {}: the path {problem}", shown(path)),
            ),
        }
    }

    /// The first that a container mounts already.
    pub fn mounted_already(&self, template: &Template<'_>) -> Option<&str> {
        let mut directories = self.list.iter().map(String::as_str);
        directories.find(|directory| {
            let path = MountPath::new(directory);
            let mut targets = template.targets();
            targets.any(|(_, container)| container.mount_at(&path).is_some())
        })
    }

    /// Each directory once, as many as there may be.
    fn distinct(&self, report: &mut Report) -> Vec<&str> {
        let mut distinct = Vec::new();
        let mut known = BTreeSet::new();
        for directory in &self.list {
            if known.contains(directory.as_str()) {
                continue;
            }
            if distinct.len() == MOST_DIRECTORIES {
                report.warn(
                    self.feature.name,
                    format_args!(
                        "log files are in more than {MOST_DIRECTORIES} directories; the rest are left out"
                    ),
                );
                break;
            }
            known.insert(directory.as_str());
            distinct.push(directory.as_str());
        }
        distinct
    }

    /// Plans a volume `PREFIX-N` for each directory, on all app containers, and gives the mounts for
    /// a sidecar. A directory that a container mounts already is shared: its volume goes to the
    /// others too if it is an emptyDir, else the directory is left out, or lent to the sidecar where the
    /// settings say so. So is one that holds a program, and a container in which the volume would hide
    /// data.
    pub fn share(
        &self,
        prefix: &str,
        scene: &Scene<'_, '_>,
        plan: &mut Plan,
        report: &mut Report,
    ) -> Shared {
        let mut shared = Shared::default();
        if self.list.is_empty() {
            return shared;
        }
        let template = scene.template;
        let containers: Vec<AppContainer<'_>> = template.app_containers().collect();
        let own_mounts = OwnMounts::new(template);
        let distinct = self.distinct(report);
        let programs =
            programs::in_directories(scene, &distinct.iter().copied().collect(), &self.files);
        let mut told = Told {
            feature: self.feature,
            read_by: self.read_by,
            adds_sidecar: scene.adds_sidecar,
            report,
            known: BTreeSet::new(),
        };
        let lends = self.read_by == ReadBy::Sidecar && scene.own.logfwd_volumes == LogVolumes::Any;
        let mut borrowed: Vec<VolumeMount> = Vec::new();
        let mut room = MOST_BYTES;
        for (number, directory) in distinct.into_iter().enumerate() {
            // What a mount takes as JSON, in each container.
            let bytes = directory
                .len()
                .saturating_add(64)
                .saturating_mul(containers.len());
            let Some(rest) = room.checked_sub(bytes) else {
                told.report.warn(
                    self.feature.name,
                    format_args!(
                        "no volumes for {} and the paths after it: too many for {} containers",
                        shown(directory),
                        containers.len()
                    ),
                );
                break;
            };
            room = rest;
            let own = own_mounts.at(directory);
            let around = own_mounts.around(directory, scene.volumes());
            if lends && let Some(mount) = lent(own, &around, scene) {
                for (place, container) in template.targets() {
                    let own = own.iter().find(|(own, _)| *own == place);
                    let own = own.map(|(_, mount)| *mount);
                    let own = own.or_else(|| Some(around.get(&place)?.mount));
                    told.of_a_volume(directory, container, own, &mount);
                }
                borrowed.push(mount);
                continue;
            }
            let found = mounted_by_the_pod(own, directory, scene.volumes());
            let program = programs.get(directory);
            if let Some(program) = program
                && !matches!(found, Mounted::NotShareable)
            {
                told.of_program(directory, program);
            }
            match found {
                Mounted::Nowhere if program.is_some() => continue,
                Mounted::NotShareable => {
                    shared.some_expand |= own.iter().any(|(_, mount)| expands(mount));
                    told.of_another(directory, own, &containers);
                    continue;
                }
                Mounted::Nowhere | Mounted::Shareable(_) => {}
            }
            let free: Vec<usize> = template
                .targets()
                .filter(|(place, container)| {
                    program.is_none()
                        && own.binary_search_by_key(place, |(own, _)| *own).is_err()
                        && told.is_free(directory, *container, around.get(place))
                })
                .map(|(place, _)| place)
                .collect();
            let wanted = match found {
                Mounted::Shareable(mount) => mount,
                _ => {
                    let is_the_users = |place: &usize| {
                        let container = containers.get(*place);
                        container.is_some_and(|container| !scene.is_sidecar(*container))
                    };
                    if !free.iter().any(is_the_users) {
                        continue;
                    }
                    let name = format!("{prefix}-{number}");
                    let kind = VolumeKind::EmptyDir;
                    let volume = plan.volume_beside(scene.volumes(), &name, kind, directory);
                    told.of_the_image(directory, &containers, &free);
                    mount(&volume, directory)
                }
            };
            for (place, mount) in own {
                if mount_like(mount, directory).as_ref() != Some(&wanted)
                    && let Some(container) = containers.get(*place)
                {
                    told.of_another_in(directory, *container);
                }
            }
            for place in free {
                plan.mount(place, wanted.clone());
            }
            shared.mounts.push(wanted);
        }
        for mount in borrowed {
            shared.borrow(mount, &mut told);
        }
        shared
    }
}

impl Shared {
    /// Adds a mount of a volume with data of its own. Below a mount that can only be read the runtime cannot
    /// make the place of another.
    fn borrow(&mut self, mount: VolumeMount, told: &mut Told<'_, '_>) {
        if self.mounts.contains(&mount) {
            return;
        }
        let path = MountPath::new(&mount.mount_path);
        let is_in_the_way = |other: &&VolumeMount| {
            let other = MountPath::new(&other.mount_path);
            other == path || other.lies_in(&path) || path.lies_in(&other)
        };
        match self.mounts.iter().find(is_in_the_way) {
            None => self.mounts.push(mount),
            Some(other) => told.report.warn(
                told.feature.name,
                format_args!(
                    "log files on the volume at {} are not read: another volume with log files is mounted at {}",
                    shown(&mount.mount_path),
                    shown(&other.mount_path)
                ),
            ),
        }
    }
}

/// What the user is told of directories, each reason once. The policy's own containers are not spoken of.
struct Told<'r, 't> {
    feature: &'static Feature,
    read_by: ReadBy,
    adds_sidecar: fn(&str) -> bool,
    report: &'r mut Report,
    /// The mounts that were spoken of.
    known: BTreeSet<&'t str>,
}

impl<'t> Told<'_, 't> {
    /// Whether a volume can be mounted at `directory` in a container that has no mount there.
    fn is_free(
        &mut self,
        directory: &str,
        container: AppContainer<'t>,
        around: Option<&Around<'t>>,
    ) -> bool {
        if container.has_device_at(&MountPath::new(directory)) {
            self.of_another_in(directory, container);
            return false;
        }
        let Some(around) = around else {
            return true;
        };
        if (self.adds_sidecar)(container.name()) {
            return !(around.is_read_only && around.backing >= Backing::HostPath);
        }
        let is_free = !around.is_read_only && around.backing != Backing::Data;
        let is_new =
            (!is_free || around.backing == Backing::HostPath) && self.known.insert(around.path);
        if !is_new {
            return is_free;
        }
        let (name, at) = (shown(container.name()), shown(around.path));
        let directory = shown(directory);
        let warning = if around.backing == Backing::Data {
            format!(
                "no volume at {directory} in container {name}: it would hide the data of its mount {at}; log elsewhere"
            )
        } else if around.is_read_only {
            format!(
                "no volume at {directory} in container {name}: its mount {at} is read-only; mount an emptyDir there"
            )
        } else {
            format!(
                "the volume at {directory} in container {name} hides the files of the node there, by hostPath {at}"
            )
        };
        self.report.warn(self.feature.name, warning);
        is_free
    }

    fn of_program(&mut self, directory: &str, program: &Program<'_>) {
        self.report.warn(
            self.feature.name,
            format_args!(
                "no volume at {}: it would hide the program of container {} ({}); log to another directory",
                shown(directory),
                shown(program.container),
                program.field
            ),
        );
    }

    /// What many images need to have there: folders of the logs, links to the output.
    fn of_the_image(&mut self, directory: &str, containers: &[AppContainer<'_>], free: &[usize]) {
        let container = free.iter().find_map(|place| containers.get(*place));
        if let Some(container) = container
            && directory == "/var/log"
        {
            self.report.warn(
                self.feature.name,
                format_args!(
                    "the volume at `/var/log` hides the files of the image of container {}; log to a subdirectory",
                    shown(container.name())
                ),
            );
        }
    }

    /// A sidecar cannot read what lies in another volume; Datakit reads it from the node.
    fn of_another(
        &mut self,
        directory: &str,
        own: &[(usize, &Object)],
        containers: &[AppContainer<'_>],
    ) {
        if self.read_by != ReadBy::Sidecar {
            return;
        }
        let directory = shown(directory);
        let expanding = own.first().filter(|(_, mount)| expands(mount));
        match expanding.and_then(|(place, _)| containers.get(*place)) {
            Some(container) => self.report.warn(
                self.feature.name,
                format_args!(
                    "{directory} of container {} has a subPathExpr, so its files are not read; use subPath or none",
                    shown(container.name())
                ),
            ),
            None => self.report.warn(
                self.feature.name,
                format_args!(
                    "{directory} is mounted already and is not an emptyDir, so its files are not read"
                ),
            ),
        }
    }

    /// The sidecar has `mount`, and so has the container, or else it has `own` or nothing.
    fn of_a_volume(
        &mut self,
        directory: &str,
        container: AppContainer<'_>,
        own: Option<&Object>,
        mount: &VolumeMount,
    ) {
        match own {
            Some(own) if mount_like(own, &mount.mount_path).as_ref() == Some(mount) => {}
            Some(_) => self.of_another_in(directory, container),
            None => self.report.warn(
                self.feature.name,
                format_args!(
                    "{} of container {} is not on a volume, so its files are not read",
                    shown(directory),
                    shown(container.name())
                ),
            ),
        }
    }

    /// The same, of one container.
    fn of_another_in(&mut self, directory: &str, container: AppContainer<'_>) {
        if self.read_by == ReadBy::Sidecar && !(self.adds_sidecar)(container.name()) {
            self.report.warn(
                self.feature.name,
                format_args!(
                    "{} of container {} is another volume, so its files are not read",
                    shown(directory),
                    shown(container.name())
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::logfwd;
    use super::*;
    use crate::json::{Value, json};
    use crate::settings::Document;
    use crate::settings::Own;
    use slog::Level;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// The pod with a volume for log files in `/logs`, and what the user is told.
    fn with_logs(pod: Value<'static>) -> (Value<'static>, Vec<String>) {
        let mut template = Template::new(pod.clone()).unwrap();
        let (mut plan, mut report) = (Plan::default(), Report::new(Level::Error));
        let mut directories = Directories::new(&logfwd::FEATURE, ReadBy::Sidecar);
        directories.add("/logs/x", "/logs".to_owned(), &mut report);
        share_in(&template, "v", &directories, &mut plan, &mut report);
        template.inject("logfwd", plan, None).unwrap();
        (template.into_value(), report.warnings().unwrap_or_default())
    }

    fn share_in(
        template: &Template<'_>,
        prefix: &str,
        directories: &Directories,
        plan: &mut Plan,
        report: &mut Report,
    ) -> Shared {
        let document = Document::new(Value::Null);
        let own = Own::default();
        let scene = Scene::alone(template, &document, &own);
        directories.share(prefix, &scene, plan, report)
    }

    fn is_another_volume(container: &str) -> String {
        format!(
            "datakit logfwd: `/logs` of container `{container}` is another volume, so its files are not read"
        )
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn mounts_nothing_over_a_block_device() {
        let (pod, warnings) = with_logs(json!({"spec": {"containers": [
            {"name": "a", "volumeDevices": [{"name": "block", "devicePath": "/logs"}]},
            {"name": "b"}
        ]}}));
        assert_eq!(pod["spec"]["containers"][0]["volumeMounts"], json!(null));
        assert_eq!(
            pod["spec"]["containers"][1]["volumeMounts"],
            json!([{"name": "v-0", "mountPath": "/logs"}])
        );
        assert_eq!(warnings, [is_another_volume("a")]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn shares_the_last_of_two_volumes_at_one_place() {
        let (pod, warnings) = with_logs(json!({"spec": {
            "volumes": [{"name": "one", "emptyDir": {}}, {"name": "two", "emptyDir": {}}],
            "containers": [
                {"name": "a", "volumeMounts": [
                    {"name": "one", "mountPath": "/logs"}, {"name": "two", "mountPath": "/logs/"}
                ]},
                {"name": "b"}
            ]
        }}));
        assert_eq!(
            pod["spec"]["containers"][1]["volumeMounts"],
            json!([{"name": "two", "mountPath": "/logs"}])
        );
        assert_eq!(warnings, Vec::<String>::new());
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn warns_of_a_container_that_mounts_another_part_of_the_volume() {
        let container = |name: &str, key: &str| {
            let mount = json!({"name": "logs", "mountPath": "/logs", key: "$(POD_NAME)"});
            json!({"name": name, "volumeMounts": [mount]})
        };
        let pod = json!({"spec": {
            "volumes": [{"name": "logs", "emptyDir": {}}],
            "containers": [
                {"name": "a", "volumeMounts": [{"name": "logs", "mountPath": "/logs"}]},
                container("b", "subPath"),
                container("c", "subPathExpr")
            ]
        }});
        let warnings = vec![is_another_volume("b"), is_another_volume("c")];
        assert_eq!(with_logs(pod.clone()), (pod, warnings));
    }

    /// How many mounts `count` directories with names of a length get, and what the user is told.
    fn share(count: usize, length: usize, containers: usize) -> (usize, Vec<String>) {
        let container = json!({"name": "a"});
        let pod = json!({"spec": {"containers": vec![container; containers]}});
        let template = Template::new(pod.clone()).unwrap();
        let mut report = Report::new(Level::Error);
        let mut directories = Directories::new(&logfwd::FEATURE, ReadBy::Sidecar);
        for number in 0..count {
            let directory = format!("/{number:0>length$}");
            let file = format!("{directory}/x.log");
            directories.add(&file, directory.clone(), &mut report);
            directories.add(&file, directory, &mut report);
        }
        let mut plan = Plan::default();
        let shared = share_in(&template, "logs", &directories, &mut plan, &mut report);
        (shared.mounts.len(), report.warnings().unwrap_or_default())
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bounds_the_number_of_volumes() {
        assert_eq!(share(256, 5, 1), (256, vec![]));
        let warning =
            "datakit logfwd: log files are in more than 256 directories; the rest are left out";
        assert_eq!(share(300, 5, 1), (256, vec![warning.to_owned()]));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bounds_what_the_mounts_add_to_the_pod() {
        // 64 bytes and the directory, in each container.
        assert_eq!(share(3, 191, 512), (3, vec![]));
        let (mounts, warnings) = share(4, 191, 512);
        assert_eq!(mounts, 3);
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].ends_with("and the paths after it: too many for 512 containers"));
    }
}
