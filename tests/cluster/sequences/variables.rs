//! Variables of the application that an agent extends, or that the settings have too.

use datakit_policy_cluster::sequence::{Sequence, Style};
use serde_json::json;

use super::parts::{DEFAULT, NEWER, NOTHING, Template, agent, apply, java, put, settings};

/// The variables that agents extend, by the language that extends them.
const EXTENDED: [(&str, &str); 5] = [
    ("java", "JAVA_TOOL_OPTIONS"),
    ("python", "PYTHONPATH"),
    ("nodejs", "NODE_OPTIONS"),
    ("php", "PHP_INI_SCAN_DIR"),
    ("java", "DD_TAGS"),
];

/// A template of the language, with `env` between two others.
fn around(language: &str, env: impl Fn(Template) -> Template) -> Template {
    env(agent(language).env("B", "b")).env("A", "a")
}

pub fn all() -> Vec<Sequence> {
    [extended(), own_values(), by_our_names(), order()].concat()
}

fn extended() -> Vec<Sequence> {
    let mut sequences = Vec::new();
    for (language, name) in EXTENDED {
        let with = |value: &str| around(language, |template| template.env(name, value));
        let from_map = || around(language, |template| template.env_from_map(name));
        let without = || around(language, |template| template);
        let named =
            |what: &str| -> &'static str { Box::leak(format!("{name}: {what}").into_boxed_str()) };
        sequences.extend([
            Sequence::new(
                named("an unchanged manifest is applied again and again"),
                &DEFAULT,
                with("own"),
                [
                    apply(with("own")),
                    apply(with("own")),
                    settings(&NEWER),
                    apply(with("own")),
                ],
            ),
            Sequence::new(
                named("its value changes"),
                &DEFAULT,
                with("own"),
                [
                    apply(with("other")),
                    settings(&NEWER),
                    apply(with("third")),
                    apply(with("third")),
                ],
            ),
            Sequence::new(
                named("comes, and goes"),
                &DEFAULT,
                without(),
                [
                    apply(with("own")),
                    apply(with("own")),
                    apply(without()),
                    apply(without()),
                ],
            ),
            Sequence::new(
                named("comes from a ConfigMap"),
                &DEFAULT,
                from_map(),
                [
                    apply(from_map()),
                    apply(from_map()),
                    settings(&NEWER),
                    apply(from_map()),
                ],
            ),
            Sequence::new(
                named("a value becomes a reference, and a value again"),
                &DEFAULT,
                with("own"),
                [
                    apply(from_map()),
                    apply(from_map()),
                    apply(with("own")),
                    apply(with("own")),
                ],
            ),
            Sequence::new(
                named("a reference goes"),
                &DEFAULT,
                from_map(),
                [
                    apply(without()),
                    apply(from_map()),
                    settings(&NOTHING),
                    apply(with("own")),
                ],
            ),
            Sequence::new(
                named("a controller writes its own template again"),
                &DEFAULT,
                with("own"),
                [
                    put(with("own")),
                    settings(&NEWER),
                    put(with("own")),
                    put(with("other")),
                ],
            )
            .by(&[Style::Client]),
        ]);
    }
    sequences
}

fn own_values() -> Vec<Sequence> {
    let option = " -javaagent:/datadog-lib/dd-java-agent.jar";
    let with_option = format!("-Xmx1g{option}");
    vec![
        Sequence::new(
            "a value that has the agent's option already",
            &DEFAULT,
            java().env("JAVA_TOOL_OPTIONS", &with_option),
            [
                apply(java().env("JAVA_TOOL_OPTIONS", &with_option)),
                apply(java().env("JAVA_TOOL_OPTIONS", "-Xmx1g")),
                apply(java().env("JAVA_TOOL_OPTIONS", "-Xmx1g")),
            ],
        ),
        Sequence::new(
            "an empty value",
            &DEFAULT,
            java().env("JAVA_TOOL_OPTIONS", ""),
            [
                apply(java().env("JAVA_TOOL_OPTIONS", "")),
                apply(java().env("JAVA_TOOL_OPTIONS", "-Xss1m")),
            ],
        ),
        Sequence::new(
            "tags of the container that the settings have too",
            &DEFAULT,
            java().env("DD_TAGS", "host:mine,team:a"),
            [
                apply(java().env("DD_TAGS", "host:mine,team:a")),
                apply(java().env("DD_TAGS", "team:a")),
                settings(&NEWER),
                apply(java().env("DD_TAGS", "team:a")),
            ],
        ),
        Sequence::new(
            "a variable that refers to the merged tags",
            &DEFAULT,
            java()
                .env("DD_TAGS", "team:a")
                .env("COPY", "$(DD_TAGS)")
                .env("Z", "z"),
            [
                apply(
                    java()
                        .env("DD_TAGS", "team:a")
                        .env("COPY", "$(DD_TAGS)")
                        .env("Z", "z"),
                ),
                apply(
                    java()
                        .env("DD_TAGS", "team:b")
                        .env("COPY", "$(DD_TAGS)")
                        .env("Z", "z"),
                ),
                apply(java().env("DD_TAGS", "team:b").env("Z", "z")),
            ],
        ),
    ]
}

