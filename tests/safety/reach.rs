//! What the generators reach: properties of cases that never come about would hold for nothing.

use std::collections::BTreeMap;

use datakit_operator_policy::features;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

use crate::checker::violations;
use crate::composition::names;
use crate::generators::{Admission, accepted_settings, admissions, any_settings, template_of};
use crate::kept;
use crate::run::{after, answer};
use crate::support::WORKLOADS;

const CASES: usize = 2000;

/// The same values in each run.
fn generated<S: Strategy>(strategy: &S) -> Vec<S::Value> {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(1),
        ..Config::default()
    });
    let mut value = || strategy.new_tree(&mut runner).unwrap().current();
    (0..CASES).map(|_| value()).collect()
}

/// In how many cases something was met.
#[derive(Debug, Default)]
struct Met(BTreeMap<String, usize>);

impl Met {
    fn count(&mut self, what: impl Into<String>, is_met: bool) {
        *self.0.entry(what.into()).or_default() += usize::from(is_met);
    }

    /// Asserts that each of these was met in so many of a thousand cases.
    #[track_caller]
    fn at_least<W: AsRef<str>>(&self, per_mille: usize, what: &[W]) {
        let wanted = per_mille * CASES / 1000;
        let count = |what: &W| self.0.get(what.as_ref()).copied().unwrap_or_default();
        let rare: Vec<(&str, usize)> = what
            .iter()
            .filter(|what| count(what) < wanted)
            .map(|what| (what.as_ref(), count(what)))
            .collect();
        assert!(
            rare.is_empty(),
            "{rare:?} of {CASES} cases, {wanted} are wanted"
        );
    }
}

#[test]
fn the_settings_are_nearly_all_accepted() {
    let accepted = generated(&any_settings())
        .iter()
        .filter(|s| accepted_settings(s))
        .count();
    assert!(accepted * 100 >= 97 * CASES, "{accepted} of {CASES}");
}

#[test]
fn the_cases_are_those_that_matter() {
    let mut met = Met::default();
    for admission in generated(&admissions()) {
        look_at_the_pod(&admission, &mut met);
        look_at_the_settings(&admission, &mut met);
        look_at_the_answer(&admission, &mut met);
    }
    met.at_least(800, &["a pod that Kubernetes takes"]);
    met.at_least(400, &["something injected"]);
    met.at_least(200, &["several features injected"]);
    let is_injected = |feature: &&str| format!("{feature} injected");
    let (otel, others): (Vec<&str>, Vec<&str>) =
        names().into_iter().partition(|name| *name == "otel");
    let all = |names: Vec<&str>| names.iter().map(is_injected).collect::<Vec<_>>();
    met.at_least(100, &all(others));
    // It stands back for what is often in these pods: ddtrace, or a part of an agent.
    met.at_least(40, &all(otel));
    met.at_least(300, &["first model", "second model"]);
    met.at_least(20, &["both models"]);
    met.at_least(60, &WORKLOADS);
    met.at_least(150, &["Pod"]);
    met.at_least(
        300,
        &[
            "fields that nobody knows",
            "volumes with our names",
            "mounts at our paths",
            "our variables",
        ],
    );
    met.at_least(80, &["containers with our names"]);
    met.at_least(
        30,
        &[
            "a variable merged",
            "another name for a volume",
            "block devices",
        ],
    );
    met.at_least(8, &["a variable moved"]);
    met.at_least(
        20,
        &[
            "the node's network",
            "the node's processes",
            "resources of the pod",
        ],
    );
    met.at_least(3, &[TAKEN_PORT]);
    met.at_least(1, &WARNINGS);
}

/// The warning that keeps a pod from being refused for the port of its sidecar.
const TAKEN_PORT: &str = "a container of the pod already uses port ";

/// Every other warning that has to do with what the pod has.
const WARNINGS: [&str; 52] = [
    "the template is malformed at ",
    "is not a boolean and has no effect",
    "has no effect: no rule in the settings applies",
    " decides",
    "is not an image tag",
    "has no image",
    "something else is mounted at",
    "is an optional reference",
    "is a reference and DATAKIT_ORIG_",
    "JDK 8 cuts it off",
    "the configured tags are not merged",
    "nothing injected: every container was left out",
    "it needs shareProcessNamespace, which is false",
    "the pod does not complete",
    "it needs root, and the pod is runAsNonRoot",
    "does not allow its",
    "it is not one of auto, none, baseline, restricted",
    "there is no container `",
    "every container is left alone",
    "it would hide the program of container",
    "it would hide the data of its mount",
    "is read-only; mount an emptyDir there",
    "hides the files of the node there",
    "hides the files of the image of container",
    "has a subPathExpr, so its files are not read",
    "contains a variable, which a mount does not expand",
    "is in a system directory",
    "Fargate",
    "on a virtual node",
    "refers to process 1",
    "ephemeral-storage limits are below 1Gi",
    "another agent is in",
    "names a Service",
    "has no effect; make it an annotation",
    "belongs to another vendor",
    "is mounted already and is not an emptyDir",
    "is another volume, so its files are not read",
    "is not on a volume, so its files are not read",
    "the configured resources are used",
    "the profiler cannot attach to its JVM",
    "the path is directly in `/`",
    "injected without log configuration",
    "the container gets no resources of its own",
    "there are no agents for Windows",
    "the path contains a `:`",
    "the path is not absolute",
    "of the object has no effect",
    "has Datadog's agent in",
    "has a part of an OpenTelemetry agent in",
    "mounts /datadog-lib, Datadog's agent",
    "has another mount of datakit-otel-auto-instrument or at",
    "the volume datakit-otel-auto-instrument is not an emptyDir",
];

