//! The workloads of Kubernetes: where each keeps its pod template, and when the policy acts on it.

use serde_json::Value;

use crate::features::asks_for_a_feature;
use crate::system::is_windows;

/// The kinds that run pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    Pod,
    Deployment,
    DaemonSet,
    StatefulSet,
    ReplicaSet,
    ReplicationController,
    Job,
    CronJob,
}

/// Whether to act on a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    Inject,
    /// Nothing was asked for; the reason is for the log.
    LeaveAlone(&'static str),
    /// Something may have been asked for; the reason is for the user.
    Warn(&'static str),
}

impl Workload {
    /// The workload of a kind. The group counts: other groups have kinds of the same names.
    #[must_use]
    pub fn of(group: &str, kind: &str) -> Option<Self> {
        match (group, kind) {
            ("", "Pod") => Some(Self::Pod),
            ("", "ReplicationController") => Some(Self::ReplicationController),
            ("apps", "Deployment") => Some(Self::Deployment),
            ("apps", "DaemonSet") => Some(Self::DaemonSet),
            ("apps", "StatefulSet") => Some(Self::StatefulSet),
            ("apps", "ReplicaSet") => Some(Self::ReplicaSet),
            ("batch", "Job") => Some(Self::Job),
            ("batch", "CronJob") => Some(Self::CronJob),
            _ => None,
        }
    }

    /// The keys that lead to the template; a pod is its own.
    #[must_use]
    pub fn template_path(self) -> &'static [&'static str] {
        match self {
            Self::Pod => &[],
            Self::CronJob => &["spec", "jobTemplate", "spec", "template"],
            _ => &["spec", "template"],
        }
    }

    #[must_use]
    pub fn template(self, object: &Value) -> Option<&Value> {
        self.template_path()
            .iter()
            .try_fold(object, |value, key| value.get(key))
            .filter(|template| !template.is_null())
    }

    pub fn template_mut(self, object: &mut Value) -> Option<&mut Value> {
        self.template_path()
            .iter()
            .try_fold(object, |value, key| value.get_mut(key))
            .filter(|template| !template.is_null())
    }

    /// Whether its pods run to an end, which a container that does not end would keep them from.
    #[must_use]
    pub fn runs_to_completion(self) -> bool {
        matches!(self, Self::Job | Self::CronJob)
    }

    /// Whether the policy acts on `operation`; `old` is the text of the object before an update.
    ///
    /// The templates of pods and jobs cannot be changed after they were made. On an update of the
    /// others the policy acts only with a change of the template, for that starts a rollout anyway.
    #[must_use]
    pub fn act(self, operation: &str, object: &Value, old: Option<&str>) -> Act {
        if self.is_copy_of_its_owner(object) {
            return Act::LeaveAlone("its controller made it from a template of its own");
        }
        if self.is_mirror(object) {
            return Act::LeaveAlone("it mirrors a static pod, which runs as its node has it");
        }
        match operation {
            "CREATE" => self.act_on_system(object),
            "UPDATE" if matches!(self, Self::Pod | Self::Job) => {
                Act::LeaveAlone("its template cannot be changed any more")
            }
            "UPDATE" => match old.map(|old| serde_json::from_slice::<Value>(old.as_bytes())) {
                Some(Ok(old)) if self.template(&old) == self.template(object) => {
                    Act::LeaveAlone("the update does not change the template")
                }
                Some(Ok(old)) if self.template(&old).is_some() => self.act_on_system(object),
                _ => Act::Warn("the update came without the object as it was before"),
            },
            _ => Act::LeaveAlone("the operation is neither CREATE nor UPDATE"),
        }
    }

    /// A deployment finds its replica set by comparing templates: one that was changed on the way
    /// would be made again and again.
    fn is_copy_of_its_owner(self, object: &Value) -> bool {
        matches!(self, Self::ReplicaSet | Self::ReplicationController)
            && object
                .get("metadata")
                .and_then(|metadata| metadata.get("ownerReferences"))
                .and_then(Value::as_array)
                .is_some_and(|owners| owners.iter().any(is_controller))
    }

    /// Nothing of what is added to the mirror of a static pod runs, and with a reference to a secret
    /// the node may not make it.
    fn is_mirror(self, object: &Value) -> bool {
        let annotations = object
            .get("metadata")
            .and_then(|own| own.get("annotations"));
        self == Self::Pod
            && annotations.is_some_and(|own| own.get("kubernetes.io/config.mirror").is_some())
    }

    /// What is injected runs on Linux; Kubernetes refuses some of it in a Windows pod.
    fn act_on_system(self, object: &Value) -> Act {
        match self.template(object) {
            Some(template) if is_windows(template) => {
                if asks_for_a_feature(template) {
                    Act::Warn("there are no agents for Windows pods")
                } else {
                    Act::LeaveAlone("it runs on Windows")
                }
            }
            _ => Act::Inject,
        }
    }
}

