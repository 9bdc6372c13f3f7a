//! questions-ui.yml, the form that Rancher shows.

use std::collections::BTreeSet;

use datakit_operator_policy::settings::{Kind, SECTIONS};
use serde_json::{Value, json};

use crate::files::{default_settings, list, parse_one, text};

/// What Rancher's form understands in a question. `tooltip`, `hide_input` and `sequence_questions` are additions of
/// its Kubewarden extension.
const QUESTION_KEYS: [&str; 16] = [
    "variable",
    "label",
    "title",
    "description",
    "tooltip",
    "group",
    "type",
    "required",
    "default",
    "options",
    "show_if",
    "show_subquestion_if",
    "hide_input",
    "value_multiline",
    "subquestions",
    "sequence_questions",
];

/// The paths of the settings that the form may name, items of lists as `list[].key`.
fn settings_paths() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for section in SECTIONS {
        for key in section.keys {
            let path = match section.path {
                "" => key.name.to_owned(),
                section => format!("{section}.{}", key.name),
            };
            if key.about.kind == Kind::Resources {
                for bound in ["requests", "limits"] {
                    for resource in ["cpu", "memory"] {
                        paths.insert(format!("{path}.{bound}.{resource}"));
                    }
                }
            }
            paths.insert(path);
        }
    }
    paths
}

/// What is wrong with a form.
fn form_problems(form: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let paths = settings_paths();
    let mut seen = BTreeSet::new();
    for key in form.as_object().expect("a form is an object").keys() {
        if key != "questions" {
            problems.push(format!("unknown key {key}"));
        }
    }
    for question in list(&form["questions"]) {
        question_problems(question, "", &paths, &mut seen, &mut problems);
    }
    problems
}

/// `prefix` is what the question's variable is relative to: the items of a list, or nothing.
fn question_problems(
    question: &Value,
    prefix: &str,
    paths: &BTreeSet<String>,
    seen: &mut BTreeSet<String>,
    problems: &mut Vec<String>,
) {
    let variable = question["variable"].as_str().unwrap_or_default();
    let path = format!("{prefix}{variable}");
    let mut problem = |what: String| problems.push(format!("{path}: {what}"));

    for key in question
        .as_object()
        .expect("a question is an object")
        .keys()
    {
        if !QUESTION_KEYS.contains(&key.as_str()) {
            problem(format!("unknown key {key}"));
        }
    }
    for key in ["variable", "label", "group", "type"] {
        if !question[key].is_string() {
            problem(format!("no {key}"));
        }
    }
    if !paths.contains(&path) {
        problem("is no path of the settings".to_owned());
    }
    if !seen.insert(path.clone()) {
        problem("is asked for twice".to_owned());
    }

    let kind = question["type"].as_str().unwrap_or_default();
    let default = &question["default"];
    let default_fits = default.is_null()
        || match kind {
            "string" | "multiline" | "enum" => default.is_string(),
            "boolean" => default.is_boolean(),
            "int" => default.is_i64(),
            "map[" => default.is_object(),
            "array[" | "sequence[" => default.is_array(),
            unknown => {
                problem(format!("unknown type {unknown}"));
                true
            }
        };
    if !default_fits {
        problem(format!("the default {default} is no {kind}"));
    }
    if kind == "enum" && !default.is_null() && !list(&question["options"]).contains(default) {
        problem(format!("the default {default} is no option"));
    }
    if (kind == "enum") != question["options"].is_array() {
        problem("options belong to the type enum".to_owned());
    }
    if (kind == "sequence[") != question["sequence_questions"].is_array() {
        problem("sequence_questions belong to the type sequence[".to_owned());
    }
    if kind != "map[" && question["subquestions"].is_array() {
        problem("subquestions belong to the type map[".to_owned());
    }
    // A list is told by its parent what it is for; everything else has to say so itself.
    if kind != "sequence[" && question["tooltip"].is_null() && question["description"].is_null() {
        problem("neither tooltip nor description".to_owned());
    }

    for item in list(&question["sequence_questions"]) {
        question_problems(item, &format!("{path}[]."), paths, seen, problems);
    }
    for sub in list(&question["subquestions"]) {
        question_problems(sub, prefix, paths, seen, problems);
        let name = sub["variable"].as_str().unwrap_or_default();
        if !name.starts_with(&format!("{variable}.")) {
            problems.push(format!("{name}: is asked for below {variable}"));
        }
    }
}

