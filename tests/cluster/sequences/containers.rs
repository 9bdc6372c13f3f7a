//! Containers come, go, and are called as ours.

use datakit_policy_cluster::sequence::Sequence;
use serde_json::json;

use super::parts::{DEFAULT, NEWER, RULES, apply, everything, java, plain, settings};

pub fn all() -> Vec<Sequence> {
    [of_the_user(), by_our_names(), fields()].concat()
}

fn of_the_user() -> Vec<Sequence> {
    let two = || everything().container("worker");
    vec![
        Sequence::new(
            "a container is added, and removed",
            &DEFAULT,
            everything(),
            [
                apply(two()),
                apply(two()),
                apply(everything()),
                apply(everything()),
            ],
        ),
        Sequence::new(
            "a container is added in front",
            &DEFAULT,
            everything(),
            [
                apply(everything().container_in_front("front")),
                apply(everything()),
            ],
        ),
        Sequence::new(
            "a container is renamed",
            &DEFAULT,
            two().env("JAVA_TOOL_OPTIONS", "-Xmx1g"),
            [
                apply(
                    everything()
                        .container("renamed")
                        .env("JAVA_TOOL_OPTIONS", "-Xmx1g"),
                ),
                apply(
                    everything()
                        .container("renamed")
                        .env("JAVA_TOOL_OPTIONS", "-Xmx1g"),
                ),
            ],
        ),
        Sequence::new(
            "the only container is renamed",
            &DEFAULT,
            java(),
            [
                apply(java().container_field("name", json!("renamed"))),
                apply(java()),
            ],
        ),
        Sequence::new(
            "containers change their order",
            &DEFAULT,
            two().env("DD_TAGS", "team:a"),
            [
                apply(everything().container_in_front("worker")),
                apply(two()),
                settings(&NEWER),
                apply(two()),
            ],
        ),
        Sequence::new(
            "an init container is added, and removed",
            &DEFAULT,
            everything(),
            [
                apply(everything().init_container("setup")),
                apply(everything().init_container("setup")),
                apply(everything()),
            ],
        ),
        Sequence::new(
            "a container is added under rules",
            &RULES,
            plain(),
            [
                apply(plain().container("worker")),
                apply(plain().container("worker")),
                apply(plain()),
            ],
        ),
    ]
}

fn by_our_names() -> Vec<Sequence> {
    vec![
        Sequence::new(
            "an init container of the user's has our name from the beginning",
            &DEFAULT,
            java().init_container("datakit-lib-init"),
            [
                apply(java().init_container("datakit-lib-init")),
                apply(java()),
            ],
        ),
        Sequence::new(
            "a container of the user's has our name from the beginning",
            &DEFAULT,
            everything().container("datakit-logfwd"),
            [
                apply(everything().container("datakit-logfwd")),
                apply(everything().container("datakit-logfwd").image("own:2")),
            ],
        ),
    ]
}

fn fields() -> Vec<Sequence> {
    let port = json!([{"containerPort": 8080}]);
    vec![
        Sequence::new(
            "ports, probes and resources change",
            &DEFAULT,
            everything().container_field("ports", port.clone()),
            [
                apply(everything().container_field("resources", json!({"limits": {"cpu": "0.5"}}))),
                apply(everything().container_field(
                    "livenessProbe",
                    json!({"httpGet": {"path": "/", "port": 8080}}),
                )),
                apply(everything().container_field("ports", port)),
            ],
        ),
        Sequence::new(
            "a limit changes that a variable refers to",
            &RULES,
            plain().container_field("resources", json!({"limits": {"cpu": "1"}})),
            [
                apply(plain().container_field("resources", json!({"limits": {"cpu": "2"}}))),
                apply(plain()),
                apply(plain().container_field("resources", json!({"limits": {"cpu": "1"}}))),
            ],
        ),
        Sequence::new(
            "processes are shared by the user, then not, then nobody says",
            &DEFAULT,
            everything().field("shareProcessNamespace", json!(true)),
            [
                apply(everything().field("shareProcessNamespace", json!(true))),
                apply(everything().field("shareProcessNamespace", json!(false))),
                apply(everything()),
                apply(everything().field("shareProcessNamespace", json!(false))),
            ],
        ),
        Sequence::new(
            "fields of the pod change",
            &DEFAULT,
            everything().field("terminationGracePeriodSeconds", json!(5)),
            [
                apply(
                    everything()
                        .field("hostNetwork", json!(true))
                        .field("dnsPolicy", json!("ClusterFirstWithHostNet")),
                ),
                apply(everything().field("nodeSelector", json!({"kubernetes.io/os": "windows"}))),
                apply(everything().field("securityContext", json!({"runAsUser": 1000}))),
            ],
        ),
    ]
}
