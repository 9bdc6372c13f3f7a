//! `docs/settings.md` and `schema.json`: that they have every key and no other, and say what is so.

use std::collections::{BTreeMap, BTreeSet};

use datakit_operator_policy::env;
use datakit_operator_policy::namespace::NamespacePattern;
use datakit_operator_policy::selector::LabelSelector;
use serde_json::{Value, json};

use crate::keys::{Sections, join, sections};
use crate::markdown::{Row, code, code_in, rows};
use crate::support::{SCHEMA, message, problems, schema_problems, text};

fn reference() -> String {
    text("docs/settings.md")
}

/// The rows of the tables under a heading.
fn table(heading: &str) -> Vec<Row> {
    let rows: Vec<Row> = rows(&reference())
        .into_iter()
        .filter(|row| row.heading == heading)
        .collect();
    assert!(!rows.is_empty(), "{heading} has no table");
    rows
}

/// What one heading of the reference describes for all sections.
fn described(section: &str) -> String {
    for (end, heading) in [
        (".resources", "resources"),
        (".resources.requests", "resources.requests"),
        (".resources.limits", "resources.requests"),
        (".envs[]", "envs[]"),
    ] {
        if section.ends_with(end) {
            return heading.to_owned();
        }
    }
    match section {
        "" => "Top level".to_owned(),
        section => section.to_owned(),
    }
}

#[test]
fn the_reference_has_the_keys_of_every_section_and_no_others() {
    let mut documented = Sections::new();
    for row in rows(&reference()) {
        // The tables of keys are the ones with five columns.
        if let [key, _, _, _, _] = row.cells.as_slice() {
            let keys = documented.entry(row.heading).or_default();
            let key = code_in(key).unwrap().to_owned();
            assert!(keys.insert(key.clone()), "{key} is there twice");
        }
    }
    let mut expected = Sections::new();
    for (section, keys) in sections() {
        let section = described(&section);
        let known = expected.entry(section.clone()).or_insert(keys.clone());
        assert_eq!(*known, keys, "{section} is not the same everywhere");
    }
    assert_eq!(documented, expected);
}

/// The objects of the schema, by section; what all of them must have is asserted on the way.
fn schema_sections() -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    collect(&SCHEMA, "", &mut found);
    found
}

fn collect(schema: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
    let schema = resolved(schema);
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        choices
            .iter()
            .for_each(|choice| collect(choice, path, found));
    }
    if let Some(items) = schema.get("items") {
        collect(items, &format!("{path}[]"), found);
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    assert_eq!(schema["additionalProperties"], false, "{path}");
    assert_eq!(schema["type"], "object", "{path}");
    for (key, schema) in properties {
        collect(schema, &join(path, key), found);
    }
    let before = found.insert(path.to_owned(), schema["properties"].clone());
    assert_eq!(before, None, "{path}");
}

/// The schema that a reference leads to.
fn resolved(schema: &Value) -> Value {
    let reference = schema
        .get("$ref")
        .or_else(|| schema.pointer("/allOf/0/$ref"));
    let Some(reference) = reference else {
        return schema.clone();
    };
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    let mut target = SCHEMA.pointer(pointer).unwrap().clone();
    // What stands beside the reference is about this place.
    for key in ["description", "default"] {
        if let Some(value) = schema.get(key) {
            target[key] = value.clone();
        }
    }
    target
}

#[test]
fn the_schema_has_the_keys_of_every_section_and_no_others() {
    let found: Sections = schema_sections()
        .into_iter()
        .map(|(section, properties)| {
            let keys = properties.as_object().unwrap().keys().cloned().collect();
            (section, keys)
        })
        .collect();
    assert_eq!(found, sections());
}

#[test]
fn the_schema_describes_every_key() {
    for (section, properties) in schema_sections() {
        for (key, schema) in properties.as_object().unwrap() {
            let description = resolved(schema)["description"].clone();
            assert!(
                description.as_str().is_some_and(|text| text.ends_with('.')),
                "{section}.{key}: {description}"
            );
        }
    }
}