fn look_at_the_pod(admission: &Admission, met: &mut Met) {
    met.count(admission.kind, true);
    let object = admission.object();
    met.count(
        "a pod that Kubernetes takes",
        violations(&object).is_empty(),
    );
    let template = &admission.template;
    let text = template.to_string();
    let has = |part: &str| text.contains(part);
    met.count("fields that nobody knows", has("\"future\":"));
    met.count(
        "containers with our names",
        features::ALL
            .iter()
            .filter_map(|feature| feature.adds)
            .any(|added| has(&format!("\"name\":\"{}\"", added.name()))),
    );
    let volumes = template["spec"]["volumes"].to_string();
    met.count(
        "volumes with our names",
        ["\"tmp\"", "\"timezone\"", "\"datakit-", "\"flameshot-"]
            .iter()
            .any(|name| volumes.contains(name)),
    );
    met.count(
        "mounts at our paths",
        [
            "/datadog-lib",
            "/otel-auto-instrumentation-java",
            "/tmp",
            "/etc/localtime",
            "/app/datakit-profiler",
        ]
        .iter()
        .any(|path| has(&format!("\"mountPath\":\"{path}\""))),
    );
    met.count(
        "our variables",
        [
            "JAVA_TOOL_OPTIONS",
            "NODE_OPTIONS",
            "PYTHONPATH",
            "DD_TAGS",
            "POD_NAME",
        ]
        .iter()
        .any(|name| has(&format!("\"name\":\"{name}\""))),
    );
    met.count("block devices", has("\"volumeDevices\":"));
    met.count("the node's network", has("\"hostNetwork\":true"));
    met.count("the node's processes", has("\"hostPID\":true"));
    met.count(
        "resources of the pod",
        template["spec"]["resources"].is_object(),
    );
}

fn look_at_the_settings(admission: &Admission, met: &mut Met) {
    let pasted = admission.settings["jsonconfig"].as_str();
    let settings = match pasted {
        Some(text) => serde_json::from_str(text).unwrap(),
        None => admission.settings.clone(),
    };
    let is_used = |model: &str| settings[model] != json!(null) && settings[model] != json!({});
    let (first, second) = (is_used("admission_inject"), is_used("admission_inject_v2"));
    met.count("first model", first);
    met.count("second model", second);
    met.count("both models", first && second);
}

fn look_at_the_answer(admission: &Admission, met: &mut Met) {
    let answer = answer(&admission.payload());
    let object = admission.object();
    let after = after(admission, &answer);
    met.count("something injected", answer.mutated_object.is_some());
    let injected = answer.audit_annotations.unwrap_or_default();
    met.count("several features injected", injected.len() > 1);
    for feature in injected.keys() {
        met.count(format!("{feature} injected"), true);
    }
    for warning in WARNINGS.into_iter().chain([TAKEN_PORT]) {
        let is_given = answer
            .warnings
            .iter()
            .flatten()
            .any(|given| given.contains(warning));
        met.count(warning, is_given);
    }
    let spec = |object| &template_of(admission.kind, object)["spec"];
    let (before, after) = (spec(&object), spec(&after));
    let list = |spec: &Value, key: &str| spec[key].as_array().cloned().unwrap_or_default();
    let new_volumes = list(after, "volumes").split_off(list(before, "volumes").len());
    let is_other_name = |volume: &Value| {
        let name = volume["name"].as_str().unwrap_or_default();
        name.ends_with("-1") && name != "datakit-logfwd-volume-1" && name != "datakit-logs-volume-1"
    };
    met.count(
        "another name for a volume",
        new_volumes.iter().any(is_other_name),
    );
    let containers = list(before, "containers")
        .into_iter()
        .zip(list(after, "containers"));
    let changes: Vec<kept::EnvChange> = containers
        .filter_map(|(before, after)| kept::env(&before["env"], &after["env"]).ok())
        .collect();
    met.count(
        "a variable merged",
        changes.iter().any(|change| change.merged > 0),
    );
    met.count(
        "a variable moved",
        changes.iter().any(|change| change.shifted),
    );
}
