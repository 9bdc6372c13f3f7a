//! From a problem of the settings to the line that it stands in.

use serde_json::Value;

use super::Found;
use crate::manifest::Source;
use crate::yaml::{self, Content, DuplicateKeys, Node, Position};

/// Where the parts of settings stand in the file that they were found in.
#[derive(Debug)]
pub struct Positions {
    settings: Spot,
}

/// A problem of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands; as near as can be had.
    pub at: Position,
    /// The path to the key; empty where it is about all of the settings.
    pub path: String,
    /// What is wrong there. With line and column in a text only where `at` does not point into it.
    pub what: String,
}

impl Problem {
    /// What is wrong, behind its path.
    #[must_use]
    pub fn message(&self) -> String {
        match self.path.as_str() {
            "" => self.what.clone(),
            path => format!("{path}: {}", self.what),
        }
    }
}

/// A value, the place that messages show for it, and where it stands itself.
#[derive(Debug, Clone)]
struct Spot {
    /// The key of an entry, or the item.
    shown: Position,
    node: Node,
}

impl Positions {
    /// Reads the text that `found` was found in once more.
    #[must_use]
    pub fn new(found: &Found, text: &str) -> Self {
        let mut settings = Self::of_object(found, text).settings;
        for key in found.form.keys() {
            settings = settings.entry(key).unwrap_or(Spot {
                node: nothing(),
                ..settings
            });
        }
        Self { settings }
    }

    /// Likewise, for paths that begin at the object that the settings stand in.
    #[must_use]
    pub fn of_object(found: &Found, text: &str) -> Self {
        Self::of_source(&found.source, text)
    }

    /// Likewise, for an object that stands somewhere in a text.
    pub(crate) fn of_source(source: &Source, text: &str) -> Self {
        let documents = yaml::nodes(text, DuplicateKeys::LastCounts);
        let document = documents
            .into_iter()
            .nth(source.document - 1)
            .and_then(Result::ok);
        let mut settings = Spot {
            shown: Position {
                line: source.line,
                column: document.as_ref().map_or(1, |node| node.at.column),
            },
            node: document.unwrap_or_else(nothing),
        };
        for item in &source.items {
            let items = settings.entry("items");
            settings = items
                .and_then(|items| items.item(item - 1))
                .unwrap_or(settings);
        }
        Self { settings }
    }

    /// Where a path of the settings leads, as far as they have it: `admission_inject.ddtrace.envs`.
    #[must_use]
    pub fn find(&self, path: &str) -> Position {
        self.spot(path).shown
    }

    /// Finds the place of a problem at a path, `inside` of the text there if it is one.
    #[must_use]
    pub fn problem(&self, path: &str, what: &str, inside: Option<Position>) -> Problem {
        let spot = self.spot(path);
        let in_the_file = inside.and_then(|inside| spot.inside(inside));
        let mut what = what.to_owned();
        if let (Some(Position { line, column }), None) = (inside, in_the_file) {
            what.push_str(&format!(" (line {line}, column {column})"));
        }
        Problem {
            at: in_the_file.unwrap_or(spot.shown),
            path: path.to_owned(),
            what,
        }
    }

    fn spot(&self, path: &str) -> Spot {
        let root = &self.settings;
        // The operator's text stands for the settings: paths lead through it without a word, unless they are about
        // the text itself.
        let is_about_text = after_key(path, "jsonconfig").is_some();
        match (&root.node.content, root.entry("jsonconfig")) {
            (Content::Scalar { .. }, _) if is_about_text => root.clone(),
            (Content::Scalar { .. }, _) => deepest(root.clone(), path),
            (_, Some(text)) if !is_about_text => deepest(text, path),
            _ => deepest(root.clone(), path),
        }
    }
}

impl Spot {
    fn entry(&self, key: &str) -> Option<Self> {
        self.node.entry(key).map(|entry| Self {
            shown: entry.at,
            node: entry.node.clone(),
        })
    }

    fn item(&self, index: usize) -> Option<Self> {
        self.node.item(index).map(|item| Self {
            shown: item.at,
            node: item.clone(),
        })
    }

    /// Where a text stands in the file as it is, and the text.
    fn verbatim(&self) -> Option<(Position, &str)> {
        match &self.node.content {
            Content::Scalar {
                value: Value::String(text),
                verbatim: Some(begin),
            } => Some((*begin, text)),
            _ => None,
        }
    }

    /// The place in the file of a place in the text. Columns of JSON's messages count bytes.
    fn inside(&self, at: Position) -> Option<Position> {
        let (begin, text) = self.verbatim()?;
        let line = text.split('\n').nth(at.line - 1)?;
        let before = line.as_bytes().get(..at.column.saturating_sub(1))?;
        Some(begin.then(Position {
            line: at.line,
            column: 1 + String::from_utf8_lossy(before).chars().count(),
        }))
    }

    /// The JSON in a text, with its places in the file.
    fn json(&self) -> Option<Self> {
        let (begin, text) = self.verbatim()?;
        let mut nodes = yaml::nodes(text, DuplicateKeys::LastCounts).into_iter();
        let mut node = nodes.next()?.ok()?;
        if matches!(node.content, Content::Scalar { .. }) {
            return None;
        }
        node.move_to(begin);
        Some(Self { node, ..*self })
    }
}

fn nothing() -> Node {
    Node {
        at: Position { line: 1, column: 1 },
        content: Content::List(Vec::new()),
    }
}

/// Follows a path as far as it leads, through texts that hold JSON too.
fn deepest(spot: Spot, path: &str) -> Spot {
    let (next, rest) = match &spot.node.content {
        Content::Mapping(entries) => {
            let path = path.strip_prefix('.').unwrap_or(path);
            // Keys may have dots in them: of two that fit, the longer one is meant.
            let fits = |key: &str| after_key(path, key).map(|rest| (key.len(), rest));
            let longest = entries
                .iter()
                .filter_map(|entry| Some((entry, fits(&entry.key)?)))
                .max_by_key(|(_, (length, _))| *length);
            match longest {
                Some((entry, (_, rest))) => (spot.entry(&entry.key), rest),
                None => (None, ""),
            }
        }
        Content::List(_) => match after_index(path) {
            Some((index, rest)) => (spot.item(index), rest),
            None => (None, ""),
        },
        // Where the path ends here, it is about the text itself.
        Content::Scalar { .. } if path.is_empty() => (None, ""),
        Content::Scalar { .. } => (spot.json(), path),
    };
    match next {
        Some(next) => deepest(next, rest),
        None => spot,
    }
}

/// What follows a key in a path: nothing, or another step.
fn after_key<'p>(path: &'p str, key: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(key)?;
    let ends = rest.is_empty() || rest.starts_with(['.', '[']);
    (ends && !key.is_empty()).then_some(rest)
}

fn after_index(path: &str) -> Option<(usize, &str)> {
    let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
    Some((index.parse().ok()?, rest))
}
