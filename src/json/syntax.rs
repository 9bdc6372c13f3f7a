//! What is wrong with a text that is no JSON.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// What is wrong with a text that is no JSON, and where, without any of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub(super) what: &'static str,
    pub place: TextPlace,
}

/// A place in a text; both numbers begin at 1, columns count bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextPlace {
    pub line: usize,
    pub column: usize,
}

impl SyntaxError {
    /// That of a text which the policy's reader does not take: a library reads it again, and says where it is wrong.
    pub(super) fn of(text: &[u8]) -> Self {
        Self::find(text).unwrap_or(Self {
            what: INVALID,
            place: TextPlace { line: 1, column: 1 },
        })
    }

    /// What is wrong with a text, if something is.
    #[must_use]
    pub fn find(text: &[u8]) -> Option<Self> {
        let error = serde_json::from_slice::<Any>(text).err()?;
        Some(Self {
            what: match error.classify() {
                serde_json::error::Category::Eof => "ends too early",
                _ => INVALID,
            },
            place: TextPlace {
                line: error.line(),
                column: error.column(),
            },
        })
    }
}

const INVALID: &str = "is not valid JSON";

/// Any value, which is read to its end and not kept.
struct Any;

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Any {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self, A::Error> {
        while access.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self, A::Error> {
        while access.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
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
