//! The Helm chart: what it says twice, and that what it renders (`tests/chart/cases`, see `tests/chart/chart.bats`) is
//! a policy that Kubewarden and the policy itself take.

use std::collections::BTreeSet;

use datakit_operator_policy::features;
use datakit_operator_policy::json;
use datakit_operator_policy::settings::Document;
use serde_json::{Value, json};

use crate::VERSION;
use crate::crds::crd_problems;
use crate::files::{
    annotation, author, default_settings, deploy, files, metadata, parse_one, text,
};

const CHART: &str = "charts/datakit-operator-policy";

fn values() -> Value {
    parse_one(&text(&format!("{CHART}/values.yaml")))
}

/// What the chart renders a case to.
fn rendered(case: &str) -> Value {
    parse_one(&text(&format!("tests/chart/cases/{case}/policy.yaml")))
}

#[test]
fn the_chart_says_what_the_metadata_says() {
    let metadata = metadata();
    let oci_url = annotation(&metadata, "io.kubewarden.policy.ociUrl");
    let (registry, repository) = oci_url.split_once('/').expect("a registry and a path");
    let source = annotation(&metadata, "io.kubewarden.policy.source");
    let (author, address) = author(&metadata);
    let mut chart = parse_one(&text(&format!("{CHART}/Chart.yaml")));
    for key in ["kubewarden/rules", "kubewarden/contextAwareResources"] {
        let parsed = parse_one(chart["annotations"][key].as_str().expect(key));
        chart["annotations"][key] = parsed;
    }
    assert_eq!(
        chart,
        json!({
            "apiVersion": "v2",
            "name": annotation(&metadata, "io.kubewarden.policy.title"),
            "description": annotation(&metadata, "io.kubewarden.policy.description"),
            "type": "application",
            "version": VERSION,
            "appVersion": VERSION,
            "kubeVersion": ">= 1.24.0-0",
            "home": annotation(&metadata, "io.kubewarden.policy.url"),
            "sources": [source],
            "keywords": annotation(&metadata, "io.artifacthub.keywords").split(", ").collect::<Vec<_>>(),
            "maintainers": [{"name": author, "email": address}],
            "annotations": {
                "artifacthub.io/license": annotation(&metadata, "io.kubewarden.policy.license"),
                "catalog.cattle.io/hidden": "true",
                "catalog.cattle.io/type": "kubewarden-policy",
                "catalog.cattle.io/ui-component": "kubewarden",
                "kubewarden/displayName": annotation(&metadata, "io.artifacthub.displayName"),
                "kubewarden/mutation": metadata["mutating"].to_string(),
                "kubewarden/contextAwareResources": metadata["contextAwareResources"],
                "kubewarden/resources": annotation(&metadata, "io.artifacthub.resources"),
                "kubewarden/rules": metadata["rules"],
                "kubewarden/registry": registry,
                "kubewarden/repository": repository,
                "kubewarden/tag": format!("v{VERSION}"),
            },
        })
    );
    let values = values();
    assert_eq!(
        json!([values["global"], values["module"]]),
        json!([
            {"cattle": {"systemDefaultRegistry": registry}},
            {"repository": repository, "tag": format!("v{VERSION}"), "digest": ""},
        ])
    );
}

#[test]
fn the_values_are_those_of_the_schema() {
    let schema = parse_one(&text(&format!("{CHART}/values.schema.json")));
    let known = schema["properties"].as_object().unwrap().iter();
    // A value of the operator's chart is a description without a type.
    let known: BTreeSet<&str> = known
        .filter(|(_, property)| property.as_object().unwrap().len() > 1)
        .map(|(name, _)| name.as_str())
        .collect();
    let values = values();
    let values = values.as_object().unwrap().keys();
    assert_eq!(values.map(String::as_str).collect::<BTreeSet<_>>(), known);
    assert_eq!(self::values()["settings"], default_settings());
}

#[test]
fn the_chart_as_it_is_is_the_manifest_for_workloads() {
    let rendered = rendered("default");
    let mut expected = deploy()["deploy/workloads.yaml"][0].clone();
    expected["metadata"]["name"] = json!("datakit-operator");
    expected["metadata"]["labels"] = json!({
        "app.kubernetes.io/name": "datakit-operator-policy",
        "app.kubernetes.io/instance": "datakit-operator",
        "app.kubernetes.io/version": VERSION,
        "app.kubernetes.io/managed-by": "Helm",
        "helm.sh/chart": format!("datakit-operator-policy-{VERSION}"),
    });
    assert_eq!(rendered, expected);
    let pods = &deploy()["deploy/pods.yaml"][0];
    assert_eq!(
        self::rendered("pods")["spec"]["rules"],
        pods["spec"]["rules"]
    );
}

#[test]
fn what_the_chart_renders_is_what_kubewarden_declares_and_the_policy_takes() {
    let cases = files("tests/chart/cases");
    let cases: BTreeSet<&str> = cases
        .iter()
        .filter_map(|file| file.strip_suffix("/values.yaml"))
        .filter_map(|file| file.strip_prefix("tests/chart/cases/"))
        .collect();
    assert!(cases.len() > 4, "{cases:?}");
    for case in cases {
        let policy = rendered(case);
        assert_eq!(crd_problems(&policy), [""; 0], "{case}");
        let settings = policy["spec"]["settings"].to_string();
        let settings = Document::new(json::Value::parse(&settings).unwrap());
        assert_eq!(features::problems(&settings), [], "{case}");
    }
}
