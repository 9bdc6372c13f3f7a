//! What `test` reports.

use serde::Serialize;

use super::{ApiVersion, Finding, Place, Report, Rule, Subject};

/// What `datakit-policy test -o json` prints.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TestReport {
    /// The version of the format.
    pub api_version: ApiVersion,
    /// What it is a report of.
    pub kind: TestKind,
    /// The cases, by their names.
    pub cases: Vec<Case>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum TestKind {
    #[default]
    TestReport,
}

/// A case, and what came of it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// Its folder, relative to the one that all cases are in.
    pub name: String,
    /// Where to tell what is wrong: the expected result, or what cannot be read.
    pub place: Place,
    /// What came of it.
    pub verdict: Verdict,
    /// What is wrong. Absent where it is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How the result differs from the expected one: a unified diff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// What came of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The result is the expected one.
    Ok,
    /// It is another one, or there is none.
    Failed,
    /// The expected result was written anew.
    Updated,
}

impl Report for TestReport {
    const COMMAND: &'static str = "test";

    fn subjects(&self) -> Vec<Subject> {
        self.cases.iter().map(Case::subject).collect()
    }
}

impl Case {
    fn subject(&self) -> Subject {
        let parts: Vec<&str> = [&self.message, &self.diff]
            .into_iter()
            .flatten()
            .map(|text| text.trim_end())
            .collect();
        let finding = Finding {
            rule: Rule::Unexpected,
            place: self.place.clone(),
            message: parts.join("\n"),
        };
        let findings = (!parts.is_empty()).then_some(finding);
        Subject {
            name: self.name.clone(),
            place: self.place.clone(),
            findings: findings.into_iter().collect(),
        }
    }
}
