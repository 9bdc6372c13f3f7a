//! The Helm chart and the manifests of `deploy/` on the API server, with Kubewarden's kinds: helm installs, changes and removes
//! a release, and a webhook as Kubewarden's controller makes it of the policy injects.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use datakit_policy_cluster::api_server::{PATIENCE, root};
use datakit_policy_cluster::client::Store;
use datakit_policy_cluster::cluster::{Cluster, Level};
use datakit_policy_cluster::crds;
use datakit_policy_host::settings;
use datakit_policy_host::yaml::{self, DuplicateKeys};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

pub const CHART: &str = "charts/datakit-operator-policy";

type Test = fn(&Cluster) -> Result<(), Failed>;

pub fn trials(cluster: Option<&Arc<Cluster>>) -> Vec<Trial> {
    let tests: [(&str, Test); 4] = [
        (
            "the server keeps every field of what the chart renders and deploy/ has",
            keeps_every_field,
        ),
        (
            "helm installs, changes and removes the chart",
            follows_a_release,
        ),
        ("the policy of the chart injects where it should", injects),
        (
            "kustomize makes of deploy/ what the server keeps",
            kustomizes,
        ),
    ];
    tests
        .into_iter()
        .map(|(name, test)| {
            let cluster = cluster.cloned();
            Trial::test(format!("chart: {name}"), move || {
                let cluster = cluster.ok_or("there is no cluster")?;
                static DEFINED: Once = Once::new();
                DEFINED.call_once(|| crds::define(&cluster.client));
                test(&cluster)
            })
        })
        .collect()
}

/// Files below a folder of the repository that end so, with their documents.
fn documents(folder: &str, ending: &str) -> BTreeMap<String, Vec<Value>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            found.extend(documents(&name, ending));
        } else if name.ends_with(ending) {
            found.insert(
                name,
                parsed(&std::fs::read_to_string(entry.path()).unwrap()),
            );
        }
    }
    found
}

fn parsed(text: &str) -> Vec<Value> {
    yaml::documents(text, DuplicateKeys::Refuse)
        .into_iter()
        .map(|document| document.unwrap().value)
        .collect()
}

pub fn parsed_one(text: &str) -> Value {
    yaml::single(text, DuplicateKeys::Refuse).unwrap()
}

/// What the API server would store of an object, without what it adds to metadata.
fn taken(cluster: &Cluster, object: &Value) -> Result<Value, Failed> {
    let namespace = object["metadata"]["namespace"]
        .as_str()
        .unwrap_or("default");
    let arguments = [
        "create",
        "--dry-run=server",
        "--validate=strict",
        "-o",
        "json",
        "-f",
        "-",
    ];
    let output = cluster
        .kubectl
        .run(namespace, &arguments, &object.to_string());
    if !output.succeeded {
        return Err(output.complained.into());
    }
    let mut stored: Value = serde_json::from_str(&output.printed)?;
    without_additions(&mut stored);
    Ok(stored)
}

fn without_additions(object: &mut Value) {
    let metadata = object["metadata"].as_object_mut().unwrap();
    for added in [
        "creationTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "uid",
    ] {
        metadata.remove(added);
    }
}

fn keeps_every_field(cluster: &Cluster) -> Result<(), Failed> {
    cluster.create_namespace("shop", Level::None, &[]);
    let mut files = documents("tests/chart/cases", "/policy.yaml");
    files.extend(
        documents("deploy", ".yaml")
            .into_iter()
            .filter(|(file, _)| {
                file.matches('/').count() == 1 && !file.ends_with("kustomization.yaml")
            }),
    );
    if files.len() < 9 {
        return Err(format!("only {} files", files.len()).into());
    }
    for (file, objects) in files {
        for mut object in objects {
            // A name that no other test has.
            object["metadata"]["name"] = json!("tried");
            let stored = taken(cluster, &object)
                .map_err(|why| format!("{file}: {}", why.message().unwrap_or_default()))?;
            same(&file, &stored, &object)?;
        }
    }
    Ok(())
}

fn same(what: &str, found: &Value, expected: &Value) -> Result<(), Failed> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: {found:#}\nis not\n{expected:#}").into())
}

