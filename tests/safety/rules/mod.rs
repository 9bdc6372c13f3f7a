//! The checker of pods: each of its rules with a pod that is fine and one that breaks just this rule.

mod places;

use serde_json::{Value, json};

use crate::checker::violations;

/// A pod with something in every place that the rules are about.
fn fine() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "x",
            "namespace": "default",
            "labels": {"app": "x"},
            "annotations": {"example.com/Owner": "team"}
        },
        "spec": {
            "restartPolicy": "Always",
            "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
            "volumes": [
                {"name": "data", "emptyDir": {}},
                {"name": "host", "hostPath": {"path": "/etc/localtime", "type": "File"}},
                {"name": "info", "downwardAPI": {"items": [
                    {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
                ]}},
                {"name": "block", "persistentVolumeClaim": {"claimName": "block"}}
            ],
            "initContainers": [
                {"name": "first", "image": "init:1"},
                {"name": "side", "image": "side:1", "restartPolicy": "Always",
                 "resources": {"requests": {"cpu": "400m"}}}
            ],
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "imagePullPolicy": "Always",
                    "command": ["run"],
                    "workingDir": "/",
                    "securityContext": {"capabilities": {"add": ["SYS_PTRACE"], "drop": []}},
                    "env": [
                        {"name": "A", "value": "a"},
                        {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
                        {"name": "C", "value": "", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                        {"name": "D", "valueFrom": {"resourceFieldRef": {
                            "containerName": "app", "resource": "limits.memory", "divisor": "1Mi"
                        }}}
                    ],
                    "ports": [
                        {"name": "http", "containerPort": 80},
                        {"name": "https", "containerPort": 443, "protocol": "TCP"}
                    ],
                    "resources": {
                        "requests": {"cpu": "0.5", "memory": "5e8"},
                        "limits": {"cpu": "500m", "memory": "1024Mi"}
                    },
                    "volumeMounts": [
                        {"name": "data", "mountPath": "/data", "subPath": "a/b"},
                        {"name": "data", "mountPath": "/data/"},
                        {"name": "info", "mountPath": "/info", "readOnly": true}
                    ],
                    "volumeDevices": [{"name": "block", "devicePath": "/dev/block"}]
                },
                {"name": "other", "image": "other:1", "env": null, "ports": [
                    {"name": "http", "containerPort": 80}
                ]}
            ]
        }
    })
}

/// The pod with other values at some places.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut pod = fine();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = pod.pointer_mut(parent).unwrap();
        match parent.as_array_mut() {
            Some(list) if key == "-" => list.push(value.clone()),
            Some(list) => list[key.parse::<usize>().unwrap()] = value.clone(),
            None => parent[key] = value.clone(),
        }
    }
    pod
}

#[track_caller]
fn breaks(pointer: &str, value: Value, violation: &str) {
    assert_eq!(violations(&with(&[(pointer, value)])), [violation]);
}

#[test]
fn finds_nothing_wrong_with_a_pod_that_is_fine() {
    assert_eq!(violations(&fine()), [""; 0]);
    let bare = json!({"kind": "Pod", "spec": {"containers": [{"name": "a", "image": "b"}]}});
    assert_eq!(violations(&bare), [""; 0]);
}

#[test]
fn reads_the_template_of_every_kind() {
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [
        {"name": "a", "image": "b"}
    ]}});
    let job = json!({"kind": "Job", "spec": {"template": template}});
    let cron =
        json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": template}}}});
    assert_eq!(violations(&job), [""; 0]);
    assert_eq!(violations(&cron), [""; 0]);
    let deployment = json!({"kind": "Deployment", "spec": {"template": template}});
    assert_eq!(
        violations(&deployment),
        ["spec.template.spec: restartPolicy `Never` in a Deployment"]
    );
    let mut always = job.clone();
    always["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
    assert_eq!(
        violations(&always),
        ["spec.template.spec: restartPolicy `Always` in a Job"]
    );
    assert_eq!(
        violations(&json!({"kind": "Job"})),
        ["spec.template: is missing"]
    );
}

