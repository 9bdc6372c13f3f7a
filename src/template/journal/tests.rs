//! A template and its journal: what is taken apart, and what a journal of somebody else's can do.

use crate::json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::env::plain;
use crate::template::{Container, EnvEdit, Plan, Template, VolumeKind, mount};
use k8s_openapi::api::core::v1::VolumeMount;

/// A pod template with something of every sort that the policy extends.
fn before() -> Value<'static> {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            "containers": [
                {"name": "web", "image": "web:1", "env": [
                    {"name": "DD_TAGS", "value": "env:prod"},
                    {"name": "PYTHONPATH", "value": "/own"},
                    {"name": "JAVA_TOOL_OPTIONS", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "java"}}},
                    {"name": "SEEN", "value": "$(DD_TAGS)"}
                ], "volumeMounts": [{"name": "data", "mountPath": "/data"}]},
                {"name": "worker", "image": "worker:1"}
            ]
        }
    })
}

fn plan(template: &Template<'_>) -> Plan {
    let mut plan = Plan {
        init_container: Some(Container {
            name: "datakit-lib-init".to_owned(),
            image: "repo/java:1".to_owned(),
            ..Container::default()
        }),
        annotations: vec![("datakit/logs", "[]".to_owned())],
        share_process_namespace: true,
        source: Source {
            image: Some("repo/java:1".to_owned()),
            rule: "admission_inject.ddtrace".to_owned(),
            name: None,
        },
        ..Plan::default()
    };
    let volume = plan.volume(
        template,
        "datakit-auto-instrument",
        VolumeKind::EmptyDir,
        "/datadog-lib",
    );
    let time = plan.volume(
        template,
        "timezone",
        VolumeKind::HostFile("/etc/localtime"),
        "/etc/localtime",
    );
    let time = VolumeMount {
        read_only: Some(true),
        ..mount(&time, "/etc/localtime")
    };
    for place in 0..2 {
        plan.mount(place, mount(&volume, "/datadog-lib"));
        plan.mount(place, time.clone());
    }
    let extend = |place, before: &str, behind: &str| EnvEdit::Extend {
        place,
        before: before.to_owned(),
        behind: behind.to_owned(),
    };
    plan.edit_env(
        0,
        vec![
            extend(0, "", ",pod:$(POD)"),
            extend(1, "/datadog-lib/:", ""),
            EnvEdit::Rename {
                place: 2,
                then: plain(
                    "JAVA_TOOL_OPTIONS",
                    "$(DATAKIT_ORIG_JAVA_TOOL_OPTIONS) -javaagent:a.jar",
                ),
            },
            EnvEdit::Append(plain("POD", "x")),
            EnvEdit::MoveToEnd { place: 0 },
            EnvEdit::MoveToEnd { place: 3 },
        ],
    );
    plan.edit_env(1, vec![EnvEdit::Append(plain("POD", "x"))]);
    plan
}

fn injected() -> Value<'static> {
    let mut template = Template::new(before()).unwrap();
    let plan = plan(&template);
    let mut journal = Journal::default();
    template
        .inject("ddtrace", plan, Some(&mut journal))
        .unwrap();
    template.keep_journal(journal);
    template.into_value()
}

/// A journal that names containers as the policy does.
fn parsed(text: &str) -> Result<Journal, &'static str> {
    Journal::parse(text, |name| name.starts_with("datakit-"))
}

fn journal_of(template: &Value) -> Journal {
    let text = template["metadata"]["annotations"][ANNOTATION]
        .as_str()
        .unwrap();
    parsed(text).unwrap()
}

/// Takes a template apart that was changed since it was injected.
fn taken_apart(change: impl FnOnce(&mut Value<'static>)) -> (Value<'static>, Taken) {
    let mut template = injected();
    let journal = journal_of(&template);
    change(&mut template);
    let taken = take_apart(&mut template, &journal);
    (template, taken)
}

const WEB_ENV: &str = "/spec/containers/0/env";

/// The place of a variable of the first container.
fn variable<'t>(template: &'t mut Value<'static>, name: &str) -> &'t mut Value<'static> {
    let env = template
        .pointer_mut(WEB_ENV)
        .unwrap()
        .as_array_mut()
        .unwrap();
    env.iter_mut().find(|entry| entry["name"] == name).unwrap()
}

