//! Whose pods a template is for: the workload as people know it, the same for a Deployment, its ReplicaSets and
//! their pods, and for a CronJob, its Jobs and theirs.

use crate::json::Value;

use crate::workload::{Workload, controller};

/// A workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    pub kind: String,
    /// Empty where an object has none, which no API server takes.
    pub name: String,
}

impl Owner {
    /// That of an object which is a workload. Who made a pod's owner is not in the pod: it is told from the names
    /// that the controllers of Kubernetes give.
    #[must_use]
    pub fn of(workload: Workload, object: &Value) -> Self {
        match (workload, controller(object)) {
            (Workload::Pod, Some(controller)) => Self::of_pod(object, controller),
            (Workload::Job, Some(controller)) if is_of(controller, "batch", "CronJob") => {
                Self::new("CronJob", text(controller, "name"))
            }
            _ => Self::new(workload.kind(), own_name(object)),
        }
    }

    fn of_pod(pod: &Value, controller: &Value) -> Self {
        let name = text(controller, "name");
        if is_of(controller, "apps", "ReplicaSet")
            && let Some(deployment) = less_hash(name, pod)
        {
            return Self::new("Deployment", deployment);
        }
        if is_of(controller, "batch", "Job")
            && let Some(cron_job) = less_minutes(name)
        {
            return Self::new("CronJob", cron_job);
        }
        Self::new(text(controller, "kind"), name)
    }

    fn new(kind: &str, name: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Its number among a hundred, by which shares of workloads are chosen: the same at every apply.
    #[must_use]
    pub fn number(&self, namespace: &str) -> u64 {
        // No name and no kind has a slash.
        fnv1a(&[namespace, &self.kind, &self.name].join("/")) % 100
    }
}

/// The hash FNV-1a of 64 bits.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn text<'v>(object: &'v Value, key: &str) -> &'v str {
    let text = object.get(key).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// Whether an owner is of a kind of Kubernetes itself: others have kinds of the same names.
fn is_of(owner: &Value, group: &str, kind: &str) -> bool {
    let version = text(owner, "apiVersion").split_once('/');
    text(owner, "kind") == kind && version.is_some_and(|(own, _)| own == group)
}

/// The name of the Deployment whose ReplicaSet has this name.
fn less_hash<'n>(name: &'n str, pod: &Value) -> Option<&'n str> {
    let labels = pod.get("metadata")?.get("labels")?;
    let hash = labels.get("pod-template-hash")?.as_str()?;
    name.strip_suffix(hash)?.strip_suffix('-')
}

/// The name of the CronJob whose Job has this name: that ends with the minutes since 1970.
fn less_minutes(name: &str) -> Option<&str> {
    let (cron_job, minutes) = name.rsplit_once('-')?;
    let is_time = minutes.len() >= 8 && minutes.bytes().all(|byte| byte.is_ascii_digit());
    is_time.then_some(cron_job)
}

/// The name of an object; one that the API server generates, without what it adds: that is not known before the
/// object is created, and another one each time.
fn own_name<'v>(object: &'v Value<'_>) -> &'v str {
    let Some(metadata) = object.get("metadata") else {
        return "";
    };
    let name = text(metadata, "name");
    let stem = text(metadata, "generateName");
    let is_generated = name.is_empty() || name.strip_prefix(stem).is_some_and(is_random);
    if stem.is_empty() || !is_generated {
        return name;
    }
    stem.strip_suffix('-').unwrap_or(stem)
}

