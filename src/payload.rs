//! What a policy host sends: `{"request": AdmissionRequest, "settings": {…}}`.
//!
//! Most requests are about nothing that the policy changes. So what is large is passed over at first: the object, and
//! the object as it was before; the settings, which hosts send behind the request, are read when they are looked at.

use std::borrow::Cow;
use std::fmt;

use crate::json::{Reader, SyntaxError, Value};

/// The payload of `validate`.
#[derive(Debug)]
pub struct Payload<'a> {
    pub request: Request<'a>,
    /// The text of the settings, where they stand before the request.
    settings: Option<&'a str>,
    /// What follows the request.
    rest: Reader<'a>,
}

/// What the policy reads of an AdmissionRequest. What is null is absent, and both are empty.
#[derive(Debug, Default)]
pub struct Request<'a> {
    pub group: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    pub sub_resource: Cow<'a, str>,
    pub operation: Cow<'a, str>,
    pub namespace: Cow<'a, str>,
    /// The text of the object.
    pub object: &'a str,
    /// The text of the object before an update.
    pub old_object: &'a str,
}

/// Why a payload cannot be read: the end of a sentence about the request, without a word of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    Syntax(SyntaxError),
    /// It is JSON, and something in it is of another type than an admission request has there.
    Shape,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(formatter),
            Self::Shape => formatter.write_str(
                "is not an admission request: `request` and its `kind` must be objects, and `operation`, `namespace` \
                 and `subResource` strings",
            ),
        }
    }
}

impl Unreadable {
    /// Why `bytes` could not be read.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        SyntaxError::find(bytes).map_or(Self::Shape, Self::Syntax)
    }
}

impl<'a> Payload<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(bytes).ok();
        let payload = text.and_then(Self::read_from);
        payload.ok_or_else(|| Unreadable::of(bytes))
    }

    fn read_from(text: &'a str) -> Option<Self> {
        let mut rest = Reader::new(text);
        let mut settings = None;
        rest.open()?;
        let mut is_first = true;
        loop {
            match &*rest.key(is_first)?? {
                "request" => break,
                "settings" => settings = Some(rest.text()?),
                _ => {
                    rest.text()?;
                }
            }
            is_first = false;
        }
        Some(Self {
            request: Request::read(&mut rest)?,
            settings,
            rest,
        })
    }

    /// Reads the settings; null where there are none.
    ///
    /// # Errors
    /// `None` where they, or what stands around them, are not valid JSON.
    #[must_use]
    pub fn settings(&self) -> Option<Value<'a>> {
        let mut settings = match self.settings {
            Some(text) => Value::parse(text).ok()?,
            None => Value::Null,
        };
        let mut rest = self.rest.clone();
        while let Some(key) = rest.key(false)? {
            if key == "settings" {
                settings = rest.value()?;
            } else {
                rest.text()?;
            }
        }
        rest.is_at_end().then_some(settings)
    }
}

impl<'a> Request<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let mut request = Self::default();
        reader.fields(|reader, key| {
            match &*key {
                "kind" => (request.group, request.kind) = group_and_kind(reader)?,
                "subResource" => request.sub_resource = string(reader)?,
                "operation" => request.operation = string(reader)?,
                "namespace" => request.namespace = string(reader)?,
                "object" => request.object = reader.text()?,
                "oldObject" => request.old_object = reader.text()?,
                _ => {
                    reader.text()?;
                }
            }
            Some(())
        })?;
        Some(request)
    }
}

fn group_and_kind<'a>(reader: &mut Reader<'a>) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    let (mut group, mut kind) = Default::default();
    if reader.is_null() {
        return Some((group, kind));
    }
    reader.fields(|reader, key| {
        match &*key {
            "group" => group = string(reader)?,
            "kind" => kind = string(reader)?,
            _ => {
                reader.text()?;
            }
        }
        Some(())
    })?;
    Some((group, kind))
}

/// A string; null is an empty one.
fn string<'a>(reader: &mut Reader<'a>) -> Option<Cow<'a, str>> {
    match reader.value()? {
        Value::String(text) => Some(text),
        Value::Null => Some(Cow::Borrowed("")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    const REQUEST: &str = r#""request":{"kind":{"group":"apps","kind":"Deployment"},"namespace":"shop","object":{"a":"}"},"oldObject":null,"operation":"UPDATE"}"#;

    #[wasm_bindgen_test(unsupported = test)]
    fn finds_the_settings_before_and_behind_the_request() {
        for (text, settings) in [
            (format!("{{{REQUEST}}}"), "null"),
            (
                format!(r#"{{{REQUEST},"settings":{{"b":[1]}}}}"#),
                r#"{"b":[1]}"#,
            ),
            (
                format!(r#"{{"settings":{{"b":[1]}},{REQUEST}}}"#),
                r#"{"b":[1]}"#,
            ),
            (
                format!(r#" {{ "x" : [ "}}" ] , {REQUEST} , "y":{{}}, "settings" : 7 }} "#),
                "7",
            ),
        ] {
            let payload = Payload::read(text.as_bytes()).unwrap();
            let request = &payload.request;
            assert_eq!(
                [
                    &*request.group,
                    &*request.kind,
                    &*request.namespace,
                    request.object,
                    request.old_object
                ],
                ["apps", "Deployment", "shop", r#"{"a":"}"}"#, "null"]
            );
            assert_eq!(payload.settings().unwrap().to_string(), settings);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn reads_no_settings_of_what_is_broken_behind_the_request() {
        for behind in [
            "",
            ",",
            ",\"settings\":{",
            ",\"settings\":{}",
            ",\"settings\":1}}",
            "}x",
        ] {
            let text = format!("{{{REQUEST}{behind}");
            let payload = Payload::read(text.as_bytes()).unwrap();
            assert_eq!(payload.settings(), None, "{behind}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn tells_what_is_no_json_from_what_is_no_request() {
        let unreadable = |text: &str| Payload::read(text.as_bytes()).unwrap_err();
        for text in [
            "7",
            "{}",
            r#"{"request":null}"#,
            r#"{"request":{"kind":"Pod"}}"#,
        ] {
            assert_eq!(unreadable(text), Unreadable::Shape, "{text}");
        }
        for text in ["", "{", r#"{"request":{"operation":}}"#] {
            assert!(matches!(unreadable(text), Unreadable::Syntax(_)), "{text}");
        }
    }
}
