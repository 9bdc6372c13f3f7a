//! Writes JSON text, without white space.

use std::fmt;

use super::scan::{Set, position};
use super::{Object, Value};

impl Value<'_> {
    /// Appends the value as JSON to `out`.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(text) => out.push_str(text),
            Self::String(text) => write_text(text, out),
            Self::Array(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(object) => object.write(out),
        }
    }
}

impl Object<'_> {
    fn write(&self, out: &mut String) {
        out.push('{');
        for (place, (key, value)) in self.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            write_text(key, out);
            out.push(':');
            value.write(out);
        }
        out.push('}');
    }
}

/// Appends a text as a string of JSON.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(place) = position(rest.as_bytes(), Set::Special) {
        let (plain, special) = rest.split_at(place);
        out.push_str(plain);
        let mut characters = special.chars();
        if let Some(character) = characters.next() {
            escape(character, out);
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn escape(character: char, out: &mut String) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        other => out.push_str(&format!("\\u{:04x}", u32::from(other))),
    }
}

/// As JSON.
impl fmt::Display for Value<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        formatter.write_str(&out)
    }
}
