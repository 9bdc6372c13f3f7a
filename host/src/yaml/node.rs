//! Values that know where they stand.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{DuplicateKeys, YamlError};

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

impl Position {
    /// The place in the file of a place in a text that begins here, and whose lines all begin in this column.
    pub(crate) fn then(self, inner: Position) -> Self {
        Self {
            line: self.line + inner.line - 1,
            column: self.column + inner.column - 1,
        }
    }

    pub(super) fn fault(self, message: &str) -> YamlError {
        YamlError {
            line: self.line,
            column: self.column,
            message: message.to_owned(),
        }
    }
}

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub content: Content,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A value without others in it.
    Scalar {
        /// The value.
        value: Value,
        /// Where its text begins, if the text stands in the file as it is: without escapes or folds, every line of
        /// it a line of the file, all of them indented alike.
        verbatim: Option<Position>,
    },
    /// The items of a list.
    List(Vec<Node>),
    /// The entries of a mapping, in order; each key is there once.
    Mapping(Vec<Entry>),
}

/// An entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Where the key begins.
    pub at: Position,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// The entry of a mapping with this key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The item of a list, counted from 0.
    #[must_use]
    pub fn item(&self, index: usize) -> Option<&Node> {
        match &self.content {
            Content::List(items) => items.get(index),
            _ => None,
        }
    }

    /// Moves a value of another text to where that text begins, whose lines all begin in one column.
    pub(crate) fn move_to(&mut self, begin: Position) {
        self.at = begin.then(self.at);
        match &mut self.content {
            Content::Scalar { verbatim, .. } => {
                *verbatim = verbatim.map(|inner| begin.then(inner));
            }
            Content::List(items) => items.iter_mut().for_each(|item| item.move_to(begin)),
            Content::Mapping(entries) => {
                for entry in entries {
                    entry.at = begin.then(entry.at);
                    entry.node.move_to(begin);
                }
            }
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar { value, .. } if value.is_null())
    }

    /// The value without its places.
    #[must_use]
    pub fn into_value(self) -> Value {
        match self.content {
            Content::Scalar { value, .. } => value,
            Content::List(items) => Value::Array(items.into_iter().map(Node::into_value).collect()),
            Content::Mapping(entries) => Value::Object(
                entries
                    .into_iter()
                    .map(|entry| (entry.key, entry.node.into_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

/// The entries of a mapping that is being read.
pub(super) struct Entries {
    keys: DuplicateKeys,
    list: Vec<Entry>,
    places: HashMap<String, usize>,
}

/// What is said of a key that is there twice. One that does not look like a name is not shown: it can be a value that was
/// written in a name's place, and a secret.
fn twice(key: &str) -> String {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    if key.bytes().all(is_name) {
        format!("the key `{key}` appears twice")
    } else {
        "a key appears twice".to_owned()
    }
}

impl Entries {
    pub fn new(keys: DuplicateKeys) -> Self {
        Self {
            keys,
            list: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// Adds an entry. One whose key is there already replaces the earlier one, or is refused.
    pub fn add(&mut self, entry: Entry) -> Result<(), YamlError> {
        match self.places.get(&entry.key) {
            Some(_) if self.keys == DuplicateKeys::Refuse => {
                let message = twice(&entry.key);
                return Err(entry.at.fault(&message));
            }
            Some(place) => self.list[*place] = entry,
            None => self.push(entry),
        }
        Ok(())
    }

    /// Adds an entry unless its key is there already.
    pub fn add_missing(&mut self, entry: Entry) {
        if !self.places.contains_key(&entry.key) {
            self.push(entry);
        }
    }

    pub fn into_list(self) -> Vec<Entry> {
        self.list
    }

    fn push(&mut self, entry: Entry) {
        self.places.insert(entry.key.clone(), self.list.len());
        self.list.push(entry);
    }
}
