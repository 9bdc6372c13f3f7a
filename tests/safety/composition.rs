//! Features do not disturb each other: any of them together add what each adds alone, where they do
//! not meet, that is, want no volume of one name and no mount at one path.

use std::collections::{BTreeMap, BTreeSet};

use datakit_operator_policy::features;
use datakit_operator_policy::template::SAFE_TO_EVICT;
use datakit_operator_policy::template::journal::ANNOTATION;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Map, Value, json};

use crate::generators::{Admission, admissions};
use crate::run::{holds, injected};

/// In the order in which they run.
pub fn names() -> Vec<&'static str> {
    features::ALL.iter().map(|feature| feature.name).collect()
}

/// The admission with all other features switched off; those that have no annotation, by the settings.
fn only(admission: &Admission, wanted: &[&str]) -> Admission {
    let mut admission = admission.clone();
    for feature in features::ALL {
        if wanted.contains(&feature.name) {
            continue;
        }
        match feature.switch {
            Some(switch) => {
                let switch = format!("{}{switch}", features::PREFIX);
                admission.template["metadata"]["annotations"][switch] = json!("false");
            }
            None => {
                let (section, list) = feature.place.list.split_once('.').unwrap();
                let section = admission.settings.get_mut(section);
                if let Some(section) = section.and_then(Value::as_object_mut) {
                    section.remove(list);
                }
            }
        }
    }
    admission
}

/// What was added to a template.
#[derive(Debug, Default, PartialEq)]
struct Added {
    annotations: Map<String, Value>,
    shares_processes: bool,
    volumes: Vec<Value>,
    init_containers: Vec<Value>,
    /// Without their mounts, which later features give them more of.
    sidecars: Vec<Value>,
    /// The mounts of each sidecar by its name.
    sidecar_mounts: BTreeMap<String, Vec<Value>>,
    /// Of each container of the pod.
    mounts: Vec<Vec<Value>>,
    /// The variables of each container of the pod, if they changed.
    env: Vec<Option<Value>>,
}

