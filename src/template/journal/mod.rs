//! The journal of a template: what the policy added to it, so that it can be told from what is the
//! user's, and taken away again.
//!
//! A template that was injected is a mix of two hands. `kubectl apply` merges the next manifest into
//! it field by field, so neither a name nor a position says whose a thing is. The journal does. It is
//! an annotation of the template, so that it goes along into revisions, exports and backups. It
//! holds names and short hashes of the policy's own values, and not one value of the user's: values
//! can be secrets, and what a journal could restore, a forged one could write.

mod hash;
mod named;
mod names;
mod part;
mod record;
mod same;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;

pub use hash::Hash;
use named::Named;
pub use names::ANNOTATION;
pub(super) use part::take_from;
pub use part::{Taken, remove, take_apart};
pub use same::same_part;

/// What was injected into a template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    features: Named<Source>,
    /// Containers that were added. Whatever is in them by now, they are the policy's.
    containers: Named<Hash>,
    volumes: Named<Hash>,
    annotations: Named<Hash>,
    /// Annotations of the user that hold a list, with names of the policy behind their own.
    lists: Named<Extension>,
    shares_processes: bool,
    /// What was done to the containers of the user, by their names.
    edits: Named<ContainerRecord>,
}

/// Where from an injection came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// The image of the container that was added, if there is one.
    pub image: Option<String>,
    /// The rule of the settings, by its place.
    pub rule: String,
    /// The rule's name, if it has one.
    pub name: Option<String>,
}

impl fmt::Display for Source {
    /// The image, behind the rule's name if it has one; the rule where there is no image.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.image) {
            (Some(name), Some(image)) => write!(formatter, "{name} ({image})"),
            (None, Some(image)) => formatter.write_str(image),
            (_, None) => formatter.write_str(&self.rule),
        }
    }
}

/// What was done to one container of the user.
#[derive(Clone, Debug, Default, PartialEq)]
struct ContainerRecord {
    /// Mounts that were added, by their paths.
    mounts: Named<Hash>,
    /// Fields of those mounts besides name and path. An API server merges mounts by their paths: a
    /// mount of the user's at the same path would get them.
    fields: Named<Named<Hash>>,
    /// Variables that were added.
    added: Named<Hash>,
    /// Variables of the user with text of the policy before or behind their own.
    extended: Named<Extension>,
    /// Variables of the user that were renamed, by their own names; the hash is that of the variable
    /// which has that name now, and refers to them.
    renamed: Named<Hash>,
    /// Variables of the user that were moved to the end: the place that each had, and the one that
    /// it has where the list is still as it was left.
    moved: Vec<(usize, usize)>,
    /// Where variables were moved: of the names of all variables as they were left.
    order: Option<Hash>,
}

/// Text that was put around a value of the user.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Extension {
    before: String,
    behind: String,
}

impl Extension {
    /// Text behind a value.
    pub(super) fn behind(behind: String) -> Self {
        let before = String::new();
        Self { before, behind }
    }

    /// The value as it was without the text.
    fn own<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.strip_prefix(self.before.as_str())?
            .strip_suffix(self.behind.as_str())
    }
}

impl Journal {
    /// Whether nothing was injected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// The features that were injected, and where from, by their names.
    pub fn features(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.features.iter()
    }
}
