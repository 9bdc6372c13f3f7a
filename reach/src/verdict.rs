//! Whether a policy is asked, and why not.

use std::fmt;

pub use crate::selector::Requirement;

/// Whether the API server asks a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does, as far as can be told.
    Asked(Vec<Doubt>),
    /// It does not.
    NotAsked(Reason),
    /// It refuses the request itself: a condition cannot be evaluated, and the policy's `failurePolicy` is Fail.
    Refused(Reason),
}

/// Why a policy is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// An AdmissionPolicy is for its own namespace.
    OtherNamespace {
        /// The policy's.
        own: String,
    },
    /// No rule is for the request.
    Rules {
        /// Such as `CREATE of apps/v1 deployments`.
        wanted: String,
    },
    /// The namespace's labels do not fit.
    NamespaceSelector(Requirement),
    /// The object's labels do not fit.
    ObjectSelector(Requirement),
    /// A condition is false.
    Condition {
        /// Its name.
        name: String,
        /// In CEL.
        expression: String,
    },
    /// A condition fails.
    ConditionFails {
        /// Its name.
        name: String,
        /// Why.
        error: String,
    },
}

/// What cannot be told without the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// A label of the namespace counts, and nobody told about it.
    NamespaceLabels {
        /// The namespace.
        namespace: String,
        /// What is asked of the label.
        requirement: Requirement,
    },
    /// A condition looks at who asks.
    Who {
        /// The condition's name.
        name: String,
    },
    /// A condition needs what is not here.
    Beyond {
        /// The condition's name.
        name: String,
        /// What it needs.
        error: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherNamespace { own } => {
                write!(
                    out,
                    "an AdmissionPolicy applies only to its own namespace, {own}"
                )
            }
            Self::Rules { wanted } => write!(out, "none of its rules covers {wanted}"),
            Self::NamespaceSelector(requirement) => write!(
                out,
                "its namespaceSelector requires `{requirement}`, which the namespace's labels do not meet"
            ),
            Self::ObjectSelector(requirement) => write!(
                out,
                "its objectSelector requires `{requirement}`, which the object's labels do not meet"
            ),
            Self::Condition { name, expression } => {
                write!(out, "its matchCondition {name} is false: {expression}")
            }
            Self::ConditionFails { name, error } => {
                write!(out, "its matchCondition {name} fails: {error}")
            }
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NamespaceLabels {
                namespace,
                requirement,
            } => write!(
                out,
                "its namespaceSelector requires `{requirement}`, and the labels of namespace {namespace} are not known; it \
                 counts as met"
            ),
            Self::Who { name } => write!(
                out,
                "its matchCondition {name} looks at the user, who is taken to be kubernetes-admin"
            ),
            Self::Beyond { name, error } => write!(
                out,
                "its matchCondition {name} cannot be evaluated without an API server, and counts as true: {error}"
            ),
        }
    }
}
