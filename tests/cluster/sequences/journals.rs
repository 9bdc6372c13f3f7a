//! The journal is removed, cut or forged, and the policy is away.

use datakit_policy_cluster::sequence::{Sequence, Style};

use super::parts::{
    DEFAULT, NEWER, NO_JOURNAL, NOTHING, RESTART, RULES, Template, apply, apply_while_away,
    everything, java, journal, plain, run, settings,
};

pub fn all() -> Vec<Sequence> {
    [tampering(), absence()].concat()
}

fn own() -> Template {
    everything()
        .env("JAVA_TOOL_OPTIONS", "-Xmx1g")
        .env("DD_TAGS", "team:a")
}

fn tampering() -> Vec<Sequence> {
    let forged = |name: &'static str, text: &str| {
        Sequence::new(
            name,
            &DEFAULT,
            own(),
            [
                journal(text),
                apply(own()),
                apply(own().image("web:2")),
                journal(text),
                RESTART,
                apply(own()),
            ],
        )
    };
    vec![
        Sequence::new(
            "the journal is removed",
            &DEFAULT,
            own(),
            [
                NO_JOURNAL,
                apply(own()),
                NO_JOURNAL,
                apply(own().image("web:2")),
                settings(&NEWER),
                NO_JOURNAL,
            ],
        ),
        Sequence::new(
            "the journal is removed under rules",
            &RULES,
            plain(),
            [
                NO_JOURNAL,
                RESTART,
                NO_JOURNAL,
                apply(plain().image("web:2")),
            ],
        ),
        forged("the journal is no JSON", "nonsense"),
        forged("the journal is empty", ""),
        forged("the journal is an empty object", "{}"),
        forged("the journal is a number", "1"),
        forged("the journal has a version that nobody knows", r#"{"v":99}"#),
        forged("the journal is cut", r#"{"v":1,"features":{"ddtrace":{"#),
        Sequence::new(
            "a manifest brings a journal of its own, without an injection",
            &DEFAULT,
            java().annotation("admission.datakit/injected", "{}"),
            [
                apply(java().annotation("admission.datakit/injected", "{}")),
                apply(java()),
            ],
        ),
        Sequence::new(
            "a manifest that nothing is injected into brings a journal",
            &NOTHING,
            plain().annotation("admission.datakit/injected", r#"{"v":1}"#),
            [
                apply(plain().annotation("admission.datakit/injected", r#"{"v":1}"#)),
                apply(plain()),
            ],
        ),
    ]
}

fn absence() -> Vec<Sequence> {
    vec![
        Sequence::new(
            "an apply while the policy is away, then the same again",
            &DEFAULT,
            own(),
            [apply_while_away(own()), apply(own()), RESTART, apply(own())],
        ),
        Sequence::new(
            "another image while the policy is away",
            &DEFAULT,
            own(),
            [
                apply_while_away(own().image("web:2")),
                apply(own().image("web:2")),
                apply(own().image("web:3")),
            ],
        ),
        Sequence::new(
            "created while the policy had nothing to inject",
            &NOTHING,
            own(),
            [settings(&DEFAULT), apply(own()), RESTART, apply(own())],
        ),
        Sequence::new(
            "a variable from a ConfigMap while the policy is away",
            &DEFAULT,
            java().env_from_map("JAVA_TOOL_OPTIONS"),
            [
                apply_while_away(java().env_from_map("JAVA_TOOL_OPTIONS")),
                apply(java().env_from_map("JAVA_TOOL_OPTIONS")),
                apply(java().env_from_map("JAVA_TOOL_OPTIONS").image("web:2")),
            ],
        ),
        Sequence::new(
            "the key annotations leaves the manifest while the policy is away",
            &DEFAULT,
            own(),
            [
                apply_while_away(own().without_annotations()),
                apply(own().without_annotations()),
                RESTART,
                apply(own()),
            ],
        )
        // After a merge nothing tells any more what was injected.
        .by(&[Style::Replace]),
        Sequence::new(
            "a container is added while the policy is away",
            &RULES,
            plain(),
            [
                apply_while_away(plain().container("worker")),
                apply(plain().container("worker")),
                RESTART,
            ],
        ),
        Sequence::new(
            "a claim comes by the name of our volume while the policy is away",
            &DEFAULT,
            everything(),
            [
                apply_while_away(everything().claim("tmp").mount("tmp", "/mine")),
                RESTART,
                apply(everything()),
            ],
        ),
        Sequence::new(
            "kubectl set image while the policy is there, after an apply while it was away",
            &DEFAULT,
            own(),
            [
                apply_while_away(own().image("web:2")),
                run("set image @ *=web:3"),
                apply(own()),
            ],
        ),
    ]
}
