//! Annotations that were meant for the policy and that no feature will see.

use crate::json::Value;

use super::ddtrace;
use super::scene::{PREFIX, SWITCH};
use super::table::{ALL, annotation_names};
use crate::report::{Report, shown};
use crate::settings::{Document, Rule, nearest};
use crate::template::{Object, Template, boolean};
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
        .map(str::to_owned)
        .collect()
}

/// Warns of annotations that stand beside the template, and of those that are none of the policy's.
pub(super) fn warn_of_unseen(template: &Template<'_>, beside: &[String], report: &mut Report) {
    for key in beside {
        if template.annotation(key).is_none() {
            report.warn(
                "policy",
                format_args!(
                    "annotation {} of the object has no effect; move it to the pod template",
                    shown(key)
                ),
            );
        }
    }
    for key in keys(template.labels()).filter(|key| is_ours(key)) {
        if template.annotation(key).is_none() {
            report.warn(
                "policy",
                format_args!("label {} has no effect; make it an annotation", shown(key)),
            );
        }
    }
    for key in keys(template.annotations()) {
        let Some(name) = key.strip_prefix(PREFIX) else {
            continue;
        };
        if annotation_names().any(|known| known == name) {
            continue;
        }
        let key = shown(key);
        let known: Vec<&str> = annotation_names().collect();
        match nearest(name, &known) {
            Some(near) => report.warn(
                "policy",
                format_args!("annotation {key} is unknown; did you mean {PREFIX}{near}?"),
            ),
            None => report.warn("policy", format_args!("annotation {key} is unknown")),
        }
    }
}

/// The annotations and labels by which Datadog's admission controller is asked.
const OTHER_VENDOR: &str = "admission.datadoghq.com/";

/// Warns of a wish to another vendor in a template that asks for nothing of ours and gets nothing, where
/// there would have been an agent.
pub(super) fn warn_of_other_vendor(
    template: &Template<'_>,
    settings: &Document<'_>,
    report: &mut Report,
) {
    let has_agents = || {
        let agents = (ddtrace::FEATURE.rules)(settings, &mut settings.reader());
        let has_image = |rule: &Rule<'_, _>| rule.narrowing.enabled && rule.image.is_some();
        agents.rules.iter().any(has_image)
    };
    if keys(template.annotations()).any(is_ours) {
        return;
    }
    let wishes = [template.annotations(), template.labels()];
    let wish = wishes.into_iter().flatten().flatten().find(|(key, value)| {
        let is_on = value.as_str().and_then(boolean) != Some(false);
        key.starts_with(OTHER_VENDOR) && is_on
    });
    if let Some((key, _)) = wish.filter(|_| has_agents()) {
        report.warn(
            "policy",
            format_args!(
                "{} belongs to another vendor and has no effect; use {PREFIX}<language>-lib.version",
                shown(key)
            ),
        );
    }
}

fn keys<'o>(own: Option<&'o Object<'_>>) -> impl Iterator<Item = &'o str> {
    own.into_iter().flat_map(|own| own.keys())
}

fn is_ours(key: &str) -> bool {
    key.starts_with(PREFIX)
}

/// Whether an annotation of the template asks for a feature that is not switched off.
#[must_use]
pub fn asks_for_a_feature(template: &Value) -> bool {
    let annotations = template
        .get("metadata")
        .and_then(|own| own.get("annotations"));
    let Some(annotations) = annotations.and_then(Value::as_object) else {
        return false;
    };
    let is_on = |switch: &str| {
        let value = annotations.get(&format!("{PREFIX}{switch}"));
        value.and_then(Value::as_str).and_then(boolean) != Some(false)
    };
    let asks = |name: &str| annotations.contains_key(&format!("{PREFIX}{name}"));
    is_on(SWITCH)
        && ALL.iter().any(|feature| {
            feature.switch.is_none_or(is_on) && feature.asks.iter().any(|ask| asks(ask.name))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use slog::Level;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn warnings(object: &Value) -> Vec<String> {
        let mut object = object.clone();
        let workload = Workload::Deployment;
        let beside = beside_the_template(workload, &object);
        let template = Template::take(workload.template_mut(&mut object).unwrap()).unwrap();
        let mut report = Report::new(Level::Error);
        warn_of_unseen(&template, &beside, &mut report);
        report.warnings().unwrap_or_default()
    }

    fn deployment(own: Value<'static>, of_template: Value<'static>) -> Value<'static> {
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
                "datakit policy: annotation `admission.datakit/java-lib.version` of the object has no effect; move it \
                 to the pod template"
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
    fn knows_whether_a_feature_is_asked_for() {
        let asks = |annotations: Value| {
            let template = json!({"metadata": {"annotations": annotations}});
            asks_for_a_feature(&template)
        };
        let java = "admission.datakit/java-lib.version";
        for (annotations, expected) in [
            (json!(null), false),
            (json!({"admission.datakit/enabled": "true"}), false),
            (json!({java: ""}), true),
            (json!({"admission.datakit/logfwd.instances": "[]"}), true),
            (
                json!({"admission.datakit/golang-profiler.version": ""}),
                true,
            ),
            (json!({java: "", "admission.datakit/enabled": "f"}), false),
            (json!({java: "", "admission.datakit/enabled": "off"}), true),
            (
                json!({java: "", "admission.datakit/ddtrace.enabled": "false"}),
                false,
            ),
            (
                json!({java: "", "admission.datakit/logfwd.enabled": "false"}),
                true,
            ),
            (json!({"example.com/java-lib.version": ""}), false),
        ] {
            assert_eq!(asks(annotations.clone()), expected, "{annotations}");
        }
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
                "datakit policy: annotation `admission.datakit/java-lib.verison` is unknown; \
                 did you mean admission.datakit/java-lib.version?",
                "datakit policy: annotation `admission.datakit/something-else` is unknown",
            ]
        );
    }
}
