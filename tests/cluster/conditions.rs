//! What docs/operations.md has to spare requests: the chart takes each example, and the API server asks about what the page says
//! and about nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datakit_policy_cluster::api_server::{PATIENCE, root};
use datakit_policy_cluster::bridge::Exchange;
use datakit_policy_cluster::client::{PatchType, Store, TOKEN};
use datakit_policy_cluster::cluster::{Cluster, Level};
use datakit_policy_host::settings;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::chart::{Helm, parsed_one, webhook};

/// What a user does to an object.
enum Step {
    Create(Value),
    Patch(Value),
    Replace(Value),
}

use Step::{Create, Patch, Replace};

/// An example, and in which steps the API server asks.
struct Example {
    heading: &'static str,
    /// Which block below the heading.
    block: usize,
    level: &'static str,
    /// Labels of the namespace.
    labels: &'static [(&'static str, &'static str)],
    steps: Vec<(Step, bool)>,
}

fn deployment(name: &str, annotations: Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}, "annotations": annotations},
                "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            },
        },
    })
}

fn labelled(name: &str) -> Value {
    let mut object = deployment(name, json!({}));
    object["metadata"]["labels"] = json!({"datakit.example.com/inject": "true"});
    object
}

fn asking() -> Value {
    json!({"admission.datakit/java-lib.version": ""})
}

fn cron_job(name: &str, annotations: Value) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {
            "schedule": "0 0 1 1 *",
            "jobTemplate": {"spec": {"template": {
                "metadata": {"annotations": annotations},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "app:1"}]},
            }}},
        },
    })
}

fn pod(name: &str, annotations: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    })
}

fn examples() -> Vec<Example> {
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}}});
    let beside = json!({"metadata": {"annotations": {"example.com/owner": "shop"}}});
    let without = json!({"spec": {"template": {"metadata": {"annotations": {"admission.datakit/java-lib.version": null}}}}});
    let no_label = json!({"metadata": {"labels": {"datakit.example.com/inject": null}}});
    vec![
        Example {
            heading: "### Updates that do not change the spec",
            block: 0,
            level: "workloads",
            labels: &[],
            steps: vec![
                (Create(deployment("web", asking())), true),
                (Patch(beside.clone()), false),
                (Patch(image.clone()), true),
            ],
        },
        Example {
            heading: "### Workloads without annotations",
            block: 0,
            level: "workloads",
            labels: &[],
            steps: vec![
                (Create(deployment("plain", json!({}))), false),
                (Patch(image.clone()), false),
                (Create(deployment("web", asking())), true),
                // The journal is still there.
                (Patch(without), true),
                (Create(deployment("replaced", asking())), true),
                (Replace(deployment("replaced", json!({}))), true),
                (Replace(deployment("replaced", json!({}))), false),
                (Create(cron_job("nightly", asking())), true),
                (Create(cron_job("weekly", json!({}))), false),
            ],
        },
        Example {
            heading: "### Workloads without annotations",
            block: 1,
            level: "pods",
            labels: &[],
            steps: vec![
                (Create(pod("web", asking())), true),
                (
                    Create(pod("plain", json!({"example.com/owner": "shop"}))),
                    false,
                ),
                (Create(pod("bare", Value::Null)), false),
            ],
        },
        Example {
            heading: "### Workloads that opt in by a label",
            block: 0,
            level: "workloads",
            labels: &[],
            steps: vec![
                (Create(deployment("plain", asking())), false),
                (Create(labelled("web")), true),
                (Patch(no_label), true),
                (Patch(image.clone()), false),
            ],
        },
        Example {
            heading: "### Namespaces that opt in",
            block: 0,
            level: "workloads",
            labels: &[("datakit.example.com/inject", "true")],
            steps: vec![(Create(deployment("web", asking())), true)],
        },
        Example {
            heading: "### Namespaces that opt in",
            block: 0,
            level: "workloads",
            labels: &[],
            steps: vec![(Create(deployment("web", asking())), false)],
        },
    ]
}

