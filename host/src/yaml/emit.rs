//! JSON values written as YAML, the way `kubectl get -o yaml` lays it out.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::comments::{Comments, pointer_key};
use super::scalar;

/// Writes a value as block-style YAML with sorted keys and a final newline. [`super::single`] reads the same value back, and
/// so do readers of YAML 1.2: whatever either of them could take for something else is quoted.
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    with_comments(&value, &Comments::default())
}

/// Writes a value as [`to_yaml`] does, with its keys in the order that they are in, and comments above them.
#[must_use]
pub fn with_comments(value: &Value, comments: &Comments) -> String {
    write(value, comments, 0)
}

/// Writes a value as [`with_comments`] does, with lists that are indented below their keys.
pub(super) fn with_indented_lists(value: &Value, indent: usize) -> String {
    write(value, &Comments::default(), indent)
}

fn write(value: &Value, comments: &Comments, list_indent: usize) -> String {
    let mut writer = Writer {
        out: String::new(),
        comments,
        path: String::new(),
        list_indent,
    };
    writer.above(value, 0);
    match value {
        Value::Object(entries) if !entries.is_empty() => writer.mapping(entries, 0),
        Value::Array(items) if !items.is_empty() => writer.sequence(items, 0),
        // A block at the margin could hold a line that ends the document.
        scalar => writer.inline(scalar, 2),
    }
    writer.out
}

struct Writer<'c> {
    out: String,
    comments: &'c Comments,
    /// The JSON pointer of what is being written.
    path: String,
    /// How far lists are indented below their keys.
    list_indent: usize,
}

impl Writer<'_> {
    /// Writes the comments of a value, and of what begins in its line, in lines of their own.
    fn above(&mut self, value: &Value, indent: usize) {
        self.comment(indent);
        self.above_first(value, indent);
    }

    /// As [`Self::above`], without the comments of the value itself.
    fn above_first(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(entries) => {
                if let Some((key, _)) = entries.iter().next() {
                    self.step(&pointer_key(key), |writer| writer.comment(indent));
                }
            }
            Value::Array(items) => {
                if let Some(item) = items.first() {
                    self.step("0", |writer| writer.above(item, indent));
                }
            }
            _ => {}
        }
    }

    fn comment(&mut self, indent: usize) {
        for line in self.comments.lines(&self.path, indent) {
            self.pad(indent);
            self.out.push_str(&line);
            self.out.push('\n');
        }
    }

    fn step(&mut self, key: &str, write: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(key);
        write(self);
        self.path.truncate(length);
    }

    /// Begins in the current line: the caller has written the indentation, or `- `, and what stands above.
    fn mapping(&mut self, entries: &Map<String, Value>, indent: usize) {
        for (position, (key, value)) in entries.iter().enumerate() {
            self.step(&pointer_key(key), |writer| {
                if position > 0 {
                    writer.comment(indent);
                    writer.pad(indent);
                }
                writer.out.push_str(&flow_string(key));
                writer.out.push(':');
                writer.entry_value(value, indent);
            });
        }
    }

    fn entry_value(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                self.out.push('\n');
                self.above_first(value, indent + 2);
                self.pad(indent + 2);
                self.mapping(entries, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                let indent = indent + self.list_indent;
                self.out.push('\n');
                self.above_first(value, indent);
                self.pad(indent);
                self.sequence(items, indent);
            }
            scalar => {
                self.out.push(' ');
                self.inline(scalar, indent + 2);
            }
        }
    }

    fn sequence(&mut self, items: &[Value], indent: usize) {
        for (position, item) in items.iter().enumerate() {
            self.step(&position.to_string(), |writer| {
                if position > 0 {
                    writer.above(item, indent);
                    writer.pad(indent);
                }
                writer.out.push_str("- ");
                match item {
                    Value::Object(entries) if !entries.is_empty() => {
                        writer.mapping(entries, indent + 2);
                    }
                    Value::Array(items) if !items.is_empty() => writer.sequence(items, indent + 2),
                    scalar => writer.inline(scalar, indent + 2),
                }
            });
        }
    }

    /// A value that fits in the line, or a literal block whose lines are indented by `indent`.
    fn inline(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) if is_literal(text) => literal(&mut self.out, text, indent),
            Value::String(text) => {
                self.out.push_str(&flow_string(text));
                self.out.push('\n');
            }
            // Null, booleans, numbers, `{}` and `[]` are the same in JSON.
            other => {
                let _ = writeln!(self.out, "{other}");
            }
        }
    }

    fn pad(&mut self, indent: usize) {
        pad(&mut self.out, indent);
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Text of several lines is readable as a block; what a block could not carry exactly is quoted.
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !body.is_empty()
        && !body.ends_with('\n')
        && text
            .chars()
            .all(|c| c == '\n' || c == '\t' || !needs_escape(c))
}

fn literal(out: &mut String, text: &str, indent: usize) {
    let (header, body) = match text.strip_suffix('\n') {
        Some(body) => ("|", body),
        None => ("|-", text),
    };
    out.push_str(header);
    out.push('\n');
    for line in body.split('\n') {
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
        out.push('\n');
    }
}

fn flow_string(text: &str) -> String {
    // As kubectl does it: in single quotes, JSON can be read.
    let is_readable = text.contains(['"', '\\']) && !text.chars().any(needs_escape);
    if is_plain(text) {
        text.to_owned()
    } else if is_readable {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        quoted(text)
    }
}

/// Whether a string means itself without quotes, to YAML 1.1 and 1.2.
fn is_plain(text: &str) -> bool {
    const INDICATORS: &[char] = &[
        '-', '?', ':', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@',
        '`', '=', '~', '<',
    ];
    let resolves_to_itself =
        scalar::resolve(text).is_ok_and(|value| value.as_str().is_some_and(|same| same == text));
    // Numbers to some other reader: 12:30 (base 60), 0o7, 1_000, 2024-01-02.
    let looks_numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '.'))
        && text
            .chars()
            .all(|c| c.is_ascii_hexdigit() || "+-._:xobTZ ".contains(c));
    resolves_to_itself
        && !looks_numeric
        && !text.starts_with(INDICATORS)
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
        && !text.ends_with(':')
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.chars().any(needs_escape)
}

fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Double quotes, JSON's escapes, and YAML's `\u` for what JSON would leave as it is.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if needs_escape(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
