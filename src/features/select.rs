//! Which rule is for a template, and with which image.

use super::{PREFIX, Scene};
use crate::image;
use crate::report::{Feature, Report, shown};
use crate::settings::{OptIn, Rule, RuleSet, WithoutAnnotation};

/// The rule that was chosen, and the annotation by which the pod asked for it.
pub(super) struct Chosen<'r, 'n, 's, T> {
    pub rule: &'r Rule<'n, T>,
    annotation: Option<Annotation<'s>>,
}

/// An annotation that a rule looks at; its name stands behind `admission.datakit/`.
#[derive(Clone)]
pub(super) struct Annotation<'s> {
    pub name: String,
    pub value: &'s str,
}

impl<'s> Annotation<'s> {
    /// The first of `names` that the template has.
    pub fn find(scene: &'s Scene<'_, '_>, names: &[String]) -> Option<Self> {
        names.iter().find_map(|name| {
            scene.annotation(name).map(|value| Self {
                name: name.clone(),
                value,
            })
        })
    }
}

/// Chooses the rule for the template; `annotation` finds the one that a rule can ask for.
pub(super) fn choose<'r, 'n, 's, T>(
    feature: Feature,
    rules: &'r RuleSet<'n, T>,
    scene: &'s Scene<'_, '_>,
    annotation: impl Fn(&T) -> Option<Annotation<'s>>,
    report: &Report,
) -> Option<Chosen<'r, 'n, 's, T>> {
    for rule in &rules.rules {
        let origin = rule.origin;
        if let Err(mismatch) = rule.scope.covers(scene.subject()) {
            report.explain(feature.name(), || {
                format!("{origin} is not for it: {mismatch}")
            });
            continue;
        }
        let asked = match rule.opt_in {
            OptIn::Scope => None,
            OptIn::Annotation => match annotation(&rule.what) {
                Some(asked) => Some(asked),
                None => {
                    report.explain(feature.name(), || {
                        format!("{origin} needs an annotation that is not there")
                    });
                    match rules.without_annotation {
                        WithoutAnnotation::TryNextRule => continue,
                        WithoutAnnotation::InjectNothing => return None,
                    }
                }
            },
        };
        report.explain(feature.name(), || match &asked {
            Some(asked) => format!("{origin} is for it: annotation {PREFIX}{}", asked.name),
            None => format!("{origin} is for it: its selectors match"),
        });
        return Some(Chosen {
            rule,
            annotation: asked,
        });
    }
    None
}

/// Warns of annotations of the feature that ask for something and have no effect.
pub(super) fn warn_of_unused<T>(
    feature: Feature,
    names: &[String],
    chosen: Option<&Chosen<'_, '_, '_, T>>,
    scene: &Scene<'_, '_>,
    report: &mut Report,
) {
    let used = chosen.and_then(|chosen| chosen.annotation.as_ref());
    for name in names {
        if scene.annotation(name).is_none() || used.is_some_and(|used| used.name == *name) {
            continue;
        }
        match chosen {
            Some(chosen) => report.warn(
                feature.name(),
                format_args!(
                    "{PREFIX}{name} has no effect, {} decides",
                    chosen.rule.origin
                ),
            ),
            None => report.warn(
                feature.name(),
                format_args!("{PREFIX}{name} has no effect, no rule of the settings is for it"),
            ),
        }
    }
}

impl<T> Chosen<'_, '_, '_, T> {
    /// The rule's image, with the version that the pod asked for, if it did; `what` names the image
    /// where there is none.
    pub fn image(&self, feature: Feature, what: &str, report: &mut Report) -> Option<String> {
        let Some(image) = self.rule.image else {
            report.warn(
                feature.name(),
                format_args!("nothing injected, {} has no image {what}", self.rule.origin),
            );
            return None;
        };
        let Some(Annotation { name, value }) = self
            .annotation
            .as_ref()
            .filter(|annotation| !annotation.value.is_empty())
        else {
            return Some(image.to_owned());
        };
        if image::is_tag(value) {
            return Some(image::with_tag(image, value));
        }
        report.warn(
            feature.name(),
            format_args!(
                "{PREFIX}{name}: {} is no image tag, the configured image is used",
                shown(value)
            ),
        );
        Some(image.to_owned())
    }

    /// What the audit annotation says: the image, behind the rule's name if it has one.
    pub fn audit(&self, image: &str) -> String {
        match self.rule.name {
            "" => image.to_owned(),
            name => format!("{name} ({image})"),
        }
    }
}
