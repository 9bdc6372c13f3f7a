//! `matchConditions`: expressions in CEL.

use std::collections::HashMap;

use cel::{Context, ExecutionError, Program, Value as Cel};
use serde_json::Value;

use crate::question::Question;
use crate::read::Reader;

/// A condition.
pub(crate) struct Condition {
    pub name: String,
    /// As it was written.
    pub expression: String,
    program: Program,
}

/// What became of a condition.
#[derive(Debug, PartialEq)]
pub(crate) enum Evaluated {
    True,
    False,
    /// The API server would fail, too.
    Error(String),
    /// The expression needs what only an API server has.
    Beyond(String),
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.name, self.expression)
    }
}

impl Condition {
    pub fn read(reader: &mut Reader<'_>, condition: &Value) -> Option<Self> {
        let name = reader.text(condition, "name");
        let expression = reader.text(condition, "expression")?;
        match Program::compile(&expression) {
            Ok(program) => Some(Self {
                name: name?,
                expression,
                program,
            }),
            Err(error) => {
                let text = error.to_string();
                let text: Vec<&str> = text.lines().map(str::trim).collect();
                reader.problem("expression", format!("is not CEL: {}", text.join(" ")));
                None
            }
        }
    }

    /// Whether it looks at the user, whom nobody knows here.
    pub fn asks_who(&self) -> bool {
        self.expression.contains("userInfo")
    }

    pub fn evaluate(&self, question: &Question<'_>) -> Evaluated {
        let mut context = Context::default();
        let old = question.old_object.unwrap_or(&Value::Null);
        for (name, value) in [
            ("object", question.object),
            ("oldObject", old),
            ("request", question.request),
        ] {
            context.add_variable_from_value(name, cel(value));
        }
        match self.program.execute(&context) {
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
fn cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Cel::Int(number),
            None => Cel::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(cel).collect::<Vec<_>>().into(),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), cel(value)));
            entries.collect::<HashMap<String, Cel>>().into()
        }
    }
}
