//! JSON as the settings and the annotations need it read: objects keep the order in which they were
//! written (the order of `envs` matters), strings are borrowed from the text, and every problem is
//! reported with the path at which it stands, without the values around it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use crate::env;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value. Of numbers, only those are read that count something.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Node<'a> {
    #[default]
    Null,
    Bool(bool),
    /// With its value where it is a whole one, and not below zero.
    Number(Option<u64>),
    String(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// In the order of the text; a key that is written twice is there twice.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// Reads `text`.
    ///
    /// # Errors
    /// What is wrong and where (line and column), without a word of the text.
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        // From bytes like the payload: two readers would both be in the module.
        serde_json::from_slice(text.as_bytes()).map_err(|error| SyntaxError::from(&error))
    }

    /// The same value, which borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> Node<'static> {
        match self {
            Node::Null => Node::Null,
            Node::Bool(value) => Node::Bool(value),
            Node::Number(value) => Node::Number(value),
            Node::String(text) => Node::String(Cow::Owned(text.into_owned())),
            Node::List(items) => Node::List(items.into_iter().map(Node::into_owned).collect()),
            Node::Object(entries) => Node::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }

    /// What the value is, in the words of an error message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Node::Null => "null",
            Node::Bool(_) => "a boolean",
            Node::Number(_) => "a number",
            Node::String(_) => "a string",
            Node::List(_) => "a list",
            Node::Object(_) => "an object",
        }
    }

    /// The value of `key`, where this is an object that has it and it is not null. Of a key that is
    /// written twice the last one counts, as in Go.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        let Node::Object(entries) = self else {
            return None;
        };
        let (_, value) = entries.iter().rev().find(|(name, _)| name == key)?;
        (*value != Node::Null).then_some(value)
    }
}

/// Whether a key may be in a message: it looks like a name, and not like a value that was written in a name's place
/// (`TOKEN=value`), which can be a secret.
#[must_use]
pub fn is_shown(key: &str) -> bool {
    env::is_name(key)
}

/// What is wrong with a text that is no JSON, and where, without any of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    what: &'static str,
    pub place: TextPlace,
}

/// A place in a text; both numbers begin at 1, columns count bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextPlace {
    pub line: usize,
    pub column: usize,
}

impl From<&serde_json::Error> for SyntaxError {
    fn from(error: &serde_json::Error) -> Self {
        Self {
            what: match error.classify() {
                serde_json::error::Category::Eof => "ends too early",
                _ => "is not valid JSON",
            },
            place: TextPlace {
                line: error.line(),
                column: error.column(),
            },
        }
    }
}

impl std::error::Error for SyntaxError {}

impl fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.what, self.place)
    }
}

impl fmt::Display for TextPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, " (line {}, column {})", self.line, self.column)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor(PhantomData))
    }
}

struct NodeVisitor<'a>(PhantomData<&'a str>);

impl<'de: 'a, 'a> Visitor<'de> for NodeVisitor<'a> {
    type Value = Node<'a>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Node::Number(Some(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Node::Number(u64::try_from(value).ok()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Node::Number(None))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Node::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Node::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((Key(key), value)) = access.next_entry()? {
            entries.push((key, value));
        }
        Ok(Node::Object(entries))
    }
}

/// A key of an object, borrowed where the text has no escapes (a plain `Cow` is always copied).
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Where a value stands; printed as `a.b[2].c`. Built on the stack while reading, so that a path
/// costs nothing until a message needs it.
#[derive(Clone, Copy, Debug)]
pub enum Path<'p> {
    /// The document itself.
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    #[must_use]
    pub fn key(&'p self, key: &'p str) -> Path<'p> {
        Path::Key(self, key)
    }

    #[must_use]
    pub fn index(&'p self, index: usize) -> Path<'p> {
        Path::Index(self, index)
    }
}

impl Path<'_> {
    /// The path of all values like this: `[]` stands for each of a list.
    #[must_use]
    pub fn section(&self) -> String {
        match self {
            Path::Root => String::new(),
            Path::Key(Path::Root, key) => (*key).to_owned(),
            Path::Key(parent, key) => format!("{}.{key}", parent.section()),
            Path::Index(parent, _) => format!("{}[]", parent.section()),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Key(Path::Root, key) => formatter.write_str(key),
            Path::Key(parent, key) => write!(formatter, "{parent}.{key}"),
            Path::Index(parent, index) => write!(formatter, "{parent}[{index}]"),
        }
    }
}