#[test]
fn wants_a_spec_with_containers() {
    assert_eq!(violations(&json!({"kind": "Pod"})), [": has no spec"]);
    let empty = json!({"kind": "Pod", "spec": {"containers": []}});
    assert_eq!(violations(&empty), ["spec: has no containers"]);
}

#[test]
fn wants_names_to_be_unique_and_of_their_form() {
    let container = |name: &str| json!({"name": name, "image": "x:1"});
    breaks(
        "/spec/initContainers/0",
        container("app"),
        "spec.containers[0]: the container `app` is there twice",
    );
    breaks(
        "/spec/ephemeralContainers",
        json!([container("other")]),
        "spec.ephemeralContainers[0]: the container `other` is there twice",
    );
    for name in ["App", "a.b", "-a", "a-", "a_b"] {
        breaks(
            "/spec/containers/1",
            container(name),
            &format!("spec.containers[1]: `{name}` is no DNS label"),
        );
        breaks(
            "/spec/volumes/-",
            json!({"name": name}),
            &format!("spec.volumes[4]: `{name}` is no DNS label"),
        );
    }
    let long = "a".repeat(64);
    breaks(
        "/spec/volumes/-",
        json!({"name": long}),
        &format!("spec.volumes[4]: `{long}` is no DNS label"),
    );
    breaks(
        "/spec/volumes/-",
        json!({"name": "data"}),
        "spec.volumes[4]: the volume `data` is there twice",
    );
    breaks(
        "/spec/containers/1/name",
        json!(""),
        "spec.containers[1]: has no name",
    );
    breaks(
        "/spec/containers/0/ports/1/name",
        json!("http"),
        "spec.containers[0].ports[1]: the port `http` is there twice",
    );
    for name in ["HTTP", "443", "a--b", "sixteen-letters-"] {
        breaks(
            "/spec/containers/0/ports/1/name",
            json!(name),
            &format!("spec.containers[0].ports[1]: `{name}` is no name of a port"),
        );
    }
    breaks(
        "/spec/containers/0/env/1/name",
        json!("A"),
        "spec.containers[0].env[1]: the variable `A` is there twice",
    );
    for name in ["A=B", "ä", "a\n"] {
        breaks(
            "/spec/containers/0/env/1/name",
            json!(name),
            &format!("spec.containers[0].env[1]: `{name}` is no name of a variable"),
        );
    }
    // What Kubernetes refused before 1.34.
    assert_eq!(
        violations(&with(&[("/spec/containers/0/env/1/name", json!("1 b!"))])),
        [""; 0]
    );
}

#[test]
fn wants_an_image() {
    let path = "/spec/containers/1/image";
    breaks(path, json!(""), "spec.containers[1]: has no image");
    breaks(path, json!(null), "spec.containers[1]: has no image");
    breaks(
        path,
        json!(" x"),
        "spec.containers[1]: the image has white space around it",
    );
    breaks(
        "/spec/containers/1/imagePullPolicy",
        json!("Sometimes"),
        "spec.containers[1]: there is no imagePullPolicy `Sometimes`",
    );
}

