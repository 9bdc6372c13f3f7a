//! A pod that meets a level of the Pod Security Standards meets it after the injection.

use datakit_operator_policy::json::Object;
use datakit_operator_policy::standards::{Level, Pod};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::generators::{Admission, admissions};
use crate::run::{holds, injected};

/// Who says what the pod is held to.
#[derive(Clone, Copy, Debug)]
enum Said {
    /// Nobody: the pod meets it.
    ByThePod,
    ByAnnotation,
}

/// Where the fields stand by which a pod meets "restricted".
#[derive(Clone, Copy, Debug)]
enum Met {
    ByThePod,
    ByEachContainer,
}

#[test]
fn a_pod_that_meets_a_level_meets_it_after() {
    let said = prop_oneof![Just(Said::ByThePod), Just(Said::ByAnnotation)];
    let met = prop_oneof![Just(Met::ByThePod), Just(Met::ByEachContainer)];
    let user = proptest::option::of(0..3_u64);
    let cases = (admissions(), said, met, user, any::<bool>());
    holds(
        1500,
        &cases,
        |(mut admission, said, met, user, is_baseline)| {
            let level = match said {
                Said::ByAnnotation if is_baseline => Level::Baseline,
                _ => Level::Restricted,
            };
            prepare(&mut admission, level, said, met, user);
            prop_assume!(falls_short(&admission.template, level).is_none());
            prop_assert_eq!(falls_short(&injected(&admission), level), None);
            Ok(())
        },
    );
}

/// Makes a pod that often meets the level, and settings that leave the decision to the pod.
fn prepare(admission: &mut Admission, level: Level, said: Said, met: Met, user: Option<u64>) {
    let pasted = admission.settings["jsonconfig"].as_str();
    if let Some(mut pasted) = pasted.map(|text| serde_json::from_str::<Value>(text).unwrap()) {
        pasted.as_object_mut().unwrap().remove("policy");
        admission.settings["jsonconfig"] = json!(pasted.to_string());
    }
    if let Some(settings) = admission.settings.as_object_mut() {
        settings.remove("policy");
    }
    let metadata = &mut admission.template["metadata"];
    if metadata["annotations"].is_object() {
        let says = match said {
            Said::ByThePod => json!("auto"),
            Said::ByAnnotation => json!(level.name()),
        };
        metadata["annotations"]["admission.datakit/pod-security"] = says;
    }
    let Some(spec) = admission.template["spec"].as_object_mut() else {
        return;
    };
    for key in ["hostPID", "hostNetwork"] {
        spec.remove(key);
    }
    for volume in items(spec.get_mut("volumes")) {
        if let Some(volume) = volume.as_object_mut()
            && volume.remove("hostPath").is_some()
        {
            volume.insert("emptyDir".to_owned(), json!({}));
        }
    }
    let own = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let mut shared = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    if let Some(user) = user {
        shared["runAsUser"] = json!(user);
    }
    for list in ["containers", "initContainers"] {
        for container in items(spec.get_mut(list)).filter(|own| own.is_object()) {
            container["securityContext"] = match met {
                Met::ByThePod => own.clone(),
                Met::ByEachContainer => merged(&own, &shared),
            };
        }
    }
    match met {
        Met::ByThePod => spec.insert("securityContext".to_owned(), shared),
        Met::ByEachContainer => spec.remove("securityContext"),
    };
}

fn items(list: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    list.and_then(Value::as_array_mut).into_iter().flatten()
}

fn merged(one: &Value, other: &Value) -> Value {
    let mut all = one.clone();
    for (key, value) in other.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}

fn falls_short(template: &Value, level: Level) -> Option<String> {
    let object = |value: &Value| value.as_object().map(Object::from);
    let annotations = object(&template["metadata"]["annotations"]);
    let pod = Pod {
        annotations: annotations.as_ref(),
        spec: &object(&template["spec"])?,
    };
    pod.falls_short_of(level)
}