fn is_controller(owner: &Value) -> bool {
    owner.get("controller").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_workloads_by_group_and_kind() {
        assert_eq!(
            Workload::of("apps", "Deployment"),
            Some(Workload::Deployment)
        );
        assert_eq!(Workload::of("batch.volcano.sh", "Job"), None);
        assert_eq!(Workload::of("", "Deployment"), None);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn acts_on_an_update_only_if_the_template_changes() {
        let object = json!({"spec": {"replicas": 2, "template": {"spec": {"containers": []}}}});
        let scaled = r#"{"spec": {"replicas": 1, "template": {"spec": {"containers": []}}}}"#;
        let changed = r#"{"spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}}"#;
        let act = |old| Workload::Deployment.act("UPDATE", &object, old);
        assert_eq!(
            act(Some(scaled)),
            Act::LeaveAlone("the update does not change the template")
        );
        assert_eq!(act(Some(changed)), Act::Inject);
        for unknown in [None, Some("null"), Some("{}"), Some("{")] {
            assert_eq!(
                act(unknown),
                Act::Warn("the update came without the object as it was before")
            );
        }
        assert_eq!(
            Workload::Job.act("UPDATE", &object, Some(changed)),
            Act::LeaveAlone("its template cannot be changed any more")
        );
        assert_eq!(
            Workload::Deployment.act("DELETE", &object, None),
            Act::LeaveAlone("the operation is neither CREATE nor UPDATE")
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_the_replica_sets_of_deployments_alone() {
        let owned = json!({
            "metadata": {"ownerReferences": [{"kind": "Deployment", "controller": true}]},
            "spec": {"template": {}}
        });
        assert_eq!(
            Workload::ReplicaSet.act("CREATE", &owned, None),
            Act::LeaveAlone("its controller made it from a template of its own")
        );
        assert_eq!(Workload::Job.act("CREATE", &owned, None), Act::Inject);
        let own = json!({"metadata": {}, "spec": {"template": {}}});
        assert_eq!(Workload::ReplicaSet.act("CREATE", &own, None), Act::Inject);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_windows_pods_alone() {
        let mut pod = json!({"metadata": {}, "spec": {"os": {"name": "windows"}}});
        assert_eq!(
            Workload::Pod.act("CREATE", &pod, None),
            Act::LeaveAlone("it runs on Windows")
        );
        pod["metadata"] = json!({"annotations": {"admission.datakit/java-lib.version": ""}});
        assert_eq!(
            Workload::Pod.act("CREATE", &pod, None),
            Act::Warn("there are no agents for Windows pods")
        );
        pod["metadata"] = json!({"annotations": {"admission.datakit/enabled": "false"}});
        assert_eq!(
            Workload::Pod.act("CREATE", &pod, None),
            Act::LeaveAlone("it runs on Windows")
        );
        pod["spec"] = json!({"nodeSelector": {"kubernetes.io/os": "linux"}});
        assert_eq!(Workload::Pod.act("CREATE", &pod, None), Act::Inject);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_the_mirrors_of_static_pods_alone() {
        let mirror = json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "4f1a"}}});
        assert_eq!(
            Workload::Pod.act("CREATE", &mirror, None),
            Act::LeaveAlone("it mirrors a static pod, which runs as its node has it")
        );
    }
}
