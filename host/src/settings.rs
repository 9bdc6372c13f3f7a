//! Policy settings, and the Kubewarden resources that carry them.

use std::path::Path;

use serde_json::{Map, Value};

use crate::manifest::{self, ManifestError, Source};
use crate::yaml::{self, DuplicateKeys};

/// Why settings, or a policy resource, cannot be used. Each names the place.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be opened or is no UTF-8 text.
    #[error("{file}: cannot be read: {error}")]
    Unreadable {
        /// The file's name as the user gave it.
        file: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The settings are neither YAML nor JSON.
    #[error("{file}: {error}")]
    Malformed {
        /// Where the settings come from.
        file: String,
        /// What is wrong, and in which line.
        error: yaml::YamlError,
    },
    /// The settings are no mapping.
    #[error("{place}: settings are a mapping, or nothing at all; this is {found}")]
    NoMapping {
        /// Where the settings come from.
        place: String,
        /// What is there instead.
        found: &'static str,
    },
    /// A document of a file of policy resources is broken.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// An object is no policy resource.
    #[error(
        "{place}: {found} is no Kubewarden policy; ClusterAdmissionPolicy and AdmissionPolicy (policies.kubewarden.io/v1) are"
    )]
    NoPolicy {
        /// Where it stood.
        place: Source,
        /// Its `apiVersion` and `kind`.
        found: String,
    },
    /// A policy resource does not name its module.
    #[error("{place}: the policy has no `spec.module`")]
    NoModule {
        /// Where it stood.
        place: Source,
    },
    /// A file has no policy resource in it.
    #[error("{file}: there is no Kubewarden policy in it")]
    Empty {
        /// The file's name as the user gave it.
        file: String,
    },
}

/// A ClusterAdmissionPolicy or AdmissionPolicy.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyResource {
    /// Where it stood.
    pub source: Source,
    /// `metadata.name`, empty where it has none.
    pub name: String,
    /// Where the policy's module is: `registry://…`, `https://…`, `file://…`.
    pub module: String,
    /// Its settings, an object.
    pub settings: Value,
}

/// Reads settings, YAML or JSON; nothing and null are `{}`. `name` says in messages where the text is from.
///
/// # Errors
/// Where the text is broken, has a key twice, or is no mapping.
pub fn read(name: &str, text: &str) -> Result<Value, SettingsError> {
    let value =
        yaml::single(text, DuplicateKeys::Refuse).map_err(|error| SettingsError::Malformed {
            file: name.to_owned(),
            error,
        })?;
    mapping(name, value)
}

/// [`read`] for a file.
///
/// # Errors
/// As [`read`], and where the file cannot be read.
pub fn read_file(path: &Path) -> Result<Value, SettingsError> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => read(&file, &text),
        Err(error) => Err(SettingsError::Unreadable { file, error }),
    }
}

/// Reads the policy resources of a file, in order.
///
/// # Errors
/// At the first document that is broken or no policy, and where there is none.
pub fn read_policy_resources(path: &Path) -> Result<Vec<PolicyResource>, SettingsError> {
    let resources = manifest::read_file(path)
        .into_iter()
        .map(|document| policy_resource(document?))
        .collect::<Result<Vec<_>, _>>()?;
    if resources.is_empty() {
        return Err(SettingsError::Empty {
            file: path.display().to_string(),
        });
    }
    Ok(resources)
}

fn policy_resource(document: manifest::Document) -> Result<PolicyResource, SettingsError> {
    let manifest::Document { source, mut object } = document;
    let text = |pointer: &str| {
        let text = object.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let (api_version, kind) = (text("/apiVersion"), text("/kind"));
    let is_policy = api_version == "policies.kubewarden.io/v1"
        && matches!(kind.as_str(), "ClusterAdmissionPolicy" | "AdmissionPolicy");
    if !is_policy {
        return Err(SettingsError::NoPolicy {
            place: source,
            found: format!("{api_version} {kind}"),
        });
    }
    let (name, module) = (text("/metadata/name"), text("/spec/module"));
    if module.is_empty() {
        return Err(SettingsError::NoModule { place: source });
    }
    let settings = object
        .pointer_mut("/spec/settings")
        .map_or(Value::Null, Value::take);
    let settings = mapping(&format!("{source}, spec.settings"), settings)?;
    Ok(PolicyResource {
        source,
        name,
        module,
        settings,
    })
}

fn mapping(place: &str, value: Value) -> Result<Value, SettingsError> {
    match value {
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(_) => Ok(value),
        other => Err(SettingsError::NoMapping {
            place: place.to_owned(),
            found: manifest::type_name(&other),
        }),
    }
}
