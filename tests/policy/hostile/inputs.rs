//! What a user can write to make the policy work hard: each input in a size that can be chosen, up to the 2 MB and
//! more that an API server takes.

use serde_json::{Value, json};

use datakit_policy_host::policy::payload;

use super::{ordinary, payload_of, settings};
use crate::parts::{container, empty_dir, mount, variable, with};
use crate::support::{create, request, workload};

/// An input of the table in `docs/limits.md`.
pub struct Input {
    /// What there is much of; `{}` is how much.
    pub name: &'static str,
    /// How much of it the table has.
    pub size: usize,
    pub build: fn(usize) -> Vec<u8>,
}

impl Input {
    pub fn title(&self) -> String {
        self.name.replace("{}", &self.size.to_string())
    }
}

const fn input(name: &'static str, size: usize, build: fn(usize) -> Vec<u8>) -> Input {
    Input { name, size, build }
}

/// From a usual pod to the worst of each kind.
pub const INPUTS: &[Input] = &[
    input("a pod with {} container", 1, containers),
    input("{} containers", 1_000, containers),
    input("{} containers", 20_000, containers),
    input("{} bytes in an annotation", 2 << 20, annotation),
    input("{} bytes in the version annotation", 2 << 20, version),
    input(
        "{} numbers in a field that it does not know",
        1_000_000,
        numbers,
    ),
    input(
        "{} objects in a field that it does not know",
        300_000,
        objects,
    ),
    input("{} labels", 100_000, labels),
    input("{} variables", 10_000, variables),
    input(
        "{} variables that DD_TAGS refers to",
        10_000,
        referred_variables,
    ),
    input("{} tags in DD_TAGS", 200_000, tags),
    input("{} volumes whose names are taken", 10_000, volumes),
    input("{} mounts", 40_000, mounts),
    input(
        "{} log files in as many directories",
        100_000,
        log_directories,
    ),
    input("{} log files in one directory", 100_000, log_files),
    input(
        "{} log files with paths that are not absolute",
        100_000,
        relative_log_files,
    ),
    input("{} log files with long paths", 2_000, long_log_files),
    input(
        "256 log directories in {} containers",
        1_000,
        log_directories_in_containers,
    ),
    input(
        "256 log directories in {} volumes of their names",
        20_000,
        log_directories_in_volumes,
    ),
    input(
        "256 log directories and {} mounts",
        30_000,
        log_directories_and_mounts,
    ),
    input(
        "{} numbers in logfwd.instances",
        1_000_000,
        numbers_for_instances,
    ),
    input(
        "{} objects in logfwd.instances",
        300_000,
        objects_for_instances,
    ),
    input(
        "{} log configurations that are none",
        100_000,
        nulls_for_instances,
    ),
    input("{} levels in logfwd.instances", 1_000_000, deep_instances),
    input("{} levels in the object", 1_000_000, deep_object),
    input(
        "{} bytes as the namespace of a template",
        2 << 20,
        namespace,
    ),
    input(
        "an update with {} objects in it and in the old one",
        100_000,
        update,
    ),
    input(
        "a journal that names {} variables, and as many variables",
        10_000,
        journal_of_variables,
    ),
    input(
        "a journal of {} containers, and as many others",
        1_000,
        journal_of_containers,
    ),
    input("{} bytes that are no JSON", 2 << 20, no_json),
];

fn with_journal(journal: Value, containers: Value) -> Vec<u8> {
    let template = json!({
        "metadata": {"annotations": {"admission.datakit/injected": journal.to_string()}},
        "spec": {"containers": containers}
    });
    payload_of(&workload("Deployment", &template))
}

fn journal_of_variables(count: usize) -> Vec<u8> {
    let names = || (0..count).map(|number| format!("N{number}"));
    let added: serde_json::Map<_, _> = names().map(|name| (name, json!("00000000"))).collect();
    let env = list(count, |number| variable(&format!("N{number}"), "x"));
    with_journal(
        json!({"v": 1, "edits": [{"in": ["main"], "added": added}]}),
        json!([with(container("main", &[]), json!({"env": env}))]),
    )
}

