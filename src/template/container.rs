//! A container that is added. Its parts are typed objects of Kubernetes; the container itself has
//! just the fields that the policy sets, for the typed `Container` knows how to write probes,
//! lifecycle hooks and much else, and would take a quarter of the module.

use k8s_openapi::api::core::v1::{ContainerPort, EnvVar, ResourceRequirements, VolumeMount};
use serde::Serialize;

use crate::json::{Object, Value, typed};

/// A container, in the fields of Kubernetes' `Container`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    pub name: String,
    pub image: String,
    pub image_pull_policy: &'static str,
    /// Of init containers alone: one that is always restarted goes on, beside the app containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<&'static str>,
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
    /// Not a typed object: that of another container may have fields that are not known here.
    #[serde(skip)]
    pub security_context: SecurityContext,
}

impl Container {
    /// Whether it is of no use to who is not root: capabilities are root's.
    #[must_use]
    pub fn needs_root(&self) -> bool {
        self.security_context.origin == Origin::Needed
    }

    /// Whether it goes on while the app containers run, though it is an init container.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.restart_policy == Some("Always")
    }

    /// Sets a field of its security context.
    pub fn secure(&mut self, key: &'static str, value: impl Into<Value<'static>>) {
        let fields = self.security_context.fields.get_or_insert_default();
        fields.insert(key, value.into());
    }

    /// Makes it meet "restricted" of the Pod Security Standards, but for the user and for the capabilities
    /// that it needs.
    pub fn restrict(&mut self) {
        let mut capabilities = Object::new();
        capabilities.insert("drop", vec!["ALL".into()].into());
        if self.needs_root() {
            let added = self.security_context.capabilities("add");
            capabilities.insert("add", added);
        }
        self.secure("capabilities", capabilities);
        self.secure("allowPrivilegeEscalation", false);
        self.secure(
            "seccompProfile",
            Value::object([("type", "RuntimeDefault".into())]),
        );
    }

    /// The container in JSON.
    #[must_use]
    pub fn to_object(&self) -> Object<'static> {
        let mut object = match typed(self) {
            Value::Object(object) => object,
            _ => Object::default(),
        };
        if let Some(fields) = self.security_context.fields() {
            object.insert("securityContext", fields.clone().into());
        }
        object
    }
}

/// The security context of a container that is added.
#[derive(Clone, Debug, Default)]
pub struct SecurityContext {
    fields: Option<Object<'static>>,
    origin: Origin,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Origin {
    /// What a cluster asks of the container, if it asks for something.
    #[default]
    Asked,
    /// The container is of no use without the capabilities that it adds.
    Needed,
    /// Another container has the same.
    Copied,
}

impl SecurityContext {
    /// Adds `capabilities` to those that a container has by default; it is of no use without.
    #[must_use]
    pub fn adding(capabilities: &[&'static str]) -> Self {
        let names = capabilities.iter().map(|name| (*name).into());
        let added = Value::object([("add", Value::Array(names.collect()))]);
        Self {
            fields: Some(Object::from_iter([("capabilities", added)])),
            origin: Origin::Needed,
        }
    }

    /// That of another container, if it has one, with fields that are not known here.
    #[must_use]
    pub fn copied(of: Option<Object<'static>>) -> Self {
        Self {
            fields: of,
            origin: Origin::Copied,
        }
    }

    #[must_use]
    pub fn fields(&self) -> Option<&Object<'static>> {
        self.fields.as_ref()
    }

    /// Whether it is that of another container.
    #[must_use]
    pub fn is_copied(&self) -> bool {
        self.origin == Origin::Copied
    }

    fn capabilities(&self, key: &str) -> Value<'static> {
        let capabilities = self.fields().and_then(|fields| fields.get("capabilities"));
        let own = capabilities.and_then(|capabilities| capabilities.get(key));
        own.cloned().unwrap_or_default()
    }
}
