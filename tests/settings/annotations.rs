//! `docs/annotations.md`: the warnings, and what each feature adds.

use std::collections::BTreeSet;

use datakit_operator_policy::tags::Pairs;
use datakit_operator_policy::{features, image, paths};
use serde_json::{Map, Value, json};

use crate::markdown::{Row, code, code_in, rows};
use crate::support::{answer, pod, settings, text};

fn table(heading: &str) -> Vec<Row> {
    let rows: Vec<Row> = rows(&text("docs/annotations.md"))
        .into_iter()
        .filter(|row| row.heading == heading)
        .collect();
    assert!(!rows.is_empty(), "{heading} has no table");
    rows
}

/// All code of a cell.
fn codes(mut cell: &str) -> Vec<&str> {
    let mut codes = Vec::new();
    while let Some(code) = code_in(cell) {
        codes.push(code);
        let end = cell.find(code).unwrap() + code.len();
        cell = cell[end..].trim_start_matches([' ', '`']);
        cell = cell.find('`').map_or("", |start| &cell[start..]);
    }
    codes
}

#[test]
fn malformed_values_give_the_warnings_of_the_document() {
    let default = settings("policy-settings/default.json");
    for row in table("Values that are malformed") {
        let mut annotations = Map::new();
        for annotation in codes(&row.cells[0]) {
            let annotation = datakit_policy_host::settings::read("annotation", annotation).unwrap();
            for (name, value) in annotation.as_object().unwrap() {
                annotations.insert(format!("admission.datakit/{name}"), value.clone());
            }
        }
        // With the label that the settings refer to, there is no other warning.
        let labels = json!({"service": "web"});
        let answer = answer(&pod(json!(annotations), labels), &default);
        let warning = code_in(&row.cells[1]).unwrap();
        assert_eq!(answer["warnings"], json!([warning]), "{}", row.cells[0]);
    }
}

#[test]
fn booleans_are_the_words_of_the_document() {
    let text = text("docs/annotations.md");
    let (_, words) = text.split_once("Booleans are ").unwrap();
    let (truths, words) = words.split_once(", and ").unwrap();
    let (lies, _) = words.split_once(". ").unwrap();
    let minimal = settings("policy-settings/minimal.json");
    let asks = |name: &str, value: &str| {
        let name = format!("admission.datakit/{name}");
        let annotations = json!({"admission.datakit/java-lib.version": "", name: value});
        answer(&pod(annotations, json!({})), &minimal)
    };
    let injected = asks("enabled", "true")["injected"].clone();
    assert_eq!(injected.as_object().unwrap().len(), 1);
    for switch in ["enabled", "ddtrace.enabled"] {
        for (words, expected) in [(truths, &injected), (lies, &json!({}))] {
            assert_eq!(codes(words).len(), 6);
            for word in codes(words) {
                let answer = asks(switch, word);
                assert_eq!(answer["injected"], *expected, "{switch}: {word}");
                assert_eq!(answer["warnings"], json!([]), "{switch}: {word}");
            }
        }
    }
}

#[test]
fn versions_replace_the_tag_as_the_document_says() {
    for row in table("Versions") {
        let [before, tag, after] = [0, 1, 2].map(|place| code_in(&row.cells[place]).unwrap());
        assert!(image::is_reference(before), "{before}");
        assert_eq!(image::with_tag(before, tag), after);
    }
}

#[test]
fn log_files_lie_where_the_document_says() {
    for row in table("Log files") {
        let [file, directory] = [0, 1].map(|place| code_in(&row.cells[place]).unwrap());
        assert_eq!(paths::directory_of(file), directory);
    }
}

#[test]
fn the_example_of_instances_is_taken() {
    let blocks = code(&text("docs/annotations.md"));
    let instances = blocks
        .iter()
        .find(|block| block.language == "json")
        .unwrap();
    let annotations = json!({"admission.datakit/logfwd.instances": instances.text});
    let answer = answer(
        &pod(annotations, json!({})),
        &settings("policy-settings/default.json"),
    );
    assert_eq!(answer["warnings"], json!([]));
    let config = &answer["pod"]["spec"]["containers"][1]["env"][0];
    assert_eq!(config["name"], "LOGFWD_JSON_CONFIG");
    let config: Value = serde_json::from_str(config["value"].as_str().unwrap()).unwrap();
    let expected: Value = serde_json::from_str(&instances.text).unwrap();
    assert_eq!(config, expected);
}

