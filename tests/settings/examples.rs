//! The example settings.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::keys::{join, paths, sections};
use crate::support::{path, problems, schema_problems, settings, text};

const EXAMPLES: [&str; 8] = [
    "all-keys.yaml",
    "default-v2.json",
    "default.json",
    "jsonconfig.yaml",
    "loggings.json",
    "minimal.json",
    "opentelemetry.json",
    "selectors.json",
];

fn example(name: &str) -> Value {
    settings(&format!("policy-settings/{name}"))
}

#[test]
fn every_example_is_known_and_described() {
    let no_examples = ["README.md", "schema.json"];
    let files: BTreeSet<String> = fs::read_dir(path("policy-settings"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected = EXAMPLES.iter().chain(&no_examples);
    assert_eq!(files, expected.map(|name| (*name).to_owned()).collect());
    let readme = text("policy-settings/README.md");
    for name in EXAMPLES {
        assert!(
            readme.contains(&format!("| [`{name}`]({name}) |")),
            "{name}"
        );
    }
}

#[test]
fn the_policy_and_the_schema_take_every_example() {
    for name in EXAMPLES {
        let settings = example(name);
        assert_eq!(problems(&settings), Vec::<String>::new(), "{name}");
        assert_eq!(schema_problems(&settings), Vec::<String>::new(), "{name}");
    }
}

/// What is pasted must pass the schema too, for it may be pasted without `jsonconfig` as well.
#[test]
fn the_schema_takes_the_pasted_text() {
    let pasted = example("jsonconfig.yaml");
    let pasted: Value = serde_json::from_str(pasted["jsonconfig"].as_str().unwrap()).unwrap();
    assert_eq!(schema_problems(&pasted), Vec::<String>::new());
}

#[test]
fn all_keys_has_every_key() {
    let settings = example("all-keys.yaml");
    let mut used = BTreeSet::new();
    collect(&settings, "", &mut used);
    // It excludes the others; there is an example of its own.
    used.insert("jsonconfig".to_owned());
    let mut missing: BTreeSet<String> = paths().difference(&used).cloned().collect();
    // Of `envs` as a list, of requests and of limits, one example is enough.
    for (section, keys) in sections() {
        let inner = [".envs[]", ".resources", ".requests", ".limits"]
            .iter()
            .find(|end| section.ends_with(*end));
        for key in &keys {
            let used_elsewhere = |end: &&str| {
                used.iter()
                    .any(|path| path.ends_with(&format!("{end}.{key}")))
            };
            if inner.is_some_and(used_elsewhere) {
                missing.remove(&join(&section, key));
            }
        }
    }
    assert_eq!(missing, BTreeSet::new());
}

fn collect(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let path = join(path, key);
                paths.insert(path.clone());
                collect(value, &path, paths);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, &format!("{path}[]"), paths);
            }
        }
        _ => {}
    }
}

/// Written down a second time, from the document of operator 1.5.
#[test]
fn the_default_is_that_of_the_operator() {
    let operator = "pubrepo.guance.com/datakit-operator";
    let log_files = json!([
        {"disable": false, "type": "file", "path": "/tmp/opt/**/*.log", "source": "logging-tmp"},
        {"disable": true, "type": "file", "path": "/var/log/opt/**/*.log", "source": "logging-var"},
    ]);
    let mut expected = json!({
        "server_listen": "0.0.0.0:9543",
        "log_level": "info",
        "admission_inject": {
            "ddtrace": {
                "enabled_namespaces": [],
                "enabled_labelselectors": [],
                "images": {"java_agent_image": format!("{operator}/dd-lib-java-init:v1.30.1-guance")},
                "envs": {
                    "DD_AGENT_HOST": "datakit-service.datakit.svc",
                    "DD_TRACE_AGENT_PORT": "9529",
                    "DD_JMXFETCH_STATSD_HOST": "datakit-service.datakit.svc",
                    "DD_JMXFETCH_STATSD_PORT": "8125",
                    "DD_SERVICE": "{fieldRef:metadata.labels['service']}",
                    "POD_NAME": "{fieldRef:metadata.name}",
                    "POD_NAMESPACE": "{fieldRef:metadata.namespace}",
                    "NODE_NAME": "{fieldRef:spec.nodeName}",
                    "DD_TAGS": "pod_name:$(POD_NAME),pod_namespace:$(POD_NAMESPACE),host:$(NODE_NAME)",
                },
            },
            "logfwd": {"images": {"logfwd_image": "pubrepo.guance.com/datakit/logfwd:1.28.1"}},
            "profiler": {
                "images": {
                    "java_profiler_image": format!("{operator}/async-profiler:0.1.0"),
                    "python_profiler_image": format!("{operator}/py-spy:0.1.0"),
                    "golang_profiler_image": format!("{operator}/go-pprof:0.1.0"),
                },
                "envs": {
                    "DK_AGENT_HOST": "datakit-service.datakit.svc",
                    "DK_AGENT_PORT": "9529",
                    "DK_PROFILE_VERSION": "1.2.333",
                    "DK_PROFILE_ENV": "prod",
                    "DK_PROFILE_DURATION": "240",
                    "DK_PROFILE_SCHEDULE": "0 * * * *",
                },
            },
        },
        "admission_mutate": {
            "loggings": [{
                "namespace_selectors": ["test01"],
                "label_selectors": ["app=logging"],
                "config": log_files,
            }],
        },
    });
    let mut settings = example("default.json");
    // The text is compared as JSON, and then as text: Datakit gets it as it stands.
    let config = settings["admission_mutate"]["loggings"][0]["config"].take();
    let config = config.as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(config).unwrap(), log_files);
    assert!(!config.contains([' ', '\n']));
    expected["admission_mutate"]["loggings"][0]["config"] = Value::Null;
    assert_eq!(settings, expected);
}
