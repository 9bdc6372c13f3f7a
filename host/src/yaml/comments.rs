//! Comments to write above the keys and items of a document.

use std::collections::BTreeMap;

/// Comments, each for a key or an item, which its JSON pointer names (`/spec/rules/0`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comments {
    texts: BTreeMap<String, Vec<String>>,
}

/// Lines are no longer than that, so that a terminal and a review show them whole.
const WIDTH: usize = 100;

impl Comments {
    /// Adds a paragraph to the comment of a key or item.
    pub fn add(&mut self, pointer: &str, paragraph: impl Into<String>) {
        let paragraphs = self.texts.entry(pointer.to_owned()).or_default();
        paragraphs.push(paragraph.into());
    }

    /// The lines of a comment, to be written behind an indentation.
    pub(super) fn lines(&self, pointer: &str, indent: usize) -> Vec<String> {
        let paragraphs = self.texts.get(pointer).map_or(&[][..], Vec::as_slice);
        let mut lines = Vec::new();
        for (position, paragraph) in paragraphs.iter().enumerate() {
            if position > 0 {
                lines.push("#".to_owned());
            }
            lines.extend(wrapped(paragraph, WIDTH.saturating_sub(indent)));
        }
        lines
    }
}

/// A key as a part of a JSON pointer.
#[must_use]
pub fn pointer_key(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Breaks a text at its blanks. None of its characters can end the comment.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = "#".to_owned();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if line.len() > 1 && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, "#".to_owned()));
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push(line);
    lines
}
