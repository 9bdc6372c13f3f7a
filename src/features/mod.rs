//! What is injected. Each feature is a file and a row of the [table](ALL): it decides whether there is a
//! rule or an annotation for the template, and says what it wants as a [`Plan`]; nothing is edited before
//! the plan stands.

mod agents;
mod annotations;
mod ddtrace;
mod directories;
mod feature;
mod fit;
mod flameshot;
mod lent;
mod logfwd;
mod logging;
mod mounted;
mod otel;
mod outlook;
mod places;
mod processes;
mod profiler;
mod programs;
mod resources;
mod scene;
mod security;
mod select;
mod table;
mod targets;
mod terms;
mod variables;

use std::cell::OnceCell;

use crate::owner::Owner;
use crate::report::{Event, Report, shown};
use crate::settings::Document;
use crate::template::{Journal, JournalIsFull, Plan, SAFE_TO_EVICT, Template, boolean};
use crate::workload::Workload;

use outlook::Outlook;
use scene::{Declined, MOST_BYTES, Scene};
use table::PLANS;
use terms::Terms;

pub use annotations::{asks_for_a_feature, beside_the_template};
pub use feature::{Added, Ask, Feature};
pub use flameshot::Sampler;
pub use scene::{PREFIX, SWITCH};
pub use table::{
    ALL, NAMES, adding, adds_container, adds_sidecar, annotation_names, journal, problems,
};

/// What an injection depends on, but for the template.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    pub workload: Workload,
    /// The request's.
    pub namespace: &'c str,
    /// Whose pods the template is for.
    pub owner: &'c Owner,
    pub settings: &'c Document<'c>,
    /// The [annotations beside the template](beside_the_template).
    pub beside: &'c [String],
}

/// Injects into `template`, which is the user's part, what the settings and its annotations ask for,
/// and writes the journal of it; says whether that was anything. A pod of which nothing is to be
/// injected may hold a part of it, and is to be left as it came.
pub fn inject(context: Context<'_>, template: &mut Template<'_>, report: &mut Report) -> bool {
    if !says_yes(template, SWITCH, "policy", report) {
        return false;
    }
    annotations::warn_of_unseen(template, context.beside, report);
    // A pod is not applied over what was injected into it: its containers cannot change any more.
    let mut journal = (context.workload != Workload::Pod).then(Journal::default);
    let namespace = template.namespace().unwrap_or(context.namespace).to_owned();
    let own = context.settings.own(&mut context.settings.reader());
    let asked = security::asked(template, report);
    template.leave_alone(targets::left_alone(template, &own, report));
    let mut injected = false;
    let mut selected = Vec::with_capacity(ALL.len());
    let mut room = MOST_BYTES;
    let mut terms = Terms::new(&own, asked, context.workload, &namespace);
    let mut local_volumes = Vec::new();
    let mut outlook = Outlook::new(adds_sidecar);
    for (feature, plan) in ALL.into_iter().zip(PLANS) {
        let is_on = |switch| says_yes(template, switch, feature.name, report);
        if !feature.switch.is_none_or(is_on) {
            continue;
        }
        let scene = Scene {
            template,
            workload: context.workload,
            namespace: &namespace,
            owner: context.owner,
            settings: context.settings,
            own: &own,
            selected: &selected,
            adds_sidecar,
            volumes: OnceCell::new(),
        };
        let decision = plan(&scene, report).and_then(|mut plan| {
            terms.apply(&mut plan, feature, template, report)?;
            Ok(plan)
        });
        if !matches!(decision, Err(Declined::NotAsked)) {
            selected.push(feature.name);
        }
        let plan = match decision {
            Ok(plan) => plan,
            Err(declined) => {
                declined.tell(feature.name, context.workload, report);
                continue;
            }
        };
        let Some(rest) = room.checked_sub(plan.bytes()) else {
            report.warn(
                "policy",
                "nothing injected: it would add more than 1 MB to the object; inject into fewer containers",
            );
            report.forget_injections();
            if let Some(journal) = journal {
                template.take_back(journal);
            }
            return false;
        };
        room = rest;
        outlook.note(feature, &plan, template);
        let volumes = if own.safe_to_evict_local_volumes {
            plan.local_volumes()
        } else {
            Vec::new()
        };
        if carry_out(plan, feature, template, journal.as_mut(), report) {
            injected = true;
            local_volumes.extend(volumes);
        }
    }
    if !local_volumes.is_empty() {
        list_local_volumes(&local_volumes, template, journal.as_mut(), report);
    }
    outlook.warn(context.workload, template, report);
    if !injected {
        annotations::warn_of_other_vendor(template, context.settings, report);
    } else if let Some(journal) = journal {
        template.keep_journal(journal);
    }
    injected
}