#[test]
fn wants_a_variable_to_have_one_value() {
    let variable = |fields: Value| {
        let mut entry = fields;
        entry["name"] = json!("B");
        entry
    };
    let place = "/spec/containers/0/env/1";
    let at = "spec.containers[0].env[1]";
    let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    breaks(
        place,
        variable(json!({"value": "b", "valueFrom": field("metadata.name")})),
        &format!("{at}: has both value and valueFrom"),
    );
    for source in [
        json!({}),
        json!({"fieldRef": {"fieldPath": "metadata.name"}, "secretKeyRef": {"key": "k"}}),
    ] {
        breaks(
            place,
            variable(json!({"valueFrom": source})),
            &format!("{at}.valueFrom: must have one source"),
        );
    }
    for path in [
        "metadata.labels",
        "status.phase",
        "metadata.labels['a b']",
        "metadata.labels[app]",
    ] {
        breaks(
            place,
            variable(json!({"valueFrom": field(path)})),
            &format!("{at}.valueFrom.fieldRef: there is no field `{path}` for variables"),
        );
    }
    breaks(
        place,
        variable(json!({"valueFrom": {"secretKeyRef": {"name": "s", "key": "a/b"}}})),
        &format!("{at}.valueFrom.secretKeyRef: the key is none of a ConfigMap or Secret"),
    );
    breaks(
        place,
        variable(json!({"valueFrom": {"configMapKeyRef": {"name": "s"}}})),
        &format!("{at}.valueFrom.configMapKeyRef: has no key"),
    );
    let resource = |field: &str, value: &str| {
        let mut reference = json!({"resource": "limits.cpu", "divisor": "1"});
        reference[field] = json!(value);
        variable(json!({"valueFrom": {"resourceFieldRef": reference}}))
    };
    let at = format!("{at}.valueFrom.resourceFieldRef");
    breaks(
        place,
        resource("resource", "limits.cpus"),
        &format!("{at}: there is no resource `limits.cpus`"),
    );
    breaks(
        place,
        resource("divisor", "1Mi"),
        &format!("{at}: `1Mi` is no divisor of cpu"),
    );
    breaks(
        place,
        resource("containerName", "web"),
        &format!("{at}: there is no container `web`"),
    );
}

#[test]
fn wants_resources_to_be_quantities_within_their_limits() {
    let place = "/spec/containers/1/resources";
    let at = "spec.containers[1]";
    for text in ["", "1Q", "a", "1 Gi", "-1", "1e", "0x1"] {
        breaks(
            place,
            json!({"limits": {"cpu": text}}),
            &format!("{at}.resources.limits: cpu `{text}` is no quantity"),
        );
    }
    for (request, limit) in [("501m", "0.5"), ("1Gi", "1G"), ("2", "1e0"), ("1k", "999")] {
        breaks(
            place,
            json!({"requests": {"hugepages-1": request}, "limits": {"hugepages-1": limit}}),
            &format!("{at}: the request of hugepages-1 is above its limit"),
        );
    }
    for (request, limit) in [
        ("500m", "0.5"),
        ("1G", "1Gi"),
        ("1e3", "1k"),
        (".1", "100m"),
    ] {
        let resources = json!({"requests": {"x": request}, "limits": {"x": limit}});
        assert_eq!(violations(&with(&[(place, resources)])), [""; 0]);
    }
}

#[test]
fn wants_containers_to_keep_to_the_resources_of_the_pod() {
    breaks(
        "/spec/containers/1/resources",
        json!({"requests": {"cpu": "101m"}}),
        "spec: the containers request more cpu than the pod",
    );
    breaks(
        "/spec/containers/1/resources",
        json!({"limits": {"cpu": "101m"}}),
        "spec: the containers request more cpu than the pod",
    );
    breaks(
        "/spec/containers/1/resources",
        json!({"limits": {"memory": "2Gi"}}),
        "spec.containers[1]: the limit of memory is above that of the pod",
    );
    // What comes first runs alone, but beside the sidecars before it.
    let first = "/spec/initContainers/0/resources";
    assert_eq!(
        violations(&with(&[(first, json!({"requests": {"cpu": "1"}}))])),
        [""; 0]
    );
    breaks(
        first,
        json!({"requests": {"cpu": "1.1"}}),
        "spec: the containers request more cpu than the pod",
    );
    breaks(
        "/spec/initContainers/-",
        json!({"name": "last", "image": "x", "resources": {"requests": {"cpu": "0.7"}}}),
        "spec: the containers request more cpu than the pod",
    );
    breaks(
        "/spec/resources/requests/memory",
        json!("2Gi"),
        "spec: the request of memory is above its limit",
    );
}

