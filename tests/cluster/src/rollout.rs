//! What the controllers make of a workload.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cluster::Cluster;

/// How long the controllers may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `is_so` is true of the object.
///
/// # Errors
/// What the object is, where it never is.
pub fn wait_for(
    cluster: &Cluster,
    namespace: &str,
    object: &Value,
    is_so: impl Fn(&Value) -> bool,
) -> Result<Value, String> {
    let started = Instant::now();
    loop {
        let now = cluster
            .client
            .get(namespace, object)
            .map_err(|refusal| refusal.message)?;
        if is_so(&now) {
            return Ok(now);
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("the controllers do not finish: {now}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the controller has seen the object as it is now.
///
/// # Errors
/// What the object is, where the controller does not come.
pub fn settled(cluster: &Cluster, namespace: &str, object: &Value) -> Result<Value, String> {
    wait_for(cluster, namespace, object, |now| {
        now["status"]["observedGeneration"] == now["metadata"]["generation"]
    })
}

/// The revision that a Deployment has come to, counted from 1.
///
/// # Errors
/// What the object is, where the controller does not come.
pub fn revision(cluster: &Cluster, namespace: &str, object: &Value) -> Result<u64, String> {
    let deployment = settled(cluster, namespace, object)?;
    let revision = &deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
    let revision = revision.as_str().and_then(|text| text.parse().ok());
    revision.ok_or_else(|| format!("it has no revision: {deployment}"))
}

/// How many ReplicaSets a namespace has.
///
/// # Errors
/// The API server's refusal.
pub fn replica_sets(cluster: &Cluster, namespace: &str) -> Result<Vec<Value>, String> {
    let of_kind = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet"});
    cluster
        .client
        .list(namespace, &of_kind)
        .map_err(|refusal| refusal.message)
}
