//! Volumes of the pod that are not shared with other containers, but lent to a sidecar: it reads the log files
//! on them, and sees them where a container has them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::VolumeMount;

use super::mounted::text;
use super::scene::Scene;
use crate::paths::{MountPath, unfit};
use crate::template::{Around, Backing, Object, mount_like};

/// The mount by which a sidecar sees a directory that the pod mounts itself, by `own`, or that lies in mounts
/// of the pod. `None` where it is on no volume with data of its own or of the node.
///
/// A directory in a mount is not mounted for itself: where it is not there yet, the kubelet would make it, and
/// the application could not write to it.
pub(super) fn lent(
    own: &[(usize, &Object)],
    around: &BTreeMap<usize, Around<'_>>,
    scene: &Scene<'_, '_>,
) -> Option<VolumeMount> {
    if let Some((_, mount)) = own.first() {
        return as_mounted(mount, scene);
    }
    let mut around = around.values();
    around.find_map(|around| as_mounted(around.mount, scene))
}

fn as_mounted(mount: &Object, scene: &Scene<'_, '_>) -> Option<VolumeMount> {
    let path = MountPath::new(text(mount, "mountPath")?);
    let lent = mount_like(mount, path.as_str())?;
    let backing = Backing::of(scene.volumes().get(&lent.name));
    // Nobody logs to what Kubernetes writes, and a secret is not for others.
    let has_logs = backing >= Backing::HostPath;
    (has_logs && unfit(path.as_str(), path.as_str()).is_none()).then_some(lent)
}

#[cfg(test)]
mod tests {
    use super::super::directories::{Directories, ReadBy};
    use super::super::logfwd;
    use crate::json::{Value, json, typed};
    use crate::report::Report;
    use crate::settings::{Document, LogVolumes, Own};
    use crate::template::{Plan, Template};
    use slog::Level;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::super::scene::Scene;

    /// The mounts of the sidecar and of the containers for these directories, and what the user is told.
    fn shared(
        directories: &[&str],
        containers: Value<'static>,
    ) -> (Value<'static>, Value<'static>, Vec<String>) {
        let pod = json!({"spec": {
            "volumes": [
                {"name": "claim", "persistentVolumeClaim": {"claimName": "claim"}},
                {"name": "node", "hostPath": {"path": "/srv"}},
                {"name": "secret", "secret": {"secretName": "secret"}},
                {"name": "empty", "emptyDir": {}}
            ],
            "containers": containers
        }});
        let before = pod["spec"]["containers"].clone();
        let mut template = Template::new(pod.clone()).unwrap();
        let (mut plan, mut report) = (Plan::default(), Report::new(Level::Error));
        let mut list = Directories::new(&logfwd::FEATURE, ReadBy::Sidecar);
        for directory in directories {
            let file = format!("{directory}/x.log");
            list.add(&file, (*directory).to_owned(), &mut report);
        }
        let document = Document::new(Value::Null);
        let own = Own {
            logfwd_volumes: LogVolumes::Any,
            ..Own::default()
        };
        let shared = list.share(
            "v",
            &Scene::alone(&template, &document, &own),
            &mut plan,
            &mut report,
        );
        template.inject("logfwd", plan, None).unwrap();
        let after = template.into_value()["spec"]["containers"].take();
        let apps = if after == before { Value::Null } else { after };
        let mounts = typed(&shared.mounts);
        (mounts, apps, report.warnings().unwrap_or_default())
    }

    fn container(name: &str, mounts: Value<'static>) -> Value<'static> {
        json!({"name": name, "volumeMounts": mounts})
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn lends_what_the_container_mounts_as_it_does() {
        for mount in [
            json!({"name": "claim", "mountPath": "/logs"}),
            json!({"name": "claim", "mountPath": "/logs", "subPath": "web"}),
            json!({"name": "node", "mountPath": "/logs"}),
            json!({"name": "of-a-stateful-set", "mountPath": "/logs"}),
        ] {
            let apps = json!([container("a", json!([mount]))]);
            let lent = (json!([mount]), Value::Null, vec![]);
            assert_eq!(shared(&["/logs"], apps.clone()), lent);
            // The volume as the container sees it, once.
            assert_eq!(shared(&["/logs/a", "/logs/b"], apps), lent);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn lends_nothing_else() {
        let not_read = "datakit logfwd: `/logs` is mounted already and is not an emptyDir, so its files are not read";
        let expands = "datakit logfwd: `/logs` of container `a` has a subPathExpr, so its files are not read; use \
                       subPath or none";
        for (mount, warning) in [
            (json!({"name": "secret", "mountPath": "/logs"}), not_read),
            (
                json!({"name": "claim", "mountPath": "/logs", "subPathExpr": "$(POD)"}),
                expands,
            ),
        ] {
            let apps = json!([container("a", json!([mount]))]);
            let expected = (json!([]), Value::Null, vec![warning.to_owned()]);
            assert_eq!(shared(&["/logs"], apps), expected);
        }
        let empty = json!({"name": "empty", "mountPath": "/logs"});
        let apps = json!([container("a", json!([empty])), container("b", json!([]))]);
        let both = json!([
            container("a", json!([empty])),
            container("b", json!([empty]))
        ]);
        assert_eq!(shared(&["/logs"], apps), (json!([empty]), both, vec![]));
        // A whole directory of the system is not for another image.
        let claim = json!({"name": "claim", "mountPath": "/opt"});
        let (mounts, _, warnings) = shared(&["/opt/log"], json!([container("a", json!([claim]))]));
        let hides = "datakit logfwd: no volume at `/opt/log` in container `a`: it would hide the data of its mount \
                     `/opt`; log elsewhere";
        assert_eq!((mounts, warnings), (json!([]), vec![hides.to_owned()]));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn tells_of_files_that_are_elsewhere() {
        let claim = json!({"name": "claim", "mountPath": "/logs"});
        let apps = json!([
            container("a", json!([claim])),
            container("b", json!([{"name": "node", "mountPath": "/logs"}])),
            container("c", json!([])),
            container("d", json!([claim]))
        ]);
        let told = [
            "datakit logfwd: `/logs/x` of container `b` is another volume, so its files are not read",
            "datakit logfwd: `/logs/x` of container `c` is not on a volume, so its files are not read",
        ];
        let expected = (
            json!([claim]),
            Value::Null,
            told.map(str::to_owned).to_vec(),
        );
        assert_eq!(shared(&["/logs/x"], apps), expected);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn mounts_nothing_in_or_around_what_can_only_be_read() {
        let claim = json!({"name": "claim", "mountPath": "/logs"});
        let empty = json!({"name": "empty", "mountPath": "/logs/a"});
        let apps = json!([container("a", json!([claim, empty]))]);
        let (mounts, apps, warnings) = shared(&["/logs/b", "/logs/a"], apps);
        let told = "datakit logfwd: log files on the volume at `/logs` are not read: another volume with log files is \
                    mounted at `/logs/a`";
        assert_eq!(
            (mounts, apps, warnings),
            (json!([empty]), Value::Null, vec![told.to_owned()])
        );
    }
}
