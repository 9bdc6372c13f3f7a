//! Payloads that no API server sends, and objects made to do harm. Each is accepted in a well-formed
//! answer, in time; an error or a trap would be a refusal that no failurePolicy softens.

use std::fmt::Write;
use std::time::{Duration, Instant};

use datakit_policy_host::policy::{Answer, payload};
use serde_json::{Value, json};

use crate::parts::{assert_same, container, empty_dir, mount, pod, variable};
use crate::support::{POLICY, create, workload};

/// Policy hosts stop a policy after this time, and refuse the object.
const HOST_LIMIT: Duration = Duration::from_secs(2);

/// Settings by which each feature is for every pod.
fn settings() -> Value {
    let rule = |more: &Value| {
        let mut rule = json!({"namespace_selectors": ["*"], "image": "repo/image:1"});
        for (key, value) in more.as_object().unwrap() {
            rule[key] = value.clone();
        }
        json!([rule])
    };
    json!({
        "admission_inject_v2": {
            "ddtraces": rule(&json!({"language": "java", "envs": {"DD_TAGS": "a:b", "A": "$(DD_TAGS)"}})),
            "logfwds": rule(&json!({})),
            "flameshots": rule(&json!({"processes": "[]", "envs": {
                "FLAMESHOT_PROFILING_PATH": "/flames", "FLAMESHOT_HTTP_LOCAL_PORT": "80"
            }})),
            "profilers": rule(&json!({"language": "java"}))
        },
        "admission_mutate": {"loggings": [{"namespace_selectors": ["*"], "config": "[{}]"}]}
    })
}

/// The answer to any bytes; it has to be an acceptance.
#[track_caller]
fn answer(payload: &[u8]) -> Answer {
    let instance = POLICY.instance().unwrap();
    let answer = instance.call("validate", payload).unwrap();
    let answer: Answer = serde_json::from_slice(&answer).unwrap();
    assert!(answer.accepted);
    assert_eq!((&answer.message, answer.code), (&None, None));
    answer
}

#[track_caller]
fn assert_warns(payload: &[u8], warnings: &[&str]) {
    let answer = answer(payload);
    assert_eq!(answer.mutated_object, None);
    assert_eq!(answer.audit_annotations, None);
    assert_eq!(answer.warnings.unwrap_or_default(), warnings);
}

/// The payload for a pod's request with some of its fields replaced.
fn with_request(fields: Value) -> Vec<u8> {
    let pod = pod(&[], json!({"containers": [container("main", &[])]}));
    let mut request = create("default", &pod);
    for (key, value) in fields.as_object().unwrap() {
        request[key] = value.clone();
    }
    payload(&request, &settings()).unwrap()
}

#[test]
fn accepts_a_payload_that_is_no_json() {
    for (payload, problem) in [
        (&b""[..], "ends too early (line 1, column 0)"),
        (b"{\"request\":", "ends too early (line 1, column 11)"),
        (b"secret", "is not valid JSON (line 1, column 1)"),
        (
            b"{\"request\": {\"object\": \"\xc3\x28\"}}",
            "is not valid JSON (line 1, column 25)",
        ),
        (b"\xef\xbb\xbf{}", "is not valid JSON (line 1, column 1)"),
    ] {
        let warning = format!("datakit policy: nothing injected, the request {problem}");
        assert_warns(payload, &[&warning]);
    }
}

#[test]
fn accepts_a_payload_that_is_no_admission_request() {
    for payload in [
        "null",
        "7",
        "\"request\"",
        "{}",
        "{\"request\": null}",
        "{\"request\": 7}",
        "{\"request\": {\"kind\": \"Pod\"}}",
        "{\"request\": {\"kind\": {\"kind\": 7}}}",
        "{\"request\": {\"operation\": {}}}",
        "{\"request\": {\"namespace\": [\"a\"]}}",
        "{\"request\": {}, \"request\": {}}",
    ] {
        let answer = answer(payload.as_bytes());
        assert_eq!(answer.mutated_object, None, "{payload}");
        let warnings = answer.warnings.unwrap();
        let about =
            "datakit policy: nothing injected, the request is no admission request (column ";
        assert_eq!(warnings.len(), 1, "{payload}");
        assert!(warnings[0].starts_with(about), "{payload} {warnings:?}");
    }
    // What does not say which kind it is about is about none of ours.
    for payload in [
        "{\"request\": {}}",
        "{\"request\": {\"kind\": null, \"operation\": null}}",
    ] {
        assert_warns(payload.as_bytes(), &[]);
    }
}

