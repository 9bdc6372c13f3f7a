//! Which app containers are left alone: those of service meshes and of other injectors, and those that a
//! template names itself.
//!
//! | annotation of the template | effect |
//! |---|---|
//! | `admission.datakit/containers: "app,worker"` | these app containers, and no others |
//! | `admission.datakit/exclude-containers: "proxy"` | not these, beside those that the settings exclude |

use super::scene::{Declined, PREFIX, skipped};
use super::table::adds_sidecar;
use crate::report::{Event, Report, shown};
use crate::settings::Own;
use crate::template::{AppContainer, Template};

/// The annotation with the containers that are injected into, behind the prefix.
pub(super) const ONLY: &str = "containers";

/// The annotation with those that are not.
pub(super) const EXCLUDED: &str = "exclude-containers";

/// The names of the app containers that get nothing. Never those of the policy's own sidecars.
pub(super) fn left_alone(
    template: &Template<'_>,
    own: &Own<'_>,
    report: &mut Report,
) -> Vec<String> {
    let only = named(template, ONLY, report);
    let excluded = named(template, EXCLUDED, report).unwrap_or_default();
    let is_left_alone = |name: &str| match &only {
        Some(only) => !only.contains(&name) || excluded.contains(&name),
        None => excluded.contains(&name) || own.exclude_containers.contains(&name),
    };
    let containers = template.app_containers().map(AppContainer::name);
    let mut names = Vec::new();
    for name in containers.filter(|name| !adds_sidecar(name) && is_left_alone(name)) {
        report.tell("policy", Event::Note, || {
            format!("container {} is left alone", shown(name))
        });
        names.push(name.to_owned());
    }
    names
}

/// There is a container that is not left alone.
///
/// # Errors
/// There is none.
pub(super) fn are_there(template: &Template<'_>) -> Result<(), Declined> {
    let mut names = template.targets().map(|(_, container)| container.name());
    if names.any(|name| !adds_sidecar(name)) {
        return Ok(());
    }
    Err(skipped(format!(
        "every container is left alone (policy.exclude_containers, {PREFIX}{ONLY})"
    )))
}

/// The names in an annotation, and a warning of each that no app container has.
fn named<'t>(
    template: &'t Template<'_>,
    annotation: &str,
    report: &mut Report,
) -> Option<Vec<&'t str>> {
    let names = template
        .annotation_below(PREFIX, annotation)?
        .split(',')
        .map(str::trim);
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    for name in &names {
        if !template.app_containers().any(|own| own.name() == *name) {
            report.warn(
                "policy",
                format_args!(
                    "{PREFIX}{annotation}: there is no container {}",
                    shown(name)
                ),
            );
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use slog::Level;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// Which containers of `app`, `worker`, `istio-proxy` and `datakit-logfwd` are left, and what is told.
    fn targets(annotations: &[(&str, &str)]) -> (Vec<String>, Option<Vec<String>>) {
        let mut pod = json!({"metadata": {"annotations": {}}, "spec": {"containers": [
            {"name": "istio-proxy"}, {"name": "app"}, {"name": "worker"}, {"name": "datakit-logfwd"}
        ]}});
        for (name, value) in annotations {
            let annotations = pod["metadata"]["annotations"].as_object_mut().unwrap();
            annotations.insert(format!("{PREFIX}{name}"), json!(value));
        }
        let mut template = Template::new(pod.clone()).unwrap();
        let mut report = Report::new(Level::Error);
        let names = left_alone(&template, &Own::default(), &mut report);
        template.leave_alone(names);
        let targets = template.targets().map(|(_, own)| own.name().to_owned());
        (targets.collect(), report.warnings())
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn leaves_alone_what_settings_and_annotations_name() {
        let left = |annotations: &[(&str, &str)], expected: &[&str]| {
            let expected = expected.iter().copied().map(str::to_owned).collect();
            assert_eq!(targets(annotations), (expected, None), "{annotations:?}");
        };
        let ours = "datakit-logfwd";
        left(&[], &["app", "worker", ours]);
        left(&[(ONLY, "app")], &["app", ours]);
        left(
            &[(ONLY, " istio-proxy , app,")],
            &["istio-proxy", "app", ours],
        );
        left(&[(EXCLUDED, "worker")], &["app", ours]);
        left(
            &[(ONLY, "app,worker"), (EXCLUDED, "worker")],
            &["app", ours],
        );
        left(&[(ONLY, "")], &[ours]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn warns_of_names_that_are_not_there() {
        let warning = |key: &str| {
            let text =
                format!("datakit policy: admission.datakit/{key}: there is no container `ap`");
            Some(vec![text])
        };
        assert_eq!(targets(&[(ONLY, "ap,app")]).1, warning(ONLY));
        assert_eq!(targets(&[(EXCLUDED, "ap")]).1, warning(EXCLUDED));
    }
}
