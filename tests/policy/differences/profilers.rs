//! Differences of the profilers and flameshot, and those that concern all features at once.

use serde_json::{Value, json};

use crate::parts::{
    JAVA_OPTION, agent_mount, assert_injects, assert_leaves_alone, assert_same, config_map,
    container, default_resources, empty_dir, lib_init, local_time, local_time_mount, logfwd, mount,
    pod, profiler, programs_mount, read_only, variable, with,
};
use crate::support::{create, validate, workload};

fn settings() -> Value {
    json!({"admission_inject": {"profiler": {
        "images": {
            "java_profiler_image": "repo/java:1",
            "python_profiler_image": "repo/python:1",
            "golang_profiler_image": "repo/golang:1"
        },
        "envs": {"DK_AGENT_HOST": "dk"}
    }}})
}

fn asking(language: &str, spec: Value) -> Value {
    pod(&[(&format!("{language}-profiler.version"), "")], spec)
}

/// Asserts what becomes of a pod's containers and volumes.
#[track_caller]
fn assert_profiles(
    language: &str,
    (containers, volumes): (&[Value], &[Value]),
    (containers_after, added): (&[Value], &[Value]),
    warnings: &[&str],
) {
    let spec = |containers: &[Value], volumes: &[Value]| {
        let spec = json!({"containers": containers});
        if volumes.is_empty() {
            return spec;
        }
        with(spec, json!({"volumes": volumes}))
    };
    let after = spec(containers_after, &[volumes, added].concat());
    let after = with(after, json!({"shareProcessNamespace": true}));
    assert_injects(
        &asking(language, spec(containers, volumes)),
        &settings(),
        &asking(language, after),
        warnings,
    );
}

fn all_mounts() -> [Value; 3] {
    [programs_mount(), mount("tmp", "/tmp"), local_time_mount()]
}

fn all_volumes() -> [Value; 3] {
    [
        empty_dir("datakit-profiler-volume"),
        empty_dir("tmp"),
        local_time("timezone"),
    ]
}

#[test]
fn difference_07_takes_other_names_for_the_profilers_volumes() {
    let own = [
        mount("datakit-profiler-volume", "/a"),
        mount("tmp", "/b"),
        mount("timezone", "/c"),
    ];
    let taken = [
        config_map("datakit-profiler-volume"),
        config_map("tmp"),
        config_map("tmp-1"),
        config_map("timezone"),
    ];
    let added = [
        mount("datakit-profiler-volume-1", "/app/datakit-profiler"),
        mount("tmp-2", "/tmp"),
        read_only(mount("timezone-1", "/etc/localtime")),
    ];
    assert_profiles(
        "python",
        (&[container("main", &own)], &taken),
        (
            &[
                container("main", &[own.clone(), added.clone()].concat()),
                profiler("repo/python:1", &added),
            ],
            &[
                empty_dir("datakit-profiler-volume-1"),
                empty_dir("tmp-2"),
                local_time("timezone-1"),
            ],
        ),
        &[],
    );
}

#[test]
fn difference_07_takes_volumes_of_the_pod_that_are_what_is_needed() {
    assert_profiles(
        "golang",
        (&[container("main", &[])], &all_volumes()),
        (
            &[
                container("main", &all_mounts()),
                profiler("repo/golang:1", &all_mounts()),
            ],
            &[],
        ),
        &[],
    );
}

#[test]
fn difference_10_leaves_the_restart_policy_alone() {
    let spec = |containers: Value| json!({"restartPolicy": "Never", "containers": containers});
    let native = with(
        profiler("repo/java:1", &all_mounts()),
        json!({"restartPolicy": "Always"}),
    );
    let after = with(
        spec(json!([container("main", &all_mounts())])),
        json!({
            "initContainers": [native],
            "volumes": all_volumes(),
            "shareProcessNamespace": true
        }),
    );
    let before = spec(json!([container("main", &[])]));
    let template = |spec: Value| {
        let mut pod = asking("java", spec);
        json!({"metadata": {"annotations": pod["metadata"]["annotations"].take()}, "spec": pod["spec"].take()})
    };
    assert_injects(
        &asking("java", before.clone()),
        &settings(),
        &asking("java", after.clone()),
        &[],
    );
    for kind in ["Job", "CronJob"] {
        assert_injects(
            &workload(kind, &template(before.clone())),
            &settings(),
            &workload(kind, &template(after.clone())),
            &[],
        );
    }
}

