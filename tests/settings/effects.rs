//! The effect of every key: what is different in the policy's answer to a pod when only that key is.

use std::collections::BTreeSet;

use datakit_operator_policy::json;
use datakit_operator_policy::settings::Document;
use serde_json::{Value, json};

use crate::keys::{paths, remove, set};
use crate::support::{answer, pod, problems};

mod injections;
mod own;
mod v1;
mod v2;

/// One key, and what it does to one pod.
pub struct Row {
    key: String,
    pod: Value,
    /// Settings with the key.
    settings: Value,
    /// The value that it is compared with; the key is left out where there is none.
    other: Option<Value>,
    /// The JSON patch from the answer without the key, or with the other value, to the answer with it. The answer is
    /// `{pod, warnings, injected}`.
    patch: Vec<Value>,
}

/// A row where the key is there or not.
fn there(key: &str, pod: &Value, settings: &Value, patch: Vec<Value>) -> Row {
    Row {
        key: key.to_owned(),
        pod: pod.clone(),
        settings: settings.clone(),
        other: None,
        patch,
    }
}

/// A row where the key has another value.
fn instead_of(key: &str, other: Value, pod: &Value, settings: &Value, patch: Vec<Value>) -> Row {
    Row {
        other: Some(other),
        ..there(key, pod, settings, patch)
    }
}

/// `settings` with `value` at `key`.
fn with(settings: &Value, key: &str, value: Value) -> Value {
    let mut settings = settings.clone();
    set(&mut settings, key, value);
    settings
}

fn add(path: &str, value: Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}

fn replace(path: &str, value: Value) -> Value {
    json!({"op": "replace", "path": path, "value": value})
}

/// The warning that is gone because the key is there.
fn no_warning() -> Value {
    json!({"op": "remove", "path": "/warnings/0"})
}

/// A container that is added, for the rows that all of them have.
struct Added<'a> {
    section: &'a str,
    /// Where the container is in the answer.
    container: &'a str,
    /// Where the first variable of `envs` is.
    env: &'a str,
    has_default_resources: bool,
    pod: &'a Value,
    /// Settings by which the container is added.
    settings: &'a Value,
}

impl Added<'_> {
    fn rows(&self) -> Vec<Row> {
        let mut rows = self.amounts();
        let key = format!("{}.image_pull_policy", self.section);
        let never = with(self.settings, &key, json!("Never"));
        let place = format!("{}/imagePullPolicy", self.container);
        rows.push(there(
            &key,
            self.pod,
            &never,
            vec![replace(&place, json!("Never"))],
        ));

        let key = format!("{}.envs[]", self.section);
        let variable = json!({"name": "A", "value": "1"});
        let mut settings = self.settings.clone();
        let mut envs = vec![variable];
        envs.extend(self.envs());
        set(
            &mut settings,
            &format!("{}.envs", self.section),
            json!(envs),
        );
        for (part, other, value) in [("name", "B", "A"), ("value", "2", "1")] {
            let patch = vec![replace(&format!("{}/{part}", self.env), json!(value))];
            let key = format!("{key}.{part}");
            rows.push(instead_of(&key, json!(other), self.pod, &settings, patch));
        }
        rows
    }

    /// The variables that the settings have already, as a list.
    fn envs(&self) -> Vec<Value> {
        let section = self.section.replace("[]", ".0").replace('.', "/");
        let envs = self.settings.pointer(&format!("/{section}/envs"));
        envs.and_then(Value::as_array).cloned().unwrap_or_default()
    }

    fn amounts(&self) -> Vec<Row> {
        let key = format!("{}.resources", self.section);
        let place = format!("{}/resources", self.container);
        let small = json!({
            "requests": {"cpu": "10m", "memory": "1Mi"},
            "limits": {"cpu": "20m", "memory": "2Mi"},
        });
        let settings = with(self.settings, &key, small.clone());
        let mut rows = Vec::new();
        let mut all = Vec::new();
        for bound in ["limits", "requests"] {
            let (key, place) = (format!("{key}.{bound}"), format!("{place}/{bound}"));
            let patch = vec![add(&place, small[bound].clone())];
            rows.push(there(&key, self.pod, &settings, patch));
            for resource in ["cpu", "memory"] {
                let (key, place) = (format!("{key}.{resource}"), format!("{place}/{resource}"));
                let amount = small[bound][resource].clone();
                all.push(replace(&place, amount.clone()));
                rows.push(there(&key, self.pod, &settings, vec![add(&place, amount)]));
            }
        }
        let patch = if self.has_default_resources {
            all
        } else {
            vec![add(&place, small)]
        };
        rows.push(there(&key, self.pod, &settings, patch));
        rows
    }
}

