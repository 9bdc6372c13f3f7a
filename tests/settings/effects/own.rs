//! The keys of `policy`, but for `logging_match`.

use serde_json::{Value, json};

use super::{Row, add, instead_of, no_warning, replace, there, with};
use crate::support::pod;

pub fn rows() -> Vec<Row> {
    let mut rows = pod_security();
    rows.extend([
        native_sidecars(),
        delivery(),
        exclude_containers(),
        empty_dir_size_limit(),
        init_resources(),
        keep_stdout(),
        logfwd_volumes(),
        safe_to_evict_local_volumes(),
    ]);
    rows
}

/// Settings with a log forwarder, and a pod that asks for it.
fn log_forwarder() -> (Value, Value) {
    let asks = pod(
        json!({"admission.datakit/logfwd.instances": "[]"}),
        json!({}),
    );
    let images = json!({"logfwd_image": "logfwd:1"});
    (
        json!({"admission_inject": {"logfwd": {"images": images}}}),
        asks,
    )
}

fn pod_security() -> Vec<Row> {
    let (settings, asks) = log_forwarder();
    let restricted = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": true,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    let patch = || {
        vec![add(
            "/pod/spec/containers/1/securityContext",
            restricted.clone(),
        )]
    };
    let key = "policy.pod_security";
    let everywhere = with(&settings, key, json!("restricted"));
    let rule = json!([{"namespace_selectors": ["apps"], "level": "restricted"}]);
    let by_rule = with(&settings, key, rule);
    vec![
        there(key, &asks, &everywhere, patch()),
        there(key, &asks, &by_rule, patch()),
        there(
            "policy.pod_security[].namespace_selectors",
            &asks,
            &by_rule,
            patch(),
        ),
        there("policy.pod_security[].level", &asks, &by_rule, patch()),
    ]
}

fn native_sidecars() -> Row {
    let (settings, asks) = log_forwarder();
    let settings = with(&settings, "policy.native_sidecars", json!("always"));
    let container = json!({
        "name": "datakit-logfwd",
        "image": "logfwd:1",
        "imagePullPolicy": "Always",
        "restartPolicy": "Always",
        "env": [{"name": "LOGFWD_JSON_CONFIG", "value": "[]"}],
        "resources": {
            "limits": {"cpu": "500m", "memory": "512Mi"},
            "requests": {"cpu": "100m", "memory": "64Mi"},
        },
    });
    let patch = vec![
        json!({"op": "remove", "path": "/pod/spec/containers/1"}),
        add("/pod/spec/initContainers", json!([container])),
    ];
    there("policy.native_sidecars", &asks, &settings, patch)
}

fn delivery() -> Row {
    let images = json!({"java_agent_image": "agents/java:v1.60.4"});
    let settings = json!({"admission_inject": {"ddtrace": {"images": images}}});
    let asks = pod(json!({"admission.datakit/java-lib.version": ""}), json!({}));
    let settings = with(&settings, "policy.delivery", json!("image"));
    let source = json!({"reference": "agents/java:v1.60.4", "pullPolicy": "Always"});
    let remove = |path: &str| json!({"op": "remove", "path": path});
    let patch = vec![
        remove("/pod/spec/initContainers"),
        add(
            "/pod/spec/containers/0/volumeMounts/0/readOnly",
            json!(true),
        ),
        add(
            "/pod/spec/containers/0/volumeMounts/0/subPath",
            json!("datadog-init/package"),
        ),
        remove("/pod/spec/volumes/0/emptyDir"),
        add("/pod/spec/volumes/0/image", source),
    ];
    there("policy.delivery", &asks, &settings, patch)
}

fn exclude_containers() -> Row {
    let (settings, mut asks) = log_forwarder();
    asks["spec"]["containers"][0]["name"] = json!("istio-proxy");
    let key = "policy.exclude_containers";
    let settings = with(&settings, key, json!([]));
    let mut patch = super::injections::logfwd("logfwd:1");
    patch.push(no_warning());
    instead_of(key, json!(["istio-proxy"]), &asks, &settings, patch)
}

/// Settings by which log files in `/logs` are forwarded.
fn logs() -> Value {
    let files = r#"[{"type":"file","path":"/logs/*.log"}]"#;
    let rule = json!({"namespace_selectors": ["*"], "image": "logfwd:1", "log_configs": files});
    json!({"admission_inject_v2": {"logfwds": [rule]}})
}

fn empty_dir_size_limit() -> Row {
    let key = "policy.empty_dir_size_limit";
    let settings = with(&logs(), key, json!("1Gi"));
    let patch = vec![add("/pod/spec/volumes/0/emptyDir/sizeLimit", json!("1Gi"))];
    there(key, &pod(json!({}), json!({})), &settings, patch)
}

fn safe_to_evict_local_volumes() -> Row {
    let key = "policy.safe_to_evict_local_volumes";
    let annotation = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";
    let place = format!(
        "/pod/metadata/annotations/{}",
        annotation.replace('/', "~1")
    );
    let listed = replace(&place, json!("cache,datakit-logfwd-volume-0"));
    let asks = pod(json!({annotation: "cache"}), json!({}));
    there(key, &asks, &with(&logs(), key, json!(true)), vec![listed])
}

fn init_resources() -> Row {
    let key = "policy.init_resources";
    let rule = json!({"namespace_selectors": ["*"], "image": "java:1", "language": "java"});
    let settings = json!({"admission_inject_v2": {"ddtraces": [rule]}});
    let mut small = pod(json!({}), json!({}));
    small["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}});
    let place = |amount: &str| format!("/pod/spec/initContainers/0/resources/{amount}");
    let patch = vec![
        replace(&place("limits/memory"), json!("64Mi")),
        replace(&place("requests/cpu"), json!("20m")),
        replace(&place("requests/memory"), json!("32Mi")),
    ];
    there(key, &small, &with(&settings, key, json!("fit")), patch)
}

fn keep_stdout() -> Row {
    let key = "policy.keep_stdout";
    let config = r#"[{"type":"file","path":"/logs/*.log"}]"#;
    let rule = json!({"namespace_selectors": ["*"], "config": config});
    let settings =
        json!({"admission_mutate": {"loggings": [rule]}, "policy": {"logging_match": "any"}});
    let kept = r#"[{"type":"file","path":"/logs/*.log"},{"type":"stdout"}]"#;
    let patch = vec![replace(
        "/pod/metadata/annotations/datakit~1logs",
        json!(kept),
    )];
    there(
        key,
        &pod(json!({}), json!({})),
        &with(&settings, key, json!(true)),
        patch,
    )
}

fn logfwd_volumes() -> Row {
    let key = "policy.logfwd_volumes";
    let (settings, _) = log_forwarder();
    let instances = r#"[{"loggings":[{"logfiles":["/logs/*.log"]}]}]"#;
    let asks = json!({"admission.datakit/logfwd.instances": instances});
    let mut stateful = pod(asks, json!({}));
    let mount = json!({"name": "claim", "mountPath": "/logs", "subPath": "web"});
    stateful["spec"]["containers"][0]["volumeMounts"] = json!([mount]);
    let claim = json!({"name": "claim", "persistentVolumeClaim": {"claimName": "claim"}});
    stateful["spec"]["volumes"] = json!([claim]);
    let mut lent = mount;
    lent["readOnly"] = json!(true);
    let patch = vec![
        add("/pod/spec/containers/1/volumeMounts", json!([lent])),
        no_warning(),
    ];
    there(key, &stateful, &with(&settings, key, json!("any")), patch)
}