#[test]
fn difference_15_mounts_nothing_twice_for_the_profiler() {
    let own = [mount("files", "/etc/localtime"), mount("scratch", "/tmp/")];
    let volumes = [config_map("files"), empty_dir("scratch")];
    assert_profiles(
        "python",
        (&[container("main", &own)], &volumes),
        (
            &[
                container("main", &[own[0].clone(), own[1].clone(), programs_mount()]),
                profiler(
                    "repo/python:1",
                    &[
                        programs_mount(),
                        mount("scratch", "/tmp"),
                        local_time_mount(),
                    ],
                ),
            ],
            &[empty_dir("datakit-profiler-volume"), local_time("timezone")],
        ),
        &[],
    );
}

#[test]
fn difference_15_leaves_a_container_out_that_the_profiler_cannot_run_in() {
    let other = container("other", &[mount("files", "/app/datakit-profiler")]);
    let volumes = [config_map("files")];
    assert_profiles(
        "java",
        (&[container("main", &[]), other.clone()], &volumes),
        (
            &[
                container("main", &all_mounts()),
                other.clone(),
                profiler("repo/java:1", &all_mounts()),
            ],
            &all_volumes(),
        ),
        &["datakit profiler: container `other` left out: \
           something else is mounted at `/app/datakit-profiler`"],
    );
    let alone = json!({"containers": [other], "volumes": volumes});
    assert_leaves_alone(
        &asking("java", alone),
        &settings(),
        &[
            "datakit profiler: container `other` left out: \
             something else is mounted at `/app/datakit-profiler`",
            "datakit profiler: nothing injected: every container was left out",
        ],
    );
}

#[test]
fn difference_18_mounts_the_nodes_local_time_read_only() {
    let containers = [container("main", &[]), container("other", &[])];
    assert_profiles(
        "golang",
        (&containers, &[]),
        (
            &[
                container("main", &all_mounts()),
                container("other", &all_mounts()),
                profiler("repo/golang:1", &all_mounts()),
            ],
            &all_volumes(),
        ),
        &[],
    );
}

#[test]
fn difference_20_shares_the_tmp_that_a_container_has() {
    let own = with(mount("scratch", "/tmp"), json!({"subPath": "main"}));
    let mounts = [own.clone(), programs_mount(), local_time_mount()];
    assert_profiles(
        "java",
        (
            &[container("main", std::slice::from_ref(&own))],
            &[empty_dir("scratch")],
        ),
        (
            &[
                container("main", &mounts),
                profiler("repo/java:1", &[programs_mount(), own, local_time_mount()]),
            ],
            &[empty_dir("datakit-profiler-volume"), local_time("timezone")],
        ),
        &[],
    );
}

#[test]
fn difference_20_gives_containers_without_a_tmp_one() {
    let own = mount("scratch", "/tmp");
    let containers = [
        container("main", std::slice::from_ref(&own)),
        container("other", &[]),
    ];
    assert_profiles(
        "java",
        (&containers, &[empty_dir("scratch")]),
        (
            &[
                container("main", &[own.clone(), programs_mount(), local_time_mount()]),
                container("other", &all_mounts()),
                profiler("repo/java:1", &[programs_mount(), own, local_time_mount()]),
            ],
            &all_volumes(),
        ),
        &[
            "datakit profiler: /tmp of container `other` is another volume, so the profiler cannot attach to its JVM",
        ],
    );
}

const PROCESSES: &str = r#"[{"language":"java"}]"#;

fn flameshot_rule() -> Value {
    json!({
        "namespace_selectors": ["^default$"],
        "image": "repo/flameshot:1",
        "processes": PROCESSES,
        "envs": {"FLAMESHOT_HTTP_LOCAL_PORT": "8089", "FLAMESHOT_PROFILING_PATH": "/flames"}
    })
}

fn flameshot() -> Value {
    json!({
        "name": "datakit-flameshot",
        "image": "repo/flameshot:1",
        "imagePullPolicy": "Always",
        "command": ["/flameshot/flameshot"],
        "env": [
            variable("FLAMESHOT_HTTP_LOCAL_PORT", "8089"),
            variable("FLAMESHOT_PROFILING_PATH", "/flames"),
            variable("FLAMESHOT_PROCESSES", PROCESSES)
        ],
        "ports": [{"name": "flameshot-port", "containerPort": 8089, "protocol": "TCP"}],
        "resources": default_resources(),
        "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}},
        "volumeMounts": [mount("flameshot-volume", "/flames")]
    })
}