/// helm, as a user runs it.
pub struct Helm<'c>(pub &'c Cluster);

impl Helm<'_> {
    pub fn run(&self, arguments: &[&str]) -> Result<String, Failed> {
        let program = std::env::var_os("HELM").map_or("helm".into(), PathBuf::from);
        let output = Command::new(program)
            .args(arguments)
            .current_dir(root())
            .env("KUBECONFIG", &self.0.kubectl.configuration)
            .env("HOME", &self.0.kubectl.home)
            .output()?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
        }
    }
}

fn follows_a_release(cluster: &Cluster) -> Result<(), Failed> {
    let namespace = "chart-release";
    cluster.create_namespace(namespace, Level::None, &[]);
    let helm = Helm(cluster);
    // In the order of one user's days: the other cases follow the first, and each has to become what it is alone.
    for (number, case) in ["default", "operator", "everything", "pods", "namespace"]
        .iter()
        .enumerate()
    {
        let folder = format!("tests/chart/cases/{case}");
        let values = format!("{folder}/values.yaml");
        let verb = if number == 0 { "install" } else { "upgrade" };
        let said = helm.run(&[
            verb,
            "datakit-operator",
            CHART,
            "--namespace",
            namespace,
            "--values",
            &values,
        ])?;
        golden(
            &format!("{folder}/notes.txt"),
            said.split_once("NOTES:\n").map_or("", |(_, notes)| notes),
        )?;
        let mut expected = parsed_one(&std::fs::read_to_string(
            root().join(format!("{folder}/policy.yaml")),
        )?);
        let is_namespaced = expected["kind"] == "AdmissionPolicy";
        if is_namespaced {
            expected["metadata"]["namespace"] = json!(namespace);
        }
        let mut stored = cluster
            .client
            .get(if is_namespaced { namespace } else { "" }, &expected)
            .map_err(|refusal| format!("{case}: {}", refusal.message))?;
        without_additions(&mut stored);
        for (key, value) in [("name", "datakit-operator"), ("namespace", namespace)] {
            let key = format!("meta.helm.sh/release-{key}");
            expected["metadata"]["annotations"][key] = json!(value);
        }
        same(case, &stored, &expected)?;
        let policies = |kind: &str, namespace: &str| {
            let any = json!({"apiVersion": "policies.kubewarden.io/v1", "kind": kind});
            cluster
                .client
                .list(namespace, &any)
                .map(|found| found.len())
        };
        let there = (
            policies("ClusterAdmissionPolicy", ""),
            policies("AdmissionPolicy", namespace),
        );
        let expected = if is_namespaced {
            (Ok(0), Ok(1))
        } else {
            (Ok(1), Ok(0))
        };
        if there != expected {
            return Err(format!("{case}: there are {there:?}").into());
        }
    }
    helm.run(&["uninstall", "datakit-operator", "--namespace", namespace])?;
    let any = json!({"apiVersion": "policies.kubewarden.io/v1", "kind": "AdmissionPolicy"});
    match cluster.client.list(namespace, &any) {
        Ok(left) if left.is_empty() => Ok(()),
        left => Err(format!("after it is removed there is {left:?}").into()),
    }
}

/// Compares a text with a golden file, or writes it.
fn golden(file: &str, text: &str) -> Result<(), Failed> {
    let path = root().join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, text)?;
        return Ok(());
    }
    let expected = std::fs::read_to_string(path)?;
    if text == expected {
        Ok(())
    } else {
        Err(format!("{file}:\n{text}\nis not\n{expected}").into())
    }
}

/// A webhook as Kubewarden's controller makes it of a policy, which is asked at the bridge. It is for these namespaces and no
/// others, because other tests have theirs.
pub fn webhook(cluster: &Cluster, policy: &Value, namespaces: &[&str]) -> Value {
    let spec = &policy["spec"];
    let named = |operator: &str, names: &[&str]| json!({"key": "kubernetes.io/metadata.name", "operator": operator, "values": names});
    let mut expressions = vec![named("NotIn", &["kubewarden"]), named("In", namespaces)];
    expressions.extend(
        spec["namespaceSelector"]["matchExpressions"]
            .as_array()
            .cloned()
            .unwrap_or_default(),
    );
    let name = policy["metadata"]["name"].as_str().unwrap();
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": format!("kw.cap.{name}")},
        "webhooks": [{
            "name": format!("kw.cap.{name}.kubewarden.admission"),
            "clientConfig": cluster.webhook_client(),
            "rules": spec["rules"],
            "failurePolicy": spec["failurePolicy"],
            "timeoutSeconds": 30,
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchExpressions": expressions},
            "objectSelector": spec.get("objectSelector").cloned().unwrap_or(json!({})),
            "matchConditions": spec.get("matchConditions").cloned().unwrap_or(json!([])),
        }],
    })
}

