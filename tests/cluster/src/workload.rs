//! Workloads around a pod template.

use serde_json::{Value, json};

/// The kinds that run pods, as the tests make them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pod,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Job,
    CronJob,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Pod,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::Job,
        Self::CronJob,
    ];

    /// As `kind` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
        }
    }

    /// As kubectl names an object of this kind.
    #[must_use]
    pub fn named(self, name: &str) -> String {
        format!("{}/{name}", self.as_str().to_lowercase())
    }

    /// Where the template stands, as a JSON pointer.
    #[must_use]
    pub fn template_pointer(self) -> &'static str {
        match self {
            Self::Pod => "",
            Self::CronJob => "/spec/jobTemplate/spec/template",
            _ => "/spec/template",
        }
    }

    /// An object of this kind around `template`, which starts no pods. Jobs get a `restartPolicy` that they may have.
    #[must_use]
    pub fn around(self, name: &str, mut template: Value) -> Value {
        if matches!(self, Self::Job | Self::CronJob) {
            template["spec"]["restartPolicy"] = json!("Never");
        }
        let metadata = json!({"name": name});
        let selector = json!({"matchLabels": template["metadata"]["labels"]});
        match self {
            Self::Pod => {
                template["apiVersion"] = json!("v1");
                template["kind"] = json!("Pod");
                template["metadata"]["name"] = json!(name);
                template
            }
            Self::Job => {
                json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}})
            }
            Self::CronJob => {
                let job = json!({"spec": {"template": template}});
                let spec = json!({"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": job});
                json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec})
            }
            _ => {
                let mut spec = json!({"selector": selector, "template": template});
                if self != Self::DaemonSet {
                    spec["replicas"] = json!(0);
                }
                if self == Self::StatefulSet {
                    spec["serviceName"] = json!("web");
                }
                json!({"apiVersion": "apps/v1", "kind": self.as_str(), "metadata": metadata, "spec": spec})
            }
        }
    }
}
