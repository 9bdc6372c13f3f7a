//! Kubewarden's kinds on the API server.
//!
//! `KUBEWARDEN_CRDS` names a folder with Kubewarden's own definitions, as its chart has them. Without it they are made of the
//! fields that `tests/data/kubewarden-crds.json` lists.

use std::path::Path;
use std::time::{Duration, Instant};

use datakit_policy_host::yaml::{self, DuplicateKeys};
use serde_json::{Map, Value, json};

use crate::api_server::{PATIENCE, root};
use crate::client::{Client, Store};

/// Defines the kinds, and waits until they are served.
///
/// # Panics
/// Where the API server does not take a definition.
pub fn define(client: &Client) {
    let definitions = match std::env::var_os("KUBEWARDEN_CRDS") {
        Some(folder) => of_kubewarden(Path::new(&folder)),
        None => made(),
    };
    for definition in &definitions {
        client.create("", definition, Store::Yes).unwrap();
    }
    for kind in ["ClusterAdmissionPolicy", "AdmissionPolicy", "PolicyServer"] {
        let started = Instant::now();
        let any = json!({"apiVersion": "policies.kubewarden.io/v1", "kind": kind});
        while client.list("", &any).is_err() {
            assert!(started.elapsed() < PATIENCE, "{kind} is never served");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn of_kubewarden(folder: &Path) -> Vec<Value> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let texts = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    texts
        .flat_map(|text| yaml::documents(&text, DuplicateKeys::Refuse))
        .map(|document| document.unwrap().value)
        .filter(|object| object["kind"] == "CustomResourceDefinition")
        .collect()
}

fn made() -> Vec<Value> {
    let path = root().join("tests/data/kubewarden-crds.json");
    let fields: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let kinds = fields["kinds"].as_object().unwrap().iter();
    kinds
        .map(|(kind, definition)| crd(kind, definition, &fields["types"]))
        .collect()
}

fn crd(kind: &str, definition: &Value, types: &Value) -> Value {
    let singular = kind.to_lowercase();
    let plural = match singular.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{singular}s"),
    };
    let mut schema = schema(definition, types);
    // The API server knows metadata.
    schema["properties"]["metadata"] = json!({"type": "object"});
    let is_namespaced = definition["fields"]["metadata"] == "$NamespacedMetadata";
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.policies.kubewarden.io")},
        "spec": {
            "group": "policies.kubewarden.io",
            "names": {"kind": kind, "plural": plural, "singular": singular},
            "scope": if is_namespaced { "Namespaced" } else { "Cluster" },
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

/// A type of the file as OpenAPI has it.
fn schema(kind: &Value, types: &Value) -> Value {
    match kind {
        Value::String(name) => match name.as_str() {
            "any" => json!({"x-kubernetes-preserve-unknown-fields": true}),
            "quantity" => json!({"x-kubernetes-int-or-string": true}),
            name => match name.strip_prefix('$') {
                Some(name) => schema(&types[name], types),
                None => json!({"type": name}),
            },
        },
        Value::Array(item) => json!({"type": "array", "items": schema(&item[0], types)}),
        kind if kind["one_of"].is_array() => json!({"type": "string", "enum": kind["one_of"]}),
        kind if kind["integer"].is_array() => json!({
            "type": "integer",
            "minimum": kind["integer"][0],
            "maximum": kind["integer"][1],
        }),
        kind if kind["map"] == "any" => {
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
        }
        kind if !kind["map"].is_null() => {
            json!({"type": "object", "additionalProperties": schema(&kind["map"], types)})
        }
        kind => {
            let fields = kind["fields"].as_object().unwrap().iter();
            let properties: Map<String, Value> = fields
                .map(|(name, kind)| (name.clone(), schema(kind, types)))
                .collect();
            let mut object = json!({"type": "object", "properties": properties});
            if kind["required"]
                .as_array()
                .is_some_and(|keys| !keys.is_empty())
            {
                object["required"] = kind["required"].clone();
            }
            object
        }
    }
}
