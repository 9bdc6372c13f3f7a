//! The Lease protocol: storms, kill -9, clocks that step, and Leases as the operator writes them.

use std::time::Duration;

use datakit_election::lease::scope_name;
use kube::api::PostParams;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::place::{Place, Replica, Replicas};

#[tokio::main(flavor = "current_thread")]
pub async fn of_sixty_four_at_once_one_wins_again_and_again(place: &Place) {
    let replicas = &Replicas::start(place).await;
    let leases = place.leases().await;
    for round in 0..20 {
        let scope = &format!("scope-{round}");
        let campaigns = (0..64).map(|number| async move {
            let id = format!("host-{number}");
            let answer = replicas.ask(number, "", scope, &id).await;
            answer.expect("an answer")
        });
        let answers = futures_util::future::join_all(campaigns).await;
        let won: Vec<_> = answers
            .iter()
            .filter(|answer| answer["status"] == "success")
            .collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        assert_eq!(won[0]["epoch"], 1);

        let lease = leases.get(&scope_name("t", scope)).await.unwrap();
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

#[tokio::main(flavor = "current_thread")]
pub async fn a_leader_goes_on_while_replicas_are_killed_in_a_loop(place: &Place) {
    let mut replicas = Replicas::start(place).await;
    let won = replicas.ask(0, "", "scope", "leader").await.unwrap();
    assert_eq!(won["status"], "success");
    let mut number = 0;
    for round in 0..15 {
        // The one that was there is killed as soon as the new one is ready.
        replicas.all[round % 3] = Replica::start(place, &[]).await;
        let mut renewals = 0;
        for _ in 0..10 {
            number += 1;
            sleep(Duration::from_millis(100)).await;
            let other = replicas.ask(number, "", "scope", "other").await;
            if let Some(other) = other {
                assert_eq!(
                    (&other["status"], &other["incumbency_id"]),
                    (&json!("defeat"), &json!("leader"))
                );
            }
            let own = replicas
                .ask(number + 1, "/heartbeat", "scope", "leader")
                .await;
            if let Some(own) = own {
                assert_eq!(
                    (&own["status"], &own["epoch"]),
                    (&json!("success"), &json!(1))
                );
                renewals += 1;
            }
        }
        assert!(renewals > 0, "in round {round}");
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn the_leader_that_the_operator_elected_stays_whatever_the_clocks_say(place: &Place) {
    let replicas = Replicas::start(place).await;
    let leases = place.leases().await;
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
        leases.create(&PostParams::default(), &lease).await.unwrap();
    }
    let begin = Instant::now();
    for scope in ["past", "future"] {
        let renewed = replicas.ask(0, "/heartbeat", scope, "old").await.unwrap();
        assert_eq!(
            (&renewed["status"], &renewed["epoch"]),
            (&json!("success"), &json!(7))
        );
    }
    // Someone sets the clock of the old leader's replica back; nobody takes over for that.
    let set_back = json!({ "spec": { "renewTime": "1999-01-01T00:00:00.000000Z" } });
    place.kubectl(
        &[
            "patch",
            "lease",
            &scope_name("t", "past"),
            "--type=merge",
            &format!("--patch={set_back}"),
        ],
        "",
    );
    for scope in ["past", "future"] {
        loop {
            let answer = replicas.ask(1, "", scope, "new").await.unwrap();
            if answer["status"] == "success" {
                assert_eq!(answer["epoch"], 8);
                break;
            }
            assert_eq!(answer["incumbency_id"], "old");
            assert!(begin.elapsed() < Duration::from_secs(60));
            sleep(Duration::from_millis(500)).await;
        }
        assert!(
            begin.elapsed() > Duration::from_secs(29),
            "{:?}",
            begin.elapsed()
        );
        let late = replicas.ask(2, "/heartbeat", scope, "old").await.unwrap();
        assert_eq!(
            (&late["status"], &late["incumbency_id"]),
            (&json!("defeat"), &json!("new"))
        );
    }
}
