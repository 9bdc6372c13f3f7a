//! What `check` reports.

use datakit_policy_host::yaml::Position;
use serde::Serialize;

use super::{ApiVersion, Finding, Place, Report, Rule, Subject};

/// What `datakit-policy check -o json` prints.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// The version of the format.
    pub api_version: ApiVersion,
    /// What it is a report of.
    pub kind: CheckKind,
    /// The files of settings, in the order in which they were named.
    pub files: Vec<CheckedFile>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum CheckKind {
    #[default]
    CheckReport,
}

/// A file of settings.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckedFile {
    /// What messages call it.
    #[serde(skip)]
    pub name: String,
    /// What the verdict calls the settings: the file, or, of several in one, the object that they stand in.
    #[serde(skip)]
    pub title: String,
    /// The file, as it was named. Absent for standard input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whether the policy takes the settings.
    pub verdict: CheckVerdict,
    /// What is wrong, in the order of the file. It is empty where the settings are accepted.
    pub problems: Vec<Remark>,
    /// What is accepted and probably not intended, in the order of the file.
    pub advice: Vec<Remark>,
}

/// Whether the policy takes settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum CheckVerdict {
    /// It takes them.
    Accepted,
    /// It does not take them, or Kubernetes does not take the policy that they are in.
    Refused,
    /// The file cannot be read, or there are no settings in it.
    Unreadable,
}

/// Something about a part of the settings.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Remark {
    /// The line of the part, from 1. Absent where the file cannot be read at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column of the part, from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The path to the part, such as `admission_inject.ddtrace.envs`. Absent where it is about all of the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What there is to say.
    pub message: String,
}

impl Remark {
    pub fn new(at: Position, path: &str, message: &str) -> Self {
        Self {
            line: Some(at.line),
            column: Some(at.column),
            path: (!path.is_empty()).then(|| path.to_owned()),
            message: message.to_owned(),
        }
    }

    /// About a file that cannot be read.
    pub fn of(finding: &Finding) -> Self {
        Self {
            line: finding.place.line,
            column: finding.place.column,
            path: None,
            message: finding.message.clone(),
        }
    }

    /// Where it is, in a file that messages call so.
    pub fn place(&self, name: &str) -> Place {
        Place {
            line: self.line,
            column: self.column,
            ..Place::file(name)
        }
    }

    /// The message, behind its path.
    pub fn text(&self) -> String {
        match &self.path {
            Some(path) => format!("{path}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl Report for CheckReport {
    const COMMAND: &'static str = "check";

    fn subjects(&self) -> Vec<Subject> {
        self.files.iter().map(CheckedFile::subject).collect()
    }
}

impl CheckedFile {
    /// A file that nothing is wrong with.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            file: Place::file(name).file,
            verdict: CheckVerdict::Accepted,
            problems: Vec::new(),
            advice: Vec::new(),
        }
    }

    fn subject(&self) -> Subject {
        let rule = match self.verdict {
            CheckVerdict::Unreadable => Rule::Unreadable,
            CheckVerdict::Accepted | CheckVerdict::Refused => Rule::InvalidSettings,
        };
        let problems = self.problems.iter().map(|problem| (rule, problem));
        let advice = self.advice.iter().map(|advice| (Rule::Advice, advice));
        let finding = |(rule, remark): (Rule, &Remark)| Finding {
            rule,
            place: remark.place(&self.name),
            message: remark.text(),
        };
        Subject {
            name: self.title.clone(),
            place: Place::file(&self.name),
            findings: problems.chain(advice).map(finding).collect(),
        }
    }
}
