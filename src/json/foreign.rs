//! Values of `serde_json` as ours and back, for programs around the policy; the module itself has none.

use super::{Object, Value};

impl From<serde_json::Value> for Value<'_> {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => Self::Number(number.to_string().into()),
            serde_json::Value::String(text) => Self::String(text.into()),
            serde_json::Value::Array(items) => {
                Self::Array(items.into_iter().map(Self::from).collect())
            }
            serde_json::Value::Object(fields) => Self::Object(fields.into()),
        }
    }
}

impl From<serde_json::Map<String, serde_json::Value>> for Object<'_> {
    fn from(fields: serde_json::Map<String, serde_json::Value>) -> Self {
        let mut object = Self::new();
        for (key, value) in fields {
            object.push(key.into(), value.into());
        }
        object
    }
}

impl From<&serde_json::Map<String, serde_json::Value>> for Object<'_> {
    fn from(fields: &serde_json::Map<String, serde_json::Value>) -> Self {
        fields.clone().into()
    }
}

/// Edits a value of the library as one of ours.
pub fn edit<T>(value: &mut serde_json::Value, edit: impl FnOnce(&mut Value<'_>) -> T) -> T {
    let mut own = Value::from(value.take());
    let made = edit(&mut own);
    *value = own.into();
    made
}

impl From<&serde_json::Value> for Value<'_> {
    fn from(value: &serde_json::Value) -> Self {
        value.clone().into()
    }
}

impl From<&Value<'_>> for serde_json::Value {
    fn from(value: &Value<'_>) -> Self {
        serde_json::from_str(&value.to_string()).unwrap_or_default()
    }
}

impl From<Value<'_>> for serde_json::Value {
    fn from(value: Value<'_>) -> Self {
        Self::from(&value)
    }
}
