//! What the playground shows: texts go in, and what the policy makes of them comes out, as JSON.
//!
//! The page runs the policy; this module asks it, as the command line does, and with the command line's code.
#![deny(unsafe_code)]
#![warn(missing_docs)]

#[cfg(target_arch = "wasm32")]
mod abi;
mod object;

pub use object::Object;

use datakit_policy::live::Live;
use datakit_policy::policies::Alone;
use datakit_policy::session::{Operation, Session};
use datakit_policy::settings::SettingsFile;
use datakit_policy_host::manifest::{self, Document};
use datakit_policy_host::policy::Policy;
use datakit_policy_host::settings::Found;
use datakit_policy_host::yaml::Position;
use serde::{Deserialize, Serialize};

/// What is in the fields of the page.
#[derive(Debug, Default, Deserialize)]
pub struct Input {
    /// The manifest, of any number of documents.
    pub manifest: String,
    /// Settings, in any of the files that have some.
    pub settings: String,
    /// The objects as they are in the cluster; none where all are new.
    pub old: Option<String>,
    /// The namespace of objects that name none.
    pub namespace: String,
}

/// What is shown.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Output {
    /// What the settings were found in; none where they cannot be read.
    pub form: Option<String>,
    /// What is wrong, in the order of the fields.
    pub problems: Vec<Problem>,
    /// The objects, with the policy's answers.
    pub objects: Vec<Object>,
}

/// Something that is wrong, and where.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The field.
    pub field: Field,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// A field of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// The manifest.
    Manifest,
    /// The settings.
    Settings,
    /// The objects as they are in the cluster.
    Old,
}

impl Field {
    /// What messages call it.
    fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Settings => "settings",
            Self::Old => "old manifest",
        }
    }

    fn problem(self, at: Position, message: &dyn ToString) -> Problem {
        Problem {
            field: self,
            line: at.line,
            column: at.column,
            message: message.to_string(),
        }
    }
}

/// Asks the policy about everything in the fields.
#[must_use]
pub fn look(policy: Policy, input: Input) -> Output {
    let (documents, mut problems) = documents(Field::Manifest, &input.manifest);
    let settings = settings(&policy, input.settings);
    let operation = operation(input.old.as_deref(), &input.namespace);
    let (settings, operation) = match (settings, operation) {
        (Ok(settings), Ok(operation)) => (settings, operation),
        (settings, operation) => {
            problems.extend(settings.err().unwrap_or_default());
            problems.extend(operation.err().unwrap_or_default());
            return Output {
                problems,
                ..Output::default()
            };
        }
    };
    let form = settings.form.to_string();
    let session = Session::new(
        Alone::new(policy, settings.settings),
        &input.namespace,
        operation,
    );
    let mut objects = Vec::new();
    for document in documents {
        let line = document.source.line;
        match session.ask(document) {
            Ok(answer) => objects.push(Object::new(&answer)),
            Err(error) => problems.push(Field::Manifest.problem(at(line), &error)),
        }
    }
    Output {
        form: Some(form),
        problems,
        objects,
    }
}

/// The objects in a text, and what of it cannot be used.
fn documents(field: Field, text: &str) -> (Vec<Document>, Vec<Problem>) {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for document in manifest::read(field.name(), text) {
        match document {
            Ok(document) => documents.push(document),
            Err(error) => {
                let at = error.position().unwrap_or(at(1));
                problems.push(field.problem(at, &error.what()));
            }
        }
    }
    (documents, problems)
}

/// What is done to the objects: without an old manifest they are new.
fn operation(old: Option<&str>, namespace: &str) -> Result<Operation, Vec<Problem>> {
    let Some(old) = old else {
        return Ok(Operation::Create);
    };
    let (documents, problems) = documents(Field::Old, old);
    if !problems.is_empty() {
        return Err(problems);
    }
    match Live::of(documents.into_iter().map(Ok), namespace) {
        Ok(live) => Ok(Operation::Apply(live)),
        Err(failure) => Err(vec![Field::Old.problem(at(1), &failure)]),
    }
}

/// The settings, if the policy takes them.
fn settings(policy: &Policy, text: String) -> Result<Found, Vec<Problem>> {
    let field = Field::Settings;
    let file = SettingsFile::new(field.name(), &text).map_err(|error| {
        vec![match error.in_the_text() {
            Some((at, what)) => field.problem(at, &what),
            None => field.problem(at(1), &error),
        }]
    })?;
    let problems = file
        .problems(policy)
        .map_err(|failure| vec![field.problem(at(1), &failure)])?;
    if problems.is_empty() {
        return Ok(file.found);
    }
    let problems = problems.into_iter();
    Err(problems
        .map(|problem| field.problem(problem.at, &problem.message()))
        .collect())
}

/// The beginning of a line.
fn at(line: usize) -> Position {
    Position { line, column: 1 }
}
