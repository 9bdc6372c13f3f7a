//! `matchConditions`: expressions in CEL.

use serde_json::Value;

use crate::cel::Program;
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
#[cfg_attr(not(feature = "cel"), allow(dead_code))]
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
            Err(message) => {
                reader.problem("expression", message);
                None
            }
        }
    }

    /// Whether it looks at the user, whom nobody knows here.
    pub fn asks_who(&self) -> bool {
        self.expression.contains("userInfo")
    }

    pub fn evaluate(&self, question: &Question<'_>) -> Evaluated {
        self.program.execute(question)
    }
}
