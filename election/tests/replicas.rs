//! Three replicas on a real API server, which `KUBECONFIG` names: storms, kill -9, clocks that step,
//! and Leases as the operator writes them.
//!
//! `KUBECONFIG=… cargo test -p datakit-election --test replicas -- --ignored`

#[path = "support/connection.rs"]
mod connection;

use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::time::Duration;

use datakit_election::lease::scope_name;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use connection::{Connection, Response};

struct Cluster {
    namespace: String,
    leases: Api<Lease>,
    replicas: Vec<Replica>,
}

struct Replica {
    address: String,
    program: Child,
}

impl Drop for Replica {
    fn drop(&mut self) {
        // SIGKILL
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Replica {
    async fn start(namespace: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let program = Command::new(env!("CARGO_BIN_EXE_datakit-election"))
            .args([
                "--listen",
                &address,
                "--namespace",
                namespace,
                "--log-level",
                "warn",
            ])
            .spawn()
            .unwrap();
        let replica = Self { address, program };
        let begin = Instant::now();
        while !replica.is_ready().await {
            assert!(begin.elapsed() < Duration::from_secs(30), "not ready");
            sleep(Duration::from_millis(50)).await;
        }
        replica
    }

    async fn is_ready(&self) -> bool {
        if TcpStream::connect(&self.address).await.is_err() {
            return false;
        }
        let mut connection = Connection::new(&self.address).await;
        connection
            .send("GET", "/v1/dk-election/status", "")
            .await
            .code
            == 200
    }
}

impl Cluster {
    async fn new(name: &str) -> Self {
        let client = Client::try_default().await.expect("KUBECONFIG");
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = format!("election-{name}-{}", std::process::id());
        let object = serde_json::from_value(json!({ "metadata": { "name": namespace } })).unwrap();
        namespaces
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
        let leases = Api::namespaced(client, &namespace);
        let mut replicas = Vec::new();
        for _ in 0..3 {
            replicas.push(Replica::start(&namespace).await);
        }
        Self {
            namespace,
            leases,
            replicas,
        }
    }

    /// Sends a request to a replica; none when it is not there.
    async fn send(&self, number: usize, target: &str, body: &str) -> Option<Response> {
        let address = self.replicas[number % self.replicas.len()].address.clone();
        let (target, body) = (target.to_owned(), body.to_owned());
        let sent = tokio::spawn(async move {
            Connection::new(&address)
                .await
                .send("POST", &target, &body)
                .await
        });
        sent.await.ok()
    }

    async fn ask(&self, number: usize, operation: &str, scope: &str, id: &str) -> Option<Value> {
        let target = format!("/v1/dk-election{operation}?id={id}&namespace={scope}&token=t");
        let answer = self.send(number, &target, "").await?;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        (answer.code == 200).then(|| body["content"].clone())
    }
}

#[tokio::test]
#[ignore = "needs an API server"]
async fn of_sixty_four_at_once_one_wins_again_and_again() {
    let cluster = &Cluster::new("storms").await;
    for round in 0..20 {
        let scope = format!("scope-{round}");
        let scope = &scope;
        let campaigns = (0..64).map(|number| async move {
            let id = format!("host-{number}");
            cluster
                .ask(number, "", scope, &id)
                .await
                .expect("an answer")
        });
        let answers = futures_util::future::join_all(campaigns).await;
        let won: Vec<_> = answers
            .iter()
            .filter(|answer| answer["status"] == "success")
            .collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        assert_eq!(won[0]["epoch"], 1);

        let lease = cluster.leases.get(&scope_name("t", scope)).await.unwrap();
        let lease = serde_json::to_value(&lease).unwrap();
        assert_eq!(
            lease["metadata"]["labels"],
            json!({ "election.datakits.io/managed": "true" })
        );
        let spec = &lease["spec"];
        let expected = json!({
            "holderIdentity": won[0]["id"],
            "leaseDurationSeconds": 30,
            "leaseTransitions": 1,
            "acquireTime": spec["acquireTime"],
            "renewTime": spec["acquireTime"],
        });
        assert_eq!(spec, &expected);
    }
}

#[tokio::test]
#[ignore = "needs an API server"]
async fn a_leader_goes_on_while_replicas_are_killed_in_a_loop() {
    let mut cluster = Cluster::new("kill").await;
    let won = cluster.ask(0, "", "scope", "leader").await.unwrap();
    assert_eq!(won["status"], "success");
    let (mut renewed, mut number) = (Instant::now(), 0);
    for round in 0..15 {
        let replica = Replica::start(&cluster.namespace).await;
        cluster.replicas[round % 3] = replica;
        for _ in 0..10 {
            number += 1;
            sleep(Duration::from_millis(100)).await;
            let other = cluster.ask(number, "", "scope", "other").await;
            if let Some(other) = other {
                assert_eq!(
                    (&other["status"], &other["incumbency_id"]),
                    (&json!("defeat"), &json!("leader"))
                );
            }
            let own = cluster
                .ask(number + 1, "/heartbeat", "scope", "leader")
                .await;
            if let Some(own) = own {
                assert_eq!(
                    (&own["status"], &own["epoch"]),
                    (&json!("success"), &json!(1))
                );
                renewed = Instant::now();
            }
            assert!(renewed.elapsed() < Duration::from_secs(10));
        }
    }
}

#[tokio::test]
#[ignore = "needs an API server"]
async fn the_leader_that_the_operator_elected_stays_whatever_the_clocks_say() {
    let cluster = Cluster::new("operator").await;
    for (scope, time) in [
        ("past", "2001-01-01T00:00:00.000000Z"),
        ("future", "2101-01-01T00:00:00.000000Z"),
    ] {
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": scope_name("t", scope),
                "labels": { "election.datakits.io/managed": "true" },
            },
            "spec": {
                "holderIdentity": "old",
                "leaseDurationSeconds": 30,
                "acquireTime": time,
                "renewTime": time,
                "leaseTransitions": 7,
            },
        });
        let lease = serde_json::from_value(lease).unwrap();
        cluster
            .leases
            .create(&PostParams::default(), &lease)
            .await
            .unwrap();
    }
    let begin = Instant::now();
    for scope in ["past", "future"] {
        let renewed = cluster.ask(0, "/heartbeat", scope, "old").await.unwrap();
        assert_eq!(
            (&renewed["status"], &renewed["epoch"]),
            (&json!("success"), &json!(7))
        );
    }
    // Someone sets the clock of the old leader's replica back; nobody takes over for that.
    let patch = json!({ "spec": { "renewTime": "1999-01-01T00:00:00.000000Z" } });
    cluster
        .leases
        .patch(
            &scope_name("t", "past"),
            &PatchParams::default(),
            &Patch::Merge(patch),
        )
        .await
        .unwrap();
    for scope in ["past", "future"] {
        loop {
            let answer = cluster.ask(1, "", scope, "new").await.unwrap();
            if answer["status"] == "success" {
                assert_eq!(answer["epoch"], 8);
                break;
            }
            assert_eq!(answer["incumbency_id"], "old");
            assert!(begin.elapsed() < Duration::from_secs(34));
            sleep(Duration::from_millis(500)).await;
        }
        assert!(
            begin.elapsed() > Duration::from_secs(29),
            "{:?}",
            begin.elapsed()
        );
        let late = cluster.ask(2, "/heartbeat", scope, "old").await.unwrap();
        assert_eq!(
            (&late["status"], &late["incumbency_id"]),
            (&json!("defeat"), &json!("new"))
        );
    }
}

