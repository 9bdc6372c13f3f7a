//! From the policy's messages to lines and columns of the user's file.

use datakit_policy_host::settings::{Positions, find};
use datakit_policy_host::yaml::Position;

/// Where a problem leads that is inside of the text at a path, and its message.
fn place(text: &str, path: &str, line: usize, column: usize) -> String {
    let found = find("file", text).unwrap();
    let inside = Some(Position { line, column });
    let problem = Positions::new(&found, text).problem(path, "is wrong", inside);
    format!(
        "{}:{} {}",
        problem.at.line,
        problem.at.column,
        problem.message()
    )
}

/// Where a path leads.
fn at(text: &str, path: &str) -> (usize, usize) {
    let found = find("file", text).unwrap();
    let at = Positions::new(&found, text).find(path);
    (at.line, at.column)
}

const YAML: &str = "\
# settings
admission_inject:
  ddtrace:
    enabled_labelselectors:
      - {labelselector: app=web, language: java}
      - labelselector: app web
        language: go
    envs:
      a.b: 1
      a: {b: 2}
admission_mutate:
  loggings: [{config: '[{\"type\":\"file\",\"path\":\"x\"}]'}]
";

#[test]
fn a_path_leads_to_its_key_or_item() {
    for (path, place) in [
        ("admission_inject", (2, 1)),
        ("admission_inject.ddtrace.enabled_labelselectors", (4, 5)),
        ("admission_inject.ddtrace.enabled_labelselectors[0]", (5, 9)),
        (
            "admission_inject.ddtrace.enabled_labelselectors[0].language",
            (5, 34),
        ),
        (
            "admission_inject.ddtrace.enabled_labelselectors[1].labelselector",
            (6, 9),
        ),
        ("admission_inject.ddtrace.envs.a.b", (9, 7)),
        ("admission_inject.ddtrace.envs.a", (10, 7)),
    ] {
        assert_eq!(at(YAML, path), place, "{path}");
    }
}

#[test]
fn what_is_not_there_is_shown_where_it_is_missing() {
    for (path, place) in [
        ("admission_inject.ddtrace.images", (3, 3)),
        (
            "admission_inject.ddtrace.enabled_labelselectors[7].language",
            (4, 5),
        ),
        ("admission_inject_v2", (2, 1)),
        ("", (2, 1)),
    ] {
        assert_eq!(at(YAML, path), place, "{path}");
    }
    assert_eq!(at("", "admission_inject"), (1, 1));
}

#[test]
fn a_path_leads_into_json_that_stands_there_as_it_is() {
    let config = "admission_mutate.loggings[0].config";
    assert_eq!(at(YAML, config), (12, 15));
    assert_eq!(at(YAML, &format!("{config}[0].path")), (12, 40));
    let json = r#"{"admission_mutate": {"loggings": [
        {"config": "[]"}, {"config": "[{\"path\":\"x\"}]"}]}}"#;
    assert_eq!(at(json, "admission_mutate.loggings[0].config"), (2, 10));
    // Behind escapes it could stand anywhere.
    assert_eq!(
        at(json, "admission_mutate.loggings[1].config[0].path"),
        (2, 28)
    );
}

const CONFIG_MAP: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: datakit-operator-config}
data:
  jsonconfig: |-
    {
        "log_level": "info",
        "admission_inject_v2": {
            "ddtraces": [{"language": "go"}]
        },
        "admission_mutate": {"loggings": [{"config": "[{]"}]}
    }
"#;

#[test]
fn a_path_leads_into_the_operators_text() {
    let path = "admission_inject_v2.ddtraces[0].language";
    assert_eq!(at(CONFIG_MAP, path), (9, 27));
    assert_eq!(at(CONFIG_MAP, "jsonconfig"), (5, 3));
    assert_eq!(at(CONFIG_MAP, "admission_inject_v2.logfwds"), (8, 9));
    let release = format!(
        "apiVersion: v1\r\nkind: Service\r\n---\r\n{}",
        CONFIG_MAP.replace('\n', "\r\n")
    );
    assert_eq!(at(&release, path), (12, 27));
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: Secret}}\n- {}",
        CONFIG_MAP.replace('\n', "\n  ")
    );
    assert_eq!(at(&list, path), (13, 29));
}

#[test]
fn a_path_leads_into_text_of_every_form() {
    let path = "log_level";
    for (text, place) in [
        ("jsonconfig: |-\n\n\n  {\n  \"log_level\": 7}", (5, 3)),
        ("jsonconfig: |2\n    {\n    \"log_level\": 7}", (3, 5)),
        ("jsonconfig: '{\"log_level\": 7}'", (1, 15)),
        ("configmap:\n  jsonconfig: |\n   {\"log_level\": 7}", (3, 5)),
        ("é: 1\njsonconfig: '{\"é\": 1, \"log_level\": 7}'", (2, 23)),
        // Not to be had: escapes, folds.
        ("jsonconfig: \"{\\\"log_level\\\": 7}\"", (1, 1)),
        ("jsonconfig: '{\"a\": \"''\", \"log_level\": 7}'", (1, 1)),
        ("jsonconfig: >-\n  {\n  \"log_level\": 7}", (1, 1)),
        ("jsonconfig: '{\n  \"log_level\": 7}'", (1, 1)),
        ("{\"jsonconfig\": \"{\\\"log_level\\\": 7}\"}", (1, 2)),
    ] {
        assert_eq!(at(text, path), place, "{text}");
    }
}

#[test]
fn a_policys_settings_are_below_its_spec() {
    let policy = "\
apiVersion: policies.kubewarden.io/v1
kind: AdmissionPolicy
spec:
  settings:
    log_level: 7
    jsonconfig: |
      {\"log_level\": 7}
";
    assert_eq!(at(policy, "jsonconfig"), (6, 5));
    assert_eq!(at(policy, "log_level"), (7, 8));
    let empty = "apiVersion: policies.kubewarden.io/v1\nkind: AdmissionPolicy\nspec: {}\n";
    assert_eq!(at(empty, "log_level"), (3, 1));
}

#[test]
fn broken_json_is_shown_where_it_breaks() {
    let broken = CONFIG_MAP.replace("\"info\"", "info");
    assert_eq!(
        place(&broken, "jsonconfig", 2, 18),
        "7:22 jsonconfig: is wrong"
    );
    assert_eq!(
        place(CONFIG_MAP, "admission_mutate.loggings[0].config", 1, 3),
        "11:57 admission_mutate.loggings[0].config: is wrong"
    );
    // Columns of JSON count bytes.
    assert_eq!(
        place("jsonconfig: '{\"é\": x}'", "jsonconfig", 1, 8),
        "1:20 jsonconfig: is wrong"
    );
    let quoted = "jsonconfig: \"{\\n  x}\"";
    assert_eq!(
        place(quoted, "jsonconfig", 2, 3),
        "1:1 jsonconfig: is wrong (line 2, column 3)"
    );
}
