//! What settings do: which of them counts, and what the containers get of them.

use serde_json::{Value, json};

use crate::parts::{
    JAVA_OPTION, assert_injects, assert_leaves_alone, container, default_resources, empty_dir,
    field, logfwd, mount, pod, read_only, variable, with,
};
use crate::support::{create, validate};

const IMAGES: [(&str, &str, &str); 3] = [
    ("ddtrace", "java_agent_image", "java-lib.version"),
    ("logfwd", "logfwd_image", "logfwd.instances"),
    ("profiler", "java_profiler_image", "java-profiler.version"),
];

/// A pod that asks for all that `admission_inject` has.
fn asking() -> Value {
    let annotations = IMAGES.map(|(_, _, annotation)| match annotation {
        "logfwd.instances" => (annotation, "[]"),
        _ => (annotation, ""),
    });
    pod(
        &annotations,
        json!({"containers": [container("main", &[])]}),
    )
}

/// The container of a feature, where it was injected.
fn injected(feature: &str, object: &Value, settings: &Value) -> Option<Value> {
    let mutated = validate(&create("default", object), settings).mutated_object?;
    let (list, name) = match feature {
        "ddtrace" => ("initContainers", "datakit-lib-init".to_owned()),
        other => ("containers", format!("datakit-{other}")),
    };
    let containers = mutated["spec"][list].as_array()?;
    containers
        .iter()
        .find(|container| container["name"] == name.as_str())
        .cloned()
}

/// `admission_inject` with one feature.
fn first(feature: &str, more: Value) -> Value {
    let (_, key, _) = IMAGES
        .into_iter()
        .find(|(name, _, _)| *name == feature)
        .unwrap();
    let section = with(json!({"images": {key: "repo/first:1"}}), more);
    json!({"admission_inject": {feature: section}})
}

/// `admission_inject_v2` with one rule for every pod.
fn second(feature: &str, more: Value) -> Value {
    let mut rule = json!({"namespace_selectors": ["*"], "image": "repo/second:1"});
    if matches!(feature, "ddtrace" | "profiler") {
        rule["language"] = json!("java");
    }
    if feature == "flameshot" {
        rule["processes"] = json!("[]");
        rule["envs"] = json!({
            "FLAMESHOT_PROFILING_PATH": "/flames", "FLAMESHOT_HTTP_LOCAL_PORT": "80"
        });
    }
    json!({"admission_inject_v2": {format!("{feature}s"): [with(rule, more)]}})
}

#[test]
fn uses_the_first_generation_where_it_has_images_or_envs() {
    for (feature, key, _) in IMAGES {
        let both = |section: Value| {
            let mut settings = second(feature, json!({}));
            settings["admission_inject"] = json!({feature: section});
            injected(feature, &asking(), &settings).map(|container| container["image"].clone())
        };
        assert_eq!(
            both(json!({"images": {key: "repo/first:1"}})),
            Some(json!("repo/first:1"))
        );
        // Envs alone take the feature over too; then there is no image for it.
        assert_eq!(both(json!({"envs": {"A": "b"}})), None);
        for unused in [
            json!(null),
            json!({}),
            json!({"images": {}, "envs": {}}),
            json!({"image_pull_policy": "Never", "options": {}}),
        ] {
            assert_eq!(both(unused), Some(json!("repo/second:1")));
        }
    }
}

#[test]
fn chooses_a_generation_for_each_feature_by_itself() {
    let mut settings = second("logfwd", json!({}));
    settings["admission_inject"] =
        json!({"ddtrace": {"images": {"java_agent_image": "repo/first:1"}}});
    let image = |feature: &str| injected(feature, &asking(), &settings).unwrap()["image"].clone();
    assert_eq!(image("ddtrace"), "repo/first:1");
    assert_eq!(image("logfwd"), "repo/second:1");
}

