//! Policy settings, and the files that carry them.

mod find;
mod positions;

pub use find::{Form, Found, Held, ObjectName, find, find_all, find_file, name_of};
pub use positions::{Positions, Problem};

use std::path::Path;

use serde_json::{Map, Value};

use crate::manifest::{self, ManifestError, Source};
use crate::yaml::{self, DuplicateKeys, Position};

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
    #[error("{file}:{}:{}: {}", error.line, error.column, error.message)]
    Malformed {
        /// Where the settings come from.
        file: String,
        /// What is wrong, and in which line.
        error: yaml::YamlError,
    },
    /// The settings are no mapping.
    #[error("{place}: settings must be a mapping or empty; this is {found}")]
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
        "{place}: {found} is not a Kubewarden policy; ClusterAdmissionPolicy and AdmissionPolicy \
         (policies.kubewarden.io/v1) are"
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
    /// What should be the operator's text is something else.
    #[error("{place}: `{key}` must be text (`jsonconfig: |-` and JSON below it); this is {found}")]
    NoText {
        /// Where the object stood.
        place: Source,
        /// The path of the text.
        key: String,
        /// What is there instead.
        found: &'static str,
    },
    /// None of the objects in a file has settings in it.
    #[error(
        "{file}: it contains no settings; a Kubewarden policy has them in `spec.settings`, and the operator's \
         ConfigMap in `data.jsonconfig`, but this is {found}"
    )]
    NoSettings {
        /// The file's name as the user gave it.
        file: String,
        /// What the objects are.
        found: String,
    },
    /// The values of the policy's own Helm chart: what they come to, only Helm knows.
    #[error(
        "{file}: these are values of the policy's Helm chart, and Helm merges them with its defaults; run `helm \
         template` with them, and use the policy that it writes"
    )]
    ChartValues {
        /// The file's name as the user gave it.
        file: String,
    },
    /// Several objects in a file have settings in them.
    #[error("{file}: several objects have settings ({found}); keep one of them in the file")]
    Several {
        /// The file's name as the user gave it.
        file: String,
        /// What the objects are.
        found: String,
    },
    /// A file has no policy resource in it.
    #[error("{file}: it contains no Kubewarden policy")]
    Empty {
        /// The file's name as the user gave it.
        file: String,
    },
}

impl SettingsError {
    /// The file of [`Self::in_the_text`].
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Malformed { file, .. } => Some(file),
            Self::Manifest(error) => Some(error.file()),
            _ => None,
        }
    }

    /// Where in the text it is, and what is wrong there; none of what is wrong with the text as a whole.
    #[must_use]
    pub fn in_the_text(&self) -> Option<(Position, String)> {
        match self {
            Self::Malformed { error, .. } => {
                let yaml::YamlError { line, column, .. } = *error;
                Some((Position { line, column }, error.message.clone()))
            }
            Self::Manifest(error) => Some((error.position()?, error.what())),
            _ => None,
        }
    }
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
    mapping(|| name.to_owned(), value)
}

/// [`read`] for a file.
///
/// # Errors
/// As [`read`], and where the file cannot be read.
pub fn read_file(path: &Path) -> Result<Value, SettingsError> {
    let file = path.display().to_string();
    read(&file, &read_text(path, &file)?)
}

fn read_text(path: &Path, file: &str) -> Result<String, SettingsError> {
    std::fs::read_to_string(path).map_err(|error| SettingsError::Unreadable {
        file: file.to_owned(),
        error,
    })
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
    if !is_policy(&object) {
        return Err(SettingsError::NoPolicy {
            place: source,
            found: format!("{} {}", text("/apiVersion"), text("/kind")),
        });
    }
    let (name, module) = (text("/metadata/name"), text("/spec/module"));
    if module.is_empty() {
        return Err(SettingsError::NoModule { place: source });
    }
    let settings = object
        .pointer_mut("/spec/settings")
        .map_or(Value::Null, Value::take);
    let settings = mapping(|| format!("{source}, spec.settings"), settings)?;
    Ok(PolicyResource {
        source,
        name,
        module,
        settings,
    })
}

/// Whether an object is a policy that has settings of its own.
fn is_policy(object: &Value) -> bool {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    text("apiVersion") == Some("policies.kubewarden.io/v1")
        && matches!(
            text("kind"),
            Some("ClusterAdmissionPolicy" | "AdmissionPolicy")
        )
}

/// `place` is asked where the value is something else.
fn mapping(place: impl FnOnce() -> String, value: Value) -> Result<Value, SettingsError> {
    match value {
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(_) => Ok(value),
        other => Err(SettingsError::NoMapping {
            place: place(),
            found: manifest::type_name(&other),
        }),
    }
}
