//! The Lease protocol over HTTP: bodies, codes and headers, and Datakit's checks of the answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::connection::Response;
use crate::running::{Running, start};

fn json_answer(code: u16, body: &str) -> Response {
    Response {
        code,
        content_type: "application/json; charset=utf-8".to_owned(),
        closes: code == 503,
        body: body.to_owned(),
    }
}

fn ask(operation: &str, id: &str) -> String {
    format!("/v1/dk-election{operation}?id={id}&namespace=prod&token=tkn_secret")
}

/// What Datakit 2.12 asks of an answer before it believes it.
fn datakit_accepts(response: &Response, namespace: &str, id: &str) -> bool {
    if response.code != 200 || response.body.len() > 1 << 20 {
        return false;
    }
    let Ok(answer) = serde_json::from_str::<Value>(&response.body) else {
        return false;
    };
    let content = &answer["content"];
    let interval = content["interval"].as_i64().unwrap_or_default();
    let common = interval > 2 && content["namespace"] == namespace && content["id"] == id;
    common
        && match content["status"].as_str() {
            Some("success") => {
                content["incumbency_id"] == id
                    && content["epoch"].as_i64() > Some(0)
                    && content["lease_duration"].as_i64() > Some(interval)
            }
            Some("defeat") => true,
            _ => false,
        }
}

#[tokio::test]
async fn the_status_is_ready() {
    let service = start(&[]).await;
    let status = service.get("/v1/dk-election/status").await;
    assert_eq!(
        status,
        json_answer(200, r#"{"content":{"status":"ready"}}"#)
    );
}

#[tokio::test]
async fn one_leads_and_the_others_are_defeated_in_the_operators_words() {
    let service = start(&[]).await;
    let won = service.post(&ask("", "a")).await;
    let success = r#"{"content":{"status":"success","namespace":"prod","id":"a","incumbency_id":"a","error_msg":"","interval":3,"lease_duration":30,"epoch":1}}"#;
    assert_eq!(won, json_answer(200, success));
    assert!(datakit_accepts(&won, "prod", "a"));

    let lost = service.post(&ask("", "b")).await;
    let defeat = r#"{"content":{"status":"defeat","namespace":"prod","id":"b","incumbency_id":"a","error_msg":"","interval":3,"lease_duration":30,"epoch":1}}"#;
    assert_eq!(lost, json_answer(200, defeat));
    assert!(datakit_accepts(&lost, "prod", "b"));

    let renewed = service.post(&ask("/heartbeat", "a")).await;
    assert_eq!(renewed, json_answer(200, success));
    let not_renewed = service.post(&ask("/heartbeat", "b")).await;
    assert_eq!(not_renewed, json_answer(200, defeat));
    // Started anew, it waits like anyone else.
    let again = service.post(&ask("", "a")).await;
    assert_eq!(
        again,
        json_answer(200, &success.replace("success", "defeat"))
    );
}

#[tokio::test]
async fn a_namespace_that_is_not_given_is_one_of_its_own() {
    let service = start(&[]).await;
    let with = service
        .post("/v1/dk-election?id=a&namespace=x&token=t")
        .await;
    let without = service.post("/v1/dk-election?id=b&token=t").await;
    assert!(datakit_accepts(&with, "x", "a"));
    assert!(datakit_accepts(&without, "", "b"));
    let statuses = [with, without].map(|response| {
        let answer: Value = serde_json::from_str(&response.body).unwrap();
        answer["content"]["status"].clone()
    });
    assert_eq!(statuses, ["success", "success"]);
}

#[tokio::test]
async fn names_come_back_as_they_were_sent() {
    let service = start(&[]).await;
    let answer = service
        .post("/v1/dk-election?id=a%2Fb+c%26&namespace=%E4%B8%AD&token=t%3D")
        .await;
    assert!(datakit_accepts(&answer, "中", "a/b c&"), "{answer:?}");
}

#[tokio::test]
async fn sixty_four_campaigns_at_once_have_one_winner() {
    let service = start(&[]).await;
    let service = &service;
    let campaigns = (0..64).map(|number| async move {
        let target = ask("", &number.to_string());
        service.post(&target).await
    });
    let answers = futures_util::future::join_all(campaigns).await;
    let won = answers
        .iter()
        .filter(|answer| answer.body.contains(r#""status":"success""#));
    assert_eq!(won.count(), 1);
    assert!(
        answers.iter().all(|answer| answer.code == 200),
        "{answers:?}"
    );
}

#[tokio::test]
async fn the_metrics_count_and_tell_no_secret() {
    let service = start(&[]).await;
    service.post(&ask("", "host-a")).await;
    service.post(&ask("", "host-b")).await;
    service.post("/v1/dk-election").await;
    // The watch shows the Lease a moment later.
    let text = wait_for(&service, "datakit_operator_election_active_scopes 1").await;
    for line in [
        "datakit_operator_election_requests_total{operation=\"campaign\",result=\"success\"} 1",
        "datakit_operator_election_requests_total{operation=\"campaign\",result=\"defeat\"} 1",
        "datakit_operator_election_requests_total{operation=\"campaign\",result=\"error\"} 1",
        "datakit_operator_election_requests_total{operation=\"heartbeat\",result=\"error\"} 0",
        "datakit_operator_election_transitions_total{reason=\"first_acquire\"} 1",
        "datakit_operator_election_transitions_total{reason=\"lease_expired\"} 0",
        "datakit_operator_election_storage_errors_total{operation=\"informer\"} 0",
        "datakit_operator_election_cas_conflicts_total{operation=\"heartbeat\"} 0",
        "datakit_operator_election_lease_age_seconds 0",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    for secret in ["tkn_secret", "prod", "host-"] {
        assert!(!text.contains(secret), "{text}");
    }
}

async fn wait_for(service: &Running, line: &str) -> String {
    let start = Instant::now();
    loop {
        let answer = service.get("/metrics").await;
        assert_eq!(
            answer.content_type,
            "text/plain; version=0.0.4; charset=utf-8"
        );
        if answer.body.lines().any(|own| own == line) {
            return answer.body;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{}", answer.body);
    }
}

#[tokio::test]
async fn the_probes_are_there() {
    let service = start(&[]).await;
    for path in ["/v1/ping", "/v1/ready", "/healthz", "/readyz"] {
        let answer = service.get(path).await;
        assert_eq!(
            answer,
            json_answer(200, &json!({ "status": "ok" }).to_string())
        );
    }
}
