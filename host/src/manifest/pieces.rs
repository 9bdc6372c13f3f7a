//! Manifests that need not fit into memory: an [`Index`] finds the parts of a file that can be read by themselves, in
//! parallel too, and a [`Joiner`] makes of them what [`read`](super::read) makes of the whole.
//!
//! Parts are the documents of a stream, and the items of a `List` as kubectl writes it. That a list may be cut at its items
//! shows when each of them can be read: what else could stand at the begin of a line there, in a text in quotes, leaves
//! the item before it without an end. Where one cannot be read, the whole file has to be.

use std::io::{self, BufRead};
use std::ops::Range;

use serde_json::Value;

use super::{Document, ManifestError, Source, take_apart, typed};
use crate::yaml::{self, Content, Cutter, DuplicateKeys, Node, YamlError};

/// The line that the items of a list stand below.
const ITEMS: &str = "items:";

/// A part of a file.
#[derive(Debug)]
pub struct Piece {
    /// Where it stands, in bytes.
    pub range: Range<u64>,
    /// The line that it begins at, counted from 1.
    line: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// JSON, or what looks like it: all of the file.
    Whole,
    /// A document; where it holds the marker `...`, several.
    Document,
    /// A list: its text without its items, and the line of these.
    List { text: String, items: usize },
    /// An item of the list before it.
    Item,
}

/// What a piece turns out to be. It is made without regard to the others.
#[derive(Debug)]
pub struct Found(Contents);

#[derive(Debug)]
enum Contents {
    Whole(Vec<Result<Document, ManifestError>>),
    Documents(Vec<Result<yaml::Document, YamlError>>),
    List {
        line: usize,
        api_version: String,
        item_kind: String,
    },
    Item(Value),
    /// The text cannot be cut like this.
    Uncut,
}

/// The file cannot be read in pieces: [`read`](super::read) it as a whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Uncut;

impl Piece {
    /// Whether it is a document, with its markers and comments, rather than all of the file or a part of a list.
    #[must_use]
    pub fn is_document(&self) -> bool {
        matches!(self.form, Form::Document)
    }

    /// Reads the piece of a file; `text` is what stands at its [range](Self::range).
    #[must_use]
    pub fn read(&self, file: &str, text: &str) -> Found {
        Found(match &self.form {
            Form::Whole => Contents::Whole(super::read(file, text)),
            Form::Document => {
                let nodes = yaml::chunk_nodes(self.line, text, DuplicateKeys::Refuse);
                Contents::Documents(yaml::without_places(nodes))
            }
            Form::List { text, items } => list(self.line, text, *items).unwrap_or(Contents::Uncut),
            Form::Item => item(self.line, text).map_or(Contents::Uncut, Contents::Item),
        })
    }
}

/// The only value of a text.
fn only_node(line: usize, text: &str) -> Option<Node> {
    let nodes = yaml::chunk_nodes(line, text, DuplicateKeys::Refuse);
    let [node] = <[_; 1]>::try_from(nodes).ok()?;
    node.ok()
}

fn list(line: usize, text: &str, items: usize) -> Option<Contents> {
    let node = only_node(line, text)?;
    let entry = node.entry("items")?;
    if entry.at.line != items || entry.node.content != Content::List(Vec::new()) {
        return None;
    }
    let line = node.at.line;
    let value = node.into_value();
    let text = |key: &str| value.get(key)?.as_str().filter(|text| !text.is_empty());
    Some(Contents::List {
        line,
        api_version: text("apiVersion")?.to_owned(),
        item_kind: text("kind")?.strip_suffix("List")?.to_owned(),
    })
}

fn item(line: usize, text: &str) -> Option<Value> {
    match only_node(line, text)?.content {
        Content::List(items) => {
            let [item] = <[_; 1]>::try_from(items).ok()?;
            Some(item.into_value())
        }
        _ => None,
    }
}

/// Puts together what the pieces of a file hold, in their order.
#[derive(Debug)]
pub struct Joiner<'f> {
    file: &'f str,
    /// How many documents there were.
    documents: usize,
    list: Option<List>,
}