/// The settings that the form makes if nobody touches it: every question in order puts its default where there is no
/// value yet. Lists do not: only a parent's default creates them.
fn untouched_form(questions: &[Value], settings: &mut Value) {
    for question in questions {
        let variable = question["variable"].as_str().expect("a variable");
        let pointer = format!("/{}", variable.replace('.', "/"));
        if question["type"] == "sequence[" {
            assert!(
                settings
                    .pointer(&pointer)
                    .is_some_and(|value| value.is_array()),
                "{variable} is missing in the default of the question above it"
            );
        } else if !question["default"].is_null() && settings.pointer(&pointer).is_none() {
            let mut place = &mut *settings;
            for key in variable.split('.') {
                place = &mut place[key];
            }
            *place = question["default"].clone();
        }
        untouched_form(list(&question["subquestions"]), settings);
    }
}

#[test]
fn the_form_asks_for_settings_in_a_way_that_rancher_understands() {
    let form = parse_one(&text("questions-ui.yml"));
    assert_eq!(form_problems(&form), [""; 0]);
}

#[test]
fn the_untouched_form_makes_the_operators_default_settings() {
    let form = parse_one(&text("questions-ui.yml"));
    let mut settings = json!({});
    untouched_form(list(&form["questions"]), &mut settings);
    assert_eq!(settings, default_settings());
}

#[test]
fn every_feature_has_a_group_of_its_own_in_the_form() {
    fn groups<'q>(questions: &'q [Value], found: &mut Vec<(&'q str, &'q str)>) {
        for question in questions {
            found.push((
                question["variable"].as_str().expect("a variable"),
                question["group"].as_str().expect("a group"),
            ));
            groups(list(&question["subquestions"]), found);
        }
    }
    let form = parse_one(&text("questions-ui.yml"));
    let mut found = Vec::new();
    groups(list(&form["questions"]), &mut found);
    for (variable, group) in found {
        let expected = match variable.split('.').take(2).collect::<Vec<_>>().as_slice() {
            ["admission_inject", "ddtrace"] => "DDTrace",
            ["admission_inject", "logfwd"] => "logfwd",
            ["admission_inject", "profiler"] => "Profiler",
            ["admission_mutate", ..] => "Logging",
            ["policy", ..] => "The policy itself",
            _ => "General",
        };
        assert_eq!(group, expected, "{variable}");
    }
}

#[test]
fn a_broken_form_is_refused() {
    let question = json!({
        "variable": "log_level", "label": "Log level", "tooltip": "What is logged", "group": "General",
        "type": "enum", "options": ["info"], "default": "info"
    });
    let with = |changes: Value| {
        let mut question = question.clone();
        for (key, value) in changes.as_object().expect("changes") {
            question[key] = value.clone();
        }
        form_problems(&json!({ "questions": [question] }))
    };
    assert_eq!(with(json!({})), [""; 0]);
    assert_eq!(
        with(json!({ "tooltop": "" })),
        ["log_level: unknown key tooltop"]
    );
    assert_eq!(
        with(json!({ "variable": "loglevel" })),
        ["loglevel: is no path of the settings"]
    );
    assert_eq!(with(json!({ "label": null })), ["log_level: no label"]);
    assert_eq!(
        with(json!({ "default": "loud" })),
        ["log_level: the default \"loud\" is no option"]
    );
    assert_eq!(
        with(json!({ "type": "map", "options": null })),
        ["log_level: unknown type map"]
    );
    assert_eq!(
        with(json!({ "type": "int", "options": null })),
        ["log_level: the default \"info\" is no int"]
    );
    assert_eq!(
        with(json!({ "type": "string" })),
        ["log_level: options belong to the type enum"]
    );
    assert_eq!(
        with(json!({ "tooltip": null })),
        ["log_level: neither tooltip nor description"]
    );
    assert_eq!(
        with(json!({ "subquestions": [question] })),
        [
            "log_level: subquestions belong to the type map[",
            "log_level: is asked for twice",
            "log_level: is asked for below log_level"
        ]
    );
    assert_eq!(
        form_problems(&json!({ "question": [] })),
        ["unknown key question"]
    );
}
