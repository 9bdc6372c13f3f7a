//! Directories that containers share so that their log files can be read from outside.

use std::collections::{BTreeMap, BTreeSet};

use crate::paths::unmountable;
use crate::report::{Feature, Report, shown};
use crate::template::{
    AppContainer, Object, Plan, Template, VolumeKind, Volumes, is_empty_dir, mount, mount_like,
};
use k8s_openapi::api::core::v1::VolumeMount;
use serde_json::Value;

/// More volumes than a node would mount for a pod; it bounds what an annotation can cost.
const MOST_DIRECTORIES: usize = 256;

/// The most that mounts may add to a pod, for etcd stores no object over 1.5 MiB: what a pod asks
/// for must not be what it is refused for.
const MOST_BYTES: usize = 1 << 20;

/// Directories in the order in which they were named, often more than once.
#[derive(Debug, Default)]
pub(super) struct Directories {
    list: Vec<String>,
}

impl Directories {
    /// Adds the directory that `path` leads to; one that cannot be mounted is left out.
    pub fn add(&mut self, path: &str, directory: String, feature: Feature, report: &mut Report) {
        match unmountable(path, &directory) {
            None => self.list.push(directory),
            Some(problem) => report.warn(
                feature.name(),
                format_args!("no volume for {}: the path {problem}", shown(path)),
            ),
        }
    }

    /// The first that a container mounts already.
    pub fn mounted_already(&self, template: &Template<'_>) -> Option<&str> {
        let mut directories = self.list.iter().map(String::as_str);
        directories.find(|directory| {
            template
                .app_containers()
                .any(|container| container.mount_at(directory).is_some())
        })
    }

