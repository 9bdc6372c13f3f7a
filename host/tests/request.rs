//! The requests that an API server would send.

use datakit_policy_host::request::{
    AdmissionRequest, Context, Operation, is_workload, resource_name,
};
use serde_json::{Value, json};

fn object(api_version: &str, kind: &str, metadata: Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": metadata})
}

fn request(object: &Value, context: &Context) -> Value {
    let request = AdmissionRequest::for_object(object, context).unwrap();
    serde_json::to_value(request).unwrap()
}

#[test]
fn a_new_deployment() {
    let deployment = object("apps/v1", "Deployment", json!({"name": "nginx"}));
    let request = request(&deployment, &Context::default());
    let kind = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    let resource = json!({"group": "apps", "version": "v1", "resource": "deployments"});
    assert_eq!(
        request,
        json!({
            "uid": "dda1864a-e4ec-89ab-8f59-840768fb5634",
            "kind": kind, "requestKind": kind, "resource": resource, "requestResource": resource,
            "name": "nginx", "namespace": "default", "operation": "CREATE",
            "userInfo": {
                "username": "kubernetes-admin",
                "groups": ["system:masters", "system:authenticated"]
            },
            "object": deployment, "dryRun": false,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"}
        })
    );
}

#[test]
fn an_update_has_the_old_object_and_a_delete_nothing_else() {
    let new = object("v1", "Pod", json!({"name": "a"}));
    let old = object("v1", "Pod", json!({"name": "a", "labels": {"b": "c"}}));
    let mut context = Context {
        operation: Operation::Update,
        old_object: Some(old.clone()),
        ..Context::default()
    };
    let update = request(&new, &context);
    assert_eq!(
        [
            &update["operation"],
            &update["object"],
            &update["oldObject"],
            &update["options"]["kind"]
        ],
        [&json!("UPDATE"), &new, &old, &json!("UpdateOptions")]
    );
    context.operation = Operation::Delete;
    let delete = request(&new, &context);
    assert_eq!(
        [
            &delete["operation"],
            &delete["object"],
            &delete["oldObject"],
            &delete["options"]["kind"]
        ],
        [
            &json!("DELETE"),
            &Value::Null,
            &new,
            &json!("DeleteOptions")
        ]
    );
}

#[test]
fn the_namespace_is_the_manifests_else_the_given_one_else_none() {
    let context = Context {
        namespace: "team".to_owned(),
        ..Context::default()
    };
    for (object, namespace) in [
        (
            object("v1", "Pod", json!({"namespace": "own"})),
            json!("own"),
        ),
        (object("v1", "Pod", json!({"namespace": ""})), json!("team")),
        (object("v1", "Pod", json!({})), json!("team")),
        (
            object("v1", "Namespace", json!({"name": "new"})),
            json!("new"),
        ),
        (object("v1", "Node", json!({"name": "n"})), Value::Null),
        (
            object(
                "rbac.authorization.k8s.io/v1",
                "ClusterRole",
                json!({"name": "r"}),
            ),
            Value::Null,
        ),
        (
            object("example.com/v1", "Node", json!({"name": "custom"})),
            json!("team"),
        ),
    ] {
        assert_eq!(
            request(&object, &context)["namespace"],
            namespace,
            "{object}"
        );
    }
}

#[test]
fn the_uid_depends_on_what_is_asked_and_nothing_else() {
    let uid = |metadata: Value, operation| {
        let context = Context {
            operation,
            ..Context::default()
        };
        request(&object("v1", "Pod", metadata), &context)["uid"].clone()
    };
    let first = uid(json!({"name": "a"}), Operation::Create);
    assert_eq!(
        first,
        uid(
            json!({"name": "a", "labels": {"x": "y"}}),
            Operation::Create
        )
    );
    for other in [
        uid(json!({"name": "b"}), Operation::Create),
        uid(json!({"name": "a", "namespace": "b"}), Operation::Create),
        uid(json!({"name": "a"}), Operation::Update),
    ] {
        assert_ne!(first, other);
    }
}

#[test]
fn resources_are_named_as_kubernetes_guesses() {
    for (kind, resource) in [
        ("Pod", "pods"),
        ("Deployment", "deployments"),
        ("DaemonSet", "daemonsets"),
        ("StatefulSet", "statefulsets"),
        ("ReplicaSet", "replicasets"),
        ("ReplicationController", "replicationcontrollers"),
        ("Job", "jobs"),
        ("CronJob", "cronjobs"),
        ("NetworkPolicy", "networkpolicies"),
        ("Ingress", "ingresses"),
        ("Endpoints", "endpoints"),
    ] {
        assert_eq!(resource_name(kind), resource);
    }
}

#[test]
fn workloads_are_told_by_group_and_kind() {
    for (api_version, kind, expected) in [
        ("v1", "Pod", true),
        ("v1", "ReplicationController", true),
        ("apps/v1", "Deployment", true),
        ("apps/v1", "DaemonSet", true),
        ("apps/v1", "StatefulSet", true),
        ("apps/v1", "ReplicaSet", true),
        ("batch/v1", "Job", true),
        ("batch/v1", "CronJob", true),
        ("v1", "Deployment", false),
        ("example.com/v1", "Deployment", false),
        ("v1", "ConfigMap", false),
    ] {
        let object = object(api_version, kind, json!({}));
        assert_eq!(is_workload(&object), expected, "{api_version} {kind}");
    }
}

#[test]
fn an_object_without_a_type_has_no_request() {
    for (object, message) in [
        (
            json!({"kind": "Pod"}),
            "the object has no `apiVersion`; every Kubernetes object needs `apiVersion` and `kind`",
        ),
        (
            json!({"apiVersion": "v1", "kind": 5}),
            "the object has no `kind`; every Kubernetes object needs `apiVersion` and `kind`",
        ),
    ] {
        let error = AdmissionRequest::for_object(&object, &Context::default()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_request_file_is_a_review_or_the_request_alone() {
    let pod = object("v1", "Pod", json!({"name": "a"}));
    let request = AdmissionRequest::for_object(&pod, &Context::default()).unwrap();
    let bare = serde_json::to_value(&request).unwrap();
    let review =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": bare});
    assert_eq!(AdmissionRequest::from_review(bare).unwrap(), request);
    assert_eq!(AdmissionRequest::from_review(review).unwrap(), request);
}

#[test]
fn what_every_request_has_is_required() {
    let gvk = json!({"group": "", "version": "v1", "kind": "Pod"});
    let gvr = json!({"group": "", "version": "v1", "resource": "pods"});
    let whole = json!({
        "uid": "1", "kind": gvk, "resource": gvr, "operation": "CREATE", "userInfo": {}
    });
    let minimal = AdmissionRequest::from_review(whole.clone()).unwrap();
    assert_eq!(serde_json::to_value(minimal).unwrap(), whole);
    for field in ["uid", "kind", "resource", "operation", "userInfo"] {
        let mut request = whole.clone();
        request.as_object_mut().unwrap().remove(field);
        assert_eq!(
            AdmissionRequest::from_review(request)
                .unwrap_err()
                .to_string(),
            format!(
                "cannot build AdmissionRequest object from given input: missing field `{field}`"
            )
        );
    }
    let empty = json!({"kind": "AdmissionReview"});
    assert_eq!(
        AdmissionRequest::from_review(empty)
            .unwrap_err()
            .to_string(),
        "invalid AdmissionReview object: it has no `request`"
    );
}
