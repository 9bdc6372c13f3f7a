//! Values that know where they stand, and the list of what is wrong with them.

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

/// A value and its path, like `spec.containers[0].env[1]`.
#[derive(Clone, Debug)]
pub(super) struct Place<'v> {
    pub value: &'v Value,
    pub path: String,
}

impl<'v> Place<'v> {
    pub fn new(value: &'v Value, path: String) -> Self {
        Self { value, path }
    }

    /// The field `key`; absent and null are none.
    pub fn field(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        let path = match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        Some(Self { value, path })
    }

    fn item(&self, name: impl fmt::Display, value: &'v Value) -> Self {
        Self {
            value,
            path: format!("{}[{name}]", self.path),
        }
    }
}

/// What was found. Reading a field notes a value of another type than Kubernetes gives the field.
#[derive(Debug, Default)]
pub(super) struct Violations {
    pub list: Vec<String>,
}

impl Violations {
    pub fn add(&mut self, place: &Place<'_>, problem: impl fmt::Display) {
        self.list.push(format!("{}: {problem}", place.path));
    }

    fn typed<'v, T>(
        &mut self,
        parent: &Place<'v>,
        key: &str,
        wanted: &str,
        read: impl Fn(&'v Value) -> Option<T>,
    ) -> Option<T> {
        let place = parent.field(key)?;
        let value = read(place.value);
        if value.is_none() {
            self.add(&place, format_args!("must be {wanted}"));
        }
        value
    }

    pub fn text<'v>(&mut self, parent: &Place<'v>, key: &str) -> Option<&'v str> {
        self.typed(parent, key, "a string", Value::as_str)
    }

    /// A string that has to be there, and not be empty.
    pub fn required<'v>(&mut self, parent: &Place<'v>, key: &str) -> Option<&'v str> {
        let is_there = parent.field(key).is_some();
        let text = self.text(parent, key);
        if !is_there || text == Some("") {
            self.add(parent, format_args!("has no {key}"));
        }
        text.filter(|text| !text.is_empty())
    }

    pub fn boolean(&mut self, parent: &Place<'_>, key: &str) -> Option<bool> {
        self.typed(parent, key, "a boolean", Value::as_bool)
    }

    pub fn number(&mut self, parent: &Place<'_>, key: &str) -> Option<i64> {
        self.typed(parent, key, "a whole number", Value::as_i64)
    }

    pub fn object<'v>(&mut self, parent: &Place<'v>, key: &str) -> Option<Place<'v>> {
        self.typed(parent, key, "an object", Value::as_object)?;
        parent.field(key)
    }

    /// The objects of a list.
    pub fn list<'v>(&mut self, parent: &Place<'v>, key: &str) -> Vec<Place<'v>> {
        let items = self.typed(parent, key, "a list", Value::as_array);
        let mut objects = Vec::new();
        for (item, place) in items.into_iter().flatten().zip(0..) {
            let list = parent.field(key).unwrap_or_else(|| parent.clone());
            let place = list.item(place, item);
            if item.is_object() {
                objects.push(place);
            } else {
                self.add(&place, "must be an object");
            }
        }
        objects
    }

    pub fn texts(&mut self, parent: &Place<'_>, key: &str) {
        self.typed(parent, key, "a list of strings", |value| {
            value
                .as_array()
                .filter(|items| items.iter().all(Value::is_string))
        });
    }

    /// The entries of an object of strings.
    pub fn texts_by_key<'v>(&mut self, parent: &Place<'v>, key: &str) -> Vec<(Place<'v>, &'v str)> {
        let Some(object) = self.object(parent, key) else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (key, value) in object.value.as_object().into_iter().flatten() {
            let place = object.item(key, value);
            match value.as_str() {
                Some(text) => texts.push((place, text)),
                None => self.add(&place, "must be a string"),
            }
        }
        texts
    }

    /// Notes the second and later ones of a name.
    pub fn unique<'n>(
        &mut self,
        what: &str,
        named: impl IntoIterator<Item = (&'n Place<'n>, &'n str)>,
    ) {
        let mut seen = HashSet::new();
        for (place, name) in named {
            if !seen.insert(name) {
                self.add(place, format_args!("the {what} `{name}` is there twice"));
            }
        }
    }
}