/// What is asked for, by feature: the annotations of the pod and the settings.
fn requests(feature: &str) -> Vec<(Value, Value)> {
    let asks = |name: &str, value: &str| json!({format!("admission.datakit/{name}"): value});
    let config = r#"[{"type":"file","path":"/var/log/app/*.log"}]"#;
    let v2 = |list: &str, rule: Value| {
        let mut rule = rule;
        rule["namespace_selectors"] = json!(["*"]);
        rule["image"] = json!("image:1");
        json!({"admission_inject_v2": {list: [rule]}})
    };
    match feature {
        "ddtrace" => ["java", "python", "nodejs", "php"]
            .map(|language| (json!({}), v2("ddtraces", json!({"language": language}))))
            .to_vec(),
        "otel" => ["java", "python", "nodejs"]
            .map(|language| (json!({}), v2("otels", json!({"language": language}))))
            .to_vec(),
        "logfwd" => vec![(
            asks("logfwd.instances", "[]"),
            v2("logfwds", json!({"log_configs": config})),
        )],
        "flameshot" => {
            let envs =
                json!({"FLAMESHOT_PROFILING_PATH": "/flames", "FLAMESHOT_HTTP_LOCAL_PORT": "1"});
            let rule =
                json!({"processes": "[{}]", "envs": envs, "enable_prometheus_annotations": true});
            vec![(json!({}), v2("flameshots", rule))]
        }
        "profiler" => ["java", "python", "golang"]
            .map(|language| (json!({}), v2("profilers", json!({"language": language}))))
            .to_vec(),
        "logging" => {
            let rule = json!({"namespace_selectors": ["*"], "config": config});
            vec![(json!({}), json!({"admission_mutate": {"loggings": [rule]}}))]
        }
        other => panic!("{other} is no feature"),
    }
}

/// What was added to a pod, as the tables name it.
fn added(before: &Value, after: &Value, settings: &Value) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut add = |what: &str, name: &Value| {
        // Directories that the settings name have no name of their own.
        let name = name.as_str().unwrap();
        if !["/var/log/app", "/flames"].contains(&name) {
            let name = name.replace("-volume-0", "-volume-N");
            found.insert((what.to_owned(), name));
        }
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let spec = &after["spec"];
    for container in [list(&spec["initContainers"]), list(&spec["containers"])].concat() {
        if container["name"] != "web" {
            add("container", &container["name"]);
        }
        for capability in list(&container["securityContext"]["capabilities"]["add"]) {
            add("capability", &capability);
        }
        for mount in list(&container["volumeMounts"]) {
            add("mount", &mount["mountPath"]);
        }
        for variable in list(&container["env"]) {
            let name = variable["name"].as_str().unwrap();
            if !settings.to_string().contains(&format!("\"{name}\"")) {
                add("variable", &variable["name"]);
            }
        }
    }
    for volume in list(&spec["volumes"]) {
        add("volume", &volume["name"]);
    }
    for key in spec.as_object().unwrap().keys() {
        if !["containers", "initContainers", "volumes"].contains(&key.as_str()) {
            add("field", &json!(key));
        }
    }
    for key in after["metadata"]["annotations"].as_object().unwrap().keys() {
        if before["metadata"]["annotations"].get(key).is_none() {
            add("annotation", &json!(key));
        }
    }
    found
}

#[test]
fn the_document_lists_all_that_a_feature_adds_and_nothing_else() {
    for feature in features::ALL.iter().map(|feature| feature.name) {
        let documented: BTreeSet<(String, String)> = table(feature)
            .iter()
            .map(|row| {
                let name = code_in(&row.cells[1]).unwrap();
                (row.cells[0].clone(), name.to_owned())
            })
            .collect();
        let mut found = BTreeSet::new();
        for (annotations, settings) in requests(feature) {
            let before = pod(annotations, json!({}));
            let answer = answer(&before, &settings);
            assert_eq!(answer["warnings"], json!([]), "{feature}");
            found.extend(added(&before, &answer["pod"], &settings));
        }
        assert_eq!(found, documented, "{feature}");
    }
}

fn default_resources() -> Value {
    json!({
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    })
}

/// The resources of the container that a feature adds.
fn resources(feature: &str, annotations: Value, settings: &Value) -> Value {
    let feature = features::ALL.iter().find(|own| own.name == feature);
    let name = feature.unwrap().adds.unwrap().name();
    let answer = answer(&pod(annotations, json!({})), settings);
    assert_eq!(answer["warnings"], json!([]));
    let spec = &answer["pod"]["spec"];
    let lists = ["initContainers", "containers"].map(|list| spec[list].as_array());
    let mut containers = lists.into_iter().flatten().flatten();
    let container = containers.find(|container| container["name"] == name);
    container.unwrap()["resources"].clone()
}

