//! Differences of DDTrace.

use serde_json::{Value, json};

use crate::parts::{
    JAVA_OPTION, agent_mount, assert_injects, assert_leaves_alone, config_map, container,
    empty_dir, field, lib_init, mount, pod, variable, with,
};
use crate::support::{POLICY, workload};

pub(super) fn settings(envs: Value) -> Value {
    json!({"admission_inject": {"ddtrace": {
        "images": {
            "java_agent_image": "repo/java:1",
            "python_agent_image": "repo/python:1",
            "js_agent_image": "repo/nodejs:1",
            "php_agent_image": "repo/php:1"
        },
        "envs": envs
    }}})
}

/// A container as the user writes it.
pub(super) fn main(env: Value) -> Value {
    json!({"name": "main", "image": "app:1", "env": env})
}

/// The same with the agent.
pub(super) fn main_with_agent(env: Value) -> Value {
    with(main(env), json!({"volumeMounts": [agent_mount()]}))
}

pub(super) fn asking(language: &str, container: Value) -> Value {
    let annotation = format!("{language}-lib.version");
    pod(&[(&annotation, "")], json!({"containers": [container]}))
}

fn with_agent(language: &str, container: Value) -> Value {
    let mut pod = asking(language, container);
    pod["spec"]["initContainers"] = json!([init_container(language)]);
    pod["spec"]["volumes"] = json!([empty_dir("datakit-auto-instrument")]);
    pod
}

fn init_container(language: &str) -> Value {
    let init = lib_init(&format!("repo/{language}:1"));
    if language != "php" {
        return init;
    }
    let script = "/datadog-init/copy-lib.sh /datadog-lib && \
                  cp /datadog-lib/linux-gnu/loader/dd_library_loader.ini \
                  /datadog-lib/dd_library_loader.ini";
    with(init, json!({"command": ["sh", "-c", script]}))
}

/// Asserts what becomes of a container's variables.
#[track_caller]
pub(super) fn assert_env(
    language: &str,
    envs: Value,
    before: Value,
    after: Value,
    warnings: &[&str],
) {
    assert_injects(
        &asking(language, main(before)),
        &settings(envs),
        &with_agent(language, main_with_agent(after)),
        warnings,
    );
}

