//! What a feature sees of an admission, and what it answers.

use std::cell::OnceCell;

use crate::owner::Owner;
use crate::report::Report;
use crate::settings::{Document, Own, Subject};
use crate::template::{AppContainer, Plan, Template, Volumes};
use crate::workload::Workload;

/// The prefix of the annotations that ask for something.
pub const PREFIX: &str = "admission.datakit/";

/// The annotation that switches all features off, behind the prefix.
pub const SWITCH: &str = "enabled";

/// The most that may be added to an object: etcd stores none over 1.5 MiB, and one that was fine must
/// not be what is refused.
pub(super) const MOST_BYTES: usize = 1_000_000;

/// What a feature sees of an admission: the template as the features before left it.
pub(super) struct Scene<'s, 't> {
    pub template: &'s Template<'t>,
    pub workload: Workload,
    pub namespace: &'s str,
    /// Whose pods the template is for.
    pub owner: &'s Owner,
    pub settings: &'s Document<'s>,
    /// The settings of the policy itself.
    pub own: &'s Own<'s>,
    /// The features before that were asked for, also those that could not be injected.
    pub selected: &'s [&'static str],
    /// Whether the policy adds a sidecar of this name.
    pub adds_sidecar: fn(&str) -> bool,
    /// Made when first asked for.
    pub volumes: OnceCell<Volumes<'s>>,
}

/// What a feature wants of a template.
pub(super) type Decision = Result<Plan, Declined>;

/// Why a feature wants nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Declined {
    /// No rule is for the template, or nobody asked.
    NotAsked,
    /// A container with the name of the one that it adds is there. What was injected into a template before
    /// was taken away, so it is the user's, or that of somebody else who injects; a pod may have it from an
    /// earlier pass.
    ThereAlready(&'static str),
    /// All that it would add is there, from an earlier pass.
    AllThere,
    /// It was asked for; why it cannot be, as the end of a sentence.
    Skipped(String),
}

/// Nothing is injected for this reason.
pub(super) fn skipped(reason: impl Into<String>) -> Declined {
    Declined::Skipped(reason.into())
}

impl Declined {
    /// Tells why the feature `name` is not there.
    pub fn tell(&self, feature: &str, workload: Workload, report: &mut Report) {
        match self {
            Self::NotAsked => {}
            Self::AllThere => report.explain(feature, || "all of it is there already"),
            Self::ThereAlready(name) if workload == Workload::Pod => {
                report.explain(feature, || format!("{name} is there already"));
            }
            Self::ThereAlready(name) => report.warn(
                feature,
                format_args!("nothing injected: the pod already has a container {name}"),
            ),
            Self::Skipped(reason) => {
                report.warn(feature, format_args!("nothing injected: {reason}"));
            }
        }
    }
}

impl<'s> Scene<'s, '_> {
    pub fn volumes(&self) -> &Volumes<'s> {
        self.volumes.get_or_init(|| Volumes::new(self.template))
    }

    pub fn subject(&self) -> Subject<'_> {
        Subject {
            namespace: self.namespace,
            labels: self.template.labels(),
            owner: self.owner,
        }
    }

    /// The annotation `admission.datakit/NAME`.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.template.annotation_below(PREFIX, name)
    }

    /// Whether no container has this name, which must be unique.
    ///
    /// # Errors
    /// One has.
    pub fn is_free(&self, name: &'static str) -> Result<(), Declined> {
        if self.template.has_container(name) {
            return Err(Declined::ThereAlready(name));
        }
        Ok(())
    }

    /// Whether the container is a sidecar that the policy adds. A feature that is of use to no other
    /// container is not injected: in a second pass, too, when the sidecars of others are there.
    pub fn is_sidecar(&self, container: AppContainer<'_>) -> bool {
        (self.adds_sidecar)(container.name())
    }
}

#[cfg(test)]
static NOBODY: Owner = Owner {
    kind: String::new(),
    name: String::new(),
};

#[cfg(test)]
impl<'s, 't> Scene<'s, 't> {
    /// A template as it came, and nothing around it.
    pub fn alone(template: &'s Template<'t>, settings: &'s Document<'s>, own: &'s Own<'s>) -> Self {
        Self {
            template,
            workload: Workload::Pod,
            namespace: "default",
            owner: &NOBODY,
            settings,
            own,
            selected: &[],
            adds_sidecar: |_| false,
            volumes: OnceCell::new(),
        }
    }
}