/// Carries out the plan of a feature, and tells of it; says whether it was.
fn carry_out(
    plan: Plan,
    feature: &Feature,
    template: &mut Template<'_>,
    journal: Option<&mut Journal>,
    report: &mut Report,
) -> bool {
    let mut edits = Vec::new();
    if report.explains() {
        plan.describe(template, |edit| edits.push(edit));
    }
    let source = plan.source.to_string();
    if let Err(JournalIsFull) = template.inject(feature.name, plan, journal) {
        report.warn(
            feature.name,
            "nothing injected: the annotations of the template leave no room for its journal",
        );
        return false;
    }
    report.injected(feature.name, &source);
    for edit in edits {
        report.tell(feature.name, Event::Edit, || edit);
    }
    true
}

/// Tells the cluster autoscaler that volumes do not keep the pod on its node.
fn list_local_volumes(
    names: &[String],
    template: &mut Template<'_>,
    journal: Option<&mut Journal>,
    report: &mut Report,
) {
    match template.list_local_volumes(names, journal) {
        Ok(()) => report.tell("policy", Event::Edit, || {
            format!("lists {} in annotation {SAFE_TO_EVICT}", names.join(", "))
        }),
        Err(JournalIsFull) => report.warn(
            "policy",
            format_args!("the annotations of the template leave no room for {SAFE_TO_EVICT}"),
        ),
    }
}

