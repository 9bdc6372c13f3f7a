//! Differences of logfwd and logging.

use serde_json::{Value, json};

use crate::parts::{
    assert_injects, assert_leaves_alone, config_map, container, empty_dir, logfwd, mount, pod,
    read_only, variable, with,
};

fn settings() -> Value {
    json!({"admission_inject": {"logfwd": {"images": {"logfwd_image": "repo/logfwd:1"}}}})
}

/// Settings that are for every pod, with `config` for Datakit.
fn loggings(config: &Value) -> Value {
    json!({"admission_mutate": {"loggings": [
        {"namespace_selectors": ["*"], "config": config.to_string()}
    ]}})
}

fn forwarding(files: &[&str]) -> String {
    json!([{"loggings": [{"logfiles": files}]}]).to_string()
}

fn asking(instances: &str, spec: Value) -> Value {
    pod(&[("logfwd.instances", instances)], spec)
}

/// The sidecar with the annotation as its configuration.
fn sidecar(instances: &str, mounts: &[Value]) -> Value {
    let mounts: Vec<Value> = mounts.iter().cloned().map(read_only).collect();
    logfwd(&[variable("LOGFWD_JSON_CONFIG", instances)], &mounts)
}

/// Asserts which directories of a pod without volumes are shared for `files`.
#[track_caller]
fn assert_shares(instances: &str, directories: &[&str], warnings: &[&str]) {
    let names: Vec<String> = (0..directories.len())
        .map(|number| format!("datakit-logfwd-volume-{number}"))
        .collect();
    let mounts: Vec<Value> = names
        .iter()
        .zip(directories)
        .map(|(name, directory)| mount(name, directory))
        .collect();
    let volumes: Vec<Value> = names.iter().map(|name| empty_dir(name)).collect();
    let mut spec = json!({"containers": [container("main", &mounts), sidecar(instances, &mounts)]});
    if !volumes.is_empty() {
        spec["volumes"] = json!(volumes);
    }
    assert_injects(
        &asking(instances, json!({"containers": [container("main", &[])]})),
        &settings(),
        &asking(instances, spec),
        warnings,
    );
}

#[test]
fn difference_07_takes_another_name_for_a_log_volume() {
    let instances = forwarding(&["/srv/log/a.log"]);
    let own = mount("datakit-logfwd-volume-0", "/own");
    let taken = config_map("datakit-logfwd-volume-0");
    let before =
        json!({"containers": [container("main", std::slice::from_ref(&own))], "volumes": [taken]});
    let added = mount("datakit-logfwd-volume-0-1", "/srv/log");
    let after = json!({
        "containers": [
            container("main", &[own, added.clone()]),
            sidecar(&instances, &[added])
        ],
        "volumes": [taken, empty_dir("datakit-logfwd-volume-0-1")]
    });
    assert_injects(
        &asking(&instances, before),
        &settings(),
        &asking(&instances, after),
        &[],
    );
}

#[test]
fn difference_07_does_not_share_an_empty_dir_that_is_mounted_elsewhere() {
    let instances = forwarding(&["/srv/log/a.log"]);
    let own = mount("datakit-logfwd-volume-0", "/cache");
    let volume = empty_dir("datakit-logfwd-volume-0");
    let before =
        json!({"containers": [container("main", std::slice::from_ref(&own))], "volumes": [volume]});
    let added = mount("datakit-logfwd-volume-0-1", "/srv/log");
    let after = json!({
        "containers": [
            container("main", &[own, added.clone()]),
            sidecar(&instances, &[added])
        ],
        "volumes": [volume, empty_dir("datakit-logfwd-volume-0-1")]
    });
    assert_injects(
        &asking(&instances, before),
        &settings(),
        &asking(&instances, after),
        &[],
    );
}

#[test]
fn difference_08_mounts_nothing_over_files_that_are_ignored() {
    let instances = json!([{"loggings": [
        {"logfiles": ["/srv/log/*.log"], "ignore": ["/srv/log/*.gz", "/other/old/*"]}
    ]}])
    .to_string();
    assert_shares(&instances, &["/srv/log"], &[]);
}

#[test]
fn difference_08_mounts_nothing_at_the_root_or_a_relative_path() {
    let files = [
        "logs/a.log",
        "/a.log",
        "/*.log",
        "/*/a.log",
        "/data/x.log",
        "*.log",
    ];
    assert_shares(
        &forwarding(&files),
        &["/data"],
        &[
            "datakit logfwd: no volume for `logs/a.log`: the path is not absolute",
            "datakit logfwd: no volume for `/a.log`: the path is directly in `/`",
            "datakit logfwd: no volume for `/*.log`: the path is directly in `/`",
            "datakit logfwd: no volume for `/*/a.log`: the path is directly in `/`",
            "datakit logfwd: no volume for `*.log`: the path is not absolute",
        ],
    );
}

