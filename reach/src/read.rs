//! Reading a policy's resource, with all that is wrong with it.

use serde_json::{Map, Value};

/// Something that the API server or the controller refuses, or that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path in the resource: `spec.rules[0].scope`.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// Reads values, and knows where it is.
#[derive(Debug)]
pub(crate) struct Reader<'p> {
    path: String,
    problems: &'p mut Vec<Problem>,
}

impl<'p> Reader<'p> {
    pub fn new(problems: &'p mut Vec<Problem>) -> Self {
        Self {
            path: String::new(),
            problems,
        }
    }

    /// Reads below a key.
    pub fn at<T>(&mut self, key: &str, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
        let mut below = Reader {
            path: self.path_of(key),
            problems: self.problems,
        };
        read(&mut below)
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// Notes a problem of a key.
    pub fn problem(&mut self, key: &str, message: String) {
        self.problems.push(Problem {
            path: self.path_of(key),
            message,
        });
    }

    /// A text that has to be there.
    pub fn text(&mut self, of: &Value, key: &str) -> Option<String> {
        match &of[key] {
            Value::String(text) if !text.is_empty() => return Some(text.clone()),
            Value::Null => self.problem(key, "is missing".to_owned()),
            _ => self.problem(key, "is not a string".to_owned()),
        }
        None
    }

    /// One of a few words; the first where there is none.
    pub fn word(&mut self, of: &Value, key: &str, words: &[&'static str]) -> &'static str {
        let first = words.first().copied().unwrap_or_default();
        let value = &of[key];
        let known = words.iter().find(|word| *value == **word);
        if known.is_none() && !value.is_null() {
            self.problem(key, format!("{value} is not one of {}", words.join(", ")));
        }
        known.copied().unwrap_or(first)
    }

    /// A list of texts.
    pub fn texts(&mut self, of: &Value, key: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for (index, item) in self.list(of, key).iter().enumerate() {
            match item.as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.problem(&format!("{key}[{index}]"), "is not a string".to_owned()),
            }
        }
        texts
    }

    /// A list; an empty one where there is none.
    pub fn list<'v>(&mut self, of: &'v Value, key: &str) -> &'v [Value] {
        match &of[key] {
            Value::Null => &[],
            Value::Array(items) => items,
            _ => {
                self.problem(key, "is not a list".to_owned());
                &[]
            }
        }
    }

    /// The entries of a mapping.
    pub fn mapping<'v>(
        &mut self,
        of: &'v Value,
        key: &str,
    ) -> impl Iterator<Item = (&'v String, &'v Value)> + use<'v> {
        let entries: Option<&Map<String, Value>> = match &of[key] {
            Value::Null => None,
            Value::Object(entries) => Some(entries),
            _ => {
                self.problem(key, "is not a mapping".to_owned());
                None
            }
        };
        entries.into_iter().flatten()
    }
}
