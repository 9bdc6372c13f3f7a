//! The JSON Schema (draft-07) of the settings.

use datakit_operator_policy::settings::{Absent, Key, Kind};
use serde_json::{Map, Value, json};

use super::{keys_of, sentence};

/// The whole file.
pub fn text() -> String {
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Settings of the Datakit operator policy",
        "description": "The configuration of the Datakit Operator, key for key. Reference: docs/settings.md.",
        "if": {"required": ["jsonconfig"]},
        "then": {"propertyNames": {"enum": ["jsonconfig", "policy"]}},
        "definitions": definitions(),
    });
    extend(&mut schema, object(""));
    let mut text = serde_json::to_string_pretty(&schema).unwrap();
    text.push('\n');
    text
}

/// The parts that stand in many places.
pub fn definitions() -> Value {
    json!({
        "image": {
            "type": "string",
            "pattern": "^$|^((\\[[0-9a-fA-F:]+\\]|[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?)(:[0-9]+)?/)?[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}))?$",
            "examples": ["pubrepo.guance.com/datakit-operator/dd-lib-java-init:latest"]
        },
        "quantity": {
            "type": "string",
            "pattern": "^\\+?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$",
            "examples": ["100m", "500m", "64Mi", "512Mi"]
        },
        "envs": {
            "anyOf": [
                {
                    "type": "object",
                    "propertyNames": {"pattern": VARIABLE_NAME},
                    "additionalProperties": {"type": "string"}
                },
                {"type": "array", "items": object("envs[]")}
            ]
        },
        "resources": object("resources")
    })
}

const VARIABLE_NAME: &str = "^([-_a-zA-Z]|\\.[-_a-zA-Z0-9])[-._a-zA-Z0-9]*$";

/// An object with the keys of a section.
pub fn object(section: &str) -> Value {
    let keys = keys_of(section);
    let mut properties = Map::new();
    for key in keys {
        properties.insert(key.name.to_owned(), property(section, key));
    }
    let mut object =
        json!({"type": "object", "additionalProperties": false, "properties": properties});
    let is_required = |key: &&Key| key.about.absent == Absent::Required;
    let required: Vec<&str> = keys
        .iter()
        .filter(is_required)
        .map(|key| key.name)
        .collect();
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn property(section: &str, key: &Key) -> Value {
    let about = &key.about;
    let mut property = json!({ "description": sentence(about.meaning) });
    extend(&mut property, value(section, key));
    let default = match about.absent {
        Absent::None | Absent::Required => return property,
        Absent::True => json!(true),
        Absent::False => json!(false),
        Absent::Number(number) => json!(number),
        Absent::Text(text) => json!(text),
        Absent::These(names) => json!(names),
        Absent::Resources => json!({
            "requests": {"cpu": "100m", "memory": "64Mi"},
            "limits": {"cpu": "500m", "memory": "512Mi"}
        }),
    };
    property["default"] = default;
    property
}

fn value(section: &str, key: &Key) -> Value {
    let inner = match section {
        "" => key.name.to_owned(),
        section => format!("{section}.{}", key.name),
    };
    let reference = |name: &str| json!({"allOf": [{"$ref": format!("#/definitions/{name}")}]});
    let texts = |items: Value| {
        let mut items = items;
        items["type"] = json!("string");
        json!({"type": "array", "items": items})
    };
    match key.about.kind {
        Kind::Any => json!({}),
        Kind::Object => object(&inner),
        Kind::List => json!({"type": "array", "items": object(&format!("{inner}[]"))}),
        Kind::Text => json!({"type": "string"}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Percentage => json!({"type": "integer", "minimum": 0, "maximum": 100}),
        Kind::Words(words) => json!({"type": "string", "enum": words}),
        Kind::WordsOrList(words) => json!({"anyOf": [
            {"type": "string", "enum": words},
            {"type": "array", "items": object(&format!("{inner}[]"))},
        ]}),
        Kind::Suggested(words) => json!({"type": "string", "examples": words}),
        Kind::Json => json!({"type": "string", "contentMediaType": "application/json"}),
        Kind::VariableName => json!({"type": "string", "pattern": VARIABLE_NAME}),
        Kind::Image => reference("image"),
        Kind::Quantity => reference("quantity"),
        Kind::Envs => reference("envs"),
        Kind::Resources => reference("resources"),
        Kind::Names => texts(json!({"examples": ["shop", "prod-.*"]})),
        Kind::ContainerNames => texts(json!({"examples": ["istio-proxy"]})),
        Kind::Expressions => texts(json!({"examples": ["*", "^prod-", "^default$"]})),
        Kind::LabelSelectors => {
            texts(json!({"examples": ["app=web", "app=web-*", "app in (web, api),!canary"]}))
        }
        Kind::Paths => texts(json!({"pattern": "^/", "examples": ["/var/log/app"]})),
    }
}

/// Adds the keys of an object to another.
pub fn extend(object: &mut Value, more: Value) {
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
}
