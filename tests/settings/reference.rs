//! `docs/settings.md`: that its examples, messages and tables say what is so.

use std::collections::BTreeSet;

use datakit_operator_policy::env;
use datakit_operator_policy::json;
use datakit_operator_policy::namespace::NamespacePattern;
use datakit_operator_policy::selector::LabelSelector;
use serde_json::json;

use crate::markdown::{Row, code, code_in, rows};
use crate::support::{message, problems, schema_problems, text};

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
    assert!(count > 10, "{count}");
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
        let is_placeholder = row.cells.len() == 3;
        assert_eq!(env::is_placeholder(value), is_placeholder, "{value}");
        assert_eq!(env::problem(value), None, "{value}");
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
            .filter(|(_, labels)| parsed.matches(json::Value::from(*labels).as_object()))
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
            .filter(|value| selector.matches(json::Value::from(json!({"app": value})).as_object()));
        let fitting: Vec<&str> = fitting.copied().collect();
        assert_eq!(fitting, expected, "{glob}");
    }
}
