//! With the controllers: revisions, and the pods that are made of an injected template.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datakit_policy_cluster::cluster::{Cluster, Level};
use datakit_policy_cluster::rollout::{replica_sets, revision, settled, wait_for};
use datakit_policy_cluster::template::{comparable, difference, journal};
use datakit_policy_cluster::workload::Kind;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::sequences::{DEFAULT, NEWER, everything};

type Test = fn(&Site<'_>) -> Result<(), Failed>;

/// The tests, as sentences.
const TESTS: [(&str, Test); 10] = [
    (
        "settings that change during a pause make one ReplicaSet",
        pause_with_a_change,
    ),
    (
        "a pause and a resume alone make no ReplicaSet, whatever the settings",
        pause_without_a_change,
    ),
    (
        "rollout undo of a Deployment brings the revision's settings back",
        undo_of_a_deployment,
    ),
    (
        "rollout undo of a StatefulSet brings the revision's settings back",
        undo_of_a_stateful_set,
    ),
    (
        "rollout undo of a DaemonSet brings the revision's settings back",
        undo_of_a_daemon_set,
    ),
    (
        "rollout undo to a revision from before the policy brings that back",
        undo_to_before_the_policy,
    ),
    (
        "a ReplicaSet has its Deployment's template, and its pods are left alone",
        pods_of_a_deployment,
    ),
    (
        "a Job has its CronJob's template, whatever the settings are by then",
        job_of_a_cron_job,
    ),
    (
        "server-side apply after client-side apply conflicts once, over the extended variables",
        server_side_after_client_side,
    ),
    (
        "a second manager conflicts once, over the extended variables",
        second_manager,
    ),
];

/// One trial for each test. Without the controllers they are ignored, and counted so.
pub fn trials(cluster: Option<&Arc<Cluster>>) -> Vec<Trial> {
    let has_controllers = cluster.is_none_or(|cluster| cluster.has_controllers());
    TESTS
        .iter()
        .map(|(name, test)| {
            let cluster = cluster.cloned();
            Trial::test(*name, move || {
                let cluster = cluster.ok_or("there is no cluster")?;
                test(&Site::new(&cluster))
            })
            .with_ignored_flag(!has_controllers)
        })
        .collect()
}

/// A namespace of its own, and kubectl in it.
struct Site<'c> {
    cluster: &'c Cluster,
    namespace: String,
}

impl<'c> Site<'c> {
    fn new(cluster: &'c Cluster) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let namespace = format!("rollout-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        cluster.create_namespace(&namespace, Level::All, &[]);
        let site = Self { cluster, namespace };
        site.configure(&DEFAULT);
        site
    }

    fn configure(&self, settings: &Arc<Value>) {
        self.cluster
            .bridge
            .configure(&self.namespace, settings.clone());
    }

    fn kubectl(&self, command: &str, input: &str) -> Result<(), Failed> {
        let arguments: Vec<&str> = command.split_whitespace().collect();
        let output = self.cluster.kubectl.run(&self.namespace, &arguments, input);
        match output.succeeded {
            true => Ok(()),
            false => Err(format!("kubectl {command}: {}", output.complained).into()),
        }
    }

    fn apply(&self, kind: Kind, image: &str) -> Result<(), Failed> {
        self.kubectl(
            "apply -f -",
            &kind.around("web", template(image)).to_string(),
        )
    }

    /// The template, once the controller has seen it.
    fn template(&self, kind: Kind) -> Result<Value, Failed> {
        let object = settled(self.cluster, &self.namespace, &object(kind))?;
        Ok(object
            .pointer(kind.template_pointer())
            .cloned()
            .unwrap_or_default())
    }

    fn revision(&self) -> Result<u64, Failed> {
        Ok(revision(
            self.cluster,
            &self.namespace,
            &object(Kind::Deployment),
        )?)
    }

    fn replica_sets(&self) -> Result<Vec<Value>, Failed> {
        Ok(replica_sets(self.cluster, &self.namespace)?)
    }
}

