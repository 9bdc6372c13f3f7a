//! Documents that change and keep what their authors wrote: comments, order, quotes and blank lines.
//!
//! The libraries that edit YAML append to lists, and have readers of their own. Here lists get items wherever they belong,
//! and the text is read as it is everywhere else in this crate; what comes out is read once more, and compared.

mod shape;

use std::ops::Range;

use serde_json::{Map, Value, json};

use self::shape::{Entry, Kind, Place, Shape};
use super::{DuplicateKeys, emit, is_marker, single};

/// The text of a document that holds `before`, edited to hold `after`; it begins with `---`, below what was above that. None
/// where it cannot be edited: where it has anchors, aliases or directives, where it is all in brackets, and where a comment
/// would be lost with what it stands in.
#[must_use]
pub fn edited(text: &str, before: &Value, after: &Value) -> Option<String> {
    if text.lines().any(|line| line.starts_with('%')) {
        return None;
    }
    let mut text = text.to_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if before != after {
        text = Editor::of(&text, None, before, after)?.finish()?;
    }
    if !text.lines().any(is_marker) {
        text.insert_str(0, "---\n");
    }
    let is_it = single(&text, DuplicateKeys::Refuse).is_ok_and(|value| value == *after);
    is_it.then_some(text)
}

struct Editor<'t> {
    text: &'t str,
    /// With their ends.
    lines: Vec<&'t str>,
    /// Where each line begins, and where the text ends.
    begins: Vec<usize>,
    /// How far lists are indented below their keys.
    indent: usize,
    edits: Vec<(Range<usize>, String)>,
}

/// What a value belongs to, and where that begins.
#[derive(Clone, Copy)]
enum Owner {
    /// A key: where it begins and ends.
    Key(Place, Place),
    /// The `-` of an item.
    Item(Place),
}

impl Owner {
    fn begin(self) -> Place {
        match self {
            Self::Key(begin, _) | Self::Item(begin) => begin,
        }
    }
}

impl Entry {
    fn owner(&self) -> Owner {
        Owner::Key(self.begin, self.end)
    }
}