#[tokio::test]
#[ignore = "needs an API server"]
async fn collectors_are_shared_over_replicas_and_stay_when_the_assigner_is_killed() {
    let mut cluster = Cluster::new("tasks").await;
    let inputs = ["kafka", "mysql", "redis"];
    let mut running = vec![BTreeSet::from(inputs.map(str::to_owned)); 3];
    let begin = Instant::now();
    while running.iter().any(|running| running.len() != 1) {
        ask_all(&cluster, &inputs, &mut running).await;
        assert!(begin.elapsed() < Duration::from_secs(40), "{running:?}");
    }
    let settled = running.clone();
    for _ in 0..3 {
        let replica = Replica::start(&cluster.namespace).await;
        cluster.replicas.rotate_left(1);
        cluster.replicas[2] = replica;
        for _ in 0..10 {
            ask_all(&cluster, &inputs, &mut running).await;
            assert_eq!(running, settled);
        }
    }
    // What replicas wrote is told by its names.
    let list = cluster.leases.list(&ListParams::default()).await.unwrap();
    let names = list
        .items
        .into_iter()
        .filter_map(|lease| lease.metadata.name);
    assert!(
        names
            .into_iter()
            .all(|name| name.starts_with("datakit-election-tasks"))
    );
    cluster
        .leases
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .await
        .unwrap();
}

/// Each Datakit asks a replica of its own.
async fn ask_all(cluster: &Cluster, inputs: &[&str], running: &mut [BTreeSet<String>]) {
    sleep(Duration::from_millis(300)).await;
    for (number, running) in running.iter_mut().enumerate() {
        let offers: Value = inputs
            .iter()
            .map(|input| ((*input).to_owned(), json!(1)))
            .collect();
        let body = json!({ "namespace": "N/A", "id": format!("host-{number}"), "timestamp": 0, "application_inputs": offers, "running_inputs": running });
        let answer = cluster
            .send(number, "/v1/datakit/election", &body.to_string())
            .await;
        let Some(answer) = answer.filter(|answer| answer.code == 200) else {
            continue;
        };
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        *running = answer["allowed_inputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|input| input.as_str().unwrap().to_owned())
            .collect();
    }
}