/// What is wrong at a place; printed as `path: what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Empty for the document as a whole.
    pub path: String,
    pub what: String,
    /// Where in the text that is at the path.
    pub place: Option<TextPlace>,
}

impl Problem {
    /// A text at `path` that is no JSON.
    #[must_use]
    pub fn of_syntax(path: String, error: &SyntaxError) -> Self {
        Self {
            path,
            what: format!("the JSON {}", error.what),
            place: Some(error.place),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.what)?;
        match self.place {
            Some(place) => place.fmt(formatter),
            None => Ok(()),
        }
    }
}

/// Reads nodes as what they should be, and keeps a list of what they are not.
///
/// A value of the wrong type is reported and then counts as absent, so that reading goes on and all
/// problems come out at once.
#[derive(Debug, Default)]
pub struct Problems {
    pub list: Vec<Problem>,
    /// Whether the first one is enough.
    only_first: bool,
}

impl Problems {
    /// A list of the first problem alone, for texts of which there may be a million.
    #[must_use]
    pub fn only_first() -> Self {
        Self {
            list: Vec::new(),
            only_first: true,
        }
    }

    /// Notes a problem at `path`.
    pub fn add(&mut self, path: Path<'_>, problem: impl fmt::Display) {
        if !self.is_full() {
            self.list.push(Problem {
                path: path.to_string(),
                what: problem.to_string(),
                place: None,
            });
        }
    }

    /// Notes that the text at `path` is no JSON.
    pub fn add_syntax(&mut self, path: Path<'_>, error: &SyntaxError) {
        if !self.is_full() {
            self.list.push(Problem::of_syntax(path.to_string(), error));
        }
    }

    fn is_full(&self) -> bool {
        self.only_first && !self.list.is_empty()
    }

    fn wrong_type(&mut self, node: &Node<'_>, path: Path<'_>, wanted: &str) {
        self.add(path, format_args!("must be {wanted}, is {}", node.kind()));
    }

    /// The string at `path`; null counts as absent.
    pub fn string<'n>(&mut self, node: Option<&'n Node<'_>>, path: Path<'_>) -> Option<&'n str> {
        match node? {
            Node::Null => None,
            Node::String(text) => Some(text),
            other => {
                self.wrong_type(other, path, "a string");
                None
            }
        }
    }

    /// The boolean at `path`; null counts as absent.
    pub fn boolean(&mut self, node: Option<&Node<'_>>, path: Path<'_>) -> Option<bool> {
        match node? {
            Node::Null => None,
            Node::Bool(value) => Some(*value),
            other => {
                self.wrong_type(other, path, "true or false");
                None
            }
        }
    }

    /// The percentage at `path`, a whole number; null counts as absent.
    pub fn percentage(&mut self, node: Option<&Node<'_>>, path: Path<'_>) -> Option<u64> {
        const WANTED: &str = "a whole number from 0 to 100";
        match node? {
            Node::Null => None,
            Node::Number(Some(number @ 0..=100)) => Some(*number),
            Node::Number(_) => {
                self.add(path, format_args!("must be {WANTED}"));
                None
            }
            other => {
                self.wrong_type(other, path, WANTED);
                None
            }
        }
    }

    /// The items at `path`; absent and null are an empty list.
    pub fn list<'n, 'a>(&mut self, node: Option<&'n Node<'a>>, path: Path<'_>) -> &'n [Node<'a>] {
        match node {
            None | Some(Node::Null) => &[],
            Some(Node::List(items)) => items,
            Some(other) => {
                self.wrong_type(other, path, "a list");
                &[]
            }
        }
    }

    /// The entries at `path`; absent and null are an empty object. A key that is given twice is a
    /// problem: only one of the two can count.
    pub fn object<'n, 'a>(
        &mut self,
        node: Option<&'n Node<'a>>,
        path: Path<'_>,
    ) -> &'n [(Cow<'a, str>, Node<'a>)] {
        match node {
            None | Some(Node::Null) => &[],
            Some(Node::Object(entries)) => {
                self.refuse_repeated_keys(entries, path);
                entries
            }
            Some(other) => {
                self.wrong_type(other, path, "an object");
                &[]
            }
        }
    }

    fn refuse_repeated_keys(&mut self, entries: &[(Cow<'_, str>, Node<'_>)], path: Path<'_>) {
        let mut keys = BTreeSet::new();
        for (key, _) in entries {
            if keys.insert(&**key) {
                continue;
            }
            if is_shown(key) {
                self.add(path.key(key), "is given twice");
            } else {
                self.add(path, "has a key twice");
            }
        }
    }

    /// The strings of the list at `path`; nulls in it are skipped.
    pub fn strings<'n>(&mut self, node: Option<&'n Node<'_>>, path: Path<'_>) -> Vec<&'n str> {
        let mut texts = Vec::new();
        for (index, item) in self.list(node, path).iter().enumerate() {
            texts.extend(self.string(Some(item), path.index(index)));
        }
        texts
    }
}

