//! A case: a folder with manifests, settings, and what is expected of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use datakit_policy_host::manifest::Document;
use datakit_policy_host::policy::Policy;
use datakit_policy_host::yaml::{Comments, with_comments};
use datakit_policy_reach::Namespaces;
use similar::TextDiff;

use super::{Args, Outcome};
use crate::live::Live;
use crate::policies::Policies;
use crate::report::Place;
use crate::session::{self, Answer, Operation, Session};
use crate::{Failure, input, journal};

const EXPECTED: &str = "expected.yaml";
const MANIFESTS: [&str; 4] = ["input.yaml", "input.yml", "input.json", "manifests"];
const OLD: [&str; 3] = ["old.yaml", "old.yml", "old.json"];
const SETTINGS: [&str; 6] = [
    "settings.yaml",
    "settings.yml",
    "settings.json",
    "policy.yaml",
    "policy.yml",
    "policy.json",
];

/// The folder of a case.
pub struct Folder {
    path: PathBuf,
    /// The folders that settings are looked for in: its own first, the one of all cases last.
    settings_in: Vec<PathBuf>,
    /// Its path from the folder of all cases, or that of this one.
    pub name: String,
}

impl Folder {
    /// All cases in a folder and in the folders below, by their names.
    ///
    /// # Errors
    /// Where a folder cannot be read, or there is no case.
    pub fn all_in(root: &Path) -> Result<Vec<Self>, Failure> {
        let mut paths = Vec::new();
        collect(root, &mut paths)?;
        if paths.is_empty() {
            return Err(format!(
                "{}: there is no case: no folder in it has an input.yaml or a folder `manifests`",
                root.display()
            )
            .into());
        }
        Ok(paths
            .into_iter()
            .map(|path| Self::new(root, path))
            .collect())
    }

    fn new(root: &Path, path: PathBuf) -> Self {
        let below = path.strip_prefix(root).unwrap_or(&path);
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        let name = if parts.is_empty() {
            root.display().to_string()
        } else {
            parts.join("/")
        };
        let depth = below.iter().count();
        let above = path.ancestors().take(depth + 1).map(Path::to_owned);
        Self {
            settings_in: above.collect(),
            name,
            path,
        }
    }

    /// Where it is told that the result is not the expected one.
    pub fn place(&self) -> Place {
        Place {
            line: Some(1),
            ..Place::file(&self.expected().display().to_string())
        }
    }

    fn expected(&self) -> PathBuf {
        self.path.join(EXPECTED)
    }

