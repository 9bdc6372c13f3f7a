//! A value of JSON that borrows from the text that it was read from.

use std::borrow::Cow;

/// A JSON value. What is not changed is written as it was read: an object keeps the order of its keys, a number
/// its spelling.
#[derive(Clone, Debug, Default)]
pub enum Value<'a> {
    #[default]
    Null,
    Bool(bool),
    /// As it is spelled.
    Number(Cow<'a, str>),
    String(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(Object<'a>),
}

/// An object, in the order of the text. Of a key that is there twice the last one counts, as in Go.
#[derive(Clone, Debug, Default)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Value<'a> {
    /// An object of these fields.
    #[must_use]
    pub fn object<const N: usize>(fields: [(&'a str, Value<'a>); N]) -> Self {
        Self::Object(fields.into_iter().collect())
    }

    /// The value of `key`, where this is an object that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// The value of `key`, where this is an object that has it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.as_object_mut()?.get_mut(key)
    }

    /// The value of `key`, where this is an object that has it and it is not null, which is as if it were absent.
    #[must_use]
    pub fn given(&self, key: &str) -> Option<&Self> {
        self.get(key).filter(|value| !value.is_null())
    }

    /// What the value is, in the words of an error message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    #[must_use]
    pub fn is_object(&self) -> bool {
        self.as_object().is_some()
    }

    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A whole number that is not below zero.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_array(&self) -> Option<&Vec<Self>> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Self>> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn as_object_mut(&mut self) -> Option<&mut Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The value itself; null is left in its place.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// The same value, which borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(text) => Value::Number(owned(text)),
            Self::String(text) => Value::String(owned(text)),
            Self::Array(items) => Value::Array(items.into_iter().map(Value::into_owned).collect()),
            Self::Object(object) => Value::Object(object.into_owned()),
        }
    }
}

impl<'a> Object<'a> {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        let mut entries = self.0.iter().rev();
        entries.find(|(own, _)| own == key).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value<'a>> {
        let mut entries = self.0.iter_mut().rev();
        entries.find(|(own, _)| own == key).map(|(_, value)| value)
    }

    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets the value of a key: in its place, or at the end.
    pub fn insert(&mut self, key: impl Into<Cow<'a, str>>, value: Value<'a>) {
        let key = key.into();
        match self.get_mut(&key) {
            Some(own) => *own = value,
            None => self.0.push((key, value)),
        }
    }

    /// Adds an entry behind all others, whatever keys are there.
    pub(super) fn push(&mut self, key: Cow<'a, str>, value: Value<'a>) {
        self.0.push((key, value));
    }

    /// The value of a key, made null at the end where it is not there yet; there is always one.
    pub fn entry(&mut self, key: &'static str) -> Option<&mut Value<'a>> {
        if !self.contains_key(key) {
            self.0.push((key.into(), Value::Null));
        }
        self.get_mut(key)
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) {
        self.0.retain(|(own, _)| own != key);
    }

    /// The entries, in their order.
    pub fn iter(&self) -> Entries<'_, 'a> {
        self.into_iter()
    }

    /// The entries, in their order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value<'a>)> {
        self.0.iter_mut().map(|(key, value)| (&**key, value))
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| &**key)
    }

    pub fn values(&self) -> impl Iterator<Item = &Value<'a>> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The same object, which borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> Object<'static> {
        let entries = self.0.into_iter();
        Object(
            entries
                .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                .collect(),
        )
    }
}

impl<'o, 'a> IntoIterator for &'o Object<'a> {
    type Item = (&'o str, &'o Value<'a>);
    type IntoIter = Entries<'o, 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Entries(self.0.iter())
    }
}

/// The entries of an object, in their order.
#[derive(Debug)]
pub struct Entries<'o, 'a>(std::slice::Iter<'o, (Cow<'a, str>, Value<'a>)>);

impl<'o, 'a> Iterator for Entries<'o, 'a> {
    type Item = (&'o str, &'o Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (&**key, value))
    }
}

impl DoubleEndedIterator for Entries<'_, '_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, value)| (&**key, value))
    }
}

