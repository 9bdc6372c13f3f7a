//! Namespaces that enforce a level of the Pod Security Standards: a pod that one takes is taken injected, and what
//! cannot meet the level is left out.

use std::sync::Arc;

use datakit_policy_cluster::client::Store;
use datakit_policy_cluster::cluster::{Cluster, Level};
use datakit_policy_host::settings;
use libtest_mimic::{Failed, Trial};
use serde_json::{Map, Value, json};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// A feature, and what it adds where nothing keeps it from that.
struct Feature {
    name: &'static str,
    /// The annotation that asks for it, after the prefix, and its value.
    asks: (&'static str, &'static str),
    /// The container that it adds.
    adds: &'static str,
    /// Whether it needs what neither level allows.
    needs_capabilities: bool,
}

const LOGS: &str = r#"[{"loggings":[{"logfiles":["/data/log/*.log"]}]}]"#;

const FEATURES: [Feature; 4] = [
    Feature {
        name: "ddtrace",
        asks: ("java-lib.version", ""),
        adds: "datakit-lib-init",
        needs_capabilities: false,
    },
    Feature {
        name: "otel",
        asks: ("otel-java-lib.version", ""),
        adds: "datakit-otel-lib-init",
        needs_capabilities: false,
    },
    Feature {
        name: "logfwd",
        asks: ("logfwd.instances", LOGS),
        adds: "datakit-logfwd",
        needs_capabilities: false,
    },
    Feature {
        name: "profiler",
        asks: ("java-profiler.version", ""),
        adds: "datakit-profiler",
        needs_capabilities: true,
    },
];

/// Every feature on request, and flameshot for whoever has the label.
fn configured(policy: &Value) -> Value {
    let rule = |image: &str| json!({"namespace_selectors": ["*"], "check_annotation": true, "image": image});
    let of = |image: &str| {
        let mut rule = rule(image);
        rule["language"] = json!("java");
        rule
    };
    let mut flameshot = rule("example.com/flameshot:1");
    flameshot["check_annotation"] = json!(false);
    flameshot["namespace_selectors"] = json!([]);
    flameshot["label_selectors"] = json!(["flameshot=yes"]);
    flameshot["processes"] = json!("[{}]");
    flameshot["envs"] =
        json!({"FLAMESHOT_PROFILING_PATH": "/flames", "FLAMESHOT_HTTP_LOCAL_PORT": "8089"});
    json!({
        "policy": policy,
        "admission_inject_v2": {
            "ddtraces": [of("example.com/java:1")],
            "otels": [of("example.com/otel:1")],
            "logfwds": [rule("example.com/logfwd:1")],
            "flameshots": [flameshot],
            "profilers": [of("example.com/profiler:1")],
        },
    })
}

/// The ways in which a pod meets "restricted".
fn restricted() -> Vec<(&'static str, Value)> {
    let of_the_pod = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    let of_a_container =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let whole = merged(&of_the_pod, &of_a_container);
    let spec = |pod: &Value, container: &Value| {
        json!({
            "securityContext": pod,
            "containers": [{"name": "app", "image": "app:1", "securityContext": container}],
        })
    };
    let with_user = merged(&of_the_pod, &json!({"runAsUser": 1000}));
    let mut as_root = spec(
        &json!({"seccompProfile": {"type": "RuntimeDefault"}}),
        &of_a_container,
    );
    as_root["hostUsers"] = json!(false);
    let binds = merged(
        &whole,
        &json!({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}),
    );
    vec![
        ("by the pod", spec(&of_the_pod, &of_a_container)),
        ("by the pod, with a user", spec(&with_user, &of_a_container)),
        ("by each container", spec(&json!({}), &whole)),
        (
            "by each container, with a capability",
            spec(&json!({}), &binds),
        ),
        ("with a user namespace", as_root),
    ]
}

fn baseline() -> Vec<(&'static str, Value)> {
    let spec = json!({"containers": [{"name": "app", "image": "app:1"}]});
    vec![("as it is", spec)]
}

fn merged(one: &Value, other: &Value) -> Value {
    let mut all = one.clone();
    for (key, value) in other.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}

/// Whatever the pod asks for is tried alone, and all of it together.
fn wishes() -> Vec<(String, Vec<&'static Feature>, bool)> {
    let mut wishes: Vec<_> = FEATURES
        .iter()
        .map(|feature| (feature.name.to_owned(), vec![feature], false))
        .collect();
    wishes.push(("flameshot".to_owned(), Vec::new(), true));
    // The two agents exclude each other.
    let all = FEATURES.iter().filter(|feature| feature.name != "otel");
    wishes.push(("everything".to_owned(), all.collect(), true));
    wishes
}

fn pod(spec: &Value, wished: &[&Feature], has_flames: bool) -> Value {
    let mut annotations = Map::new();
    for feature in wished {
        let (name, value) = feature.asks;
        annotations.insert(format!("admission.datakit/{name}"), json!(value));
    }
    let labels = if has_flames {
        json!({"flameshot": "yes"})
    } else {
        json!({})
    };
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "annotations": annotations, "labels": labels},
        "spec": spec,
    })
}

