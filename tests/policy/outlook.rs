//! What the user is told of what will not work in a pod with what was injected, and where nothing is told.

use serde_json::{Value, json};

use crate::parts::{assert_leaves_alone, container, pod, with};
use crate::support::{create, request, validate, workload};

fn settings() -> Value {
    json!({
        "admission_inject": {
            "ddtrace": {
                "images": {"java_agent_image": "repo/java:1", "python_agent_image": "repo/python:1"},
                "envs": {"DD_AGENT_HOST": "datakit-service.datakit.svc"}
            },
            "logfwd": {"images": {"logfwd_image": "repo/logfwd:1"}},
            "profiler": {"images": {"java_profiler_image": "repo/java:1"}}
        }
    })
}

const LOGS: (&str, &str) = (
    "logfwd.instances",
    r#"[{"loggings":[{"logfiles":["/logs/a.log"]}]}]"#,
);
const PROFILER: (&str, &str) = ("java-profiler.version", "");
const AGENT: (&str, &str) = ("java-lib.version", "");

/// What is told of a pod that is injected into.
fn told(annotations: &[(&str, &str)], spec: Value) -> Vec<String> {
    told_with(&json!({}), annotations, spec)
}

/// The same, with settings of the policy itself.
fn told_with(policy: &Value, annotations: &[(&str, &str)], spec: Value) -> Vec<String> {
    let spec = with(json!({"containers": [container("main", &[])]}), spec);
    let settings = with(settings(), json!({"policy": policy}));
    let answer = validate(&create("default", &pod(annotations, spec)), &settings);
    assert!(answer.mutated_object.is_some());
    answer.warnings.unwrap_or_default()
}

#[test]
fn warns_of_a_pod_that_ends_whoever_owns_it_where_sidecars_are_not_native() {
    let never = json!({"native_sidecars": "never"});
    let goes_on = |features: &str, switches: &str| {
        format!(
            "datakit policy: the pod does not complete: {features}; \
             admission.datakit/{switches} \"false\" prevents it"
        )
    };
    for policy in ["Never", "OnFailure"] {
        let spec = json!({"restartPolicy": policy});
        assert_eq!(
            told_with(&never, &[LOGS], spec.clone()),
            [goes_on("datakit-logfwd keeps running", "logfwd.enabled")]
        );
        assert_eq!(
            told_with(&never, &[LOGS, PROFILER], spec.clone()),
            [goes_on(
                "datakit-logfwd, datakit-profiler keep running",
                "logfwd.enabled, profiler.enabled"
            )]
        );
        assert_eq!(told_with(&never, &[AGENT], spec.clone()), [""; 0]);
        assert_eq!(told(&[LOGS, PROFILER], spec), [""; 0]);
    }
    let always = json!({"restartPolicy": "Always"});
    assert_eq!(told_with(&never, &[LOGS], always), [""; 0]);
}

#[test]
fn warns_of_process_one_only_where_processes_are_shared_anew() {
    let hook = json!({"preStop": {"exec": {"command": ["kill", "-TERM", "1"]}}});
    let main = with(container("main", &[]), json!({"lifecycle": hook}));
    let spec = json!({"containers": [main]});
    let warning = "datakit policy: preStop of container `main` refers to process 1, which is another one with \
                   shareProcessNamespace; find it by name";
    assert_eq!(told(&[PROFILER], spec.clone()), [warning]);
    assert_eq!(told(&[LOGS], spec.clone()), [""; 0]);
    for shared in ["shareProcessNamespace", "hostPID"] {
        let spec = with(spec.clone(), json!({shared: true}));
        assert_eq!(told(&[PROFILER], spec), [""; 0]);
    }
}

