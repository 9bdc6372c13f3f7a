//! What becomes of objects that are made to cost much.

use std::fmt::Write;

use datakit_policy_host::policy::{Answer, payload};
use serde_json::{Value, json};

use super::inputs::log_files_of;
use super::{NO_ROOM, answer, ordinary, payload_of};
use crate::parts::{container, empty_dir, mount, variable};
use crate::support::create;

fn injected(pod: &Value) -> Answer {
    answer(&payload_of(pod))
}

/// A pod with containers `c0`, `c1`, …
fn with_containers(count: usize) -> Value {
    let containers: Vec<Value> = (0..count)
        .map(|number| container(&format!("c{number}"), &[]))
        .collect();
    let mut pod = ordinary();
    pod["spec"]["containers"] = json!(containers);
    pod
}

fn with_instances(mut pod: Value, instances: &str) -> Value {
    pod["metadata"]["annotations"]["admission.datakit/logfwd.instances"] = json!(instances);
    pod
}

fn mounts_of(container: &Value) -> Vec<&str> {
    let mounts = container["volumeMounts"].as_array().unwrap();
    mounts
        .iter()
        .map(|mount| mount["mountPath"].as_str().unwrap())
        .collect()
}

#[test]
fn carries_an_annotation_of_a_megabyte() {
    let mut pod = ordinary();
    pod["metadata"]["annotations"]["note"] = json!("x".repeat(1 << 20));
    let mutated = injected(&pod).mutated_object.unwrap();
    assert_eq!(
        mutated["metadata"]["annotations"]["note"],
        pod["metadata"]["annotations"]["note"]
    );

    let text = "x".repeat(1 << 20);
    for name in [
        "java-lib.version",
        "enabled",
        "logfwd.instances",
        "java-profiler.version",
    ] {
        pod["metadata"]["annotations"] = json!({(format!("admission.datakit/{name}")): text});
        let answer = injected(&pod);
        assert!(answer.warnings.is_some(), "{name}");
        assert!(answer.mutated_object.is_some(), "{name}");
    }
    let answer = injected(&with_instances(
        ordinary(),
        &json!([{"loggings": [{"tags": {(text): 1}}]}]).to_string(),
    ));
    let warnings = answer.warnings.unwrap();
    assert_eq!(warnings.len(), 2);
    assert_eq!(warnings[1], NO_ROOM);
}

