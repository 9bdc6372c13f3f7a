//! Random walks: what the sequences do, in orders that nobody wrote down.
//!
//! `WALK_SEED` repeats a run, `WALK_STEPS` makes it longer.

use std::borrow::Cow;
use std::sync::Arc;

use datakit_policy_cluster::client::PatchType;
use datakit_policy_cluster::cluster::Cluster;
use datakit_policy_cluster::runner::Runner;
use datakit_policy_cluster::sequence::{Step, Style};
use datakit_policy_cluster::workload::Kind;
use libtest_mimic::{Failed, Trial};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::sequences::{DEFAULT, NEWER, NEWER_RULES, NOTHING, RESTART, RULES, everything};

/// How many walks there are: each has a kind and a style.
const WALKS: u64 = 20;

/// Steps of all walks together, unless `WALK_STEPS` says otherwise.
const STEPS: u64 = 1000;

/// The seed, unless `WALK_SEED` says otherwise.
const SEED: u64 = 20_260_101;

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => default,
    }
}

/// One trial for each walk.
pub fn trials(cluster: Option<&Arc<Cluster>>) -> Vec<Trial> {
    let seed = number("WALK_SEED", SEED);
    let steps = number("WALK_STEPS", STEPS).div_ceil(WALKS);
    (0..WALKS)
        .map(|walk| {
            let style = Style::ALL[usize::try_from(walk % 3).unwrap_or_default()];
            let kind = match walk % 10 {
                7 => Kind::StatefulSet,
                8 => Kind::DaemonSet,
                9 => Kind::CronJob,
                _ => Kind::Deployment,
            };
            let name = format!(
                "{}, {}: {steps} random steps (WALK_SEED={seed}, walk {walk})",
                kind.as_str(),
                style.as_str()
            );
            let cluster = cluster.cloned();
            Trial::test(name, move || {
                let cluster = cluster.ok_or("there is no cluster")?;
                let mut walk = Walk {
                    random: StdRng::seed_from_u64(seed.wrapping_mul(WALKS).wrapping_add(walk)),
                    manifest: everything().into(),
                    sets_ours: walk % 2 == 0,
                };
                walk.run(&cluster, kind, style, steps)
            })
        })
        .collect()
}

struct Walk {
    random: StdRng,
    /// The template that the user's manifest has by now.
    manifest: Value,
    /// Whether commands set variables that the settings have; else manifests are exported.
    sets_ours: bool,
}

impl Walk {
    fn run(
        &mut self,
        cluster: &Cluster,
        kind: Kind,
        style: Style,
        steps: u64,
    ) -> Result<(), Failed> {
        let mut runner = Runner::new(cluster, kind, style, &DEFAULT);
        let mut result = runner.create(&self.manifest);
        let mut taken: Vec<Step> = Vec::new();
        for _ in 0..steps {
            if result.is_err() {
                break;
            }
            let step = self.step(kind);
            taken.push(step.clone());
            result = runner.step(&step);
        }
        let result = result.map_err(|problem| {
            let last: Vec<String> = taken
                .iter()
                .rev()
                .take(4)
                .rev()
                .map(ToString::to_string)
                .collect();
            format!(
                "step {}: {problem}\nthe last steps:\n{}",
                taken.len(),
                last.join("\n")
            )
        });
        runner.finish(result)?;
        Ok(())
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of.choose(&mut self.random)
            .copied()
            .unwrap_or_else(|| panic!("nothing to choose from"))
    }

    fn step(&mut self, kind: Kind) -> Step {
        match self.random.random_range(0..20) {
            0..=8 => {
                for _ in 0..self.random.random_range(0..3) {
                    self.edit();
                }
                Step::Apply(self.manifest.clone())
            }
            9..=11 => Step::Run(self.command(kind)),
            12 => self.patch(),
            13 => Step::Put(self.manifest.clone()),
            // An exported manifest has what we injected, and so has what the next one is merged with: a variable of ours
            // that was set by a command goes with it, as it would without the policy.
            14 if !self.sets_ours => Step::Export,
            15 | 16 => {
                let settings: [&Arc<Value>; 5] = [&DEFAULT, &NEWER, &RULES, &NEWER_RULES, &NOTHING];
                Step::Settings(Arc::clone(self.one(&settings)))
            }
            17 => Step::Journal(self.journal()),
            18 if kind != Kind::CronJob => RESTART,
            _ => {
                self.edit();
                self.keep_annotations();
                Step::ApplyWhileAway(self.manifest.clone())
            }
        }
    }