/// Whether a text is what the API server adds to a `generateName`.
fn is_random(text: &str) -> bool {
    text.len() == 5
        && text
            .bytes()
            .all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn owner(workload: Workload, metadata: Value) -> (String, String) {
        let owner = Owner::of(workload, &json!({ "metadata": metadata }));
        (owner.kind, owner.name)
    }

    fn is(kind: &str, name: &str) -> (String, String) {
        (kind.to_owned(), name.to_owned())
    }

    fn owned(api_version: &str, kind: &str, name: &str) -> Value<'static> {
        json!([
            {"apiVersion": "v1", "kind": "Other", "name": "another"},
            {"apiVersion": api_version, "kind": kind, "name": name, "controller": true}
        ])
    }

    fn pod_of(api_version: &str, kind: &str, name: &str) -> (String, String) {
        let owners = owned(api_version, kind, name);
        let labels = json!({"pod-template-hash": "7d9c5b8f4"});
        owner(
            Workload::Pod,
            json!({"generateName": format!("{name}-"), "labels": labels, "ownerReferences": owners}),
        )
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn is_the_object_itself_where_that_has_a_template() {
        for (workload, kind) in [
            (Workload::Deployment, "Deployment"),
            (Workload::StatefulSet, "StatefulSet"),
            (Workload::CronJob, "CronJob"),
            (Workload::Job, "Job"),
            (Workload::Pod, "Pod"),
        ] {
            assert_eq!(owner(workload, json!({"name": "web"})), is(kind, "web"));
        }
        let by_an_app = owned("app.k8s.io/v1", "Application", "shop");
        assert_eq!(
            owner(
                Workload::Deployment,
                json!({"name": "web", "ownerReferences": by_an_app})
            ),
            is("Deployment", "web")
        );
        assert_eq!(Owner::of(Workload::Pod, &json!({})).name, "");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn is_told_from_the_controller_of_a_pod() {
        for (api_version, kind, name, expected) in [
            (
                "apps/v1",
                "ReplicaSet",
                "web-7d9c5b8f4",
                is("Deployment", "web"),
            ),
            ("apps/v1", "ReplicaSet", "web", is("ReplicaSet", "web")),
            (
                "apps/v1",
                "ReplicaSet",
                "web-5b8f4",
                is("ReplicaSet", "web-5b8f4"),
            ),
            (
                "other/v1",
                "ReplicaSet",
                "web-7d9c5b8f4",
                is("ReplicaSet", "web-7d9c5b8f4"),
            ),
            (
                "apps/v1",
                "StatefulSet",
                "db-29012345",
                is("StatefulSet", "db-29012345"),
            ),
            (
                "batch/v1",
                "Job",
                "backup-29012345",
                is("CronJob", "backup"),
            ),
            ("batch/v1", "Job", "backup-290", is("Job", "backup-290")),
            (
                "batch/v1",
                "Job",
                "backup-2901234x",
                is("Job", "backup-2901234x"),
            ),
            (
                "batch.volcano.sh/v1",
                "Job",
                "train-29012345",
                is("Job", "train-29012345"),
            ),
            (
                "v1",
                "ReplicationController",
                "old",
                is("ReplicationController", "old"),
            ),
        ] {
            assert_eq!(pod_of(api_version, kind, name), expected);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn is_the_cron_job_of_a_job() {
        let job = |api_version: &str| {
            let owners = owned(api_version, "CronJob", "backup");
            owner(
                Workload::Job,
                json!({"name": "backup-29012345", "ownerReferences": owners}),
            )
        };
        assert_eq!(job("batch/v1"), is("CronJob", "backup"));
        assert_eq!(job("other/v1"), is("Job", "backup-29012345"));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn has_no_generated_part_of_a_name() {
        for (metadata, name) in [
            (json!({"generateName": "load-"}), "load"),
            (json!({"generateName": "load"}), "load"),
            (
                json!({"generateName": "load-", "name": "load-x7k2p"}),
                "load",
            ),
            (
                json!({"generateName": "load-", "name": "load-admin"}),
                "load-admin",
            ),
            (json!({"generateName": "load-", "name": "other"}), "other"),
            (json!({"generateName": "", "name": "x7k2p"}), "x7k2p"),
        ] {
            assert_eq!(owner(Workload::Pod, metadata), is("Pod", name));
        }
    }

    /// From the authors' page: http://www.isthe.com/chongo/tech/comp/fnv/
    #[wasm_bindgen_test(unsupported = test)]
    fn hashes_as_fnv1a_does() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn has_one_number_as_a_deployment_and_as_its_pods() {
        let deployment = Owner::of(Workload::Deployment, &json!({"metadata": {"name": "web"}}));
        let (kind, name) = pod_of("apps/v1", "ReplicaSet", "web-7d9c5b8f4");
        let of_its_pod = Owner { kind, name };
        assert_eq!(deployment.number("apps"), 72);
        assert_eq!(of_its_pod.number("apps"), 72);
        assert_ne!(deployment.number("shop"), 72);
        assert_ne!(Owner::new("StatefulSet", "web").number("apps"), 72);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn numbers_are_spread_evenly() {
        let number =
            |place: usize| Owner::new("Deployment", &format!("web-{place}")).number("apps");
        let numbers: Vec<u64> = (0..1000).map(number).collect();
        let below = |most: u64| numbers.iter().filter(|number| **number < most).count();
        assert_eq!([0, 10, 50, 90, 100].map(below), [0, 105, 486, 892, 1000]);
    }
}