#[test]
fn the_reference_and_the_schema_agree_on_types_and_defaults() {
    let schema = schema_sections();
    for (section, properties) in schema {
        for row in table(&described(&section)) {
            let [key, kind, default, effect, since] = row.cells.as_slice() else {
                panic!("{row:?}");
            };
            let key = code_in(key).unwrap();
            let schema = resolved(&properties[key]);
            assert_eq!(kind, type_of(&schema), "{section}.{key}");
            assert!(!effect.is_empty() && !since.is_empty(), "{section}.{key}");
            let expected = match &schema["default"] {
                // What an empty text means stands under its effect.
                Value::Null => String::new(),
                Value::String(text) if text.is_empty() => String::new(),
                Value::Object(_) => "[as below](#resources)".to_owned(),
                Value::String(text) => format!("`{text}`"),
                other => format!("`{other}`"),
            };
            if default == "required" {
                assert!(is_required(&section, key), "{section}.{key}");
            } else {
                assert_eq!(*default, expected, "{section}.{key}");
                assert!(!is_required(&section, key), "{section}.{key}");
            }
        }
    }
}

fn type_of(schema: &Value) -> &'static str {
    match schema["type"].as_str() {
        Some("string") => "string",
        Some("boolean") => "boolean",
        Some("object") => "object",
        Some("array") => "list",
        None if schema.get("anyOf").is_some() => "object or list",
        None => "any",
        Some(other) => panic!("{other} is no type of the reference"),
    }
}

/// Whether the schema and the policy ask for the key.
fn is_required(section: &str, key: &str) -> bool {
    let mut settings = json!({});
    // A key that nobody has keeps the object from being empty.
    crate::keys::set(&mut settings, section, json!({}));
    let place = join(section, key).replace("[]", "[0]");
    let by_policy = problems(&settings)
        .iter()
        .any(|problem| problem.starts_with(&format!("{place}: ")));
    let missing = |problem: &String| {
        let required = problem.split_once("required: ").map(|(_, keys)| keys);
        required.is_some_and(|keys| keys.contains(&format!("\"{key}\"")))
    };
    let by_schema = schema_problems(&settings).iter().any(missing);
    // Inside of a choice the schema says only that none fits.
    let in_choice = section.ends_with("envs[]") && !schema_problems(&settings).is_empty();
    assert_eq!(by_policy, by_schema || in_choice, "{section}.{key}");
    by_policy
}

#[test]
fn every_example_of_the_reference_is_valid() {
    let mut count = 0;
    for block in code(&reference()) {
        if block.about == "refused" || block.language == "text" {
            continue;
        }
        let settings = datakit_policy_host::settings::read("example", &block.text).unwrap();
        assert_eq!(problems(&settings), Vec::<String>::new(), "{}", block.text);
        assert_eq!(
            schema_problems(&settings),
            Vec::<String>::new(),
            "{}",
            block.text
        );
        count += 1;
    }
    assert_eq!(count, 10);
}

#[test]
fn the_messages_of_the_reference_are_those_of_the_policy() {
    let blocks = code(&reference());
    let block = |about: &str| {
        let block = blocks.iter().find(|block| block.about == about);
        block.unwrap().text.clone()
    };
    let expected = block("message");
    assert_eq!(
        message(&block("refused")).as_deref(),
        Some(expected.trim_end())
    );
    for row in table("What is refused") {
        let settings = code_in(&row.cells[0]).unwrap();
        assert_eq!(
            message(settings).as_deref(),
            code_in(&row.cells[1]),
            "{settings}"
        );
    }
}

#[test]
fn placeholders_are_what_the_reference_says() {
    for row in table("Placeholders") {
        let value = code_in(&row.cells[0]).unwrap();
        let is_reference = row.cells.len() == 3;
        assert_eq!(env::is_reference(value), is_reference, "{value}");
    }
}

