//! What commands found out, as data: for programs, and for the systems that run them (CI).

mod cases;
mod check;
mod github;
mod junit;
mod objects;
mod sarif;
#[cfg(test)]
mod schemas;

pub use cases::{Case, TestReport, Verdict};
pub use check::{CheckReport, CheckVerdict, CheckedFile, Remark};
pub use objects::{ExplainReport, PreviewReport};

use std::fmt;
use std::io::Write;

use clap::ValueEnum;
use datakit_policy_host::manifest::{ManifestError, Source};
use datakit_policy_host::settings::SettingsError;
use datakit_policy_host::yaml::Position;
use serde::Serialize;

use crate::settings::Refused;
use crate::{Failure, input};

/// What a command prints.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Text for people
    Text,
    /// A report in JSON, with a schema and a version
    Json,
    /// SARIF 2.1.0, as code scanning reads it
    Sarif,
    /// JUnit's XML, as most CI systems read it
    Junit,
    /// Commands of a GitHub workflow, which annotate the files
    Github,
}

/// A format for programs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Sarif,
    Junit,
    Github,
}

impl Output {
    /// None for people.
    pub fn format(self) -> Option<Format> {
        match self {
            Self::Text => None,
            Self::Json => Some(Format::Json),
            Self::Sarif => Some(Format::Sarif),
            Self::Junit => Some(Format::Junit),
            Self::Github => Some(Format::Github),
        }
    }
}

/// The version of all reports. Fields may come without a new one.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum ApiVersion {
    #[default]
    #[serde(rename = "datakit-policy/v1")]
    V1,
}

/// What a command reports. It serializes to JSON as its schema says.
pub trait Report: Serialize {
    /// The command.
    const COMMAND: &'static str;

    /// All that was looked at, in order.
    fn subjects(&self) -> Vec<Subject>;
}

/// Something that was looked at.
pub struct Subject {
    pub name: String,
    pub place: Place,
    pub findings: Vec<Finding>,
}

/// Something that was found about it.
#[derive(Clone)]
pub struct Finding {
    pub rule: Rule,
    pub place: Place,
    pub message: String,
}

/// What kind of finding it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Unreadable,
    InvalidSettings,
    Refused,
    Unexpected,
    Advice,
    Warning,
    Note,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
    Note,
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl Rule {
    pub const ALL: [Self; 7] = [
        Self::Unreadable,
        Self::InvalidSettings,
        Self::Refused,
        Self::Unexpected,
        Self::Advice,
        Self::Warning,
        Self::Note,
    ];

    pub fn id(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::InvalidSettings => "invalid-settings",
            Self::Refused => "refused",
            Self::Unexpected => "unexpected",
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }

    pub fn level(self) -> Level {
        match self {
            Self::Unreadable | Self::InvalidSettings | Self::Refused | Self::Unexpected => {
                Level::Error
            }
            Self::Advice | Self::Warning => Level::Warning,
            Self::Note => Level::Note,
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Self::Unreadable => "A file or a document cannot be read.",
            Self::InvalidSettings => {
                "The policy does not accept the settings, or Kubernetes does not accept the policy that they are in."
            }
            Self::Refused => "The workload is malformed, or a policy refuses it.",
            Self::Unexpected => "The result of a test case is not the expected one.",
            Self::Advice => "The policy accepts the settings, but this is probably not intended.",
            Self::Warning => "The policy warns about the workload.",
            Self::Note => "The result depends on something that only the cluster knows.",
        }
    }
}

/// Where something is. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Place {
    /// The file, as it was named. Absent for standard input, and for what is in no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line. For an object it is the first line of its document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The positions in the lists around the object, counted from 1, the outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<usize>,
}

impl Place {
    /// A file as a whole; `name` is what messages call it.
    pub fn file(name: &str) -> Self {
        Self {
            file: (name != input::name(input::STDIN)).then(|| name.to_owned()),
            ..Self::default()
        }
    }

    pub fn at(name: &str, at: Position) -> Self {
        Self {
            line: Some(at.line),
            column: Some(at.column),
            ..Self::file(name)
        }
    }

    pub fn of(source: &Source) -> Self {
        Self {
            line: Some(source.line),
            items: source.items.clone(),
            ..Self::file(&source.file)
        }
    }
}

/// As compilers write it and editors read it: `app.yaml:3:1`.
impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref();
        out.write_str(file.unwrap_or_else(|| input::name(input::STDIN)))?;
        let numbers = [self.line, self.column].into_iter().flatten();
        numbers
            .map(|number| format!(":{number}"))
            .try_for_each(|number| out.write_str(&number))
    }
}

/// What a failure is about, finding by finding; one without a place where nothing more is known.
pub fn findings_of(failure: &Failure) -> Vec<Finding> {
    let unreadable = |place, message| {
        let rule = Rule::Unreadable;
        vec![Finding {
            rule,
            place,
            message,
        }]
    };
    if let Some(refused) = failure.downcast_ref::<Refused>() {
        return findings_of_settings(refused);
    }
    if let Some(error) = failure.downcast_ref::<ManifestError>()
        && let Some(at) = error.position()
    {
        return unreadable(Place::at(error.file(), at), error.what());
    }
    if let Some(error) = failure.downcast_ref::<SettingsError>()
        && let (Some(file), Some((at, what))) = (error.file(), error.in_the_text())
    {
        return unreadable(Place::at(file, at), what);
    }
    unreadable(Place::default(), failure.to_string())
}

fn findings_of_settings(refused: &Refused) -> Vec<Finding> {
    let problems = refused.problems.iter();
    let finding = |problem: &datakit_policy_host::settings::Problem| Finding {
        rule: Rule::InvalidSettings,
        place: Place::at(&refused.file, problem.at),
        message: problem.message(),
    };
    problems.map(finding).collect()
}

/// Writes a report.
///
/// # Errors
/// Where it cannot be written.
pub fn write<R: Report>(report: &R, format: Format, mut out: impl Write) -> Result<(), Failure> {
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(report)?)?,
        Format::Sarif => {
            let log = sarif::log(R::COMMAND, &report.subjects());
            writeln!(out, "{}", serde_json::to_string_pretty(&log)?)?;
        }
        Format::Junit => writeln!(out, "{}", junit::xml(R::COMMAND, &report.subjects())?)?,
        Format::Github => write!(out, "{}", github::commands(&report.subjects()))?,
    }
    Ok(())
}
