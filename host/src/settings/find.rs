//! Settings in whatever file people have them in.
//!
//! A file is told by what is in it, not by its name: settings as such, a Kubewarden policy, the operator's ConfigMap
//! (alone, in a `List`, or in the release file among everything else), the values of its Helm chart.

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

use super::{SettingsError, mapping, read_text};
use crate::manifest::{self, Document, Source};
use crate::yaml::{self, DuplicateKeys};

/// Settings, and what they were found in.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The settings, an object. The operator's text is in their `jsonconfig`, as it was written.
    pub settings: Value,
    /// What they were found in.
    pub form: Form,
    /// Where that stands.
    pub source: Source,
}

/// Settings, and the whole object that they were found in; null where that is the file itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The settings.
    pub found: Found,
    /// The object, as it was written.
    pub object: Value,
}

/// What holds settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A file of settings, YAML or JSON.
    Settings,
    /// `spec.settings` of a Kubewarden policy.
    Policy(ObjectName),
    /// `data.jsonconfig` of the operator's ConfigMap.
    ConfigMap(ObjectName),
    /// `configmap.jsonconfig` of the values of the operator's Helm chart.
    HelmValues,
}

/// What an object is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// Such as `ConfigMap`.
    pub kind: String,
    /// None where it lives in none, or does not say.
    pub namespace: Option<String>,
    /// Empty where it has none.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(out, "{} {namespace}/{}", self.kind, self.name),
            None => write!(out, "{} {}", self.kind, self.name),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings => out.write_str("settings"),
            Self::Policy(name) => write!(out, "the settings of {name}"),
            Self::ConfigMap(name) => write!(out, "`data.jsonconfig` of {name}"),
            Self::HelmValues => out.write_str("`configmap.jsonconfig` of Helm values"),
        }
    }
}

impl Form {
    /// The keys that lead from the object, or the file, to the settings.
    #[must_use]
    pub fn keys(&self) -> &'static [&'static str] {
        match self {
            Self::Settings => &[],
            Self::Policy(_) => &["spec", "settings"],
            Self::ConfigMap(_) => &["data", "jsonconfig"],
            Self::HelmValues => &["configmap", "jsonconfig"],
        }
    }

    /// Whether it holds the operator's text, and not the settings themselves.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self, Self::ConfigMap(_) | Self::HelmValues)
    }
}

/// Finds the settings in a text. `file` says in messages where it is from. A text without anything in it is `{}`.
///
/// # Errors
/// Where the text is broken or has a key twice, where there are no settings in it, or several.
pub fn find(file: &str, text: &str) -> Result<Found, SettingsError> {
    let mut held = find_all(file, text)?;
    if held.len() > 1 {
        let names = held.iter().map(|held| {
            let name = name_of(&held.object);
            format!("{name} in line {}", held.found.source.line)
        });
        return Err(SettingsError::Several {
            file: file.to_owned(),
            found: names.collect::<Vec<_>>().join(", "),
        });
    }
    Ok(held.remove(0).found)
}

/// [`find`] for a text that may have several settings in it, in their order; at least one.
///
/// # Errors
/// As [`find`], but for several.
pub fn find_all(file: &str, text: &str) -> Result<Vec<Held>, SettingsError> {
    let documents = yaml::documents(text, DuplicateKeys::Refuse);
    let is_object = |document: &yaml::Document| {
        ["apiVersion", "kind"]
            .iter()
            .any(|key| document.value.get(key).is_some())
    };
    if documents.iter().flatten().any(is_object) {
        return in_objects(file, text, manifest::from_documents(file, text, documents));
    }
    let single = yaml::only(documents).map_err(|error| SettingsError::Malformed {
        file: file.to_owned(),
        error,
    })?;
    Ok(vec![Held {
        found: in_mapping(file, text, single)?,
        object: Value::Null,
    }])
}

/// [`find`] for a file.
///
/// # Errors
/// As [`find`], and where the file cannot be read.
pub fn find_file(path: &Path) -> Result<Found, SettingsError> {
    let file = path.display().to_string();
    find(&file, &read_text(path, &file)?)
}

fn in_mapping(
    file: &str,
    text: &str,
    document: Option<yaml::Document>,
) -> Result<Found, SettingsError> {
    let (line, value) = document.map_or((1, Value::Null), |found| (found.line, found.value));
    let source = Source {
        file: file.to_owned(),
        document: 1,
        line,
        column: None,
        items: Vec::new(),
    };
    if value.get("settings").is_some_and(Value::is_object) {
        return Err(SettingsError::ChartValues {
            file: file.to_owned(),
        });
    }
    if let Some(held) = value.pointer("/configmap/jsonconfig") {
        return text_of(held, text, Form::HelmValues, source);
    }
    let place = || source.of_field("", text).to_string();
    Ok(Found {
        settings: mapping(place, value)?,
        form: Form::Settings,
        source,
    })
}

fn in_objects(
    file: &str,
    text: &str,
    documents: Vec<Result<Document, manifest::ManifestError>>,
) -> Result<Vec<Held>, SettingsError> {
    let mut all = Vec::new();
    let mut others = Vec::new();
    for document in documents {
        let document = document?;
        let name = name_of(&document.object);
        match form_of(&document.object, &name) {
            Some(form) => all.push(in_object(document, text, form)?),
            None => others.push(name.to_string()),
        }
    }
    if all.is_empty() {
        return Err(SettingsError::NoSettings {
            file: file.to_owned(),
            found: others.join(", "),
        });
    }
    Ok(all)
}

fn in_object(document: Document, text: &str, form: Form) -> Result<Held, SettingsError> {
    let Document { source, object } = document;
    let pointer = format!("/{}", form.keys().join("/"));
    let held = object.pointer(&pointer).unwrap_or(&Value::Null);
    let found = if form.is_text() {
        text_of(held, text, form, source)?
    } else {
        let path = form.keys().join(".");
        let place = || format!("{}, {path}", source.of_field(&path, text));
        Found {
            settings: mapping(place, held.clone())?,
            form,
            source,
        }
    };
    Ok(Held { found, object })
}

fn text_of(held: &Value, text: &str, form: Form, source: Source) -> Result<Found, SettingsError> {
    if !held.is_string() {
        let key = form.keys().join(".");
        return Err(SettingsError::NoText {
            place: source.of_field(&key, text),
            key,
            found: manifest::type_name(held),
        });
    }
    Ok(Found {
        settings: json!({ "jsonconfig": held }),
        form,
        source,
    })
}

/// What an object is called, for messages.
#[must_use]
pub fn name_of(object: &Value) -> ObjectName {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    ObjectName {
        kind: text("/kind").unwrap_or_default().to_owned(),
        namespace: text("/metadata/namespace").map(str::to_owned),
        name: text("/metadata/name").unwrap_or_default().to_owned(),
    }
}

/// What an object holds settings as, if it does.
fn form_of(object: &Value, name: &ObjectName) -> Option<Form> {
    if super::is_policy(object) {
        return Some(Form::Policy(name.clone()));
    }
    let is_config_map = object["apiVersion"] == "v1" && object["kind"] == "ConfigMap";
    let has_text = object.pointer("/data/jsonconfig").is_some();
    (is_config_map && has_text).then(|| Form::ConfigMap(name.clone()))
}
