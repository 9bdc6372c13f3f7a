//! Settings, and the resources that carry them.

use std::path::PathBuf;

use datakit_policy_host::manifest::Source;
use datakit_policy_host::settings::{self, PolicyResource};
use serde_json::json;

struct File(tempfile::TempDir);

impl File {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), text).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("policy.yaml")
    }

    fn name(&self) -> String {
        self.path().display().to_string()
    }
}

#[test]
fn yaml_json_and_nothing() {
    for (text, value) in [
        ("a: {b: yes}", json!({"a": {"b": true}})),
        ("{\"a\": 1}", json!({"a": 1})),
        ("", json!({})),
        ("null", json!({})),
        ("# only a comment\n", json!({})),
        ("{}", json!({})),
    ] {
        assert_eq!(settings::read("s.yml", text).unwrap(), value, "{text}");
    }
}

#[test]
fn everything_else_is_refused_with_its_place() {
    for (text, message) in [
        (
            "- a",
            "s.yml: settings must be a mapping or empty; this is a list",
        ),
        (
            "text",
            "s.yml: settings must be a mapping or empty; this is a string",
        ),
        ("a: 1\na: 2", "s.yml:2:1: the key `a` appears twice"),
        (
            "a: 1\n---\nb: 1",
            "s.yml:3:1: a second document starts here, but one is expected",
        ),
    ] {
        assert_eq!(
            settings::read("s.yml", text).unwrap_err().to_string(),
            message
        );
    }
    let missing = settings::read_file("no/such/file.yml".as_ref()).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "no/such/file.yml: cannot be read: No such file or directory (os error 2)"
    );
}

#[test]
fn policy_resources_bring_their_module_and_settings() {
    let file = File::new(
        "\
apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata: {name: datakit}
spec:
  module: registry://example.com/datakit:v1
  settings: {log_level: debug}
---
apiVersion: policies.kubewarden.io/v1
kind: AdmissionPolicy
metadata: {name: datakit, namespace: web}
spec:
  module: file:///policy.wasm
",
    );
    let source = |document, line| Source {
        file: file.name(),
        document,
        line,
        column: None,
        items: vec![],
    };
    assert_eq!(
        settings::read_policy_resources(&file.path()).unwrap(),
        [
            PolicyResource {
                source: source(1, 1),
                name: "datakit".to_owned(),
                module: "registry://example.com/datakit:v1".to_owned(),
                settings: json!({"log_level": "debug"}),
            },
            PolicyResource {
                source: source(2, 8),
                name: "datakit".to_owned(),
                module: "file:///policy.wasm".to_owned(),
                settings: json!({}),
            },
        ]
    );
}

#[test]
fn what_is_no_policy_resource_is_refused_with_its_place() {
    for (text, message) in [
        (
            "apiVersion: v1\nkind: ConfigMap",
            ":1: v1 ConfigMap is not a Kubewarden policy; \
             ClusterAdmissionPolicy and AdmissionPolicy (policies.kubewarden.io/v1) are",
        ),
        (
            "apiVersion: policies.kubewarden.io/v1\nkind: AdmissionPolicy\nspec: {}",
            ":1: the policy has no `spec.module`",
        ),
        (
            "apiVersion: policies.kubewarden.io/v1\nkind: AdmissionPolicy\nspec: {module: m, settings: [a]}",
            ":1, spec.settings: settings must be a mapping or empty; this is a list",
        ),
        ("# nothing", ": it contains no Kubewarden policy"),
        (
            "[]",
            ":1:1, document 1: expected a Kubernetes object, found a list",
        ),
    ] {
        let file = File::new(text);
        let error = settings::read_policy_resources(&file.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("{}{message}", file.name()));
    }
}
