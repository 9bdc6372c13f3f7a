//! YAML as kubectl reads it.
//!
//! kubectl turns YAML into JSON with a YAML 1.1 idea of plain scalars: `yes` is true, `0644` is 420. What the
//! API server, and so the policy, gets to see depends on it; the readers that follow YAML 1.2 would show
//! something else. This reader takes its events from `saphyr-parser` and resolves them by kubectl's rules.

mod comments;
mod edit;
mod emit;
mod events;
mod json;
mod node;
mod scalar;

pub use comments::{Comments, pointer_key};
pub use edit::edited;
pub use emit::{to_yaml, with_comments};
pub use node::{Content, Entry, Node, Position};

use serde_json::Value;

/// Why a document cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct YamlError {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

/// What to do with a key that a mapping has twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateKeys {
    /// The last one counts, as it does for kubectl.
    LastCounts,
    /// It is an error: where people write settings, one of the two would be lost in silence.
    Refuse,
}

/// One document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The line that it begins at, counted from 1.
    pub line: usize,
    /// What it holds.
    pub value: Value,
}

/// Reads a stream of YAML or JSON documents. An error ends its own document alone. Empty documents are left out.
#[must_use]
pub fn documents(text: &str, keys: DuplicateKeys) -> Vec<Result<Document, YamlError>> {
    without_places(nodes(text, keys))
}

/// Nodes as documents.
pub(crate) fn without_places(
    nodes: Vec<Result<Node, YamlError>>,
) -> Vec<Result<Document, YamlError>> {
    let document = |node: Node| Document {
        line: node.at.line,
        value: node.into_value(),
    };
    nodes.into_iter().map(|node| node.map(document)).collect()
}

/// [`documents`] whose values know where they stand.
#[must_use]
pub fn nodes(text: &str, keys: DuplicateKeys) -> Vec<Result<Node, YamlError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match json::nodes(text, keys) {
        Some(nodes) => nodes,
        // Text that only begins like JSON is left to YAML.
        None => chunks(text)
            .into_iter()
            .flat_map(|(line, chunk)| chunk_nodes(line, chunk, keys))
            .collect(),
    }
}

/// Reads a text that is one document, or empty: that is null.
///
/// # Errors
/// Where the text is broken, or holds more than one document.
pub fn single(text: &str, keys: DuplicateKeys) -> Result<Value, YamlError> {
    Ok(only(documents(text, keys))?.map_or(Value::Null, |document| document.value))
}

/// The one document of a stream, if it has any.
pub(crate) fn only(
    documents: Vec<Result<Document, YamlError>>,
) -> Result<Option<Document>, YamlError> {
    let mut documents = documents.into_iter();
    let Some(first) = documents.next().transpose()? else {
        return Ok(None);
    };
    match documents.next().transpose()? {
        None => Ok(Some(first)),
        Some(second) => Err(YamlError {
            line: second.line,
            column: 1,
            message: "a second document starts here, but one is expected".to_owned(),
        }),
    }
}

/// Cuts a stream at its `---` lines, each part with the number of its first line. A parser cannot go on after
/// an error; a marker at the beginning of a line is a document's begin wherever it stands, so cutting is exact.
fn chunks(text: &str) -> Vec<(usize, &str)> {
    let mut chunks = Vec::new();
    let mut cutter = Cutter::default();
    let (mut begin, mut begin_line, mut offset) = (0, 1, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if cutter.begins(line) {
            chunks.push((begin_line, &text[begin..offset]));
            (begin, begin_line) = (offset, index + 1);
        }
        offset += line.len();
    }
    chunks.push((begin_line, &text[begin..]));
    chunks
}

/// Whether a document begins in this line.
fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Finds where documents begin, line by line.
#[derive(Default)]
pub(crate) struct Cutter {
    /// Whether there is more than directives, comments and blank lines: they belong to the document that follows.
    has_content: bool,
}

impl Cutter {
    /// Whether the document before ends in front of the next line.
    pub fn begins(&mut self, line: &str) -> bool {
        let begins = is_marker(line) && self.has_content;
        self.has_content |= !line.trim().is_empty() && !line.starts_with(['%', '#']);
        begins
    }
}

/// The documents of a part of a stream that begins at this line.
pub(crate) fn chunk_nodes(
    line: usize,
    chunk: &str,
    keys: DuplicateKeys,
) -> Vec<Result<Node, YamlError>> {
    let mut reader = events::Reader::new(chunk, line, keys);
    let mut nodes = Vec::new();
    loop {
        match reader.next_document() {
            Ok(None) => return nodes,
            Ok(Some(node)) if node.is_null() => {}
            Ok(Some(node)) => nodes.push(Ok(node)),
            Err(error) => {
                nodes.push(Err(error));
                return nodes;
            }
        }
    }
}
