//! What `preview` and `explain` report: objects, and what becomes of them.

use serde::Serialize;

use super::{ApiVersion, Finding, Place, Report, Rule, Subject, findings_of};
use crate::Failure;
use crate::explanation::{self, Explanation, Kind};
use crate::notes;
use crate::session::{Answer, Outcome};

/// What `datakit-policy preview -o report` prints.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PreviewReport {
    /// The version of the format.
    pub api_version: ApiVersion,
    /// What it is a report of.
    pub kind: PreviewKind,
    /// All objects, in the order in which they were read.
    pub objects: Vec<Object>,
    /// What cannot be read, and settings that are refused.
    pub errors: Vec<ReadError>,
    /// How many there are of each.
    pub counts: Counts,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum PreviewKind {
    #[default]
    PreviewReport,
}

/// What `datakit-policy explain -o json` prints.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ExplainReport {
    /// The version of the format.
    pub api_version: ApiVersion,
    /// What it is a report of.
    pub kind: ExplainKind,
    /// The workloads, in the order in which they were read.
    pub workloads: Vec<Workload>,
    /// What cannot be read, and settings that are refused.
    pub errors: Vec<ReadError>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum ExplainKind {
    #[default]
    ExplainReport,
}

/// An object, and what becomes of it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Object {
    #[serde(skip)]
    title: String,
    /// Its apiVersion.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace. Absent for a kind that has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name. Absent where the API server generates one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it was read.
    pub place: Place,
    /// What becomes of it.
    pub outcome: ObjectOutcome,
    /// Why it is left alone, not asked about or refused, where there is a reason for all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the policy found out about an update of a known object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<String>,
    /// What is injected, in the order in which the policy goes through its features.
    pub injected: Vec<Injected>,
    /// The policy's warnings.
    pub warnings: Vec<String>,
    /// What the answer depends on, and only the cluster knows.
    pub notes: Vec<String>,
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ObjectOutcome {
    /// The policy injects something.
    Injected,
    /// The policy takes away what was injected once.
    Uninjected,
    /// After the update the pod template is what it was before.
    Kept,
    /// A workload that nothing is injected into.
    Unchanged,
    /// It runs no pods.
    NoWorkload,
    /// The API server does not ask the policy.
    NotAsked,
    /// It is malformed, or refused.
    Refused,
}

/// What a feature injects.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Injected {
    /// The feature, such as ddtrace.
    pub feature: String,
    /// What: an image, or a rule of the settings.
    pub what: String,
}

/// Something that cannot be read or used.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReadError {
    #[serde(skip)]
    rule: Option<Rule>,
    /// Where it is, as far as that is known.
    pub place: Place,
    /// What is wrong.
    pub message: String,
}

/// How many objects there are of each outcome.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// All objects.
    pub objects: usize,
    /// Those that something is injected into.
    pub injected: usize,
    /// Those that lose what was injected.
    pub uninjected: usize,
    /// Updates that leave the pod template as it was.
    pub kept: usize,
    /// Workloads that nothing is injected into.
    pub unchanged: usize,
    /// Objects that run no pods.
    pub no_workload: usize,
    /// Workloads that the policy is not asked about.
    pub not_asked: usize,
    /// Workloads that are malformed or refused.
    pub refused: usize,
    /// The warnings about all of them.
    pub warnings: usize,
    /// What cannot be read or used.
    pub errors: usize,
}

/// A workload, and why it gets what it gets.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    #[serde(flatten)]
    object: Object,
    /// What the policy decided about the workload as a whole, in order.
    pub decisions: Vec<Decision>,
    /// What it decided about each feature that it looked at, in its order.
    pub features: Vec<Feature>,
}

/// What the policy decided about a feature.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Feature {
    /// The feature, such as ddtrace.
    pub feature: String,
    /// What becomes of it.
    pub outcome: FeatureOutcome,
    /// What is injected: an image, or a rule of the settings. Absent with every other outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub injected: Option<String>,
    /// What was decided, in order.
    pub decisions: Vec<Decision>,
    /// The warnings about it.
    pub warnings: Vec<String>,
}

/// What becomes of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum FeatureOutcome {
    /// It is injected.
    Injected,
    /// The workload has it, and keeps it.
    Kept,
    /// It is taken away.
    Uninjected,
    /// It is not injected.
    Nothing,
}

/// A line of the policy's account.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// What it is about: rule, selector, reason, note, update, journal, edit, or another word of a later version.
    pub event: String,
    /// The rule of the settings, by its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The selector of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// What was decided about the rule or the selector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// All of it as a sentence.
    pub message: String,
}

impl PreviewReport {
    pub fn add(&mut self, answer: &Answer) {
        let object = Object::new(answer);
        self.counts.add(&object);
        self.objects.push(object);
    }

    pub fn add_error(&mut self, failure: &Failure) {
        self.errors.extend(ReadError::all(failure));
        self.counts.errors = self.errors.len();
    }
}

impl ExplainReport {
    pub fn add(&mut self, answer: &Answer) {
        self.workloads.push(Workload::new(answer));
    }

    pub fn add_error(&mut self, failure: &Failure) {
        self.errors.extend(ReadError::all(failure));
    }
}

impl Report for PreviewReport {
    const COMMAND: &'static str = "preview";

    fn subjects(&self) -> Vec<Subject> {
        let objects = self.objects.iter().map(Object::subject);
        let errors = self.errors.iter().map(ReadError::subject);
        objects.chain(errors).collect()
    }
}

