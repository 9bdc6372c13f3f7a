//! What is injected. Each feature is a file and a row of the [table](ALL): it decides whether there is a
//! rule or an annotation for the template, and says what it wants as a [`Plan`]; nothing is edited before
//! the plan stands.

mod agents;
mod annotations;
mod ddtrace;
mod directories;
mod flameshot;
mod logfwd;
mod logging;
mod otel;
mod outlook;
mod places;
mod processes;
mod profiler;
mod programs;
mod select;
mod table;

use std::cell::OnceCell;

use k8s_openapi::api::core::v1::{EnvVar, ResourceRequirements};

use crate::env::{self, Env};
use crate::report::{Event, Report, shown};
use crate::settings::{ContainerSettings, Document, Subject};
use crate::template::{AppContainer, Journal, JournalIsFull, Plan, Template, Volumes, boolean};
use crate::workload::Workload;

use outlook::Outlook;

pub use annotations::{asks_for_a_feature, beside_the_template};
pub use flameshot::Sampler;
pub use table::{
    ALL, Added, Ask, Feature, PREFIX, SWITCH, adds_container, adds_sidecar, annotation_names,
    journal, problems,
};

/// What a feature sees of an admission: the template as the features before left it.
struct Scene<'s, 't> {
    template: &'s Template<'t>,
    namespace: &'s str,
    settings: &'s Document<'s>,
    /// The features before that were asked for, also those that could not be injected.
    selected: &'s [&'static str],
    /// Made when first asked for.
    volumes: OnceCell<Volumes<'s>>,
}

/// What a feature wants of a template.
type Decision = Result<Plan, Declined>;

/// Why a feature wants nothing.
#[derive(Debug, PartialEq, Eq)]
enum Declined {
    /// No rule is for the template, or nobody asked.
    NotAsked,
    /// A container with the name of the one that it adds is there. What was injected into a template before
    /// was taken away, so it is the user's, or that of somebody else who injects; a pod may have it from an
    /// earlier pass.
    ThereAlready(&'static str),
    /// It was asked for; why it cannot be, as the end of a sentence.
    Skipped(String),
}

/// Nothing is injected for this reason.
fn skipped(reason: impl Into<String>) -> Declined {
    Declined::Skipped(reason.into())
}

impl Declined {
    fn tell(&self, feature: &Feature, workload: Workload, report: &mut Report) {
        match self {
            Self::NotAsked => {}
            Self::ThereAlready(name) if workload == Workload::Pod => {
                report.explain(feature.name, || format!("{name} is there already"));
            }
            Self::ThereAlready(name) => report.warn(
                feature.name,
                format_args!("nothing injected, a container {name} is there already"),
            ),
            Self::Skipped(reason) => {
                report.warn(feature.name, format_args!("nothing injected, {reason}"));
            }
        }
    }
}

impl<'s> Scene<'s, '_> {
    fn volumes(&self) -> &Volumes<'s> {
        self.volumes.get_or_init(|| Volumes::new(self.template))
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            namespace: self.namespace,
            labels: self.template.labels(),
        }
    }

    /// The annotation `admission.datakit/NAME`.
    fn annotation(&self, name: &str) -> Option<&str> {
        self.template.annotation(&format!("{PREFIX}{name}"))
    }

    /// Whether no container has this name, which must be unique.
    ///
    /// # Errors
    /// One has.
    fn is_free(&self, name: &'static str) -> Result<(), Declined> {
        if self.template.has_container(name) {
            return Err(Declined::ThereAlready(name));
        }
        Ok(())
    }

    /// The resources of the settings. None where the pod as a whole has its own, which its containers
    /// share: Kubernetes refuses a pod whose containers together ask for more, or one alone may have
    /// more.
    fn resources(
        &self,
        settings: &ContainerSettings<'_>,
        feature: &Feature,
        report: &mut Report,
    ) -> Option<ResourceRequirements> {
        let resources = settings.resources.clone()?;
        let of_the_pod = self.template.spec("resources");
        let has_some = |bound: &&str| {
            let amounts = of_the_pod.and_then(|own| own.get(bound)?.as_object());
            amounts.is_some_and(|amounts| !amounts.is_empty())
        };
        if !["requests", "limits"].iter().any(has_some) {
            return Some(resources);
        }
        report.warn(
            feature.name,
            "the container gets no resources of its own, for the pod as a whole has some",
        );
        None
    }

    /// The variables of the settings as entries for a container of this template.
    fn entries(&self, envs: &[Env<'_>]) -> Vec<EnvVar> {
        let Some(first_container) = self.template.first_container() else {
            return Vec::new();
        };
        envs.iter()
            .filter_map(|env| env::entry(*env, first_container))
            .collect()
    }
}

/// Whether the container is a sidecar that the policy adds. A feature that is of use to no other
/// container is not injected: in a second pass, too, when the sidecars of others are there.
fn is_sidecar(container: AppContainer<'_>) -> bool {
    adds_sidecar(container.name())
}

/// What an injection depends on, but for the template.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    pub workload: Workload,
    /// The request's.
    pub namespace: &'c str,
    pub settings: &'c Document<'c>,
    /// The [annotations beside the template](beside_the_template).
    pub beside: &'c [String],
}