/// What the boolean annotation `admission.datakit/NAME` says; yes if nothing or nonsense.
fn says_yes(template: &Template<'_>, name: &str, about: &str, report: &mut Report) -> bool {
    let Some(text) = template.annotation_below(PREFIX, name) else {
        return true;
    };
    let Some(says) = boolean(text) else {
        report.warn(
            about,
            format_args!(
                "{PREFIX}{name}: {} is not a boolean and has no effect",
                shown(text)
            ),
        );
        return true;
    };
    if !says {
        report.explain(about, || format!("switched off by {PREFIX}{name}"));
    }
    says
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Value, json};
    use slog::Level;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn inject_into(pod: &mut Value, settings: &Document<'_>) -> Report {
        let mut template = Template::take(pod).unwrap();
        let mut report = Report::new(Level::Error);
        let context = Context {
            workload: Workload::Pod,
            namespace: "default",
            owner: &Owner::default(),
            settings,
            beside: &[],
        };
        inject(context, &mut template, &mut report);
        *pod = template.into_value();
        report
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn keeps_out_of_the_resources_of_a_pod_as_a_whole() {
        let settings = r#"{"admission_inject_v2":{"logfwds":[
            {"namespace_selectors":["*"],"image":"repo/logfwd:1","resources":{"limits":{"cpu":"2"}}}
        ]}}"#;
        let document = Document::new(Value::parse(settings).unwrap());
        let injected = |resources: Value| {
            let mut pod = json!({"spec": {"resources": resources, "containers": [{"name": "a"}]}});
            let report = inject_into(&mut pod, &document);
            let resources = pod["spec"]["containers"][1]["resources"].take();
            (resources, report.warnings())
        };
        for without in [
            json!(null),
            json!({}),
            json!({"limits": {}, "requests": null}),
        ] {
            let expected = json!({"limits": {"cpu": "2"}});
            assert_eq!(injected(without), (expected, None));
        }
        for bound in ["requests", "limits"] {
            let (resources, warnings) = injected(json!({bound: {"cpu": "1"}}));
            assert_eq!(resources, json!(null));
            let warning = "datakit logfwd: the container gets no resources of its own, because the pod as a whole has \
                           some";
            assert_eq!(warnings.unwrap(), [warning]);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn mounts_nothing_in_a_volume_that_is_lent_to_the_log_forwarder() {
        let files = r#"[{"type":"file","path":"/data/logs/x.log"}]"#;
        let everywhere = json!(["*"]);
        let settings = json!({
            "admission_inject_v2": {"logfwds": [
                {"namespace_selectors": everywhere, "image": "repo/logfwd:1", "log_configs": files}
            ]},
            "admission_mutate": {"loggings": [{"namespace_selectors": everywhere, "config": files}]},
            "policy": {"logfwd_volumes": "any"}
        });
        let text = settings.to_string();
        let document = Document::new(Value::parse(&text).unwrap());
        let claim = json!({"name": "claim", "mountPath": "/data"});
        let mut pod = json!({"spec": {
            "volumes": [{"name": "claim", "persistentVolumeClaim": {"claimName": "claim"}}],
            "containers": [{"name": "a", "volumeMounts": [claim]}, {"name": "b"}]
        }});
        inject_into(&mut pod, &document);
        let mounts = |place: usize| pod["spec"]["containers"][place]["volumeMounts"].clone();
        let new = json!({"name": "datakit-logs-volume-0", "mountPath": "/data/logs"});
        let info =
            json!({"name": "datakit-pod-info", "mountPath": "/etc/podinfo", "readOnly": true});
        let mut lent = claim.clone();
        lent["readOnly"] = json!(true);
        let expected = [json!([claim]), json!([new]), json!([lent, info])];
        assert_eq!([0, 1, 2].map(mounts), expected);
    }

    fn settings_of_java() -> String {
        let rule =
            json!({"namespace_selectors": ["*"], "image": "repo/image:1", "language": "java"});
        json!({"admission_inject_v2": {"ddtraces": [rule], "profilers": [rule]}}).to_string()
    }

    fn settings_of_logfwd(rule: &Value) -> String {
        let mut rule = rule.clone();
        rule["namespace_selectors"] = json!(["*"]);
        rule["image"] = json!("repo/logfwd:1");
        json!({"admission_inject_v2": {"logfwds": [rule]}}).to_string()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_an_empty_annotation_as_a_wish_for_what_is_configured() {
        let settings = settings_of_java();
        let document = Document::new(Value::parse(&settings).unwrap());
        let warnings = |version: &str| {
            let mut pod = json!({
                "metadata": {"annotations": {
                    "admission.datakit/java-lib.version": version,
                    "admission.datakit/java-profiler.version": version
                }},
                "spec": {"containers": [{"name": "a"}]}
            });
            inject_into(&mut pod, &document).warnings()
        };
        assert_eq!(warnings(""), None);
        let no_effect = |asked: &str| format!("datakit {asked}[0] decides");
        assert_eq!(
            warnings("v2"),
            Some(vec![
                no_effect(
                    "ddtrace: admission.datakit/java-lib.version has no effect: admission_inject_v2.ddtraces"
                ),
                no_effect(
                    "profiler: admission.datakit/java-profiler.version has no effect: admission_inject_v2.profilers"
                ),
            ])
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn keeps_the_configured_variable_where_an_annotation_only_asks() {
        let own = json!({"envs": {"LOGFWD_JSON_CONFIG": "[{}]"}});
        for (rule, annotation, expected) in [
            (json!({}), "", ""),
            (own.clone(), "", "[{}]"),
            (own, "[]", "[]"),
        ] {
            let settings = settings_of_logfwd(&rule);
            let document = Document::new(Value::parse(&settings).unwrap());
            let mut pod = json!({
                "metadata": {"annotations": {"admission.datakit/logfwd.instances": annotation}},
                "spec": {"containers": [{"name": "a"}]}
            });
            inject_into(&mut pod, &document);
            let variable = json!([{"name": "LOGFWD_JSON_CONFIG", "value": expected}]);
            assert_eq!(pod["spec"]["containers"][1]["env"], variable);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn does_not_inject_later_what_only_sidecars_could_have() {
        let settings = settings_of_java();
        let document = Document::new(Value::parse(&settings).unwrap());
        let mut pod = json!({"spec": {
            "volumes": [{"name": "own", "emptyDir": {}}],
            "containers": [{"name": "a", "volumeMounts": [{"name": "own", "mountPath": "/datadog-lib"}]}]
        }});
        let mut injected = || {
            let report = inject_into(&mut pod, &document);
            let audit = report.audit_annotations().iter();
            audit.map(|(feature, _)| *feature).collect::<Vec<_>>()
        };
        assert_eq!(injected(), ["profiler"]);
        assert_eq!(injected(), [""; 0]);
    }
}
