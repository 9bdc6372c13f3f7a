//! On which objects and operations the policy acts, and what switches it off.

use serde_json::{Value, json};

use crate::parts::{
    JAVA_OPTION, agent_mount, assert_injects, assert_leaves_alone, assert_same, container,
    empty_dir, lib_init, pod, variable, with, without_journal,
};
use crate::support::{WORKLOADS, create, request, template_pointer, validate, workload};

fn settings() -> Value {
    json!({"admission_inject": {"ddtrace": {"images": {"java_agent_image": "repo/java:1"}}}})
}

fn template() -> Value {
    let mut pod = pod(
        &[("java-lib.version", "")],
        json!({"containers": [container("main", &[])]}),
    );
    json!({"metadata": {"annotations": pod["metadata"]["annotations"].take()}, "spec": pod["spec"].take()})
}

fn injected_template() -> Value {
    let options = json!({"env": [variable("JAVA_TOOL_OPTIONS", JAVA_OPTION)]});
    let spec = json!({
        "containers": [with(container("main", &[agent_mount()]), options)],
        "initContainers": [lib_init("repo/java:1")],
        "volumes": [empty_dir("datakit-auto-instrument")]
    });
    with(template(), json!({"spec": spec}))
}

/// A workload of any kind, a pod too, around a template.
fn object(kind: &str, template: &Value) -> Value {
    if kind == "Pod" {
        with(template.clone(), json!({"apiVersion": "v1", "kind": "Pod"}))
    } else {
        workload(kind, template)
    }
}

const ALL_KINDS: [&str; 8] = [
    "Pod",
    WORKLOADS[0],
    WORKLOADS[1],
    WORKLOADS[2],
    WORKLOADS[3],
    WORKLOADS[4],
    WORKLOADS[5],
    WORKLOADS[6],
];

#[test]
fn injects_into_every_kind_that_is_created() {
    for kind in ALL_KINDS {
        let mut before = object(kind, &template());
        let mut after = object(kind, &injected_template());
        if matches!(kind, "Job" | "CronJob") {
            for job in [&mut before, &mut after] {
                let template = job.pointer_mut(template_pointer(kind)).unwrap();
                template["spec"]["restartPolicy"] = json!("Never");
            }
        }
        assert_injects(&before, &settings(), &after, &[]);
    }
}

#[test]
fn tells_the_audit_log_what_it_injected() {
    let settings = json!({
        "admission_inject": {
            "ddtrace": {"images": {"java_agent_image": "repo/java:1"}},
            "profiler": {"images": {"java_profiler_image": "repo/profiler:1"}}
        },
        "admission_inject_v2": {"logfwds": [
            {"name": "all", "namespace_selectors": ["*"], "image": "repo/logfwd:1"}
        ]},
        "admission_mutate": {"loggings": [
            {"namespace_selectors": ["other"], "config": "[]"},
            {"namespace_selectors": ["default"], "config": "[]"}
        ]}
    });
    let mut template = template();
    let annotations = &mut template["metadata"]["annotations"];
    annotations["admission.datakit/java-lib.version"] = json!("v2");
    annotations["admission.datakit/java-profiler.version"] = json!("");
    let answer = validate(
        &create("default", &object("Deployment", &template)),
        &settings,
    );
    let audit: Vec<(String, String)> = answer.audit_annotations.unwrap().into_iter().collect();
    let expected = [
        ("ddtrace", "repo/java:v2"),
        ("logfwd", "all (repo/logfwd:1)"),
        ("logging", "admission_mutate.loggings[1]"),
        ("profiler", "repo/profiler:1"),
    ];
    assert_eq!(
        audit,
        expected.map(|(feature, what)| (feature.to_owned(), what.to_owned()))
    );
}

#[test]
fn injects_on_an_update_that_changes_the_template() {
    for kind in ALL_KINDS {
        let old = object(kind, &with(template(), json!({"spec": {"containers": []}})));
        let new = object(kind, &template());
        let answer = validate(&request("UPDATE", "default", &new, &old), &settings());
        assert_eq!(answer.warnings, None, "{kind}");
        if matches!(kind, "Pod" | "Job") {
            assert_eq!(answer.mutated_object, None, "{kind}");
        } else {
            let mutated = answer.mutated_object.unwrap();
            assert_same(
                &without_journal(&mutated),
                &object(kind, &injected_template()),
            );
        }
    }
}

#[test]
fn starts_no_rollout_on_an_update_that_does_not_change_the_template() {
    for kind in ALL_KINDS {
        let old = object(kind, &template());
        let mut new = old.clone();
        new["metadata"]["labels"] = json!({"new": "label"});
        new["status"] = json!({"replicas": 3});
        if kind == "Pod" {
            new["metadata"]["annotations"]["new"] = json!("annotation");
        } else {
            new["spec"]["replicas"] = json!(3);
        }
        let answer = validate(&request("UPDATE", "default", &new, &old), &settings());
        assert_eq!(answer.mutated_object, None, "{kind}");
        assert_eq!(answer.warnings, None, "{kind}");
    }
}