#[test]
fn accepts_settings_that_it_cannot_read() {
    for (settings, problem) in [
        (json!([]), "must be an object, is a list"),
        (json!(7), "must be an object, is a number"),
        (json!("text"), "must be an object, is a string"),
        (
            json!({"jsonconfig": "{"}),
            "jsonconfig: the JSON ends too early (line 1, column 1)",
        ),
        (
            json!({"jsonconfig": 7}),
            "jsonconfig: must be a string, is a number",
        ),
    ] {
        let pod = pod(&[], json!({"containers": [container("main", &[])]}));
        let payload = json!({"request": create("default", &pod), "settings": settings});
        assert_warns(
            payload.to_string().as_bytes(),
            &[&format!("datakit settings: nothing injected, {problem}")],
        );
    }
    // None at all, and sections that are nonsense, configure nothing.
    let request = create(
        "default",
        &pod(&[], json!({"containers": [container("main", &[])]})),
    );
    for payload in [
        json!({"request": request}),
        json!({"request": request, "settings": null}),
        json!({"request": request, "settings": {"admission_inject": 7, "admission_mutate": [1]}}),
        json!({"request": request, "settings": {"admission_inject_v2": {"ddtraces": [1, null]}}}),
    ] {
        assert_warns(payload.to_string().as_bytes(), &[]);
    }
}

#[test]
fn accepts_an_object_that_is_none() {
    let none = "datakit policy: nothing injected, there is no object";
    let malformed = "datakit policy: nothing injected, the template is malformed";
    assert_warns(&with_request(json!({"object": null})), &[none]);
    for object in [json!(7), json!([]), json!("x")] {
        assert_warns(&with_request(json!({"object": object})), &[malformed]);
    }
    let kind = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    let deployment = |object: Value| with_request(json!({"kind": kind, "object": object}));
    let without = "datakit policy: nothing injected, the object has no spec.template";
    for object in [
        json!(null),
        json!(7),
        json!({}),
        json!({"spec": []}),
        json!({"spec": null}),
    ] {
        assert_warns(&deployment(object), &[without]);
    }
    for template in [json!(7), json!("x"), json!([]), json!(true)] {
        assert_warns(
            &deployment(json!({"spec": {"template": template}})),
            &[malformed],
        );
    }
}

#[test]
fn accepts_fields_of_another_type() {
    let cases = [
        (
            json!({"spec": {"containers": {"main": {}}}}),
            "spec.containers",
        ),
        (json!({"spec": {"containers": [[]]}}), "spec.containers[0]"),
        (json!({"spec": {"containers": null}}), "spec.containers"),
        (
            json!({"metadata": {"annotations": {"replicas": 3}}, "spec": {}}),
            "metadata.annotations.replicas",
        ),
        (
            json!({"metadata": {"labels": []}, "spec": {}}),
            "metadata.labels",
        ),
        (
            json!({"metadata": {"namespace": 1}, "spec": {}}),
            "metadata.namespace",
        ),
        (json!({"metadata": 1, "spec": {}}), "metadata"),
        (
            json!({"spec": {"volumes": {}, "containers": [{"name": "a"}]}}),
            "spec.volumes",
        ),
        (
            json!({"spec": {"hostPID": "yes", "containers": [{"name": "a"}]}}),
            "spec.hostPID",
        ),
    ];
    for (template, place) in cases {
        let warning =
            format!("datakit policy: nothing injected, the template is malformed at {place}");
        for kind in ["Deployment", "CronJob"] {
            let request = create("default", &workload(kind, &template));
            assert_warns(&payload(&request, &settings()).unwrap(), &[&warning]);
        }
    }
}

