//! Injection follows the manifest: what the journal of a template promises, tried on thousands of
//! them. What API servers make of a manifest that is applied over an injected template is recorded in
//! `tests/sequences`; here it is imitated: values go back to the user's, lists change their order, the
//! journal gets lost or comes from elsewhere.

use std::collections::BTreeSet;

use datakit_operator_policy::features;
use datakit_operator_policy::json::{self, edit};
use datakit_operator_policy::template::journal::{self, ANNOTATION, Journal};
use datakit_policy_host::policy::{Answer, payload};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::checker::violations;
use crate::generators::{Admission, admissions, object, template_of};
use crate::run::{answer, holds, injected};
use crate::support::{create, request};

/// Kinds that are applied over what they are; a job only puts its old template back.
const APPLIED: [&str; 3] = ["Deployment", "StatefulSet", "CronJob"];

/// A workload that Kubernetes takes, into which something is injected, and its template then.
fn injections() -> impl Strategy<Value = (Admission, Value)> {
    let kinds = select(&APPLIED[..]);
    (admissions(), kinds)
        .prop_map(|(admission, kind)| Admission { kind, ..admission })
        .prop_filter("Kubernetes refuses it", |admission| {
            violations(&admission.object()).is_empty()
                && !has_duplicates(&admission.template)
                && !has_names_of_ours(&admission.template)
        })
        .prop_map(|admission| {
            let injected = injected(&admission);
            (admission, injected)
        })
        .prop_filter("nothing is injected", |(_, injected)| {
            journal_text(injected).is_some()
        })
}

/// Names that are there twice in `env`: Kubernetes takes them, but a merge knows only one of them.
fn has_duplicates(template: &Value) -> bool {
    let containers = template["spec"]["containers"].as_array();
    containers.into_iter().flatten().any(|container| {
        let env = container["env"].as_array();
        let names: Vec<&Value> = env
            .into_iter()
            .flatten()
            .map(|entry| &entry["name"])
            .collect();
        names
            .iter()
            .enumerate()
            .any(|(place, name)| names[..place].contains(name))
    })
}

/// Containers of the user that have names of ours: a journal of another template can take them away.
fn has_names_of_ours(template: &Value) -> bool {
    let lists = ["initContainers", "containers"].map(|list| template["spec"][list].as_array());
    let mut containers = lists.into_iter().flatten().flatten();
    containers.any(|container| {
        container["name"]
            .as_str()
            .is_some_and(features::adds_container)
    })
}

fn journal_text(template: &Value) -> Option<&str> {
    template["metadata"]["annotations"][ANNOTATION].as_str()
}

fn journal_of(template: &Value) -> Journal {
    features::journal(journal_text(template).unwrap()).unwrap()
}

/// Without what an API server leaves out: what is empty or null, but for sources of volumes.
fn stored(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), stored(value)))
            .filter(|(key, value)| match value {
                Value::Null => false,
                Value::String(text) => key != "value" || !text.is_empty(),
                Value::Array(list) => !list.is_empty(),
                Value::Object(object) => key == "emptyDir" || !object.is_empty(),
                _ => true,
            })
            .collect(),
        Value::Array(list) => list.iter().map(stored).collect(),
        other => other.clone(),
    }
}

fn without_journal(template: &Value) -> Value {
    let mut template = template.clone();
    edit(&mut template, journal::remove);
    stored(&template)
}

/// The answer to an update of the template `old` by `new`.
fn updated(admission: &Admission, old: &Value, new: &Value) -> Answer {
    let (old, new) = (object(admission.kind, old), object(admission.kind, new));
    let request = request("UPDATE", admission.namespace, &new, &old);
    answer(&payload(&request, &admission.settings).unwrap())
}

/// The template after an update.
fn after(admission: &Admission, old: &Value, new: &Value) -> Value {
    match updated(admission, old, new).mutated_object {
        Some(object) => template_of(admission.kind, &object).clone(),
        None => new.clone(),
    }
}

#[test]
fn takes_an_injection_back_to_the_users_part() {
    holds(500, &injections(), |(admission, mut injected)| {
        let journal = journal_of(&injected);
        let taken = edit(&mut injected, |part| journal::take_apart(part, &journal));
        prop_assert!(taken.whole && taken.altered.is_empty(), "{:?}", taken);
        prop_assert_eq!(stored(&injected), stored(&admission.template));
        Ok(())
    });
}

#[test]
fn holds_no_value_of_the_user_in_a_journal() {
    holds(300, &injections(), |(admission, injected)| {
        let text = journal_text(&injected).unwrap();
        let mut own = BTreeSet::new();
        values(&admission.template["spec"], &mut own);
        let of_the_settings = admission.settings.to_string();
        for value in own {
            // What is short is a part of any text, and what the settings say is the policy's.
            let is_ours = of_the_settings.contains(&value)
                || value.contains("/datadog-lib")
                || value.contains("/otel-auto-instrumentation");
            if value.len() > 6 && text.contains(&value) && !is_ours {
                let is_a_name = names(&admission.template).contains(&value);
                prop_assert!(is_a_name, "{} is in {}", value, text);
            }
        }
        Ok(())
    });
}