impl Report for ExplainReport {
    const COMMAND: &'static str = "explain";

    fn subjects(&self) -> Vec<Subject> {
        let workloads = self.workloads.iter();
        let workloads = workloads.map(|workload| workload.object.subject());
        let errors = self.errors.iter().map(ReadError::subject);
        workloads.chain(errors).collect()
    }
}

impl Counts {
    fn add(&mut self, object: &Object) {
        let of_outcome = match object.outcome {
            ObjectOutcome::Injected => &mut self.injected,
            ObjectOutcome::Uninjected => &mut self.uninjected,
            ObjectOutcome::Kept => &mut self.kept,
            ObjectOutcome::Unchanged => &mut self.unchanged,
            ObjectOutcome::NoWorkload => &mut self.no_workload,
            ObjectOutcome::NotAsked => &mut self.not_asked,
            ObjectOutcome::Refused => &mut self.refused,
        };
        *of_outcome += 1;
        self.objects += 1;
        self.warnings += object.warnings.len();
    }
}

impl Object {
    fn new(answer: &Answer) -> Self {
        let (outcome, reason) = match &answer.outcome {
            Outcome::Injected(_) => (ObjectOutcome::Injected, None),
            Outcome::Uninjected(_) => (ObjectOutcome::Uninjected, None),
            Outcome::Kept(_) => (ObjectOutcome::Kept, None),
            Outcome::Unchanged(reason) => (ObjectOutcome::Unchanged, reason.clone()),
            Outcome::NoWorkload => (ObjectOutcome::NoWorkload, None),
            Outcome::NotAsked(reason) => (ObjectOutcome::NotAsked, Some(reason.clone())),
            Outcome::Refused(reason) => (ObjectOutcome::Refused, Some(reason.clone())),
        };
        let injected = answer.injected().map(|(feature, what)| Injected {
            feature: feature.to_owned(),
            what: what.to_owned(),
        });
        let api_version = answer.object["apiVersion"].as_str();
        Self {
            title: answer.title(),
            api_version: api_version.unwrap_or_default().to_owned(),
            kind: answer.kind.clone(),
            namespace: answer.namespace.clone(),
            name: answer.name.clone(),
            place: Place::of(&answer.source),
            outcome,
            reason,
            update: answer.update(),
            injected: injected.collect(),
            warnings: answer.warnings.clone(),
            notes: notes::of(answer),
        }
    }

    fn subject(&self) -> Subject {
        let refused = self
            .reason
            .iter()
            .filter(|_| self.outcome == ObjectOutcome::Refused);
        let findings = refused.map(|reason| (Rule::Refused, reason));
        let findings = findings.chain(self.warnings.iter().map(|text| (Rule::Warning, text)));
        let findings = findings.chain(self.notes.iter().map(|text| (Rule::Note, text)));
        let findings = findings.map(|(rule, message)| Finding {
            rule,
            place: self.place.clone(),
            message: message.clone(),
        });
        Subject {
            name: self.title.clone(),
            place: self.place.clone(),
            findings: findings.collect(),
        }
    }
}

impl ReadError {
    fn all(failure: &Failure) -> impl Iterator<Item = Self> {
        let findings = findings_of(failure).into_iter();
        findings.map(|finding| Self {
            rule: Some(finding.rule),
            place: finding.place,
            message: finding.message,
        })
    }

    fn subject(&self) -> Subject {
        Subject {
            name: self
                .place
                .file
                .clone()
                .unwrap_or_else(|| "input".to_owned()),
            place: self.place.clone(),
            findings: vec![Finding {
                rule: self.rule.unwrap_or(Rule::Unreadable),
                place: self.place.clone(),
                message: self.message.clone(),
            }],
        }
    }
}

impl Workload {
    fn new(answer: &Answer) -> Self {
        let said = Explanation::new(answer);
        Self {
            object: Object::new(answer),
            decisions: decisions(&said.object),
            features: said.features.iter().map(Feature::new).collect(),
        }
    }
}

impl Feature {
    fn new(said: &explanation::Feature<'_>) -> Self {
        use explanation::Verdict;
        let (outcome, injected) = match said.verdict {
            Verdict::Injected(what) => (FeatureOutcome::Injected, Some(what.to_owned())),
            Verdict::Stays => (FeatureOutcome::Kept, None),
            Verdict::TakenAway => (FeatureOutcome::Uninjected, None),
            Verdict::Nothing => (FeatureOutcome::Nothing, None),
        };
        let warnings = said.lines.iter().filter(|line| line.kind == Kind::Warning);
        Self {
            feature: said.name.to_owned(),
            outcome,
            injected,
            decisions: decisions(&said.lines),
            warnings: warnings.map(|line| line.message.to_owned()).collect(),
        }
    }
}

/// What was said, without the warnings.
fn decisions(lines: &[explanation::Line<'_>]) -> Vec<Decision> {
    let decisions = lines.iter().filter(|line| line.kind != Kind::Warning);
    let field = |line: &explanation::Line<'_>, name: &str| {
        let field = line.log.and_then(|log| log.field(name));
        field.map(str::to_owned)
    };
    let decision = |line: &explanation::Line<'_>| Decision {
        event: field(line, "event").unwrap_or_else(|| "reason".to_owned()),
        rule: field(line, "rule"),
        selector: field(line, "selector"),
        verdict: field(line, "verdict"),
        message: line.message.to_owned(),
    };
    decisions.map(decision).collect()
}