/// A pod that every feature is injected into, with more of whatever is put into it.
fn ordinary() -> Value {
    pod(&[], json!({"containers": [container("main", &[])]}))
}

/// Answers in good time, or it is a refusal: hosts stop a policy after two seconds.
#[track_caller]
fn in_time(object: &Value) -> Answer {
    let payload = payload(&create("default", object), &settings()).unwrap();
    // The best of three, for other tests run at the same time.
    let took = (0..3).map(|_| {
        let instance = POLICY.instance().unwrap();
        let begin = Instant::now();
        instance.call("validate", &payload).unwrap();
        begin.elapsed()
    });
    let took = took.min().unwrap();
    assert!(took < HOST_LIMIT, "took {took:?}");
    let answer = answer(&payload);
    for warning in answer.warnings.iter().flatten() {
        assert!(warning.chars().count() <= 256, "{} long", warning.len());
    }
    assert!(answer.warnings.iter().flatten().count() <= 21);
    answer
}

fn instances(logging: &Value) -> Value {
    let mut pod = ordinary();
    pod["metadata"]["annotations"]["admission.datakit/logfwd.instances"] =
        json!(json!([{"loggings": [logging]}]).to_string());
    pod
}

/// More annotations than Kubernetes takes; it says so itself, but not because of the policy.
const NO_ROOM: &str = "datakit logging: nothing injected, \
    the annotations would be more than the 256 KiB that Kubernetes takes";

#[test]
fn carries_an_annotation_of_a_megabyte() {
    let mut pod = ordinary();
    pod["metadata"]["annotations"]["note"] = json!("x".repeat(1 << 20));
    let mutated = in_time(&pod).mutated_object.unwrap();
    assert_eq!(
        mutated["metadata"]["annotations"]["note"],
        pod["metadata"]["annotations"]["note"]
    );

    let text = "x".repeat(1 << 20);
    for name in [
        "java-lib.version",
        "enabled",
        "logfwd.instances",
        "java-profiler.version",
    ] {
        pod["metadata"]["annotations"] = json!({(format!("admission.datakit/{name}")): text});
        let answer = in_time(&pod);
        assert!(answer.warnings.is_some(), "{name}");
        assert!(answer.mutated_object.is_some(), "{name}");
    }
    let answer = in_time(&instances(&json!({"tags": {(text): 1}})));
    let warnings = answer.warnings.unwrap();
    assert_eq!(warnings.len(), 2);
    assert_eq!(warnings[1], NO_ROOM);
}