#[test]
fn warns_of_small_limits_of_storage() {
    let limited = |name: &str, amount: &str| {
        let limits = json!({"limits": {"ephemeral-storage": amount}});
        with(container(name, &[]), json!({"resources": limits}))
    };
    let warning = "datakit policy: ephemeral-storage limits are below 1Gi in total (container `main`): injected files \
                   count too; raise them";
    let small = json!({"containers": [limited("main", "500Mi"), limited("other", "523Mi")]});
    assert_eq!(told(&[AGENT], small.clone()), [warning]);
    assert_eq!(told(&[LOGS, AGENT], small), [warning]);
    let enough = json!({"containers": [limited("main", "500Mi"), limited("other", "524Mi")]});
    assert_eq!(told(&[AGENT], enough), [""; 0]);
    let sidecar = with(limited("proxy", "1Gi"), json!({"restartPolicy": "Always"}));
    let more = json!({"containers": [limited("main", "10Mi")], "initContainers": [sidecar]});
    assert_eq!(told(&[AGENT], more), [""; 0]);
}

#[test]
fn warns_of_the_name_of_a_service_that_is_not_resolved() {
    let warning = |variable: &str, policy: &str| {
        format!(
            "datakit policy: {variable} names a Service, which the pod's DNS cannot resolve; set dnsPolicy: {policy}"
        )
    };
    assert_eq!(
        told(&[AGENT], json!({"hostNetwork": true})),
        [warning("DD_AGENT_HOST", "ClusterFirstWithHostNet")]
    );
    assert_eq!(
        told(&[AGENT], json!({"dnsPolicy": "Default"})),
        [warning("DD_AGENT_HOST", "ClusterFirst")]
    );
    let instances = r#"[{"datakit_addr":"datakit.datakit.svc.cluster.local:9533"}]"#;
    assert_eq!(
        told(
            &[("logfwd.instances", instances)],
            json!({"dnsPolicy": "None"})
        ),
        [warning("LOGFWD_JSON_CONFIG", "ClusterFirst")]
    );
    assert_eq!(told(&[LOGS], json!({"hostNetwork": true})), [""; 0]);
    // The container has its own, which stays.
    let env = json!({"env": [{"name": "DD_AGENT_HOST", "value": "10.0.0.1"}]});
    let spec = json!({"hostNetwork": true, "containers": [with(container("main", &[]), env)]});
    assert_eq!(told(&[AGENT], spec), [""; 0]);
}

#[test]
fn warns_of_virtual_nodes_and_leaves_fargate_alone() {
    let key = "virtual-kubelet.io/provider";
    let tolerating = json!({"tolerations": [{"key": key, "operator": "Exists"}]});
    assert_eq!(
        told(&[PROFILER], tolerating.clone()),
        [format!(
            "datakit policy: on a virtual node ({key}) the pod does not start with \
             datakit-profiler; select other nodes"
        )]
    );
    assert_eq!(told(&[LOGS], tolerating), [""; 0]);
    let all = json!({"tolerations": [{"operator": "Exists"}]});
    assert_eq!(told(&[PROFILER], all), [""; 0]);

    let main = json!({"containers": [container("main", &[])]});
    let scheduled = with(main.clone(), json!({"schedulerName": "fargate-scheduler"}));
    let mut labelled = pod(&[PROFILER], main);
    labelled["metadata"]["labels"] = json!({"eks.amazonaws.com/fargate-profile": "x"});
    for (pod, how) in [
        (pod(&[PROFILER], scheduled), "schedulerName"),
        (labelled, "its label"),
    ] {
        let warning = format!(
            "datakit profiler: nothing injected: Fargate ({how}) does not allow added capabilities"
        );
        assert_leaves_alone(&pod, &settings(), &[&warning]);
    }
}

#[test]
fn warns_of_another_agent_in_containers_that_are_injected() {
    let agent = json!({"args": ["-javaagent:/opt/dd-java-agent.jar"]});
    let taken = json!({"volumeMounts": [{"name": "own", "mountPath": "/datadog-lib"}]});
    let main = with(container("main", &[]), agent);
    let spec = |main: Value| {
        json!({
            "containers": [main, container("other", &[])],
            "volumes": [{"name": "own", "configMap": {"name": "x"}}]
        })
    };
    assert_eq!(
        told(&[AGENT], spec(main.clone())),
        ["datakit ddtrace: another agent is in args of container `main`; remove one of the two"]
    );
    assert_eq!(
        told(&[AGENT], spec(with(main, taken))),
        ["datakit ddtrace: container `main` left out: something else is mounted at `/datadog-lib`"]
    );
    let python =
        json!({"containers": [with(container("main", &[]), json!({"args": ["ddtrace-run"]}))]});
    assert_eq!(told(&[AGENT], python.clone()), [""; 0]);
    assert_eq!(
        told(&[("python-lib.version", "")], python),
        ["datakit ddtrace: another agent is in args of container `main`; remove one of the two"]
    );
}