/// Keys of the whole document.
fn top_rows() -> Vec<Row> {
    let plain = pod(json!({}), json!({}));
    let settings = json!({"admission_mutate": {"loggings": [{"namespace_selectors": ["apps"], "config": "[]"}]}});
    let with_listen = with(&settings, "server_listen", json!("0.0.0.0:9543"));
    let with_level = with(&settings, "log_level", json!("debug"));
    let pasted = json!({"jsonconfig": settings.to_string()});
    vec![
        there("server_listen", &plain, &with_listen, vec![]),
        // What is logged is not in the answer.
        there("log_level", &plain, &with_level, vec![]),
        there("jsonconfig", &plain, &pasted, injections::logging("[]")),
    ]
}

fn table() -> Vec<Row> {
    let mut rows = top_rows();
    rows.extend(v1::rows());
    rows.extend(v2::rows());
    rows.extend(own::rows());
    rows
}

#[test]
fn only_what_the_key_is_for_changes() {
    for row in table() {
        let key = &row.key;
        let mut settings = row.settings.clone();
        match row.other {
            Some(other) => set(&mut settings, key, other),
            None => remove(&mut settings, key),
        }
        assert_eq!(problems(&row.settings), Vec::<String>::new(), "{key}");
        assert_eq!(problems(&settings), Vec::<String>::new(), "{key}");
        let before = answer(&row.pod, &settings);
        let after = answer(&row.pod, &row.settings);
        let patch = serde_json::to_value(json_patch::diff(&before, &after)).unwrap();
        assert_eq!(by_path(patch), by_path(json!(row.patch)), "{key}");
    }
}

/// The order of the operations says nothing: no two of them have the same path.
fn by_path(patch: Value) -> Vec<Value> {
    let Value::Array(mut operations) = patch else {
        panic!("{patch}");
    };
    operations.sort_by_key(|operation| operation["path"].to_string());
    operations
}

#[test]
fn every_key_has_an_effect() {
    let rows: BTreeSet<String> = table().into_iter().map(|row| row.key).collect();
    assert_eq!(rows, paths());
}

#[test]
fn only_these_keys_change_nothing() {
    let inert: BTreeSet<String> = table()
        .into_iter()
        .filter(|row| row.patch.is_empty())
        .map(|row| row.key)
        .collect();
    assert_eq!(
        inert.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "admission_inject.ddtrace.options",
            "admission_inject.profiler.enabled_labelselectors[].language",
            "admission_inject.profiler.enabled_namespaces[].language",
            "admission_inject.profiler.options",
            "admission_inject_v2.flameshots[].check_annotation",
            "admission_mutate.logging",
            "log_level",
            "server_listen",
        ]
    );
}

#[test]
fn log_level_decides_what_is_logged() {
    use slog::Level::{Debug, Error, Info, Warning};
    for (settings, expected) in [
        ("{}", Info),
        (r#"{"log_level":"debug"}"#, Debug),
        (r#"{"log_level":"TRACE"}"#, Debug),
        (r#"{"log_level":"info"}"#, Info),
        (r#"{"log_level":"warn"}"#, Warning),
        (r#"{"log_level":"warning"}"#, Warning),
        (r#"{"log_level":"error"}"#, Error),
        (r#"{"log_level":"fatal"}"#, Error),
        (r#"{"log_level":"panic"}"#, Error),
        (r#"{"log_level":"loud"}"#, Info),
    ] {
        let document = Document::new(json::Value::parse(settings).unwrap());
        assert_eq!(document.log_level(), expected, "{settings}");
    }
}