#[test]
fn difference_15_leaves_a_container_out_that_has_something_else_where_flames_go() {
    let settings = json!({"admission_inject_v2": {"flameshots": [flameshot_rule()]}});
    let other = container("other", &[mount("files", "/flames")]);
    let left_out = "datakit flameshot: container `other` left out: \
                    something else is mounted at `/flames`";
    let before = json!({
        "containers": [container("main", &[]), other],
        "volumes": [config_map("files")]
    });
    let main = container("main", &[mount("flameshot-volume", "/flames")]);
    let after = json!({
        "containers": [main, other, flameshot()],
        "volumes": [config_map("files"), empty_dir("flameshot-volume")],
        "shareProcessNamespace": true
    });
    assert_injects(&pod(&[], before), &settings, &pod(&[], after), &[left_out]);
    let alone = json!({"containers": [other], "volumes": [config_map("files")]});
    assert_leaves_alone(
        &pod(&[], alone),
        &settings,
        &[
            left_out,
            "datakit flameshot: nothing injected: every container was left out",
        ],
    );
}

#[test]
fn difference_16_injects_no_flameshot_whose_port_is_taken() {
    let settings = json!({"admission_inject_v2": {"flameshots": [flameshot_rule()]}});
    let taking = |name: &str, more: Value| {
        let port = json!({"ports": [{"containerPort": 8089}]});
        with(with(container(name, &[]), port), more)
    };
    let goes_on = json!({"restartPolicy": "Always"});
    let main = || container("main", &[]);
    for spec in [
        json!({"containers": [taking("main", json!({}))]}),
        json!({"containers": [main()], "initContainers": [taking("proxy", goes_on)]}),
    ] {
        assert_leaves_alone(
            &pod(&[], spec),
            &settings,
            &["datakit flameshot: nothing injected: a container of the pod already uses port 8089"],
        );
    }
    // An init container that ends has no port any more.
    let ends = json!({"containers": [main()], "initContainers": [taking("init", json!({}))]});
    let answer = validate(&create("default", &pod(&[], ends)), &settings);
    assert!(answer.mutated_object.is_some());

    let on_the_node = json!({"hostNetwork": true, "containers": [main()]});
    assert_leaves_alone(
        &pod(&[], on_the_node),
        &settings,
        &[
            "datakit flameshot: nothing injected: the pod uses the node's network, where port 8089 belongs to the node",
        ],
    );
}

#[test]
fn difference_23_reads_on_after_a_flameshot_or_profiler_rule_without_selectors() {
    let mut inert = flameshot_rule();
    inert["namespace_selectors"] = json!([]);
    inert["image"] = json!("repo/inert:1");
    let rules = json!([inert, flameshot_rule()]);
    let settings = json!({"admission_inject_v2": {"flameshots": rules}});
    let mounts = [mount("flameshot-volume", "/flames")];
    let before = json!({"containers": [container("main", &[])]});
    let after = json!({
        "containers": [container("main", &mounts), flameshot()],
        "volumes": [empty_dir("flameshot-volume")],
        "shareProcessNamespace": true
    });
    assert_injects(&pod(&[], before.clone()), &settings, &pod(&[], after), &[]);

    let rule = json!({"language": "java", "image": "repo/java:1", "envs": {"DK_AGENT_HOST": "dk"}});
    let ours = with(rule.clone(), json!({"namespace_selectors": ["*"]}));
    let inert = with(rule, json!({"image": "repo/inert:1"}));
    let settings = json!({"admission_inject_v2": {"profilers": [inert, ours]}});
    let after = json!({
        "containers": [container("main", &all_mounts()), profiler("repo/java:1", &all_mounts())],
        "volumes": all_volumes(),
        "shareProcessNamespace": true
    });
    assert_injects(&pod(&[], before), &settings, &pod(&[], after), &[]);
}

#[test]
fn difference_23_reads_on_after_a_ddtrace_rule_without_selectors() {
    let rule = json!({"language": "java", "image": "repo/java:1"});
    let ours = with(rule.clone(), json!({"namespace_selectors": ["*"]}));
    let inert = with(rule, json!({"image": "repo/inert:1"}));
    let settings = json!({"admission_inject_v2": {"ddtraces": [inert, ours]}});
    let before = json!({"containers": [container("main", &[])]});
    let options = json!({"env": [variable("JAVA_TOOL_OPTIONS", JAVA_OPTION)]});
    let init = with(
        lib_init("repo/java:1"),
        json!({"resources": default_resources()}),
    );
    let after = json!({
        "containers": [with(container("main", &[agent_mount()]), options)],
        "initContainers": [init],
        "volumes": [empty_dir("datakit-auto-instrument")]
    });
    assert_injects(&pod(&[], before), &settings, &pod(&[], after), &[]);
}

