//! Annotations that were meant for the policy and that no feature will see.

use serde_json::Value;

use super::PREFIX;
use crate::report::{Report, shown};
use crate::settings::nearest;
use crate::template::Template;
use crate::workload::Workload;

/// The policy's annotations of the object itself, where that is not its own template, and of the jobs
/// of a cron job. They are a common mistake: only those of the template count.
#[must_use]
pub fn beside_the_template(workload: Workload, object: &Value) -> Vec<String> {
    if workload.template_path().is_empty() {
        return Vec::new();
    }
    let jobs = object.get("spec").and_then(|spec| spec.get("jobTemplate"));
    [Some(object), jobs]
        .into_iter()
        .filter_map(|owner| owner?.get("metadata")?.get("annotations")?.as_object())
        .flat_map(|own| own.keys())
        .filter(|key| key.starts_with(PREFIX))
        .cloned()
        .collect()
}

/// Warns of annotations that stand beside the template, and of those that are none of the policy's.
pub(super) fn warn_of_unseen(template: &Template<'_>, beside: &[String], report: &mut Report) {
    for key in beside {
        if template.annotation(key).is_none() {
            report.warn(
                "policy",
                format_args!(
                    "annotation {} of the object has no effect, it belongs into the pod template",
                    shown(key)
                ),
            );
        }
    }
    for key in template
        .annotations()
        .into_iter()
        .flat_map(|own| own.keys())
    {
        let Some(name) = key.strip_prefix(PREFIX) else {
            continue;
        };
        if KNOWN.contains(&name) {
            continue;
        }
        let key = shown(key);
        match nearest(name, &KNOWN) {
            Some(near) => report.warn(
                "policy",
                format_args!("annotation {key} is not known, did you mean {PREFIX}{near}?"),
            ),
            None => report.warn("policy", format_args!("annotation {key} is not known")),
        }
    }
}

/// The names of all annotations that the policy looks at, behind their prefix.
const KNOWN: [&str; 14] = [
    "enabled",
    "ddtrace.enabled",
    "logfwd.enabled",
    "flameshot.enabled",
    "profiler.enabled",
    "java-lib.version",
    "python-lib.version",
    "nodejs-lib.version",
    "js-lib.version",
    "php-lib.version",
    "logfwd.instances",
    "java-profiler.version",
    "python-profiler.version",
    "golang-profiler.version",
];

#[cfg(test)]
mod tests {
    use super::super::{FEATURES, ddtrace, logfwd, profiler};
    use super::*;
    use crate::report::Feature;
    use serde_json::json;
    use slog::Level;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn warnings(object: &Value) -> Vec<String> {
        let mut object = object.clone();
        let workload = Workload::Deployment;
        let beside = beside_the_template(workload, &object);
        let template = Template::new(workload.template_mut(&mut object).unwrap()).unwrap();
        let mut report = Report::new(Level::Error);
        warn_of_unseen(&template, &beside, &mut report);
        report.warnings().unwrap_or_default()
    }

    fn deployment(own: Value, of_template: Value) -> Value {
        json!({"metadata": {"annotations": own}, "spec": {"template": {
            "metadata": {"annotations": of_template}, "spec": {"containers": [{"name": "a"}]}
        }}})
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn warns_of_an_annotation_beside_the_template() {
        let asked = json!({"admission.datakit/java-lib.version": "", "example.com/a": "b"});
        assert_eq!(
            warnings(&deployment(asked.clone(), json!(null))),
            [
                "datakit policy: annotation `admission.datakit/java-lib.version` of the object has no \
              effect, it belongs into the pod template"
            ]
        );
        // Some tools write the same annotations everywhere.
        assert_eq!(warnings(&deployment(asked.clone(), asked.clone())), [""; 0]);
        assert_eq!(beside_the_template(Workload::Pod, &json!({})), [""; 0]);
        let cron_job = json!({"spec": {"jobTemplate": {"metadata": {"annotations": asked}}}});
        assert_eq!(
            beside_the_template(Workload::CronJob, &cron_job),
            ["admission.datakit/java-lib.version"]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_what_the_features_look_for() {
        let switched = FEATURES
            .iter()
            .filter(|(feature, _)| *feature != Feature::Logging);
        let mut names = vec!["enabled".to_owned()];
        names.extend(switched.map(|(feature, _)| feature.switch()));
        names.extend(ddtrace::ASKING.map(ddtrace::annotation_name));
        names.push(logfwd::ANNOTATION.to_owned());
        names.extend(profiler::ASKING.map(profiler::annotation_name));
        assert_eq!(KNOWN.to_vec(), names);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn warns_of_an_annotation_that_is_not_known() {
        let misspelt = json!({
            "admission.datakit/java-lib.verison": "",
            "admission.datakit/something-else": "",
            "admission.datakit/enabled": "true",
            "admission.datakit/profiler.enabled": "true",
            "admission.datakit/logfwd.instances": "[]",
            "admission.datakit/js-lib.version": "",
            "admission.datakit/golang-profiler.version": ""
        });
        assert_eq!(
            warnings(&deployment(json!({}), misspelt)),
            [
                "datakit policy: annotation `admission.datakit/java-lib.verison` is not known, \
                 did you mean admission.datakit/java-lib.version?",
                "datakit policy: annotation `admission.datakit/something-else` is not known",
            ]
        );
    }
}
