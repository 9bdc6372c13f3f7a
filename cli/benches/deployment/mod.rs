//! What the benchmarks measure with.

use serde_json::{Value, json};

/// The operator's default settings.
pub const SETTINGS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../policy-settings/default.json"
);

/// The built policy.
pub const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../policy.wasm");

/// A Deployment like those in clusters: probes, resources, what controllers wrote. Every other asks for an agent.
pub fn deployment(number: usize) -> Value {
    let mut annotations =
        json!({"prometheus.io/scrape": "true", "checksum/config": "0".repeat(64)});
    if number.is_multiple_of(2) {
        annotations["admission.datakit/java-lib.version"] = json!("");
    }
    let name = format!("service-{number}");
    let labels = json!({"app": name, "team": format!("team-{}", number % 40), "version": "v1"});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": format!("namespace-{}", number % 200),
            "labels": labels,
            "generation": 3,
            "resourceVersion": "8412345",
            "annotations": {"deployment.kubernetes.io/revision": "3"}
        },
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {
                    "containers": [{
                        "name": "app",
                        "image": format!("registry.example.com/team/{name}:1.2.{number}"),
                        "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
                        "env": [
                            {"name": "JAVA_TOOL_OPTIONS", "value": "-XX:MaxRAMPercentage=75"},
                            {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": name, "key": "password"}}},
                            {"name": "DD_TAGS", "value": "tier:backend"}
                        ],
                        "resources": {
                            "requests": {"cpu": "250m", "memory": "512Mi"},
                            "limits": {"memory": "1Gi"}
                        },
                        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10},
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
                        "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}]
                    }],
                    "volumes": [{"name": "config", "configMap": {"name": name}}],
                    "serviceAccountName": name
                }
            }
        },
        "status": {"replicas": 3, "readyReplicas": 3, "observedGeneration": 3}
    })
}
