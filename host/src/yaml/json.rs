//! JSON, read by its own reader: YAML's does not take tabs.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::node::{Content, Entries, Entry, Node, Position};
use super::{DuplicateKeys, YamlError};

/// The JSON documents of a text, one after the other; none where it is no JSON. What is broken in a stream ends it: the
/// documents before it stand.
pub(super) fn nodes(text: &str, keys: DuplicateKeys) -> Option<Vec<Result<Node, YamlError>>> {
    if !begins_like_json(text) {
        return None;
    }
    // The whole is read once as what it is, for syntax, depth and numbers; the rest cannot fail but for keys.
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut raw = Vec::new();
    let mut broken = None;
    loop {
        let begin = stream.byte_offset();
        match stream.next() {
            None => break,
            Some(Ok(_)) => {
                let document = text.get(begin..stream.byte_offset())?;
                raw.push(serde_json::from_str::<&RawValue>(document).ok()?.get());
            }
            // To YAML, a second value without `---` is no document.
            Some(Err(error)) if !raw.is_empty() && begins_like_json(text.get(begin..)?) => {
                broken = Some(fault(text, &error));
                break;
            }
            Some(Err(_)) => return None,
        }
    }
    let mut reader = Reader {
        text,
        keys,
        offset: 0,
        at: Position { line: 1, column: 1 },
    };
    let nodes = raw.into_iter().map(|raw| reader.node(raw));
    Some(nodes.chain(broken.map(Err)).collect())
}

fn begins_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// What serde_json says of a text, whose columns are in bytes.
fn fault(text: &str, error: &serde_json::Error) -> YamlError {
    let line = text.split('\n').nth(error.line().saturating_sub(1));
    let before = line.and_then(|line| line.get(..error.column().saturating_sub(1)));
    let at = Position {
        line: error.line(),
        column: 1 + before.unwrap_or_default().chars().count(),
    };
    let message = error.to_string();
    let end = message.rfind(" at line ").unwrap_or(message.len());
    at.fault(&message[..end])
}

struct Reader<'a> {
    text: &'a str,
    keys: DuplicateKeys,
    /// How far lines and columns are counted; values come in the order of the text.
    offset: usize,
    at: Position,
}

impl<'a> Reader<'a> {
    fn node(&mut self, raw: &'a str) -> Result<Node, YamlError> {
        let at = self.position(raw);
        let content = match raw.as_bytes().first() {
            Some(b'[') => {
                let items: Vec<&RawValue> = parse(raw, at)?;
                let items = items.into_iter().map(|item| self.node(item.get()));
                Content::List(items.collect::<Result<_, _>>()?)
            }
            Some(b'{') => {
                let mut entries = Entries::new(self.keys);
                for (key, value) in parse::<Pairs<'a>>(raw, at)?.0 {
                    let at = self.position(key.get());
                    let key = parse(key.get(), at)?;
                    let node = self.node(value.get())?;
                    entries.add(Entry { key, at, node })?;
                }
                Content::Mapping(entries.into_list())
            }
            _ => {
                let value: Value = parse(raw, at)?;
                let is_verbatim = value
                    .as_str()
                    .is_some_and(|text| text.len() + 2 == raw.len());
                let quote = Position { line: 1, column: 2 };
                let verbatim = is_verbatim.then(|| at.then(quote));
                Content::Scalar { value, verbatim }
            }
        };
        Ok(Node { at, content })
    }

    /// Where a part of the text stands. It borrows from the text, so its address tells.
    fn position(&mut self, part: &str) -> Position {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let passed = self.text.get(self.offset..offset).unwrap_or_default();
        match passed.rsplit_once('\n') {
            Some((lines, line)) => {
                self.at.line += 1 + lines.matches('\n').count();
                self.at.column = 1 + line.chars().count();
            }
            None => self.at.column += passed.chars().count(),
        }
        self.offset = offset;
        self.at
    }
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a str, at: Position) -> Result<T, YamlError> {
    serde_json::from_str(raw).map_err(|error| at.fault(&error.to_string()))
}

/// The entries of an object, as they are written.
struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}
