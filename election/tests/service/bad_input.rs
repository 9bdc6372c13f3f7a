//! What nobody should send.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::connection::Response;
use crate::running::start;

#[tokio::test]
async fn a_request_without_token_or_id_gets_400_in_the_operators_words() {
    let service = start(&[]).await;
    for query in [
        "",
        "?id=a&namespace=n",
        "?token=t&namespace=n",
        "?token=&id=",
    ] {
        let answer = service.post(&format!("/v1/dk-election{query}")).await;
        assert_eq!(answer.code, 400);
        let text = r#""error_msg":"token and id cannot be empty","interval":3,"lease_duration":30,"epoch":0}}"#;
        assert!(answer.body.ends_with(text), "{answer:?}");
    }
}

#[tokio::test]
async fn other_methods_and_paths_get_404_as_in_the_operator() {
    let service = start(&[]).await;
    for (method, path) in [
        ("GET", "/v1/dk-election?token=t&id=a"),
        ("PUT", "/v1/dk-election/heartbeat?token=t&id=a"),
        ("POST", "/v1/dk-election/status"),
        ("HEAD", "/v1/dk-election/status"),
        ("DELETE", "/metrics"),
        ("GET", "/v1/cluster/api/v1/pods"),
        ("GET", "/v1/logging/configs?namespace=n&pod_name=p"),
        ("GET", "/"),
    ] {
        let answer = service.send(method, path, "").await;
        let body = if method == "HEAD" {
            ""
        } else {
            "404 page not found"
        };
        let expected = Response {
            code: 404,
            content_type: "text/plain; charset=utf-8".to_owned(),
            closes: false,
            body: body.to_owned(),
        };
        assert_eq!(answer, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_of_2_mb_means_nothing_to_a_campaign() {
    let service = start(&[]).await;
    let body = "x".repeat(2 << 20);
    let mut connection = service.connect().await;
    let target = "/v1/dk-election?id=a&namespace=n&token=t";
    let answer = connection.send("POST", target, &body).await;
    assert_eq!(answer.code, 200);
    // The connection is still there.
    let target = target.replace("election?", "election/heartbeat?");
    assert_eq!(connection.send("POST", &target, "").await.code, 200);
}

#[tokio::test]
async fn bodies_of_tasks_that_cannot_be_read_get_400() {
    let service = start(&[]).await;
    for (body, problem) in [
        ("", "Request could not be decoded: "),
        ("{", "Request could not be decoded: "),
        ("[1]", "Request could not be decoded: "),
        (r#"{"id":7}"#, "Request could not be decoded: "),
        (
            r#"{"id":"a","application_inputs":{"mysql":"two"}}"#,
            "Request could not be decoded: ",
        ),
        (
            &format!(r#"{{"id":"{}"}}"#, "a".repeat(257)),
            "Invalid election parameter: ",
        ),
        (&"x".repeat(5 << 20), "Request could not be decoded: "),
    ] {
        let answer = service.send("POST", "/v1/datakit/election", body).await;
        assert_eq!(answer.code, 400);
        assert!(answer.body.starts_with(problem), "{answer:?}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_speak_tls_or_does_not_speak_at_all_is_let_go() {
    let service = start(&[]).await;
    let start = Instant::now();
    let mut silent = TcpStream::connect(&service.address).await.unwrap();
    let mut plain = TcpStream::connect(&service.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut plain, b"GET /ping HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"HTTP"));
    let _ = silent.read_to_end(&mut rest).await;
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn slow_clients_hold_up_nobody() {
    let service = start(&["--max-connections", "50"]).await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut connection = service.connect().await;
        connection
            .write(b"POST /v1/dk-election?id=a HTTP/1.1\r\nHo")
            .await;
        slow.push(connection);
    }
    let start = Instant::now();
    assert_eq!(service.get("/v1/ping").await.code, 200);
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_one_is_free() {
    let service = start(&["--max-connections", "2"]).await;
    let first = service.connect().await;
    let _second = service.connect().await;
    let third = tokio::spawn({
        let address = service.address.clone();
        async move {
            let mut connection = crate::connection::Connection::new(&address).await;
            connection.send("GET", "/v1/ping", "").await.code
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!third.is_finished());
    drop(first);
    assert_eq!(third.await.unwrap(), 200);
}
