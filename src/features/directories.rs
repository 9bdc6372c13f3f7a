//! Directories that containers share so that their log files can be read from outside.

use crate::paths::unmountable;
use crate::report::{Feature, Report, shown};
use crate::template::{AppContainer, Object, Plan, Template, VolumeKind, is_empty_dir, mount};
use k8s_openapi::api::core::v1::VolumeMount;
use serde_json::Value;

/// More volumes than a node would mount for a pod; it bounds what an annotation can cost.
const MOST_DIRECTORIES: usize = 256;

/// Distinct directories, in the order in which they were named.
#[derive(Debug, Default)]
pub(super) struct Directories {
    list: Vec<String>,
}

impl Directories {
    /// Adds the directory that `path` leads to; one that cannot be mounted is left out.
    pub fn add(&mut self, path: &str, directory: String, feature: Feature, report: &mut Report) {
        if let Some(problem) = unmountable(path, &directory) {
            report.warn(
                feature.name(),
                format_args!("no volume for {}: the path {problem}", shown(path)),
            );
            return;
        }
        if self.list.contains(&directory) {
            return;
        }
        if self.list.len() < MOST_DIRECTORIES {
            self.list.push(directory);
            return;
        }
        report.warn(
            feature.name(),
            format_args!(
                "log files in more than {MOST_DIRECTORIES} directories, the rest is left out"
            ),
        );
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
        let mut mounts = Vec::new();
        for (number, directory) in self.list.iter().enumerate() {
            let wanted = match mounted_by_the_pod(template, directory) {
                Mounted::Nowhere => {
                    let name = format!("{prefix}-{number}");
                    let volume = plan.volume(template, &name, VolumeKind::EmptyDir, directory);
                    mount(&volume, directory)
                }
                Mounted::Shareable(mount) => mount,
                Mounted::NotShareable => {
                    warn_of_another(directory, None, feature, report);
                    continue;
                }
            };
            for (place, container) in template.app_containers().enumerate() {
                match container.mount_at(directory) {
                    None if container.has_device_at(directory) => {
                        warn_of_another(directory, Some(container), feature, report);
                    }
                    None => plan.mount(place, wanted.clone()),
                    Some(own) if is_same(own, &wanted) => {}
                    Some(_) => warn_of_another(directory, Some(container), feature, report),
                }
            }
            mounts.push(wanted);
        }
        mounts
    }
}

/// How the pod itself mounts a directory.
enum Mounted {
    Nowhere,
    Shareable(VolumeMount),
    NotShareable,
}

fn mounted_by_the_pod(template: &Template<'_>, directory: &str) -> Mounted {
    let Some(own) = template
        .app_containers()
        .find_map(|container| container.mount_at(directory))
    else {
        return Mounted::Nowhere;
    };
    let volume = text(own, "name").unwrap_or_default();
    // What subPathExpr expands to is another thing in another container.
    let by_expression = text(own, "subPathExpr").is_some_and(|path| !path.is_empty());
    if by_expression || !template.volume(volume).is_some_and(is_empty_dir) {
        return Mounted::NotShareable;
    }
    let mut shared = mount(volume, directory);
    shared.sub_path = text(own, "subPath")
        .filter(|path| !path.is_empty())
        .map(str::to_owned);
    Mounted::Shareable(shared)
}

fn is_same(own: &Object, wanted: &VolumeMount) -> bool {
    let sub_path = text(own, "subPath").unwrap_or_default();
    text(own, "name") == Some(wanted.name.as_str())
        && sub_path == wanted.sub_path.as_deref().unwrap_or_default()
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

    #[wasm_bindgen_test(unsupported = test)]
    fn mounts_nothing_over_a_block_device() {
        let mut pod = json!({"spec": {"containers": [
            {"name": "a", "volumeDevices": [{"name": "block", "devicePath": "/logs"}]},
            {"name": "b"}
        ]}});
        let mut template = Template::new(&mut pod).unwrap();
        let (mut plan, mut report) = (Plan::default(), Report::new(Level::Error));
        let directories = Directories {
            list: vec!["/logs".to_owned()],
        };
        directories.share("v", Feature::Logfwd, &template, &mut plan, &mut report);
        template.apply(plan);
        assert_eq!(pod["spec"]["containers"][0]["volumeMounts"], json!(null));
        assert_eq!(
            pod["spec"]["containers"][1]["volumeMounts"],
            json!([{"name": "v-0", "mountPath": "/logs"}])
        );
        assert_eq!(
            report.warnings().unwrap(),
            ["datakit logfwd: `/logs` of container `a` is another volume, its files are not read"]
        );
    }
}