#[wasm_bindgen_test(unsupported = test)]
fn takes_an_injection_back_to_the_letter() {
    let (part, taken) = taken_apart(|_| {});
    assert_eq!(part, before());
    assert_eq!(
        taken,
        Taken {
            whole: true,
            anything: true,
            altered: vec![]
        }
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn takes_nothing_twice() {
    let (part, _) = taken_apart(|_| {});
    let mut again = part.clone();
    let taken = take_apart(&mut again, &journal_of(&injected()));
    assert_eq!(again, part);
    assert!(!taken.whole && !taken.anything);
}

#[wasm_bindgen_test(unsupported = test)]
fn writes_a_journal_that_is_short_and_holds_no_value_of_the_user() {
    let template = injected();
    let text = template["metadata"]["annotations"][ANNOTATION]
        .as_str()
        .unwrap();
    assert!(text.len() < 2048, "{} bytes", text.len());
    let journal: Value = Value::parse(text).unwrap();
    assert_eq!(
        journal,
        json!({
            "v": 1,
            "features": {"ddtrace": {"image": "repo/java:1", "rule": "admission_inject.ddtrace"}},
            "containers": {"datakit-lib-init": "4e4db64b"},
            "volumes": {"datakit-auto-instrument": "9c4caa2c", "timezone": "c9e138b6"},
            "annotations": {"datakit/logs": "fde95ff4"},
            "shareProcessNamespace": true,
            "edits": [
                {"in": ["web"],
                    "mounts": {"/datadog-lib": "1429e87c", "/etc/localtime": "bfd695af"},
                    "fields": {"/etc/localtime": {"readOnly": "ab0b1d49"}},
                    "added": {"POD": "3fa4b144"},
                    "extended": {"DD_TAGS": {"behind": ",pod:$(POD)"}, "PYTHONPATH": {"before": "/datadog-lib/:"}},
                    "renamed": {"JAVA_TOOL_OPTIONS": "ac71cad3"},
                    "moved": [[0, 4], [3, 5]],
                    "order": "1eb359a8"
            },
                {"in": ["worker"],
                    "mounts": {"/datadog-lib": "1429e87c", "/etc/localtime": "bfd695af"},
                    "fields": {"/etc/localtime": {"readOnly": "ab0b1d49"}},
                    "added": {"POD": "3fa4b144"}}
        ]
        })
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn leaves_a_value_that_was_set_back_as_it_stands() {
    let (part, taken) = taken_apart(|template| {
        variable(template, "PYTHONPATH")["value"] = json!("/own");
        variable(template, "DD_TAGS")["value"] = json!("env:prod");
    });
    assert_eq!(part, before());
    assert!(!taken.whole && taken.altered.is_empty());
}

#[wasm_bindgen_test(unsupported = test)]
fn takes_our_source_from_an_entry_that_a_merge_has_mixed() {
    let user = json!({"configMapKeyRef": {"name": "web", "key": "java"}});
    let (part, _) = taken_apart(|template| {
        variable(template, "JAVA_TOOL_OPTIONS")["valueFrom"] = user.clone();
        variable(template, "POD")["valueFrom"] = user.clone();
        template["spec"]["volumes"][1]["persistentVolumeClaim"] = json!({"claimName": "mine"});
        template["spec"]["containers"][1]["volumeMounts"][1]["name"] = json!("data");
    });
    let mut expected = before();
    // Its place in the list as it was left: the list is not otherwise, so what was moved goes back.
    expected["spec"]["containers"][0]["env"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "POD", "valueFrom": user}));
    expected["spec"]["volumes"] = json!([
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "datakit-auto-instrument", "persistentVolumeClaim": {"claimName": "mine"}}
    ]);
    // Nothing else would mount the claim.
    for container in expected["spec"]["containers"].as_array_mut().unwrap() {
        let own = json!({"name": "datakit-auto-instrument", "mountPath": "/datadog-lib"});
        match container["volumeMounts"].as_array_mut() {
            Some(mounts) => mounts.push(own),
            None => container["volumeMounts"] = json!([own]),
        }
    }
    expected["spec"]["containers"][1]["volumeMounts"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "data", "mountPath": "/etc/localtime"}));
    assert_eq!(part, expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn leaves_moved_entries_where_they_are_in_a_list_that_was_changed() {
    let (part, _) = taken_apart(|template| {
        let env = template
            .pointer_mut(WEB_ENV)
            .unwrap()
            .as_array_mut()
            .unwrap();
        env.push(json!({"name": "NEW", "value": "1"}));
    });
    let names: Vec<&Value> = part["spec"]["containers"][0]["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["name"])
        .collect();
    assert_eq!(
        names,
        ["PYTHONPATH", "JAVA_TOOL_OPTIONS", "DD_TAGS", "SEEN", "NEW"]
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_renamed_variable_goes_where_its_name_has_another_value() {
    let (part, _) = taken_apart(|template| {
        variable(template, "JAVA_TOOL_OPTIONS")["value"] = json!("-Xmx1g");
    });
    let mut expected = before();
    expected["spec"]["containers"][0]["env"][2] =
        json!({"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx1g"});
    assert_eq!(part, expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn leaves_a_volume_that_a_container_of_the_user_mounts() {
    let (part, _) = taken_apart(|template| {
        let containers = template["spec"]["containers"].as_array_mut().unwrap();
        containers.push(
            json!({"name": "new", "volumeMounts": [{"name": "timezone", "mountPath": "/tz"}]}),
        );
    });
    let mut expected = before();
    expected["spec"]["volumes"].as_array_mut().unwrap().push(
        json!({"name": "timezone", "hostPath": {"path": "/etc/localtime", "type": "FileOrCreate"}}),
    );
    expected["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "new", "volumeMounts": [{"name": "timezone", "mountPath": "/tz"}]}));
    assert_eq!(part, expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn knows_its_entries_again_in_a_container_that_was_renamed() {
    let (part, taken) = taken_apart(|template| {
        template["spec"]["containers"][1]["name"] = json!("queue");
    });
    let mut expected = before();
    expected["spec"]["containers"][1]["name"] = json!("queue");
    assert_eq!(part, expected);
    assert!(!taken.whole);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_container_of_ours_goes_whatever_is_in_it() {
    let (part, taken) = taken_apart(|template| {
        template["spec"]["initContainers"][0]["image"] = json!("web:2");
    });
    assert_eq!(part, before());
    assert_eq!(taken.altered, ["container datakit-lib-init"]);
    assert!(!taken.whole && taken.anything);
}

#[wasm_bindgen_test(unsupported = test)]
fn says_what_is_missing() {
    let (part, taken) = taken_apart(|template| {
        let spec = template["spec"].as_object_mut().unwrap();
        spec.remove("initContainers");
        spec["shareProcessNamespace"] = json!(false);
        spec["volumes"].as_array_mut().unwrap().remove(2);
        let worker = spec["containers"][1].as_object_mut().unwrap();
        worker.remove("env");
        worker["volumeMounts"].as_array_mut().unwrap().remove(0);
    });
    let mut expected = before();
    expected["spec"]["shareProcessNamespace"] = json!(false);
    assert_eq!(part, expected);
    assert_eq!(
        taken.altered,
        [
            "container datakit-lib-init",
            "a variable of container `worker`",
            "volume timezone",
            "a mount of container `worker`",
            "shareProcessNamespace",
        ]
    );
}

/// `kubectl apply` of a manifest whose key `volumes` is gone takes all volumes away, and leaves the
/// mounts of containers that never had that key in the manifest.
#[wasm_bindgen_test(unsupported = test)]
fn its_mounts_go_where_all_volumes_are_gone() {
    let (part, _) = taken_apart(|template| {
        template["spec"].as_object_mut().unwrap().remove("volumes");
    });
    let mut expected = before();
    expected["spec"].as_object_mut().unwrap().remove("volumes");
    assert_eq!(part, expected);
}

/// Its mount is the only one of that volume, so it may be the manifest's, which did not say `readOnly`.
#[wasm_bindgen_test(unsupported = test)]
fn a_claim_by_the_name_of_a_volume_is_not_read_only() {
    let (part, _) = taken_apart(|template| {
        template["spec"]["volumes"][2] =
            json!({"name": "timezone", "persistentVolumeClaim": {"claimName": "mine"}});
    });
    let mut expected = before();
    expected["spec"]["volumes"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "timezone", "persistentVolumeClaim": {"claimName": "mine"}}));
    let own = json!({"name": "timezone", "mountPath": "/etc/localtime"});
    expected["spec"]["containers"][0]["volumeMounts"]
        .as_array_mut()
        .unwrap()
        .push(own.clone());
    expected["spec"]["containers"][1]["volumeMounts"] = json!([own]);
    assert_eq!(part, expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn takes_no_journal_that_is_malformed_foreign_or_of_another_version() {
    let malformed = "is malformed";
    let foreign = "names something that the policy does not add";
    for (text, expected) in [
        ("", malformed),
        ("null", malformed),
        ("[]", malformed),
        (r#"{"edits":[]}"#, malformed),
        (r#"{"v":"1"}"#, malformed),
        (r#"{"v":1,"edits":[],"more":1}"#, malformed),
        (
            r#"{"v":1,"edits":[{"in":["a"],"added":{"A":"xyz"}}]}"#,
            malformed,
        ),
        (
            r#"{"v":2,"edits":[]}"#,
            "is from another version of the policy",
        ),
        (
            r#"{"v":1,"containers":{"web":"00000000"},"edits":[]}"#,
            foreign,
        ),
        (
            r#"{"v":1,"volumes":{"data":"00000000"},"edits":[]}"#,
            foreign,
        ),
        (
            r#"{"v":1,"annotations":{"example.com/a":"00000000"},"edits":[]}"#,
            foreign,
        ),
        (
            r#"{"v":1,"containers":{"datakit-logfwd":"00000000"},"edits":[{"in":["datakit-logfwd"]}]}"#,
            foreign,
        ),
    ] {
        assert_eq!(parsed(text), Err(expected), "{text}");
    }
    let text = journal_of(&injected()).to_text();
    for end in 1..text.len() {
        assert_eq!(parsed(&text[..end]), Err(malformed), "{}", &text[..end]);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn containers_to_which_the_same_was_done_share_an_entry() {
    let mut record = ContainerRecord::default();
    record.added.insert("A", Hash::of(&json!("1")));
    let mut journal = Journal::default();
    for name in ["a", "b", "c"] {
        journal.edits.insert(name, record.clone());
    }
    let text = journal.to_text();
    assert_eq!(text.matches("added").count(), 1, "{text}");
    assert_eq!(parsed(&text), Ok(journal));
}

#[wasm_bindgen_test(unsupported = test)]
fn leaves_a_feature_out_whose_journal_does_not_fit() {
    let injected = |bytes: usize| {
        let mut value = before();
        value["metadata"]["annotations"] = json!({"own": "x".repeat(bytes)});
        let mut template = Template::new(value).unwrap();
        let plan = plan(&template);
        let mut journal = Journal::default();
        let done = template.inject("ddtrace", plan, Some(&mut journal));
        if done.is_ok() {
            template.keep_journal(journal);
        }
        (done, template.into_value())
    };
    let sizes = |value: &Value| -> usize {
        let annotations = value["metadata"]["annotations"].as_object().unwrap();
        annotations
            .iter()
            .map(|(key, value)| key.len() + value.as_str().unwrap().len())
            .sum()
    };
    let (done, small) = injected(1000);
    assert_eq!(done, Ok(()));
    let room = 256 * 1024 - (sizes(&small) - 1000);
    let (done, full) = injected(room);
    assert_eq!(done, Ok(()));
    assert_eq!(sizes(&full), 256 * 1024);
    let (done, left) = injected(room + 1);
    assert_eq!(done, Err(crate::template::JournalIsFull));
    assert_eq!(left["spec"], before()["spec"]);
}

#[wasm_bindgen_test(unsupported = test)]
fn the_order_of_volumes_and_mounts_does_not_count() {
    let left = json!({"spec": {"volumes": [{"name": "a"}, {"name": "b"}], "containers": [
        {"name": "c", "volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/b"}]}
    ]}});
    let mut right = left.clone();
    right["spec"]["volumes"].as_array_mut().unwrap().reverse();
    right["spec"]["containers"][0]["volumeMounts"]
        .as_array_mut()
        .unwrap()
        .reverse();
    assert!(same_part(&left, &right));
    right["spec"]["containers"][0]["env"] = json!([{"name": "A"}]);
    assert!(!same_part(&left, &right));
}

#[wasm_bindgen_test(unsupported = test)]
fn leaves_the_mount_of_a_container_whose_volume_is_shared_with_another() {
    let logs = json!({"name": "logs", "mountPath": "/logs"});
    let own = |name: &str| json!({"name": name, "volumeMounts": [logs]});
    let before = json!({"spec": {
        "volumes": [{"name": "logs", "emptyDir": {}}],
        "containers": [{"name": "web"}, own("worker")]
    }});
    let mut template = Template::new(before.clone()).unwrap();
    let mut plan = Plan::default();
    plan.mount(0, mount("logs", "/logs"));
    let mut journal = Journal::default();
    template.inject("logfwd", plan, Some(&mut journal)).unwrap();
    template.keep_journal(journal.clone());
    // A container that came later, with a mount like ours.
    let mut value = template.into_value();
    let containers = value["spec"]["containers"].as_array_mut().unwrap();
    containers.push(own("new"));
    take_apart(&mut value, &journal);
    let mut expected = before;
    expected["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(own("new"));
    assert_eq!(value, expected);
}
