//! The manifests in deploy/ and the rules of an injector.

use std::collections::BTreeSet;

use datakit_operator_policy::features;
use datakit_operator_policy::json;
use datakit_operator_policy::settings::Document;
use serde_json::{Value, json};

use crate::VERSION;
use crate::crds::crd_problems;
use crate::files::{
    annotation, default_settings, deploy, list, metadata, parse_one, skipped_namespaces, text,
};

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
                    "values": skipped_namespaces()
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
    let settings = Document::new(json::Value::parse(&settings).expect("settings are JSON"));
    assert_eq!(features::problems(&settings), []);
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

#[test]
fn the_policy_of_the_readme_is_one_of_kubewarden_and_an_injector() {
    let readme = text("README.md");
    let block = readme
        .split("```yaml\n")
        .find(|block| block.contains("kind: ClusterAdmissionPolicy"))
        .expect("the README shows a policy");
    let policy = parse_one(block.split("```").next().unwrap());
    assert_eq!(crd_problems(&policy), [""; 0]);
    assert_eq!(injector_problems(std::slice::from_ref(&policy)), [""; 0]);
    assert_eq!(policy["spec"]["rules"], metadata()["rules"]);
    let settings = policy["spec"]["settings"].to_string();
    let settings = Document::new(json::Value::parse(&settings).unwrap());
    assert_eq!(features::problems(&settings), []);
}