fn deployment(namespace: &str, annotations: Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}, "annotations": annotations},
                "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            },
        },
    })
}

fn injects(cluster: &Cluster) -> Result<(), Failed> {
    let policy = parsed_one(&std::fs::read_to_string(
        root().join("tests/chart/cases/default/policy.yaml"),
    )?);
    let text = policy["spec"]["settings"].to_string();
    let settings = Arc::new(settings::read("the chart", &text).map_err(|error| error.to_string())?);
    // One that is covered, and one of those that are left out.
    let namespaces = ["chart-shop", "cattle-monitoring-system"];
    for namespace in namespaces {
        cluster.create_namespace(namespace, Level::None, &[]);
        cluster.bridge.configure(namespace, settings.clone());
    }
    let webhook = webhook(cluster, &policy, &namespaces);
    cluster
        .client
        .create("", &webhook, Store::Yes)
        .map_err(|refusal| refusal.message)?;
    let asks = json!({"admission.datakit/java-lib.version": ""});
    let added = |namespace: &str, annotations: &Value| {
        let object = deployment(namespace, annotations.clone());
        let made = cluster.client.create(namespace, &object, Store::DryRun);
        made.map(|made| made["spec"]["template"]["spec"]["initContainers"][0]["name"].clone())
            .map_err(|refusal| refusal.message)
    };
    let started = Instant::now();
    while added("chart-shop", &asks)? != "datakit-lib-init" {
        if started.elapsed() > PATIENCE {
            return Err("a workload that asks for an agent gets none".into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let none = [
        added("chart-shop", &json!({}))?,
        added("cattle-monitoring-system", &asks)?,
    ];
    if none != [Value::Null, Value::Null] {
        return Err(format!("injected where nothing should be: {none:?}").into());
    }
    let (_, failures) = cluster.bridge.take("chart-shop");
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("\n").into())
    }
}

fn kustomizes(cluster: &Cluster) -> Result<(), Failed> {
    let workloads = parsed_one(&std::fs::read_to_string(
        root().join("deploy/workloads.yaml"),
    )?);
    let pods = parsed_one(&std::fs::read_to_string(root().join("deploy/pods.yaml"))?);
    let mut on_server = workloads.clone();
    on_server["spec"]["policyServer"] = json!("datakit");
    let mut asking = workloads.clone();
    asking["spec"]["contextAwareResources"] = json!([{"apiVersion": "v1", "kind": "Namespace"}]);
    asking["spec"]["settings"]["policy"] = json!({"pod_security": "namespace"});
    for (components, expected) in [
        (vec![], workloads),
        (vec!["pods"], pods),
        (vec!["ask-for-levels"], asking),
        (vec!["own-policy-server"], on_server),
    ] {
        let folder = tempfile::tempdir()?;
        let deploy = folder.path().join("deploy");
        copy(&root().join("deploy"), &deploy)?;
        let names: Vec<String> = components
            .iter()
            .map(|name| format!("../deploy/components/{name}"))
            .collect();
        let own = folder.path().join("own");
        std::fs::create_dir(&own)?;
        std::fs::write(
            own.join("kustomization.yaml"),
            json!({"resources": ["../deploy"], "components": names}).to_string(),
        )?;
        let built = cluster
            .kubectl
            .run("shop", &["kustomize", own.to_str().unwrap()], "");
        if !built.succeeded {
            return Err(format!("{components:?}: {}", built.complained).into());
        }
        same(
            &format!("{components:?}"),
            &taken(cluster, &parsed_one(&built.printed))?,
            &expected,
        )?;
    }
    Ok(())
}

fn copy(from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