impl<'t> Editor<'t> {
    /// `indent` is how far lists are indented; where it is not known, as the text has it.
    fn of(text: &'t str, indent: Option<usize>, before: &Value, after: &Value) -> Option<Self> {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut begins = vec![0];
        begins.extend(lines.iter().scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        }));
        let shape = shape::of(text, &lines)?;
        let mut editor = Self {
            text,
            lines,
            begins,
            indent: indent.or_else(|| indent_of_lists(&shape)).unwrap_or(0),
            edits: Vec::new(),
        };
        editor.within(&shape, before, after)??;
        Some(editor)
    }

    /// The text with all edits; none where two of them are about the same place.
    fn finish(mut self) -> Option<String> {
        self.edits
            .sort_by_key(|(range, _)| (range.start, range.end));
        let is_windows = self.text.contains("\r\n");
        let (mut text, mut done) = (String::new(), 0);
        for (range, new) in self.edits {
            text.push_str(self.text.get(done..range.start)?);
            text.push_str(&if is_windows {
                // What moves has such ends already.
                new.replace("\r\n", "\n").replace('\n', "\r\n")
            } else {
                new
            });
            done = range.end;
        }
        text.push_str(self.text.get(done..)?);
        Some(text)
    }

    fn value(&mut self, shape: &Shape, owner: Owner, before: &Value, after: &Value) -> Option<()> {
        if before == after {
            return Some(());
        }
        self.within(shape, before, after)
            .unwrap_or_else(|| self.replace(shape, owner, after))
    }

    /// Edits the entries or items of a collection; none where it has no lines of its own, or becomes something else.
    fn within(&mut self, shape: &Shape, before: &Value, after: &Value) -> Option<Option<()>> {
        match (&shape.kind, before, after) {
            (Kind::Mapping(entries), Value::Object(before), Value::Object(after))
                if !after.is_empty() =>
            {
                Some(self.mapping(entries, before, after))
            }
            (Kind::List { column, items }, Value::Array(before), Value::Array(after))
                if !after.is_empty() =>
            {
                let dashes = self.dashes(shape.begin.line, *column, items);
                Some(dashes.and_then(|dashes| self.list(items, &dashes, before, after)))
            }
            _ => None,
        }
    }

    fn mapping(
        &mut self,
        entries: &[Entry],
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Option<()> {
        if entries.len() != before.len() {
            return None;
        }
        for entry in entries {
            let before = before.get(&entry.key)?;
            let owner = entry.owner();
            match after.get(&entry.key) {
                Some(after) => self.value(&entry.value, owner, before, after)?,
                None => self.remove(&entry.value, owner)?,
            }
        }
        let is_new = |(key, _): &(&String, &Value)| !before.contains_key(*key);
        let new = after.iter().filter(is_new);
        let new: Map<_, _> = new
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !new.is_empty() {
            let last = entries.last()?;
            let line = self.last_line(&last.value, last.owner()) + 1;
            let text = emit::with_indented_lists(&Value::Object(new), self.indent);
            self.insert(line, &text, last.begin.column);
        }
        Some(())
    }

    /// Items that stay, or move, keep their comments; what is new is put where it belongs among them.
    fn list(
        &mut self,
        items: &[Shape],
        dashes: &[Place],
        before: &[Value],
        after: &[Value],
    ) -> Option<()> {
        if items.len() != before.len() {
            return None;
        }
        let first = dashes.first()?;
        let origins = origins(before, after);
        for (at, (item, dash)) in items.iter().zip(dashes).enumerate() {
            match origins.iter().find(|origin| origin.is_of(at)) {
                Some(Origin::Kept(_)) => {}
                Some(Origin::Moved(_)) => {
                    let range = self.lines_of(item, *dash)?;
                    self.edits.push((range, String::new()));
                }
                _ => self.remove(item, Owner::Item(*dash))?,
            }
        }
        let mut place = self.above(*first)?;
        for (item, origin) in after.iter().zip(origins) {
            match origin {
                Origin::Kept(at) => {
                    let (shape, owner) = (items.get(at)?, Owner::Item(*dashes.get(at)?));
                    self.value(shape, owner, before.get(at)?, item)?;
                    place = self.last_line(shape, owner) + 1;
                }
                Origin::Moved(at) => {
                    let lines = self.lines_of(items.get(at)?, *dashes.get(at)?)?;
                    let text = self.text.get(lines)?;
                    let (before, after) = (json!([before.get(at)?]), json!([item]));
                    let text = Self::of(text, Some(self.indent), &before, &after)?.finish()?;
                    self.edits
                        .push((self.begin(place)..self.begin(place), text));
                }
                Origin::New => {
                    let text = emit::with_indented_lists(&json!([item]), self.indent);
                    self.insert(place, &text, first.column);
                }
            }
        }
        Some(())
    }

    /// Where an item stands, with the comments above it; none where its line begins with something else.
    fn lines_of(&self, item: &Shape, dash: Place) -> Option<Range<usize>> {
        let before = self.lines.get(dash.line)?.get(..dash.column)?;
        let last = self.last_line(item, Owner::Item(dash));
        let range = self.begin(self.above(dash)?)..self.begin(last + 1);
        before.trim().is_empty().then_some(range)
    }

    /// Where the items of a list begin.
    fn dashes(&self, first: usize, column: usize, items: &[Shape]) -> Option<Vec<Place>> {
        let mut line = first;
        let mut dashes = Vec::with_capacity(items.len());
        for item in items {
            let is_dash = |line: &usize| {
                let begin = self
                    .lines
                    .get(*line)
                    .and_then(|text| text.split_at_checked(column));
                begin.is_some_and(|(before, rest)| {
                    rest.starts_with('-') && (*line == first || before.trim().is_empty())
                })
            };
            let dash = Place {
                line: (line..self.lines.len()).find(is_dash)?,
                column,
            };
            dashes.push(dash);
            line = self.last_line(item, Owner::Item(dash)) + 1;
        }
        Some(dashes)
    }

    /// The line that a value ends in.
    fn last_line(&self, shape: &Shape, owner: Owner) -> usize {
        let begin = owner.begin();
        match &shape.kind {
            Kind::Nothing => begin.line,
            Kind::Inline { end } if end.column == 0 && end.line > begin.line => end.line - 1,
            Kind::Inline { end } => end.line,
            Kind::Block => self.last_line_below(begin),
            Kind::Mapping(entries) => entries
                .last()
                .map_or(begin.line, |last| self.last_line(&last.value, last.owner())),
            Kind::List { column, items } => self
                .dashes(shape.begin.line, *column, items)
                .and_then(|dashes| dashes.last().copied())
                .zip(items.last())
                .map_or(begin.line, |(dash, last)| {
                    self.last_line(last, Owner::Item(dash))
                }),
        }
    }

    /// The last line of a block: all of its lines are indented more than what it belongs to.
    fn last_line_below(&self, owner: Place) -> usize {
        let below = self.lines.iter().enumerate().skip(owner.line + 1);
        let block = below.take_while(|(_, line)| is_blank(line) || indent(line) > owner.column);
        let last = block.filter(|(_, line)| !is_blank(line)).last();
        last.map_or(owner.line, |(number, _)| number)
    }

    /// The line above an item, and above its comments.
    fn above(&self, dash: Place) -> Option<usize> {
        let is_comment =
            |line: &&str| indent(line) == dash.column && line.trim_start().starts_with('#');
        let above = self.lines.get(..dash.line)?.iter().rev();
        Some(dash.line - above.take_while(|line| is_comment(line)).count())
    }

    /// Puts lines in front of a line.
    fn insert(&mut self, line: usize, text: &str, column: usize) {
        let at = self.begin(line);
        self.edits.push((at..at, indented(text, column)));
    }

    /// Takes out a key or an item with its value; none where its line begins with something else.
    fn remove(&mut self, shape: &Shape, owner: Owner) -> Option<()> {
        let begin = owner.begin();
        let before = self.lines.get(begin.line)?.get(..begin.column)?;
        let range = self.begin(begin.line)..self.begin(self.last_line(shape, owner) + 1);
        // What is edited in it is edited nowhere.
        before
            .trim()
            .is_empty()
            .then(|| self.edits.push((range, String::new())))
    }

    /// Writes another value. What is behind the old one in its line, as a comment can be, stays there.
    fn replace(&mut self, shape: &Shape, owner: Owner, value: &Value) -> Option<()> {
        let (begin, text) = match owner {
            Owner::Key(_, end) => {
                let line = self.lines.get(end.line)?.get(end.column..)?;
                let colon = line
                    .find(':')
                    .filter(|colon| line[..*colon].trim().is_empty())?;
                let begin = self.begin(end.line) + end.column + colon + 1;
                let entry = Map::from_iter([("key".to_owned(), value.clone())]);
                let text = emit::with_indented_lists(&Value::Object(entry), self.indent);
                (begin, text.strip_prefix("key:")?.to_owned())
            }
            Owner::Item(dash) => {
                let item = Value::Array(vec![value.clone()]);
                let text = emit::with_indented_lists(&item, self.indent);
                (
                    self.begin(dash.line) + dash.column + 1,
                    text.strip_prefix('-')?.to_owned(),
                )
            }
        };
        let end = match shape.kind {
            Kind::Nothing => begin,
            Kind::Inline { end } => self.begin(end.line) + end.column,
            _ => self.begin(self.last_line(shape, owner) + 1),
        };
        let old = self.text.get(begin..end)?;
        if old.contains('\n') && old.contains('#') {
            return None;
        }
        let rest = self.text.get(end..)?.split_inclusive('\n').next();
        let rest = rest.filter(|_| !old.ends_with('\n')).unwrap_or_default();
        let (first, below) = text.split_once('\n')?;
        let new = format!(
            "{first}{}\n{}",
            rest.trim_end(),
            indented(below, owner.begin().column)
        );
        self.edits.push((begin..end + rest.len(), new));
        Some(())
    }

    fn begin(&self, line: usize) -> usize {
        let begin = self.begins.get(line);
        begin.copied().unwrap_or(self.text.len())
    }
}

