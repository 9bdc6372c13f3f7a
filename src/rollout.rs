//! What becomes of a template that may have been injected before: injection follows the manifest.
//!
//! A live template is the user's part and what was injected, and its [`Journal`] tells the two apart.
//! After every CREATE, and every UPDATE that changes the user's part, the template is what injecting
//! the user's part gives. An UPDATE that does not change the user's part leaves the template as it
//! was, whatever the settings are by now: the policy starts no rollout that nobody asked for.

use std::borrow::Cow;

use crate::json::Value;

use crate::features::{self, PREFIX, SWITCH};
use crate::report::{Event, Report};
use crate::template::journal::{self, ANNOTATION, Journal, Taken};
use crate::template::{annotation, boolean};

/// What is to become of a template.
#[derive(Debug, PartialEq)]
pub enum Course<'a> {
    /// It stays as it came.
    Stay,
    /// It becomes what it was before the update.
    PutBack,
    /// The user's part of it is injected; `None` where that is the template as it came.
    Inject(Option<Value<'a>>),
}

/// Takes the template of an object that is created apart by its own journal, if it has one: an
/// exported manifest brings one along.
pub fn on_create<'a>(template: &Value<'a>, report: &mut Report) -> Course<'a> {
    Course::Inject(Side::new(template, report).into_part())
}

/// Decides about the template `new` of an update; `old`, the one before, is not the same.
pub fn on_update<'a>(new: &Value<'a>, old: &Value<'_>, report: &mut Report) -> Course<'a> {
    let was = Side::new(old, report);
    let mut came = Side::new(new, report);
    // A manifest that has no annotations takes the journal along, but not what was injected; an
    // exported one brings another journal.
    let besides = match &was.journal {
        Some(journal) if was.journal != came.journal => {
            journal::take_apart(came.part.to_mut(), journal)
        }
        _ => Taken::nothing(),
    };
    if journal::same_part(&came.part, &was.part) {
        let of_ours = if besides.anything {
            &besides
        } else {
            &came.taken
        };
        tell_that_nothing_changed(&was, of_ours, report);
        return Course::PutBack;
    }
    let is_a_revision = came.journal.is_some()
        && came.journal != was.journal
        && came.taken.whole
        && !besides.anything
        && !is_switched_off(new);
    if is_a_revision {
        report.explain("policy", || "it has the journal of an earlier injection");
        return Course::Stay;
    }
    report.tell("policy", Event::Update, || "the user's part changed");
    Course::Inject(came.into_part())
}

/// A template that was taken apart by its own journal.
struct Side<'t, 'a> {
    part: Cow<'t, Value<'a>>,
    /// `None` too where there is one that cannot be read.
    journal: Option<Journal>,
    taken: Taken,
}

impl<'t, 'a> Side<'t, 'a> {
    fn new(template: &'t Value<'a>, report: &mut Report) -> Self {
        let mut part = Cow::Borrowed(template);
        let mut taken = Taken::nothing();
        let journal = match annotation(template, ANNOTATION).map(features::journal) {
            None => None,
            Some(Ok(journal)) => {
                tell(&journal, report);
                taken = journal::take_apart(part.to_mut(), &journal);
                Some(journal)
            }
            Some(Err(problem)) => {
                report.warn(
                    "policy",
                    format_args!("annotation {ANNOTATION} {problem}: it is dropped"),
                );
                journal::remove(part.to_mut());
                None
            }
        };
        Self {
            part,
            journal,
            taken,
        }
    }

    fn into_part(self) -> Option<Value<'a>> {
        match self.part {
            Cow::Borrowed(_) => None,
            Cow::Owned(part) => Some(part),
        }
    }
}

/// A template that is switched off as a whole was not injected so.
fn is_switched_off(template: &Value) -> bool {
    annotation(template, &format!("{PREFIX}{SWITCH}")).and_then(boolean) == Some(false)
}

/// Tells that an update leaves the user's part as it is; `of_ours` is what it has of the policy's.
fn tell_that_nothing_changed(was: &Side<'_, '_>, of_ours: &Taken, report: &mut Report) {
    report.explain(
        "policy",
        || "the user's part did not change: the template stays as it was",
    );
    if !was.taken.whole {
        report.warn(
            "policy",
            "the injection is incomplete; `kubectl rollout restart` injects it again",
        );
    } else if of_ours.anything && !of_ours.altered.is_empty() {
        let altered = of_ours.altered.join(", ");
        report.warn(
            "policy",
            format_args!("{altered} is injected by the policy and stays as it was"),
        );
    }
}

/// Tells what a journal holds.
fn tell(journal: &Journal, report: &Report) {
    for (feature, source) in journal.features() {
        report.tell(feature, Event::Journal, || {
            format!("the journal has {source}, by {}", source.rule)
        });
    }
}
