//! `policy.pod_security: namespace`: what the host says of the namespace decides, and nothing is lost where it says
//! nothing.

use std::sync::Arc;

use datakit_policy_host::cluster::{Cluster, Nothing, Objects, Recording};
use serde_json::{Value, json};

use crate::support::{POLICY, create};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

fn settings() -> Value {
    json!({
        "policy": {"pod_security": "namespace"},
        "admission_inject_v2": {
            "ddtraces": [{"namespace_selectors": ["*"], "language": "java", "image": "repo/java:1"}],
            "profilers": [{"namespace_selectors": ["*"], "language": "java", "image": "repo/profiler:1"}],
        },
    })
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "main", "image": "app:1"}]},
    })
}

/// The security contexts of the agent's init container and of the profiler (null where it has none), and the warnings.
fn answered(cluster: Arc<dyn Cluster>, pod: &Value) -> (Value, Value, Vec<String>) {
    let instance = POLICY.instance_in(cluster).unwrap();
    let answer = instance
        .validate(&create("shop", pod), &settings())
        .unwrap();
    assert!(answer.accepted);
    let spec = answer.mutated_object.unwrap()["spec"].take();
    let agent = spec["initContainers"][0]["securityContext"].clone();
    let profiler = spec["containers"][1]["securityContext"].clone();
    (agent, profiler, answer.warnings.unwrap_or_default())
}

fn in_namespace(labels: &Value) -> Arc<dyn Cluster> {
    Arc::new(Objects(vec![json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels},
    })]))
}

fn as_operator() -> (Value, Value, Vec<String>) {
    let profiler = json!({"capabilities": {"add": ["SYS_PTRACE", "SYS_ADMIN"]}});
    (Value::Null, profiler, Vec::new())
}

fn restricted() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": true,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}

fn left_out(level: &str) -> Vec<String> {
    vec![format!(
        "datakit profiler: nothing injected: Pod Security {level} does not allow its capabilities; \
         admission.datakit/pod-security: none allows it"
    )]
}

#[test]
fn the_label_of_the_namespace_decides() {
    let level = |level: &str| answered(in_namespace(&json!({ENFORCE: level})), &pod());
    assert_eq!(level("privileged"), as_operator());
    assert_eq!(
        level("baseline"),
        (Value::Null, Value::Null, left_out("baseline"))
    );
    assert_eq!(
        level("restricted"),
        (restricted(), Value::Null, left_out("restricted"))
    );
}

#[test]
fn the_pod_decides_where_nobody_knows() {
    let mut meets = pod();
    meets["spec"]["securityContext"] =
        json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    meets["spec"]["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let unlabelled = || in_namespace(&json!({"app": "shop"}));
    let absent: fn() -> Arc<dyn Cluster> = || Arc::new(Objects::default());
    let refused: fn() -> Arc<dyn Cluster> = || Arc::new(Nothing);
    for cluster in [
        unlabelled(),
        in_namespace(&Value::Null),
        absent(),
        refused(),
    ] {
        assert_eq!(answered(cluster.clone(), &pod()), as_operator());
        assert_eq!(answered(cluster, &meets).0, restricted());
    }
}

/// A host that lets the policy ask may answer with anything.
#[test]
fn an_answer_of_another_form_is_no_answer() {
    struct Says(Value);
    impl Cluster for Says {
        fn get(&self, _: &datakit_policy_host::cluster::ResourceRequest) -> Result<Value, String> {
            Ok(self.0.clone())
        }
    }
    for answer in [
        json!(null),
        json!([]),
        json!({}),
        json!({"metadata": 1}),
        json!({"metadata": {"labels": {ENFORCE: 1}}}),
        json!({"metadata": {"labels": [ENFORCE]}}),
    ] {
        assert_eq!(answered(Arc::new(Says(answer)), &pod()), as_operator());
    }
}

#[test]
fn a_recorded_session_is_played() {
    let namespace = json!({"metadata": {"labels": {ENFORCE: "restricted"}}}).to_string();
    let session = |name: &str| {
        format!(
            "- type: Exchange\n  request: |\n    !KubernetesGetResource\n    api_version: v1\n    kind: Namespace\n    \
             name: {name}\n    namespace: null\n    disable_cache: false\n    field_masks: [metadata.labels]\n  \
             response:\n    type: Success\n    payload: '{namespace}'\n"
        )
    };
    let played = |session: &str| answered(Arc::new(Recording::read(session).unwrap()), &pod());
    assert_eq!(played(&session("shop")).0, restricted());
    assert_eq!(played(&session("another")), as_operator());
    assert_eq!(played("[]"), as_operator());
    let problem = Recording::read("- request: '!CanI {}'").unwrap_err();
    let expected = "exchange 1: the request is not !KubernetesGetResource";
    assert_eq!(problem.to_string(), expected);
}
