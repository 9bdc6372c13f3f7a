//! The task protocol over HTTP.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::connection::Response;
use crate::running::{Running, start};

fn offer(id: &str, inputs: &Value, running: &[&str]) -> String {
    // The order of Go's struct.
    let running = Value::from(running);
    format!(
        r#"{{"namespace":"N/A","id":"{id}","timestamp":1683800000000,"application_inputs":{inputs},"running_inputs":{running}}}"#
    )
}

async fn ask(service: &Running, body: &str) -> Response {
    service.send("POST", "/v1/datakit/election", body).await
}

#[tokio::test]
async fn datakit_finds_the_service_by_its_ping() {
    let service = start(&[]).await;
    for (method, body) in [("HEAD", ""), ("GET", "OK\n")] {
        let answer = service.send(method, "/ping", "").await;
        assert_eq!((answer.code, answer.body.as_str()), (200, body));
    }
}

#[tokio::test]
async fn without_the_task_protocol_datakit_does_not_find_it() {
    let service = start(&["--tasks", "false"]).await;
    assert_eq!(service.send("HEAD", "/ping", "").await.code, 404);
    assert_eq!(ask(&service, "{}").await.code, 404);
}

#[tokio::test]
async fn a_datakit_without_a_name_is_told_null() {
    let service = start(&[]).await;
    let expected = Response {
        code: 200,
        content_type: "application/json".to_owned(),
        closes: false,
        body: r#"{"allowed_inputs":null}"#.to_owned(),
    };
    assert_eq!(
        ask(&service, r#"{"id":"","application_inputs":{"a":1}}"#).await,
        expected
    );
}

#[tokio::test]
async fn two_datakits_share_what_they_offer() {
    let service = start(&[]).await;
    let inputs = json!({ "mysql": 2, "redis": 2 });
    let all = BTreeSet::from(["mysql".to_owned(), "redis".to_owned()]);
    let mut running = [all.clone(), all];
    let begin = Instant::now();
    let mut not_yet = 0;
    loop {
        for (number, running) in running.iter_mut().enumerate() {
            let told: Vec<&str> = running.iter().map(String::as_str).collect();
            let answer = ask(&service, &offer(&format!("host-{number}"), &inputs, &told)).await;
            if answer.code == 503 {
                // Datakit goes on with what it runs.
                assert!(answer.closes);
                not_yet += 1;
                continue;
            }
            assert_eq!(
                (answer.code, answer.content_type.as_str()),
                (200, "application/json")
            );
            *running = answer.allowed_inputs().unwrap();
        }
        if running.iter().all(|running| running.len() == 1) {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{running:?}");
        sleep(Duration::from_millis(100)).await;
    }
    assert_ne!(running[0], running[1]);
    // Nothing is assigned before all Datakits can have asked.
    assert!(not_yet > 0);
    assert!(begin.elapsed() > Duration::from_secs(9));
}