/// Each with another record, none of which is for the containers that are there.
fn journal_of_containers(count: usize) -> Vec<u8> {
    let record = |number: usize| {
        let name = format!("N{number}");
        json!({"in": [format!("c{number}")], "added": {name: "00000000"}})
    };
    with_journal(
        json!({"v": 1, "edits": list(count, record)}),
        list(count, |number| container(&format!("d{number}"), &[])),
    )
}

fn list<T: Into<Value>>(count: usize, item: impl Fn(usize) -> T) -> Value {
    Value::Array((0..count).map(|number| item(number).into()).collect())
}

fn with_spec(fields: Value) -> Vec<u8> {
    let mut pod = ordinary();
    pod["spec"] = with(pod["spec"].take(), fields);
    payload_of(&pod)
}

fn with_container(fields: Value) -> Vec<u8> {
    with_spec(json!({"containers": [with(container("main", &[]), fields)]}))
}

fn with_annotation(name: &str, value: Value) -> Vec<u8> {
    let mut pod = ordinary();
    pod["metadata"]["annotations"][name] = value;
    payload_of(&pod)
}

fn with_instances(instances: &str) -> Vec<u8> {
    with_annotation("admission.datakit/logfwd.instances", json!(instances))
}

/// An annotation that asks for one log file after the other.
pub fn log_files_of(count: usize, path: impl Fn(usize) -> String) -> String {
    json!([{"loggings": [{"logfiles": list(count, path)}]}]).to_string()
}

fn containers(count: usize) -> Vec<u8> {
    with_spec(json!({"containers": list(count, |number| container(&format!("c{number}"), &[]))}))
}

fn annotation(length: usize) -> Vec<u8> {
    with_annotation("note", json!("x".repeat(length)))
}

fn version(length: usize) -> Vec<u8> {
    with_annotation(
        "admission.datakit/java-lib.version",
        json!("x".repeat(length)),
    )
}

fn numbers(count: usize) -> Vec<u8> {
    with_spec(json!({"future": list(count, |_| 1)}))
}

fn objects(count: usize) -> Vec<u8> {
    with_spec(json!({"future": list(count, |_| json!({"": 0}))}))
}

fn labels(count: usize) -> Vec<u8> {
    let mut pod = ordinary();
    for number in 0..count {
        pod["metadata"]["labels"][format!("label-{number}")] = json!("x");
    }
    payload_of(&pod)
}

fn variables(count: usize) -> Vec<u8> {
    with_container(json!({"env": list(count, |number| variable(&format!("V{number}"), "x"))}))
}

fn referred_variables(count: usize) -> Vec<u8> {
    let tags: String = (0..count)
        .map(|number| format!("k{number}:$(V{number}),"))
        .collect();
    let mut env = list(count, |number| variable(&format!("V{number}"), "x"));
    env.as_array_mut().unwrap().push(variable("DD_TAGS", &tags));
    with_container(json!({"env": env}))
}

fn tags(count: usize) -> Vec<u8> {
    let tags: String = (0..count).map(|number| format!("k{number}:x,")).collect();
    with_container(json!({"env": [variable("DD_TAGS", &tags)]}))
}

fn volumes(count: usize) -> Vec<u8> {
    let name = |number: usize| match number {
        0 => "tmp".to_owned(),
        number => format!("tmp-{number}"),
    };
    let mounts = list(count, |number| {
        mount(&name(number), &format!("/own/{number}"))
    });
    with_spec(json!({
        "volumes": list(count, |number| empty_dir(&name(number))),
        "containers": [with(container("main", &[]), json!({"volumeMounts": mounts}))]
    }))
}

fn mounts(count: usize) -> Vec<u8> {
    let mounts = list(count, |number| mount("v", &format!("/own/{number}")));
    with_container(json!({"volumeMounts": mounts}))
}

fn log_directories(count: usize) -> Vec<u8> {
    with_instances(&log_files_of(count, |number| format!("/{number}/a")))
}

fn log_files(count: usize) -> Vec<u8> {
    with_instances(&log_files_of(count, |number| format!("/logs/{number}")))
}

