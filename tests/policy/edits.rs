//! Manifests that are injected as texts: what the policy does not change stays as its author wrote it.

use std::collections::BTreeSet;

use datakit_policy_host::manifest;
use datakit_policy_host::settings;
use datakit_policy_host::yaml::{
    Comments, DuplicateKeys, edited, pointer_key, single, with_comments,
};
use serde_json::Value;

use crate::support::{create, root, validate, workload};
use crate::vectors::read;

/// Comments above every key and item below a pointer.
fn comment_on_all(value: &Value, pointer: &str, comments: &mut Comments) {
    let mut step = |key: &str, value: &Value| {
        let pointer = format!("{pointer}/{key}");
        comments.add(&pointer, format!("about {pointer}"));
        comment_on_all(value, &pointer, comments);
    };
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| step(&pointer_key(key), value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(place, item)| step(&place.to_string(), item)),
        _ => {}
    }
}

/// A manifest with a comment above everything, and one behind each line where that changes nothing.
fn commented(object: &Value) -> String {
    let mut comments = Comments::default();
    comment_on_all(object, "", &mut comments);
    let text = with_comments(object, &comments);
    let lines = text.lines().enumerate();
    let more: String = lines
        .map(|(number, line)| format!("{line} # line {number}\n"))
        .collect();
    match single(&more, DuplicateKeys::Refuse) {
        Ok(value) if value == *object => more,
        _ => text,
    }
}

/// Injects what came of `before` into a text that holds it, and takes it out again.
fn inject(text: &str, before: &Value, after: &Value) {
    let injected = edited(text, before, after)
        .unwrap_or_else(|| panic!("it cannot be edited to hold {after}:\n{text}"));
    assert_eq!(single(&injected, DuplicateKeys::Refuse), Ok(after.clone()));
    let lines: BTreeSet<&str> = injected.lines().collect();
    let own = text
        .lines()
        .filter(|line| line.trim_start().starts_with('#'));
    for comment in own {
        assert!(lines.contains(comment), "{comment} is lost:\n{injected}");
    }
    let back = edited(&injected, after, before);
    assert_eq!(back.as_deref(), Some(&*format!("---\n{text}")));
}

#[test]
fn every_comment_stays_where_it_is() {
    let mut injected = 0;
    for file in ["v1", "v2"] {
        for line in read(file).lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let namespace = case["request"]["namespace"].as_str().unwrap();
            let object = workload("Deployment", &case["request"]["object"]);
            let answer = validate(&create(namespace, &object), &case["settings"]);
            if let Some(after) = answer.mutated_object {
                inject(&commented(&object), &object, &after);
                injected += 1;
            }
        }
    }
    assert!(injected > 400, "{injected}");
}

#[test]
fn an_example_is_its_own_text_when_it_is_uninjected() {
    let settings = settings::read_file(&root().join("policy-settings/default.json")).unwrap();
    let mut injected = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let documents = manifest::read("example", &text);
        let [document] = <[_; 1]>::try_from(documents).unwrap();
        let object = document.unwrap().object;
        let answer = validate(&create("default", &object), &settings);
        if let Some(after) = answer.mutated_object {
            let text = text.strip_prefix("---\n").unwrap_or(&text);
            inject(text, &object, &after);
            injected += 1;
        }
    }
    assert!(injected > 2, "{injected}");
}
