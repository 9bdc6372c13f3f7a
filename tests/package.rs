//! Holds together what says the same thing twice: Cargo.toml, metadata.yml, artifacthub-pkg.yml and questions-ui.yml,
//! the manifests in deploy/, and the workflows.
//!
//! The manifests are checked against the fields of Kubewarden's custom resource definitions
//! (`tests/data/kubewarden-crds.json`): an API server drops a misspelt field without an error.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use datakit_operator_policy::json::Node;
use datakit_operator_policy::settings::{Document, SECTIONS};
use datakit_policy_host::yaml::{self, DuplicateKeys};
use serde_json::{Value, json};

const VERSION: &str = env!("CARGO_PKG_VERSION");

// ---------------------------------------------------------------------------------------------------- reading files

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn parse(yaml: &str) -> Vec<Value> {
    yaml::documents(yaml, DuplicateKeys::Refuse)
        .into_iter()
        .map(|document| document.unwrap_or_else(|error| panic!("{error}")).value)
        .collect()
}

fn parse_one(yaml: &str) -> Value {
    yaml::single(yaml, DuplicateKeys::Refuse).unwrap_or_else(|error| panic!("{error}"))
}

fn metadata() -> Value {
    parse_one(&text("metadata.yml"))
}

fn annotation(metadata: &Value, key: &str) -> String {
    metadata["annotations"][key]
        .as_str()
        .unwrap_or_else(|| panic!("metadata.yml has no annotation {key}"))
        .to_owned()
}

/// The operator's default ConfigMap as its document prints it, without the one key that a policy has no use for.
fn default_settings() -> Value {
    let mut settings = parse_one(&text("tests/data/default-settings.json"));
    settings
        .as_object_mut()
        .expect("settings are an object")
        .remove("server_listen")
        .expect("the operator's document has server_listen");
    settings
}

/// The manifests of deploy/: file name to documents.
fn deploy() -> BTreeMap<String, Vec<Value>> {
    files("deploy")
        .into_iter()
        .filter(|name| name.ends_with(".yaml"))
        .map(|name| {
            let documents = parse(&text(&name));
            (name, documents)
        })
        .collect()
}

/// All files of a folder and those below it, as paths from the root of the package.
fn files(folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(path(folder)).unwrap_or_else(|error| panic!("{folder}: {error}")) {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&name));
        } else {
            found.insert(name);
        }
    }
    found
}

// --------------------------------------------------------------------------------------------------------- metadata

#[test]
fn metadata_is_that_of_a_mutating_policy_for_workload_templates() {
    let metadata = metadata();
    let source = "https://github.com/datakit-policy/datakit-operator-policy";
    assert_eq!(
        metadata,
        json!({
            "rules": [
                {
                    "apiGroups": ["apps"],
                    "apiVersions": ["v1"],
                    "resources": ["deployments", "daemonsets", "statefulsets"],
                    "operations": ["CREATE", "UPDATE"]
                },
                {
                    "apiGroups": ["batch"],
                    "apiVersions": ["v1"],
                    "resources": ["jobs", "cronjobs"],
                    "operations": ["CREATE", "UPDATE"]
                }
            ],
            "mutating": true,
            "backgroundAudit": false,
            "contextAwareResources": [],
            "executionMode": "kubewarden-wapc",
            "policyType": "kubernetes",
            "minimumKubewardenVersion": "1.7.0",
            "annotations": {
                "io.artifacthub.displayName": "Datakit Operator",
                "io.artifacthub.resources": "Deployment, DaemonSet, StatefulSet, Job, CronJob",
                "io.artifacthub.keywords":
                    "datakit, ddtrace, apm, logging, profiling, sidecar, injection, observability",
                "io.kubewarden.policy.ociUrl":
                    "ghcr.io/datakit-policy/policies/datakit-operator-policy",
                "io.kubewarden.policy.title": env!("CARGO_PKG_NAME"),
                "io.kubewarden.policy.version": VERSION,
                "io.kubewarden.policy.description": env!("CARGO_PKG_DESCRIPTION"),
                "io.kubewarden.policy.author":
                    "Datakit Operator Policy authors <datakit-policy@users.noreply.github.com>",
                "io.kubewarden.policy.url": source,
                "io.kubewarden.policy.source": source,
                "io.kubewarden.policy.license": env!("CARGO_PKG_LICENSE"),
                "io.kubewarden.policy.severity": "info",
                "io.kubewarden.policy.category": "Observability"
            }
        })
    );
}

