//! What a volume would hide: where log directories, and the directories of the other features, are mounted
//! and where not.

use serde_json::{Value, json};

use crate::parts::{assert_whole, config_map, container, empty_dir, mount, pod, read_only, with};
use crate::support::{create, validate};

fn settings() -> Value {
    json!({
        "admission_inject": {
            "logfwd": {"images": {"logfwd_image": "repo/logfwd:1"}},
            "profiler": {"images": {"java_profiler_image": "repo/java:1"}}
        }
    })
}

fn claim(name: &str) -> Value {
    json!({"name": name, "persistentVolumeClaim": {"claimName": "data"}})
}

fn host_path(name: &str) -> Value {
    json!({"name": name, "hostPath": {"path": "/srv"}})
}

/// Where the containers of the pod mount what was added, `PLACE: PATH`, and what the user is told.
fn added(pod: &Value, settings: &Value) -> (Vec<String>, Vec<String>) {
    let answer = validate(&create("default", pod), settings);
    let mutated = answer.mutated_object.as_ref().unwrap_or(pod);
    assert_whole(mutated, settings);
    let own = pod["spec"]["containers"].as_array().unwrap();
    let mut places = Vec::new();
    let containers = own
        .iter()
        .zip(mutated["spec"]["containers"].as_array().unwrap());
    for (number, (before, after)) in containers.enumerate() {
        let count = before["volumeMounts"].as_array().map_or(0, Vec::len);
        let mounts = after["volumeMounts"].as_array().into_iter().flatten();
        for mount in mounts.skip(count) {
            places.push(format!(
                "{number}: {}",
                mount["mountPath"].as_str().unwrap()
            ));
        }
    }
    (places, answer.warnings.unwrap_or_default())
}

/// The same, of log files in a pod's spec, by logfwd.
fn logs(files: &[&str], spec: Value) -> (Vec<String>, Vec<String>) {
    let instances = json!([{"loggings": [{"logfiles": files}]}]).to_string();
    added(&pod(&[("logfwd.instances", &instances)], spec), &settings())
}