/// Removes the white space between the tokens of `json`, which must be valid; the order of its keys,
/// its numbers and its strings stay as they were written.
#[must_use]
pub fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut in_string = false;
    let mut escaped = false;
    for character in json.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = character == '\\' && !escaped;
        } else if character.is_ascii_whitespace() {
            continue;
        } else {
            in_string = character == '"';
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn lines(problems: &Problems) -> Vec<String> {
        problems.list.iter().map(Problem::to_string).collect()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn keeps_the_order_of_keys() {
        let node = Node::parse(r#"{"b":1,"a":[true,null,"x\n"]}"#);
        assert_eq!(
            node,
            Ok(Node::Object(vec![
                ("b".into(), Node::Number(Some(1))),
                (
                    "a".into(),
                    Node::List(vec![
                        Node::Bool(true),
                        Node::Null,
                        Node::String("x\n".into())
                    ])
                ),
            ]))
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn says_where_the_syntax_is_wrong_but_not_what_stood_there() {
        assert_eq!(
            Node::parse("{\n  \"password\": secret}").map_err(|error| error.to_string()),
            Err("is not valid JSON (line 2, column 15)".to_owned())
        );
        assert_eq!(
            Node::parse("{\"a\":[1,2").map_err(|error| error.to_string()),
            Err("ends too early (line 1, column 9)".to_owned())
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn reports_every_wrong_type_with_its_path() {
        let node = Node::parse(r#"{"list":[1,"a",null],"text":{},"flag":"true"}"#).unwrap();
        let mut problems = Problems::default();
        let root = Path::Root;
        assert_eq!(problems.strings(node.get("list"), root.key("list")), ["a"]);
        assert_eq!(problems.string(node.get("text"), root.key("text")), None);
        assert_eq!(problems.boolean(node.get("flag"), root.key("flag")), None);
        assert_eq!(
            lines(&problems),
            [
                "list[0]: must be a string, is a number",
                "text: must be a string, is an object",
                "flag: must be true or false, is a string",
            ]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn keeps_the_first_problem_alone_where_that_is_enough() {
        let node = Node::parse("[1,2,3]").unwrap();
        let mut problems = Problems::only_first();
        problems.strings(Some(&node), Path::Root);
        assert_eq!(lines(&problems), ["[0]: must be a string, is a number"]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn reports_a_key_that_is_given_twice() {
        let text = r#"{"a":{"x":1,"y":2,"x":3,"T=secret":4,"T=secret":5}}"#;
        let node = Node::parse(text).unwrap();
        let mut problems = Problems::default();
        let root = Path::Root;
        problems.object(node.get("a"), root.key("a"));
        assert_eq!(
            lines(&problems),
            ["a.x: is given twice", "a: has a key twice"]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn compacts_only_between_tokens() {
        assert_eq!(
            compact("[ {\"a b\" :\t\"c \\\" d\\\\\" ,\n\"n\": 1.50 } ]"),
            r#"[{"a b":"c \" d\\","n":1.50}]"#
        );
    }
}