#[test]
fn namespace_patterns_are_what_the_reference_says() {
    let tables = table("Namespaces");
    let (meanings, syntax): (Vec<&Row>, Vec<&Row>) =
        tables.iter().partition(|row| row.cells.len() == 3);
    let namespaces = ["prod", "prod-a", "my-prod", "my-prod-a", "test"];
    let matched = |pattern: NamespacePattern<'_>| -> BTreeSet<&str> {
        let matches = |name: &&str| pattern.matches(name);
        namespaces.into_iter().filter(matches).collect()
    };
    for row in meanings {
        let text = code_in(&row.cells[0]).unwrap();
        for (meaning, pattern) in [
            (&row.cells[1], NamespacePattern::name_or_expression(text)),
            (&row.cells[2], NamespacePattern::expression(text)),
        ] {
            let expected: &[&str] = match meaning.as_str() {
                "the namespace `prod` alone" => &["prod"],
                "an expression: every namespace with `prod` in its name" => {
                    &["my-prod", "my-prod-a", "prod", "prod-a"]
                }
                "begins with `prod-`" => &["prod-a"],
                "has `prod-` in it" => &["my-prod-a", "prod-a"],
                "every namespace" => &namespaces,
                other => panic!("{other} is not known"),
            };
            assert_eq!(
                matched(pattern),
                expected.iter().copied().collect(),
                "{text}"
            );
        }
    }
    for row in syntax {
        let text = code_in(&row.cells[0]).unwrap();
        let problem = NamespacePattern::expression(text).problem();
        match code_in(&row.cells[1]) {
            // Only the first of the two tables has code behind every syntax.
            Some(instead) if row.cells[1] == format!("`{instead}`") => {
                assert!(problem.is_some(), "{text}");
                assert_eq!(
                    NamespacePattern::expression(instead).problem(),
                    None,
                    "{instead}"
                );
            }
            _ => assert_eq!(problem, None, "{text}"),
        }
    }
}

#[test]
fn label_selectors_are_what_the_reference_says() {
    let labels = [
        json!({}),
        json!({"app": "web"}),
        json!({"app": "api"}),
        json!({"app": "db"}),
        json!({"app": "web", "canary": ""}),
        json!({"weight": "5"}),
        json!({"weight": "6"}),
        json!({"weight": "4"}),
        json!({"weight": "heavy"}),
        json!({"app": "web-1"}),
    ];
    let expected: [(&str, &[usize]); 12] = [
        ("app=web", &[1, 4]),
        ("app==web", &[1, 4]),
        ("app!=web", &[0, 2, 3, 5, 6, 7, 8, 9]),
        ("app=web-*", &[9]),
        ("app!=web-*", &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("app in (web, api)", &[1, 2, 4]),
        ("app notin (web, api)", &[0, 3, 5, 6, 7, 8, 9]),
        ("app", &[1, 2, 3, 4, 9]),
        ("!app", &[0, 5, 6, 7, 8]),
        ("weight>5", &[6]),
        ("weight<5", &[7]),
        ("app=web,!canary", &[1]),
    ];
    let documented = table("Label selectors");
    let documented: Vec<&str> = documented
        .iter()
        .map(|row| code_in(&row.cells[0]).unwrap())
        .collect();
    assert_eq!(documented, expected.map(|(selector, _)| selector));
    for (selector, expected) in expected {
        let parsed = LabelSelector::parse(selector).unwrap();
        let met: Vec<usize> = labels
            .iter()
            .enumerate()
            .filter(|(_, labels)| parsed.matches(labels.as_object()))
            .map(|(place, _)| place)
            .collect();
        assert_eq!(met, expected, "{selector}");
    }
}

#[test]
fn globs_are_what_the_reference_says() {
    let values = ["web", "web1", "web0", "web12", "web*", "my-web"];
    let expected: [(&str, &[&str]); 5] = [
        ("web*", &["web", "web1", "web0", "web12", "web*"]),
        ("web?", &["web1", "web0", "web*"]),
        ("web[123]", &["web1"]),
        ("web[1-9]", &["web1"]),
        ("web\\*", &["web*"]),
    ];
    let documented = table("Globs");
    let documented: Vec<&str> = documented
        .iter()
        .map(|row| code_in(&row.cells[0]).unwrap())
        .collect();
    assert_eq!(documented, expected.map(|(glob, _)| glob));
    for (glob, expected) in expected {
        let selector = format!("app={glob}");
        let selector = LabelSelector::parse(&selector).unwrap();
        let fitting = values
            .iter()
            .filter(|value| selector.matches(json!({"app": value}).as_object()));
        let fitting: Vec<&str> = fitting.copied().collect();
        assert_eq!(fitting, expected, "{glob}");
    }
}
