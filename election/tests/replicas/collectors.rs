//! The task protocol.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::place::{Place, Replica, Replicas};

const INPUTS: [&str; 3] = ["kafka", "mysql", "redis"];

#[tokio::main(flavor = "current_thread")]
pub async fn collectors_are_shared_over_replicas_and_stay_when_the_assigner_is_killed(
    place: &Place,
) {
    let mut replicas = Replicas::start(place).await;
    let mut running = vec![BTreeSet::from(INPUTS.map(str::to_owned)); 3];
    let begin = Instant::now();
    while running.iter().any(|running| running.len() != 1) {
        ask_all(&replicas, &mut running).await;
        assert!(begin.elapsed() < Duration::from_secs(90), "{running:?}");
    }
    let settled = running.clone();
    for _ in 0..3 {
        replicas.all.rotate_left(1);
        replicas.all[2] = Replica::start(place, &[]).await;
        for _ in 0..10 {
            ask_all(&replicas, &mut running).await;
            assert_eq!(running, settled);
        }
    }
    // What replicas wrote is told by its names.
    let leases = place.leases().await;
    let list = leases.list(&ListParams::default()).await.unwrap();
    let names = list
        .items
        .into_iter()
        .filter_map(|lease| lease.metadata.name);
    let others: Vec<String> = names
        .filter(|name| !name.starts_with("datakit-election-tasks"))
        .collect();
    assert_eq!(others, [""; 0]);
}

/// Each Datakit asks a replica of its own.
async fn ask_all(replicas: &Replicas, running: &mut [BTreeSet<String>]) {
    sleep(Duration::from_millis(300)).await;
    for (number, running) in running.iter_mut().enumerate() {
        let offers: Value = INPUTS
            .iter()
            .map(|input| ((*input).to_owned(), json!(1)))
            .collect();
        let body = json!({
            "namespace": "N/A",
            "id": format!("host-{number}"),
            "timestamp": 0,
            "application_inputs": offers,
            "running_inputs": running,
        });
        let answer = replicas
            .send(number, "/v1/datakit/election", &body.to_string())
            .await;
        if let Some(allowed) = answer.allowed_inputs() {
            *running = allowed;
        }
    }
}
