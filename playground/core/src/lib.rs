//! What the playground shows: texts go in, and what the policy makes of them comes out, as JSON.
//!
//! The page runs the policy; this module asks it, as the command line does, and with the command line's code.
#![deny(unsafe_code)]
#![warn(missing_docs)]

#[cfg(target_arch = "wasm32")]
mod abi;
mod object;

pub use object::Object;

use datakit_policy::advice::advise;
use datakit_policy::live::Live;
use datakit_policy::policies::{Asked, Policies};
use datakit_policy::session::{Operation, Session};
use datakit_policy::settings::SettingsFile;
use datakit_policy_host::manifest::{self, Document};
use datakit_policy_host::policy::Policy;
use datakit_policy_host::settings::{Form, SettingsError};
use datakit_policy_host::yaml::Position;
use datakit_policy_reach::Namespaces;
use serde::{Deserialize, Serialize};

/// What is in the fields of the page.
#[derive(Debug, Default, Deserialize)]
pub struct Input {
    /// The manifest, of any number of documents.
    pub manifest: String,
    /// Settings, in any of the files that have some; of policies, several.
    pub settings: String,
    /// The objects as they are in the cluster; none where all are new.
    pub old: Option<String>,
    /// The namespace of objects that name none.
    pub namespace: String,
}

/// What is shown.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Output {
    /// What the settings were read as; none where they cannot be used.
    pub form: Option<String>,
    /// What is wrong, in the order of the fields.
    pub problems: Vec<Problem>,
    /// What `datakit-policy check` advises about settings that are not wrong.
    pub advice: Vec<Problem>,
    /// The objects, with the policy's answers.
    pub objects: Vec<Object>,
}

/// Something to be told about a place.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The field.
    pub field: Field,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What about it.
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
pub fn look(policy: Policy, input: &Input) -> Output {
    let (documents, mut problems) = documents(Field::Manifest, &input.manifest);
    let settings = Settings::accepted(&policy, input);
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
    let namespaces = namespaces(&documents);
    let (form, advice) = (settings.form(), settings.advice(&namespaces));
    let mut policies = Policies::new(policy, settings.asked);
    policies.know(namespaces);
    let session = Session::new(policies, &input.namespace, operation);
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
        advice,
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

/// Settings that the policy takes, in policies that can be used where they are in some.
struct Settings {
    files: Vec<SettingsFile>,
    asked: Vec<Asked>,
}

impl Settings {
    /// Those in the field; for what cannot be used, all problems.
    fn accepted(policy: &Policy, input: &Input) -> Result<Self, Vec<Problem>> {
        let field = Field::Settings;
        let files = SettingsFile::all(field.name(), &input.settings)
            .map_err(|error| vec![unreadable(field, &error)])?;
        if let Some((other, message)) = SettingsFile::not_together(&files) {
            return Err(vec![field.problem(at(other.found.source.line), &message)]);
        }
        let (mut asked, mut problems) = (Vec::new(), Vec::new());
        for file in &files {
            match accepted(policy, file, &input.namespace) {
                Ok(accepted) => asked.push(accepted),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() {
            Ok(Self { files, asked })
        } else {
            Err(problems)
        }
    }

    /// What they were read as.
    fn form(&self) -> String {
        let forms = self.files.iter().map(|file| match &file.found.form {
            Form::Policy(name) => name.to_string(),
            other => other.to_string(),
        });
        forms.collect::<Vec<_>>().join(" and ")
    }

    fn advice(&self, namespaces: &Namespaces) -> Vec<Problem> {
        let names: Vec<String> = namespaces.names().map(str::to_owned).collect();
        let advice = self
            .files
            .iter()
            .filter_map(|file| advise(file, &names).ok());
        advice
            .flatten()
            .map(|(at, advice)| Field::Settings.problem(at, &advice))
            .collect()
    }
}

/// Settings with the rest of their policy, or all that is wrong with both, in the order of the text.
fn accepted(policy: &Policy, file: &SettingsFile, namespace: &str) -> Result<Asked, Vec<Problem>> {
    let field = Field::Settings;
    let resource = file.resource(namespace);
    let mut problems = file
        .problems(policy)
        .map_err(|failure| vec![field.problem(at(file.found.source.line), &failure)])?;
    match resource {
        Ok(resource) if problems.is_empty() => {
            return Ok(Asked::new(file.found.settings.clone(), resource));
        }
        resource => problems.extend(resource.err().unwrap_or_default()),
    }
    problems.sort_by_key(|problem| (problem.at.line, problem.at.column));
    let problems = problems.into_iter();
    Err(problems
        .map(|problem| field.problem(problem.at, &problem.message()))
        .collect())
}

fn unreadable(field: Field, error: &SettingsError) -> Problem {
    match error.in_the_text() {
        Some((at, what)) => field.problem(at, &what),
        None => field.problem(at(1), error),
    }
}

/// The labels of the Namespaces among the objects.
fn namespaces(documents: &[Document]) -> Namespaces {
    let mut namespaces = Namespaces::default();
    for document in documents {
        namespaces.insert_object(&document.object);
    }
    namespaces
}

/// The beginning of a line.
fn at(line: usize) -> Position {
    Position { line, column: 1 }
}