/// The most that may be added to an object: etcd stores none over 1.5 MiB, and one that was fine must
/// not be what is refused.
const MOST_BYTES: usize = 1_000_000;

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
    let mut injected = false;
    let mut selected = Vec::with_capacity(ALL.len());
    let mut room = MOST_BYTES;
    let mut outlook = Outlook::default();
    for feature in ALL {
        let is_on = |switch| says_yes(template, switch, feature.name, report);
        if !feature.switch.is_none_or(is_on) {
            continue;
        }
        let scene = Scene {
            template,
            namespace: &namespace,
            settings: context.settings,
            selected: &selected,
            volumes: OnceCell::new(),
        };
        let decision = (feature.plan)(&scene, report);
        if !matches!(decision, Err(Declined::NotAsked)) {
            selected.push(feature.name);
        }
        let plan = match decision {
            Ok(plan) => plan,
            Err(declined) => {
                declined.tell(feature, context.workload, report);
                continue;
            }
        };
        let Some(rest) = room.checked_sub(plan.bytes()) else {
            report.warn(
                "policy",
                "nothing injected, it would add more than 1 MB to the object; inject into fewer containers",
            );
            report.forget_injections();
            if let Some(journal) = journal {
                template.take_back(journal);
            }
            return false;
        };
        room = rest;
        outlook.note(feature, &plan, template);
        injected |= carry_out(plan, feature, template, journal.as_mut(), report);
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
            "nothing injected, the annotations of the template leave no room for the journal of it",
        );
        return false;
    }
    report.injected(feature.name, &source);
    for edit in edits {
        report.tell(feature.name, Event::Edit, || edit);
    }
    true
}

/// What the boolean annotation `admission.datakit/NAME` says; yes if nothing or nonsense.
fn says_yes(template: &Template<'_>, name: &str, about: &str, report: &mut Report) -> bool {
    let key = format!("{PREFIX}{name}");
    let Some(text) = template.annotation(&key) else {
        return true;
    };
    let Some(says) = boolean(text) else {
        report.warn(
            about,
            format_args!("{key}: {} is no boolean and has no effect", shown(text)),
        );
        return true;
    };
    if !says {
        report.explain(about, || format!("switched off by {key}"));
    }
    says
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Node;
    use serde_json::{Value, json};
    use slog::Level;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn inject_into(pod: &mut Value, settings: &Document<'_>) -> Report {
        let mut template = Template::new(pod).unwrap();
        let mut report = Report::new(Level::Error);
        let context = Context {
            workload: Workload::Pod,
            namespace: "default",
            settings,
            beside: &[],
        };
        inject(context, &mut template, &mut report);
        report
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn keeps_out_of_the_resources_of_a_pod_as_a_whole() {
        let settings = r#"{"admission_inject_v2":{"logfwds":[
            {"namespace_selectors":["*"],"image":"repo/logfwd:1","resources":{"limits":{"cpu":"2"}}}
        ]}}"#;
        let document = Document::new(Node::parse(settings).unwrap());
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
            let warning = "datakit logfwd: the container gets no resources of its own, \
                           for the pod as a whole has some";
            assert_eq!(warnings.unwrap(), [warning]);
        }
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
    fn warns_of_a_sidecar_that_may_not_run_as_root() {
        let settings = settings_of_logfwd(&json!({}));
        let document = Document::new(Node::parse(&settings).unwrap());
        let warnings = |security_context: Value| {
            let spec = json!({"securityContext": security_context, "containers": [{"name": "a"}]});
            inject_into(&mut json!({"spec": spec}), &document).warnings()
        };
        let warning = "datakit policy: the pod is runAsNonRoot: an image that runs as root \
                       does not start (datakit-logfwd); set runAsUser";
        for refused in [
            json!({"runAsNonRoot": true}),
            json!({"runAsNonRoot": true, "runAsUser": null}),
        ] {
            assert_eq!(warnings(refused), Some(vec![warning.to_owned()]));
        }
        for fine in [
            json!(null),
            json!({}),
            json!({"runAsNonRoot": false}),
            json!({"runAsNonRoot": true, "runAsUser": 1000}),
        ] {
            assert_eq!(warnings(fine), None);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn takes_an_empty_annotation_as_a_wish_for_what_is_configured() {
        let settings = settings_of_java();
        let document = Document::new(Node::parse(&settings).unwrap());
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
                    "ddtrace: admission.datakit/java-lib.version has no effect, \
                     admission_inject_v2.ddtraces"
                ),
                no_effect(
                    "profiler: admission.datakit/java-profiler.version has no effect, \
                     admission_inject_v2.profilers"
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
            let document = Document::new(Node::parse(&settings).unwrap());
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
        let document = Document::new(Node::parse(&settings).unwrap());
        let mut pod = json!({"spec": {
            "volumes": [{"name": "own", "emptyDir": {}}],
            "containers": [{"name": "a", "volumeMounts": [{"name": "own", "mountPath": "/datadog-lib"}]}]
        }});
        let mut injected = || {
            let report = inject_into(&mut pod, &document);
            report
                .audit_annotations()
                .map(|audit| audit.into_keys().collect())
        };
        assert_eq!(injected(), Some(vec!["profiler".to_owned()]));
        assert_eq!(injected(), None);
    }
}