impl<'a> FromIterator<(&'a str, Value<'a>)> for Object<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, Value<'a>)>>(fields: I) -> Self {
        let fields = fields.into_iter();
        Self(fields.map(|(key, value)| (key.into(), value)).collect())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number.to_string().into())
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number.to_string().into())
    }
}

impl<'a> From<Object<'a>> for Value<'a> {
    fn from(object: Object<'a>) -> Self {
        Self::Object(object)
    }
}

impl<'a> From<Vec<Value<'a>>> for Value<'a> {
    fn from(items: Vec<Value<'a>>) -> Self {
        Self::Array(items)
    }
}

/// The order of keys says nothing.
impl PartialEq for Object<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.len() != other.len() {
            return false;
        }
        let is_in_order = self
            .0
            .iter()
            .zip(&other.0)
            .all(|((own, _), (key, _))| own == key);
        if is_in_order {
            return self
                .0
                .iter()
                .zip(&other.0)
                .all(|((_, own), (_, value))| own == value);
        }
        self.sorted() == other.sorted()
    }
}

impl<'a> Object<'a> {
    fn sorted(&self) -> Vec<&(Cow<'a, str>, Value<'a>)> {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_by(|(left, _), (right, _)| left.cmp(right));
        entries
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(own), Self::Bool(value)) => own == value,
            (Self::Number(own), Self::Number(text)) | (Self::String(own), Self::String(text)) => {
                own == text
            }
            (Self::Array(own), Self::Array(items)) => own == items,
            (Self::Object(own), Self::Object(object)) => own == object,
            _ => false,
        }
    }
}

impl Eq for Object<'_> {}

impl Eq for Value<'_> {}

impl PartialEq<str> for Value<'_> {
    fn eq(&self, text: &str) -> bool {
        self.as_str() == Some(text)
    }
}

impl PartialEq<&str> for Value<'_> {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == Some(text)
    }
}

impl PartialEq<u64> for Value<'_> {
    fn eq(&self, number: &u64) -> bool {
        self.as_u64() == Some(*number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn object(text: &str) -> Object<'_> {
        match Value::parse(text).unwrap() {
            Value::Object(object) => object,
            other => panic!("{other}"),
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn keeps_order_and_spelling() {
        let text = r#"{"b":1.50,"a":[true,null,"x\n"],"c":1E400}"#;
        let in_range = text.replace("1E400", "18446744073709551616");
        assert_eq!(Value::parse(&in_range).unwrap().to_string(), in_range);
        assert!(Value::parse(text).is_err());
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn is_the_same_in_any_order_of_keys() {
        let one = object(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#);
        assert_eq!(one, object(r#"{"b":{"d":null,"c":[1,2]},"a":1}"#));
        for other in [
            r#"{"a":1}"#,
            r#"{"a":1,"b":{"c":[2,1],"d":null}}"#,
            r#"{"a":1.0,"b":{"c":[1,2],"d":null}}"#,
            r#"{"a":1,"x":{"c":[1,2],"d":null}}"#,
        ] {
            assert_ne!(one, object(other), "{other}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_the_last_of_equal_keys() {
        let mut twice = object(r#"{"a":1,"b":2,"a":3}"#);
        assert_eq!(twice.get("a").unwrap(), &3_u64);
        twice.insert("a", 4_u64.into());
        twice.insert("c", 5_u64.into());
        assert_eq!(
            Value::Object(twice.clone()).to_string(),
            r#"{"a":1,"b":2,"a":4,"c":5}"#
        );
        twice.remove("a");
        assert_eq!(Value::Object(twice).to_string(), r#"{"b":2,"c":5}"#);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn borrows_what_has_no_escapes() {
        let text = String::from(r#"["plain","esc\u0061ped"]"#);
        let value = Value::parse(&text).unwrap();
        let borrowed = |item: &Value<'_>| matches!(item, Value::String(Cow::Borrowed(_)));
        let items = value.as_array().unwrap();
        assert_eq!(
            items.iter().map(borrowed).collect::<Vec<_>>(),
            [true, false]
        );
        assert_eq!(items[1], "escaped");
    }
}
