//! The part of JSON Schema (draft-07) that `schema.json` uses. A validator from a registry would come with two dozen
//! crates; this one fails on every keyword that it does not know, so the schema cannot mean more than is tested.

use regex_lite::Regex;
use serde_json::{Map, Value, json};

/// What says nothing about whether a value is valid.
const ANNOTATIONS: [&str; 8] = [
    "$schema",
    "contentMediaType",
    "default",
    "definitions",
    "description",
    "examples",
    "then",
    "title",
];

/// What is wrong with `value`, each with its place.
pub fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    Check { root: schema }.value(schema, value, "", &mut problems);
    problems
}

struct Check<'s> {
    root: &'s Value,
}

impl Check<'_> {
    fn value(&self, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        let Value::Object(keywords) = schema else {
            panic!("{schema} is no schema");
        };
        if let Some(target) = keywords.get("$ref") {
            assert_eq!(keywords.len(), 1, "draft-07 ignores what is beside a $ref");
            return self.value(self.definition(target), value, at, problems);
        }
        for (keyword, rule) in keywords {
            if !ANNOTATIONS.contains(&keyword.as_str()) {
                self.keyword(keywords, keyword, rule, value, at, problems);
            }
        }
    }

    fn definition(&self, target: &Value) -> &Value {
        let target = target.as_str().unwrap().strip_prefix('#').unwrap();
        self.root.pointer(target).unwrap()
    }

    fn is_valid(&self, schema: &Value, value: &Value) -> bool {
        let mut problems = Vec::new();
        self.value(schema, value, "", &mut problems);
        problems.is_empty()
    }

    fn keyword(
        &self,
        keywords: &Map<String, Value>,
        keyword: &str,
        rule: &Value,
        value: &Value,
        at: &str,
        problems: &mut Vec<String>,
    ) {
        let list = |rule: &Value| rule.as_array().unwrap().clone();
        let fits = match keyword {
            "type" if rule == "integer" => value.is_u64() || value.is_i64(),
            "type" => rule == kind(value),
            "minimum" => value.as_i64() >= rule.as_i64(),
            "maximum" => value.as_i64() <= rule.as_i64(),
            "enum" => list(rule).contains(value),
            "pattern" => value.as_str().is_none_or(|text| matches(rule, text)),
            "maxProperties" => {
                let most = rule.as_u64().unwrap();
                value
                    .as_object()
                    .is_none_or(|entries| entries.len() as u64 <= most)
            }
            "required" => list(rule).iter().all(|key| {
                let key = key.as_str().unwrap();
                value
                    .as_object()
                    .is_none_or(|entries| entries.contains_key(key))
            }),
            "propertyNames" => value
                .as_object()
                .is_none_or(|entries| entries.keys().all(|key| self.is_valid(rule, &json!(key)))),
            "oneOf" => {
                list(rule)
                    .iter()
                    .filter(|schema| self.is_valid(schema, value))
                    .count()
                    == 1
            }
            "anyOf" => list(rule).iter().any(|schema| self.is_valid(schema, value)),
            "if" => !self.is_valid(rule, value) || self.is_valid(&keywords["then"], value),
            "allOf" => {
                for schema in list(rule) {
                    self.value(&schema, value, at, problems);
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.value(rule, item, &format!("{at}/{index}"), problems);
                }
                true
            }
            "properties" => {
                for (key, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        self.value(schema, value, &format!("{at}/{key}"), problems);
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = keywords.get("properties");
                let others = value.as_object().into_iter().flatten();
                for (key, value) in
                    others.filter(|(key, _)| known.is_none_or(|known| known.get(key).is_none()))
                {
                    let at = format!("{at}/{key}");
                    match rule {
                        Value::Bool(false) => problems.push(format!("{at}: is no key")),
                        schema => self.value(schema, value, &at, problems),
                    }
                }
                true
            }
            other => panic!("{other} is not known"),
        };
        if !fits {
            problems.push(format!("{at}: {keyword}: {rule}"));
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn matches(pattern: &Value, text: &str) -> bool {
    Regex::new(pattern.as_str().unwrap())
        .unwrap()
        .is_match(text)
}

#[test]
#[rustfmt::skip]
fn keywords_mean_what_the_standard_says() {
    for (schema, valid, invalid) in [
        (json!({"type": "string"}), json!("a"), json!(1)),
        (json!({"enum": ["a", 1]}), json!(1), json!("1")),
        (json!({"pattern": "^a"}), json!("ab"), json!("ba")),
        (json!({"pattern": "^a"}), json!(7), json!("")),
        (json!({"maxProperties": 1}), json!({"a": 1}), json!({"a": 1, "b": 2})),
        (json!({"required": ["a"]}), json!({"a": null}), json!({"b": 1})),
        (json!({"propertyNames": {"pattern": "^a"}}), json!({"ab": 1}), json!({"b": 1})),
        (json!({"anyOf": [{"type": "string"}, {"type": "number"}]}), json!(1), json!(true)),
        (json!({"allOf": [{"type": "string"}, {"pattern": "a"}]}), json!("a"), json!("b")),
        (json!({"items": {"type": "string"}}), json!(["a"]), json!(["a", 1])),
        (json!({"properties": {"a": {"type": "string"}}}), json!({"b": 1}), json!({"a": 1})),
        (json!({"additionalProperties": false, "properties": {"a": {}}}), json!({"a": 1}), json!({"b": 1})),
        (json!({"additionalProperties": {"type": "string"}}), json!({"a": ""}), json!({"a": 1})),
        (json!({"if": {"required": ["a"]}, "then": {"maxProperties": 1}}), json!({"b": 1, "c": 2}), json!({"a": 1, "b": 2})),
        (json!({"$ref": "#/definitions/a"}), json!(""), json!(1)),
    ] {
        let mut root = schema.clone();
        if schema.get("$ref").is_some() {
            root = json!({"allOf": [schema], "definitions": {"a": {"type": "string"}}});
        }
        assert_eq!(problems(&root, &valid), Vec::<String>::new(), "{root}");
        assert!(!problems(&root, &invalid).is_empty(), "{root}");
    }
}
