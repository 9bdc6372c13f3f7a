//! The workloads of Kubernetes: where each keeps its pod template, and which are never touched.

use crate::json::{Reader, Value};

use crate::template::journal::ANNOTATION as JOURNAL;
use crate::template::{Template, annotation};

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

    /// The name of its kind.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
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
    pub fn template<'v, 'a>(self, object: &'v Value<'a>) -> Option<&'v Value<'a>> {
        self.template_path()
            .iter()
            .try_fold(object, |value, key| value.get(key))
            .filter(|template| !template.is_null())
    }

    /// Whether two objects, given as texts, have one and the same template, to the letter: nothing is read for it but
    /// the way there.
    #[must_use]
    pub fn has_the_same_template(self, object: &str, other: &str) -> bool {
        let text = |object| text_at(object, self.template_path());
        matches!((text(object), text(other)), (Some(own), Some(other)) if own == other)
    }

    pub fn template_mut<'v, 'a>(self, object: &'v mut Value<'a>) -> Option<&'v mut Value<'a>> {
        self.template_path()
            .iter()
            .try_fold(object, |value, key| value.get_mut(key))
            .filter(|template| !template.is_null())
    }

    /// Whether pods of the template run to an end, which a container that goes on would keep them from.
    #[must_use]
    pub fn runs_to_completion(self, template: &Template<'_>) -> bool {
        let policy = template.spec("restartPolicy").and_then(Value::as_str);
        matches!(self, Self::Job | Self::CronJob) || matches!(policy, Some("Never" | "OnFailure"))
    }

    /// The labels and annotations that its controller gives to its pods, beyond those of the template.
    #[must_use]
    pub fn gives_to_pods(self) -> &'static [&'static str] {
        match self {
            Self::Pod | Self::ReplicaSet | Self::ReplicationController => &[],
            Self::Deployment => &["pod-template-hash"],
            Self::DaemonSet => &["controller-revision-hash", "pod-template-generation"],
            Self::StatefulSet => &[
                "controller-revision-hash",
                "statefulset.kubernetes.io/pod-name",
                "apps.kubernetes.io/pod-index",
            ],
            Self::Job | Self::CronJob => &[
                "batch.kubernetes.io/job-name",
                "batch.kubernetes.io/controller-uid",
                "batch.kubernetes.io/job-completion-index",
                "job-name",
                "controller-uid",
            ],
        }
    }

    /// Why the policy never touches an object, if it does not; the reason is for the log.
    #[must_use]
    pub fn is_left_alone(self, object: &Value) -> Option<&'static str> {
        let template = self.template(object);
        let has_a_journal =
            || template.is_some_and(|template| annotation(template, JOURNAL).is_some());
        match self {
            Self::ReplicaSet | Self::ReplicationController if has_a_controller(object) => {
                Some("its controller created it from its own template")
            }
            Self::Job if has_a_controller(object) && has_a_journal() => {
                Some("its controller created it from an injected template")
            }
            Self::Pod if has_a_journal() => Some("it was created from an injected template"),
            Self::Pod if annotation(object, "kubernetes.io/config.mirror").is_some() => {
                Some("it mirrors a static pod, which runs as its node defines it")
            }
            _ => None,
        }
    }
}

/// The text of the value at a path of keys.
fn text_at<'o>(object: &'o str, path: &[&str]) -> Option<&'o str> {
    let [key, rest @ ..] = path else {
        return Some(object);
    };
    let mut found = None;
    let mut reader = Reader::new(object);
    reader.fields(|reader, own| {
        let text = reader.text()?;
        if own == *key {
            found = Some(text);
        }
        Some(())
    })?;
    text_at(found?, rest)
}

fn has_a_controller(object: &Value) -> bool {
    controller(object).is_some()
}

/// The owner of an object that controls it.
#[must_use]
pub fn controller<'v, 'a>(object: &'v Value<'a>) -> Option<&'v Value<'a>> {
    let owners = object.get("metadata")?.get("ownerReferences")?.as_array()?;
    owners.iter().find(|owner| is_controller(owner))
}

fn is_controller(owner: &Value) -> bool {
    owner.get("controller").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
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

    fn reason(workload: Workload, object: &Value) -> Option<&'static str> {
        workload.is_left_alone(object)
    }

    fn owned(kind: &str) -> Value<'static> {
        json!([{"kind": kind, "controller": true}])
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_copies_of_a_template_to_their_controllers() {
        let journal = json!({"metadata": {"annotations": {JOURNAL: "x"}}});
        let object = |owners: Value, template: &Value| json!({"metadata": {"ownerReferences": owners}, "spec": {"template": template}});
        let none = json!([]);
        let from_a_template = Some("its controller created it from its own template");
        for kind in [Workload::ReplicaSet, Workload::ReplicationController] {
            for template in [&json!({}), &journal] {
                assert_eq!(
                    reason(kind, &object(owned("Deployment"), template)),
                    from_a_template
                );
                assert_eq!(reason(kind, &object(none.clone(), template)), None);
            }
        }
        let from_an_injected_one = Some("its controller created it from an injected template");
        assert_eq!(
            reason(Workload::Job, &object(owned("CronJob"), &journal)),
            from_an_injected_one
        );
        assert_eq!(
            reason(Workload::Job, &object(owned("CronJob"), &json!({}))),
            None
        );
        assert_eq!(reason(Workload::Job, &object(none.clone(), &journal)), None);
        assert_eq!(
            reason(Workload::Deployment, &object(owned("App"), &journal)),
            None
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_pods_alone_that_are_mirrors_or_come_from_an_injected_template() {
        let pod = |key: &str| json!({"metadata": {"annotations": {key: "4f1a"}}});
        assert_eq!(
            reason(Workload::Pod, &pod("kubernetes.io/config.mirror")),
            Some("it mirrors a static pod, which runs as its node defines it")
        );
        assert_eq!(
            reason(Workload::Pod, &pod(JOURNAL)),
            Some("it was created from an injected template")
        );
        assert_eq!(reason(Workload::Pod, &pod("example.com/a")), None);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn compares_templates_to_the_letter() {
        let text = |replicas: u8, template: &str| {
            format!(r#"{{"spec":{{"replicas":{replicas},"template":{template}}}}}"#)
        };
        let same = |one: &str, other: &str| Workload::Deployment.has_the_same_template(one, other);
        let own = text(1, r#"{"a":"}"}"#);
        assert!(same(&own, &text(2, r#"{"a":"}"}"#)));
        assert!(!same(&own, &text(1, r#"{"a": "}"}"#)));
        for none in ["", "null", "{}", r#"{"spec":null}"#] {
            assert!(!same(none, none), "{none}");
        }
        let job = |template: &str| {
            format!(r#"{{"spec":{{"jobTemplate":{{"spec":{{"template":{template}}}}}}}}}"#)
        };
        assert!(Workload::CronJob.has_the_same_template(&job("[1]"), &job("[1]")));
    }
}