#[test]
fn leaves_an_update_alone_that_it_cannot_compare() {
    let new = object("Deployment", &template());
    for old in [
        json!(null),
        json!(7),
        json!({}),
        json!({"spec": {"template": null}}),
    ] {
        let answer = validate(&request("UPDATE", "default", &new, &old), &settings());
        assert_eq!(answer.mutated_object, None, "{old}");
        assert_eq!(
            answer.warnings.unwrap(),
            ["datakit policy: nothing injected: the update does not include the old object"],
            "{old}"
        );
    }
}

#[test]
fn leaves_other_operations_alone() {
    let object = object("Deployment", &template());
    for operation in ["DELETE", "CONNECT", "PATCH", "create", ""] {
        for (new, old) in [(&object, &Value::Null), (&Value::Null, &object)] {
            let answer = validate(&request(operation, "default", new, old), &settings());
            assert_eq!(answer, accepted(), "{operation}");
        }
    }
}

/// The answer that says nothing.
fn accepted() -> datakit_policy_host::policy::Answer {
    datakit_policy_host::policy::Answer {
        accepted: true,
        ..Default::default()
    }
}

#[test]
fn leaves_subresources_alone() {
    for name in ["ephemeralcontainers", "scale", "status", "binding"] {
        let mut request = create("default", &object("Pod", &template()));
        request["subResource"] = json!(name);
        assert_eq!(validate(&request, &settings()), accepted(), "{name}");
    }
    for none in [json!(null), json!("")] {
        let mut request = create("default", &object("Pod", &template()));
        request["subResource"] = none;
        assert!(validate(&request, &settings()).mutated_object.is_some());
    }
}

#[test]
fn leaves_kinds_of_other_groups_alone() {
    for (api_version, kind) in [
        ("batch.volcano.sh/v1alpha1", "Job"),
        ("apps.kruise.io/v1alpha1", "DaemonSet"),
        ("apps.openshift.io/v1", "Deployment"),
        ("serving.knative.dev/v1", "Pod"),
        ("v1", "Deployment"),
        ("apps/v1", "Pod"),
        ("v1", "ConfigMap"),
        ("v1", "PodTemplate"),
    ] {
        let mut object = object("Deployment", &template());
        object["apiVersion"] = json!(api_version);
        object["kind"] = json!(kind);
        let answer = validate(&create("default", &object), &settings());
        assert_eq!(answer, accepted(), "{api_version} {kind}");
    }
}

#[test]
fn leaves_copies_of_a_template_to_their_controller() {
    let mut replica_set = object("ReplicaSet", &template());
    replica_set["metadata"]["ownerReferences"] =
        json!([{"kind": "Deployment", "name": "x", "controller": true}]);
    assert_leaves_alone(&replica_set, &settings(), &[]);
    let mut pod = object("Pod", &template());
    pod["metadata"]["ownerReferences"] =
        json!([{"kind": "ReplicaSet", "name": "x", "controller": true}]);
    let answer = validate(&create("default", &pod), &settings());
    assert!(answer.mutated_object.is_some());
}

#[test]
fn warns_of_a_workload_that_is_malformed() {
    let without =
        |path: &str| format!("datakit policy: nothing injected: the object has no {path}");
    let malformed = |path: &str| {
        format!("datakit policy: nothing injected: the template is malformed at {path}")
    };
    let deployment = |template: Value| object("Deployment", &template);
    for (object, warning) in [
        (deployment(json!(null)), without("spec.template")),
        (
            object("CronJob", &json!(null)),
            without("spec.jobTemplate.spec.template"),
        ),
        (deployment(json!({})), malformed("spec")),
        (
            deployment(json!({"spec": {}})),
            malformed("spec.containers"),
        ),
        (
            deployment(json!({"spec": {"containers": {"main": {}}}})),
            malformed("spec.containers"),
        ),
        (
            deployment(json!({"metadata": {"annotations": {"n": 1}}, "spec": {"containers": []}})),
            malformed("metadata.annotations.n"),
        ),
        (
            deployment(json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "env": {}}]}})),
            malformed("spec.containers[1].env"),
        ),
    ] {
        assert_leaves_alone(&object, &settings(), &[&warning]);
    }
}

const TRUE: [&str; 6] = ["1", "t", "T", "true", "True", "TRUE"];
const FALSE: [&str; 6] = ["0", "f", "F", "false", "False", "FALSE"];

