//! The properties of every answer, tried on thousands of admissions.

use datakit_operator_policy::json::edit;
use datakit_operator_policy::template::journal;
use datakit_policy_host::policy::{Answer, payload};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::checker::violations;
use crate::generators::{Admission, admissions, template_of};
use crate::kept;
use crate::run::{after, answer, holds, injected};
use crate::support::{WORKLOADS, request};

#[test]
fn is_always_accepted() {
    holds(2000, &admissions(), |admission| {
        let answer = answer(&admission.payload());
        prop_assert!(answer.accepted);
        prop_assert_eq!((&answer.message, answer.code), (&None, None));
        prop_assert_eq!(
            answer.audit_annotations.is_some(),
            answer.mutated_object.is_some()
        );
        for warning in answer.warnings.iter().flatten() {
            prop_assert!(warning.starts_with("datakit "));
            prop_assert!(warning.chars().count() <= 256 && !warning.contains(char::is_control));
        }
        prop_assert_ne!(answer.warnings, Some(Vec::new()));
        Ok(())
    });
}

#[test]
fn makes_no_pod_invalid() {
    holds(2001, &admissions(), |admission| {
        let object = admission.object();
        let before = violations(&object);
        prop_assume!(before.is_empty());
        let answer = answer(&admission.payload());
        prop_assert_eq!(violations(&after(&admission, &answer)), before);
        Ok(())
    });
}

#[test]
fn keeps_every_field_and_every_order() {
    holds(2002, &admissions(), |admission| {
        let answer = answer(&admission.payload());
        let (before, after) = (admission.object(), after(&admission, &answer));
        let kind = admission.kind;
        let kept = kept::template(template_of(kind, &before), template_of(kind, &after));
        prop_assert_eq!(kept, Ok(()));
        prop_assert_eq!(
            without_template(kind, before),
            without_template(kind, after)
        );
        Ok(())
    });
}

/// What is around the template.
fn without_template(kind: &str, mut object: Value) -> Value {
    if kind == "Pod" {
        object["metadata"] = Value::Null;
        object["spec"] = Value::Null;
    } else {
        let pointer = crate::support::template_pointer(kind);
        *object.pointer_mut(pointer).unwrap() = Value::Null;
    }
    object
}

#[test]
fn changes_nothing_in_a_second_pass() {
    holds(2003, &admissions(), |admission| {
        let once = injected(&admission);
        let again = Admission {
            template: once,
            ..admission
        };
        let answer = answer(&again.payload());
        if let Some(mutated) = &answer.mutated_object {
            let patch = json_patch::diff(&again.object(), mutated);
            prop_assert!(false, "{patch:#}");
        }
        prop_assert_eq!(answer.audit_annotations, None);
        Ok(())
    });
}

#[test]
fn answers_the_same_each_time() {
    holds(1000, &admissions(), |admission| {
        let first = answer(&admission.payload());
        prop_assert_eq!(&answer(&admission.payload()), &first);
        let is_change = first.mutated_object.as_ref() != Some(&admission.object());
        prop_assert!(is_change, "an object that did not change is in the answer");
        Ok(())
    });
}

#[test]
fn treats_a_template_alike_in_every_kind() {
    let admissions = (admissions(), any::<bool>());
    holds(300, &admissions, |(mut admission, ends)| {
        if let Some(spec) = admission.template["spec"].as_object_mut() {
            spec.remove("restartPolicy");
            if ends {
                spec.insert("restartPolicy".to_owned(), json!("Never"));
            }
        }
        admission.settings = of_no_workload(&admission.settings);
        let in_pod = told(
            &Admission {
                kind: "Pod",
                ..admission.clone()
            },
            "CREATE",
            &Value::Null,
        );
        // Pods of jobs run to completion, whatever else they say.
        let is_alike = |kind: &&str| ends || !matches!(*kind, "Job" | "CronJob");
        for kind in WORKLOADS.into_iter().filter(is_alike) {
            let admission = Admission {
                kind,
                ..admission.clone()
            };
            prop_assert_eq!(
                &told(&admission, "CREATE", &Value::Null),
                &in_pod,
                "{}",
                kind
            );
            if kind == "Job" {
                continue;
            }
            let mut other = admission.clone();
            other.template["changed"] = json!(true);
            let updated = told(&admission, "UPDATE", &other.object());
            prop_assert_eq!(&updated, &in_pod, "update of a {}", kind);
        }
        Ok(())
    });
}

/// The settings without what goes by the workload: keys that nobody knows are not read, and text is text.
fn of_no_workload(settings: &Value) -> Value {
    let text = settings.to_string();
    let text = text.replace("rollout_percent", "unknown");
    serde_json::from_str(&text.replace("workload:", "text:")).unwrap()
}

/// The answer to an operation.
fn asked(admission: &Admission, operation: &str, old: &Value) -> Answer {
    let request = request(operation, admission.namespace, &admission.object(), old);
    answer(&payload(&request, &admission.settings).unwrap())
}

/// What becomes of a template, and what is told about it; not what is told of the object around it: that the pods of a job do
/// not complete, and that the annotation beside the template has no effect.
fn told(admission: &Admission, operation: &str, old: &Value) -> (Value, Vec<String>, Value) {
    let answer = asked(admission, operation, old);
    let after = after(admission, &answer);
    let mut template = template_of(admission.kind, &after).clone();
    edit(&mut template, journal::remove);
    let fields = json!([template["metadata"], template["spec"], template["future"]]);
    let mut warnings = answer.warnings.unwrap_or_default();
    warnings.retain(|warning| {
        let of_kinds = ["the pod does not complete", "of the object has no effect"];
        // A pod may have it from an earlier pass.
        let of_templates = warning.contains("the pod already has a container ");
        !of_kinds.iter().any(|text| warning.contains(text)) && !of_templates
    });
    (fields, warnings, json!(answer.audit_annotations))
}

#[test]
fn does_nothing_at_all_where_it_is_switched_off() {
    holds(1001, &admissions(), |mut admission| {
        let metadata = &mut admission.template["metadata"];
        prop_assume!(
            metadata.is_object()
                && !metadata["annotations"].is_array()
                && !metadata["annotations"].is_string()
        );
        let annotations = &mut metadata["annotations"];
        prop_assume!(annotations.is_object() || annotations.is_null());
        annotations["admission.datakit/enabled"] = json!("false");
        let answer = answer(&admission.payload());
        prop_assert_eq!(answer.mutated_object, None);
        prop_assert_eq!(answer.audit_annotations, None);
        let others = |warning: &&String| {
            !warning.contains("template is malformed") && !warning.contains("Windows")
        };
        prop_assert_eq!(answer.warnings.iter().flatten().find(others), None);
        Ok(())
    });
}

#[test]
fn starts_no_rollout() {
    holds(1002, &admissions(), |admission| {
        let answer = asked(&admission, "UPDATE", &admission.object());
        prop_assert_eq!(answer.mutated_object, None);
        prop_assert_eq!(answer.warnings, None);
        Ok(())
    });
}

#[test]
fn leaves_templates_alone_that_cannot_be_changed_any_more() {
    let kinds = select(vec!["Pod", "Job"]);
    holds(300, &(admissions(), kinds), |(admission, kind)| {
        let admission = Admission { kind, ..admission };
        let mut old = admission.clone();
        old.template["changed"] = json!(true);
        let answer = asked(&admission, "UPDATE", &old.object());
        prop_assert_eq!(answer.mutated_object, None);
        prop_assert_eq!(answer.warnings, None);
        Ok(())
    });
}
