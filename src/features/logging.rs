//! Datakit's log collection: the annotation that tells Datakit what to collect of a pod, and volumes
//! through which it finds the log files on the node.
//!
//! A template that has the annotation `datakit/logs` keeps it, and gets nothing.
//!
//! Added: annotation `datakit/logs`; for every directory that its log files lie in a volume
//! `datakit-logs-volume-N` on the containers.

use super::Scene;
use super::directories::Directories;
use super::select::{self, Title};
use crate::paths;
use crate::report::{Feature, Report};
use crate::settings::{LoggingRule, file_paths};
use crate::template::{Plan, Source};

const FEATURE: Feature = Feature::Logging;
const ANNOTATION: &str = "datakit/logs";

/// Plans the annotation, if a rule is for the template.
pub(super) fn plan(scene: &Scene<'_, '_>, report: &mut Report) -> Option<Plan> {
    if scene.template.annotation(ANNOTATION).is_some() {
        report.explain(FEATURE.name(), || format!("{ANNOTATION} is there already"));
        return None;
    }
    let rule = choose(scene, report)?;
    let config = rule.logs.config;
    if config.is_empty() {
        report.explain(FEATURE.name(), || format!("{} has no config", rule.origin));
        return None;
    }
    let annotations = vec![(ANNOTATION, config.to_owned())];
    if !scene.template.has_room_for(&annotations) {
        report.warn(
            FEATURE.name(),
            "nothing injected, the annotations would be more than the 256 KiB that Kubernetes takes",
        );
        return None;
    }
    let mut directories = Directories::default();
    for file in file_paths(config) {
        directories.add(&file, paths::directory_of(&file), FEATURE, report);
    }
    let mut plan = Plan::default();
    directories.share("datakit-logs-volume", FEATURE, scene, &mut plan, report);
    plan.annotations = annotations;
    plan.source = Source {
        rule: rule.origin.to_string(),
        ..Source::default()
    };
    Some(plan)
}

fn choose<'s>(scene: &'s Scene<'_, '_>, report: &Report) -> Option<&'s LoggingRule<'s>> {
    let rules = &scene.settings.logging;
    if rules.is_empty() {
        report.explain(FEATURE.name(), || "the settings have no rule for it");
    }
    let title = |rule: &LoggingRule<'_>| Title {
        origin: rule.origin,
        name: "",
    };
    let rule = rules
        .iter()
        .find(|rule| select::covers(FEATURE, title(rule), &rule.scope, scene, report))?;
    report.explain(FEATURE.name(), || format!("{} decides", rule.origin));
    select::trace(FEATURE, title(rule), &rule.scope, scene, report);
    Some(rule)
}