fn switched(name: &str, value: &str) -> Value {
    let mut template = template();
    template["metadata"]["annotations"][format!("admission.datakit/{name}")] = json!(value);
    object("Deployment", &template)
}

#[test]
fn can_be_switched_off_for_a_workload() {
    for name in ["enabled", "ddtrace.enabled"] {
        for value in FALSE {
            assert_leaves_alone(&switched(name, value), &settings(), &[]);
        }
        for value in TRUE {
            let mut after = switched(name, value);
            after["spec"]["template"]["spec"] = injected_template()["spec"].take();
            assert_injects(&switched(name, value), &settings(), &after, &[]);
        }
        for value in ["", "no", "off", "tRUE", " true", "yes"] {
            let about = name.strip_suffix(".enabled").unwrap_or("policy");
            let warning = format!(
                "datakit {about}: admission.datakit/{name}: `{value}` is not a boolean and has no effect"
            );
            let mut after = switched(name, value);
            after["spec"]["template"]["spec"] = injected_template()["spec"].take();
            assert_injects(&switched(name, value), &settings(), &after, &[&warning]);
        }
    }
}

/// Settings under which every feature is for the namespace `default`.
fn all_features() -> Value {
    let rule = |more: Value| {
        let rule = json!({"namespace_selectors": ["^default$"], "image": "repo/image:1"});
        json!([with(rule, more)])
    };
    json!({
        "admission_inject_v2": {
            "ddtraces": rule(json!({"language": "java"})),
            "logfwds": rule(json!({})),
            "flameshots": rule(json!({"processes": "[]", "envs": {
                "FLAMESHOT_PROFILING_PATH": "/flames", "FLAMESHOT_HTTP_LOCAL_PORT": "80"
            }})),
            "profilers": rule(json!({"language": "java"}))
        },
        "admission_mutate": {"loggings": [
            {"namespace_selectors": ["default"], "config": "[{}]"}
        ]}
    })
}

/// What was injected into an object: the features of the audit annotations.
fn features(object: &Value) -> Vec<String> {
    let answer = validate(&create("default", object), &all_features());
    assert_eq!(answer.warnings, None);
    let audit = answer.audit_annotations.unwrap_or_default();
    audit.into_keys().collect()
}

#[test]
fn switches_off_one_feature_alone() {
    let plain = |annotations: &[(&str, &str)]| {
        pod(annotations, json!({"containers": [container("main", &[])]}))
    };
    let all = ["ddtrace", "flameshot", "logfwd", "logging", "profiler"];
    assert_eq!(features(&plain(&[])), all);
    assert_eq!(features(&plain(&[("enabled", "false")])), [""; 0]);
    for off in ["ddtrace", "flameshot", "logfwd", "profiler"] {
        let pod = plain(&[(&format!("{off}.enabled"), "f")]);
        let others: Vec<&str> = all.into_iter().filter(|name| *name != off).collect();
        assert_eq!(features(&pod), others);
        let answer = validate(&create("default", &pod), &all_features());
        let mutated = answer.mutated_object.unwrap();
        let container = match off {
            "ddtrace" => "datakit-lib-init".to_owned(),
            other => format!("datakit-{other}"),
        };
        assert!(!mutated.to_string().contains(&format!("\"{container}\"")));
    }
    // The whole-pod switch wins over all others.
    let pod = plain(&[("enabled", "0"), ("ddtrace.enabled", "true")]);
    assert_eq!(features(&pod), [""; 0]);
}

#[test]
fn runs_the_features_in_their_order() {
    let pod = pod(&[], json!({"containers": [container("main", &[])]}));
    let answer = validate(&create("default", &pod), &all_features());
    let mutated = answer.mutated_object.unwrap();
    let names = |list: &str| -> Vec<String> {
        let items = mutated["spec"][list].as_array().unwrap();
        let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
        items.iter().map(name).collect()
    };
    assert_eq!(
        names("containers"),
        [
            "main",
            "datakit-logfwd",
            "datakit-flameshot",
            "datakit-profiler"
        ]
    );
    assert_eq!(names("initContainers"), ["datakit-lib-init"]);
    assert_eq!(
        names("volumes"),
        [
            "datakit-auto-instrument",
            "datakit-pod-info",
            "flameshot-volume",
            "datakit-profiler-volume",
            "tmp",
            "timezone"
        ]
    );
}

/// The features that are for an object by its namespace.
fn by_namespace(request_namespace: Value, object: &Value) -> bool {
    let settings = json!({"admission_mutate": {"loggings": [
        {"namespace_selectors": ["wanted"], "config": "[{}]"}
    ]}});
    let mut request = create("", object);
    request["namespace"] = request_namespace;
    validate(&request, &settings).mutated_object.is_some()
}

