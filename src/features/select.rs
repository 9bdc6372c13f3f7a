//! Which rule is for a template, and with which image.

use std::fmt;

use super::{PREFIX, Scene};
use crate::image;
use crate::report::{Feature, Report, shown};
use crate::settings::{OptIn, Origin, Rule, RuleSet, Scope, WithoutAnnotation};
use crate::template::Source;

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

/// Chooses the rule for the template; `names` are those of the annotations that a rule can ask for.
pub(super) fn choose<'r, 'n, 's, T>(
    feature: Feature,
    rules: &'r RuleSet<'n, T>,
    scene: &'s Scene<'_, '_>,
    names: impl Fn(&T) -> Vec<String>,
    report: &Report,
) -> Option<Chosen<'r, 'n, 's, T>> {
    if rules.rules.is_empty() {
        report.explain(feature.name(), || "the settings have no rule for it");
    }
    for rule in &rules.rules {
        let title = Title {
            origin: rule.origin,
            name: rule.name,
        };
        if !covers(feature, title, &rule.scope, scene, report) {
            continue;
        }
        let names = names(&rule.what);
        let asked = Annotation::find(scene, &names);
        let asked = match rule.opt_in {
            // An empty annotation asks for what comes anyway.
            OptIn::Scope => asked.filter(|asked| asked.value.is_empty()),
            OptIn::Annotation if asked.is_none() => {
                explain(feature, title, &rule.scope, scene, report, &|| {
                    missing(title, &names, rule.image.is_some())
                });
                match rules.without_annotation {
                    WithoutAnnotation::TryNextRule => continue,
                    WithoutAnnotation::InjectNothing => return None,
                }
            }
            OptIn::Annotation => asked,
        };
        explain(feature, title, &rule.scope, scene, report, &|| {
            decision(title, rule.opt_in, asked.as_ref())
        });
        return Some(Chosen {
            rule,
            annotation: asked,
        });
    }
    None
}

fn missing(title: Title<'_>, names: &[String], has_image: bool) -> String {
    let names = names.join(&format!(" or {PREFIX}"));
    if has_image {
        format!("{title} needs the annotation {PREFIX}{names}, which is not there")
    } else {
        format!("{title} has no image for {PREFIX}{names}")
    }
}

fn decision(title: Title<'_>, opt_in: OptIn, asked: Option<&Annotation<'_>>) -> String {
    match asked {
        Some(asked) if opt_in == OptIn::Annotation => {
            format!("{title} decides: annotation {PREFIX}{}", asked.name)
        }
        _ => format!("{title} decides"),
    }
}

/// Logs a verdict on a rule, and for each of its selectors what it was compared with.
fn explain(
    feature: Feature,
    title: Title<'_>,
    scope: &Scope<'_>,
    scene: &Scene<'_, '_>,
    report: &Report,
    verdict: &dyn Fn() -> String,
) {
    report.explain(feature.name(), verdict);
    trace(feature, title, scope, scene, report);
}

/// A rule in words: where it stands, and its name if it has one.
#[derive(Clone, Copy)]
pub(super) struct Title<'r> {
    pub origin: Origin,
    pub name: &'r str,
}

impl fmt::Display for Title<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            "" => self.origin.fmt(formatter),
            name => write!(formatter, "{} ({name})", self.origin),
        }
    }
}

/// Whether the template is in the scope of a rule; logs why it is not.
pub(super) fn covers(
    feature: Feature,
    title: Title<'_>,
    scope: &Scope<'_>,
    scene: &Scene<'_, '_>,
    report: &Report,
) -> bool {
    let verdict = scope.covers(scene.subject());
    if let Err(mismatch) = verdict {
        explain(feature, title, scope, scene, report, &|| {
            format!("{title} is not for it: {mismatch}")
        });
    }
    verdict.is_ok()
}

/// Logs of each selector whether it fits, and what it was compared with.
pub(super) fn trace(
    feature: Feature,
    title: Title<'_>,
    scope: &Scope<'_>,
    scene: &Scene<'_, '_>,
    report: &Report,
) {
    if report.explains() {
        scope.trace(scene.subject(), |selector| {
            report.explain_rule(feature.name(), title, &selector);
        });
    }
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

    /// Where an injection with `image` comes from.
    pub fn source(&self, image: &str) -> Source {
        let name = Some(self.rule.name).filter(|name| !name.is_empty());
        Source {
            image: Some(image.to_owned()),
            rule: self.rule.origin.to_string(),
            name: name.map(str::to_owned),
        }
    }
}