/// The list that items belong to.
#[derive(Debug)]
struct List {
    line: usize,
    api_version: String,
    item_kind: String,
    items: usize,
}

impl<'f> Joiner<'f> {
    /// For a file of this name.
    #[must_use]
    pub fn new(file: &'f str) -> Self {
        Self {
            file,
            documents: 0,
            list: None,
        }
    }

    /// The objects of the next piece.
    ///
    /// # Errors
    /// [`Uncut`] where it turns out that the file cannot be cut as it was. All that came before is void then.
    pub fn take(&mut self, found: Found) -> Result<Vec<Result<Document, ManifestError>>, Uncut> {
        match found.0 {
            Contents::Whole(documents) => Ok(documents),
            Contents::Documents(found) => {
                let before = self.documents;
                self.documents += found.len();
                placed(super::numbered(self.file, before, found))
            }
            Contents::List {
                line,
                api_version,
                item_kind,
            } => {
                self.documents += 1;
                self.list = Some(List {
                    line,
                    api_version,
                    item_kind,
                    items: 0,
                });
                Ok(Vec::new())
            }
            Contents::Item(value) => placed(self.item(value).ok_or(Uncut)?),
            Contents::Uncut => Err(Uncut),
        }
    }

    fn item(&mut self, value: Value) -> Option<Vec<Result<Document, ManifestError>>> {
        let list = self.list.as_mut()?;
        list.items += 1;
        let source = Source {
            file: self.file.to_owned(),
            document: self.documents,
            line: list.line,
            column: None,
            items: vec![list.items],
        };
        let mut found = Vec::new();
        let value = typed(value, &list.api_version, &list.item_kind);
        take_apart(source, value, &mut found);
        Some(found)
    }
}

/// Documents whose problems have their places; those of objects that are none are looked up in all of the text.
fn placed(
    documents: Vec<Result<Document, ManifestError>>,
) -> Result<Vec<Result<Document, ManifestError>>, Uncut> {
    let is_placed = |document: &Result<Document, ManifestError>| {
        !matches!(
            document,
            Err(ManifestError::NoObject { .. } | ManifestError::Untyped { .. })
        )
    };
    documents
        .iter()
        .all(is_placed)
        .then_some(documents)
        .ok_or(Uncut)
}

/// Finds the pieces of a text, which is read once.
///
/// # Errors
/// Where it cannot be read, or is not UTF-8 text.
pub fn index(mut input: impl BufRead) -> io::Result<Vec<Piece>> {
    let mut index = Index::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(index.finish());
        }
        let text = std::str::from_utf8(&line).map_err(|_| {
            // As `read_to_string` says it.
            io::Error::new(
                io::ErrorKind::InvalidData,
                "stream did not contain valid UTF-8",
            )
        })?;
        index.line(text);
    }
}

#[derive(Default)]
struct Index {
    pieces: Vec<Piece>,
    offset: u64,
    /// How many lines there were.
    lines: usize,
    /// Whether the text is one that is not cut; unknown as long as it is blank.
    is_whole: Option<bool>,
    cutter: Cutter,
    chunk: Chunk,
}

/// A document that is being found.
#[derive(Default)]
struct Chunk {
    begin: u64,
    /// Its first line, counted from 0.
    line: usize,
    /// Whether its tags could have a meaning of their own.
    has_directives: bool,
    items: Items,
    /// The text without the items, if there are some: a line that stands for each of theirs.
    rest: String,
    found: Vec<Piece>,
}

/// Where in a document its items are.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Items {
    #[default]
    Ahead,
    /// The line before is `items:`, which is this one.
    Below(usize),
    /// They begin in this column.
    In { line: usize, column: usize },
    /// They are through; the line of `items:`.
    Behind(usize),
    /// There is no list to be cut.
    None,
}

