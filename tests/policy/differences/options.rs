//! Differences of DDTrace: the variables by which runtimes load an agent.

use serde_json::{Value, json};

use super::agents::{asking, assert_env, main, settings};
use crate::parts::{JAVA_OPTION, assert_leaves_alone, field, variable};

#[test]
fn difference_03_keeps_an_option_that_is_a_reference() {
    let package = variable("DD_LOADER_PACKAGE_PATH", "/datadog-lib");
    for (language, name, value, added) in [
        (
            "java",
            "JAVA_TOOL_OPTIONS",
            "$(DATAKIT_ORIG_JAVA_TOOL_OPTIONS) -javaagent:/datadog-lib/dd-java-agent.jar",
            None,
        ),
        (
            "nodejs",
            "NODE_OPTIONS",
            "$(DATAKIT_ORIG_NODE_OPTIONS) --require=/datadog-lib/node_modules/dd-trace/init",
            None,
        ),
        (
            "python",
            "PYTHONPATH",
            "/datadog-lib/:$(DATAKIT_ORIG_PYTHONPATH)",
            None,
        ),
        (
            "php",
            "PHP_INI_SCAN_DIR",
            "$(DATAKIT_ORIG_PHP_INI_SCAN_DIR):/datadog-lib",
            Some(package),
        ),
    ] {
        let source = json!({"configMapKeyRef": {"name": "options", "key": "k"}});
        let before = json!([
            variable("A", "1"),
            {"name": name, "valueFrom": source},
            variable("B", &format!("$({name})"))
        ]);
        // Entries that refer to the variable stand behind it still.
        let mut after = vec![
            variable("A", "1"),
            json!({"name": format!("DATAKIT_ORIG_{name}"), "valueFrom": source}),
            variable(name, value),
            variable("B", &format!("$({name})")),
        ];
        after.extend(added);
        assert_env(language, json!({}), before, json!(after), &[]);
    }
}

#[test]
fn difference_04_does_not_add_an_option_twice() {
    let package = variable("DD_LOADER_PACKAGE_PATH", "/datadog-lib");
    for (language, name, value) in [
        (
            "java",
            "JAVA_TOOL_OPTIONS",
            "-Xmx1g -javaagent:/datadog-lib/dd-java-agent.jar",
        ),
        (
            "java",
            "JAVA_TOOL_OPTIONS",
            "-javaagent:/datadog-lib/dd-java-agent.jar=dd.trace.debug=true -Xmx1g",
        ),
        (
            "nodejs",
            "NODE_OPTIONS",
            "--require=/datadog-lib/node_modules/dd-trace/init",
        ),
        (
            "nodejs",
            "NODE_OPTIONS",
            "--require /datadog-lib/node_modules/dd-trace/init --inspect",
        ),
        ("python", "PYTHONPATH", "/app:/datadog-lib/"),
        ("python", "PYTHONPATH", "/datadog-lib"),
        ("php", "PHP_INI_SCAN_DIR", "/etc/php:/datadog-lib"),
    ] {
        let mut env = vec![variable(name, value)];
        if language == "php" {
            env.push(package.clone());
        }
        assert_env(language, json!({}), json!(env), json!(env), &[]);
    }
}

#[test]
fn difference_04_adds_an_option_beside_one_that_is_alike() {
    let own = "-javaagent:/datadog-lib/dd-java-agent.jar.bak -javaagent:/other.jar";
    assert_env(
        "java",
        json!({}),
        json!([variable("JAVA_TOOL_OPTIONS", own)]),
        json!([variable(
            "JAVA_TOOL_OPTIONS",
            &format!("{own}{JAVA_OPTION}")
        )]),
        &[
            "datakit ddtrace: another agent is in JAVA_TOOL_OPTIONS of container `main`; \
           remove one of the two",
        ],
    );
}

#[test]
fn difference_19_keeps_the_directory_that_php_was_compiled_with() {
    let package = variable("DD_LOADER_PACKAGE_PATH", "/datadog-lib");
    for (own, expected) in [
        (None, ":/datadog-lib"),
        (Some("/etc/php"), "/etc/php:/datadog-lib"),
    ] {
        let before: Vec<Value> = own
            .map(|own| variable("PHP_INI_SCAN_DIR", own))
            .into_iter()
            .collect();
        let mut after = vec![variable("PHP_INI_SCAN_DIR", expected)];
        // What the policy adds stands behind what the container has.
        after.insert(usize::from(own.is_some()), package.clone());
        assert_env("php", json!({}), json!(before), json!(after), &[]);
    }
}

/// Asserts that the container, the only one, is left out.
#[track_caller]
fn assert_left_out(language: &str, env: Value, reason: &str) {
    assert_leaves_alone(
        &asking(language, main(env)),
        &settings(json!({})),
        &[
            &format!("datakit ddtrace: container `main` left out: its {reason}"),
            "datakit ddtrace: nothing injected: every container was left out",
        ],
    );
}

/// Kubernetes would leave `$(DATAKIT_ORIG_…)` in the value where the reference leads to nothing.
#[test]
fn difference_03_leaves_a_container_out_whose_option_may_not_exist() {
    for (language, name) in [
        ("java", "JAVA_TOOL_OPTIONS"),
        ("nodejs", "NODE_OPTIONS"),
        ("python", "PYTHONPATH"),
        ("php", "PHP_INI_SCAN_DIR"),
    ] {
        for kind in ["configMapKeyRef", "secretKeyRef"] {
            let source = json!({kind: {"name": "options", "key": "k", "optional": true}});
            assert_left_out(
                language,
                json!([{"name": name, "valueFrom": source}]),
                &format!("{name} is an optional reference"),
            );
        }
    }
}

#[test]
fn difference_03_leaves_a_container_out_that_has_the_other_name_already() {
    let taken = variable("DATAKIT_ORIG_JAVA_TOOL_OPTIONS", "own");
    let own = field("JAVA_TOOL_OPTIONS", "metadata.name");
    assert_left_out(
        "java",
        json!([taken, own]),
        "JAVA_TOOL_OPTIONS is a reference and DATAKIT_ORIG_JAVA_TOOL_OPTIONS is taken",
    );
}

#[test]
fn warns_of_options_that_are_longer_than_jdk_8_reads() {
    for (length, warnings) in [
        (1024, &[][..]),
        (
            1025,
            &[
                "datakit ddtrace: JAVA_TOOL_OPTIONS of container `main` is longer than 1024 bytes, and JDK 8 cuts it off",
            ],
        ),
    ] {
        let own = "x".repeat(length - JAVA_OPTION.len());
        let options = |value: &str| json!([variable("JAVA_TOOL_OPTIONS", value)]);
        let extended = options(&format!("{own}{JAVA_OPTION}"));
        assert_env("java", json!({}), options(&own), extended, warnings);
    }
}
