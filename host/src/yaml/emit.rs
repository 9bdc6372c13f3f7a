//! JSON values written as YAML, the way `kubectl get -o yaml` lays it out.

use std::fmt::Write as _;

use serde_json::Value;

use super::scalar;

/// Writes a value as block-style YAML with sorted keys and a final newline. [`super::single`] reads the same value back, and
/// so do readers of YAML 1.2: whatever either of them could take for something else is quoted.
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    let mut value = value.clone();
    value.sort_all_objects();
    match &value {
        Value::Object(entries) if !entries.is_empty() => mapping(&mut out, &value, 0),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0),
        // A block at the margin could hold a line that ends the document.
        scalar => inline(&mut out, scalar, 2),
    }
    out
}

/// Begins in the current line: the caller has written the indentation, or `- `.
fn mapping(out: &mut String, value: &Value, indent: usize) {
    let entries = value.as_object().into_iter().flatten();
    for (position, (key, value)) in entries.enumerate() {
        if position > 0 {
            pad(out, indent);
        }
        out.push_str(&flow_string(key));
        out.push(':');
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                out.push('\n');
                pad(out, indent + 2);
                mapping(out, value, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                pad(out, indent);
                sequence(out, items, indent);
            }
            scalar => {
                out.push(' ');
                inline(out, scalar, indent + 2);
            }
        }
    }
}

fn sequence(out: &mut String, items: &[Value], indent: usize) {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(entries) if !entries.is_empty() => mapping(out, item, indent + 2),
            Value::Array(items) if !items.is_empty() => sequence(out, items, indent + 2),
            scalar => inline(out, scalar, indent + 2),
        }
    }
}

/// A value that fits in the line, or a literal block whose lines are indented by `indent`.
fn inline(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(text) if is_literal(text) => literal(out, text, indent),
        Value::String(text) => {
            out.push_str(&flow_string(text));
            out.push('\n');
        }
        // Null, booleans, numbers, `{}` and `[]` are the same in JSON.
        other => {
            let _ = writeln!(out, "{other}");
        }
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
    if is_plain(text) {
        text.to_owned()
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
