//! The Lease protocol without a server: names, decisions, and what a store that fails leads to.

use std::sync::Arc;
use std::time::Duration;

use datakit_election::cache::Cache;
use datakit_election::lease::{
    Answer, Coordinator, Decision, Failure, Request, decide, scope_name,
};
use datakit_election::metrics::Metrics;
use datakit_election::store::Store;
use datakit_election::store::memory::MemoryStore;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{advance, sleep};

#[test]
fn leases_have_the_operators_names() {
    // Computed by the operator's rule.
    for (token, namespace, hash) in [
        (
            "secret",
            "",
            "44d860d08f70bb4de4d2452ad71ff79e9fd3faf8f0bbad89092632a2e57904d0",
        ),
        (
            "secret",
            "prod",
            "10383a841b04177ffe90f5d0d328800f2c3d0130653e593b89ff1c88c0745c2c",
        ),
    ] {
        assert_eq!(
            scope_name(token, namespace),
            format!("datakit-election-{hash}")
        );
    }
    assert_ne!(scope_name("ab", "c"), scope_name("a", "bc"));
}

fn lease(holder: &str, epoch: i32) -> Lease {
    let lease = json!({
        "metadata": {
            "name": "name",
            "resourceVersion": "5",
            "labels": { "election.datakits.io/managed": "true", "own": "label" },
            "annotations": { "own": "annotation" },
        },
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "leaseTransitions": epoch,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": "2026-01-01T00:00:00.000000Z",
        },
    });
    serde_json::from_value(lease).unwrap()
}

#[test]
fn a_decision_depends_on_who_asks_and_whether_the_lease_is_active() {
    let now: Timestamp = "2026-11-26T00:00:00Z".parse().unwrap();
    let of = |request, id, lease: Option<&Lease>, active| match decide(
        request, "name", id, lease, active, now,
    ) {
        Decision::Defeat => json!("defeat"),
        Decision::Create(lease) => json!({ "create": lease }),
        Decision::Replace(lease) => json!({ "replace": lease }),
    };
    let held = lease("a", 3);
    let time = "2026-11-26T00:00:00.000000Z";

    let created = json!({ "create": {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": "name", "labels": { "election.datakits.io/managed": "true" } },
        "spec": {
            "holderIdentity": "a",
            "leaseDurationSeconds": 30,
            "leaseTransitions": 1,
            "acquireTime": time,
            "renewTime": time,
        },
    }});
    assert_eq!(of(Request::Campaign, "a", None, false), created);
    assert_eq!(of(Request::Heartbeat, "a", None, false), "defeat");

    let mut taken = json!({ "replace": held });
    let spec: &mut Value = &mut taken["replace"]["spec"];
    spec["holderIdentity"] = json!("b");
    spec["leaseDurationSeconds"] = json!(30);
    spec["leaseTransitions"] = json!(4);
    spec["acquireTime"] = json!(time);
    spec["renewTime"] = json!(time);
    assert_eq!(of(Request::Campaign, "b", Some(&held), false), taken);

    let mut renewed = json!({ "replace": held });
    renewed["replace"]["spec"]["renewTime"] = json!(time);
    assert_eq!(of(Request::Heartbeat, "a", Some(&held), true), renewed);

    for (request, id, active) in [
        (Request::Campaign, "a", true),
        (Request::Campaign, "b", true),
        (Request::Heartbeat, "b", true),
        (Request::Heartbeat, "a", false),
    ] {
        assert_eq!(
            of(request, id, Some(&held), active),
            "defeat",
            "{request:?} {id} {active}"
        );
    }
}

/// A coordinator over a store that has a watch on it.
async fn coordinator(store: &MemoryStore) -> Arc<Coordinator<MemoryStore>> {
    let (store, cache) = (Arc::new(store.clone()), Arc::new(Cache::default()));
    let metrics = Arc::new(Metrics::default());
    let coordinator =
        Coordinator::new(Arc::clone(&store), Arc::clone(&cache), Arc::clone(&metrics));
    tokio::spawn(async move { cache.run(&*store, &metrics).await });
    sleep(Duration::from_millis(10)).await;
    Arc::new(coordinator)
}

async fn elect(coordinator: &Coordinator<MemoryStore>, request: Request, id: &str) -> Answer {
    coordinator
        .elect(request, "secret", "prod", id)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_leader_leads_as_in_the_operators_own_life_of_an_election() {
    let store = MemoryStore::default();
    let coordinator = coordinator(&store).await;
    for (wait, request, id, status, leader, epoch) in [
        (0, Request::Campaign, "a", "success", "a", 1),
        (0, Request::Campaign, "b", "defeat", "a", 1),
        (0, Request::Campaign, "a", "defeat", "a", 1),
        (20, Request::Heartbeat, "a", "success", "a", 1),
        (11, Request::Campaign, "b", "defeat", "a", 1),
        (0, Request::Heartbeat, "b", "defeat", "a", 1),
        (20, Request::Heartbeat, "a", "defeat", "", 1),
        (0, Request::Campaign, "b", "success", "b", 2),
        (0, Request::Heartbeat, "a", "defeat", "b", 2),
    ] {
        advance(Duration::from_secs(wait)).await;
        sleep(Duration::from_millis(1)).await;
        let answer = elect(&coordinator, request, id).await;
        let expected = (status, leader, epoch);
        assert_eq!(
            (answer.status, answer.incumbency_id.as_str(), answer.epoch),
            expected
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_has_just_started_waits_for_the_whole_duration() {
    let store = MemoryStore::default();
    let mut old = lease("a", 3);
    old.metadata.name = Some(scope_name("secret", "prod"));
    store.create(old).await.unwrap();
    let coordinator = coordinator(&store).await;
    // The Lease itself says fifteen seconds, and that it was renewed months ago.
    advance(Duration::from_secs(14)).await;
    assert_eq!(
        elect(&coordinator, Request::Campaign, "b").await.status,
        "defeat"
    );
    advance(Duration::from_secs(1)).await;
    assert_eq!(elect(&coordinator, Request::Campaign, "b").await.epoch, 4);
}

#[tokio::test(start_paused = true)]
async fn without_a_cache_nothing_is_said() {
    let (store, cache) = (Arc::new(MemoryStore::default()), Arc::new(Cache::default()));
    let coordinator = Coordinator::new(store, cache, Arc::new(Metrics::default()));
    assert_eq!(coordinator.check_ready().await, Err(Failure::CacheNotReady));
    let answer = coordinator.elect(Request::Campaign, "t", "n", "a").await;
    assert_eq!(answer, Err(Failure::CacheNotReady));
}

#[test]
fn an_answer_without_a_leader_has_all_fields() {
    let answer = Answer::unavailable("prod", "a", Failure::StorageUnavailable);
    let expected = r#"{"status":"error","namespace":"prod","id":"a","incumbency_id":"","error_msg":"DataKit election coordinator unavailable","error_code":"storage_unavailable","interval":3,"lease_duration":30,"epoch":0}"#;
    assert_eq!(serde_json::to_string(&answer).unwrap(), expected);
}
