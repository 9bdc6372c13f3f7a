//! Manifests: files of one or many Kubernetes objects, taken apart.

pub mod pieces;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::Positions;
use crate::yaml::{self, DuplicateKeys, Position};

/// Where an object stood, for messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The file's name as the user gave it.
    pub file: String,
    /// The document in the file, counted from 1; empty documents do not count.
    pub document: usize,
    /// The line that the document begins at, counted from 1; with a column, the line of what is meant.
    pub line: usize,
    /// The column of what is meant, counted from 1, where it was looked up.
    pub column: Option<usize>,
    /// The positions in the lists around the object, counted from 1, the outermost first.
    pub items: Vec<usize>,
}

impl Source {
    /// With the number of the document, for messages about one that cannot be used.
    fn in_words(&self) -> String {
        let place = format!("{}, document {}", self.in_the_file(), self.document);
        self.items
            .iter()
            .fold(place, |place, item| format!("{place}, item {item}"))
    }

    /// As compilers write it and editors read it.
    fn in_the_file(&self) -> String {
        match self.column {
            Some(column) => format!("{}:{}:{column}", self.file, self.line),
            None => format!("{}:{}", self.file, self.line),
        }
    }

    /// The place of a field of the object, such as `spec.template`, or of the nearest one around it that is there, in
    /// the text of the file.
    #[must_use]
    pub fn of_field(&self, path: &str, text: &str) -> Self {
        let at = Positions::of_source(self, text).find(path);
        Self {
            line: at.line,
            column: Some(at.column),
            ..self.clone()
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.in_the_file())?;
        self.items
            .iter()
            .try_for_each(|item| write!(out, ", item {item}"))
    }
}

/// One object of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Where it stood.
    pub source: Source,
    /// What it is; an object with `apiVersion` and `kind`.
    pub object: Value,
}

/// Why a document, or a whole file, cannot be used. Each names the place.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be opened or is no UTF-8 text.
    #[error("{file}: cannot be read: {error}")]
    Unreadable {
        /// The file's name as the user gave it.
        file: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The document is neither YAML nor JSON.
    #[error("{file}:{}:{}, document {document}: {}", error.line, error.column, error.message)]
    Malformed {
        /// The file's name as the user gave it.
        file: String,
        /// The document in the file, counted from 1.
        document: usize,
        /// What is wrong, and in which line.
        error: yaml::YamlError,
    },
    /// The document is no mapping.
    #[error("{}: {}", place.in_words(), self.what())]
    NoObject {
        /// Where it stood.
        place: Source,
        /// What is there instead.
        found: &'static str,
    },
    /// The object does not say what it is.
    #[error("{}: {}", place.in_words(), self.what())]
    Untyped {
        /// Where it stood.
        place: Source,
        /// The field.
        missing: &'static str,
    },
}

impl ManifestError {
    /// The file's name as the user gave it.
    #[must_use]
    pub fn file(&self) -> &str {
        match self {
            Self::Unreadable { file, .. } | Self::Malformed { file, .. } => file,
            Self::NoObject { place, .. } | Self::Untyped { place, .. } => &place.file,
        }
    }

    /// Where in the text it is; none where there is no text.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        let (line, column) = match self {
            Self::Unreadable { .. } => return None,
            Self::Malformed { error, .. } => (error.line, error.column),
            Self::NoObject { place, .. } | Self::Untyped { place, .. } => {
                (place.line, place.column.unwrap_or(1))
            }
        };
        Some(Position { line, column })
    }

    /// Finds the place in the text of the file.
    fn look_up(&mut self, text: &str) {
        if let Self::NoObject { place, .. } | Self::Untyped { place, .. } = self {
            *place = place.of_field("", text);
        }
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Unreadable { error, .. } => error.to_string(),
            Self::Malformed { error, .. } => error.message.clone(),
            Self::NoObject { found, .. } => {
                format!("expected a Kubernetes object, found {found}")
            }
            Self::Untyped { missing, .. } => format!(
                "the object has no `{missing}`; every Kubernetes object needs `apiVersion` and `kind`"
            ),
        }
    }
}

/// Reads a manifest's text, YAML or JSON, of any number of documents. A `List`, of whatever kind, is taken
/// apart into its items. What is broken is an error of its own and does not stop the rest; so is a key that is there
/// twice, as it is for `kubectl apply`, whose validation is strict.
#[must_use]
pub fn read(file: &str, text: &str) -> Vec<Result<Document, ManifestError>> {
    from_documents(file, text, yaml::documents(text, DuplicateKeys::Refuse))
}

/// [`read`] for documents that are YAML no more.
pub(crate) fn from_documents(
    file: &str,
    text: &str,
    documents: Vec<Result<yaml::Document, yaml::YamlError>>,
) -> Vec<Result<Document, ManifestError>> {
    let mut found = numbered(file, 0, documents);
    for problem in found.iter_mut().filter_map(|found| found.as_mut().err()) {
        problem.look_up(text);
    }
    found
}

/// [`from_documents`] for those that come after so many others; problems have the places of their documents.
fn numbered(
    file: &str,
    before: usize,
    documents: Vec<Result<yaml::Document, yaml::YamlError>>,
) -> Vec<Result<Document, ManifestError>> {
    let mut found = Vec::new();
    for (position, document) in (before..).zip(documents) {
        match document {
            Ok(document) => {
                let source = Source {
                    file: file.to_owned(),
                    document: position + 1,
                    line: document.line,
                    column: None,
                    items: Vec::new(),
                };
                take_apart(source, document.value, &mut found);
            }
            Err(error) => found.push(Err(ManifestError::Malformed {
                file: file.to_owned(),
                document: position + 1,
                error,
            })),
        }
    }
    found
}

/// [`read`] for a file. One that cannot be read is a single error.
#[must_use]
pub fn read_file(path: &Path) -> Vec<Result<Document, ManifestError>> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => read(&file, &text),
        Err(error) => vec![Err(ManifestError::Unreadable { file, error })],
    }
}

fn take_apart(source: Source, value: Value, found: &mut Vec<Result<Document, ManifestError>>) {
    let Value::Object(mut fields) = value else {
        found.push(Err(ManifestError::NoObject {
            found: type_name(&value),
            place: source,
        }));
        return;
    };
    let text = |key: &str| {
        let text = fields.get(key).and_then(Value::as_str)?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        let missing = if text("kind").is_some() {
            "apiVersion"
        } else {
            "kind"
        };
        found.push(Err(ManifestError::Untyped {
            place: source,
            missing,
        }));
        return;
    };
    let item_kind = kind.strip_suffix("List");
    match (item_kind, fields.get_mut("items").map(Value::take)) {
        (Some(item_kind), Some(Value::Array(items))) => {
            for (position, item) in items.into_iter().enumerate() {
                let mut source = source.clone();
                source.items.push(position + 1);
                take_apart(source, typed(item, &api_version, item_kind), found);
            }
        }
        (_, items) => {
            if let Some(items) = items {
                fields.insert("items".to_owned(), items);
            }
            found.push(Ok(Document {
                source,
                object: Value::Object(fields),
            }));
        }
    }
}

/// The API server leaves `apiVersion` and `kind` out of the items of a `DeploymentList`; a plain `List` has
/// them in its items.
fn typed(mut item: Value, api_version: &str, kind: &str) -> Value {
    if let (Some(fields), false) = (item.as_object_mut(), kind.is_empty()) {
        let mut add = |key: &str, value: &str| {
            fields
                .entry(key)
                .or_insert_with(|| Value::String(value.to_owned()));
        };
        add("apiVersion", api_version);
        add("kind", kind);
    }
    item
}

pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