#[test]
fn the_artifact_hub_package_says_what_the_metadata_says() {
    let metadata = metadata();
    let oci_url = annotation(&metadata, "io.kubewarden.policy.ociUrl");
    let source = annotation(&metadata, "io.kubewarden.policy.source");
    let author = annotation(&metadata, "io.kubewarden.policy.author");
    let (author, address) = author
        .strip_suffix('>')
        .and_then(|author| author.split_once(" <"))
        .expect("the author is `Name <address>`");

    let mut package = parse_one(&text("artifacthub-pkg.yml"));
    // Artifact Hub's annotations are strings that hold YAML: compared is what they mean.
    for key in ["kubewarden/rules", "kubewarden/contextAwareResources"] {
        let parsed = parse_one(package["annotations"][key].as_str().expect(key));
        package["annotations"][key] = parsed;
    }
    // These two the metadata does not say; they have tests of their own.
    let created_at = package["createdAt"].clone();
    let install = package["install"].clone();
    assert_eq!(
        package,
        json!({
            "version": VERSION,
            "name": annotation(&metadata, "io.kubewarden.policy.title"),
            "displayName": annotation(&metadata, "io.artifacthub.displayName"),
            "createdAt": created_at,
            "description": annotation(&metadata, "io.kubewarden.policy.description"),
            "license": annotation(&metadata, "io.kubewarden.policy.license"),
            "homeURL": annotation(&metadata, "io.kubewarden.policy.url"),
            "containersImages": [{ "name": "policy", "image": format!("{oci_url}:v{VERSION}") }],
            "keywords": annotation(&metadata, "io.artifacthub.keywords").split(", ").collect::<Vec<_>>(),
            "links": [
                {
                    "name": "policy",
                    "url": format!("{source}/releases/download/v{VERSION}/policy.wasm")
                },
                { "name": "source", "url": source }
            ],
            "install": install,
            "maintainers": [{ "name": author, "email": address }],
            "provider": { "name": "datakit-policy" },
            "recommendations": [
                { "url": "https://artifacthub.io/packages/helm/kubewarden/kubewarden-controller" }
            ],
            "annotations": {
                "kubewarden/mutation": metadata["mutating"].to_string(),
                "kubewarden/contextAwareResources": metadata["contextAwareResources"],
                "kubewarden/resources": annotation(&metadata, "io.artifacthub.resources"),
                "kubewarden/rules": metadata["rules"],
                "kubewarden/questions-ui": text("questions-ui.yml")
            }
        }),
        "artifacthub-pkg.yml follows metadata.yml and questions-ui.yml; the form goes into it with \
         `sed 's/^./    &/' questions-ui.yml`"
    );
}

#[test]
fn the_artifact_hub_package_has_a_date_that_artifact_hub_takes() {
    let package = parse_one(&text("artifacthub-pkg.yml"));
    let shape: String = package["createdAt"]
        .as_str()
        .expect("createdAt is a string")
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z");
}

#[test]
fn the_repository_is_claimed_by_the_author_of_the_policy() {
    let author = annotation(&metadata(), "io.kubewarden.policy.author");
    let address = author.split(['<', '>']).nth(1).expect("an address in <>");
    assert_eq!(
        parse_one(&text("artifacthub-repo.yml")),
        json!({ "owners": [{ "name": "datakit-policy", "email": address }] })
    );
}

/// What stands after each mention of the published policy, up to the next character that no tag has.
fn tags_of(oci_url: &str, text: &str) -> Vec<String> {
    text.match_indices(oci_url)
        .map(|(at, _)| {
            text[at + oci_url.len()..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || ":@._-".contains(*c))
                .collect()
        })
        .collect()
}

#[test]
fn every_mention_of_the_published_policy_has_this_version() {
    let oci_url = annotation(&metadata(), "io.kubewarden.policy.ociUrl");
    let mut names = files("deploy");
    names.insert("artifacthub-pkg.yml".to_owned());
    let mut mentions = 0;
    for name in names {
        for tag in tags_of(&oci_url, &text(&name)) {
            assert_eq!(tag, format!(":v{VERSION}"), "in {name}");
            mentions += 1;
        }
    }
    // Three policies, the image and two commands of the package, and whatever the guide says.
    assert!(mentions >= 6, "only {mentions} mentions of {oci_url}");
}