/// What the settings have, set by the user: before the injection, or later.
fn by_our_names() -> Vec<Sequence> {
    let host_ip = || json!({"fieldRef": {"fieldPath": "status.hostIP"}});
    let secret = || json!({"secretKeyRef": {"name": "keys", "key": "name", "optional": true}});
    vec![
        Sequence::new(
            "DD_SERVICE, which we injected as a reference, is set later",
            &DEFAULT,
            java(),
            [
                apply(java().env("DD_SERVICE", "mine")),
                apply(java().env("DD_SERVICE", "mine")),
                apply(java()),
                apply(java()),
            ],
        ),
        Sequence::new(
            "POD_NAME, which we injected as a reference, is set later",
            &DEFAULT,
            java().env("A", "a"),
            [
                apply(java().env("A", "a").env("POD_NAME", "mine")),
                settings(&NEWER),
                apply(java().env("A", "a").env("POD_NAME", "mine")),
                apply(java().env("A", "b").env("POD_NAME", "mine")),
            ],
        ),
        Sequence::new(
            "POD_NAME is set later, from another field",
            &DEFAULT,
            java(),
            [
                apply(java().env_from(
                    "POD_NAME",
                    json!({"fieldRef": {"fieldPath": "status.podIP"}}),
                )),
                apply(java()),
            ],
        ),
        Sequence::new(
            "POD_NAME is set later, from a secret",
            &DEFAULT,
            java(),
            [
                apply(java().env_from("POD_NAME", secret())),
                apply(java().env_from("POD_NAME", secret())),
                apply(java()),
            ],
        ),
        Sequence::new(
            "DD_AGENT_HOST, which we injected as a value, becomes a reference",
            &DEFAULT,
            java(),
            [
                apply(java().env_from("DD_AGENT_HOST", host_ip())),
                apply(java().env_from("DD_AGENT_HOST", host_ip())),
                settings(&NEWER),
                apply(java().env_from("DD_AGENT_HOST", host_ip()).env("A", "a")),
                apply(java()),
            ],
        ),
        Sequence::new(
            "a value of the settings stands in the manifest too, and leaves it",
            &DEFAULT,
            java().env("DD_TRACE_AGENT_PORT", "9529"),
            [
                apply(java().env("DD_TRACE_AGENT_PORT", "9529")),
                apply(java()),
                apply(java().env("A", "a")),
            ],
        ),
        Sequence::new(
            "another value than the settings' stands in the manifest, and leaves it",
            &DEFAULT,
            java().env("DD_TRACE_AGENT_PORT", "1"),
            [apply(java().env("DD_TRACE_AGENT_PORT", "1")), apply(java())],
        ),
        Sequence::new(
            "a reference of the user's that goes in front of ours",
            &DEFAULT,
            java().env("TAGS", "$(POD_NAME)"),
            [
                apply(java().env("POD_NAME", "mine").env("TAGS", "$(POD_NAME)")),
                apply(java().env("TAGS", "$(POD_NAME)")),
            ],
        ),
    ]
}

fn order() -> Vec<Sequence> {
    let three = |names: [&str; 3]| {
        names
            .iter()
            .fold(java(), |template, name| template.env(name, "x"))
    };
    let names = ["B", "JAVA_TOOL_OPTIONS", "A"];
    let turned = ["A", "JAVA_TOOL_OPTIONS", "B"];
    vec![
        Sequence::new(
            "variables change their order",
            &DEFAULT,
            three(names),
            [
                apply(three(turned)),
                apply(three(turned)),
                apply(three(names)),
                apply(three(names)),
            ],
        ),
        Sequence::new(
            "a variable comes in between, and goes",
            &DEFAULT,
            three(names),
            [
                apply(
                    java()
                        .env("B", "x")
                        .env("NEW", "n")
                        .env("JAVA_TOOL_OPTIONS", "x")
                        .env("A", "x"),
                ),
                apply(three(names)),
            ],
        ),
        Sequence::new(
            "all variables go",
            &DEFAULT,
            three(names),
            [apply(java()), apply(java()), apply(three(names))],
        ),
        Sequence::new(
            "variables change their order around merged tags",
            &DEFAULT,
            java().env("DD_TAGS", "team:a").env("Z", "z").env("Y", "y"),
            [
                apply(java().env("Z", "z").env("DD_TAGS", "team:a").env("Y", "y")),
                apply(java().env("Z", "z").env("DD_TAGS", "team:a").env("Y", "y")),
                apply(java().env("Y", "y").env("Z", "z").env("DD_TAGS", "team:a")),
            ],
        ),
    ]
}
