//! What is made of the table of keys: the tables of `docs/settings.md`, the JSON Schema, Rancher's form and the schema
//! of the chart's values. `make docs` writes them; here it is tested that they are as they would be written.

mod form;
mod schema;
mod tables;
mod values;

use std::fs;

use datakit_operator_policy::settings::{Key, SECTIONS};

use crate::support::{path, text};

/// The keys of a section.
fn keys_of(section: &str) -> &'static [Key] {
    let found = SECTIONS.iter().find(|own| own.path == section);
    found
        .unwrap_or_else(|| panic!("{section} is no section"))
        .keys
}

/// Markdown as a sentence of plain text.
fn sentence(markdown: &str) -> String {
    let mut plain = String::new();
    let mut rest = markdown;
    while let Some((before, after)) = rest.split_once('[') {
        // `[words](target)`, but not `list[]`.
        match after.split_once("](") {
            Some((words, target)) if !words.contains('[') => {
                plain.push_str(before);
                plain.push_str(words);
                rest = target.split_once(')').unwrap().1;
            }
            _ => {
                plain.push_str(before);
                plain.push('[');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    let plain = plain.replace('`', "");
    let mut characters = plain.chars();
    let first = characters.next().unwrap();
    format!("{}{}.", first.to_uppercase(), characters.as_str())
}

#[test]
fn the_documents_are_made_of_the_table() {
    let form = form::text();
    let documents = [
        (
            "docs/settings.md",
            tables::within(&text("docs/settings.md")),
        ),
        ("policy-settings/schema.json", schema::text()),
        (
            "artifacthub-pkg.yml",
            form::within(&text("artifacthub-pkg.yml"), &form),
        ),
        (
            "charts/datakit-operator-policy/values.schema.json",
            values::text(),
        ),
        (
            "charts/datakit-operator-policy/questions.yaml",
            form.clone(),
        ),
        ("questions-ui.yml", form),
    ];
    for (file, made) in documents {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(path(file), made).unwrap();
        } else {
            assert!(
                text(file) == made,
                "{file} is not what the table says: run `make docs`"
            );
        }
    }
}

#[test]
fn markdown_becomes_a_sentence() {
    for (markdown, expected) in [
        ("the agent", "The agent."),
        (
            "[resources](#resources) of `x`; none",
            "Resources of x; none.",
        ),
        (
            "a [label selector](#a), or `a[]`",
            "A label selector, or a[].",
        ),
    ] {
        assert_eq!(sentence(markdown), expected);
    }
}