#[test]
fn takes_the_namespace_of_the_template_before_that_of_the_request() {
    let mut template = template();
    assert!(by_namespace(
        json!("wanted"),
        &object("Deployment", &template)
    ));
    assert!(by_namespace(json!("wanted"), &object("Pod", &template)));
    assert!(!by_namespace(
        json!("other"),
        &object("Deployment", &template)
    ));
    assert!(!by_namespace(Value::Null, &object("Deployment", &template)));
    template["metadata"]["namespace"] = json!("wanted");
    assert!(by_namespace(
        json!("other"),
        &object("Deployment", &template)
    ));
    assert!(by_namespace(Value::Null, &object("Pod", &template)));
    template["metadata"]["namespace"] = json!("other");
    assert!(!by_namespace(
        json!("wanted"),
        &object("Deployment", &template)
    ));
    for none in [json!(""), json!(null)] {
        template["metadata"]["namespace"] = none;
        assert!(by_namespace(json!("wanted"), &object("Pod", &template)));
    }
    // The namespace of the workload itself is not the template's.
    template["metadata"]["namespace"] = json!(null);
    let mut deployment = object("Deployment", &template);
    deployment["metadata"]["namespace"] = json!("wanted");
    assert!(!by_namespace(json!("other"), &deployment));
}

#[test]
fn does_not_add_what_kubernetes_refuses_beside_the_nodes_processes() {
    let rules = all_features();
    let settings = json!({"admission_inject_v2": {
        "profilers": rules["admission_inject_v2"]["profilers"],
        "flameshots": rules["admission_inject_v2"]["flameshots"]
    }});
    let shares = |spec: Value| {
        let pod = pod(
            &[],
            with(spec, json!({"containers": [container("main", &[])]})),
        );
        let answer = validate(&create("default", &pod), &settings);
        let mutated = answer.mutated_object.unwrap();
        (
            mutated["spec"]["shareProcessNamespace"].clone(),
            answer.warnings,
        )
    };
    assert_eq!(shares(json!({})), (json!(true), None));
    assert_eq!(shares(json!({"hostPID": false})), (json!(true), None));
    assert_eq!(shares(json!({"hostPID": true})), (json!(null), None));
    let refused = json!({"hostPID": true, "shareProcessNamespace": false});
    assert_eq!(shares(refused), (json!(false), None));
}

#[test]
fn leaves_the_processes_of_a_pod_apart_that_says_so() {
    let rules = all_features();
    let settings = json!({"admission_inject_v2": {
        "profilers": rules["admission_inject_v2"]["profilers"],
        "flameshots": rules["admission_inject_v2"]["flameshots"]
    }});
    let spec = json!({"shareProcessNamespace": false, "containers": [container("main", &[])]});
    let warning = |feature: &str| {
        format!(
            "datakit {feature}: nothing injected: it needs shareProcessNamespace, \
             which is false; remove it, or set it to true"
        )
    };
    assert_leaves_alone(
        &pod(&[], spec),
        &settings,
        &[&warning("flameshot"), &warning("profiler")],
    );
}

#[test]
fn points_out_annotations_that_have_no_effect() {
    let settings = json!({"admission_inject": {
        "ddtrace": {"images": {"java_agent_image": "repo/java:1", "php_agent_image": "repo/php:1"}}
    }});
    let mut before = object("Deployment", &template());
    let annotations = &mut before["spec"]["template"]["metadata"]["annotations"];
    annotations["admission.datakit/php-lib.version"] = json!("");
    let mut after = before.clone();
    after["spec"]["template"]["spec"] = injected_template()["spec"].take();
    assert_injects(
        &before,
        &settings,
        &after,
        &[
            "datakit ddtrace: admission.datakit/php-lib.version has no effect: \
           admission_inject.ddtrace decides",
        ],
    );
    let rule =
        json!({"language": "java", "image": "repo/java:1", "namespace_selectors": ["^other$"]});
    assert_leaves_alone(
        &object("Deployment", &template()),
        &json!({"admission_inject_v2": {"ddtraces": [rule]}}),
        &[
            "datakit ddtrace: admission.datakit/java-lib.version has no effect: no rule in the settings applies",
        ],
    );
}

#[test]
fn finds_the_template_where_the_kind_has_it() {
    // Guards the other tests: their helper and the guest must not be wrong in the same way.
    for (kind, pointer) in [
        ("Pod", ""),
        ("Deployment", "/spec/template"),
        ("CronJob", "/spec/jobTemplate/spec/template"),
    ] {
        assert_eq!(template_pointer(kind), pointer);
        let answer = validate(&create("default", &object(kind, &template())), &settings());
        let mutated = answer.mutated_object.unwrap();
        let name = mutated.pointer(&format!("{pointer}/spec/initContainers/0/name"));
        assert_eq!(name, Some(&json!("datakit-lib-init")));
    }
}