#[test]
fn wants_processes_shared_in_one_way() {
    let share = |value: bool| ("/spec/shareProcessNamespace", json!(value));
    let host = ("/spec/hostPID", json!(true));
    assert_eq!(
        violations(&with(&[host.clone(), share(true)])),
        ["spec: has both hostPID and shareProcessNamespace"]
    );
    assert_eq!(violations(&with(&[host, share(false)])), [""; 0]);
    let windows = ("/spec/os", json!({"name": "windows"}));
    assert_eq!(
        violations(&with(&[windows.clone(), share(true)])),
        ["spec: has shareProcessNamespace in a Windows pod"]
    );
    assert_eq!(violations(&with(&[windows])), [""; 0]);
}

#[test]
fn wants_annotations_that_fit() {
    breaks(
        "/metadata/annotations",
        json!({"a b": "c"}),
        "metadata.annotations[a b]: the key is no qualified name",
    );
    let most = "x".repeat(256 * 1024 - 4);
    let note = |text: &str| ("/metadata/annotations", json!({"note": text}));
    assert_eq!(violations(&with(&[note(&most)])), [""; 0]);
    assert_eq!(
        violations(&with(&[note(&format!("{most}x"))])),
        ["metadata: the annotations are longer than 256 KiB"]
    );
}

#[test]
fn wants_every_place_to_be_of_its_type() {
    for (pointer, place, wanted) in [
        ("/metadata", "metadata", "an object"),
        ("/metadata/namespace", "metadata.namespace", "a string"),
        ("/metadata/labels", "metadata.labels", "an object"),
        ("/metadata/labels/app", "metadata.labels[app]", "a string"),
        ("/spec/hostPID", "spec.hostPID", "a boolean"),
        ("/spec/hostNetwork", "spec.hostNetwork", "a boolean"),
        ("/spec/restartPolicy", "spec.restartPolicy", "a string"),
        (
            "/spec/ephemeralContainers",
            "spec.ephemeralContainers",
            "a list",
        ),
        (
            "/spec/initContainers/0",
            "spec.initContainers[0]",
            "an object",
        ),
        (
            "/spec/containers/0/command",
            "spec.containers[0].command",
            "a list of strings",
        ),
        (
            "/spec/containers/0/workingDir",
            "spec.containers[0].workingDir",
            "a string",
        ),
        (
            "/spec/containers/0/securityContext",
            "spec.containers[0].securityContext",
            "an object",
        ),
        (
            "/spec/containers/0/securityContext/capabilities",
            "spec.containers[0].securityContext.capabilities",
            "an object",
        ),
        (
            "/spec/containers/0/securityContext/capabilities/add",
            "spec.containers[0].securityContext.capabilities.add",
            "a list of strings",
        ),
        ("/spec/containers/0/env", "spec.containers[0].env", "a list"),
        (
            "/spec/containers/0/env/0/value",
            "spec.containers[0].env[0].value",
            "a string",
        ),
        (
            "/spec/containers/0/env/1/valueFrom",
            "spec.containers[0].env[1].valueFrom",
            "an object",
        ),
        (
            "/spec/containers/0/ports/0/name",
            "spec.containers[0].ports[0].name",
            "a string",
        ),
        (
            "/spec/containers/0/volumeMounts/0/readOnly",
            "spec.containers[0].volumeMounts[0].readOnly",
            "a boolean",
        ),
        (
            "/spec/containers/0/resources/limits",
            "spec.containers[0].resources.limits",
            "an object",
        ),
        (
            "/spec/volumes/0/emptyDir",
            "spec.volumes[0].emptyDir",
            "an object",
        ),
    ] {
        breaks(pointer, json!(7), &format!("{place}: must be {wanted}"));
    }
}
