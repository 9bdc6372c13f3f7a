//! A service to talk to.

use std::time::Duration;

use clap::Parser;
use datakit_election::options::Options;
use datakit_election::service;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::connection::{Connection, Response};

/// A service of its own, on a free port of the loopback interface.
pub struct Running {
    pub address: String,
    pub stop: watch::Sender<bool>,
    pub ended: JoinHandle<()>,
}

/// Starts a service with the state in memory and some options, and waits until it is ready.
pub async fn start(options: &[&str]) -> Running {
    let name = ["datakit-election", "--store", "memory"];
    let options = Options::parse_from(name.iter().chain(options));
    let listener = service::listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = watch::channel(false);
    let ended =
        tokio::spawn(async move { service::run(options, listener, stopped).await.unwrap() });
    let running = Running {
        address,
        stop,
        ended,
    };
    while running.get("/readyz").await.code != 200 {
        sleep(Duration::from_millis(20)).await;
    }
    running
}

impl Running {
    pub async fn connect(&self) -> Connection {
        Connection::new(&self.address).await
    }

    pub async fn get(&self, target: &str) -> Response {
        self.send("GET", target, "").await
    }

    pub async fn post(&self, target: &str) -> Response {
        self.send("POST", target, "").await
    }

    pub async fn send(&self, method: &str, target: &str, body: &str) -> Response {
        self.connect().await.send(method, target, body).await
    }
}
