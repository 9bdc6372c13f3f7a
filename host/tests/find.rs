//! Settings are found in whatever people have them in.

use datakit_policy_host::manifest::Source;
use datakit_policy_host::settings::{self, Form, Found, ObjectName};
use serde_json::json;

const CONFIG_MAP: &str = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: datakit-operator-config
  namespace: datakit
data:
  jsonconfig: |-
    {
        "log_level": "info"
    }
"#;

const POLICY: &str = "\
apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata:
  name: datakit
spec:
  settings:
    log_level: debug
";

const TEXT: &str = "{\n    \"log_level\": \"info\"\n}";

fn source(document: usize, line: usize, items: &[usize]) -> Source {
    Source {
        file: "file".to_owned(),
        document,
        line,
        column: None,
        items: items.to_vec(),
    }
}

fn config_map() -> Form {
    Form::ConfigMap(ObjectName {
        kind: "ConfigMap".to_owned(),
        namespace: Some("datakit".to_owned()),
        name: "datakit-operator-config".to_owned(),
    })
}

fn find(text: &str) -> Found {
    settings::find("file", text).unwrap()
}

fn error(text: &str) -> String {
    settings::find("file", text).unwrap_err().to_string()
}

#[test]
fn settings_as_such() {
    for (text, value, line) in [
        ("log_level: debug\n", json!({"log_level": "debug"}), 1),
        (
            "# why\n\nlog_level: debug\r\n",
            json!({"log_level": "debug"}),
            3,
        ),
        (
            "{\"log_level\": \"debug\"}",
            json!({"log_level": "debug"}),
            1,
        ),
        ("jsonconfig: '{}'", json!({"jsonconfig": "{}"}), 1),
        ("", json!({}), 1),
        ("---\n# nothing\n", json!({}), 1),
    ] {
        let expected = Found {
            settings: value,
            form: Form::Settings,
            source: source(1, line, &[]),
        };
        assert_eq!(find(text), expected, "{text:?}");
    }
}

#[test]
fn settings_of_a_policy() {
    let form = Form::Policy(ObjectName {
        kind: "ClusterAdmissionPolicy".to_owned(),
        namespace: None,
        name: "datakit".to_owned(),
    });
    assert_eq!(
        find(POLICY),
        Found {
            settings: json!({"log_level": "debug"}),
            form: form.clone(),
            source: source(1, 1, &[]),
        }
    );
    let without = POLICY.replace("    log_level: debug\n", "");
    assert_eq!(
        find(&without),
        Found {
            settings: json!({}),
            form,
            source: source(1, 1, &[]),
        }
    );
}

#[test]
fn the_operators_config_map_alone_in_a_list_and_among_other_objects() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: datakit-operator}\n";
    let indented = CONFIG_MAP.replace('\n', "\n  ");
    for (text, source) in [
        (CONFIG_MAP.to_owned(), source(1, 1, &[])),
        (CONFIG_MAP.replace('\n', "\r\n"), source(1, 1, &[])),
        (
            format!("{service}---\n{CONFIG_MAP}---\n{service}"),
            source(2, 5, &[]),
        ),
        (
            format!(
                "kind: List\napiVersion: v1\nitems:\n- {indented}\n- {{apiVersion: v1, kind: Secret}}\n"
            ),
            source(1, 1, &[1]),
        ),
    ] {
        let expected = Found {
            settings: json!({ "jsonconfig": TEXT }),
            form: config_map(),
            source,
        };
        assert_eq!(find(&text), expected, "{text}");
    }
}

#[test]
fn the_values_of_the_policys_own_chart_are_for_helm() {
    for text in [
        "level: pods\nsettings:\n  log_level: debug\n",
        "settings: {}\nconfigmap:\n  jsonconfig: '{}'\n",
    ] {
        assert_eq!(
            error(text),
            "file: these are values of the policy's Helm chart, and Helm merges them with its defaults; run `helm \
             template` with them, and use the policy that it writes"
        );
    }
}

#[test]
fn the_values_of_the_helm_chart() {
    let values = "image: {tag: 1.5.11}\nconfigmap:\n  jsonconfig: |-\n    {\n        \"log_level\": \"info\"\n    }\n";
    assert_eq!(
        find(values),
        Found {
            settings: json!({ "jsonconfig": TEXT }),
            form: Form::HelmValues,
            source: source(1, 1, &[]),
        }
    );
}

#[test]
fn what_has_no_settings_or_several_is_an_error_that_says_what_is_there() {
    for (text, message) in [
        (
            "- a",
            "file:1:1: settings must be a mapping or empty; this is a list",
        ),
        ("a: 1\na: 2", "file:2:1: the key `a` appears twice"),
        (
            "a: 1\n---\nb: 1",
            "file:3:1: a second document starts here, but one is expected",
        ),
        (
            "kind: ConfigMap",
            "file:1:1, document 1: the object has no `apiVersion`; every Kubernetes object needs `apiVersion` \
             and `kind`",
        ),
        (
            "configmap: {jsonconfig: {log_level: info}}",
            "file:1:13: `configmap.jsonconfig` must be text (`jsonconfig: |-` and JSON below it); \
             this is a mapping",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n\
             apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: c}\ndata: {other: x}\n",
            "file: it contains no settings; a Kubewarden policy has them in `spec.settings`, and the operator's \
             ConfigMap in `data.jsonconfig`, but this is Service a, ConfigMap c/b",
        ),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
    assert_eq!(
        error(&format!(
            "{POLICY}---\n{}---\n{CONFIG_MAP}",
            POLICY.replace("name: datakit", "name: other")
        )),
        "file: several objects have settings (ClusterAdmissionPolicy datakit in line 1, \
         ClusterAdmissionPolicy other in line 9, ConfigMap datakit/datakit-operator-config in line 17); keep one of them in the file"
    );
    assert_eq!(
        error(&POLICY.replace("log_level: debug", "- a")),
        "file:6:3, spec.settings: settings must be a mapping or empty; this is a list"
    );
    let missing = settings::find_file("no/such/file.yml".as_ref()).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "no/such/file.yml: cannot be read: No such file or directory (os error 2)"
    );
}