#[test]
fn difference_09_mounts_the_directory_of_a_file() {
    assert_shares(
        &forwarding(&[
            "/srv/log/app.log",
            "/srv/log/other.log",
            "/srv//a/./b/../app.log",
            "/data/[ab]/x.log",
            "/opt/web/app-?.log",
            "/home/web/{a,b}/x.log",
        ]),
        &["/srv/log", "/srv/a", "/data", "/opt/web", "/home/web"],
        &[],
    );
    assert_shares(&forwarding(&[]), &[], &[]);
}

#[test]
fn difference_09_mounts_the_directory_of_a_file_that_datakit_collects() {
    let config = json!([
        {"type": "file", "path": "/srv/log/app.log"},
        {"type": "file", "path": "/off/app.log", "disable": true},
        {"type": "stdout", "path": "/stdout/app.log"},
        {"type": "file", "path": "/root.log"}
    ]);
    let spec = |mounts: &[Value]| json!({"containers": [container("main", mounts)]});
    let mut after = pod(&[], spec(&[mount("datakit-logs-volume-0", "/srv/log")]));
    after["spec"]["volumes"] = json!([empty_dir("datakit-logs-volume-0")]);
    after["metadata"]["annotations"]["datakit/logs"] = json!(config.to_string());
    assert_injects(
        &pod(&[], spec(&[])),
        &loggings(&config),
        &after,
        &["datakit logging: no volume for `/root.log`: the path is directly in `/`"],
    );
}

#[test]
fn difference_11_says_what_is_wrong_with_an_annotation() {
    let problems = [
        ("", " is empty"),
        ("no json", " is not valid JSON (line 1, column 2)"),
        ("[{\"loggings\":", " ends too early (line 1, column 13)"),
        ("{}", " must be a list, not an object"),
        ("[7]", "[0]: must be an object, not a number"),
        (
            r#"[{"loggings":[{"logfiles":"/a.log"}]}]"#,
            "[0].loggings[0].logfiles: must be a list, not a string",
        ),
        (
            r#"[{"loggings":[{"tags":{"a":1}}]}]"#,
            "[0].loggings[0].tags.a: must be a string, not a number",
        ),
    ];
    let spec = json!({"containers": [container("main", &[])]});
    for (instances, problem) in problems {
        let warning = format!(
            "datakit logfwd: nothing injected: admission.datakit/logfwd.instances{problem}"
        );
        let pod = asking(instances, spec.clone());
        assert_leaves_alone(&pod, &settings(), &[&warning]);
    }
}

#[test]
fn difference_15_shares_an_empty_dir_that_a_container_mounts_already() {
    let instances = forwarding(&["/srv/log/a.log", "/data/b.log"]);
    let own = with(mount("own", "/srv/log"), json!({"subPath": "logs"}));
    let before = json!({
        "containers": [container("main", std::slice::from_ref(&own)), container("other", &[])],
        "volumes": [empty_dir("own")]
    });
    // The number is the directory's place in the list, whether it needs a volume or not.
    let data = mount("datakit-logfwd-volume-1", "/data");
    let both = [own, data];
    let after = json!({
        "containers": [
            container("main", &both),
            container("other", &both),
            sidecar(&instances, &both)
        ],
        "volumes": [empty_dir("own"), empty_dir("datakit-logfwd-volume-1")]
    });
    assert_injects(
        &asking(&instances, before),
        &settings(),
        &asking(&instances, after),
        &[],
    );
}

#[test]
fn difference_15_leaves_a_directory_out_that_another_volume_is_mounted_at() {
    let instances = forwarding(&["/srv/log/a.log"]);
    let own = mount("own", "/srv/log");
    let spec = json!({
        "containers": [container("main", &[own]), container("other", &[])],
        "volumes": [config_map("own")]
    });
    let mut after = spec.clone();
    let containers = after["containers"].as_array_mut().unwrap();
    containers.push(sidecar(&instances, &[]));
    assert_injects(
        &asking(&instances, spec),
        &settings(),
        &asking(&instances, after),
        &[
            "datakit logfwd: `/srv/log` is mounted already and is not an emptyDir, so its files are not read",
        ],
    );
}

#[test]
fn difference_15_mounts_no_log_volume_over_another_one() {
    let instances = forwarding(&["/srv/log/a.log"]);
    let own = mount("own", "/srv/log");
    let other = container("other", &[mount("files", "/srv/log")]);
    let volumes = json!([empty_dir("own"), config_map("files")]);
    let main = container("main", std::slice::from_ref(&own));
    let before = json!({"containers": [main, other], "volumes": volumes});
    let after = json!({
        "containers": [main, other, sidecar(&instances, &[own])],
        "volumes": volumes
    });
    assert_injects(
        &asking(&instances, before),
        &settings(),
        &asking(&instances, after),
        &[
            "datakit logfwd: `/srv/log` of container `other` is another volume, so its files are not read",
        ],
    );
}