impl Index {
    fn line(&mut self, line: &str) {
        let bytes = line.len() as u64;
        let mut text = line;
        if self.lines == 0
            && let Some(rest) = line.strip_prefix('\u{feff}')
        {
            self.chunk.begin = (line.len() - rest.len()) as u64;
            text = rest;
        }
        if self.is_whole.is_none() && !text.trim().is_empty() {
            self.is_whole = Some(text.trim_start().starts_with(['{', '[']));
        }
        if self.is_whole != Some(true) {
            if self.cutter.begins(text) {
                self.end_chunk();
                self.chunk.begin = self.offset;
                self.chunk.line = self.lines;
            }
            self.chunk.line(text, self.offset, self.lines);
        }
        self.offset += bytes;
        self.lines += 1;
    }

    fn end_chunk(&mut self) {
        let chunk = std::mem::take(&mut self.chunk);
        chunk.end(self.offset, &mut self.pieces);
    }

    fn finish(mut self) -> Vec<Piece> {
        if self.is_whole == Some(true) {
            return vec![Piece {
                range: 0..self.offset,
                line: 1,
                form: Form::Whole,
            }];
        }
        self.end_chunk();
        self.pieces
    }
}

impl Chunk {
    fn line(&mut self, line: &str, offset: u64, number: usize) {
        self.has_directives |= line.starts_with('%');
        match self.items_in(line, number) {
            items @ Items::In { column, .. } => {
                if self.items != items || column_of_item(line) == Some(column) {
                    self.end_item(offset);
                    self.found.push(Piece {
                        range: offset..offset,
                        line: number + 1,
                        form: Form::Item,
                    });
                }
                self.rest.push('\n');
                self.items = items;
            }
            items => {
                if let Items::In { .. } = self.items {
                    self.end_item(offset);
                }
                match items {
                    Items::Below(_) if self.items == Items::Ahead => {
                        self.rest.push_str(ITEMS);
                        self.rest.push_str(" []\n");
                    }
                    Items::None => {
                        self.rest.clear();
                        self.found.clear();
                    }
                    _ => self.rest.push_str(line),
                }
                self.items = items;
            }
        }
    }

    /// Where the items are when a line has been read.
    fn items_in(&self, line: &str, number: usize) -> Items {
        let text = line.trim();
        let is_blank = text.is_empty() || text.starts_with('#');
        match self.items {
            Items::Ahead if line.trim_end() == ITEMS => Items::Below(number + 1),
            Items::Below(_) | Items::In { .. } if is_blank => self.items,
            Items::Below(line_of_items) => match column_of_item(line) {
                Some(column) => Items::In {
                    line: line_of_items,
                    column,
                },
                None => Items::None,
            },
            Items::In { column, line: of } => {
                let indent = line.len() - line.trim_start_matches(' ').len();
                if indent > column || column_of_item(line) == Some(column) {
                    self.items
                } else {
                    Items::Behind(of)
                }
            }
            // A second one would be an error, which is found in the whole.
            Items::Behind(_) if line.trim_end() == ITEMS => Items::None,
            Items::Ahead | Items::Behind(_) | Items::None => self.items,
        }
    }

    fn end_item(&mut self, offset: u64) {
        if let Some(item) = self.found.last_mut() {
            item.range.end = offset;
        }
    }

    fn end(mut self, offset: u64, pieces: &mut Vec<Piece>) {
        if let Items::In { .. } = self.items {
            self.end_item(offset);
        }
        let items = match self.items {
            Items::In { line, .. } | Items::Behind(line) if !self.has_directives => Some(line),
            _ => None,
        };
        let form = match items {
            Some(items) => Form::List {
                text: std::mem::take(&mut self.rest),
                items,
            },
            None => Form::Document,
        };
        // The text of a list is here already.
        let end = if items.is_some() { self.begin } else { offset };
        pieces.push(Piece {
            range: self.begin..end,
            line: self.line + 1,
            form,
        });
        if items.is_some() {
            pieces.append(&mut self.found);
        }
    }
}

/// The column of the `-` that a line begins with.
fn column_of_item(line: &str) -> Option<usize> {
    let text = line.trim_start_matches(' ');
    let rest = text.strip_prefix('-')?;
    let is_item = rest.trim_end().is_empty() || rest.starts_with(' ');
    is_item.then(|| line.len() - text.len())
}
