//! The JSON Schema (draft-07) of the values of the Helm chart: the fields of a policy, and the settings from the table.

use serde_json::{Value, json};

use super::schema::{definitions, extend, object};

/// What the operator's chart has and a policy has no use for. It is accepted, so that the operator's values can be taken
/// as they are.
const OF_THE_OPERATOR: [&str; 18] = [
    "admissionregistration",
    "affinity",
    "autoscaling",
    "env",
    "image",
    "imagePullSecrets",
    "nameOverride",
    "nodeSelector",
    "podAnnotations",
    "podSecurityContext",
    "replicaCount",
    "resources",
    "securityContext",
    "service",
    "serviceAccount",
    "tolerations",
    "volumeMounts",
    "volumes",
];

/// The whole file.
pub fn text() -> String {
    let mut properties = json!({
        "global": {
            "description": "Values of all charts; Rancher sets the registry of the cluster.",
            "type": "object",
            "properties": {
                "cattle": {
                    "type": "object",
                    "properties": {
                        "systemDefaultRegistry": described("The registry that the module comes from.", json!({"type": "string"}))
                    }
                }
            }
        },
        "module": closed("The module.", json!({
            "repository": described("The path in the registry.", json!({"type": "string", "pattern": "^[a-z0-9]+([._/-]+[a-z0-9]+)*$"})),
            "tag": described("The version.", json!({"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"})),
            "digest": described("The digest, which takes the place of the tag.", json!({"type": "string", "pattern": "^$|^sha256:[0-9a-f]{64}$"}))
        })),
        "level": words("What the policy changes: templates of workloads, or pods when they are created.", &["workloads", "pods"]),
        "scope": words("Where: in the cluster, or in the namespace of the release.", &["cluster", "namespace"]),
        "policyServer": described("The policy server.", json!({"type": "string", "minLength": 1})),
        "mode": words("Whether the policy injects, or is only logged.", &["protect", "monitor"]),
        "failurePolicy": words("What becomes of a workload while no policy server answers.", &["Ignore", "Fail"]),
        "timeoutSeconds": seconds("How long the API server waits for the policy server.", json!("integer")),
        "timeoutEvalSeconds": seconds("After how long the policy server stops the policy.", json!(["integer", "null"])),
        "skipNamespaces": names("Namespaces that are left out, with scope cluster."),
        "skipAdditionalNamespaces": names("Namespaces that are left out in addition, with scope cluster."),
        "namespaceSelector": closed(
            "What the labels of a namespace have to meet. Kubewarden drops matchLabels.",
            json!({"matchExpressions": expressions()}),
        ),
        "objectSelector": closed("What the labels of the object have to meet.", json!({
            "matchExpressions": expressions(),
            "matchLabels": texts()
        })),
        "matchConditions": described("CEL expressions that the object has to meet; Kubernetes 1.28 or newer.", json!({
            "type": "array",
            "items": required(closed("A condition.", json!({
                "name": {"type": "string"},
                "expression": {"type": "string"}
            })), &["name", "expression"])
        })),
        "additionalLabels": described("Labels of the policy.", texts()),
        "additionalAnnotations": described("Annotations of the policy.", texts()),
        "fullnameOverride": described("The name of the policy, instead of that of the release.", json!({"type": "string", "maxLength": 63})),
        "configmap": closed("The operator's configuration, as the operator's chart has it.", json!({
            "jsonconfig": described(
                "The text of the operator's ConfigMap. It takes the place of settings, all but settings.policy.",
                json!({"type": "string", "contentMediaType": "application/json"}),
            )
        })),
        "settings": settings()
    });
    for name in OF_THE_OPERATOR {
        properties[name] =
            json!({"description": "A value of the operator's chart. It has no effect."});
    }
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart datakit-operator-policy",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "definitions": definitions()
    });
    let mut text = serde_json::to_string_pretty(&schema).unwrap();
    text.push('\n');
    text
}

/// The settings; the operator's text has a value of its own.
fn settings() -> Value {
    let mut settings = object("");
    let properties = settings["properties"].as_object_mut().unwrap();
    properties.remove("jsonconfig").unwrap();
    described(
        "The settings of the policy. Reference: docs/settings.md.",
        settings,
    )
}

fn described(description: &str, kind: Value) -> Value {
    let mut described = json!({ "description": description });
    extend(&mut described, kind);
    described
}

/// An object without other keys.
fn closed(description: &str, properties: Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "properties": properties
    })
}

fn required(mut object: Value, keys: &[&str]) -> Value {
    object["required"] = json!(keys);
    object
}

fn words(description: &str, words: &[&str]) -> Value {
    described(description, json!({"type": "string", "enum": words}))
}

fn seconds(description: &str, kind: Value) -> Value {
    described(
        description,
        json!({"type": kind, "minimum": 2, "maximum": 30}),
    )
}

fn names(description: &str) -> Value {
    described(
        description,
        json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
    )
}

fn texts() -> Value {
    json!({"type": "object", "additionalProperties": {"type": "string"}})
}

fn expressions() -> Value {
    let expression = closed(
        "An expression.",
        json!({
            "key": {"type": "string"},
            "operator": {"type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
            "values": {"type": "array", "items": {"type": "string"}}
        }),
    );
    json!({"type": "array", "items": required(expression, &["key", "operator"])})
}
