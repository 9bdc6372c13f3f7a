//! The other kinds of workloads, Jobs above all.

use datakit_policy_cluster::sequence::{Sequence, Step};
use datakit_policy_cluster::workload::Kind;

use super::parts::{
    DEFAULT, NEWER, NO_JOURNAL, RESTART, RULES, Template, apply, everything, plain, put, run,
    settings,
};

/// All whose template can change, but for the Deployment.
const CHANGEABLE: &[Kind] = &[
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::ReplicaSet,
    Kind::CronJob,
];

fn own() -> Template {
    everything()
        .env("JAVA_TOOL_OPTIONS", "-Xmx1g")
        .env_from_map("DD_TAGS")
        .env("A", "a")
}

pub fn all() -> Vec<Sequence> {
    vec![
        Sequence::new(
            "an unchanged manifest, then a changed one",
            &DEFAULT,
            own(),
            [
                apply(own()),
                settings(&NEWER),
                apply(own()),
                apply(own().image("web:2")),
                apply(own().without_annotations()),
                apply(own()),
            ],
        )
        .on(CHANGEABLE),
        Sequence::new(
            "commands, an export and a controller",
            &DEFAULT,
            own(),
            [
                run("set image @ *=web:2"),
                run("set env @ ADDED=1"),
                Step::Export,
                put(own()),
                NO_JOURNAL,
                apply(own()),
            ],
        )
        .on(CHANGEABLE),
        Sequence::new(
            "under rules, restarted with other settings",
            &RULES,
            plain(),
            [
                apply(plain()),
                settings(&DEFAULT),
                apply(plain()),
                RESTART,
                apply(plain()),
            ],
        )
        .on(&[Kind::StatefulSet, Kind::DaemonSet]),
        Sequence::new(
            "a Job is applied again, with other settings too",
            &DEFAULT,
            own(),
            [
                apply(own()),
                apply(own()),
                settings(&NEWER),
                apply(own()),
                put(own()),
                Step::Export,
                apply(own()),
            ],
        )
        .on(&[Kind::Job]),
        Sequence::new(
            "a Job under rules is applied again",
            &RULES,
            plain().env("JAVA_TOOL_OPTIONS", "-Xmx1g"),
            [
                apply(plain().env("JAVA_TOOL_OPTIONS", "-Xmx1g")),
                settings(&NEWER),
                apply(plain().env("JAVA_TOOL_OPTIONS", "-Xmx1g")),
                NO_JOURNAL,
                run("annotate @ note=1"),
            ],
        )
        .on(&[Kind::Job]),
        Sequence::new(
            "a Job whose manifest changes is refused, as it is without the policy",
            &DEFAULT,
            own(),
            [
                apply(own().image("web:2")),
                apply(own()),
                apply(own().without_annotations()),
                apply(own()),
            ],
        )
        .on(&[Kind::Job]),
    ]
}
