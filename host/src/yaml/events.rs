//! From parser events to JSON.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::Value;

use super::node::{Content, Entries, Entry, Node, Position};
use super::{DuplicateKeys, YamlError, scalar};

/// serde_json reads no deeper either.
const MAX_DEPTH: usize = 128;
/// Aliases of aliases can stand for more nodes than a machine has memory.
const MAX_NODES: usize = 2_000_000;

/// The documents of a text, one after the other.
pub(super) struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// The line that the text begins at, counted from 1.
    first_line: usize,
    keys: DuplicateKeys,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, first_line: usize, keys: DuplicateKeys) -> Self {
        Self {
            parser: Parser::new_from_str(text),
            first_line,
            keys,
            anchors: HashMap::new(),
            nodes: 0,
        }
    }

    /// The next document; none at the end.
    pub(super) fn next_document(&mut self) -> Result<Option<Node>, YamlError> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(None),
                (Event::DocumentStart(_), _) => {
                    self.anchors.clear();
                    self.nodes = 0;
                    let (event, span) = self.next()?;
                    return self.node(event, span, 0).map(Some);
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.position(*error.marker()).fault(error.info())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn position(&self, marker: Marker) -> Position {
        Position {
            line: self.first_line + marker.line().max(1) - 1,
            column: marker.col() + 1,
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, YamlError> {
        let at = self.position(span.start);
        if depth >= MAX_DEPTH {
            return Err(at.fault(&format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let before = self.nodes;
        self.count(1, at)?;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar_value(&text, style, tag.as_deref())
                    .map_err(|message| at.fault(&message))?;
                let verbatim = verbatim(&text, style, span, at);
                let content = Content::Scalar { value, verbatim };
                (Node { at, content }, anchor)
            }
            Event::SequenceStart(anchor, _) => (self.sequence(at, depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(at, depth)?, anchor),
            Event::Alias(id) => (self.alias(id, at)?, 0),
            _ => return Err(at.fault("a value is expected")),
        };
        if anchor != 0 {
            self.anchors
                .insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn sequence(&mut self, at: Position, depth: usize) -> Result<Node, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => break,
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
        let content = Content::List(items);
        Ok(Node { at, content })
    }

    fn mapping(&mut self, at: Position, depth: usize) -> Result<Node, YamlError> {
        let mut entries = Entries::new(self.keys);
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            if is_merge {
                let at = node.at;
                merged.extend(
                    mappings(node)
                        .ok_or_else(|| at.fault("`<<` takes a mapping, or a list of mappings"))?,
                );
                continue;
            }
            let at = key.at;
            let key = key_text(key)
                .ok_or_else(|| at.fault("a mapping or a list cannot be a key in JSON"))?;
            entries.add(Entry { key, at, node })?;
        }
        // What the mapping says itself wins, then the mappings merged first.
        for entry in merged.into_iter().flatten() {
            entries.add_missing(entry);
        }
        let content = Content::Mapping(entries.into_list());
        Ok(Node { at, content })
    }

    fn alias(&mut self, id: usize, at: Position) -> Result<Node, YamlError> {
        let Some(nodes) = self.anchors.get(&id).map(|(_, nodes)| *nodes) else {
            return Err(at.fault("the alias is inside its own anchor"));
        };
        // Counted before it is copied: the copy is what would fill the memory.
        self.count(nodes, at)?;
        Ok(self.anchors[&id].0.clone())
    }

    fn count(&mut self, nodes: usize, at: Position) -> Result<(), YamlError> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(at.fault(&format!(
                "more than {MAX_NODES} values, aliases counted as what they stand for"
            )));
        }
        Ok(())
    }
}

/// Where the text of a scalar begins, if it stands in the file as it is.
fn verbatim(text: &str, style: ScalarStyle, span: Span, at: Position) -> Option<Position> {
    let quotes = match style {
        ScalarStyle::Plain => 0,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
        ScalarStyle::Literal => {
            // The span begins at the first line that has something in it.
            let blank = text.len() - text.trim_start_matches('\n').len();
            return Some(Position {
                line: at.line.checked_sub(blank)?,
                ..at
            });
        }
        ScalarStyle::Folded => return None,
    };
    // An escape or a fold makes the text shorter than what stands there.
    let is_same = span.len() == text.chars().count() + 2 * quotes;
    (is_same && span.start.line() == span.end.line()).then_some(Position {
        column: at.column + quotes,
        ..at
    })
}

fn scalar_value(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let string = || Value::String(text.to_owned());
    let Some(tag) = tag else {
        return match style {
            ScalarStyle::Plain => scalar::resolve(text),
            _ => Ok(string()),
        };
    };
    if !tag.is_yaml_core_schema() {
        return Ok(string());
    }
    let value = scalar::resolve(text)?;
    let fits = match tag.suffix.as_str() {
        "str" => return Ok(string()),
        "int" => value.is_i64() || value.is_u64(),
        "float" => value.is_number(),
        "bool" => value.is_boolean(),
        "null" => value.is_null(),
        "timestamp" => value.is_string(),
        other => return Err(format!("the tag `!!{other}` is not supported")),
    };
    if fits {
        Ok(value)
    } else {
        Err(format!("this is not a `!!{}`", tag.suffix))
    }
}

/// JSON's keys are strings; kubectl writes other scalars as JSON would.
fn key_text(key: Node) -> Option<String> {
    match key.content {
        Content::Scalar { value, .. } => Some(match value {
            Value::String(text) => text,
            other => other.to_string(),
        }),
        _ => None,
    }
}

fn mappings(node: Node) -> Option<Vec<Vec<Entry>>> {
    let one = |node: Node| match node.content {
        Content::Mapping(entries) => Some(entries),
        _ => None,
    };
    match node.content {
        Content::List(items) => items.into_iter().map(one).collect(),
        _ => one(node).map(|entries| vec![entries]),
    }
}