#[test]
fn difference_15_mounts_no_second_volume_for_datakit() {
    let config = json!([{"type": "file", "path": "/srv/log/a.log"}]);
    let spec = json!({
        "containers": [container("main", &[mount("own", "/srv/log")])],
        "volumes": [config_map("own")]
    });
    let before = pod(&[], spec);
    let mut after = before.clone();
    after["metadata"]["annotations"]["datakit/logs"] = json!(config.to_string());
    assert_injects(&before, &loggings(&config), &after, &[]);
}

#[test]
fn difference_16_adds_no_volume_beside_a_sidecar_of_that_name() {
    let instances = forwarding(&["/srv/log/a.log"]);
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let mut spec = json!({"containers": [container("main", &[])]});
        let containers = spec[list].as_array().cloned().unwrap_or_default();
        spec[list] = json!([containers, vec![container("datakit-logfwd", &[])]].concat());
        assert_leaves_alone(&asking(&instances, spec), &settings(), &[]);
    }
}

#[test]
fn difference_17_skips_nulls() {
    let instances = r#"[ null, {"datakit_addr": null, "loggings": null},
        {"loggings": [null, {"logfiles": [null, "/a/x.log"], "ignore": null, "tags": null,
            "source": null, "remove_ansi_escape_codes": null}]} ]"#;
    let compact = "[null,{\"datakit_addr\":null,\"loggings\":null},\
        {\"loggings\":[null,{\"logfiles\":[null,\"/a/x.log\"],\"ignore\":null,\"tags\":null,\
        \"source\":null,\"remove_ansi_escape_codes\":null}]}]";
    let shared = mount("datakit-logfwd-volume-0", "/a");
    let after = json!({
        "containers": [container("main", std::slice::from_ref(&shared)), sidecar(compact, &[shared])],
        "volumes": [empty_dir("datakit-logfwd-volume-0")]
    });
    assert_injects(
        &asking(instances, json!({"containers": [container("main", &[])]})),
        &settings(),
        &asking(instances, after),
        &[],
    );
    for nothing in ["[]", "[null]", r#"[{"loggings":[]}]"#] {
        assert_shares(nothing, &[], &[]);
    }
}

#[test]
fn difference_17_says_that_the_whole_annotation_is_null() {
    let spec = json!({"containers": [container("main", &[])]});
    assert_leaves_alone(
        &asking("null", spec),
        &settings(),
        &[
            "datakit logfwd: nothing injected: admission.datakit/logfwd.instances \
           must be a list, not null",
        ],
    );
}

/// Rules `{selectors of nobody}`, `{selectors of the pod}`; the second is to count.
fn after_an_inert_rule(rule: &Value) -> Value {
    let mut inert = rule.clone();
    inert["namespace_selectors"] = json!([]);
    inert["label_selectors"] = json!([]);
    if inert.get("image").is_some() {
        inert["image"] = json!("repo/inert:1");
    }
    json!([
        inert,
        with(rule.clone(), json!({"namespace_selectors": ["^default$"]}))
    ])
}

#[test]
fn difference_23_reads_on_after_a_rule_without_selectors() {
    let rule = json!({"image": "repo/logfwd:1", "log_volume_paths": ["/srv/log"]});
    let settings = json!({"admission_inject_v2": {"logfwds": after_an_inert_rule(&rule)}});
    let shared = mount("datakit-logfwd-volume-0", "/srv/log");
    let info = read_only(mount("datakit-pod-info", "/etc/podinfo"));
    let after = json!({
        "containers": [
            container("main", std::slice::from_ref(&shared)),
            logfwd(&[], &[read_only(shared), info])
        ],
        "volumes": [empty_dir("datakit-logfwd-volume-0"), pod_info()]
    });
    assert_injects(
        &pod(&[], json!({"containers": [container("main", &[])]})),
        &settings,
        &pod(&[], after),
        &[],
    );
}

fn pod_info() -> Value {
    json!({"name": "datakit-pod-info", "downwardAPI": {
        "items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    }})
}

#[test]
fn difference_23_reads_on_after_a_logging_rule_without_selectors() {
    let config = json!([{"source": "own"}]).to_string();
    let rules = after_an_inert_rule(&json!({"config": config}));
    let settings = json!({"admission_mutate": {"loggings": rules}});
    let before = pod(&[], json!({"containers": [container("main", &[])]}));
    let mut after = before.clone();
    after["metadata"]["annotations"]["datakit/logs"] = json!(config);
    assert_injects(&before, &settings, &after, &[]);
}
