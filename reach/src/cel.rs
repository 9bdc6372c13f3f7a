//! Expressions in CEL.

use std::collections::HashMap;

use cel::{Context, ExecutionError, Value as Cel};
use serde_json::Value;

use crate::condition::Evaluated;
use crate::question::Question;

/// An expression that was read.
pub(crate) struct Program(cel::Program);

impl Program {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(expression: &str) -> Result<Self, String> {
        cel::Program::compile(expression)
            .map(Self)
            .map_err(|error| {
                let text = error.to_string();
                let text: Vec<&str> = text.lines().map(str::trim).collect();
                format!("is not CEL: {}", text.join(" "))
            })
    }

    pub fn execute(&self, question: &Question<'_>) -> Evaluated {
        let mut context = Context::default();
        let old = question.old_object.unwrap_or(&Value::Null);
        for (name, value) in [
            ("object", question.object),
            ("oldObject", old),
            ("request", question.request),
        ] {
            context.add_variable_from_value(name, value_of(value));
        }
        match self.0.execute(&context) {
            Ok(Cel::Bool(true)) => Evaluated::True,
            Ok(Cel::Bool(false)) => Evaluated::False,
            Ok(other) => Evaluated::Error(format!("is a {}, not a bool", other.type_of())),
            Err(error) if is_of_the_data(&error) => Evaluated::Error(error.to_string()),
            Err(error) => Evaluated::Beyond(error.to_string()),
        }
    }
}

/// Whether an error comes of what the object has, and not of a function or a variable that is not there.
fn is_of_the_data(error: &ExecutionError) -> bool {
    matches!(
        error,
        ExecutionError::NoSuchKey(_)
            | ExecutionError::IndexOutOfBounds(_)
            | ExecutionError::DivisionByZero(_)
            | ExecutionError::RemainderByZero(_)
            | ExecutionError::Overflow(..)
    )
}

/// A whole number is an `int`, as the API server has it, whatever its sign.
fn value_of(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Cel::Int(number),
            None => Cel::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(value_of).collect::<Vec<_>>().into(),
        Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| (key.clone(), value_of(value)));
            entries.collect::<HashMap<String, Cel>>().into()
        }
    }
}