#[test]
fn a_mention_with_another_version_or_none_is_seen() {
    assert_eq!(
        tags_of(
            "x.io/p",
            "kwctl pull x.io/p:v0.1.0\n`x.io/p` and x.io/p:latest."
        ),
        [":v0.1.0", "", ":latest."]
    );
}

// --------------------------------------------------------------------------------------- the form that Rancher shows

/// What Rancher's form understands in a question. `tooltip`, `hide_input` and `sequence_questions` are additions of
/// its Kubewarden extension.
const QUESTION_KEYS: [&str; 16] = [
    "variable",
    "label",
    "title",
    "description",
    "tooltip",
    "group",
    "type",
    "required",
    "default",
    "options",
    "show_if",
    "show_subquestion_if",
    "hide_input",
    "value_multiline",
    "subquestions",
    "sequence_questions",
];

/// The paths of the settings that the form may name, items of lists as `list[].key`.
fn settings_paths() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for (section, keys) in SECTIONS {
        for key in *keys {
            let path = if section.is_empty() {
                (*key).to_owned()
            } else {
                format!("{section}.{key}")
            };
            if *key == "resources" {
                for (kind, resource) in [
                    ("requests", "cpu"),
                    ("requests", "memory"),
                    ("limits", "cpu"),
                    ("limits", "memory"),
                ] {
                    paths.insert(format!("{path}.{kind}.{resource}"));
                }
            }
            paths.insert(path);
        }
    }
    let images = [
        ("ddtrace", "java_agent_image"),
        ("ddtrace", "python_agent_image"),
        ("ddtrace", "js_agent_image"),
        ("ddtrace", "php_agent_image"),
        ("logfwd", "logfwd_image"),
        ("profiler", "java_profiler_image"),
        ("profiler", "python_profiler_image"),
        ("profiler", "golang_profiler_image"),
    ];
    for (feature, image) in images {
        paths.insert(format!("admission_inject.{feature}.images.{image}"));
    }
    paths
}

/// What is wrong with a form.
fn form_problems(form: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let paths = settings_paths();
    let mut seen = BTreeSet::new();
    for key in form.as_object().expect("a form is an object").keys() {
        if key != "questions" {
            problems.push(format!("unknown key {key}"));
        }
    }
    for question in list(&form["questions"]) {
        question_problems(question, "", &paths, &mut seen, &mut problems);
    }
    problems
}

