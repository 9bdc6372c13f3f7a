//! Which rule is for a template, and with which image.

use std::fmt;

use super::feature::{Ask, Feature};
use super::scene::{Declined, PREFIX, Scene, skipped};
use crate::image;
use crate::report::{Report, shown};
use crate::settings::{Language, OptIn, Origin, Rule, RuleSet, WithoutAnnotation};
use crate::template::Source;

/// The rule that was chosen, and the annotation by which the pod asked for it.
pub(super) struct Chosen<'r, 'n, 's, T> {
    pub rule: &'r Rule<'n, T>,
    annotation: Option<Annotation<'s>>,
}

/// An annotation that a rule looks at; its name stands behind `admission.datakit/`.
#[derive(Clone)]
pub(super) struct Annotation<'s> {
    pub name: &'static str,
    pub value: &'s str,
}

impl<'s> Annotation<'s> {
    /// The first of `names` that the template has.
    pub fn find(scene: &'s Scene<'_, '_>, names: &[&'static str]) -> Option<Self> {
        names
            .iter()
            .find_map(|name| scene.annotation(name).map(|value| Self { name, value }))
    }
}

/// Chooses the rule for the template; `language` is that of a rule, where it has one.
///
/// # Errors
/// [`Declined::NotAsked`]: there is none.
pub(super) fn choose<'r, 'n, 's, T>(
    feature: &Feature,
    rules: &'r RuleSet<'n, T>,
    scene: &'s Scene<'_, '_>,
    language: impl Fn(&T) -> Option<Language>,
    report: &Report,
) -> Result<Chosen<'r, 'n, 's, T>, Declined> {
    if rules.rules.is_empty() {
        report.explain(feature.name, || "the settings have no rule for it");
    }
    for rule in &rules.rules {
        let told = About { feature, rule };
        if let Err(mismatch) = rule.covers(scene.subject()) {
            told.verdict(mismatch.word(), scene, report, || {
                format!("{} does not apply: {mismatch}", told.title())
            });
            continue;
        }
        let names = feature.asks_for(language(&rule.what));
        let asked = Annotation::find(scene, &names);
        let asked = match rule.opt_in {
            // An empty annotation asks for what comes anyway.
            OptIn::Scope => asked.filter(|asked| asked.value.is_empty()),
            OptIn::Annotation if asked.is_none() => {
                told.verdict("not asked", scene, report, || {
                    missing(told.title(), &names, rule.image.is_some())
                });
                match rules.without_annotation {
                    WithoutAnnotation::TryNextRule => continue,
                    WithoutAnnotation::InjectNothing => return Err(Declined::NotAsked),
                }
            }
            OptIn::Annotation => asked,
        };
        told.verdict("decides", scene, report, || {
            decision(told.title(), rule.opt_in, asked.as_ref())
        });
        return Ok(Chosen {
            rule,
            annotation: asked,
        });
    }
    Err(Declined::NotAsked)
}

fn missing(title: Title<'_>, names: &[&str], has_image: bool) -> String {
    let names = names.join(&format!(" or {PREFIX}"));
    if has_image {
        format!("{title} needs the annotation {PREFIX}{names}, which is missing")
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

/// A rule in words: where it stands, and its name if it has one.
#[derive(Clone, Copy)]
struct Title<'r> {
    origin: Origin,
    name: &'r str,
}

impl fmt::Display for Title<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            "" => self.origin.fmt(formatter),
            name => write!(formatter, "{} ({name})", self.origin),
        }
    }
}

/// The rule that is told of.
struct About<'r, 'n, T> {
    feature: &'r Feature,
    rule: &'r Rule<'n, T>,
}

impl<'r, T> About<'r, '_, T> {
    fn title(&self) -> Title<'r> {
        Title {
            origin: self.rule.origin,
            name: self.rule.name,
        }
    }

    /// Logs a verdict on the rule, and for each of its selectors what it was compared with.
    fn verdict(
        &self,
        word: &str,
        scene: &Scene<'_, '_>,
        report: &Report,
        line: impl FnOnce() -> String,
    ) {
        if !report.explains() {
            return;
        }
        let about = self.feature.name;
        let rule = self.rule.origin.to_string();
        report.tell_of_rule(about, &rule, word, &line());
        self.rule.trace(scene.subject(), |seen| {
            report.tell_of_selector(about, &rule, &seen);
        });
    }
}

/// Warns of annotations of the feature that ask for something and have no effect.
pub(super) fn warn_of_unused<T>(
    feature: &Feature,
    chosen: Option<&Chosen<'_, '_, '_, T>>,
    scene: &Scene<'_, '_>,
    report: &mut Report,
) {
    let used = chosen.and_then(|chosen| chosen.annotation.as_ref());
    for Ask { name, .. } in feature.asks {
        if scene.annotation(name).is_none() || used.is_some_and(|used| used.name == *name) {
            continue;
        }
        match chosen {
            Some(chosen) => report.warn(
                feature.name,
                format_args!(
                    "{PREFIX}{name} has no effect: {} decides",
                    chosen.rule.origin
                ),
            ),
            None => report.warn(
                feature.name,
                format_args!("{PREFIX}{name} has no effect: no rule in the settings applies"),
            ),
        }
    }
}

impl<T> Chosen<'_, '_, '_, T> {
    /// The rule's image, with the version that the pod asked for, if it did; `what` names the image
    /// where there is none.
    ///
    /// # Errors
    /// There is none.
    pub fn image(
        &self,
        feature: &Feature,
        what: &str,
        report: &mut Report,
    ) -> Result<String, Declined> {
        let Some(image) = self.rule.image else {
            return Err(skipped(format!("{} has no image{what}", self.rule.origin)));
        };
        let Some(Annotation { name, value }) = self
            .annotation
            .as_ref()
            .filter(|annotation| !annotation.value.is_empty())
        else {
            return Ok(image.to_owned());
        };
        if image::is_tag(value) {
            return Ok(image::with_tag(image, value));
        }
        report.warn(
            feature.name,
            format_args!(
                "{PREFIX}{name}: {} is not an image tag; the configured image is used",
                shown(value)
            ),
        );
        Ok(image.to_owned())
    }

    /// Where an injection comes from, with the image of the container that is added.
    pub fn source(&self, image: Option<&str>) -> Source {
        let name = Some(self.rule.name).filter(|name| !name.is_empty());
        Source {
            image: image.map(str::to_owned),
            rule: self.rule.origin.to_string(),
            name: name.map(str::to_owned),
        }
    }
}