#[test]
fn injects_into_a_thousand_containers_and_leaves_more_alone() {
    let answer = injected(&with_containers(1000));
    assert_eq!(answer.warnings, None);
    let mutated = answer.mutated_object.unwrap();
    let containers = mutated["spec"]["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1003);
    for container in &containers[..1000] {
        assert_eq!(
            mounts_of(container),
            [
                "/datadog-lib",
                "/flames",
                "/app/datakit-profiler",
                "/tmp",
                "/etc/localtime"
            ]
        );
    }

    let answer = injected(&with_containers(1001));
    assert_eq!(answer.mutated_object, None);
    assert_eq!(
        answer.warnings.unwrap(),
        ["datakit policy: nothing injected: there are more than 1000 containers"]
    );
}

#[test]
fn leaves_out_log_directories_that_would_make_the_pod_too_large() {
    let pod = with_instances(
        with_containers(400),
        &log_files_of(256, |number| format!("/logs/{number}/a.log")),
    );
    let answer = injected(&pod);
    assert_eq!(
        answer.warnings.unwrap(),
        [
            "datakit logfwd: no volumes for `/logs/17` and the paths after it: too many for 400 containers"
        ]
    );
    let mutated = answer.mutated_object.unwrap();
    let first = mounts_of(&mutated["spec"]["containers"][0]);
    assert_eq!(first.len(), 17 + 5);
    assert!(first.contains(&"/logs/16"));
}

#[test]
fn adds_a_megabyte_to_an_object_at_the_most() {
    let mut envs = serde_json::Map::new();
    for number in 0..50 {
        envs.insert(format!("VARIABLE_{number}"), json!("x".repeat(20)));
    }
    let settings = json!({"admission_inject_v2": {"ddtraces": [
        {"namespace_selectors": ["*"], "language": "java", "image": "repo/java:1", "envs": envs}
    ]}});
    let added = |count: usize| {
        let pod = with_containers(count);
        let payload = payload(&create("default", &pod), &settings).unwrap();
        let answer = answer(&payload);
        let after = answer.mutated_object.as_ref();
        let size = after.map(|after| after.to_string().len() - pod.to_string().len());
        (size, answer)
    };
    let (size, answer) = added(100);
    assert_eq!(answer.warnings, None);
    assert!((250_000..1_000_000).contains(&size.unwrap()), "{size:?}");

    let (size, answer) = added(1000);
    assert_eq!(size, None);
    assert_eq!(answer.audit_annotations, None);
    assert_eq!(
        answer.warnings.unwrap(),
        [
            "datakit policy: nothing injected: it would add more than 1 MB to the object; \
             inject into fewer containers"
        ]
    );
}

#[test]
fn twenty_thousand_log_files_are_more_than_a_variable_can_hold() {
    let files = log_files_of(20_000, |number| format!("/logs/{number}/a.log"));
    let answer = injected(&with_instances(ordinary(), &files));
    assert_eq!(
        answer.warnings.unwrap(),
        [
            "datakit logfwd: injected without log configuration: admission.datakit/logfwd.instances is longer than 128 KiB, \
             more than a variable can hold",
            NO_ROOM
        ]
    );
}

#[test]
fn bounds_what_five_thousand_log_files_cost() {
    let with_files = |path: fn(usize) -> String| {
        injected(&with_instances(ordinary(), &log_files_of(5_000, path)))
    };
    let answer = with_files(|number| format!("/logs/{number}/a.log"));
    assert_eq!(
        answer.warnings.unwrap(),
        ["datakit logfwd: log files are in more than 256 directories; the rest are left out"]
    );
    let mutated = answer.mutated_object.unwrap();
    assert_eq!(mounts_of(&mutated["spec"]["containers"][0]).len(), 256 + 5);

    let answer = with_files(|number| format!("/logs/{number}.log"));
    assert_eq!(answer.warnings, None);

    // One warning for each would be more than anybody reads.
    let answer = with_files(|number| format!("logs/{number}.log"));
    let warnings = answer.warnings.unwrap();
    assert_eq!(warnings.len(), 21);
    assert_eq!(
        warnings[19],
        "datakit logfwd: no volume for `logs/19.log`: the path is not absolute"
    );
    assert_eq!(warnings[20], "datakit: and 4980 more warnings");
}

#[test]
fn bounds_what_names_that_are_taken_cost() {
    let mut volumes = vec![empty_dir("tmp"), empty_dir("timezone")];
    let mut mounts = vec![mount("tmp", "/own"), mount("timezone", "/own2")];
    for number in 1..10_000 {
        volumes.push(empty_dir(&format!("tmp-{number}")));
        mounts.push(mount(&format!("tmp-{number}"), &format!("/own/{number}")));
    }
    let mut pod = ordinary();
    pod["spec"]["volumes"] = json!(volumes);
    pod["spec"]["containers"] = json!([container("main", &mounts)]);
    let mutated = injected(&pod).mutated_object.unwrap();
    let volumes = mutated["spec"]["volumes"].as_array().unwrap();
    assert!(volumes.contains(&empty_dir("tmp-10000")));
}

#[test]
fn bounds_what_variables_cost() {
    let mut tags = String::new();
    let mut env = Vec::new();
    for number in 0..10_000 {
        write!(tags, "k{number}:$(V{number}),").unwrap();
        env.push(variable(&format!("V{number}"), "x"));
    }
    env.push(variable("DD_TAGS", &tags));
    let mut pod = ordinary();
    pod["spec"]["containers"][0]["env"] = json!(env);
    let mutated = injected(&pod).mutated_object.unwrap();
    let env = mutated["spec"]["containers"][0]["env"].as_array().unwrap();
    assert_eq!(env[10_000], variable("DD_TAGS", &format!("{tags}a:b")));
}
