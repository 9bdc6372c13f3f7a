//! Objects that are printed at the end, all or none.

use std::io::{self, Write};

use datakit_policy_host::yaml::{self, Comments, with_comments};
use serde_json::Value;

use crate::screen::stdout;
use crate::spool::Spool;

/// How objects are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// YAML documents.
    Yaml,
    /// A List in JSON.
    Json,
    /// Lines.
    Lines,
}

/// Objects as text. They need not fit into memory.
pub struct Objects {
    form: Form,
    texts: Spool,
    is_empty: bool,
}

/// How a List begins.
const BEFORE: &str = "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n  \"items\": [";

impl Objects {
    pub fn new(form: Form) -> Self {
        Self {
            form,
            texts: Spool::default(),
            is_empty: true,
        }
    }

    /// Takes one, as it is written in this form.
    pub fn push(&mut self, text: &str) -> io::Result<()> {
        let separator = match self.form {
            Form::Json if self.is_empty => "\n",
            Form::Json => ",\n",
            Form::Yaml | Form::Lines => "",
        };
        self.is_empty = false;
        self.texts.write_all(separator.as_bytes())?;
        self.texts.write_all(text.as_bytes())
    }

    /// Prints them.
    pub fn print(self) -> io::Result<()> {
        self.write(&mut stdout())
    }

    fn write(self, out: &mut impl Write) -> io::Result<()> {
        let (before, behind) = match (self.form, self.is_empty) {
            (Form::Json, true) => (BEFORE, "]\n}\n"),
            (Form::Json, false) => (BEFORE, "\n  ]\n}\n"),
            (Form::Yaml | Form::Lines, _) => ("", ""),
        };
        out.write_all(before.as_bytes())?;
        io::copy(&mut self.texts.into_reader()?, out)?;
        out.write_all(behind.as_bytes())?;
        out.flush()
    }
}

/// An object as a YAML document. Where `original` is the text of its document and what it held, what did not change stays
/// as it was written, with its comments.
pub fn yaml_document(object: &Value, original: Option<(&str, &Value)>) -> String {
    original
        .and_then(|(text, before)| yaml::edited(text, before, object))
        .unwrap_or_else(|| format!("---\n{}", with_comments(object, &Comments::default())))
}

/// An object as an item of a List in JSON.
pub fn json_item(object: &Value) -> String {
    // There is no line break in a text of JSON.
    let lines = format!("{object:#}");
    let lines: Vec<_> = lines.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_written_item_by_item_as_it_would_be_as_a_whole() {
        for items in [
            vec![],
            vec![json!({"a": "x\ny", "b": [], "c": [1, {}]})],
            vec![json!({"a": 1}), json!({"b": {"c": null}})],
        ] {
            let mut objects = Objects::new(Form::Json);
            for item in &items {
                objects.push(&json_item(item)).unwrap();
            }
            let mut text = Vec::new();
            objects.write(&mut text).unwrap();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            assert_eq!(String::from_utf8(text).unwrap(), format!("{list:#}\n"));
        }
    }
}