    /// While the policy is away nothing keeps the journal where the key goes.
    fn keep_annotations(&mut self) {
        let metadata = &mut self.manifest["metadata"];
        if metadata["annotations"].is_null() {
            metadata["annotations"] = json!({"owner": "a"});
        }
    }

    /// A variable that a command sets.
    fn variable(&mut self) -> &'static str {
        match self.sets_ours {
            true => self.one(&VARIABLES),
            false => self.one(&["JAVA_TOOL_OPTIONS", "OWN", "OTHER"]),
        }
    }

    fn command(&mut self, kind: Kind) -> Cow<'static, str> {
        let number = self.random.random_range(1..9);
        match self.random.random_range(0..8) {
            0 => format!("set image @ *=web:{number}").into(),
            1 => format!("set image @ app=web:{number}").into(),
            2 => format!("set env @ ADDED={number}").into(),
            3 => "set env @ ADDED-".into(),
            4 => format!("set env @ {}={number}", self.variable()).into(),
            5 => format!("set env @ {}-", self.variable()).into(),
            6 if matches!(kind, Kind::Deployment | Kind::StatefulSet) => {
                "scale @ --replicas=0".into()
            }
            _ => format!("set resources @ --limits=cpu={number}").into(),
        }
    }

    fn patch(&mut self) -> Step {
        let number = self.random.random_range(1..9).to_string();
        let container = |fields: Value| {
            let mut container = fields;
            container["name"] = json!("app");
            json!({"spec": {"containers": [container]}})
        };
        match self.random.random_range(0..4) {
            0 => {
                let patch = container(json!({"image": format!("web:{number}")}));
                Step::Patch(PatchType::Strategic, patch)
            }
            1 => {
                // A patch puts what is new in front, and what we injected already stays where it is.
                let name = self.one(&["OWN", "OTHER"]);
                let patch =
                    container(json!({"env": [{"name": name, "value": number, "valueFrom": null}]}));
                Step::Patch(PatchType::Strategic, patch)
            }
            2 => {
                let patch = json!({"metadata": {"annotations": {"owner": number}}});
                Step::Patch(PatchType::Merge, patch)
            }
            _ => {
                let image = json!(format!("web:{number}"));
                let patch =
                    json!([{"op": "replace", "path": "/spec/containers/0/image", "value": image}]);
                Step::Patch(PatchType::Json, patch)
            }
        }
    }

    fn journal(&mut self) -> Option<String> {
        match self.random.random_range(0..3) {
            0 => Some("nonsense".to_owned()),
            1 => Some("{}".to_owned()),
            _ => None,
        }
    }

    /// Changes the manifest in one place.
    fn edit(&mut self) {
        match self.random.random_range(0..10) {
            0 => {
                let number = self.random.random_range(1..9);
                self.container()["image"] = json!(format!("web:{number}"));
            }
            1..=3 => self.edit_variable(),
            4 => {
                let mut random = StdRng::from_rng(&mut self.random);
                if let Some(env) = self.container()["env"].as_array_mut() {
                    env.shuffle(&mut random);
                }
            }
            5 | 6 => self.edit_annotation(),
            7 if self.worker_mounts() => {}
            7 => self.toggle("containers", json!({"name": "worker", "image": "web:1"})),
            8 => self.toggle("initContainers", json!({"name": "setup", "image": "web:1"})),
            _ => self.edit_volume(),
        }
    }

    /// Any of the manifest's containers.
    fn container(&mut self) -> &mut Value {
        let containers = self.manifest["spec"]["containers"].as_array_mut();
        let containers = containers.unwrap_or_else(|| panic!("the manifest has no containers"));
        let place = self.random.random_range(0..containers.len());
        &mut containers[place]
    }

    /// A volume of our name that nobody mounts any more would be mounted by our mount of it.
    fn worker_mounts(&self) -> bool {
        self.manifest
            .pointer("/spec/containers/1/volumeMounts/0")
            .is_some()
    }

    fn edit_variable(&mut self) {
        let name = self.one(&VARIABLES);
        let number = self.random.random_range(0..9);
        let entry = match number {
            0..=2 => None,
            3 | 4 => Some(
                json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": "map", "key": "key"}}}),
            ),
            5 => Some(
                json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}),
            ),
            _ => Some(json!({"name": name, "value": format!("own{number}")})),
        };
        let env = &mut self.container()["env"];
        if env.is_null() {
            *env = json!([]);
        }
        let Some(env) = env.as_array_mut() else {
            return;
        };
        let place = env.iter().position(|entry| entry["name"] == name);
        match (place, entry) {
            (Some(place), Some(entry)) => env[place] = entry,
            (Some(place), None) => {
                env.remove(place);
            }
            (None, Some(entry)) => env.push(entry),
            (None, None) => {}
        }
    }

    fn edit_annotation(&mut self) {
        let (key, values) = self.one(&[
            &("admission.datakit/java-lib.version", ["", "v1", "v2"]),
            &("admission.datakit/python-lib.version", ["", "v1", "v2"]),
            &("admission.datakit/java-profiler.version", ["", "v1", "v2"]),
            &("admission.datakit/enabled", ["true", "false", "no"]),
            &("admission.datakit/ddtrace.enabled", ["true", "false", "no"]),
            &(
                "admission.datakit/logfwd.instances",
                [LOGS, OTHER_LOGS, "[]"],
            ),
            &("owner", ["a", "b", "c"]),
        ]);
        let value = self.random.random_range(0..5);
        let metadata = &mut self.manifest["metadata"];
        let Some(annotations) = metadata["annotations"].as_object_mut() else {
            metadata["annotations"] = json!({*key: values[0]});
            return;
        };
        match values.get(value) {
            Some(value) => {
                annotations.insert((*key).to_owned(), json!(value));
            }
            None if value == 3 => {
                annotations.shift_remove(*key);
            }
            None => {
                if let Some(metadata) = metadata.as_object_mut() {
                    metadata.shift_remove("annotations");
                }
            }
        }
    }

    fn edit_volume(&mut self) {
        let name = self.one(&[
            "data",
            "tmp",
            "timezone",
            "datakit-auto-instrument",
            "datakit-logfwd-volume-0",
        ]);
        let path = self.one(&[
            "/data/log",
            "/tmp",
            "/mine",
            "/datadog-lib",
            "/var/lib/data",
        ]);
        // An emptyDir by a name of ours equals ours.
        let source = match name {
            "data" | "timezone" => self.one(&["persistentVolumeClaim", "emptyDir"]),
            _ => "persistentVolumeClaim",
        };
        let source_value = match source {
            "emptyDir" => json!({}),
            _ => json!({"claimName": "data"}),
        };
        let is_there = self.manifest["spec"]["volumes"]
            .as_array()
            .is_some_and(|volumes| volumes.iter().any(|volume| volume["name"] == name));
        if is_there {
            let containers = self.manifest["spec"]["containers"].as_array_mut();
            for container in containers.into_iter().flatten() {
                if let Some(mounts) = container["volumeMounts"].as_array_mut() {
                    mounts.retain(|mount| mount["name"] != name);
                }
            }
        } else {
            let mounts = &mut self.container()["volumeMounts"];
            if mounts.is_null() {
                *mounts = json!([]);
            }
            if let Some(mounts) = mounts.as_array_mut() {
                mounts.retain(|mount| mount["mountPath"] != path);
                mounts.push(json!({"name": name, "mountPath": path}));
            }
        }
        self.toggle("volumes", json!({"name": name, source: source_value}));
    }

    /// Adds the entry to a list of the pod, or removes the one that has its name.
    fn toggle(&mut self, list: &str, entry: Value) {
        let list = &mut self.manifest["spec"][list];
        if list.is_null() {
            *list = json!([]);
        }
        let Some(entries) = list.as_array_mut() else {
            return;
        };
        match entries
            .iter()
            .position(|other| other["name"] == entry["name"])
        {
            Some(place) => {
                entries.remove(place);
            }
            None => entries.push(entry),
        }
    }
}

/// Variables that agents extend or settings have, and one that is nobody's.
const VARIABLES: [&str; 8] = [
    "JAVA_TOOL_OPTIONS",
    "PYTHONPATH",
    "DD_TAGS",
    "DD_SERVICE",
    "DD_AGENT_HOST",
    "POD_NAME",
    "OWN",
    "OTHER",
];

const LOGS: &str = r#"[{"datakit_addr":"datakit:9533","loggings":[{"logfiles":["/data/log/*.log"],"source":"a"}]}]"#;
const OTHER_LOGS: &str = r#"[{"datakit_addr":"datakit:9533","loggings":[{"logfiles":["/data/out/*.log"],"source":"b"}]}]"#;