/// Where an item comes from: its place before.
#[derive(Clone, Copy)]
enum Origin {
    /// It is still behind the same items, as far as these are kept.
    Kept(usize),
    Moved(usize),
    New,
}

impl Origin {
    fn is_of(self, place: usize) -> bool {
        match self {
            Self::Kept(at) | Self::Moved(at) => at == place,
            Self::New => false,
        }
    }
}

/// The items that stay as they are, or have the same name, in their order; then those that are elsewhere.
fn origins(before: &[Value], after: &[Value]) -> Vec<Origin> {
    let mut next = 0;
    let mut origins = Vec::with_capacity(after.len());
    for item in after {
        let kept = counterpart(before, item, |at| at >= next);
        next = kept.map_or(next, |at| at + 1);
        origins.push(kept.map_or(Origin::New, Origin::Kept));
    }
    for (place, item) in after.iter().enumerate() {
        if matches!(origins.get(place), Some(Origin::New)) {
            let is_free = |at| !origins.iter().any(|origin| origin.is_of(at));
            if let Some(at) = counterpart(before, item, is_free) {
                origins[place] = Origin::Moved(at);
            }
        }
    }
    origins
}

/// What an item was before, among those that it can have been.
fn counterpart(before: &[Value], item: &Value, can_be: impl Fn(usize) -> bool) -> Option<usize> {
    let find = |is_it: &dyn Fn(&Value) -> bool| {
        let mut places = before.iter().enumerate();
        let found = places.find(|(at, before)| can_be(*at) && is_it(before));
        found.map(|(at, _)| at)
    };
    find(&|before| before == item).or_else(|| {
        let name = item.get("name")?;
        find(&|before| before.get("name") == Some(name))
    })
}

/// How far the first list of a document is indented below its key.
fn indent_of_lists(shape: &Shape) -> Option<usize> {
    match &shape.kind {
        Kind::Mapping(entries) => entries.iter().find_map(|entry| match &entry.value.kind {
            Kind::List { column, .. } => column.checked_sub(entry.begin.column),
            _ => indent_of_lists(&entry.value),
        }),
        Kind::List { items, .. } => items.iter().find_map(indent_of_lists),
        Kind::Nothing | Kind::Inline { .. } | Kind::Block => None,
    }
}

fn indented(text: &str, column: usize) -> String {
    let pad = " ".repeat(column);
    text.split_inclusive('\n')
        .flat_map(|line| [if is_blank(line) { "" } else { &pad }, line])
        .collect()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}