fn relative_log_files(count: usize) -> Vec<u8> {
    with_instances(&log_files_of(count, |number| format!("logs/{number}")))
}

/// Their directories differ at the end alone, which makes them slow to compare.
fn long_log_files(count: usize) -> Vec<u8> {
    let directory = "/x".repeat(500);
    with_instances(&log_files_of(count, |number| {
        format!("{directory}/{number:05}/a")
    }))
}

fn log_directories_in_containers(count: usize) -> Vec<u8> {
    let mut pod = ordinary();
    pod["metadata"]["annotations"]["admission.datakit/logfwd.instances"] =
        json!(log_files_of(256, |number| format!("/{number}/a")));
    pod["spec"]["containers"] = list(count, |number| container(&format!("c{number}"), &[]));
    payload_of(&pod)
}

fn log_directories_in_volumes(count: usize) -> Vec<u8> {
    let name = |number: usize| match number {
        0..256 => format!("datakit-logfwd-volume-{number}"),
        number => format!("datakit-logfwd-volume-{}-{}", number % 256, number / 256),
    };
    let mut pod = ordinary();
    pod["metadata"]["annotations"]["admission.datakit/logfwd.instances"] =
        json!(log_files_of(256, |number| format!("/{number}/a")));
    pod["spec"]["volumes"] = list(count, |number| json!({"name": name(number), "secret": {}}));
    payload_of(&pod)
}

fn log_directories_and_mounts(count: usize) -> Vec<u8> {
    let mut pod = ordinary();
    pod["metadata"]["annotations"]["admission.datakit/logfwd.instances"] =
        json!(log_files_of(256, |number| format!("/{number}/a")));
    pod["spec"]["containers"][0]["volumeMounts"] =
        list(count, |number| mount("v", &format!("/own/{number}")));
    payload_of(&pod)
}

fn numbers_for_instances(count: usize) -> Vec<u8> {
    with_instances(&list(count, |_| 1).to_string())
}

fn objects_for_instances(count: usize) -> Vec<u8> {
    with_instances(&list(count, |_| json!({"": 0})).to_string())
}

fn nulls_for_instances(count: usize) -> Vec<u8> {
    with_instances(&json!([{"loggings": list(count, |_| json!({"source": 1}))}]).to_string())
}

fn deep_instances(depth: usize) -> Vec<u8> {
    with_instances(&nested(depth))
}

fn deep_object(depth: usize) -> Vec<u8> {
    let payload = String::from_utf8(with_spec(json!({"future": "DEPTH"}))).unwrap();
    payload.replace("\"DEPTH\"", &nested(depth)).into_bytes()
}

/// Stands in a payload for what [`with_text`] puts in its place.
pub const MARK: &str = "MARK";

/// A payload with a text that the type of JSON values does not hold.
pub fn with_text(payload: Vec<u8>, text: &str) -> Vec<u8> {
    let payload = String::from_utf8(payload).unwrap();
    let mark = format!("\"{MARK}\"");
    assert_eq!(payload.matches(&mark).count(), 1);
    payload.replace(&mark, text).into_bytes()
}

/// Lists in lists.
pub fn nested(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}

fn namespace(length: usize) -> Vec<u8> {
    let mut template = ordinary();
    template["metadata"]["namespace"] = json!("x".repeat(length));
    let mut settings = settings();
    settings["admission_inject_v2"]["ddtraces"][0]["namespace_selectors"] =
        json!(["^(a|[^b-d]|.)*e$", "^[a-z](-?[a-z0-9])*$"]);
    payload(
        &create("default", &workload("Deployment", &template)),
        &settings,
    )
    .unwrap()
}

fn update(count: usize) -> Vec<u8> {
    let deployment = |replicas: usize| {
        let mut template = ordinary();
        template["spec"]["future"] = list(count, |_| json!({"": replicas}));
        workload("Deployment", &template)
    };
    let request = request("UPDATE", "default", &deployment(1), &deployment(2));
    payload(&request, &settings()).unwrap()
}

fn no_json(length: usize) -> Vec<u8> {
    vec![b'x'; length]
}
