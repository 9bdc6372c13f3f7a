//! What makes tests short.

use std::ops::{Index, IndexMut};

use super::{Object, Value};

/// A value, written as JSON.
macro_rules! json {
    ($($json:tt)+) => {
        $crate::json::Value::from(serde_json::json!($($json)+))
    };
}
pub(crate) use json;

impl<'a> Index<&str> for Value<'a> {
    type Output = Value<'a>;

    fn index(&self, key: &str) -> &Self::Output {
        static NULL: Value<'static> = Value::Null;
        self.get(key).unwrap_or(&NULL)
    }
}

impl IndexMut<&'static str> for Value<'_> {
    fn index_mut(&mut self, key: &'static str) -> &mut Self::Output {
        if self.is_null() {
            *self = Value::Object(Object::new());
        }
        self.as_object_mut().unwrap().entry(key).unwrap()
    }
}

impl<'a> Index<usize> for Value<'a> {
    type Output = Value<'a>;

    fn index(&self, place: usize) -> &Self::Output {
        &self.as_array().unwrap()[place]
    }
}

impl IndexMut<usize> for Value<'_> {
    fn index_mut(&mut self, place: usize) -> &mut Self::Output {
        &mut self.as_array_mut().unwrap()[place]
    }
}

impl<'a> Index<&str> for Object<'a> {
    type Output = Value<'a>;

    fn index(&self, key: &str) -> &Self::Output {
        self.get(key).unwrap()
    }
}

impl IndexMut<&'static str> for Object<'_> {
    fn index_mut(&mut self, key: &'static str) -> &mut Self::Output {
        self.entry(key).unwrap()
    }
}

impl Value<'_> {
    /// The value at a JSON pointer.
    pub fn pointer_mut(&mut self, pointer: &str) -> Option<&mut Self> {
        let steps = pointer.split('/').skip(1);
        steps.into_iter().try_fold(self, |value, step| match value {
            Value::Array(items) => items.get_mut(step.parse::<usize>().unwrap()),
            value => value.get_mut(step),
        })
    }
}

/// For `serde_json::json!` with a value in it.
impl serde::Serialize for Value<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serde_json::Value::from(self).serialize(to)
    }
}