pub fn trials(cluster: Option<&Arc<Cluster>>) -> Vec<Trial> {
    let examples = examples().into_iter().enumerate();
    examples
        .map(|(number, example)| {
            let cluster = cluster.cloned();
            let name = format!("docs/operations.md, {}, example {number}", example.heading);
            Trial::test(name, move || {
                let cluster = cluster.ok_or("there is no cluster")?;
                asks(&cluster, &format!("spared-{number}"), &example)
            })
        })
        .collect()
}

/// The values in a block of the page.
fn values(example: &Example) -> String {
    let page = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, section) = page.split_once(&format!("{}\n", example.heading)).unwrap();
    let section = section.split("\n##").next().unwrap();
    let block = section
        .split("```yaml\n")
        .nth(example.block.checked_add(1).unwrap());
    block.unwrap().split("```").next().unwrap().to_owned()
}

fn asks(cluster: &Cluster, namespace: &str, example: &Example) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("values.yaml");
    std::fs::write(&file, values(example))?;
    let rendered = Helm(cluster).run(&[
        "template",
        namespace,
        "charts/datakit-operator-policy",
        "--values",
        file.to_str().unwrap(),
        "--set",
        &format!("level={}", example.level),
    ])?;
    let policy = parsed_one(&rendered);

    cluster.create_namespace(namespace, Level::None, example.labels);
    let text = policy["spec"]["settings"].to_string();
    let settings = settings::read("the chart", &text).map_err(|error| error.to_string())?;
    cluster.bridge.configure(namespace, Arc::new(settings));
    let mut webhooks = webhook(cluster, &policy, &[namespace]);
    let here = webhooks["webhooks"][0].clone();
    // Whatever happens here, from then on the first is there too.
    let mut served = here.clone();
    served["name"] = json!(format!("served.{namespace}.kubewarden.admission"));
    served["rules"] = json!([{
        "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"],
    }]);
    served["matchConditions"] = json!([]);
    served["objectSelector"] = json!({});
    served["namespaceSelector"] = json!({"matchExpressions": [{
        "key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace],
    }]});
    webhooks["webhooks"] = json!([here, served]);
    cluster
        .client
        .create("", &webhooks, Store::Yes)
        .map_err(|refusal| refusal.message)?;
    wait_until_served(cluster, namespace)?;

    let mut last = Value::Null;
    let mut revision = 0;
    for (number, (step, expected)) in example.steps.iter().enumerate() {
        let done = match step {
            Create(object) => {
                last = object.clone();
                cluster.client.create(namespace, object, Store::Yes)
            }
            Patch(patch) => cluster
                .client
                .patch(namespace, &last, PatchType::Strategic, patch),
            Replace(object) => cluster.client.replace(namespace, object),
        };
        let done = done.map_err(|refusal| format!("step {number}: {}", refusal.message))?;
        let (asked, failures) = cluster.bridge.take(namespace);
        if !failures.is_empty() {
            return Err(failures.join("\n").into());
        }
        // Controllers change objects too, whenever they get to it.
        let mine =
            |exchange: &&Exchange| exchange.request.user_info.username.as_deref() == Some(TOKEN);
        // A patch is tried on the object of the API server's cache first, and once more where that was an older one.
        let is_current = |exchange: &&Exchange| {
            let old = exchange.request.old_object.as_ref();
            old.is_none_or(|old| revision_of(old) >= revision)
        };
        let asked = asked.iter().filter(mine).filter(is_current).count();
        revision = revision_of(&done);
        if (asked > 0) != *expected {
            return Err(format!("step {number}: asked {asked} times").into());
        }
    }
    Ok(())
}

/// The revision of etcd that an object is of.
fn revision_of(object: &Value) -> u64 {
    let revision = object["metadata"]["resourceVersion"].as_str();
    revision
        .and_then(|revision| revision.parse().ok())
        .unwrap_or_default()
}

fn wait_until_served(cluster: &Cluster, namespace: &str) -> Result<(), Failed> {
    let started = Instant::now();
    for number in 0.. {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("asked-{number}")},
        });
        cluster
            .client
            .create(namespace, &object, Store::Yes)
            .map_err(|refusal| refusal.message)?;
        if !cluster.bridge.take(namespace).0.is_empty() {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err("the webhook is never asked".into())
}