#[test]
fn injects_into_two_hundred_containers() {
    let containers: Vec<Value> = (0..200)
        .map(|number| container(&format!("c{number}"), &[]))
        .collect();
    let mut pod = ordinary();
    pod["spec"]["containers"] = json!(containers);
    let answer = in_time(&pod);
    assert_eq!(answer.warnings, None);
    let mutated = answer.mutated_object.unwrap();
    let containers = mutated["spec"]["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 203);
    for container in &containers[..200] {
        let paths: Vec<&Value> = container["volumeMounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mount| &mount["mountPath"])
            .collect();
        assert_eq!(
            paths,
            [
                "/datadog-lib",
                "/flames",
                "/app/datakit-profiler",
                "/tmp",
                "/etc/localtime"
            ]
        );
    }
}

#[test]
fn carries_nesting_as_deep_as_json_is_read() {
    let nested = |depth: usize| {
        let mut pod = ordinary();
        pod["spec"]["future"] = json!("DEPTH");
        let text = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let payload = payload(&create("default", &pod), &settings()).unwrap();
        String::from_utf8(payload)
            .unwrap()
            .replace("\"DEPTH\"", &text)
    };
    assert!(answer(nested(100).as_bytes()).mutated_object.is_some());
    for depth in [200, 10_000] {
        let answer = answer(nested(depth).as_bytes());
        assert_eq!(answer.mutated_object, None);
        let warnings = answer.warnings.unwrap();
        let start =
            "datakit policy: nothing injected, the request is not valid JSON (line 1, column ";
        assert!(warnings[0].starts_with(start), "{warnings:?}");
    }
}

#[test]
fn bounds_what_twenty_thousand_log_files_cost() {
    let files = |pattern: &str| -> Vec<String> {
        (0..20_000)
            .map(|number| pattern.replace("{}", &number.to_string()))
            .collect()
    };
    let answer = in_time(&instances(&json!({"logfiles": files("/logs/{}/a.log")})));
    assert_eq!(
        answer.warnings.unwrap(),
        [
            "datakit logfwd: log files in more than 256 directories, the rest is left out",
            NO_ROOM
        ]
    );
    let mutated = answer.mutated_object.unwrap();
    let mounts = mutated["spec"]["containers"][0]["volumeMounts"]
        .as_array()
        .unwrap();
    assert_eq!(mounts.len(), 256 + 5);

    let answer = in_time(&instances(&json!({"logfiles": files("/logs/{}.log")})));
    assert_eq!(answer.warnings.unwrap(), [NO_ROOM]);

    // One warning for each would be more than anybody reads.
    let answer = in_time(&instances(&json!({"logfiles": files("logs/{}.log")})));
    let warnings = answer.warnings.unwrap();
    assert_eq!(warnings.len(), 21);
    assert_eq!(
        warnings[19],
        "datakit logfwd: no volume for `logs/19.log`: the path is not absolute"
    );
    assert_eq!(warnings[20], "datakit: and 19981 more warnings");
}

#[test]
fn bounds_what_names_that_are_taken_cost() {
    let mut volumes = vec![empty_dir("tmp"), empty_dir("timezone")];
    let mut mounts = vec![mount("tmp", "/own"), mount("timezone", "/own2")];
    for number in 1..10_000 {
        volumes.push(empty_dir(&format!("tmp-{number}")));
        mounts.push(mount(&format!("tmp-{number}"), &format!("/own/{number}")));
    }
    let mut pod = ordinary();
    pod["spec"]["volumes"] = json!(volumes);
    pod["spec"]["containers"] = json!([container("main", &mounts)]);
    let mutated = in_time(&pod).mutated_object.unwrap();
    let volumes = mutated["spec"]["volumes"].as_array().unwrap();
    assert!(volumes.contains(&empty_dir("tmp-10000")));
}

#[test]
fn bounds_what_variables_cost() {
    let mut tags = String::new();
    let mut env = Vec::new();
    for number in 0..10_000 {
        write!(tags, "k{number}:$(V{number}),").unwrap();
        env.push(variable(&format!("V{number}"), "x"));
    }
    env.push(variable("DD_TAGS", &tags));
    let mut pod = ordinary();
    pod["spec"]["containers"][0]["env"] = json!(env);
    let mutated = in_time(&pod).mutated_object.unwrap();
    let env = mutated["spec"]["containers"][0]["env"].as_array().unwrap();
    assert_eq!(env[10_000], variable("DD_TAGS", &format!("{tags}a:b")));
}

#[test]
fn takes_the_last_of_keys_that_are_there_twice() {
    let text = String::from_utf8(with_request(json!({}))).unwrap();
    let twice = text.replace(
        "\"image\":\"app:1\"",
        "\"image\":\"first:1\",\"image\":\"last:1\"",
    );
    assert_ne!(text, twice);
    let mutated = answer(twice.as_bytes()).mutated_object.unwrap();
    assert_eq!(mutated["spec"]["containers"][0]["image"], "last:1");
}

#[test]
fn carries_numbers_at_the_edges() {
    let numbers = json!([
        u64::MAX,
        i64::MIN,
        9_007_199_254_740_993_u64,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        -0.0,
        1.0,
        0.1,
        1.7976931348623157e308
    ]);
    let mut before = ordinary();
    before["spec"]["future"] = numbers.clone();
    let mutated = in_time(&before).mutated_object.unwrap();
    assert_same(&mutated["spec"]["future"], &numbers);
    assert_eq!(mutated["spec"]["future"].to_string(), numbers.to_string());
}