#[test]
fn pulls_images_as_the_settings_say() {
    for (policy, expected) in [
        (None, "Always"),
        (Some(""), "Always"),
        (Some("Always"), "Always"),
        (Some("IfNotPresent"), "IfNotPresent"),
        (Some("Never"), "Never"),
    ] {
        let more = json!({"image_pull_policy": policy});
        for feature in ["ddtrace", "logfwd", "profiler", "flameshot"] {
            let container = injected(feature, &asking(), &second(feature, more.clone())).unwrap();
            assert_eq!(container["imagePullPolicy"], expected, "{feature}");
        }
        for (feature, _, _) in IMAGES {
            let container = injected(feature, &asking(), &first(feature, more.clone())).unwrap();
            assert_eq!(container["imagePullPolicy"], expected, "{feature}");
        }
    }
}

#[test]
fn gives_containers_the_resources_of_the_settings() {
    let half = json!({"limits": {"memory": "1Gi"}});
    let whole = json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2"}});
    let cases = [
        (json!(null), default_resources()),
        (json!({}), default_resources()),
        (half.clone(), half),
        (whole.clone(), whole),
    ];
    for (resources, expected) in cases {
        let more = json!({"resources": resources});
        for feature in ["ddtrace", "logfwd", "profiler", "flameshot"] {
            let container = injected(feature, &asking(), &second(feature, more.clone())).unwrap();
            assert_eq!(container["resources"], expected, "{feature}");
        }
        for (feature, _, _) in IMAGES {
            let container = injected(feature, &asking(), &first(feature, more.clone())).unwrap();
            // The init container of `admission_inject` has no defaults.
            let is_default = expected == default_resources();
            if feature == "ddtrace" && is_default {
                assert_eq!(container.get("resources"), None);
            } else {
                assert_eq!(container["resources"], expected, "{feature}");
            }
        }
    }
}

/// The variables that `envs` become in a sidecar, and in an app container behind the agent's.
#[track_caller]
fn assert_order(section: &Value, expected: &[&str]) {
    for feature in ["profiler", "ddtrace"] {
        let settings = first(feature, json!({"envs": section}));
        assert_names(feature, &settings, expected);
    }
}

#[track_caller]
fn assert_names(feature: &str, settings: &Value, expected: &[&str]) {
    let answer = validate(&create("default", &asking()), settings);
    let mutated = answer.mutated_object.unwrap();
    let (container, skipped) = match feature {
        "ddtrace" => (0, 1),
        _ => (1, 0),
    };
    let env = mutated["spec"]["containers"][container]["env"]
        .as_array()
        .unwrap();
    let names: Vec<&str> = env
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .skip(skipped)
        .collect();
    assert_eq!(names, expected, "{feature}");
}

#[test]
fn orders_an_object_of_envs_by_name_and_reference() {
    assert_order(
        &json!({"B": "1", "A": "2", "a": "3", "_": "4"}),
        &["A", "B", "_", "a"],
    );
    assert_order(
        &json!({"A_TAGS": "x:$(POD)$(NODE)", "POD": "1", "NODE": "$(Z)", "Z": "2", "B": ""}),
        &["B", "POD", "Z", "NODE", "A_TAGS"],
    );
    // An escape is no reference, nor is what is defined nowhere or the variable itself.
    assert_order(
        &json!({"A": "$$(Z) $(OTHER) $(A) $Z", "Z": ""}),
        &["A", "Z"],
    );
    // What stands in a cycle, or behind one, keeps the given order.
    assert_order(
        &json!({"A": "$(B)", "B": "$(A)", "C": "", "D": "$(B)"}),
        &["C", "A", "B", "D"],
    );
}

#[test]
fn orders_a_list_of_envs_as_it_is_written() {
    let list = |names: &[(&str, &str)]| -> Value {
        names
            .iter()
            .map(|(name, value)| variable(name, value))
            .collect()
    };
    assert_order(
        &list(&[("B", "1"), ("A", "2"), ("C", "3")]),
        &["B", "A", "C"],
    );
    assert_order(
        &list(&[("TAGS", "$(POD)"), ("B", ""), ("POD", "1"), ("A", "")]),
        &["B", "POD", "TAGS", "A"],
    );
}

