//! `status`, with an API server that is played. `tests/cluster/status.rs` has it with a real one.

mod program;

use program::api_server::{ApiServer, Reply};
use program::{Folder, Outcome, outcome};
use serde_json::{Value, json};

/// A policy that injects an agent of this version into what asks for it.
fn policy(version: &str) -> Value {
    json!({
        "apiVersion": "policies.kubewarden.io/v1", "kind": "ClusterAdmissionPolicy",
        "metadata": {"name": "ours"},
        "spec": {
            "module": "registry://example.com/policies/datakit-operator-policy:v0.1.0",
            "mutating": true,
            "rules": [
                {
                    "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                    "resources": ["deployments", "daemonsets", "statefulsets"]
                },
                {
                    "apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                    "resources": ["jobs", "cronjobs"]
                }
            ],
            "namespaceSelector": {"matchExpressions": [
                {"key": "injection", "operator": "NotIn", "values": ["off"]}
            ]},
            "settings": {"admission_inject": {"ddtrace": {
                "images": {"java_agent_image": format!("repo/java:{version}")}, "envs": {"A": "1"}
            }}}
        },
        "status": {"policyStatus": "pending"}
    })
}

fn deployment(namespace: &str, name: &str, annotations: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {
            "metadata": {"annotations": annotations},
            "spec": {"containers": [{"name": "main", "image": "app"}]}
        }}
    })
}

/// A Deployment as the policy leaves it.
fn injected(folder: &Folder, policy: &Value, name: &str) -> Value {
    folder.write("policy.json", policy.to_string());
    folder.write("app.json", deployment("shop", name, &asks()).to_string());
    let run = folder.run(&["preview", "app.json", "-s", "policy.json", "-o", "json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let mut list: Value = serde_json::from_str(&run.stdout).unwrap();
    list["items"][0].take()
}

fn asks() -> Value {
    json!({"admission.datakit/java-lib.version": ""})
}

fn namespaces() -> Reply {
    Reply::Pages(vec![vec![
        json!({"metadata": {"name": "shop"}}),
        json!({"metadata": {"name": "batch", "labels": {"injection": "off"}}}),
    ]])
}

/// Deployments in all states, on two pages.
fn deployments(folder: &Folder) -> Reply {
    let mut half = injected(folder, &policy("1"), "half");
    half["spec"]["template"]["spec"]["initContainers"].take();
    let mut owned = deployment("shop", "owned", &asks());
    owned["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "example.com/v1", "kind": "App", "name": "a", "uid": "1", "controller": true
    }]);
    Reply::Pages(vec![
        vec![
            injected(folder, &policy("1"), "good"),
            injected(folder, &policy("0"), "old"),
            half,
        ],
        vec![
            deployment("shop", "new", &asks()),
            deployment("shop", "quiet", &json!({})),
            deployment("batch", "left-out", &asks()),
            owned,
        ],
    ])
}

const POLICIES: &str = "/apis/policies.kubewarden.io/v1/clusteradmissionpolicies";
const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";

fn status(folder: &Folder, server: &ApiServer, args: &[&str]) -> Outcome {
    folder.write("kubeconfig", server.kubeconfig());
    folder.run(&[&["status", "--kubeconfig", "kubeconfig"], args].concat())
}

fn served(folder: &Folder) -> ApiServer {
    ApiServer::serving([
        (POLICIES, Reply::Pages(vec![vec![policy("1")]])),
        ("/api/v1/namespaces", namespaces()),
        (DEPLOYMENTS, deployments(folder)),
    ])
}

const PENDING: &str = "note: ClusterAdmissionPolicy ours is pending, not active\n";

#[test]
fn every_workload_has_its_state_and_the_reason() {
    let folder = Folder::new();
    let server = served(&folder);
    assert_eq!(
        status(&folder, &server, &["-A"]),
        outcome(
            0,
            "\
NAMESPACE   WORKLOAD              STATE        INJECTED   REASON
batch       deployment/left-out   not-asked    -          its namespaceSelector requires `injection!=off`, which the namespace's labels do not meet
shop        deployment/good       injected     ddtrace    -
shop        deployment/half       incomplete   ddtrace    container datakit-lib-init is gone
shop        deployment/new        missing      -          would get ddtrace
shop        deployment/old        outdated     ddtrace    ddtrace: repo/java:0 would become repo/java:1
shop        deployment/quiet      none         -          no rule applies, and no annotation asks for anything
6 workloads: 1 injected, 1 outdated, 1 incomplete, 1 missing, 1 none, 1 not-asked
",
            PENDING
        )
    );
    let pages: Vec<String> = server
        .asked()
        .into_iter()
        .filter(|target| target.starts_with(DEPLOYMENTS))
        .collect();
    assert_eq!(
        pages,
        [
            "/apis/apps/v1/deployments?&limit=500",
            "/apis/apps/v1/deployments?&limit=500&continue=1"
        ]
    );
}

