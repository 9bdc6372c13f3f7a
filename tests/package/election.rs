//! The manifests of the election service.

use serde_json::{Value, json};

use crate::VERSION;
use crate::files::{election, list, text};

fn object(file: &str, kind: &str) -> Value {
    let documents = election();
    let found = documents[&format!("deploy/election/{file}")]
        .iter()
        .find(|document| document["kind"] == kind);
    found
        .unwrap_or_else(|| panic!("no {kind} in {file}"))
        .clone()
}

#[test]
fn the_rights_are_those_that_the_service_checks_and_no_more() {
    let role = object("base/rbac.yaml", "Role");
    let rules = json!([{
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "list", "watch", "create", "update", "delete"],
    }]);
    assert_eq!(role["rules"], rules);
    let checked = text("election/src/store/kube.rs");
    let verbs: Vec<_> = list(&rules[0]["verbs"])
        .iter()
        .map(Value::to_string)
        .collect();
    assert!(checked.contains(&format!("[{}]", verbs.join(", "))));
}

#[test]
fn the_pod_meets_the_level_restricted() {
    let deployment = object("base/deployment.yaml", "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(
        pod["securityContext"],
        json!({
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        })
    );
    let containers = list(&pod["containers"]);
    assert_eq!(containers.len(), 1);
    assert_eq!(
        containers[0]["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        })
    );
}

#[test]
fn the_services_the_budget_and_the_anti_affinity_mean_the_pods_of_the_deployment() {
    let deployment = object("base/deployment.yaml", "Deployment");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    for (file, name) in [
        ("base/service.yaml", "datakit-election"),
        ("as-operator/service.yaml", "datakit-operator"),
    ] {
        let service = object(file, "Service");
        assert_eq!(service["metadata"]["name"], name);
        let spec = json!({
            "selector": labels,
            // The operator's ports.
            "ports": [{ "name": "https", "port": 443, "targetPort": "https" }],
        });
        assert_eq!(service["spec"], spec);
    }
    let budget = object("base/disruption-budget.yaml", "PodDisruptionBudget");
    assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels);
    let affinity = &deployment["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"];
    let preferred = &affinity["preferredDuringSchedulingIgnoredDuringExecution"][0];
    let selector = &preferred["podAffinityTerm"]["labelSelector"];
    assert_eq!(&selector["matchLabels"], labels);
}

#[test]
fn the_image_has_the_version_of_the_package() {
    let deployment = object("base/deployment.yaml", "Deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let image = format!("ghcr.io/datakit-policy/datakit-election:v{VERSION}");
    assert_eq!(container["image"], image);
}

#[test]
fn every_manifest_is_in_a_kustomization() {
    let documents = election();
    for file in documents.keys() {
        let (folder, name) = file.rsplit_once('/').unwrap();
        if name == "kustomization.yaml" {
            let named = text("docs/election.md").contains(folder);
            assert!(named || folder.ends_with("/base"), "{folder}");
            continue;
        }
        let kustomization = &documents[&format!("{folder}/kustomization.yaml")][0];
        assert!(
            list(&kustomization["resources"]).contains(&Value::from(name)),
            "{file}"
        );
    }
}
