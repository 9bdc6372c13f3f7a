//! The end in good order.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::running::start;

#[tokio::test]
async fn what_is_under_way_is_answered_and_then_nobody_is_accepted() {
    let service = start(&[]).await;
    let mut open = service.connect().await;
    assert_eq!(open.send("GET", "/v1/ping", "").await.code, 200);
    service.stop.send_replace(true);
    sleep(Duration::from_millis(200)).await;
    // The endpoints still lead here for a while, but are told not to.
    assert_eq!(service.get("/readyz").await.code, 503);
    assert_eq!(open.send("GET", "/v1/ping", "").await.code, 200);

    let asked = Instant::now();
    service.ended.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(8));
    assert_eq!(open.read("GET").await, None);
    assert!(TcpStream::connect(&service.address).await.is_err());
}
