//! Which ClusterLoggingConfig is for a pod, and what logfwd is answered.

use datakit_election::logging::{Found, LoggingConfigs};
use kube::api::DynamicObject;
use serde_json::{Value, json};

fn object(name: &str, created: &str, selector: Value) -> DynamicObject {
    let object = json!({
        "apiVersion": "logging.datakits.io/v1alpha1",
        "kind": "ClusterLoggingConfig",
        "metadata": { "name": name, "creationTimestamp": created },
        "spec": { "selector": selector, "configs": [{ "type": "stdout", "source": name }] },
    });
    serde_json::from_value(object).unwrap()
}

const EARLY: &str = "2026-01-01T00:00:00Z";
const LATE: &str = "2026-02-01T00:00:00Z";

fn name_of(configs: &LoggingConfigs, namespace: &str, pod: &str, labels: &str) -> Option<String> {
    let found = configs.find(namespace, pod, labels);
    found.map(|found| found.name.clone())
}

fn only(selector: Value) -> LoggingConfigs {
    let configs = LoggingConfigs::default();
    configs.put(&object("one", EARLY, selector));
    configs
}

#[test]
fn the_answer_has_the_operators_fields_and_the_configurations_as_text() {
    let configs = LoggingConfigs::default();
    let mut nginx = object("nginx", EARLY, json!({}));
    nginx.data["spec"]["podTargetLabels"] = json!(["app"]);
    configs.put(&nginx);
    let expected = Found {
        name: "nginx".to_owned(),
        pod_target_labels: vec!["app".to_owned()],
        configs: json!([{ "type": "stdout", "source": "nginx" }]).to_string(),
    };
    assert_eq!(configs.find("n", "p", "").as_deref(), Some(&expected));

    configs.put(&object("nginx", EARLY, json!({})));
    let found = configs.find("n", "p", "").unwrap();
    let without_labels = json!({ "name": "nginx", "configs": expected.configs });
    assert_eq!(serde_json::to_value(&*found).unwrap(), without_labels);
}

#[test]
fn patterns_are_unanchored_and_all_have_to_match() {
    let configs = only(json!({ "namespaceRegex": "test", "podRegex": "^web-" }));
    assert!(name_of(&configs, "my-test-01", "web-1", "").is_some());
    assert!(name_of(&configs, "prod", "web-1", "").is_none());
    assert!(name_of(&configs, "test", "api-web-1", "").is_none());
}

#[test]
fn labels_count_only_where_the_request_has_them() {
    let configs = only(json!({ "podLabelSelector": "app=web,tier!=test" }));
    assert!(name_of(&configs, "n", "p", "").is_some());
    assert!(name_of(&configs, "n", "p", "app=web").is_some());
    assert!(name_of(&configs, "n", "p", "app=web,tier=test").is_none());
    // Not one key and one value: the label does not count.
    assert!(name_of(&configs, "n", "p", "app=web=x").is_none());
}

#[test]
fn a_pattern_that_cannot_be_read_does_not_restrict_as_in_the_operator() {
    let configs = only(json!({ "namespaceRegex": "(", "podLabelSelector": "a in (" }));
    assert!(name_of(&configs, "n", "p", "a=b").is_some());
}

#[test]
fn the_one_that_was_created_first_wins_until_it_is_gone() {
    let configs = LoggingConfigs::default();
    configs.put(&object("a", LATE, json!({})));
    configs.put(&object("b", EARLY, json!({})));
    configs.put(&object("c", LATE, json!({})));
    assert_eq!(name_of(&configs, "n", "p", "").as_deref(), Some("b"));
    configs.remove("b");
    assert_eq!(name_of(&configs, "n", "p", "").as_deref(), Some("a"));
    configs.put(&object("a", LATE, json!({ "podRegex": "^x" })));
    assert_eq!(name_of(&configs, "n", "p", "").as_deref(), Some("c"));
}

#[test]
fn one_that_cannot_be_read_does_not_count_any_more() {
    let configs = only(json!({}));
    configs.put(&object("one", EARLY, json!("everything")));
    assert_eq!(name_of(&configs, "n", "p", ""), None);
}
