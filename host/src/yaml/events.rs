//! From parser events to JSON.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Value};

use super::{DuplicateKeys, YamlError, scalar};

/// serde_json reads no deeper either.
const MAX_DEPTH: usize = 128;
/// Aliases of aliases can stand for more nodes than a machine has memory.
const MAX_NODES: usize = 2_000_000;

/// The documents of a text, one after the other.
pub(super) struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    keys: DuplicateKeys,
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, keys: DuplicateKeys) -> Self {
        Self {
            parser: Parser::new_from_str(text),
            keys,
            anchors: HashMap::new(),
            nodes: 0,
        }
    }

    /// The next document and the line that its content begins at; none at the end.
    pub(super) fn next_document(&mut self) -> Result<Option<(usize, Value)>, YamlError> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(None),
                (Event::DocumentStart(_), _) => {
                    self.anchors.clear();
                    self.nodes = 0;
                    let (event, span) = self.next()?;
                    let value = self.node(event, span, 0)?;
                    return Ok(Some((span.start.line(), value)));
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(fault(*error.marker(), error.info())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, YamlError> {
        if depth >= MAX_DEPTH {
            return Err(fault(
                span.start,
                &format!("nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        let before = self.nodes;
        self.count(1, span)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar_value(&text, style, tag.as_deref())
                    .map_err(|message| fault(span.start, &message))?;
                (value, anchor)
            }
            Event::SequenceStart(anchor, _) => (self.sequence(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(depth)?, anchor),
            Event::Alias(id) => (self.alias(id, span)?, 0),
            _ => return Err(fault(span.start, "a value is expected")),
        };
        if anchor != 0 {
            self.anchors
                .insert(anchor, (value.clone(), self.nodes - before));
        }
        Ok(value)
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, YamlError> {
        let mut entries = Map::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, span, depth + 1)?;
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            if is_merge {
                merged.extend(mappings(value).ok_or_else(|| {
                    fault(at.start, "`<<` takes a mapping, or a list of mappings")
                })?);
                continue;
            }
            let key = key_text(key)
                .ok_or_else(|| fault(span.start, "a mapping or a list cannot be a key in JSON"))?;
            if self.keys == DuplicateKeys::Refuse && entries.contains_key(&key) {
                return Err(fault(
                    span.start,
                    &format!("the key `{key}` is there twice"),
                ));
            }
            entries.insert(key, value);
        }
        // What the mapping says itself wins, then the mappings merged first.
        for (key, value) in merged.into_iter().flatten() {
            entries.entry(key).or_insert(value);
        }
        Ok(Value::Object(entries))
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Value, YamlError> {
        let Some(nodes) = self.anchors.get(&id).map(|(_, nodes)| *nodes) else {
            return Err(fault(span.start, "the alias stands inside its own anchor"));
        };
        // Counted before it is copied: the copy is what would fill the memory.
        self.count(nodes, span)?;
        Ok(self.anchors[&id].0.clone())
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), YamlError> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(fault(
                span.start,
                &format!("more than {MAX_NODES} values, aliases counted as what they stand for"),
            ));
        }
        Ok(())
    }
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
        Err(format!("this is no `!!{}`", tag.suffix))
    }
}

/// JSON's keys are strings; kubectl writes other scalars as JSON would.
fn key_text(key: Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text),
        Value::Array(_) | Value::Object(_) => None,
        scalar => Some(scalar.to_string()),
    }
}

fn mappings(value: Value) -> Option<Vec<Map<String, Value>>> {
    let one = |value| match value {
        Value::Object(entries) => Some(entries),
        _ => None,
    };
    match value {
        Value::Array(items) => items.into_iter().map(one).collect(),
        single => one(single).map(|entries| vec![entries]),
    }
}

fn fault(at: Marker, message: &str) -> YamlError {
    YamlError {
        line: at.line().max(1),
        column: at.col() + 1,
        message: message.to_owned(),
    }
}
