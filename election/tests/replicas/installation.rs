//! `deploy/election`, as a user applies it.

use std::path::Path;

use datakit_policy_cluster::api_server::root;
use serde_json::{Value, json};

use crate::place::Place;

pub fn the_api_server_takes_the_manifests_and_the_pod_is_restricted(place: &Place) {
    let apply = |folder: &Path| {
        let folder = folder.display().to_string();
        let arguments = ["apply", "--output=name", "--kustomize", &folder];
        // The namespace is Datakit's own.
        let output = place.server.kubectl.run("datakit", &arguments, "");
        assert!(output.succeeded, "{folder}: {}", output.complained);
        let names: Vec<String> = output.printed.lines().map(str::to_owned).collect();
        names
    };
    place.kubectl(&["create", "namespace", "datakit"], "");
    let base = [
        "serviceaccount/datakit-election",
        "role.rbac.authorization.k8s.io/datakit-election",
        "rolebinding.rbac.authorization.k8s.io/datakit-election",
        "service/datakit-election",
        "deployment.apps/datakit-election",
        "poddisruptionbudget.policy/datakit-election",
    ];
    assert_eq!(apply(&root().join("deploy/election")), base);
    let mut as_operator = base.to_vec();
    as_operator.insert(4, "service/datakit-operator");
    assert_eq!(
        apply(&root().join("deploy/election/as-operator")),
        as_operator
    );

    let pod = place.kubectl(
        &[
            "get",
            "deployment/datakit-election",
            "--namespace=datakit",
            "--output=json",
        ],
        "",
    );
    let deployment: Value = serde_json::from_str(&pod).unwrap();
    place.kubectl(
        &[
            "label",
            "namespace",
            &place.namespace,
            "pod-security.kubernetes.io/enforce=restricted",
        ],
        "",
    );
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "election" },
        "spec": deployment["spec"]["template"]["spec"],
    });
    let created = place.kubectl(
        &["create", "--output=name", "--filename", "-"],
        &pod.to_string(),
    );
    assert_eq!(created, "pod/election\n");
}
