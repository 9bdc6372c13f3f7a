//! Whether a policy is asked, field by field of its resource.

use std::collections::BTreeMap;

use datakit_policy_reach::{Namespaces, Policy, Problem, Question};
use serde_json::{Value, json};

fn resource(spec: &Value) -> Value {
    let mut whole = json!({
        "module": "registry://policy", "mutating": true, "failurePolicy": "Ignore",
        "rules": [{
            "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"],
            "operations": ["CREATE", "UPDATE"]
        }]
    });
    for (key, value) in spec.as_object().unwrap() {
        whole[key] = value.clone();
    }
    json!({
        "apiVersion": "policies.kubewarden.io/v1", "kind": "ClusterAdmissionPolicy",
        "metadata": {"name": "workloads"}, "spec": whole
    })
}

fn deployment(labels: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": labels},
        "spec": {"replicas": 2}
    })
}

fn shop() -> Namespaces {
    let mut namespaces = Namespaces::default();
    namespaces.insert(
        "shop",
        BTreeMap::from([("env".to_owned(), "test".to_owned())]),
    );
    namespaces
}

/// The verdict about a new Deployment with the label `app: web`, in words.
fn verdict(resource: &Value, namespaces: &Namespaces) -> String {
    update_verdict(
        resource,
        namespaces,
        &deployment(&json!({"app": "web"})),
        None,
    )
}

fn update_verdict(
    resource: &Value,
    namespaces: &Namespaces,
    object: &Value,
    old_object: Option<&Value>,
) -> String {
    let operation = if old_object.is_some() {
        "UPDATE"
    } else {
        "CREATE"
    };
    let request = json!({"operation": operation, "name": "web", "namespace": "shop"});
    let question = Question {
        operation,
        group: "apps",
        version: "v1",
        resource: "deployments",
        namespace: Some("shop"),
        object,
        old_object,
        request: &request,
    };
    let policy = Policy::read(resource, "default").unwrap();
    format!("{:?}", policy.decide(&question, namespaces))
}

const ASKED: &str = "Asked([])";

#[test]
fn rules_name_operations_groups_versions_resources_and_scope() {
    let rule = |key: &str, value: Value| {
        let mut rule = resource(&json!({}))["spec"]["rules"][0].clone();
        rule[key] = value;
        resource(&json!({"rules": [rule]}))
    };
    let not_asked = "NotAsked(Rules { wanted: \"CREATE of apps/v1 deployments\" })";
    for (key, value, expected) in [
        ("operations", json!(["*"]), ASKED),
        ("operations", json!(["UPDATE", "DELETE"]), not_asked),
        ("apiGroups", json!(["*"]), ASKED),
        ("apiGroups", json!([""]), not_asked),
        ("apiVersions", json!(["v1beta1", "*"]), ASKED),
        ("apiVersions", json!(["v1beta1"]), not_asked),
        ("resources", json!(["*"]), ASKED),
        ("resources", json!(["*/*"]), ASKED),
        ("resources", json!(["deployments/*"]), ASKED),
        ("resources", json!(["deployments/scale"]), not_asked),
        ("resources", json!(["pods"]), not_asked),
        ("scope", json!("Namespaced"), ASKED),
        ("scope", json!("*"), ASKED),
        ("scope", json!("Cluster"), not_asked),
    ] {
        let found = verdict(&rule(key, value.clone()), &shop());
        assert_eq!(found, expected, "{key}: {value}");
    }
}

#[test]
fn namespace_selectors_go_by_the_labels_of_the_namespace() {
    let selector = |key: &str, operator: &str, values: Value| {
        let mut expression = json!({"key": key, "operator": operator});
        if !values.is_null() {
            expression["values"] = values;
        }
        resource(&json!({"namespaceSelector": {"matchExpressions": [expression]}}))
    };
    let name = "kubernetes.io/metadata.name";
    for (key, operator, values, known, unknown) in [
        (name, "NotIn", json!(["kube-system"]), "Asked", "Asked"),
        (name, "NotIn", json!(["shop"]), "NotAsked", "NotAsked"),
        (name, "In", json!(["shop"]), "Asked", "Asked"),
        ("env", "In", json!(["test", "prod"]), "Asked", "doubt"),
        ("env", "In", json!(["prod"]), "NotAsked", "doubt"),
        ("env", "NotIn", json!(["test"]), "NotAsked", "doubt"),
        ("env", "Exists", Value::Null, "Asked", "doubt"),
        ("team", "Exists", Value::Null, "NotAsked", "doubt"),
        ("team", "NotIn", json!(["a"]), "Asked", "doubt"),
        ("team", "DoesNotExist", Value::Null, "Asked", "doubt"),
        ("env", "DoesNotExist", Value::Null, "NotAsked", "doubt"),
    ] {
        let resource = selector(key, operator, values);
        let word = |namespaces: &Namespaces| {
            let verdict = verdict(&resource, namespaces);
            match verdict.split_once('(') {
                Some(("Asked", "[])")) => "Asked",
                Some(("Asked", doubts)) if doubts.contains("NamespaceLabels") => "doubt",
                Some(("NotAsked", reason)) if reason.starts_with("NamespaceSelector") => "NotAsked",
                _ => panic!("{verdict}"),
            }
        };
        assert_eq!(word(&shop()), known, "{key} {operator}");
        assert_eq!(word(&Namespaces::default()), unknown, "{key} {operator}");
    }
}