#[test]
fn difference_01_keeps_fields_that_it_does_not_know() {
    let template = json!({
        "metadata": {
            "annotations": {"admission.datakit/java-lib.version": ""},
            "labels": {"app": "x"},
            "future": {"deep": [null, {}, []]},
            "creationTimestamp": null
        },
        "future": true,
        "spec": {
            "future": {"number": 1.5, "large": 9007199254740993_u64, "small": 1e-300, "no": null},
            "os": {"name": "linux", "future": 1},
            "volumes": [{"name": "own", "future": {"a": []}}],
            "initContainers": [{"name": "own", "image": "own:1", "restartPolicy": "Always", "future": 1}],
            "ephemeralContainers": [{"name": "debug", "image": "debug:1", "future": 1}],
            "containers": [{
                "name": "main",
                "image": "app:1",
                "future": ["a", 1],
                "volumeMounts": [{"name": "own", "mountPath": "/own", "recursive": "IfPossible"}],
                "env": [
                    {"name": "DD_TAGS", "value": "a:b", "future": 1},
                    {"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx1g", "future": 2},
                    {"name": "FILE", "valueFrom": {"fileKeyRef": {"path": "p", "key": "k"}}}
                ]
            }]
        }
    });
    let mut before = workload("Deployment", &template);
    before["future"] = json!({"status": -1});
    before["spec"]["future"] = json!("x");
    let mut after = before.clone();
    let spec = &mut after["spec"]["template"]["spec"];
    let init_containers = spec["initContainers"].as_array_mut().unwrap();
    init_containers.push(lib_init("repo/java:1"));
    let volumes = spec["volumes"].as_array_mut().unwrap();
    volumes.push(empty_dir("datakit-auto-instrument"));
    let container = &mut spec["containers"][0];
    let mounts = container["volumeMounts"].as_array_mut().unwrap();
    mounts.push(agent_mount());
    container["env"] = json!([
        {"name": "JAVA_TOOL_OPTIONS", "value": format!("-Xmx1g{JAVA_OPTION}"), "future": 2},
        {"name": "FILE", "valueFrom": {"fileKeyRef": {"path": "p", "key": "k"}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "DD_TAGS", "value": "a:b,pod:$(POD)", "future": 1}
    ]);
    let settings = settings(json!({"DD_TAGS": "pod:$(POD)", "POD": "{fieldRef:metadata.name}"}));
    assert_injects(&before, &settings, &after, &[]);
}

#[test]
fn difference_01_keeps_the_fields_of_a_reference_that_is_moved() {
    let own = json!({
        "name": "JAVA_TOOL_OPTIONS",
        "valueFrom": {"fileKeyRef": {"path": "p", "key": "k", "volumeName": "v"}},
        "future": 1
    });
    let kept = with(
        own.clone(),
        json!({"name": "DATAKIT_ORIG_JAVA_TOOL_OPTIONS"}),
    );
    let value = format!("$(DATAKIT_ORIG_JAVA_TOOL_OPTIONS){JAVA_OPTION}");
    let after = json!([kept, variable("JAVA_TOOL_OPTIONS", &value)]);
    assert_env("java", json!({}), json!([own]), after, &[]);
}

#[test]
fn difference_02_skips_a_language_without_an_image() {
    let without_images = json!({"admission_inject": {"ddtrace": {"envs": {"A": "b"}}}});
    for (annotation, language) in [
        ("java", "java"),
        ("python", "python"),
        ("nodejs", "nodejs"),
        ("js", "nodejs"),
        ("php", "php"),
    ] {
        let warning = format!(
            "datakit ddtrace: nothing injected: admission_inject.ddtrace has no image for {language}"
        );
        let pod = asking(annotation, main(json!([])));
        assert_leaves_alone(&pod, &without_images, &[&warning]);
    }
}

#[test]
fn difference_02_skips_sidecars_without_an_image() {
    let settings = json!({"admission_inject": {
        "logfwd": {"envs": {"A": "b"}},
        "profiler": {"images": {"java_profiler_image": "repo/java:1"}}
    }});
    let pod = pod(
        &[("logfwd.instances", "[]"), ("python-profiler.version", "")],
        json!({"containers": [main(json!([]))]}),
    );
    assert_leaves_alone(
        &pod,
        &settings,
        &[
            "datakit logfwd: nothing injected: admission_inject.logfwd has no image",
            "datakit profiler: nothing injected: admission_inject.profiler has no image for python",
        ],
    );
}

#[track_caller]
fn assert_tags(own: &str, configured: &str, merged: &str) {
    let options = variable("JAVA_TOOL_OPTIONS", JAVA_OPTION);
    assert_env(
        "java",
        json!({"DD_TAGS": configured}),
        json!([variable("DD_TAGS", own), variable("A", "$(DD_TAGS)")]),
        json!([
            variable("DD_TAGS", merged),
            variable("A", "$(DD_TAGS)"),
            options
        ]),
        &[],
    );
}

#[test]
fn difference_05_keeps_tags_with_more_colons_or_none() {
    let url = "url:http://git:8080/x";
    assert_tags(url, "env:prod", "url:http://git:8080/x,env:prod");
    assert_tags("env:prod", url, "env:prod,url:http://git:8080/x");
    assert_tags("canary", "env:prod", "canary,env:prod");
    assert_tags("env:prod", "canary", "env:prod,canary");
    assert_tags("url:a:b,canary", "url:c:d,canary,new", "url:a:b,canary,new");
    assert_tags("canary,env:prod", "env:dev,canary", "canary,env:prod");
}

#[test]
fn difference_06_gives_all_addresses_of_the_pod() {
    assert_env(
        "java",
        json!({"IPS": "{fieldRef:status.podIPs}", "HOST_IPS": "{fieldRef:status.hostIPs}"}),
        json!([]),
        json!([
            variable("JAVA_TOOL_OPTIONS", JAVA_OPTION),
            field("HOST_IPS", "status.hostIPs"),
            field("IPS", "status.podIPs")
        ]),
        &[],
    );
}

#[test]
fn difference_07_takes_another_name_for_the_agents_volume() {
    let settings = settings(json!({}));
    let own = |volumes: Value| {
        let main = container("main", &[mount("datakit-auto-instrument", "/own")]);
        with(
            asking("java", Value::Null),
            json!({"spec": {"containers": [main], "volumes": volumes}}),
        )
    };
    let injected = |volume: &str, volumes: Value| {
        let agent = mount(volume, "/datadog-lib");
        let main = container(
            "main",
            &[mount("datakit-auto-instrument", "/own"), agent.clone()],
        );
        let main = with(
            main,
            json!({"env": [variable("JAVA_TOOL_OPTIONS", JAVA_OPTION)]}),
        );
        let init = with(lib_init("repo/java:1"), json!({"volumeMounts": [agent]}));
        with(
            asking("java", Value::Null),
            json!({"spec": {"containers": [main], "volumes": volumes, "initContainers": [init]}}),
        )
    };
    let taken = config_map("datakit-auto-instrument");
    assert_injects(
        &own(json!([taken])),
        &settings,
        &injected(
            "datakit-auto-instrument-1",
            json!([taken, empty_dir("datakit-auto-instrument-1")]),
        ),
        &[],
    );
    let also_taken = config_map("datakit-auto-instrument-1");
    assert_injects(
        &own(json!([taken, also_taken])),
        &settings,
        &injected(
            "datakit-auto-instrument-2",
            json!([taken, also_taken, empty_dir("datakit-auto-instrument-2")]),
        ),
        &[],
    );
}

#[test]
fn difference_13_lets_label_selectors_win_over_namespaces() {
    let mut settings = settings(json!({}));
    settings["admission_inject"]["ddtrace"]["enabled_namespaces"] =
        json!([{"namespace": "default", "language": "java"}]);
    settings["admission_inject"]["ddtrace"]["enabled_labelselectors"] =
        json!([{"labelselector": "app=x", "language": "python"}]);
    let by_label = |mut pod: Value| {
        pod["metadata"] = json!({"name": "x", "labels": {"app": "x"}});
        pod
    };
    let path = variable("PYTHONPATH", "/datadog-lib/");
    assert_injects(
        &by_label(asking("", main(json!([])))),
        &settings,
        &by_label(with_agent("python", main_with_agent(json!([path])))),
        &[],
    );
}

#[test]
fn difference_15_leaves_a_container_out_that_has_something_else_at_the_path() {
    for path in ["/datadog-lib", "/datadog-lib/"] {
        let main = container("main", &[]);
        let other = container("other", &[mount("own", path)]);
        let volumes = json!([{"name": "own", "persistentVolumeClaim": {"claimName": "c"}}]);
        let env = json!([
            variable("JAVA_TOOL_OPTIONS", JAVA_OPTION),
            variable("A", "b")
        ]);
        let injected = with(container("main", &[agent_mount()]), json!({"env": env}));
        let mut before = asking("java", Value::Null);
        let mut after = before.clone();
        before["spec"] = json!({"containers": [main, other], "volumes": volumes});
        after["spec"] = json!({
            "containers": [injected, other],
            "initContainers": [lib_init("repo/java:1")],
            "volumes": [volumes[0], empty_dir("datakit-auto-instrument")]
        });
        assert_injects(
            &before,
            &settings(json!({"A": "b"})),
            &after,
            &["datakit ddtrace: container `other` left out: \
               something else is mounted at `/datadog-lib`"],
        );
    }
}

#[test]
fn difference_16_injects_nothing_where_no_container_can_load_the_agent() {
    let mut pod = asking("java", container("main", &[mount("own", "/datadog-lib")]));
    pod["spec"]["volumes"] = json!([config_map("own")]);
    assert_leaves_alone(
        &pod,
        &settings(json!({})),
        &[
            "datakit ddtrace: container `main` left out: something else is mounted at `/datadog-lib`",
            "datakit ddtrace: nothing injected: every container was left out",
        ],
    );
}

#[test]
fn difference_16_completes_an_injection_that_has_its_volume_already() {
    let mut before = asking("java", main(json!([])));
    before["spec"]["volumes"] = json!([empty_dir("datakit-auto-instrument")]);
    let options = variable("JAVA_TOOL_OPTIONS", JAVA_OPTION);
    let after = with_agent("java", main_with_agent(json!([options])));
    assert_injects(&before, &settings(json!({})), &after, &[]);
}

#[test]
fn difference_16_adds_nothing_beside_an_init_container_of_that_name() {
    let mut pod = asking("java", main(json!([])));
    pod["spec"]["initContainers"] = json!([{"name": "datakit-lib-init", "image": "own:1"}]);
    assert_leaves_alone(&pod, &settings(json!({"A": "b"})), &[]);
    // A pod may have it from an earlier pass; of a template what was injected is taken away first.
    let template = json!({"metadata": pod["metadata"], "spec": pod["spec"]});
    assert_leaves_alone(
        &workload("Deployment", &template),
        &settings(json!({"A": "b"})),
        &["datakit ddtrace: nothing injected: the pod already has a container datakit-lib-init"],
    );
}

#[test]
fn difference_21_replaces_a_digest_by_the_version() {
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    for (image, version, expected) in [
        (
            format!("repo/java@{digest}"),
            "v2",
            "repo/java:v2".to_owned(),
        ),
        (
            format!("host:5000/java:1@{digest}"),
            "v2",
            "host:5000/java:v2".to_owned(),
        ),
        (
            "host:5000/java".to_owned(),
            "v2",
            "host:5000/java:v2".to_owned(),
        ),
        (
            format!("repo/java@{digest}"),
            "",
            format!("repo/java@{digest}"),
        ),
    ] {
        assert_version(&image, version, &expected, &[]);
    }
}

#[test]
fn difference_21_takes_the_configured_image_where_the_version_is_no_tag() {
    for version in ["a b", "-1", "v1@sha256:abc", "../x", "v1:v2", "$(X)"] {
        let warning = format!(
            "datakit ddtrace: admission.datakit/java-lib.version: `{version}` is not an image tag; the configured \
             image is used"
        );
        assert_version("repo/java:1", version, "repo/java:1", &[&warning]);
    }
}

#[track_caller]
fn assert_version(image: &str, version: &str, expected: &str, warnings: &[&str]) {
    let settings =
        json!({"admission_inject": {"ddtrace": {"images": {"java_agent_image": image}}}});
    let mut before = asking("java", main(json!([])));
    before["metadata"]["annotations"]["admission.datakit/java-lib.version"] = json!(version);
    let mut after = before.clone();
    let options = variable("JAVA_TOOL_OPTIONS", JAVA_OPTION);
    after["spec"] = json!({
        "containers": [main_with_agent(json!([options]))],
        "initContainers": [lib_init(expected)],
        "volumes": [empty_dir("datakit-auto-instrument")]
    });
    assert_injects(&before, &settings, &after, warnings);
}

#[test]
fn difference_22_adds_configured_tags_that_are_a_reference() {
    let options = variable("JAVA_TOOL_OPTIONS", JAVA_OPTION);
    let tags = field("DD_TAGS", "metadata.labels['tags']");
    let envs = json!({"DD_TAGS": "{fieldRef:metadata.labels['tags']}"});
    let no_label = "datakit ddtrace: variables refer to labels or annotations that do not exist, and are empty: DD_TAGS";
    assert_env(
        "java",
        envs.clone(),
        json!([]),
        json!([options, tags]),
        &[no_label],
    );
    let own = variable("DD_TAGS", "env:prod");
    assert_env("java", envs, json!([own]), json!([own, options]), &[]);
}

#[test]
fn difference_22_keeps_own_tags_that_are_a_reference() {
    let options = variable("JAVA_TOOL_OPTIONS", JAVA_OPTION);
    let own = field("DD_TAGS", "metadata.labels['tags']");
    assert_env(
        "java",
        json!({"DD_TAGS": "env:prod"}),
        json!([own]),
        json!([own, options]),
        &[
            "datakit ddtrace: DD_TAGS of container `main` is a reference, so the configured tags are not merged",
        ],
    );
}

#[test]
fn difference_12_refuses_malformed_settings_when_they_are_loaded() {
    let mut settings = settings(json!({}));
    settings["admission_inject"]["ddtrace"]["enabled_labelselectors"] = json!([
        {"labelselector": "app=x", "language": "java"},
        {"labelselector": "app in (x", "language": "java"}
    ]);
    let answer = POLICY.instance().unwrap().validate_settings(&settings);
    let answer = answer.unwrap();
    assert!(!answer.valid);
    assert_eq!(
        answer.message.as_deref(),
        Some(
            "admission_inject.ddtrace.enabled_labelselectors[1].labelselector: \
             is not a label selector: expected `,` or `)`, found the end"
        )
    );
}