fn template(image: &str) -> Value {
    everything()
        .env("JAVA_TOOL_OPTIONS", "-Xmx1g")
        .env("DD_TAGS", "team:a")
        .image(image)
        .into()
}

fn object(kind: Kind) -> Value {
    kind.around("web", json!({}))
}

fn equal(what: &str, actual: &Value, expected: &Value) -> Result<(), Failed> {
    match actual == expected {
        true => Ok(()),
        false => Err(format!("{what}:\n{}", difference(expected, actual)).into()),
    }
}

fn pause_with_a_change(site: &Site<'_>) -> Result<(), Failed> {
    site.apply(Kind::Deployment, "web:1")?;
    equal("revisions before", &json!(site.revision()?), &json!(1))?;
    site.kubectl("rollout pause deployment/web", "")?;
    site.configure(&NEWER);
    site.kubectl("set image deployment/web app=web:2", "")?;
    site.apply(Kind::Deployment, "web:3")?;
    site.kubectl("rollout resume deployment/web", "")?;
    site.template(Kind::Deployment)?;
    wait_for(
        site.cluster,
        &site.namespace,
        &object(Kind::Deployment),
        |now| now["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2",
    )?;
    equal("ReplicaSets", &json!(site.replica_sets()?.len()), &json!(2))
}

fn pause_without_a_change(site: &Site<'_>) -> Result<(), Failed> {
    site.apply(Kind::Deployment, "web:1")?;
    let before = site.template(Kind::Deployment)?;
    site.kubectl("rollout pause deployment/web", "")?;
    site.configure(&NEWER);
    site.apply(Kind::Deployment, "web:1")?;
    site.kubectl("rollout resume deployment/web", "")?;
    equal("the template", &site.template(Kind::Deployment)?, &before)?;
    equal("revisions", &json!(site.revision()?), &json!(1))?;
    equal("ReplicaSets", &json!(site.replica_sets()?.len()), &json!(1))
}

fn undo_of_a_deployment(site: &Site<'_>) -> Result<(), Failed> {
    undo(site, Kind::Deployment)?;
    equal("ReplicaSets", &json!(site.replica_sets()?.len()), &json!(2))
}

fn undo_of_a_stateful_set(site: &Site<'_>) -> Result<(), Failed> {
    undo(site, Kind::StatefulSet)
}

fn undo_of_a_daemon_set(site: &Site<'_>) -> Result<(), Failed> {
    undo(site, Kind::DaemonSet)
}

/// First revision by the first settings, second by newer ones, back, forth, and the first manifest again.
fn undo(site: &Site<'_>, kind: Kind) -> Result<(), Failed> {
    let name = kind.named("web");
    site.apply(kind, "web:1")?;
    let first = site.template(kind)?;
    site.configure(&NEWER);
    site.apply(kind, "web:2")?;
    let second = site.template(kind)?;
    if journal(&first).is_none() || first == second {
        return Err("the revisions do not differ, or have no journal".into());
    }
    site.kubectl(&format!("rollout undo {name}"), "")?;
    equal("the first undo", &site.template(kind)?, &first)?;
    site.kubectl(&format!("rollout undo {name}"), "")?;
    equal("the second undo", &site.template(kind)?, &second)?;
    site.kubectl(&format!("rollout undo {name}"), "")?;
    site.apply(kind, "web:1")?;
    equal(
        "the first manifest after an undo",
        &site.template(kind)?,
        &first,
    )
}

fn undo_to_before_the_policy(site: &Site<'_>) -> Result<(), Failed> {
    site.configure(&Arc::new(json!({})));
    site.apply(Kind::Deployment, "web:1")?;
    let first = site.template(Kind::Deployment)?;
    site.configure(&DEFAULT);
    site.kubectl("set image deployment/web app=web:2", "")?;
    let second = site.template(Kind::Deployment)?;
    if journal(&first).is_some() || journal(&second).is_none() {
        return Err("the first revision has a journal, or the second has none".into());
    }
    // It brings no journal, so it is a change of the user's part like any other: it is injected by today's settings.
    site.kubectl("rollout undo deployment/web", "")?;
    let third = site.template(Kind::Deployment)?;
    equal(
        "the image",
        &third["spec"]["containers"][0]["image"],
        &json!("web:1"),
    )?;
    match journal(&third) {
        Some(_) => Ok(()),
        None => Err("the injection is gone".into()),
    }
}

fn pods_of_a_deployment(site: &Site<'_>) -> Result<(), Failed> {
    site.apply(Kind::Deployment, "web:1")?;
    // What a policy on pods would inject by now is something else.
    site.configure(&NEWER);
    site.kubectl("scale deployment/web --replicas=1", "")?;
    let deployment = wait_for(
        site.cluster,
        &site.namespace,
        &object(Kind::Deployment),
        |now| now["status"]["replicas"] == 1,
    )?;
    let template = &deployment["spec"]["template"];
    let sets = site.replica_sets()?;
    equal("ReplicaSets", &json!(sets.len()), &json!(1))?;
    let mut of_set = sets[0]["spec"]["template"].clone();
    if let Some(labels) = of_set["metadata"]["labels"].as_object_mut() {
        labels.shift_remove("pod-template-hash");
    }
    equal("the ReplicaSet's template", &of_set, template)?;
    let pods = site
        .cluster
        .client
        .list(&site.namespace, &json!({"apiVersion": "v1", "kind": "Pod"}))
        .map_err(|refusal| refusal.message)?;
    equal("pods", &json!(pods.len()), &json!(1))?;
    for key in ["containers", "initContainers", "volumes"] {
        equal(key, &pods[0]["spec"][key], &template["spec"][key])?;
    }
    equal(
        "annotations",
        &pods[0]["metadata"]["annotations"],
        &template["metadata"]["annotations"],
    )
}

fn job_of_a_cron_job(site: &Site<'_>) -> Result<(), Failed> {
    site.apply(Kind::CronJob, "web:1")?;
    site.configure(&NEWER);
    site.kubectl("create job web --from=cronjob/web", "")?;
    let get = |kind: Kind| {
        let object = site.cluster.client.get(&site.namespace, &object(kind));
        let object = object.map_err(|refusal| refusal.message)?;
        let template = object
            .pointer(kind.template_pointer())
            .cloned()
            .unwrap_or_default();
        Ok::<Value, Failed>(comparable(&template))
    };
    equal("the Job's template", &get(Kind::Job)?, &get(Kind::CronJob)?)
}

/// The API server knows the policy's change as that of whoever applied the object, so another manager who brings the value
/// of the manifest is told of a conflict. Without the policy both values would be the same.
fn server_side_after_client_side(site: &Site<'_>) -> Result<(), Failed> {
    site.apply(Kind::Deployment, "web:1")?;
    conflicts_once(site, "apply --server-side -f -")
}

fn second_manager(site: &Site<'_>) -> Result<(), Failed> {
    let manifest = Kind::Deployment
        .around("web", template("web:1"))
        .to_string();
    site.kubectl("apply --server-side -f -", &manifest)?;
    conflicts_once(site, "apply --server-side --field-manager=other -f -")
}

fn conflicts_once(site: &Site<'_>, command: &str) -> Result<(), Failed> {
    let manifest = Kind::Deployment
        .around("web", template("web:1"))
        .to_string();
    let before = site.template(Kind::Deployment)?;
    let Err(refusal) = site.kubectl(command, &manifest) else {
        return Err("there is no conflict".into());
    };
    let refusal = refusal.message().unwrap_or_default().to_owned();
    for word in ["conflict", "JAVA_TOOL_OPTIONS"] {
        if !refusal.contains(word) {
            return Err(format!("no word of {word}: {refusal}").into());
        }
    }
    site.kubectl(&format!("{command} --force-conflicts"), &manifest)?;
    site.kubectl(command, &manifest)?;
    equal("the template", &site.template(Kind::Deployment)?, &before)
}