    /// Each directory once, as many as there may be.
    fn distinct(&self, feature: Feature, report: &mut Report) -> Vec<&str> {
        let mut distinct = Vec::new();
        let mut known = BTreeSet::new();
        for directory in &self.list {
            if known.contains(directory.as_str()) {
                continue;
            }
            if distinct.len() == MOST_DIRECTORIES {
                report.warn(
                    feature.name(),
                    format_args!(
                        "log files in more than {MOST_DIRECTORIES} directories, the rest is left out"
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
    /// others too if it is an emptyDir, else the directory is left out.
    pub fn share(
        &self,
        prefix: &str,
        feature: Feature,
        template: &Template<'_>,
        plan: &mut Plan,
        report: &mut Report,
    ) -> Vec<VolumeMount> {
        if self.list.is_empty() {
            return Vec::new();
        }
        let volumes = Volumes::new(template);
        let own_mounts = OwnMounts::new(template);
        let containers = template.app_containers().count();
        let mut room = MOST_BYTES;
        let mut mounts = Vec::new();
        for (number, directory) in self.distinct(feature, report).into_iter().enumerate() {
            // What a mount takes as JSON, in each container.
            let bytes = directory
                .len()
                .saturating_add(64)
                .saturating_mul(containers);
            let Some(rest) = room.checked_sub(bytes) else {
                report.warn(
                    feature.name(),
                    format_args!(
                        "no volumes for {} and what follows: too much for {containers} containers",
                        shown(directory)
                    ),
                );
                break;
            };
            room = rest;
            let mut own = own_mounts.at(directory);
            let wanted = match mounted_by_the_pod(own, directory, &volumes) {
                Mounted::Nowhere => {
                    let name = format!("{prefix}-{number}");
                    let kind = VolumeKind::EmptyDir;
                    let volume = plan.volume_beside(&volumes, &name, kind, directory);
                    mount(&volume, directory)
                }
                Mounted::Shareable(mount) => mount,
                Mounted::NotShareable => {
                    warn_of_another(directory, None, feature, report);
                    continue;
                }
            };
            for (place, container) in template.app_containers().enumerate() {
                match own.split_first() {
                    Some(((own_place, mount), others)) if *own_place == place => {
                        own = others;
                        if mount_like(mount, directory).as_ref() != Some(&wanted) {
                            warn_of_another(directory, Some(container), feature, report);
                        }
                    }
                    _ if container.has_device_at(directory) => {
                        warn_of_another(directory, Some(container), feature, report);
                    }
                    _ => plan.mount(place, wanted.clone()),
                }
            }
            mounts.push(wanted);
        }
        mounts
    }
}

/// The app containers' own mounts, by path.
struct OwnMounts<'t> {
    /// Those at one path, each with the place of its container, in order.
    lists: Vec<Vec<(usize, &'t Object)>>,
    /// Places in the lists.
    by_path: BTreeMap<&'t str, usize>,
}

impl<'t> OwnMounts<'t> {
    fn new(template: &'t Template<'_>) -> Self {
        let mut own = Self {
            lists: Vec::new(),
            by_path: BTreeMap::new(),
        };
        for (place, container) in template.app_containers().enumerate() {
            for mount in container.mounts() {
                if let Some(path) = text(mount, "mountPath") {
                    own.add(path, place, mount);
                }
            }
        }
        own
    }

    fn add(&mut self, path: &'t str, place: usize, mount: &'t Object) {
        let list = self.by_path.get(path);
        let Some(list) = list.and_then(|list| self.lists.get_mut(*list)) else {
            self.by_path.insert(path, self.lists.len());
            self.lists.push(vec![(place, mount)]);
            return;
        };
        // Of several mounts of a container at one path the first counts.
        if list.last().is_none_or(|(last, _)| *last != place) {
            list.push((place, mount));
        }
    }

    fn at(&self, path: &str) -> &[(usize, &'t Object)] {
        let list = self.by_path.get(path);
        list.and_then(|list| self.lists.get(*list))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}

/// How the pod itself mounts a directory.
enum Mounted {
    Nowhere,
    Shareable(VolumeMount),
    NotShareable,
}

fn mounted_by_the_pod(own: &[(usize, &Object)], directory: &str, volumes: &Volumes<'_>) -> Mounted {
    let Some((_, own)) = own.first() else {
        return Mounted::Nowhere;
    };
    mount_like(own, directory)
        .filter(|mount| volumes.get(&mount.name).is_some_and(is_empty_dir))
        .map_or(Mounted::NotShareable, Mounted::Shareable)
}

/// Logfwd cannot read what lies in another volume; Datakit reads it from the node.
fn warn_of_another(
    directory: &str,
    container: Option<AppContainer<'_>>,
    feature: Feature,
    report: &mut Report,
) {
    if feature != Feature::Logfwd {
        return;
    }
    let directory = shown(directory);
    match container {
        Some(container) => report.warn(
            feature.name(),
            format_args!(
                "{directory} of container {} is another volume, its files are not read",
                shown(container.name())
            ),
        ),
        None => report.warn(
            feature.name(),
            format_args!("{directory} is mounted already and no emptyDir, its files are not read"),
        ),
    }
}

fn text<'o>(object: &'o Object, key: &str) -> Option<&'o str> {
    object.get(key).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use slog::Level;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// The pod with a volume for log files in `/logs`, and what the user is told.
    fn with_logs(mut pod: Value) -> (Value, Vec<String>) {
        let mut template = Template::new(&mut pod).unwrap();
        let (mut plan, mut report) = (Plan::default(), Report::new(Level::Error));
        let mut directories = Directories::default();
        directories.add("/logs/x", "/logs".to_owned(), Feature::Logfwd, &mut report);
        directories.share("v", Feature::Logfwd, &template, &mut plan, &mut report);
        template.apply(plan);
        (pod, report.warnings().unwrap_or_default())
    }

    fn is_another_volume(container: &str) -> String {
        format!(
            "datakit logfwd: `/logs` of container `{container}` is another volume, its files are not read"
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
        let mut pod = json!({"spec": {"containers": vec![container; containers]}});
        let template = Template::new(&mut pod).unwrap();
        let mut report = Report::new(Level::Error);
        let mut directories = Directories::default();
        for number in 0..count {
            let directory = format!("/{number:0>length$}");
            let file = format!("{directory}/x.log");
            directories.add(&file, directory.clone(), Feature::Logfwd, &mut report);
            directories.add(&file, directory, Feature::Logfwd, &mut report);
        }
        let mut plan = Plan::default();
        let mounts = directories.share("logs", Feature::Logfwd, &template, &mut plan, &mut report);
        (mounts.len(), report.warnings().unwrap_or_default())
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bounds_the_number_of_volumes() {
        assert_eq!(share(256, 5, 1), (256, vec![]));
        let warning =
            "datakit logfwd: log files in more than 256 directories, the rest is left out";
        assert_eq!(share(300, 5, 1), (256, vec![warning.to_owned()]));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bounds_what_the_mounts_add_to_the_pod() {
        // 64 bytes and the directory, in each container.
        assert_eq!(share(8, 191, 512), (8, vec![]));
        let (mounts, warnings) = share(9, 191, 512);
        assert_eq!(mounts, 8);
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].ends_with("and what follows: too much for 512 containers"));
    }
}
