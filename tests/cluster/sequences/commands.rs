//! kubectl's commands, patches and controllers.

use datakit_policy_cluster::client::PatchType;
use datakit_policy_cluster::sequence::{Sequence, Step};
use serde_json::{Value, json};

use super::parts::{
    DEFAULT, NEWER, RESTART, RULES, Template, apply, everything, plain, put, run, settings,
};

pub fn all() -> Vec<Sequence> {
    [commands(), patches(), controllers()].concat()
}

fn own() -> Template {
    everything()
        .env("JAVA_TOOL_OPTIONS", "-Xmx1g")
        .env("A", "a")
}

/// Runs a command, applies the manifest again, and once more with other settings.
fn and_apply(name: &'static str, command: Step) -> Sequence {
    let again = command.clone();
    Sequence::new(
        name,
        &DEFAULT,
        own(),
        [
            command,
            apply(own()),
            settings(&NEWER),
            again,
            apply(own()),
            apply(own().image("web:9")),
        ],
    )
}

fn commands() -> Vec<Sequence> {
    vec![
        and_apply("kubectl set env adds a variable", run("set env @ ADDED=1")),
        and_apply("kubectl set env removes a variable", run("set env @ A-")),
        and_apply(
            "kubectl set env changes a variable that we extend",
            run("set env @ JAVA_TOOL_OPTIONS=-Xmx2g"),
        ),
        and_apply(
            "kubectl set env removes a variable that we extend",
            run("set env @ JAVA_TOOL_OPTIONS-"),
        ),
        and_apply(
            "kubectl set env sets a variable that we inject",
            run("set env @ DD_SERVICE=mine"),
        ),
        and_apply(
            "kubectl set env removes a variable that we inject",
            run("set env @ DD_SERVICE-"),
        ),
        and_apply(
            "kubectl set env on one container",
            run("set env @ -c app ADDED=1"),
        ),
        and_apply(
            "kubectl set image on all containers",
            run("set image @ *=web:2"),
        ),
        and_apply(
            "kubectl set image on one container",
            run("set image @ app=web:2"),
        ),
        and_apply(
            "kubectl set resources",
            run("set resources @ --limits=cpu=1,memory=1Gi"),
        ),
        and_apply(
            "kubectl edit changes an image",
            Step::Edit("s/web:1/web:3/"),
        ),
        and_apply(
            "kubectl edit changes what we injected",
            Step::Edit("s/cmd.sh/other.sh/"),
        ),
        and_apply("kubectl scale", run("scale @ --replicas=0")),
        and_apply(
            "kubectl annotate changes nothing of the template",
            run("annotate @ note=1 --overwrite"),
        ),
        and_apply("kubectl rollout restart", RESTART),
        Sequence::new(
            "kubectl set image changes all containers of a workload under rules",
            &RULES,
            plain(),
            [
                run("set image @ *=web:2"),
                apply(plain()),
                run("set env @ ADDED=1"),
                RESTART,
            ],
        ),
        Sequence::new(
            "the agent's init container is removed by a patch",
            &DEFAULT,
            own(),
            [
                patch(
                    PatchType::Strategic,
                    json!({"spec": {"initContainers": null}}),
                ),
                apply(own()),
            ],
        ),
    ]
}

fn patch(kind: PatchType, patch: Value) -> Step {
    Step::Patch(kind, patch)
}

fn patches() -> Vec<Sequence> {
    let image = json!({"spec": {"containers": [{"name": "app", "image": "web:2"}]}});
    let env = json!({"spec": {"containers": [{"name": "app", "env": [{"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx3g"}]}]}});
    let remove = json!({"spec": {"containers": [{"name": "app", "env": [{"name": "A", "$patch": "delete"}]}]}});
    let containers = json!({"spec": {"containers": [{"name": "app", "image": "web:4"}]}});
    let annotation = json!({"metadata": {"annotations": {"owner": "team"}}});
    let off = json!({"metadata": {"annotations": {"admission.datakit/enabled": "false"}}});
    let replace = json!([{"op": "replace", "path": "/spec/containers/0/image", "value": "web:5"}]);
    let add = json!([{"op": "add", "path": "/spec/containers/0/env/-", "value": {"name": "LAST", "value": "1"}}]);
    let first = json!([{"op": "add", "path": "/spec/containers/0/env/0", "value": {"name": "FIRST", "value": "1"}}]);
    vec![
        and_apply(
            "a strategic patch changes an image",
            patch(PatchType::Strategic, image),
        ),
        and_apply(
            "a strategic patch changes a variable that we extend",
            patch(PatchType::Strategic, env),
        ),
        and_apply(
            "a strategic patch removes a variable",
            patch(PatchType::Strategic, remove),
        ),
        and_apply(
            "a merge patch replaces all containers",
            patch(PatchType::Merge, containers),
        ),
        and_apply(
            "a merge patch adds an annotation",
            patch(PatchType::Merge, annotation),
        ),
        and_apply(
            "a merge patch switches everything off",
            patch(PatchType::Merge, off),
        ),
        and_apply(
            "a JSON patch changes an image",
            patch(PatchType::Json, replace),
        ),
        and_apply(
            "a JSON patch adds a variable at the end",
            patch(PatchType::Json, add),
        ),
        and_apply(
            "a JSON patch adds a variable at the beginning",
            patch(PatchType::Json, first),
        ),
    ]
}

fn controllers() -> Vec<Sequence> {
    vec![
        Sequence::new(
            "a controller writes its own template again",
            &DEFAULT,
            own(),
            [
                put(own()),
                settings(&NEWER),
                put(own()),
                put(own()),
                put(own().image("web:2")),
                put(own().image("web:2")),
            ],
        ),
        Sequence::new(
            "a controller under rules writes its own template again",
            &RULES,
            plain(),
            [
                put(plain()),
                settings(&DEFAULT),
                put(plain()),
                put(plain().image("web:2")),
            ],
        ),
        Sequence::new(
            "an exported manifest is applied",
            &DEFAULT,
            own(),
            [
                Step::Export,
                Step::Export,
                settings(&NEWER),
                Step::Export,
                RESTART,
                Step::Export,
            ],
        ),
        Sequence::new(
            "the manifest is applied after an exported one",
            &DEFAULT,
            own(),
            [
                Step::Export,
                apply(own()),
                apply(own().image("web:2")),
                apply(own()),
            ],
        ),
        Sequence::new(
            "an exported manifest under rules",
            &RULES,
            plain(),
            [
                Step::Export,
                apply(plain()),
                settings(&DEFAULT),
                Step::Export,
                apply(plain().image("web:2")),
            ],
        ),
    ]
}
