//! Label selectors, as `namespaceSelector` and `objectSelector` are.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::read::Reader;

/// Labels to select by.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    pub labels: BTreeMap<String, String>,
    /// Whether there can be no others.
    pub are_all: bool,
}

/// A selector: all of its requirements have to be met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Requirement>);

/// What is asked of one label. Written as kubectl takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// Whether labels are selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fit {
    Yes,
    /// The requirement that is not met.
    No(Requirement),
    /// A requirement about a label that nobody told about.
    Unknown(Requirement),
}

impl Selector {
    /// Reads a selector; none selects everything.
    pub fn read(reader: &mut Reader<'_>, selector: &Value) -> Self {
        let mut requirements = Vec::new();
        for (key, value) in reader.mapping(selector, "matchLabels") {
            requirements.push(Requirement {
                key: key.clone(),
                operator: Operator::In,
                values: vec![value.as_str().unwrap_or_default().to_owned()],
            });
        }
        let expressions = reader.list(selector, "matchExpressions");
        for (index, expression) in expressions.iter().enumerate() {
            reader.at(&format!("matchExpressions[{index}]"), |reader| {
                requirements.extend(Requirement::read(reader, expression));
            });
        }
        Self(requirements)
    }

    /// What is known not to be met counts before what is not known.
    pub fn fit(&self, labels: &Labels) -> Fit {
        let mut unknown = None;
        for requirement in &self.0 {
            match requirement.is_met(labels) {
                Some(true) => {}
                Some(false) => return Fit::No(requirement.clone()),
                None => unknown = unknown.or(Some(requirement.clone())),
            }
        }
        unknown.map_or(Fit::Yes, Fit::Unknown)
    }
}

impl Requirement {
    fn read(reader: &mut Reader<'_>, expression: &Value) -> Option<Self> {
        let key = reader.text(expression, "key")?;
        let operator = match reader.text(expression, "operator")?.as_str() {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => {
                let message = format!("`{other}` is not In, NotIn, Exists or DoesNotExist");
                reader.problem("operator", message);
                return None;
            }
        };
        let values = reader.texts(expression, "values");
        let takes_values = matches!(operator, Operator::In | Operator::NotIn);
        if takes_values == values.is_empty() {
            let message = if takes_values {
                "In and NotIn need values"
            } else {
                "Exists and DoesNotExist take no values"
            };
            reader.problem("values", message.to_owned());
            return None;
        }
        Some(Self {
            key,
            operator,
            values,
        })
    }

    /// None where that depends on a label that nobody told about.
    fn is_met(&self, labels: &Labels) -> Option<bool> {
        let value = labels.labels.get(&self.key);
        if value.is_none() && !labels.are_all {
            return None;
        }
        let is_named = value.is_some_and(|value| self.values.contains(value));
        Some(match self.operator {
            Operator::In => is_named,
            Operator::NotIn => !is_named,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        })
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, values, .. } = self;
        match (self.operator, &values[..]) {
            (Operator::In, [value]) => write!(out, "{key}={value}"),
            (Operator::In, _) => write!(out, "{key} in ({})", values.join(",")),
            (Operator::NotIn, [value]) => write!(out, "{key}!={value}"),
            (Operator::NotIn, _) => write!(out, "{key} notin ({})", values.join(",")),
            (Operator::Exists, _) => out.write_str(key),
            (Operator::DoesNotExist, _) => write!(out, "!{key}"),
        }
    }
}
