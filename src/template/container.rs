//! A container that is added. Its parts are typed objects of Kubernetes; the container itself has
//! just the fields that the policy sets, for the typed `Container` knows how to write probes,
//! lifecycle hooks and much else, and would take a quarter of the module.

use k8s_openapi::api::core::v1::{ContainerPort, EnvVar, ResourceRequirements, VolumeMount};
use serde::Serialize;
use serde_json::json;

use super::Object;

/// A container, in the fields of Kubernetes' `Container`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    pub name: String,
    pub image: String,
    pub image_pull_policy: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ContainerPort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<SecurityContext>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
}

/// The security context of a container that is added.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct SecurityContext(Object);

impl SecurityContext {
    /// Adds `capabilities` to those that a container has by default.
    #[must_use]
    pub fn adding(capabilities: &[&str]) -> Self {
        let mut context = Self::default();
        let added = json!({ "add": capabilities });
        context.0.insert("capabilities".to_owned(), added);
        context
    }

    /// That of another container, with fields that are not known here.
    #[must_use]
    pub fn copied(of: Object) -> Self {
        Self(of)
    }

    /// The same, run by a user.
    #[must_use]
    pub fn run_as(mut self, user: u64) -> Self {
        self.0.insert("runAsUser".to_owned(), user.into());
        self
    }

    /// Whether it adds capabilities.
    #[must_use]
    pub fn adds_capabilities(&self) -> bool {
        let capabilities = self.0.get("capabilities");
        capabilities.is_some_and(|capabilities| capabilities.get("add").is_some())
    }
}