/// The values of variables, commands and arguments.
fn values(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(text) if key == "value" => {
                        all.insert(text.clone());
                    }
                    value => values(value, all),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| values(value, all)),
        _ => {}
    }
}

/// Names of containers and variables, and paths.
fn names(value: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(text) if key == "name" || key == "mountPath" => {
                        all.insert(text.clone());
                    }
                    value => all.extend(names(value)),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| all.extend(names(value))),
        _ => {}
    }
    all
}

/// What a merge of the same manifest may make of an injected template.
#[derive(Clone, Debug)]
enum Merge {
    /// Extended and renamed variables have the user's value or source again.
    SetBack,
    /// Nothing of it is left.
    Replaced,
    WithoutJournal,
    ForeignJournal(&'static str),
    Reordered,
    /// Somebody changed what is ours.
    ContainersOfOurs,
}

fn merges() -> impl Strategy<Value = Merge> {
    let foreign = vec![
        "",
        "{",
        "{\"v\":1}",
        "{\"v\":2}",
        "{\"v\":1,\"containers\":{\"datakit-profiler\":\"00000000\"}}",
    ];
    prop_oneof![
        4 => Just(Merge::SetBack),
        1 => Just(Merge::Replaced),
        1 => Just(Merge::WithoutJournal),
        2 => select(foreign).prop_map(Merge::ForeignJournal),
        1 => Just(Merge::Reordered),
        1 => Just(Merge::ContainersOfOurs),
    ]
}

impl Merge {
    fn of(&self, own: &Value, injected: &Value) -> Value {
        let mut merged = injected.clone();
        match self {
            Self::SetBack => set_back(own, &mut merged),
            Self::Replaced => merged = own.clone(),
            Self::WithoutJournal => {
                let annotations = &mut merged["metadata"]["annotations"];
                annotations.as_object_mut().unwrap().remove(ANNOTATION);
            }
            Self::ForeignJournal(text) => {
                merged["metadata"]["annotations"][ANNOTATION] = json!(text);
            }
            Self::Reordered => {
                for pointer in ["/spec/volumes", "/spec/containers/0/volumeMounts"] {
                    let list = merged.pointer_mut(pointer).and_then(Value::as_array_mut);
                    list.into_iter().for_each(|list| list.reverse());
                }
            }
            Self::ContainersOfOurs => {
                for pointer in ["/spec/initContainers", "/spec/containers"] {
                    let list = merged.pointer_mut(pointer).and_then(Value::as_array_mut);
                    for container in list.into_iter().flatten() {
                        if container["name"]
                            .as_str()
                            .is_some_and(features::adds_container)
                            && !own["spec"]
                                .to_string()
                                .contains(container["name"].as_str().unwrap())
                        {
                            container["image"] = json!("web:2");
                        }
                    }
                }
            }
        }
        merged
    }
}

/// Sets each variable that the manifest has to what it has there, field by field, in the order that
/// the manifest has.
fn set_back(own: &Value, merged: &mut Value) {
    let own = own["spec"]["containers"].as_array().unwrap();
    let merged = merged["spec"]["containers"].as_array_mut().unwrap();
    for (own, merged) in own.iter().zip(merged) {
        let env = merged.get_mut("env").and_then(Value::as_array_mut);
        let (Some(own), Some(env)) = (own["env"].as_array(), env) else {
            continue;
        };
        for entry in own {
            let live = env
                .iter_mut()
                .find(|live| live["name"] == entry["name"])
                .unwrap();
            for (key, value) in entry.as_object().unwrap() {
                live[key] = value.clone();
            }
        }
        let is_own = |entry: &Value| own.iter().position(|own| own["name"] == entry["name"]);
        let mut sorted: Vec<Value> = env
            .iter()
            .filter(|entry| is_own(entry).is_some())
            .cloned()
            .collect();
        sorted.sort_by_key(|entry| is_own(entry));
        let mut sorted = sorted.into_iter();
        for entry in env.iter_mut().filter(|entry| is_own(entry).is_some()) {
            *entry = sorted.next().unwrap();
        }
    }
}

#[test]
fn starts_no_rollout_where_the_users_part_does_not_change() {
    let cases = (injections(), merges());
    holds(500, &cases, |((admission, injected), merge)| {
        let merged = merge.of(&stored(&admission.template), &stored(&injected));
        // Whatever the settings are by now.
        let admission = Admission {
            settings: json!({}),
            ..admission
        };
        let after = after(&admission, &stored(&injected), &merged);
        prop_assert_eq!(after, stored(&injected));
        Ok(())
    });
}

/// What a user changes in a manifest.
fn change(template: &mut Value, what: &Index) {
    let containers = template["spec"]["containers"].as_array_mut().unwrap();
    match what.index(4) {
        0 => containers[0]["image"] = json!("app:2"),
        1 => template["metadata"]["annotations"]["example.com/new"] = json!("1"),
        2 => containers.insert(0, json!({"name": "newcomer", "image": "new:1"})),
        _ => template["metadata"]["labels"]["new"] = json!("1"),
    }
}

#[test]
fn gives_what_the_changed_manifest_gives_anew() {
    let cases = (injections(), merges(), any::<Index>());
    holds(500, &cases, |((admission, injected), merge, what)| {
        let mut own = stored(&admission.template);
        let mut merged = merge.of(&own, &stored(&injected));
        // Of several mounts of the user the first counts, where one of them can be shared.
        prop_assume!(!matches!(merge, Merge::Reordered));
        prop_assume!(own["metadata"].is_object() && !own["metadata"]["annotations"].is_null());
        change(&mut own, &what);
        change(&mut merged, &what);
        let after = after(&admission, &stored(&injected), &merged);
        let anew = Admission {
            template: own,
            ..admission.clone()
        };
        let anew = self::injected(&anew);
        let (after, anew) = (without_journal(&after), without_journal(&anew));
        prop_assert!(
            journal::same_part(&json::Value::from(&after), &json::Value::from(&anew)),
            "{}",
            json_patch::diff(&anew, &after)
        );
        Ok(())
    });
}

#[test]
fn leaves_no_trace_where_everything_is_switched_off() {
    holds(300, &injections(), |(admission, injected)| {
        let mut own = stored(&admission.template);
        let mut switched = stored(&injected);
        for template in [&mut own, &mut switched] {
            template["metadata"]["annotations"]["admission.datakit/enabled"] = json!("false");
        }
        let after = after(&admission, &stored(&injected), &switched);
        prop_assert_eq!(stored(&after), own);
        Ok(())
    });
}

#[test]
fn keeps_a_template_that_comes_back_with_its_own_journal() {
    holds(300, &injections(), |(admission, injected)| {
        let old = json!({
            "metadata": {"annotations": {"example.com/revision": "2"}},
            "spec": {"containers": [{"name": "other", "image": "app:2"}]}
        });
        let answer = updated(&admission, &old, &stored(&injected));
        prop_assert_eq!(answer.mutated_object, None);
        prop_assert_eq!(answer.audit_annotations, None);
        Ok(())
    });
}

#[test]
fn a_job_only_gets_its_old_template_back() {
    let cases = (injections(), merges(), any::<Index>());
    holds(200, &cases, |((admission, injected), merge, what)| {
        let admission = Admission {
            kind: "Job",
            ..admission
        };
        let old = stored(&injected);
        let mut merged = merge.of(&stored(&admission.template), &old);
        prop_assert_eq!(&after(&admission, &old, &merged), &old);
        prop_assume!(merged["metadata"]["annotations"].is_object());
        change(&mut merged, &what);
        prop_assert_eq!(updated(&admission, &old, &merged).mutated_object, None);
        Ok(())
    });
}

/// Journals that somebody wrote by hand: of another template, cut, or with another name in them.
fn forged(injected: &Value, other: &Value, cut: &Index, kind: u8) -> String {
    let own = journal_text(injected).unwrap();
    match kind {
        0 => journal_text(other).unwrap().to_owned(),
        1 => own.chars().take(cut.index(own.len())).collect(),
        2 => own.replace("datakit-auto-instrument", "data"),
        3 => own.replace("\"v\":1", "\"v\":9"),
        _ => own.replace("\"behind\":\"", "\"behind\":\"x"),
    }
}

#[test]
fn writes_no_value_of_a_journal_that_is_forged() {
    let cases = (injections(), injections(), any::<Index>(), 0..5u8);
    holds(
        1500,
        &cases,
        |((admission, injected), (_, other), cut, kind)| {
            let mut template = stored(&injected);
            template["metadata"]["annotations"][ANNOTATION] =
                json!(forged(&injected, &other, &cut, kind));
            let request = create(admission.namespace, &object(admission.kind, &template));
            let answer = answer(&payload(&request, &json!({})).unwrap());
            prop_assert!(answer.accepted);
            let after = answer
                .mutated_object
                .unwrap_or_else(|| request["object"].clone());
            let part = template_of(admission.kind, &after);
            prop_assert!(is_within(part, &template), "{:#} of {:#}", part, template);
            Ok(())
        },
    );
}

/// Whether everything in `part` is in `whole`, at the same place or further on; texts may be shorter.
fn is_within(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|whole| is_within(value, whole))),
        (Value::Array(part), Value::Array(whole)) => part
            .iter()
            .all(|item| whole.iter().any(|whole| is_within(item, whole))),
        (Value::String(part), Value::String(whole)) => whole.contains(part.as_str()),
        (part, whole) => part == whole,
    }
}
