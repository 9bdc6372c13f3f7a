//! The manifests in deploy/ and the fields of Kubewarden's resources.

use std::collections::BTreeMap;

use datakit_operator_policy::features;
use datakit_operator_policy::json;
use datakit_operator_policy::settings::Document;
use serde_json::{Value, json};

use crate::files::{deploy, list, parse_one, text};

/// What is wrong with an object by the definition of its kind.
pub fn crd_problems(object: &Value) -> Vec<String> {
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

#[test]
fn the_patch_that_lets_a_policy_ask_goes_with_the_policies_of_the_cluster() {
    let patch = parse_one(&text("deploy/ask-for-levels.yml"));
    for file in ["deploy/workloads.yaml", "deploy/pods.yaml"] {
        let mut object = deploy()[file][0].clone();
        let mut expected = object.clone();
        expected["spec"]["contextAwareResources"] =
            json!([{"apiVersion": "v1", "kind": "Namespace"}]);
        expected["spec"]["settings"]["policy"] = json!({"pod_security": "namespace"});
        json_patch::merge(&mut object, &patch);
        assert_eq!(object, expected, "{file}");
        assert_eq!(crd_problems(&object), [""; 0], "{file}");
        let settings = object["spec"]["settings"].to_string();
        let settings = Document::new(json::Value::parse(&settings).unwrap());
        assert_eq!(features::problems(&settings), [], "{file}");
    }
}