    /// Compares what comes of it with what is expected.
    ///
    /// # Errors
    /// Where there is nothing to compare.
    pub fn test(&self, policy: &Policy, args: &Args) -> Result<Outcome, Failure> {
        let found = self.result(policy, &args.namespace)?;
        let path = self.expected();
        let expected = match std::fs::read_to_string(&path) {
            Ok(text) => Some(text.replace("\r\n", "\n")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(format!("{EXPECTED}: cannot be read: {error}").into()),
        };
        match expected {
            Some(expected) if expected == found => Ok(Outcome::Ok),
            _ if args.update => {
                input::write(&path, found.as_bytes())?;
                Ok(Outcome::Updated)
            }
            Some(expected) => Ok(Outcome::Differs(self.diff(&expected, &found))),
            None => Err(format!("there is no {EXPECTED}; --update writes it").into()),
        }
    }

    fn diff(&self, expected: &str, found: &str) -> String {
        let diff = TextDiff::from_lines(expected, found);
        let header = self.expected().display().to_string();
        let mut diff = diff.unified_diff();
        diff.context_radius(3)
            .header(&header, "the result")
            .to_string()
    }

    /// The objects as the policy leaves them, with what it says about them in comments.
    fn result(&self, policy: &Policy, namespace: &str) -> Result<String, Failure> {
        let documents = self.documents()?;
        let mut namespaces = Namespaces::default();
        for document in &documents {
            namespaces.insert_object(&document.object);
        }
        let settings = input::all_settings(&[self.settings()?], true)?;
        let mut policies = Policies::of_files(policy.clone(), &settings, namespace)?;
        policies.know(namespaces);
        let operation = match only_one(&self.path, &OLD)? {
            Some(old) => Operation::Apply(Live::of(input::manifests(&old, true), namespace)?),
            None => Operation::Create,
        };
        let session = Session::new(policies, namespace, operation);
        let answers = documents.into_iter().map(|document| session.ask(document));
        answers.map(|answer| Ok(result_of(&answer?))).collect()
    }

    /// All objects.
    fn documents(&self) -> Result<Vec<Document>, Failure> {
        let manifests = only_one(&self.path, &MANIFESTS)?;
        let manifests = manifests.ok_or("the manifests are gone")?;
        let (mut documents, mut failures) = (Vec::new(), Vec::new());
        for document in input::manifests(&manifests, true) {
            match document {
                Ok(document) => documents.push(document),
                Err(failure) => failures.push(failure),
            }
        }
        match failures.len() {
            0 => Ok(documents),
            1 => Err(failures.remove(0)),
            _ => {
                let failures = failures.iter().map(ToString::to_string);
                Err(failures.collect::<Vec<_>>().join("\n  ").into())
            }
        }
    }

    /// The file that the settings are in.
    fn settings(&self) -> Result<String, Failure> {
        for folder in &self.settings_in {
            if let Some(settings) = only_one(folder, &SETTINGS)? {
                return Ok(settings);
            }
        }
        let last = self.settings_in.last().unwrap_or(&self.path);
        Err(format!(
            "there is no settings.yaml, settings.json or policy.yaml in it, nor in a folder above it up to {}",
            last.display()
        )
        .into())
    }
}

/// Adds a folder, if it is a case, else the cases below. Hidden folders are left out.
fn collect(folder: &Path, cases: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if MANIFESTS.iter().any(|name| folder.join(name).exists()) {
        cases.push(folder.to_owned());
        return Ok(());
    }
    let entries = input::entries(folder)
        .map_err(|error| format!("{}: the folder cannot be read: {error}", folder.display()))?;
    let folders = entries.iter().filter(|(_, is_folder)| *is_folder);
    folders
        .into_iter()
        .try_for_each(|(path, _)| collect(path, cases))
}

/// The one of these files that is in a folder.
fn only_one(folder: &Path, names: &[&str]) -> Result<Option<String>, Failure> {
    let paths = names.iter().map(|name| folder.join(name));
    let mut paths = paths.filter(|path| path.exists());
    match (paths.next(), paths.next()) {
        (Some(one), Some(other)) => Err(format!(
            "{} and {} are both there: keep one",
            one.display(),
            other.display()
        )
        .into()),
        (one, _) => Ok(one.map(|path| path.display().to_string())),
    }
}

/// A document, behind comments that say what becomes of the object; without one where it is refused.
fn result_of(answer: &Answer) -> String {
    let mut text = String::from("---\n");
    let (verdict, reason) = verdict(&answer.outcome);
    let reason = answer.update().or(reason);
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    comment(&mut text, &format!("{verdict}: {}{reason}", answer.title()));
    for warning in &answer.warnings {
        comment(&mut text, &format!("warning: {warning}"));
    }
    if let Some(after) = answer.result() {
        let (_, after) = journal::shortened(&answer.object, after);
        text.push_str(&with_comments(&after, &Comments::default()));
    }
    text
}

fn verdict(outcome: &session::Outcome) -> (&'static str, Option<String>) {
    use session::Outcome;
    match outcome {
        Outcome::Injected(_) => ("injected", None),
        Outcome::Uninjected(_) => ("uninjected", None),
        Outcome::Kept(_) => ("kept as it was", None),
        Outcome::Unchanged(reason) => ("nothing to inject", reason.clone()),
        Outcome::NoWorkload => ("no workload", None),
        Outcome::NotAsked(reason) => ("not asked", Some(reason.clone())),
        Outcome::Refused(reason) => ("refused", Some(reason.clone())),
    }
}

fn comment(text: &mut String, comment: &str) {
    for line in comment.lines() {
        let _ = writeln!(text, "# {line}");
    }
}
