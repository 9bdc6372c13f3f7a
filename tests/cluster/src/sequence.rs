//! Sequences of what users and controllers do to a workload, as data.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::client::PatchType;
use crate::workload::Kind;

/// How a manifest reaches the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `kubectl apply`
    Client,
    /// `kubectl apply --server-side`
    Server,
    /// `kubectl create`, later `kubectl replace`
    Replace,
}

impl Style {
    pub const ALL: [Self; 3] = [Self::Client, Self::Server, Self::Replace];

    /// For the name of a test.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client-side apply",
            Self::Server => "server-side apply",
            Self::Replace => "replace",
        }
    }
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// A manifest with this template, in the style of the run.
    Apply(Value),
    /// The same, while the policy does not answer.
    ApplyWhileAway(Value),
    /// `kubectl`, with the object in the place of `@`.
    Run(Cow<'static, str>),
    /// `kubectl edit`, whose editor is `sed -i` with this script.
    Edit(&'static str),
    /// `kubectl patch`, with this patch of the template: a JSON patch has paths from the template on.
    Patch(PatchType, Value),
    /// A controller writes its own template again: an update with the current object but for the template.
    Put(Value),
    /// `kubectl get -o json`, and what it gives as the next manifest, in the style of the run.
    Export,
    /// The policy gets other settings.
    Settings(Arc<Value>),
    /// Somebody writes the journal, or removes it. The user's part is what it was.
    Journal(Option<String>),
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apply(template) => write!(out, "apply {template}"),
            Self::ApplyWhileAway(template) => {
                write!(out, "apply while the policy is away {template}")
            }
            Self::Run(command) => write!(out, "kubectl {command}"),
            Self::Edit(script) => write!(out, "edit {script}"),
            Self::Patch(kind, patch) => write!(out, "{} patch {patch}", kind.as_str()),
            Self::Put(template) => write!(out, "put {template}"),
            Self::Export => out.write_str("export and apply"),
            Self::Settings(_) => out.write_str("other settings"),
            Self::Journal(None) => out.write_str("the journal is removed"),
            Self::Journal(Some(text)) => write!(out, "the journal becomes {text}"),
        }
    }
}

/// A workload's life.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// A sentence.
    pub name: &'static str,
    /// The kinds that it is run on.
    pub kinds: &'static [Kind],
    /// The ways that it is run in.
    pub styles: &'static [Style],
    /// The settings that it begins with.
    pub settings: Arc<Value>,
    /// The template of the first manifest.
    pub first: Value,
    /// What happens then.
    pub steps: Vec<Step>,
}

impl Sequence {
    /// A sequence on a Deployment in all styles.
    #[must_use]
    pub fn new(
        name: &'static str,
        settings: &Arc<Value>,
        first: impl Into<Value>,
        steps: impl IntoIterator<Item = Step>,
    ) -> Self {
        Self {
            name,
            kinds: &[Kind::Deployment],
            styles: &Style::ALL,
            settings: settings.clone(),
            first: first.into(),
            steps: steps.into_iter().collect(),
        }
    }

    /// On other kinds.
    #[must_use]
    pub fn on(mut self, kinds: &'static [Kind]) -> Self {
        self.kinds = kinds;
        self
    }

    /// In some of the styles.
    #[must_use]
    pub fn by(mut self, styles: &'static [Style]) -> Self {
        self.styles = styles;
        self
    }
}