#[test]
fn points_out_labels_and_annotations_of_another_vendor() {
    let spec = json!({"containers": [container("main", &[])]});
    let mut labelled = pod(&[], spec.clone());
    labelled["metadata"]["labels"] = json!({"admission.datakit/java-lib.version": ""});
    assert_leaves_alone(
        &labelled,
        &settings(),
        &[
            "datakit policy: label `admission.datakit/java-lib.version` has no effect; make it an annotation",
        ],
    );
    let mut other = pod(&[], spec);
    for place in ["annotations", "labels"] {
        other["metadata"]["annotations"] = json!({});
        other["metadata"][place] = json!({"admission.datadoghq.com/java-lib.version": "v1"});
        assert_leaves_alone(
            &other,
            &settings(),
            &[
                "datakit policy: `admission.datadoghq.com/java-lib.version` belongs to another vendor and has no effect; use admission.datakit/<language>-lib.version",
            ],
        );
        // Where there is no agent to be had, or it is switched off, it is no wish to us.
        assert_leaves_alone(&other, &json!({}), &[]);
        other["metadata"][place] = json!({"admission.datadoghq.com/enabled": "false"});
        assert_leaves_alone(&other, &settings(), &[]);
        other["metadata"][place] = Value::Null;
    }
    other["metadata"]["annotations"] = json!({"admission.datadoghq.com/enabled": "true", "admission.datakit/java-lib.version": ""});
    let answer = validate(&create("default", &other), &settings());
    assert_eq!(answer.warnings, None);
}

#[test]
fn tells_nothing_where_nothing_is_injected() {
    let hook = json!({"preStop": {"exec": {"command": ["kill", "1"]}}});
    let main = with(
        container("main", &[]),
        json!({
            "lifecycle": hook,
            "args": ["-javaagent:/opt/dd-java-agent.jar"],
            "resources": {"limits": {"ephemeral-storage": "1Mi"}}
        }),
    );
    let spec = json!({
        "restartPolicy": "Never",
        "hostNetwork": true,
        "tolerations": [{"key": "virtual-kubelet.io/provider"}],
        "schedulerName": "fargate-scheduler",
        "shareProcessNamespace": false,
        "containers": [main]
    });
    assert_leaves_alone(&pod(&[], spec.clone()), &settings(), &[]);
    // An update that does not change the template.
    let mut asking = pod(&[AGENT, PROFILER, LOGS], spec);
    let template = json!({"metadata": asking["metadata"].take(), "spec": asking["spec"].take()});
    let deployment = workload("Deployment", &template);
    let answer = validate(
        &request("UPDATE", "default", &deployment, &deployment),
        &settings(),
    );
    assert_eq!((answer.mutated_object, answer.warnings), (None, None));
}

#[test]
fn does_not_speak_of_the_containers_of_the_policy() {
    // A pod that was injected in part: logfwd is there, with another volume where others would be.
    let forwarder = with(
        container(
            "datakit-logfwd",
            &[
                json!({"name": "files", "mountPath": "/datadog-lib"}),
                json!({"name": "files", "mountPath": "/app", "readOnly": true}),
                json!({"name": "files", "mountPath": "/tmp"}),
            ],
        ),
        json!({"args": ["kill 1; run -javaagent:/opt/dd-java-agent.jar"]}),
    );
    let spec = json!({
        "containers": [container("main", &[]), forwarder],
        "volumes": [{"name": "files", "hostPath": {"path": "/srv"}}]
    });
    assert_eq!(told(&[AGENT, PROFILER], spec), [""; 0]);
}