/// Settings under which every feature is for every pod that asks for it.
fn all_features() -> Value {
    let mut settings = settings();
    settings["admission_inject"]["ddtrace"] =
        json!({"images": {"java_agent_image": "repo/java:1"}});
    settings["admission_inject"]["logfwd"] = json!({"images": {"logfwd_image": "repo/logfwd:1"}});
    settings["admission_inject_v2"] = json!({"flameshots": [flameshot_rule()]});
    settings["admission_mutate"] = json!({"loggings": [
        {"namespace_selectors": ["default"], "config": LOGS}
    ]});
    settings
}

const LOGS: &str = r#"[{"type":"file","path":"/data/*.log"}]"#;
const INSTANCES: &str = r#"[{"loggings":[{"logfiles":["/srv/log/a.log"]}]}]"#;

fn asking_for_all() -> Value {
    pod(
        &[
            ("java-lib.version", ""),
            ("logfwd.instances", INSTANCES),
            ("java-profiler.version", ""),
        ],
        json!({"containers": [container("main", &[])]}),
    )
}

#[test]
fn difference_14_changes_nothing_in_a_second_pass() {
    let settings = all_features();
    let first = validate(&create("default", &asking_for_all()), &settings);
    assert_eq!(first.warnings, None);
    let mutated = first.mutated_object.unwrap();
    let logs = mount("datakit-logfwd-volume-0", "/srv/log");
    let flames = mount("flameshot-volume", "/flames");
    let data = mount("datakit-logs-volume-0", "/data");
    // Each sidecar gets the mounts of the features that come after its own.
    let profiling = all_mounts();
    let options = json!({"env": [variable("JAVA_TOOL_OPTIONS", JAVA_OPTION)]});
    let after = [&profiling[..], &[data]].concat();
    let main = [
        vec![agent_mount(), logs.clone(), flames.clone()],
        after.clone(),
    ];
    let forwarder = [vec![read_only(logs), flames.clone()], after.clone()];
    let sampler = [vec![flames], after.clone()];
    let mut expected = asking_for_all();
    expected["metadata"]["annotations"]["datakit/logs"] = json!(LOGS);
    expected["spec"] = json!({
        "containers": [
            with(container("main", &main.concat()), options),
            logfwd(&[variable("LOGFWD_JSON_CONFIG", INSTANCES)], &forwarder.concat()),
            with(flameshot(), json!({"volumeMounts": sampler.concat()})),
            profiler("repo/java:1", &after)
        ],
        "initContainers": [lib_init("repo/java:1")],
        "volumes": [
            empty_dir("datakit-auto-instrument"),
            empty_dir("datakit-logfwd-volume-0"),
            empty_dir("flameshot-volume"),
            empty_dir("datakit-profiler-volume"),
            empty_dir("tmp"),
            local_time("timezone"),
            empty_dir("datakit-logs-volume-0")
        ],
        "shareProcessNamespace": true
    });
    assert_same(&mutated, &expected);

    let second = validate(&create("default", &mutated), &settings);
    assert_eq!(second.mutated_object, None);
    assert_eq!(second.warnings, None);
    assert_eq!(second.audit_annotations, None);
}

#[test]
fn difference_11_says_which_switch_is_no_boolean() {
    let mut pod = asking_for_all();
    let annotations = pod["metadata"]["annotations"].as_object_mut().unwrap();
    annotations.clear();
    for name in [
        "enabled",
        "ddtrace.enabled",
        "logfwd.enabled",
        "flameshot.enabled",
    ] {
        annotations.insert(format!("admission.datakit/{name}"), json!("off"));
    }
    let profiler = annotations.entry("admission.datakit/profiler.enabled");
    profiler.or_insert(json!("no"));
    let mut settings = all_features();
    settings["admission_inject_v2"] = json!({});
    settings["admission_mutate"] = json!({});
    assert_leaves_alone(
        &pod,
        &settings,
        &[
            "datakit policy: admission.datakit/enabled: `off` is not a boolean and has no effect",
            "datakit ddtrace: admission.datakit/ddtrace.enabled: `off` is not a boolean and has no effect",
            "datakit logfwd: admission.datakit/logfwd.enabled: `off` is not a boolean and has no effect",
            "datakit flameshot: admission.datakit/flameshot.enabled: `off` is not a boolean and has no effect",
            "datakit profiler: admission.datakit/profiler.enabled: `no` is not a boolean and has no effect",
        ],
    );
}
