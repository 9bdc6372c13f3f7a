//! JSON as the policy needs it read: objects keep the order in which they were written (the order of `envs` matters),
//! strings are borrowed from the text, numbers stay as they are spelled, and every problem is reported with the path at
//! which it stands, without the values around it.

#[cfg(any(test, not(target_arch = "wasm32")))]
mod foreign;
mod parse;
mod scan;
mod syntax;
#[cfg(test)]
pub(crate) mod testing;
mod typed;
mod value;
mod write;

use std::collections::BTreeSet;
use std::fmt;

use crate::env;

#[cfg(not(target_arch = "wasm32"))]
pub use foreign::edit;
pub use parse::Reader;
pub use syntax::{SyntaxError, TextPlace};
#[cfg(test)]
pub(crate) use testing::json;
pub use typed::typed;
pub use value::{Entries, Object, Value};
pub use write::write_text;

/// Whether a key may be in a message: it looks like a name, and not like a value that was written in a name's place
/// (`TOKEN=value`), which can be a secret.
#[must_use]
pub fn is_shown(key: &str) -> bool {
    env::is_name(key)
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

    fn wrong_type(&mut self, node: &Value<'_>, path: Path<'_>, wanted: &str) {
        self.add(path, format_args!("must be {wanted}, not {}", node.kind()));
    }

    /// The string at `path`; null counts as absent.
    pub fn string<'n>(&mut self, node: Option<&'n Value<'_>>, path: Path<'_>) -> Option<&'n str> {
        match node? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => {
                self.wrong_type(other, path, "a string");
                None
            }
        }
    }

    /// The boolean at `path`; null counts as absent.
    pub fn boolean(&mut self, node: Option<&Value<'_>>, path: Path<'_>) -> Option<bool> {
        match node? {
            Value::Null => None,
            Value::Bool(value) => Some(*value),
            other => {
                self.wrong_type(other, path, "true or false");
                None
            }
        }
    }

    /// The percentage at `path`, a whole number; null counts as absent.
    pub fn percentage(&mut self, node: Option<&Value<'_>>, path: Path<'_>) -> Option<u64> {
        const WANTED: &str = "a whole number from 0 to 100";
        match node? {
            Value::Null => None,
            Value::Number(_) => {
                let number = node?.as_u64().filter(|number| *number <= 100);
                if number.is_none() {
                    self.add(path, format_args!("must be {WANTED}"));
                }
                number
            }
            other => {
                self.wrong_type(other, path, WANTED);
                None
            }
        }
    }

    /// The items at `path`; absent and null are an empty list.
    pub fn list<'n, 'a>(&mut self, node: Option<&'n Value<'a>>, path: Path<'_>) -> &'n [Value<'a>] {
        match node {
            None | Some(Value::Null) => &[],
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.wrong_type(other, path, "a list");
                &[]
            }
        }
    }

    /// The object at `path`; null counts as absent. A key that is given twice is a
    /// problem: only one of the two can count.
    pub fn object<'n, 'a>(
        &mut self,
        node: Option<&'n Value<'a>>,
        path: Path<'_>,
    ) -> Option<&'n Object<'a>> {
        match node {
            None | Some(Value::Null) => None,
            Some(Value::Object(object)) => {
                self.refuse_repeated_keys(object, path);
                Some(object)
            }
            Some(other) => {
                self.wrong_type(other, path, "an object");
                None
            }
        }
    }

    fn refuse_repeated_keys(&mut self, object: &Object<'_>, path: Path<'_>) {
        // Hosts send them sorted.
        if object.keys().is_sorted_by(|key, next| key < next) {
            return;
        }
        let mut keys = BTreeSet::new();
        for key in object.keys() {
            if keys.insert(key) {
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
    pub fn strings<'n>(&mut self, node: Option<&'n Value<'_>>, path: Path<'_>) -> Vec<&'n str> {
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
    fn says_where_the_syntax_is_wrong_but_not_what_stood_there() {
        assert_eq!(
            Value::parse("{\n  \"password\": secret}").map_err(|error| error.to_string()),
            Err("is not valid JSON (line 2, column 15)".to_owned())
        );
        assert_eq!(
            Value::parse("{\"a\":[1,2").map_err(|error| error.to_string()),
            Err("ends too early (line 1, column 9)".to_owned())
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn reports_every_wrong_type_with_its_path() {
        let node = Value::parse(r#"{"list":[1,"a",null],"text":{},"flag":"true"}"#).unwrap();
        let mut problems = Problems::default();
        let root = Path::Root;
        assert_eq!(problems.strings(node.get("list"), root.key("list")), ["a"]);
        assert_eq!(problems.string(node.get("text"), root.key("text")), None);
        assert_eq!(problems.boolean(node.get("flag"), root.key("flag")), None);
        assert_eq!(
            lines(&problems),
            [
                "list[0]: must be a string, not a number",
                "text: must be a string, not an object",
                "flag: must be true or false, not a string",
            ]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn keeps_the_first_problem_alone_where_that_is_enough() {
        let node = Value::parse("[1,2,3]").unwrap();
        let mut problems = Problems::only_first();
        problems.strings(Some(&node), Path::Root);
        assert_eq!(lines(&problems), ["[0]: must be a string, not a number"]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn reports_a_key_that_is_given_twice() {
        let text = r#"{"a":{"x":1,"y":2,"x":3,"T=secret":4,"T=secret":5}}"#;
        let node = Value::parse(text).unwrap();
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