/// Every annotation of the overview is read: it changes what the policy does with a pod.
#[test]
fn the_overview_has_annotations_that_the_policy_reads() {
    let rule = |extra: &str, value: &str| json!({"namespace_selectors": ["*"], "image": "image:1", "check_annotation": false, extra: value});
    let mut flameshot = rule("processes", "[{}]");
    flameshot["envs"] =
        json!({"FLAMESHOT_PROFILING_PATH": "/flames", "FLAMESHOT_HTTP_LOCAL_PORT": "1"});
    let config = r#"[{"type":"stdout"}]"#;
    let everything = json!({
        "admission_inject_v2": {
            "ddtraces": [rule("language", "java")],
            "logfwds": [rule("name", "mine")],
            "flameshots": [flameshot],
            "profilers": [rule("language", "java")],
        },
        "admission_mutate": {"loggings": [{"namespace_selectors": ["*"], "config": config}]},
    });
    let on_request = json!({
        "admission_inject": {
            "ddtrace": {"images": {
                "java_agent_image": "a:1", "python_agent_image": "a:1",
                "js_agent_image": "a:1", "php_agent_image": "a:1",
            }},
            "logfwd": {"images": {"logfwd_image": "a:1"}},
            "profiler": {"images": {
                "java_profiler_image": "a:1", "python_profiler_image": "a:1",
                "golang_profiler_image": "a:1",
            }},
        },
    });
    let otel = json!({"admission_inject_v2": {"otels": [rule("language", "java")]}});
    let on_request = {
        let mut settings = on_request;
        let asking = |language: &str| {
            json!({
                "namespace_selectors": ["*"], "image": "image:1", "check_annotation": true,
                "language": language
            })
        };
        settings["admission_inject_v2"]["otels"] = json!(["java", "python", "nodejs"].map(asking));
        settings
    };
    let blocks = code(&text("docs/annotations.md")).into_iter();
    let mut examples = blocks.filter(|block| block.language == "json");
    // The first is of log files.
    let example = examples.nth(1).unwrap().text;
    let injected = |annotations: Value, settings: &Value| -> Vec<String> {
        let answer = answer(&pod(annotations, json!({})), settings);
        let mut features: Vec<String> = answer["injected"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        features.sort();
        features
    };
    let all = ["ddtrace", "flameshot", "logfwd", "logging", "profiler"];
    assert_eq!(injected(json!({}), &everything), all);
    let documented: Vec<String> = table("All annotations")
        .iter()
        .filter_map(|row| code_in(&row.cells[0])?.strip_prefix(features::PREFIX))
        .map(str::to_owned)
        .collect();
    assert_eq!(documented, features::annotation_names().collect::<Vec<_>>());
    for row in table("All annotations") {
        let name = code_in(&row.cells[0]).unwrap();
        let without = |left_out: &str| -> Vec<&str> {
            all.into_iter()
                .filter(|feature| *feature != left_out)
                .collect()
        };
        match (name, row.cells[1].as_str()) {
            ("admission.datakit/enabled", "boolean") => {
                assert_eq!(
                    injected(json!({name: "false"}), &everything),
                    Vec::<String>::new()
                );
            }
            ("admission.datakit/pod-security", _) => {
                let left = injected(json!({name: "baseline"}), &everything);
                assert_eq!(left, ["ddtrace", "logfwd", "logging"]);
            }
            ("admission.datakit/containers", _) => {
                assert_eq!(injected(json!({name: "other"}), &everything), ["logging"]);
            }
            ("admission.datakit/exclude-containers", _) => {
                assert_eq!(injected(json!({name: "web"}), &everything), ["logging"]);
            }
            ("datakit/logs", "JSON") => {
                assert_eq!(
                    injected(json!({name: "[]"}), &everything),
                    without("logging")
                );
            }
            (name, "boolean") => {
                let feature = name.strip_prefix(features::PREFIX).unwrap();
                let feature = feature.strip_suffix(".enabled").unwrap();
                if feature == "otel" {
                    assert_eq!(injected(json!({}), &otel), ["otel"]);
                    assert!(injected(json!({name: "false"}), &otel).is_empty());
                } else {
                    let switched_off = injected(json!({name: "false"}), &everything);
                    assert_eq!(switched_off, without(feature));
                }
            }
            (name, "requests and limits, as JSON") => {
                let feature = name.strip_prefix(features::PREFIX).unwrap();
                let feature = feature.strip_suffix(".resources").unwrap();
                let settings = if feature == "otel" {
                    &otel
                } else {
                    &everything
                };
                assert_eq!(resources(feature, json!({}), settings), default_resources());
                let asks = json!({name: example});
                let amounts: Value = serde_json::from_str(&example).unwrap();
                assert_eq!(resources(feature, asks, settings), amounts);
                let asks_for_none = json!({name: "{}"});
                assert_eq!(resources(feature, asks_for_none, settings), json!(null));
            }
            (name, values) => {
                let asked = name.strip_prefix(features::PREFIX).unwrap();
                let feature = features::ALL
                    .iter()
                    .find(|feature| feature.asks.iter().any(|ask| ask.name == asked))
                    .unwrap();
                let value = if values == "JSON" { "[]" } else { "" };
                assert_eq!(injected(json!({name: value}), &on_request), [feature.name]);
            }
        }
    }
}

#[test]
fn attributes_are_merged_as_the_document_of_opentelemetry_says() {
    let document = text("docs/opentelemetry.md");
    let rows: Vec<Row> = rows(&document)
        .into_iter()
        .filter(|row| row.heading == "Attributes")
        .collect();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let cell = |place: usize| code_in(&row.cells[place]).unwrap_or_default();
        let (added, own, merged) = (cell(0), cell(1), cell(2));
        let lacking = Pairs::OPEN_TELEMETRY.lacking(own, added).unwrap();
        assert_eq!(format!("{own}{lacking}"), merged);
    }
}
