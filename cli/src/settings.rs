//! A file with settings in it, and what the policy says about them.

use std::fmt;

use datakit_policy_host::policy::{LogLine, Policy};
use datakit_policy_host::settings::{self, Form, Found, Held, Positions, Problem, SettingsError};
use datakit_policy_host::yaml::Position;
use datakit_policy_reach as reach;
use serde_json::{Value, json};

use crate::Failure;

/// The key of settings that holds the operator's text.
const TEXT: &str = "jsonconfig";

/// The key of settings that may stand beside it.
const POLICY: &str = "policy";

/// A file with settings in it.
pub struct SettingsFile {
    /// What messages call it.
    pub name: String,
    /// What is in it.
    pub text: String,
    /// Its settings.
    pub found: Found,
    /// The object that they stand in; null where there is none.
    pub object: Value,
    positions: Positions,
}

/// Settings, or the rest of the policy that they are in, which cannot be used.
#[derive(Debug)]
pub struct Refused {
    why: &'static str,
    /// What messages call the file.
    pub file: String,
    /// All that is wrong, in the order of the file.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.why)?;
        self.problems.iter().try_for_each(|problem| {
            let line = at_place(&self.file, problem.at, &problem.message());
            write!(out, "\n  {line}")
        })
    }
}

impl std::error::Error for Refused {}

fn at_place(file: &str, at: Position, message: &str) -> String {
    format!("{file}:{}:{}: {message}", at.line, at.column)
}

impl SettingsFile {
    /// Finds the settings in a text.
    ///
    /// # Errors
    /// Where the text is broken, or has no settings in it, or several.
    pub fn new(name: &str, text: &str) -> Result<Self, SettingsError> {
        // Says which there are, if there are several.
        settings::find(name, text)?;
        let mut all = Self::all(name, text)?;
        Ok(all.remove(0))
    }

    /// All that are in a text, which may hold several policies.
    ///
    /// # Errors
    /// Where the text is broken, or has no settings in it.
    pub fn all(name: &str, text: &str) -> Result<Vec<Self>, SettingsError> {
        let held = settings::find_all(name, text)?.into_iter();
        Ok(held.map(|held| Self::of(name, text, held)).collect())
    }

    /// Why settings cannot be looked at together, if they cannot: each has to be in a policy. With the first that is not.
    pub fn not_together(all: &[Self]) -> Option<(&Self, String)> {
        let other = all.iter().find(|file| !file.is_policy());
        let other = other.filter(|_| all.len() > 1)?;
        let message = format!(
            "{} are not a policy; to use several settings together, put each into a ClusterAdmissionPolicy or \
             an AdmissionPolicy",
            other.found.form
        );
        Some((other, message))
    }

    fn of(name: &str, text: &str, held: Held) -> Self {
        let Held { found, object } = held;
        Self {
            name: name.to_owned(),
            positions: Positions::new(&found, text),
            text: text.to_owned(),
            found,
            object,
        }
    }

    /// Whether they stand in a policy.
    pub fn is_policy(&self) -> bool {
        matches!(self.found.form, Form::Policy(_))
    }

    /// The rest of the policy that the settings are in, if they are in one, for objects of a namespace.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the file.
    pub fn resource(&self, namespace: &str) -> Result<Option<reach::Policy>, Vec<Problem>> {
        if !self.is_policy() {
            return Ok(None);
        }
        reach::Policy::read(&self.object, namespace)
            .map(Some)
            .map_err(|problems| self.placed(problems))
    }

    /// Likewise.
    ///
    /// # Errors
    /// All that is wrong with it, in one message.
    pub fn policy(&self, namespace: &str) -> Result<Option<reach::Policy>, Failure> {
        self.resource(namespace)
            .map_err(|problems| self.refused("the policy cannot be used", problems).into())
    }

    /// What is wrong with the rest of the policy, in the order of the file.
    pub fn policy_problems(&self) -> Vec<Problem> {
        self.resource("default").err().unwrap_or_default()
    }

    fn placed(&self, problems: Vec<reach::Problem>) -> Vec<Problem> {
        let object = Positions::of_object(&self.found, &self.text);
        let place = |problem: reach::Problem| object.problem(&problem.path, &problem.message, None);
        let mut placed: Vec<_> = problems.into_iter().map(place).collect();
        placed.sort_by_key(|problem| (problem.at.line, problem.at.column));
        placed
    }

    /// What the policy does not accept, in the order of the file; nothing if it takes the settings.
    pub fn problems(&self, policy: &Policy) -> Result<Vec<Problem>, Failure> {
        let instance = policy.instance()?;
        let verdict = instance.validate_settings(&self.found.settings)?;
        if verdict.valid {
            return Ok(Vec::new());
        }
        let logs = instance.take_logs();
        let mut problems: Vec<_> = logs.iter().filter_map(|line| self.problem(line)).collect();
        // Another policy than ours says no more than its message.
        if problems.is_empty() {
            let message = verdict.message.unwrap_or_default();
            problems.push(self.positions.problem("", &message, None));
        }
        problems.sort_by_key(|problem| (problem.at.line, problem.at.column));
        Ok(problems)
    }

    /// A line about a problem, which has its place in fields.
    fn problem(&self, line: &LogLine) -> Option<Problem> {
        if line.field("event") != Some("problem") {
            return None;
        }
        let number = |name: &str| usize::try_from(line.fields.get(name)?.as_u64()?).ok();
        let inside = number("text_line").zip(number("text_column"));
        let inside = inside.filter(|(line, _)| *line > 0);
        let inside = inside.map(|(line, column)| Position { line, column });
        let path = line.field("path")?;
        Some(self.positions.problem(path, &line.message, inside))
    }

    /// The settings, if the policy takes them.
    ///
    /// # Errors
    /// All that it does not accept, each with its place.
    pub fn accepted_by(&self, policy: &Policy) -> Result<Value, Failure> {
        let problems = self.problems(policy)?;
        if problems.is_empty() {
            return Ok(self.found.settings.clone());
        }
        let refused = self.refused("the policy does not accept the settings", problems);
        Err(refused.into())
    }

    fn refused(&self, why: &'static str, problems: Vec<Problem>) -> Refused {
        Refused {
            why,
            file: self.name.clone(),
            problems,
        }
    }

    /// Where a path of the settings stands.
    pub fn place(&self, path: &str) -> Position {
        self.positions.find(path)
    }

    /// A message about a place in the file, as compilers write it and editors read it.
    pub fn at(&self, at: Position, message: &str) -> String {
        at_place(&self.name, at, message)
    }

    /// The settings key by key, also where they are text.
    pub fn structured(&self) -> Result<Value, Failure> {
        match self.found.settings.get(TEXT).and_then(Value::as_str) {
            None => Ok(self.found.settings.clone()),
            Some(text) if text.trim().is_empty() => Ok(json!({})),
            Some(text) => {
                let mut settings: Value = serde_json::from_str(text)?;
                if let (Some(policy), Value::Object(entries)) =
                    (self.found.settings.get(POLICY), &mut settings)
                {
                    entries.insert(POLICY.to_owned(), policy.clone());
                }
                Ok(settings)
            }
        }
    }
}