#[test]
fn object_selectors_go_by_the_labels_of_the_object_or_of_what_it_was() {
    let resource = resource(&json!({"objectSelector": {"matchLabels": {"app": "web"}}}));
    let (web, api) = (json!({"app": "web"}), json!({"app": "api"}));
    let (web, api) = (deployment(&web), deployment(&api));
    for (object, old, is_asked) in [
        (&web, None, true),
        (&api, None, false),
        (&api, Some(&web), true),
        (&web, Some(&api), true),
        (&api, Some(&api), false),
    ] {
        let verdict = update_verdict(&resource, &shop(), object, old);
        assert_eq!(verdict == ASKED, is_asked, "{verdict}");
        assert_eq!(
            verdict.starts_with("NotAsked(ObjectSelector("),
            !is_asked,
            "{verdict}"
        );
    }
}

#[test]
fn an_admission_policy_is_for_its_own_namespace() {
    let mut own = resource(&json!({}));
    own["kind"] = json!("AdmissionPolicy");
    // One that names no namespace goes where `kubectl -n` says: here to `default`.
    let other = "NotAsked(OtherNamespace { own: \"default\" })";
    assert_eq!(verdict(&own, &shop()), other);
    own["metadata"]["namespace"] = json!("shop");
    assert_eq!(verdict(&own, &shop()), ASKED);
}

#[test]
fn conditions_are_cel() {
    let is_false = "NotAsked(Condition";
    for (expression, expected) in [
        ("object.metadata.labels.app == 'web'", ASKED),
        ("object.metadata.labels['app'] != 'web'", is_false),
        ("object.spec.replicas > 1", ASKED),
        ("has(object.metadata.annotations)", is_false),
        ("oldObject == null", ASKED),
        (
            "request.operation == 'CREATE' && request.namespace != 'kube-system'",
            ASKED,
        ),
        ("object.metadata.name.matches('^w.b$')", ASKED),
        ("!object.metadata.name.startsWith('w')", is_false),
        (
            "['a', 'web'].exists(name, name == object.metadata.name)",
            ASKED,
        ),
        // The API server fails as well, and `failurePolicy: Ignore` goes on without the policy.
        (
            "object.metadata.annotations.team == 'a'",
            "NotAsked(ConditionFails",
        ),
        ("object.metadata.name", "NotAsked(ConditionFails"),
        // What only an API server can say.
        (
            "authorizer.group('').resource('pods').check('create').allowed()",
            "Asked([Beyond",
        ),
        (
            "!('system:nodes' in request.userInfo.groups)",
            "NotAsked(ConditionFails",
        ),
    ] {
        let condition = json!({"name": "it", "expression": expression});
        let verdict = verdict(&resource(&json!({"matchConditions": [condition]})), &shop());
        assert!(verdict.starts_with(expected), "{expression}: {verdict}");
    }
}

#[test]
fn a_condition_that_fails_refuses_the_request_where_the_policy_says_so() {
    let fails = json!({"name": "fails", "expression": "object.no.such == 1"});
    let no = json!({"name": "no", "expression": "false"});
    let with = |conditions: Value| {
        let spec = json!({"failurePolicy": "Fail", "matchConditions": conditions});
        verdict(&resource(&spec), &shop())
    };
    let refused = with(json!([fails]));
    assert!(refused.starts_with("Refused(ConditionFails"), "{refused}");
    let not_asked = with(json!([fails, no]));
    assert!(not_asked.starts_with("NotAsked(Condition {"), "{not_asked}");
}

#[test]
fn what_is_wrong_with_a_resource_is_told_with_its_path() {
    let broken = json!({
        "kind": "ClusterAdmissionPolicy", "metadata": {},
        "spec": {
            "mode": "watch",
            "mutating": "yes",
            "failurePolicy": "ignore",
            "namespaceSelector": {"matchLabels": {"env": "prod"}},
            "objectSelector": {"matchExpressions": [{"key": "app", "operator": "Is"}, {"key": "a", "operator": "In"}]},
            "rules": [{"apiGroups": ["apps"], "apiVersions": "v1", "resources": [], "operations": ["PATCH"]}],
            "matchConditions": [{"name": "it", "expression": "object.("}]
        }
    });
    let problems = Policy::read(&broken, "default").unwrap_err();
    let paths: Vec<&str> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "metadata.name",
            "spec.mutating",
            "spec.matchConditions[0].expression",
            "spec.rules[0].apiVersions",
            "spec.rules[0].apiVersions",
            "spec.rules[0].resources",
            "spec.rules[0].operations",
            "spec.mode",
            "spec.failurePolicy",
            "spec.namespaceSelector.matchLabels",
            "spec.objectSelector.matchExpressions[0].operator",
            "spec.objectSelector.matchExpressions[1].values",
        ]
    );
    assert_eq!(
        problems[1],
        Problem {
            path: "spec.mutating".to_owned(),
            message: "must be true or false".to_owned()
        }
    );
}