impl Added {
    fn between(before: &Value, after: &Value) -> Self {
        let list = |template: &Value, key: &str| -> Vec<Value> {
            template["spec"][key]
                .as_array()
                .cloned()
                .unwrap_or_default()
        };
        let new = |key: &str| list(after, key).split_off(list(before, key).len());
        let own = list(before, "containers");
        let containers = || own.iter().zip(list(after, "containers"));
        let mut sidecars = new("containers");
        let mut sidecar_mounts = BTreeMap::new();
        for sidecar in &mut sidecars {
            let name = sidecar["name"].as_str().unwrap().to_owned();
            sidecar_mounts.insert(name, mounts_of(sidecar));
            sidecar["volumeMounts"] = Value::Null;
        }
        let had = &before["metadata"]["annotations"];
        let annotations = after["metadata"]["annotations"].as_object();
        Self {
            annotations: annotations
                .into_iter()
                .flatten()
                .filter(|(key, _)| had.get(key).is_none())
                .filter(|(key, _)| ![ANNOTATION, SAFE_TO_EVICT].contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            shares_processes: before["spec"]["shareProcessNamespace"]
                != after["spec"]["shareProcessNamespace"],
            volumes: new("volumes"),
            init_containers: new("initContainers"),
            sidecars,
            sidecar_mounts,
            mounts: containers()
                .map(|(before, after)| mounts_of(&after).split_off(mounts_of(before).len()))
                .collect(),
            env: containers()
                .map(|(before, after)| {
                    (before["env"] != after["env"]).then(|| after["env"].clone())
                })
                .collect(),
        }
    }

    /// The names of volumes and the paths of mounts that were added.
    fn places(&self) -> BTreeSet<String> {
        let sidecars = self.sidecar_mounts.values().flatten();
        let mounts = self.mounts.iter().flatten().chain(sidecars);
        let paths = mounts.map(|mount| &mount["mountPath"]);
        let names = self.volumes.iter().map(|volume| &volume["name"]);
        names
            .chain(paths)
            .map(|text| text.as_str().unwrap().trim_end_matches('/').to_owned())
            .collect()
    }

    /// Forgets what features gave to the sidecars of those before them: mounts, and the volumes that
    /// nobody else mounts.
    fn leave_to_sidecars_what_they_have_in(&mut self, expected: &Self) {
        for (name, mounts) in &mut self.sidecar_mounts {
            let own = expected.sidecar_mounts.get(name).map_or(0, Vec::len);
            mounts.truncate(own);
        }
        let sidecars = self.sidecar_mounts.values().flatten();
        let init_mounts = self.init_containers.iter().flat_map(mounts_of);
        let mounts = self
            .mounts
            .iter()
            .flatten()
            .chain(sidecars)
            .cloned()
            .chain(init_mounts);
        let mounted: Vec<Value> = mounts.map(|mount| mount["name"].clone()).collect();
        self.volumes
            .retain(|volume| mounted.contains(&volume["name"]));
    }

    /// Adds what another feature adds, behind what is there.
    fn and(mut self, other: Self) -> Self {
        self.annotations.extend(other.annotations);
        self.shares_processes |= other.shares_processes;
        self.volumes.extend(other.volumes);
        self.init_containers.extend(other.init_containers);
        self.sidecars.extend(other.sidecars);
        self.sidecar_mounts.extend(other.sidecar_mounts);
        let grow = other.mounts.len().max(self.mounts.len());
        self.mounts.resize(grow, Vec::new());
        for (mounts, more) in self.mounts.iter_mut().zip(other.mounts) {
            mounts.extend(more);
        }
        self.env.resize(grow, None);
        for (env, other) in self.env.iter_mut().zip(other.env) {
            *env = env.take().or(other);
        }
        self
    }
}

fn mounts_of(container: &Value) -> Vec<Value> {
    let mounts = container["volumeMounts"].as_array();
    mounts.cloned().unwrap_or_default()
}

/// Paths that more than one feature can want, and not get where something else is mounted there.
const SHARED_PATHS: [&str; 9] = [
    "/datadog-lib",
    "/data/x",
    "/etc/podinfo",
    "/flames",
    "/logs",
    "/srv",
    "/tmp",
    "/tmp/opt",
    "/var/log",
];

/// The paths that a feature may want by its settings and annotations, with some that it does not.
fn wanted(feature: &str, admission: &Admission) -> BTreeSet<String> {
    let settings = &admission.settings;
    let texts = match feature {
        "logfwd" => vec![
            &settings["admission_inject_v2"]["logfwds"],
            &admission.template["metadata"]["annotations"]["admission.datakit/logfwd.instances"],
        ],
        "flameshot" => vec![&settings["admission_inject_v2"]["flameshots"]],
        "logging" => vec![&settings["admission_mutate"]],
        _ => Vec::new(),
    };
    let text: String = texts.into_iter().map(Value::to_string).collect();
    let text = text.replace("//", "/");
    let named = SHARED_PATHS.iter().filter(|path| text.contains(**path));
    named.map(|path| (*path).to_owned()).collect()
}

#[test]
fn adds_of_features_together_what_each_adds_alone() {
    let features = subsequence(names(), 2..=features::ALL.len());
    holds(800, &(admissions(), features), |(admission, features)| {
        // Where they cannot be switched off one by one.
        let annotations = admission.template["metadata"]["annotations"].as_object();
        prop_assume!(annotations.is_some_and(|own| own.values().all(Value::is_string)));
        prop_assume!(admission.settings.get("jsonconfig").is_none());
        // Of these two at most one is for a pod.
        prop_assume!(!(features.contains(&"ddtrace") && features.contains(&"otel")));
        let run = |features: &[&str]| {
            let admission = only(&admission, features);
            Added::between(&admission.template, &injected(&admission))
        };
        let mut places = BTreeSet::new();
        let mut singles = Vec::new();
        for feature in &features {
            let added = run(&[feature]);
            let mut own = added.places();
            own.extend(wanted(feature, &admission));
            prop_assume!(own.iter().all(|place| places.insert(place.clone())));
            singles.push(added);
        }
        let mut together = run(&features);
        let mut expected = singles.into_iter().fold(Added::default(), Added::and);
        expected.mounts.resize(together.mounts.len(), Vec::new());
        expected.env.resize(together.env.len(), None);
        together.leave_to_sidecars_what_they_have_in(&expected);
        prop_assert_eq!(together, expected);
        Ok(())
    });
}
