//! Where the values of a document stand, and where they end.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Counted from 0.
    pub line: usize,
    /// In bytes, counted from 0.
    pub column: usize,
}

/// Where a value stands.
#[derive(Debug)]
pub(super) struct Shape {
    pub begin: Place,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// No text at all, which is null.
    Nothing,
    /// What ends in the line and column that follow it: a scalar, or a collection in brackets.
    Inline { end: Place },
    /// A scalar below its `|` or `>`.
    Block,
    /// Entries in lines of their own.
    Mapping(Vec<Entry>),
    /// Items in lines of their own; where their `-` is, they are indented by `column`.
    List { column: usize, items: Vec<Shape> },
}

/// An entry of a mapping.
#[derive(Debug)]
pub(super) struct Entry {
    pub key: String,
    /// Where the key begins.
    pub begin: Place,
    /// Where it ends.
    pub end: Place,
    pub value: Shape,
}

/// The shape of the only document of a text; none where there is another number of them, or something that stands for
/// what is elsewhere, such as an anchor.
pub(super) fn of(text: &str, lines: &[&str]) -> Option<Shape> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        lines,
    };
    loop {
        match reader.next()? {
            (Event::DocumentStart(_), _) => break,
            (Event::StreamStart, _) => {}
            _ => return None,
        }
    }
    let (event, span) = reader.next()?;
    let shape = reader.shape(event, span, None, 0)?;
    let ends = [reader.next()?.0, reader.next()?.0];
    matches!(ends, [Event::DocumentEnd, Event::StreamEnd]).then_some(shape)
}

/// As deep as documents are read.
const MAX_DEPTH: usize = 128;

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    lines: &'t [&'t str],
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Option<(Event<'t>, Span)> {
        self.parser.next_event()?.ok()
    }

    fn place(&self, marker: Marker) -> Option<Place> {
        let line = marker.line().checked_sub(1)?;
        // A text can end in a line that is not there.
        let text = self.lines.get(line).copied().unwrap_or_default();
        let before = text.chars().take(marker.col());
        let column = before.map(char::len_utf8).sum();
        Some(Place { line, column })
    }

    /// The shape of a value, which may have a key.
    fn shape(
        &mut self,
        event: Event<'t>,
        span: Span,
        key: Option<Place>,
        depth: usize,
    ) -> Option<Shape> {
        let begin = self.place(span.start)?;
        let dash = match (&event, key) {
            (Event::SequenceStart(..), Some(key)) => self.dash_below(key, begin),
            _ => None,
        };
        let is_block = dash.is_some() || !self.is_in_brackets(begin);
        let begin = dash.unwrap_or(begin);
        let kind = match event {
            Event::Scalar(text, style, 0, tag) => match style {
                ScalarStyle::Plain if span.is_empty() || text.is_empty() => {
                    // Its place is somewhere behind.
                    tag.is_none().then_some(Kind::Nothing)?
                }
                ScalarStyle::Literal | ScalarStyle::Folded => Kind::Block,
                ScalarStyle::Plain => Kind::Inline {
                    end: self.place(span.end)?,
                },
                ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Kind::Inline {
                    end: self.end_of_quoted(begin)?,
                },
            },
            _ if depth == MAX_DEPTH => return None,
            Event::MappingStart(0, _) if is_block => Kind::Mapping(self.entries(depth)?),
            Event::SequenceStart(0, _) if is_block => Kind::List {
                column: begin.column,
                items: self.items(depth)?,
            },
            Event::MappingStart(0, _) | Event::SequenceStart(0, _) => {
                Kind::Inline { end: self.skip()? }
            }
            _ => return None,
        };
        Some(Shape { begin, kind })
    }

    /// The first `-` of a list below its key, where there is one no later than what the parser takes for the begin: where the
    /// list is not indented, that is in its first item.
    fn dash_below(&self, key: Place, begin: Place) -> Option<Place> {
        let below = self.lines.iter().enumerate().skip(key.line + 1);
        let (line, text) = below
            .take(begin.line.saturating_sub(key.line))
            .find(|(_, text)| {
                let text = text.trim_start();
                !text.is_empty() && !text.starts_with('#')
            })?;
        let column = text.len() - text.trim_start().len();
        let is_dash = text
            .trim_start()
            .strip_prefix('-')?
            .starts_with(char::is_whitespace);
        is_dash.then_some(Place { line, column })
    }

    /// Where a scalar in quotes ends: its span goes on to the end of the line.
    fn end_of_quoted(&self, begin: Place) -> Option<Place> {
        let mut quote = None;
        let mut is_escaped = false;
        for (line, text) in self.lines.iter().enumerate().skip(begin.line) {
            let first = if line == begin.line { begin.column } else { 0 };
            for (offset, letter) in text.get(first..)?.char_indices() {
                match quote {
                    None => quote = matches!(letter, '"' | '\'').then_some(letter),
                    _ if is_escaped => is_escaped = false,
                    Some('"') if letter == '\\' => is_escaped = true,
                    Some(quote) if letter == quote => {
                        let column = first + offset + 1;
                        // Two single quotes stand for one.
                        if quote == '"' || !text.get(column..)?.starts_with('\'') {
                            return Some(Place { line, column });
                        }
                        is_escaped = true;
                    }
                    Some(_) => {}
                }
            }
        }
        None
    }

    fn is_in_brackets(&self, begin: Place) -> bool {
        let line = self.lines.get(begin.line).copied().unwrap_or_default();
        let text = line.get(begin.column..).unwrap_or_default();
        text.starts_with(['{', '['])
    }

    fn entries(&mut self, depth: usize) -> Option<Vec<Entry>> {
        let mut entries = Vec::new();
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::MappingEnd => return Some(entries),
                Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..) => return None,
                Event::Scalar(key, _, 0, None) => {
                    let (begin, end) = (self.place(span.start)?, self.place(span.end)?);
                    let (event, span) = self.next()?;
                    entries.push(Entry {
                        key: key.into_owned(),
                        begin,
                        end,
                        value: self.shape(event, span, Some(end), depth + 1)?,
                    });
                }
                _ => return None,
            }
        }
    }

    fn items(&mut self, depth: usize) -> Option<Vec<Shape>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Some(items),
                (event, span) => items.push(self.shape(event, span, None, depth + 1)?),
            }
        }
    }

    /// Leaves the collection in brackets that has begun. Its end.
    fn skip(&mut self) -> Option<Place> {
        let mut depth = 1;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::MappingStart(0, _) | Event::SequenceStart(0, _) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth -= 1,
                Event::Scalar(_, _, 0, _) => {}
                _ => return None,
            }
            if depth == 0 {
                // Its span goes on to the end of the line.
                let bracket = self.place(span.start)?;
                return Some(Place {
                    column: bracket.column + 1,
                    ..bracket
                });
            }
        }
    }
}
