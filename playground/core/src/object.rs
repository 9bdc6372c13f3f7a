//! An object with the policy's answer, as the page shows it.

use datakit_policy::explanation::explanation;
use datakit_policy::journal;
use datakit_policy::live::Before;
use datakit_policy::order::in_order_of;
use datakit_policy::paint::{Paint, When};
use datakit_policy::policies::Doubted;
use datakit_policy::session::{Answer, Outcome};
use datakit_policy_host::response::difference;
use datakit_policy_host::yaml::{Comments, with_comments};
use datakit_policy_reach::Doubt;
use serde::Serialize;
use serde_json::Value;

/// An object with the policy's answer.
#[derive(Debug, PartialEq, Serialize)]
pub struct Object {
    /// Such as `Deployment shop/web`.
    pub title: String,
    /// The line of the manifest that its document begins at.
    pub line: usize,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why, where there is a reason.
    pub reason: Option<String>,
    /// What was said about the object that is in the cluster.
    pub before: Comparison,
    /// The policy's warnings.
    pub warnings: Vec<String>,
    /// What cannot be told without the cluster.
    pub doubts: Vec<String>,
    /// What was injected, as pairs of a feature and what it says.
    pub injected: Vec<(String, String)>,
    /// The two sides of the diff, YAML with short journals: what is there without the policy's answer (before an update
    /// of a known object, that object), and with it.
    pub diff: (String, String),
    /// The object as it would be, YAML; none where it is refused.
    pub result: Option<String>,
    /// The JSON patch that the API server gets.
    pub patch: Value,
    /// What `datakit-policy explain` prints; empty for what is no workload.
    pub explanation: String,
}

/// What becomes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Something is injected.
    Injected,
    /// What was injected is taken away.
    Uninjected,
    /// An update after which the template is what it was before.
    Kept,
    /// Nothing is injected.
    Unchanged,
    /// The API server does not ask the policy.
    NotAsked,
    /// It runs no pods.
    NoWorkload,
    /// It is not let in.
    Refused,
}

/// What is known of the object that is in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Comparison {
    /// Nobody asked.
    None,
    /// There is no such object among the old ones.
    Absent,
    /// There is one.
    Known,
    /// There is one with the API server's defaults, which the new one lacks.
    Raw,
}

impl Object {
    /// What is shown of an answer.
    #[must_use]
    pub fn new(answer: &Answer) -> Self {
        let (verdict, reason) = match &answer.outcome {
            Outcome::Injected(_) => (Verdict::Injected, answer.update()),
            Outcome::Uninjected(_) => (Verdict::Uninjected, answer.update()),
            Outcome::Kept(_) => (Verdict::Kept, answer.update()),
            Outcome::Unchanged(reason) => (Verdict::Unchanged, reason.clone()),
            Outcome::NoWorkload => (Verdict::NoWorkload, None),
            Outcome::NotAsked(reason) => (Verdict::NotAsked, Some(reason.clone())),
            Outcome::Refused(message) => (Verdict::Refused, Some(message.clone())),
        };
        let result = answer.result();
        let injected = answer.injected();
        Self {
            title: answer.title(),
            line: answer.source.line,
            verdict,
            reason,
            before: match answer.before {
                Before::Unknown => Comparison::None,
                Before::Absent => Comparison::Absent,
                Before::Known { is_raw: false } => Comparison::Known,
                Before::Known { is_raw: true } => Comparison::Raw,
            },
            warnings: answer.warnings.clone(),
            doubts: answer.doubts.iter().map(with_remedy).collect(),
            injected: injected
                .map(|(feature, what)| (feature.to_owned(), what.to_owned()))
                .collect(),
            diff: diff(answer),
            result: result.map(yaml),
            patch: serde_json::json!(difference(&answer.object, result.unwrap_or(&answer.object))),
            explanation: match verdict {
                Verdict::NoWorkload => String::new(),
                _ => explanation(answer, Paint::new(When::Never)),
            },
        }
    }
}

/// A doubt, with what settles it.
fn with_remedy(doubted: &Doubted) -> String {
    match &doubted.doubt {
        Doubt::NamespaceLabels { .. } => format!("{doubted} (add the Namespace to the manifest)"),
        Doubt::Who { .. } | Doubt::Beyond { .. } => doubted.to_string(),
    }
}

fn diff(answer: &Answer) -> (String, String) {
    let before = answer.old.as_ref().unwrap_or(&answer.object);
    let after = answer.result().unwrap_or(before);
    let (before, after) = journal::shortened(before, after);
    // The API server's order of keys may be another than the user's.
    let after = in_order_of(&before, after.into_owned());
    (yaml(&before), yaml(&after))
}

fn yaml(object: &Value) -> String {
    with_comments(object, &Comments::default())
}