/// `prefix` is what the question's variable is relative to: the items of a list, or nothing.
fn question_problems(
    question: &Value,
    prefix: &str,
    paths: &BTreeSet<String>,
    seen: &mut BTreeSet<String>,
    problems: &mut Vec<String>,
) {
    let variable = question["variable"].as_str().unwrap_or_default();
    let path = format!("{prefix}{variable}");
    let mut problem = |what: String| problems.push(format!("{path}: {what}"));

    for key in question
        .as_object()
        .expect("a question is an object")
        .keys()
    {
        if !QUESTION_KEYS.contains(&key.as_str()) {
            problem(format!("unknown key {key}"));
        }
    }
    for key in ["variable", "label", "group", "type"] {
        if !question[key].is_string() {
            problem(format!("no {key}"));
        }
    }
    if !paths.contains(&path) {
        problem("is no path of the settings".to_owned());
    }
    if !seen.insert(path.clone()) {
        problem("is asked for twice".to_owned());
    }

    let kind = question["type"].as_str().unwrap_or_default();
    let default = &question["default"];
    let default_fits = default.is_null()
        || match kind {
            "string" | "multiline" | "enum" => default.is_string(),
            "boolean" => default.is_boolean(),
            "int" => default.is_i64(),
            "map[" => default.is_object(),
            "array[" | "sequence[" => default.is_array(),
            unknown => {
                problem(format!("unknown type {unknown}"));
                true
            }
        };
    if !default_fits {
        problem(format!("the default {default} is no {kind}"));
    }
    if kind == "enum" && !default.is_null() && !list(&question["options"]).contains(default) {
        problem(format!("the default {default} is no option"));
    }
    if (kind == "enum") != question["options"].is_array() {
        problem("options belong to the type enum".to_owned());
    }
    if (kind == "sequence[") != question["sequence_questions"].is_array() {
        problem("sequence_questions belong to the type sequence[".to_owned());
    }
    if kind != "map[" && question["subquestions"].is_array() {
        problem("subquestions belong to the type map[".to_owned());
    }
    // A list is told by its parent what it is for; everything else has to say so itself.
    if kind != "sequence[" && question["tooltip"].is_null() && question["description"].is_null() {
        problem("neither tooltip nor description".to_owned());
    }

    for item in list(&question["sequence_questions"]) {
        question_problems(item, &format!("{path}[]."), paths, seen, problems);
    }
    for sub in list(&question["subquestions"]) {
        question_problems(sub, prefix, paths, seen, problems);
        let name = sub["variable"].as_str().unwrap_or_default();
        if !name.starts_with(&format!("{variable}.")) {
            problems.push(format!("{name}: is asked for below {variable}"));
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The settings that the form makes if nobody touches it: every question in order puts its default where there is no
/// value yet. Lists do not: only a parent's default creates them.
fn untouched_form(questions: &[Value], settings: &mut Value) {
    for question in questions {
        let variable = question["variable"].as_str().expect("a variable");
        let pointer = format!("/{}", variable.replace('.', "/"));
        if question["type"] == "sequence[" {
            assert!(
                settings
                    .pointer(&pointer)
                    .is_some_and(|value| value.is_array()),
                "{variable} is missing in the default of the question above it"
            );
        } else if !question["default"].is_null() && settings.pointer(&pointer).is_none() {
            let mut place = &mut *settings;
            for key in variable.split('.') {
                place = &mut place[key];
            }
            *place = question["default"].clone();
        }
        untouched_form(list(&question["subquestions"]), settings);
    }
}

#[test]
fn the_form_asks_for_settings_in_a_way_that_rancher_understands() {
    let form = parse_one(&text("questions-ui.yml"));
    assert_eq!(form_problems(&form), [""; 0]);
}

#[test]
fn the_untouched_form_makes_the_operators_default_settings() {
    let form = parse_one(&text("questions-ui.yml"));
    let mut settings = json!({});
    untouched_form(list(&form["questions"]), &mut settings);
    assert_eq!(settings, default_settings());
}

#[test]
fn every_feature_has_a_group_of_its_own_in_the_form() {
    fn groups<'q>(questions: &'q [Value], found: &mut Vec<(&'q str, &'q str)>) {
        for question in questions {
            found.push((
                question["variable"].as_str().expect("a variable"),
                question["group"].as_str().expect("a group"),
            ));
            groups(list(&question["subquestions"]), found);
        }
    }
    let form = parse_one(&text("questions-ui.yml"));
    let mut found = Vec::new();
    groups(list(&form["questions"]), &mut found);
    for (variable, group) in found {
        let expected = match variable.split('.').take(2).collect::<Vec<_>>().as_slice() {
            ["admission_inject", "ddtrace"] => "DDTrace",
            ["admission_inject", "logfwd"] => "logfwd",
            ["admission_inject", "profiler"] => "Profiler",
            ["admission_mutate", ..] => "Logging",
            _ => "General",
        };
        assert_eq!(group, expected, "{variable}");
    }
}

#[test]
fn a_broken_form_is_refused() {
    let question = json!({
        "variable": "log_level", "label": "Log level", "tooltip": "What is logged", "group": "General",
        "type": "enum", "options": ["info"], "default": "info"
    });
    let with = |changes: Value| {
        let mut question = question.clone();
        for (key, value) in changes.as_object().expect("changes") {
            question[key] = value.clone();
        }
        form_problems(&json!({ "questions": [question] }))
    };
    assert_eq!(with(json!({})), [""; 0]);
    assert_eq!(
        with(json!({ "tooltop": "" })),
        ["log_level: unknown key tooltop"]
    );
    assert_eq!(
        with(json!({ "variable": "loglevel" })),
        ["loglevel: is no path of the settings"]
    );
    assert_eq!(with(json!({ "label": null })), ["log_level: no label"]);
    assert_eq!(
        with(json!({ "default": "loud" })),
        ["log_level: the default \"loud\" is no option"]
    );
    assert_eq!(
        with(json!({ "type": "map", "options": null })),
        ["log_level: unknown type map"]
    );
    assert_eq!(
        with(json!({ "type": "int", "options": null })),
        ["log_level: the default \"info\" is no int"]
    );
    assert_eq!(
        with(json!({ "type": "string" })),
        ["log_level: options belong to the type enum"]
    );
    assert_eq!(
        with(json!({ "tooltip": null })),
        ["log_level: neither tooltip nor description"]
    );
    assert_eq!(
        with(json!({ "subquestions": [question] })),
        [
            "log_level: subquestions belong to the type map[",
            "log_level: is asked for twice",
            "log_level: is asked for below log_level"
        ]
    );
    assert_eq!(
        form_problems(&json!({ "question": [] })),
        ["unknown key question"]
    );
}

// ------------------------------------------------------------------------------- manifests and Kubewarden's resources

/// What is wrong with an object by the definition of its kind.
fn crd_problems(object: &Value) -> Vec<String> {
    let crds = parse_one(&text("tests/data/kubewarden-crds.json"));
    let kind = object["kind"].as_str().unwrap_or_default();
    let mut problems = Vec::new();
    match crds["kinds"].get(kind) {
        Some(definition) => check(&crds["types"], definition, object, kind, &mut problems),
        None => problems.push(format!("unknown kind {}", object["kind"])),
    }
    problems
}

/// Compares a value with a type as `kubewarden-crds.json` writes it.
fn check(types: &Value, kind: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let mut wrong = |expected: &str| problems.push(format!("{path}: {value} is no {expected}"));
    match kind {
        Value::String(name) => match name.as_str() {
            "any" => {}
            "string" if value.is_string() => {}
            "boolean" if value.is_boolean() => {}
            "integer" if value.is_i64() => {}
            "quantity" if value.is_i64() || value.is_string() => {}
            reference if reference.starts_with('$') => {
                let definition = types
                    .get(&reference[1..])
                    .unwrap_or_else(|| panic!("kubewarden-crds.json has no type {reference}"));
                check(types, definition, value, path, problems);
            }
            simple => wrong(simple),
        },
        Value::Array(item) => match value.as_array() {
            Some(values) => {
                for (index, value) in values.iter().enumerate() {
                    check(
                        types,
                        &item[0],
                        value,
                        &format!("{path}[{index}]"),
                        problems,
                    );
                }
            }
            None => wrong("list"),
        },
        Value::Object(kind) if kind.contains_key("one_of") => {
            if !list(&kind["one_of"]).contains(value) {
                wrong(&format!("one of {}", kind["one_of"]));
            }
        }
        Value::Object(kind) if kind.contains_key("integer") => {
            let range = kind["integer"][0].as_i64().unwrap()..=kind["integer"][1].as_i64().unwrap();
            if !value.as_i64().is_some_and(|value| range.contains(&value)) {
                wrong(&format!("integer of {range:?}"));
            }
        }
        Value::Object(kind) => {
            let Some(object) = value.as_object() else {
                return wrong("object");
            };
            for (key, value) in object {
                let path = format!("{path}.{key}");
                match kind.get("map").or_else(|| kind["fields"].get(key)) {
                    Some(kind) => check(types, kind, value, &path, problems),
                    None => problems.push(format!("{path}: unknown field")),
                }
            }
            for key in list(kind.get("required").unwrap_or(&Value::Null)) {
                let key = key.as_str().unwrap();
                if !object.contains_key(key) {
                    problems.push(format!("{path}.{key}: missing"));
                }
            }
        }
        other => panic!("kubewarden-crds.json: {other} is no type"),
    }
}

#[test]
fn the_manifests_are_these_and_no_others() {
    let found: BTreeMap<String, Vec<String>> = deploy()
        .into_iter()
        .map(|(file, documents)| {
            let objects = documents
                .iter()
                .map(|object| format!("{}/{}", object["kind"], object["metadata"]["name"]))
                .map(|object| object.replace('"', ""))
                .collect();
            (file, objects)
        })
        .collect();
    let expected = [
        ("deploy/namespace.yaml", "AdmissionPolicy/datakit-operator"),
        (
            "deploy/pods.yaml",
            "ClusterAdmissionPolicy/datakit-operator-pods",
        ),
        ("deploy/policy-server.yaml", "PolicyServer/datakit"),
        (
            "deploy/workloads.yaml",
            "ClusterAdmissionPolicy/datakit-operator-workloads",
        ),
    ];
    assert_eq!(
        found,
        expected
            .map(|(file, object)| (file.to_owned(), vec![object.to_owned()]))
            .into()
    );
}

#[test]
fn the_manifests_have_the_fields_that_kubewarden_declares() {
    for (file, documents) in deploy() {
        for object in documents {
            assert_eq!(crd_problems(&object), [""; 0], "in {file}");
        }
    }
}

#[test]
fn a_field_that_kubewarden_does_not_declare_is_refused() {
    let refused = |file: &str, change: &dyn Fn(&mut Value)| {
        let mut object = deploy()[file][0].clone();
        change(&mut object);
        crd_problems(&object)
    };
    let rename = |object: &mut Value, pointer: &str, from: &str, to: &str| {
        let parent = object
            .pointer_mut(pointer)
            .unwrap()
            .as_object_mut()
            .unwrap();
        let value = parent.remove(from).unwrap();
        parent.insert(to.to_owned(), value);
    };
    let workloads = "deploy/workloads.yaml";
    let namespace = "deploy/namespace.yaml";
    let server = "deploy/policy-server.yaml";

    // Misspelt.
    assert_eq!(
        refused(workloads, &|o| rename(
            o,
            "/spec",
            "failurePolicy",
            "failurepolicy"
        )),
        ["ClusterAdmissionPolicy.spec.failurepolicy: unknown field"]
    );
    assert_eq!(
        refused(workloads, &|o| rename(
            o,
            "/spec/rules/0",
            "resources",
            "ressources"
        )),
        [
            "ClusterAdmissionPolicy.spec.rules[0].ressources: unknown field",
            "ClusterAdmissionPolicy.spec.rules[0].resources: missing"
        ]
    );
    assert_eq!(
        refused(workloads, &|o| rename(
            o,
            "/spec/namespaceSelector",
            "matchExpressions",
            "matchExpression"
        )),
        ["ClusterAdmissionPolicy.spec.namespaceSelector.matchExpression: unknown field"]
    );
    assert_eq!(
        refused(server, &|o| rename(
            o,
            "/spec",
            "insecureSources",
            "insecure_sources"
        )),
        ["PolicyServer.spec.insecure_sources: unknown field"]
    );
    // At the wrong place.
    assert_eq!(
        refused(workloads, &|o| o["mutating"] = json!(true)),
        ["ClusterAdmissionPolicy.mutating: unknown field"]
    );
    assert_eq!(
        refused(namespace, &|o| o["spec"]["namespaceSelector"] = json!({})),
        ["AdmissionPolicy.spec.namespaceSelector: unknown field"]
    );
    assert_eq!(
        refused(workloads, &|o| o["metadata"]["namespace"] =
            json!("default")),
        ["ClusterAdmissionPolicy.metadata.namespace: unknown field"]
    );
    // Missing.
    assert_eq!(
        refused(workloads, &|o| rename(o, "/spec", "mutating", "message")),
        [
            "ClusterAdmissionPolicy.spec.message: true is no string",
            "ClusterAdmissionPolicy.spec.mutating: missing"
        ]
    );
    assert_eq!(
        refused(namespace, &|o| rename(o, "/metadata", "namespace", "name")),
        ["AdmissionPolicy.metadata.namespace: missing"]
    );
    // Of another type.
    assert_eq!(
        refused(workloads, &|o| o["spec"]["failurePolicy"] = json!("ignore")),
        [
            "ClusterAdmissionPolicy.spec.failurePolicy: \"ignore\" is no one of [\"Ignore\",\"Fail\"]"
        ]
    );
    assert_eq!(
        refused(workloads, &|o| o["spec"]["timeoutSeconds"] = json!(31)),
        ["ClusterAdmissionPolicy.spec.timeoutSeconds: 31 is no integer of 2..=30"]
    );
    assert_eq!(
        refused(workloads, &|o| o["spec"]["settings"] = json!("{}")),
        ["ClusterAdmissionPolicy.spec.settings: \"{}\" is no object"]
    );
    assert_eq!(
        refused(workloads, &|o| o["spec"]["rules"][0]["operations"] =
            json!("CREATE")),
        ["ClusterAdmissionPolicy.spec.rules[0].operations: \"CREATE\" is no list"]
    );
    assert_eq!(
        refused(server, &|o| o["spec"]["replicas"] = json!("2")),
        ["PolicyServer.spec.replicas: \"2\" is no integer"]
    );
    // Another resource.
    assert_eq!(
        refused(workloads, &|o| o["kind"] =
            json!("ClusterAdmissionPolicies")),
        ["unknown kind \"ClusterAdmissionPolicies\""]
    );
    assert_eq!(
        refused(workloads, &|o| o["apiVersion"] =
            json!("policies.kubewarden.io/v1alpha2")),
        [
            "ClusterAdmissionPolicy.apiVersion: \"policies.kubewarden.io/v1alpha2\" is no one of \
             [\"policies.kubewarden.io/v1\"]"
        ]
    );
}

// ----------------------------------------------------------------------------- manifests and the rules of an injector

/// What is wrong with a file of policies though its fields are right.
fn injector_problems(documents: &[Value]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut levels = BTreeSet::new();
    for object in documents {
        let Some(spec) = object
            .get("spec")
            .filter(|spec| spec.get("module").is_some())
        else {
            continue;
        };
        // Without it, a host refuses every request that the policy changes.
        if spec["mutating"] != true {
            problems.push("mutating is not true".to_owned());
        }
        // Left out, it is Fail: nothing can be deployed while the policy server is down.
        if spec["failurePolicy"] != "Ignore" {
            problems.push("failurePolicy is not Ignore".to_owned());
        }
        // In mode monitor nothing is injected.
        if spec.get("mode").is_some_and(|mode| mode != "protect") {
            problems.push("mode is not protect".to_owned());
        }
        // The controller drops it, and the policy is asked about all namespaces.
        if spec.pointer("/namespaceSelector/matchLabels").is_some() {
            problems.push("namespaceSelector has matchLabels".to_owned());
        }
        for rule in list(&spec["rules"]) {
            for resource in list(&rule["resources"]) {
                levels.insert(if resource == "pods" {
                    "pods"
                } else {
                    "workloads"
                });
                if resource == "pods" && rule["operations"] != json!(["CREATE"]) {
                    problems.push("pods on more than CREATE".to_owned());
                }
            }
        }
    }
    if levels.len() > 1 {
        problems.push("pods and workloads in one file".to_owned());
    }
    problems
}

#[test]
fn the_manifests_keep_the_rules_of_an_injector() {
    for (file, documents) in deploy() {
        assert_eq!(injector_problems(&documents), [""; 0], "in {file}");
    }
}

#[test]
fn a_manifest_that_breaks_a_rule_of_an_injector_is_refused() {
    let workloads = &deploy()["deploy/workloads.yaml"][0];
    let pods = &deploy()["deploy/pods.yaml"][0];
    let refused = |object: &Value, pointer: &str, key: &str, value: Option<Value>| {
        let mut object = object.clone();
        let parent = object
            .pointer_mut(pointer)
            .unwrap()
            .as_object_mut()
            .unwrap();
        match value {
            Some(value) => parent.insert(key.to_owned(), value),
            None => parent.remove(key),
        };
        injector_problems(&[object])
    };
    assert_eq!(
        refused(workloads, "/spec", "mutating", Some(json!(false))),
        ["mutating is not true"]
    );
    assert_eq!(
        refused(workloads, "/spec", "failurePolicy", Some(json!("Fail"))),
        ["failurePolicy is not Ignore"]
    );
    assert_eq!(
        refused(workloads, "/spec", "failurePolicy", None),
        ["failurePolicy is not Ignore"]
    );
    assert_eq!(
        refused(workloads, "/spec", "mode", Some(json!("monitor"))),
        ["mode is not protect"]
    );
    assert_eq!(
        refused(
            workloads,
            "/spec/namespaceSelector",
            "matchLabels",
            Some(json!({ "team": "a" }))
        ),
        ["namespaceSelector has matchLabels"]
    );
    assert_eq!(
        refused(
            pods,
            "/spec/rules/0",
            "operations",
            Some(json!(["CREATE", "UPDATE"]))
        ),
        ["pods on more than CREATE"]
    );
    assert_eq!(
        refused(
            workloads,
            "/spec/rules/0",
            "resources",
            Some(json!(["deployments", "pods"]))
        ),
        ["pods on more than CREATE", "pods and workloads in one file"]
    );
    assert_eq!(
        injector_problems(&[workloads.clone(), pods.clone()]),
        ["pods and workloads in one file"]
    );
}

#[test]
fn the_policies_are_whole() {
    let metadata = metadata();
    let oci_url = annotation(&metadata, "io.kubewarden.policy.ociUrl");
    let annotations = json!({
        "io.kubewarden.policy.category": annotation(&metadata, "io.kubewarden.policy.category"),
        "io.kubewarden.policy.severity": annotation(&metadata, "io.kubewarden.policy.severity")
    });
    let workloads = json!({
        "apiVersion": "policies.kubewarden.io/v1",
        "kind": "ClusterAdmissionPolicy",
        "metadata": { "name": "datakit-operator-workloads", "annotations": annotations },
        "spec": {
            "module": format!("registry://{oci_url}:v{VERSION}"),
            "policyServer": "default",
            "mode": "protect",
            "mutating": metadata["mutating"],
            "backgroundAudit": metadata["backgroundAudit"],
            "failurePolicy": "Ignore",
            "timeoutSeconds": 5,
            "rules": metadata["rules"],
            "namespaceSelector": {
                "matchExpressions": [{
                    "key": "kubernetes.io/metadata.name",
                    "operator": "NotIn",
                    "values": ["kube-system", "kube-public", "kube-node-lease", "kubewarden", "datakit"]
                }]
            },
            "settings": default_settings()
        }
    });

    let mut pods = workloads.clone();
    pods["metadata"]["name"] = json!("datakit-operator-pods");
    pods["spec"]["rules"] = json!([
        { "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"] }
    ]);

    let mut namespace = workloads.clone();
    namespace["kind"] = json!("AdmissionPolicy");
    namespace["metadata"]["name"] = json!("datakit-operator");
    namespace["metadata"]["namespace"] = json!("default");
    namespace["spec"]
        .as_object_mut()
        .unwrap()
        .remove("namespaceSelector");

    let manifests = deploy();
    assert_eq!(manifests["deploy/workloads.yaml"], [workloads]);
    assert_eq!(manifests["deploy/pods.yaml"], [pods]);
    assert_eq!(manifests["deploy/namespace.yaml"], [namespace]);
}

#[test]
fn the_policy_server_is_an_example_with_an_insecure_registry() {
    assert_eq!(
        deploy()["deploy/policy-server.yaml"],
        [json!({
            "apiVersion": "policies.kubewarden.io/v1",
            "kind": "PolicyServer",
            "metadata": { "name": "datakit" },
            "spec": {
                "image": "ghcr.io/kubewarden/adm-controller/policy-server:v1.38.2",
                "replicas": 2,
                "minAvailable": 1,
                "insecureSources": ["registry.example.internal:5000"],
                "requests": { "cpu": "100m", "memory": "128Mi" },
                "limits": { "cpu": "1", "memory": "512Mi" }
            }
        })]
    );
}

#[test]
fn the_policy_takes_the_settings_of_the_manifests() {
    let settings = default_settings().to_string();
    let settings = Document::new(Node::parse(&settings).expect("settings are JSON"));
    assert_eq!(settings.problems(), [""; 0]);
}

#[test]
fn the_guide_names_every_manifest() {
    let guide = text("deploy/README.md");
    for file in deploy().keys() {
        let name = file.strip_prefix("deploy/").unwrap();
        assert!(
            guide.contains(name),
            "deploy/README.md does not name {name}"
        );
    }
}

// -------------------------------------------------------------------------------------------------------- workflows

/// What is wrong with the actions that a workflow uses.
fn pin_problems(workflow: &str) -> Vec<String> {
    workflow
        .lines()
        .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: "))
        .filter(|action| !action.starts_with("./"))
        .filter(|action| {
            let (commit, version) = action
                .split_once('@')
                .and_then(|(_, pin)| pin.split_once(" # v"))
                .unwrap_or_default();
            let is_commit = commit.len() == 40
                && commit
                    .chars()
                    .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
            !is_commit || !version.starts_with(|c: char| c.is_ascii_digit())
        })
        .map(|action| format!("{action}: no commit with its version as a comment"))
        .collect()
}

#[test]
fn actions_are_pinned_by_commit() {
    let workflows = files(".github/workflows");
    assert_eq!(
        workflows.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            ".github/workflows/release.yml",
            ".github/workflows/test.yml"
        ]
    );
    for file in workflows {
        let workflow = text(&file);
        assert!(workflow.contains("uses: "), "{file} uses no action");
        assert_eq!(pin_problems(&workflow), [""; 0], "in {file}");
    }
}

#[test]
fn an_action_that_is_not_pinned_is_seen() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let workflow = format!(
        "steps:\n  - uses: a/b@{commit} # v1.2.3\n  - uses: ./.github/c\n  - uses: d/e@v1\n    \
         uses: f/g@{commit}\n  - uses: h/i@main # v2"
    );
    assert_eq!(
        pin_problems(&workflow),
        [
            "d/e@v1: no commit with its version as a comment".to_owned(),
            format!("f/g@{commit}: no commit with its version as a comment"),
            "h/i@main # v2: no commit with its version as a comment".to_owned(),
        ]
    );
}