pub fn trials(cluster: Option<&Arc<Cluster>>) -> Vec<Trial> {
    let says = |level: &str| json!({"pod_security": level});
    let image = json!({"delivery": "image"});
    let native = json!({"native_sidecars": "always"});
    let by_rules = json!({"pod_security": [
        {"namespace_selectors": ["^baseline-by-rules$"], "level": "baseline"}
    ]});
    [
        (
            "restricted-by-default",
            "restricted",
            json!({}),
            restricted(),
        ),
        ("restricted-native", "restricted", native, restricted()),
        ("restricted-image", "restricted", image, restricted()),
        (
            "restricted-said",
            "restricted",
            says("restricted"),
            restricted(),
        ),
        (
            "restricted-asked",
            "restricted",
            says("namespace"),
            restricted(),
        ),
        ("baseline-said", "baseline", says("baseline"), baseline()),
        ("baseline-by-rules", "baseline", by_rules, baseline()),
        ("baseline-asked", "baseline", says("namespace"), baseline()),
    ]
    .into_iter()
    .map(|(namespace, level, policy, ways)| {
        let cluster = cluster.cloned();
        Trial::test(
            format!("namespace {namespace} takes what is injected"),
            move || {
                let cluster = cluster.ok_or("there is no cluster")?;
                takes_all(&cluster, namespace, level, &policy, &ways)
            },
        )
    })
    .chain([refuses(cluster)])
    .collect()
}

fn takes_all(
    cluster: &Cluster,
    namespace: &str,
    level: &str,
    policy: &Value,
    ways: &[(&str, Value)],
) -> Result<(), Failed> {
    let bare = format!("{namespace}-bare");
    cluster.create_namespace(&bare, Level::None, &[(ENFORCE, level)]);
    cluster.create_namespace(namespace, Level::Pods, &[(ENFORCE, level)]);
    cluster.bridge.configure(namespace, accepted(policy));
    for (way, spec) in ways {
        for (wish, wished, has_flames) in wishes() {
            let pod = pod(spec, &wished, has_flames);
            let refused = |taken: &str| format!("{way}, {wish}: refused {taken}");
            let create = |namespace: &str| cluster.client.create(namespace, &pod, Store::DryRun);
            create(&bare).map_err(|why| format!("{}: {}", refused("as it is"), why.message))?;
            let injected = create(namespace)
                .map_err(|why| format!("{}: {}", refused("injected"), why.message))?;
            // An agent that is a volume needs no container.
            let has_container = |feature: &&&Feature| {
                !(feature.needs_capabilities
                    || policy["delivery"] == "image" && feature.adds.ends_with("-lib-init"))
            };
            let expected: Vec<&str> = wished
                .iter()
                .filter(has_container)
                .map(|feature| feature.adds)
                .collect();
            let added = added(&injected);
            if added != expected {
                return Err(format!("{way}, {wish}: added are {added:?}, not {expected:?}").into());
            }
        }
    }
    let (_, failures) = cluster.bridge.take(namespace);
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("\n").into())
    }
}

/// What the levels are for: a pod that is injected as the operator does it is refused.
fn refuses(cluster: Option<&Arc<Cluster>>) -> Trial {
    let cluster = cluster.cloned();
    Trial::test(
        "a namespace that enforces restricted refuses what is held to nothing",
        move || {
            let cluster = cluster.ok_or("there is no cluster")?;
            let namespace = "restricted-none";
            cluster.create_namespace(namespace, Level::Pods, &[(ENFORCE, "restricted")]);
            cluster
                .bridge
                .configure(namespace, accepted(&json!({"pod_security": "none"})));
            let (_, spec) = restricted().swap_remove(0);
            for feature in FEATURES.iter().filter(|feature| feature.name != "otel") {
                let pod = pod(&spec, &[feature], false);
                let created = cluster.client.create(namespace, &pod, Store::DryRun);
                let is_refused =
                    created.is_err_and(|refusal| refusal.message.contains("violates PodSecurity"));
                // The profiler is not there, for the pod is runAsNonRoot.
                if is_refused == feature.needs_capabilities {
                    return Err(format!("{}: refused is {is_refused}", feature.name).into());
                }
            }
            Ok(())
        },
    )
}

/// The names of the policy's containers, in the order in which they start.
fn added(pod: &Value) -> Vec<&str> {
    ["initContainers", "containers"]
        .into_iter()
        .filter_map(|list| pod["spec"][list].as_array())
        .flatten()
        .filter_map(|container| container["name"].as_str())
        .filter(|name| name.starts_with("datakit-"))
        .collect()
}

fn accepted(policy: &Value) -> Arc<Value> {
    let text = configured(policy).to_string();
    Arc::new(settings::read("the settings", &text).unwrap())
}
