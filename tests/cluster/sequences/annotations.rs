//! What a template asks for changes.

use datakit_policy_cluster::sequence::Sequence;

use super::parts::{
    DEFAULT, NEWER, NEWER_RULES, NOTHING, RESTART, RULES, agent, apply, everything, java, plain,
    settings,
};

pub fn all() -> Vec<Sequence> {
    [asking(), switching(), keys(), configured()].concat()
}

fn asking() -> Vec<Sequence> {
    let version = |version: &str| plain().annotation("admission.datakit/java-lib.version", version);
    vec![
        Sequence::new(
            "an unchanged manifest is applied again",
            &DEFAULT,
            everything(),
            [
                apply(everything()),
                settings(&NEWER),
                apply(everything()),
                apply(everything()),
            ],
        ),
        Sequence::new(
            "an image changes",
            &DEFAULT,
            everything(),
            [
                apply(everything().image("web:2")),
                settings(&NEWER),
                apply(everything().image("web:3")),
            ],
        ),
        Sequence::new(
            "another version of the agent",
            &DEFAULT,
            version("v1"),
            [
                apply(version("v2")),
                apply(version("v2")),
                apply(version("")),
                apply(version("not a tag")),
            ],
        ),
        Sequence::new(
            "another language",
            &DEFAULT,
            java().env("JAVA_TOOL_OPTIONS", "-Xmx1g"),
            [
                apply(agent("python")),
                apply(agent("nodejs")),
                apply(agent("php")),
                apply(java()),
            ],
        ),
        Sequence::new(
            "other logs",
            &DEFAULT,
            plain().logs("/data/log/*.log"),
            [
                apply(plain().logs("/data/other/*.log")),
                apply(plain().logs("/data/other/*.log")),
                apply(plain().logs("/data/other/*.log").container("worker")),
                apply(plain().logs("not absolute")),
            ],
        ),
        Sequence::new(
            "a request comes, and goes",
            &DEFAULT,
            plain(),
            [
                apply(java()),
                apply(java()),
                apply(plain()),
                apply(plain()),
                apply(everything()),
                apply(java()),
            ],
        ),
        Sequence::new(
            "one of two requests goes",
            &DEFAULT,
            everything(),
            [
                apply(everything().without_annotation("admission.datakit/java-lib.version")),
                apply(everything().without_annotation("admission.datakit/logfwd.instances")),
                apply(everything()),
            ],
        ),
    ]
}

fn switching() -> Vec<Sequence> {
    let off = |what: &str| everything().annotation(&format!("admission.datakit/{what}"), "false");
    let mut sequences = vec![Sequence::new(
        "a word that is no boolean",
        &DEFAULT,
        everything(),
        [
            apply(everything().annotation("admission.datakit/enabled", "no")),
            apply(everything()),
        ],
    )];
    for (name, annotation) in [
        ("everything is switched off, and on again", "enabled"),
        ("the agent is switched off, and on again", "ddtrace.enabled"),
        (
            "the log sidecar is switched off, and on again",
            "logfwd.enabled",
        ),
        (
            "the profiler is switched off, and on again",
            "profiler.enabled",
        ),
    ] {
        sequences.push(Sequence::new(
            name,
            &DEFAULT,
            everything()
                .env("JAVA_TOOL_OPTIONS", "-Xmx1g")
                .env("DD_TAGS", "team:a"),
            [
                apply(
                    off(annotation)
                        .env("JAVA_TOOL_OPTIONS", "-Xmx1g")
                        .env("DD_TAGS", "team:a"),
                ),
                apply(
                    off(annotation)
                        .env("JAVA_TOOL_OPTIONS", "-Xmx1g")
                        .env("DD_TAGS", "team:a"),
                ),
                apply(
                    everything()
                        .env("JAVA_TOOL_OPTIONS", "-Xmx1g")
                        .env("DD_TAGS", "team:a"),
                ),
            ],
        ));
    }
    sequences
}

fn keys() -> Vec<Sequence> {
    let own = || java().env("JAVA_TOOL_OPTIONS", "-Xmx1g");
    vec![
        Sequence::new(
            "the key annotations leaves the manifest",
            &DEFAULT,
            own(),
            [
                apply(own().without_annotations()),
                apply(own().without_annotations()),
                apply(own()),
            ],
        ),
        Sequence::new(
            "the key annotations leaves the manifest of a workload that a rule selects",
            &RULES,
            plain().annotation("owner", "team"),
            [
                apply(plain()),
                apply(plain()),
                settings(&NEWER_RULES),
                apply(plain()),
                apply(plain().annotation("owner", "team")),
            ],
        ),
        Sequence::new(
            "another annotation goes, and the journal stays",
            &DEFAULT,
            own().annotation("owner", "team"),
            [apply(own()), apply(own().annotation("owner", "team"))],
        ),
        Sequence::new(
            "another annotation changes",
            &DEFAULT,
            own().annotation("owner", "a"),
            [
                apply(own().annotation("owner", "b")),
                settings(&NEWER),
                apply(own().annotation("owner", "b")),
            ],
        ),
        Sequence::new(
            "a label changes that a variable refers to",
            &DEFAULT,
            own().label("service", "a"),
            [apply(own().label("service", "b")), apply(own())],
        ),
        Sequence::new(
            "an annotation of ours stands in the manifest with another value",
            &RULES,
            plain().annotation("prometheus.io/port", "1"),
            [
                apply(plain().annotation("prometheus.io/port", "2")),
                apply(plain()),
                apply(plain().annotation("datakit/logs", "[]")),
            ],
        ),
    ]
}

fn configured() -> Vec<Sequence> {
    vec![
        Sequence::new(
            "settings change, and only what changes for another reason gets them",
            &RULES,
            plain(),
            [
                settings(&NEWER_RULES),
                apply(plain()),
                apply(plain().image("web:2")),
                settings(&RULES),
                apply(plain().image("web:2")),
                RESTART,
            ],
        ),
        Sequence::new(
            "settings inject nothing any more",
            &RULES,
            plain().env("JAVA_TOOL_OPTIONS", "-Xmx1g"),
            [
                settings(&NOTHING),
                apply(plain().env("JAVA_TOOL_OPTIONS", "-Xmx1g")),
                RESTART,
                settings(&RULES),
                apply(plain().env("JAVA_TOOL_OPTIONS", "-Xmx1g")),
                RESTART,
            ],
        ),
        Sequence::new(
            "from rules of one format to the other",
            &RULES,
            everything(),
            [
                settings(&DEFAULT),
                apply(everything()),
                apply(everything().image("web:2")),
                settings(&RULES),
                RESTART,
            ],
        ),
    ]
}