#[test]
fn the_commands_are_for_what_a_restart_cures() {
    let folder = Folder::new();
    let server = served(&folder);
    assert_eq!(
        status(&folder, &server, &["-A", "--restart-commands"]),
        outcome(
            0,
            "\
kubectl rollout restart --namespace shop deployment/half
kubectl rollout restart --namespace shop deployment/new
kubectl rollout restart --namespace shop deployment/old
",
            PENDING
        )
    );
}

#[test]
fn states_can_be_picked_and_the_exit_code_tells() {
    let folder = Folder::new();
    let server = served(&folder);
    for (state, code) in [("injected,none", 0), ("missing", 1), ("not-asked", 0)] {
        let args = ["-A", "--state", state, "--exit-code", "-o", "json"];
        let run = status(&folder, &server, &args);
        assert_eq!(
            (run.code, &run.stderr[..]),
            (Some(code), PENDING),
            "{state}"
        );
        let printed: Value = serde_json::from_str(&run.stdout).unwrap();
        let states: Vec<&str> = printed["workloads"]
            .as_array()
            .unwrap()
            .iter()
            .map(|workload| workload["state"].as_str().unwrap())
            .collect();
        assert_eq!(states.join(","), state);
    }
}

#[test]
fn settings_of_a_file_count_in_place_of_the_policies() {
    let folder = Folder::new();
    let server = served(&folder);
    folder.write("new.json", policy("2").to_string());
    let args = ["-A", "--settings", "new.json", "--state", "outdated"];
    assert_eq!(
        status(&folder, &server, &args),
        outcome(
            0,
            "\
NAMESPACE   WORKLOAD          STATE      INJECTED   REASON
shop        deployment/good   outdated   ddtrace    ddtrace: repo/java:1 would become repo/java:2
shop        deployment/half   outdated   ddtrace    ddtrace: repo/java:1 would become repo/java:2
shop        deployment/old    outdated   ddtrace    ddtrace: repo/java:0 would become repo/java:2
3 workloads: 3 outdated
",
            ""
        )
    );
    assert!(
        server
            .asked()
            .iter()
            .all(|target| !target.starts_with(POLICIES))
    );
}

#[test]
fn a_kind_that_may_not_be_listed_is_an_error_beside_the_rest() {
    let folder = Folder::new();
    let mut ready = policy("1");
    ready["status"]["policyStatus"] = json!("active");
    let server = ApiServer::serving([
        (POLICIES, Reply::Pages(vec![vec![ready]])),
        (
            "/api/v1/namespaces",
            Reply::Error(403, "namespaces is forbidden"),
        ),
        (
            "/apis/apps/v1/namespaces/shop/deployments",
            Reply::Pages(vec![vec![deployment("shop", "quiet", &json!({}))]]),
        ),
        (
            "/apis/apps/v1/namespaces/shop/daemonsets",
            Reply::Error(403, "daemonsets.apps is forbidden"),
        ),
        (
            "/apis/batch/v1/namespaces/shop/cronjobs",
            Reply::Error(404, "not found"),
        ),
    ]);
    let table = "\
NAMESPACE   WORKLOAD           STATE   INJECTED   REASON
shop        deployment/quiet   none    -          no rule applies, and no annotation asks for anything
1 workload: 1 none
";
    let said = "\
note: namespaces: cannot be listed: namespaces is forbidden; ask for the right to `list`; their labels are not known
Error: daemonsets: cannot be listed: daemonsets.apps is forbidden; ask for the right to `list`
";
    assert_eq!(status(&folder, &server, &[]), outcome(1, table, said));
    assert_eq!(
        status(&folder, &server, &["--exit-code"]),
        outcome(3, table, said)
    );
}

#[test]
fn without_a_policy_or_a_cluster_the_way_out_is_told() {
    let folder = Folder::new();
    let mut other = policy("1");
    other["spec"]["module"] = json!("registry://example.com/policies/other:v1");
    let server = ApiServer::serving([(POLICIES, Reply::Pages(vec![vec![other]]))]);
    assert_eq!(
        status(&folder, &server, &[]),
        outcome(
            1,
            "",
            "Error: the cluster has no policy that runs datakit-operator-policy; give the settings with --settings FILE\n"
        )
    );
    assert_eq!(
        status(&folder, &server, &["--policy-name", "mine"]),
        outcome(
            1,
            "",
            "Error: the cluster has no policy named mine; give the settings with --settings FILE\n"
        )
    );
    let run = folder.run(&["status", "--kubeconfig", "missing"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.starts_with("Error: missing: "), "{}", run.stderr);
}
