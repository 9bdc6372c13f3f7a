//! Volumes and mounts of the user's, by our names and at our paths.

use datakit_policy_cluster::sequence::{Sequence, Style};
use serde_json::json;

use super::parts::{DEFAULT, NEWER, RULES, apply, everything, java, plain, settings};

pub fn all() -> Vec<Sequence> {
    [by_our_names(), at_our_paths(), others()].concat()
}

/// The volumes that we inject, and a path of ours.
const OURS: [(&str, &str); 5] = [
    ("datakit-auto-instrument", "/datadog-lib"),
    ("datakit-logfwd-volume-0", "/data/log"),
    ("datakit-profiler-volume", "/app/datakit-profiler"),
    ("tmp", "/tmp"),
    ("timezone", "/etc/localtime"),
];

fn by_our_names() -> Vec<Sequence> {
    let mut sequences = Vec::new();
    for (name, path) in OURS {
        let named =
            |what: &str| -> &'static str { Box::leak(format!("{what} {name}").into_boxed_str()) };
        let claim = || everything().claim(name).mount(name, "/mine");
        let at_our_path = || everything().claim(name).mount(name, path);
        let empty = || everything().empty_dir(name).mount(name, "/mine");
        sequences.extend([
            Sequence::new(
                named("a claim comes by the name of our volume"),
                &DEFAULT,
                everything(),
                [
                    apply(claim()),
                    apply(claim()),
                    settings(&NEWER),
                    apply(claim()),
                    apply(everything()),
                ],
            ),
            Sequence::new(
                named("a claim is there by the name of our volume"),
                &DEFAULT,
                claim(),
                [apply(claim()), apply(everything()), apply(everything())],
            ),
            Sequence::new(
                named("a claim comes at our path, by the name of our volume"),
                &DEFAULT,
                everything(),
                [
                    apply(at_our_path()),
                    apply(at_our_path()),
                    apply(everything()),
                ],
            ),
            Sequence::new(
                named("an emptyDir comes by the name of our volume"),
                &DEFAULT,
                everything(),
                [apply(empty()), apply(empty()), apply(everything())],
            ),
            Sequence::new(
                named("a claim comes, mounted by nobody, by the name of our volume"),
                &DEFAULT,
                everything(),
                [
                    apply(everything().claim(name)),
                    apply(everything().claim(name)),
                    apply(everything()),
                ],
            )
            // After a merge it is our mount that mounts it, and stays.
            .by(&[Style::Replace]),
        ]);
    }
    sequences
}

fn at_our_paths() -> Vec<Sequence> {
    let mut sequences = Vec::new();
    for (_, path) in OURS {
        let named =
            |what: &str| -> &'static str { Box::leak(format!("{what} {path}").into_boxed_str()) };
        let mine = || everything().empty_dir("mine").mount("mine", path);
        sequences.extend([
            Sequence::new(
                named("a mount comes at our path"),
                &DEFAULT,
                everything(),
                [
                    apply(mine()),
                    apply(mine()),
                    apply(everything()),
                    apply(everything()),
                ],
            ),
            Sequence::new(
                named("a mount of one of two containers comes at our path"),
                &DEFAULT,
                everything().container("worker"),
                [
                    apply(
                        everything()
                            .container("worker")
                            .empty_dir("mine")
                            .mount("mine", path),
                    ),
                    apply(everything().container("worker")),
                ],
            ),
        ]);
    }
    sequences
}

fn others() -> Vec<Sequence> {
    vec![
        Sequence::new(
            "a volume is added, and removed",
            &DEFAULT,
            everything(),
            [
                apply(everything().claim("data").mount("data", "/var/lib/data")),
                apply(everything().claim("data").mount("data", "/var/lib/data")),
                apply(everything()),
            ],
        ),
        Sequence::new(
            "a mount moves",
            &DEFAULT,
            java().claim("data").mount("data", "/a"),
            [
                apply(java().claim("data").mount("data", "/b")),
                apply(java().claim("data").mount("data", "/a")),
            ],
        ),
        Sequence::new(
            "volumes change their order",
            &DEFAULT,
            java()
                .claim("one")
                .empty_dir("two")
                .mount("one", "/one")
                .mount("two", "/two"),
            [
                apply(
                    java()
                        .empty_dir("two")
                        .claim("one")
                        .mount("one", "/one")
                        .mount("two", "/two"),
                ),
                apply(
                    java()
                        .empty_dir("two")
                        .claim("one")
                        .mount("two", "/two")
                        .mount("one", "/one"),
                ),
                apply(
                    java()
                        .empty_dir("two")
                        .claim("one")
                        .mount("two", "/two")
                        .mount("one", "/one")
                        .image("web:2"),
                ),
            ],
        ),
        Sequence::new(
            "a log directory that the application mounts is shared, then not",
            &RULES,
            plain().empty_dir("logs").mount("logs", "/data/log"),
            [
                apply(plain()),
                apply(plain().empty_dir("logs").mount("logs", "/data/log")),
                apply(plain().claim("logs").mount("logs", "/data/log")),
            ],
        ),
        Sequence::new(
            "the source of a volume changes",
            &DEFAULT,
            java()
                .volume(
                    "data",
                    json!({"configMap": {"name": "a", "optional": true}}),
                )
                .mount("data", "/a"),
            [
                apply(
                    java()
                        .volume(
                            "data",
                            json!({"secret": {"secretName": "a", "optional": true}}),
                        )
                        .mount("data", "/a"),
                ),
                apply(java().empty_dir("data").mount("data", "/a")),
            ],
        ),
    ]
}
