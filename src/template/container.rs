//! A container that is added. Its parts are typed objects of Kubernetes; the container itself has
//! just the fields that the policy sets, for the typed `Container` knows how to write probes,
//! lifecycle hooks and much else, and would take a quarter of the module.

use k8s_openapi::api::core::v1::{
    Capabilities, ContainerPort, EnvVar, ResourceRequirements, VolumeMount,
};
use serde::Serialize;

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

/// A security context that only adds capabilities.
#[derive(Debug, Serialize)]
pub struct SecurityContext {
    capabilities: Capabilities,
}

impl SecurityContext {
    /// Adds `capabilities` to those that a container has by default.
    #[must_use]
    pub fn adding(capabilities: &[&str]) -> Self {
        Self {
            capabilities: Capabilities {
                add: Some(capabilities.iter().map(|name| (*name).to_owned()).collect()),
                drop: None,
            },
        }
    }
}