#[track_caller]
fn assert_logs(files: &[&str], spec: Value, places: &[&str], warnings: &[&str]) {
    let warnings: Vec<String> = warnings
        .iter()
        .map(|warning| format!("datakit logfwd: {warning}"))
        .collect();
    assert_eq!(logs(files, spec), (strings(places), warnings));
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn spec_of(mounts: &[Value], volumes: &[Value]) -> Value {
    json!({"containers": [container("main", mounts)], "volumes": volumes})
}

#[test]
fn hides_no_data_in_any_kind_of_volume_that_has_some() {
    for source in [
        json!({"persistentVolumeClaim": {"claimName": "data"}}),
        json!({"ephemeral": {"volumeClaimTemplate": {"spec": {}}}}),
        json!({"csi": {"driver": "example.com"}}),
        json!({"awsElasticBlockStore": {"volumeID": "x"}}),
        json!({"nfs": {"server": "x", "path": "/"}}),
        json!({"image": {"reference": "models:1"}}),
    ] {
        let volume = with(source, json!({"name": "own"}));
        assert_logs(
            &["/data/log/*.log", "/srv/log/*.log"],
            spec_of(&[mount("own", "/data")], &[volume]),
            &["0: /srv/log"],
            &[
                "no volume at `/data/log` in container `main`: it would hide the data of its mount `/data`; \
               log elsewhere",
            ],
        );
    }
}

#[test]
fn mounts_in_volumes_that_are_empty_or_written_by_kubernetes() {
    let files = json!({"name": "own", "secret": {"secretName": "s"}});
    for (volume, of) in [
        (empty_dir("own"), mount("own", "/data")),
        (config_map("own"), read_only(mount("own", "/data"))),
        (files, read_only(mount("own", "/data"))),
    ] {
        assert_logs(
            &["/data/log/*.log"],
            spec_of(&[of], &[volume]),
            &["0: /data/log"],
            &[],
        );
    }
}

#[test]
fn looks_at_the_innermost_volume() {
    assert_logs(
        &["/data/cache/log/*.log"],
        spec_of(
            &[mount("own", "/data"), mount("cache", "/data/cache/")],
            &[claim("own"), empty_dir("cache")],
        ),
        &["0: /data/cache/log"],
        &[],
    );
    assert_logs(
        &["/cache/data/log/*.log"],
        spec_of(
            &[mount("cache", "/cache"), mount("own", "/cache//data")],
            &[claim("own"), empty_dir("cache")],
        ),
        &[],
        &[
            "no volume at `/cache/data/log` in container `main`: it would hide the data of its mount \
           `/cache//data`; log elsewhere",
        ],
    );
}

#[test]
fn mounts_nothing_where_the_runtime_could_not_make_the_place() {
    for volume in [empty_dir("own"), host_path("own")] {
        assert_logs(
            &["/data/log/*.log"],
            spec_of(&[read_only(mount("own", "/data"))], &[volume]),
            &[],
            &[
                "no volume at `/data/log` in container `main`: its mount `/data` is read-only; \
               mount an emptyDir there",
            ],
        );
    }
}

#[test]
fn says_that_the_files_of_the_node_are_hidden() {
    assert_logs(
        &["/data/log/*.log", "/data/other/*.log"],
        spec_of(&[mount("own", "/data")], &[host_path("own")]),
        &["0: /data/log", "0: /data/other"],
        &[
            "the volume at `/data/log` in container `main` hides the files of the node there, by hostPath `/data`",
        ],
    );
}

#[test]
fn takes_paths_of_mounts_as_one_place_however_they_are_written() {
    for path in ["/data/log", "/data/log/", "/data//log", "/./data/log"] {
        assert_eq!(
            logs(
                &["/data/log/*.log"],
                spec_of(&[mount("own", path)], &[claim("own")])
            ),
            (
                vec![],
                vec![
                    "datakit logfwd: `/data/log` is mounted already and is not an emptyDir, so its files are not read"
                        .to_owned()
                ]
            ),
            "{path}"
        );
    }
    let device = json!([{"name": "block", "devicePath": "/data//log/"}]);
    let main = with(container("main", &[]), json!({"volumeDevices": device}));
    assert_logs(
        &["/data/log/*.log"],
        json!({"containers": [main], "volumes": [claim("block")]}),
        &[],
        &["`/data/log` of container `main` is another volume, so its files are not read"],
    );
}

#[test]
fn mounts_nothing_over_the_system_or_by_a_variable() {
    let system =
        "the path is in a system directory, which a volume would hide; log to a subdirectory";
    let variable =
        "the path contains a variable, which a mount does not expand; write the path out";
    let settings = json!({"admission_inject_v2": {"logfwds": [{
        "namespace_selectors": ["*"],
        "image": "repo/logfwd:1",
        "log_volume_paths": ["/opt/", "/logs/$(POD)", "/usr//local/*/x", "/data/{a,b}", "/srv/?/x"]
    }]}});
    let before = pod(&[], json!({"containers": [container("main", &[])]}));
    let (places, warnings) = added(&before, &settings);
    assert_eq!(places, ["0: /data", "0: /srv"]);
    let no_volume =
        |path: &str, why: &str| format!("datakit logfwd: no volume for `{path}`: {why}");
    assert_eq!(
        warnings,
        [
            no_volume("/opt/", system),
            no_volume("/logs/$(POD)", variable),
            no_volume("/usr//local/*/x", system),
        ]
    );
}

#[test]
fn holds_the_same_for_the_logs_that_datakit_collects() {
    let config = json!([
        {"type": "file", "path": "/data/log/*.log"},
        {"type": "file", "path": "/etc/*.log"},
        {"type": "file", "path": "/app/x.log"},
        {"type": "file", "path": "/node/log/*.log"},
        {"type": "file", "path": "/logs/${POD}/*.log"}
    ])
    .to_string();
    let settings = json!({"admission_mutate": {"loggings": [
        {"namespace_selectors": ["*"], "config": config}
    ]}});
    let main = with(
        container("main", &[mount("own", "/data"), mount("node", "/node")]),
        json!({"command": ["/app/run"]}),
    );
    let spec = json!({"containers": [main], "volumes": [claim("own"), host_path("node")]});
    let (places, warnings) = added(&pod(&[], spec), &settings);
    assert_eq!(places, ["0: /node/log"]);
    assert_eq!(
        warnings,
        [
            "datakit logging: no volume for `/etc/*.log`: the path is in a system directory, which a volume would hide; log to a subdirectory",
            "datakit logging: no volume for `/logs/${POD}/*.log`: the path contains a variable, which a mount does not expand; write the path out",
            "datakit logging: no volume at `/data/log` in container `main`: it would hide the data of its mount `/data`; log elsewhere",
            "datakit logging: no volume at `/app`: it would hide the program of container `main` \
             (command); log to another directory",
            "datakit logging: the volume at `/node/log` in container `main` hides the files of the node there, by hostPath `/node`",
        ]
    );
}

#[test]
fn hides_no_program_in_any_container() {
    let main = with(container("main", &[]), json!({"workingDir": "/app"}));
    let other = container("other", &[]);
    let spec = json!({"containers": [other, main]});
    assert_logs(
        &["/app/x.log"],
        spec,
        &[],
        &[
            "no volume at `/app`: it would hide the program of container `main` (workingDir); \
           log to another directory",
        ],
    );
    // Where the container has its own volume, it hides nothing more; the others have none for it.
    let shared = with(
        container("main", &[mount("own", "/app/")]),
        json!({"workingDir": "/app"}),
    );
    let runs = with(container("other", &[]), json!({"args": ["/app/run"]}));
    let volumes = json!([empty_dir("own")]);
    assert_logs(
        &["/app/x.log"],
        json!({"containers": [shared.clone(), container("other", &[])], "volumes": volumes}),
        &["1: /app"],
        &[],
    );
    assert_logs(
        &["/app/x.log"],
        json!({"containers": [shared, runs], "volumes": volumes}),
        &[],
        &[
            "no volume at `/app`: it would hide the program of container `other` (args); \
           log to another directory",
        ],
    );
}

#[test]
fn says_that_the_logs_of_the_image_are_hidden() {
    assert_logs(
        &["/var/log/*.log"],
        spec_of(&[], &[]),
        &["0: /var/log"],
        &[
            "the volume at `/var/log` hides the files of the image of container `main`; log to a subdirectory",
        ],
    );
    assert_logs(
        &["/var/log/app/*.log"],
        spec_of(&[], &[]),
        &["0: /var/log/app"],
        &[],
    );
    assert_logs(
        &["/var/log/*.log"],
        spec_of(&[mount("own", "/var/log/")], &[empty_dir("own")]),
        &[],
        &[],
    );
}

#[test]
fn injects_no_sidecar_that_could_read_nothing_for_an_expression() {
    let expanding = with(mount("own", "/logs"), json!({"subPathExpr": "$(POD_NAME)"}));
    let warning = "`/logs` of container `main` has a subPathExpr, so its files are not read; use subPath or none";
    assert_logs(
        &["/logs/*.log"],
        spec_of(std::slice::from_ref(&expanding), &[empty_dir("own")]),
        &[],
        &[warning, "nothing injected: there is nothing to read"],
    );
    assert_logs(
        &["/logs/*.log", "/srv/log/*.log"],
        spec_of(&[expanding], &[empty_dir("own")]),
        &["0: /srv/log"],
        &[warning],
    );
}

#[test]
fn keeps_the_profiler_from_what_it_could_not_be_mounted_in() {
    let before = |mounts: &[Value], volume: Value| {
        pod(
            &[("java-profiler.version", "")],
            json!({"containers": [container("main", mounts), container("other", &[])], "volumes": [volume]}),
        )
    };
    let (places, warnings) = added(
        &before(&[read_only(mount("own", "/app"))], empty_dir("own")),
        &settings(),
    );
    let all_of_other = ["1: /app/datakit-profiler", "1: /tmp", "1: /etc/localtime"];
    assert_eq!(places, all_of_other);
    assert_eq!(
        warnings,
        [
            "datakit profiler: container `main` left out: `/app/datakit-profiler` is in its mount `/app`, which is read-only"
        ]
    );
    // The node's time zone is not needed.
    let (places, warnings) = added(&before(&[mount("own", "/etc/")], claim("own")), &settings());
    let without = ["0: /app/datakit-profiler", "0: /tmp"];
    assert_eq!(places, [&without[..], &all_of_other].concat());
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn keeps_the_flames_from_hiding_anything() {
    let settings = |path: &str| {
        json!({"admission_inject_v2": {"flameshots": [{
            "namespace_selectors": ["*"],
            "image": "repo/flameshot:1",
            "processes": r#"[{"language":"java"}]"#,
            "envs": {"FLAMESHOT_PROFILING_PATH": path, "FLAMESHOT_HTTP_LOCAL_PORT": "8089"}
        }]}})
    };
    let other = container("other", &[]);
    let with_claim = container("main", &[mount("own", "/data/")]);
    let with_program = with(
        container("main", &[]),
        json!({"args": ["/data/flames/run"]}),
    );
    let nothing = "datakit flameshot: nothing injected: FLAMESHOT_PROFILING_PATH";
    for (main, places, warning) in [
        (
            with_claim,
            &["1: /data/flames"][..],
            "datakit flameshot: container `main` left out: `/data/flames` is in its mount `/data/`, which has its own data"
                .to_owned(),
        ),
        (
            with_program,
            &[],
            format!("{nothing} `/data/flames` has the program of container `main` (args)"),
        ),
    ] {
        let spec = json!({"containers": [main, other], "volumes": [claim("own")]});
        let (found, warnings) = added(&pod(&[], spec), &settings("/data/flames"));
        assert_eq!((found.as_slice(), warnings), (strings(places).as_slice(), vec![warning]));
    }
    let spec = json!({"containers": [other]});
    let (found, warnings) = added(&pod(&[], spec), &settings("/opt"));
    assert_eq!(found, [""; 0]);
    assert_eq!(
        warnings,
        [format!(
            "{nothing} `/opt`: the path is in a system directory, which a volume would hide; log to a subdirectory"
        )]
    );
}