#[test]
fn orders_the_envs_of_a_pasted_configmap_as_they_are_written() {
    for feature in ["profiler", "ddtrace"] {
        let settings = first(feature, json!({"envs": "ENVS"})).to_string();
        let text = settings.replace(
            "\"ENVS\"",
            r#"{"B": "1", "TAGS": "$(POD)", "A": "", "POD": ""}"#,
        );
        assert_names(
            feature,
            &json!({"jsonconfig": text}),
            &["B", "A", "POD", "TAGS"],
        );
    }
}

#[test]
fn reads_a_pasted_configmap_like_settings() {
    let plain = json!({
        "log_level": "info",
        "admission_inject": first("profiler", json!({}))["admission_inject"],
        "admission_inject_v2": second("logfwd", json!({}))["admission_inject_v2"]
    });
    let pasted = json!({"jsonconfig": serde_json::to_string_pretty(&plain).unwrap()});
    let request = create("default", &asking());
    let answer = validate(&request, &pasted);
    assert!(answer.mutated_object.is_some());
    assert_eq!(answer, validate(&request, &plain));
    for nothing in ["", " ", "{}", "null"] {
        let answer = validate(&request, &json!({"jsonconfig": nothing}));
        assert_eq!(answer.mutated_object, None);
    }
}

#[test]
fn fills_in_placeholders_of_the_pod() {
    let envs = json!({
        "A": "{fieldRef:metadata.labels['app.kubernetes.io/name']}",
        "B": "{fieldRef:metadata.annotations['x']}",
        "C": "{fieldRef:spec.serviceAccountName}",
        "D": "{fieldRef:metadata.PODNAME}",
        "E": "{resourceFieldRef:limits.cpu}",
        "F": "{resourceFieldRef:requests.memory}",
        "G": "{resourceFieldRef:limits.memory}",
        "H": "{secretKeyRef:keys.a.b}",
        "I": "{fieldRef:metadata.name}x"
    });
    let resource = |name: &str, resource: &str, divisor: &str| {
        json!({"name": name, "valueFrom": {"resourceFieldRef": {
            "containerName": "main", "resource": resource, "divisor": divisor
        }}})
    };
    let resources = json!({"limits": {"cpu": "1"}, "requests": {"memory": "1Gi"}});
    let mut pod = asking();
    pod["spec"]["containers"] = json!([
        {"name": "main", "resources": resources},
        {"name": "other", "resources": {"limits": {"memory": "1Gi"}}}
    ]);
    let expected = json!([
        field("A", "metadata.labels['app.kubernetes.io/name']"),
        field("B", "metadata.annotations['x']"),
        field("C", "spec.serviceAccountName"),
        variable("D", "{fieldRef:metadata.PODNAME}"),
        resource("E", "limits.cpu", "1m"),
        resource("F", "requests.memory", "1Mi"),
        {"name": "H", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a.b"}}},
        variable("I", "{fieldRef:metadata.name}x")
    ]);
    let settings = first("profiler", json!({"envs": envs}));
    let container = injected("profiler", &pod, &settings).unwrap();
    assert_eq!(container["env"], expected);
}

#[test]
fn keeps_the_variables_that_a_container_has() {
    let settings = first(
        "ddtrace",
        json!({"envs": {"A": "configured", "B": "configured", "JAVA_TOOL_OPTIONS": "configured"}}),
    );
    let mut pod = asking();
    pod["spec"]["containers"][0]["env"] = json!([variable("A", "own"), variable("C", "own")]);
    let answer = validate(&create("default", &pod), &settings);
    assert_eq!(
        answer.mutated_object.unwrap()["spec"]["containers"][0]["env"],
        json!([
            variable("A", "own"),
            variable("C", "own"),
            variable("JAVA_TOOL_OPTIONS", JAVA_OPTION),
            variable("B", "configured")
        ])
    );
}

#[test]
fn takes_a_name_of_a_namespace_for_that_name_alone() {
    let by = |pattern: &str, namespace: &str| {
        let list = json!([{"namespace": pattern, "language": "java"}]);
        let settings = first("ddtrace", json!({"enabled_namespaces": list}));
        let pod = pod(&[], json!({"containers": [container("main", &[])]}));
        let first = validate(&create(namespace, &pod), &settings)
            .mutated_object
            .is_some();
        let settings = second("ddtrace", json!({"namespace_selectors": [pattern]}));
        let second = validate(&create(namespace, &pod), &settings)
            .mutated_object
            .is_some();
        (first, second)
    };
    // The generations differ: the second reads every pattern as an expression, unanchored.
    assert_eq!(by("test", "test"), (true, true));
    assert_eq!(by("test", "mytest2"), (false, true));
    for (pattern, namespace, expected) in [
        ("^test$", "test", true),
        ("^test$", "test2", false),
        ("te.t", "mytest2", true),
        ("^(a|b)-", "b-web", true),
        ("^(a|b)-", "c-web", false),
        ("*", "any", true),
        ("[0-9]+$", "a7", true),
        ("", "any", false),
    ] {
        assert_eq!(
            by(pattern, namespace),
            (expected, expected),
            "{pattern} {namespace}"
        );
    }
}

#[test]
fn asks_for_both_selectors_of_a_rule_where_it_has_both() {
    let chosen = |namespaces: Value, labels: Value| {
        let selectors = json!({"namespace_selectors": namespaces, "label_selectors": labels});
        let mut pod = pod(&[], json!({"containers": [container("main", &[])]}));
        pod["metadata"]["labels"] = json!({"app": "x", "size": "3"});
        let logging = json!({"admission_mutate": {"loggings": [with(selectors.clone(), json!({"config": "[]"}))]}});
        let is_changed = |settings: &Value| {
            validate(&create("default", &pod), settings)
                .mutated_object
                .is_some()
        };
        (
            is_changed(&second("logfwd", selectors)),
            is_changed(&logging),
        )
    };
    // Rules of `admission_inject_v2` want both, those of `admission_mutate` either.
    assert_eq!(chosen(json!(["default"]), json!(["app=x"])), (true, true));
    assert_eq!(chosen(json!(["other"]), json!(["app=x"])), (false, true));
    assert_eq!(chosen(json!(["default"]), json!(["app=y"])), (false, true));
    assert_eq!(chosen(json!(["other"]), json!(["app=y"])), (false, false));
    assert_eq!(chosen(json!([]), json!([])), (false, false));
    assert_eq!(chosen(json!(["other", "default"]), json!([])), (true, true));
    for selector in [
        "app==x",
        "app in (y,x)",
        "app!=y",
        "!none",
        "size>2,size<4",
        "none notin (a)",
    ] {
        assert_eq!(
            chosen(json!([]), json!(["app=y", selector])),
            (true, true),
            "{selector}"
        );
    }
    for selector in ["app=X", "app notin (x)", "none", "size>3", "app=x,none=a"] {
        assert_eq!(
            chosen(json!([]), json!([selector])),
            (false, false),
            "{selector}"
        );
    }
}

#[test]
fn waits_for_the_annotation_where_a_rule_checks_it() {
    let settings = json!({"admission_inject_v2": {"ddtraces": [
        {"namespace_selectors": ["*"], "language": "python", "image": "repo/python:1", "check_annotation": true},
        {"namespace_selectors": ["*"], "language": "java", "image": "repo/java:1"}
    ]}});
    let plain = pod(&[], json!({"containers": [container("main", &[])]}));
    let image = |pod: &Value| injected("ddtrace", pod, &settings).unwrap()["image"].clone();
    assert_eq!(image(&plain), "repo/java:1");
    let mut asking = plain;
    asking["metadata"]["annotations"]["admission.datakit/python-lib.version"] = json!("v2");
    assert_eq!(image(&asking), "repo/python:v2");
}

#[test]
fn lets_the_first_rule_of_a_sidecar_decide() {
    let settings = json!({"admission_inject_v2": {
        "logfwds": [
            {"namespace_selectors": ["*"], "image": "repo/first:1", "check_annotation": true},
            {"namespace_selectors": ["*"], "image": "repo/second:1"}
        ],
        "profilers": [
            {"namespace_selectors": ["*"], "language": "java", "image": "repo/java:1", "check_annotation": true},
            {"namespace_selectors": ["*"], "language": "python", "image": "repo/python:1"}
        ]
    }});
    let pod = pod(&[], json!({"containers": [container("main", &[])]}));
    assert_leaves_alone(&pod, &settings, &[]);
    let mut asking = asking();
    asking["metadata"]["annotations"]["admission.datakit/java-profiler.version"] = json!("v2");
    let image = |feature: &str| injected(feature, &asking, &settings).unwrap()["image"].clone();
    assert_eq!(image("logfwd"), "repo/first:1");
    assert_eq!(image("profiler"), "repo/java:v2");
}

#[test]
fn forwards_what_rules_and_the_annotation_say() {
    let configs = r#"[{"type":"file","path":"/configured/*.log"},{"type":"stdout"}]"#;
    let settings = json!({"admission_inject_v2": {"logfwds": [{
        "namespace_selectors": ["*"],
        "image": "repo/logfwd:1",
        "log_configs": configs,
        "log_volume_paths": ["/more//logs/", "/globs/*/x.log"]
    }]}});
    let info = json!({"name": "datakit-pod-info", "downwardAPI": {
        "items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    }});
    let forwarded = |annotation: Option<(&str, &str)>, env: &[Value], paths: &[&str]| {
        let annotations: Vec<_> = annotation.into_iter().collect();
        let before = pod(
            &annotations,
            json!({"containers": [container("main", &[])]}),
        );
        let mut mounts = Vec::new();
        let mut volumes = Vec::new();
        for (number, path) in paths.iter().enumerate() {
            let name = format!("datakit-logfwd-volume-{number}");
            mounts.push(mount(&name, path));
            volumes.push(empty_dir(&name));
        }
        let mut of_sidecar: Vec<Value> = mounts.iter().cloned().map(read_only).collect();
        of_sidecar.push(read_only(mount("datakit-pod-info", "/etc/podinfo")));
        volumes.push(info.clone());
        let mut env = env.to_vec();
        env.push(variable("LOGFWD_LOG_CONFIGS", configs));
        let after = json!({
            "containers": [container("main", &mounts), logfwd(&env, &of_sidecar)],
            "volumes": volumes
        });
        (before.clone(), with(before, json!({"spec": after})))
    };
    let configured = ["/configured", "/more/logs", "/globs"];
    let (before, after) = forwarded(None, &[], &configured);
    assert_injects(&before, &settings, &after, &[]);

    let instances = r#"[{"loggings":[{"logfiles":["/own/a.log"]}]}]"#;
    let env = [variable("LOGFWD_JSON_CONFIG", instances)];
    let paths = ["/own", "/configured", "/more/logs", "/globs"];
    let (before, after) = forwarded(Some(("logfwd.instances", instances)), &env, &paths);
    assert_injects(&before, &settings, &after, &[]);

    // The rule asks for the sidecar, so it comes without the annotation that it cannot read.
    let (before, after) = forwarded(Some(("logfwd.instances", "{")), &[], &configured);
    assert_injects(
        &before,
        &settings,
        &after,
        &[
            "datakit logfwd: injected without log configuration: admission.datakit/logfwd.instances \
           ends too early (line 1, column 1)",
        ],
    );
}
