//! A namespace in which the service is installed, and replicas of it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use datakit_policy_cluster::api_server::{ApiServer, root};
use datakit_policy_cluster::process::Background;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use crate::connection::{Connection, Response};

/// The namespace of a test.
pub struct Place {
    pub server: Arc<ApiServer>,
    pub namespace: String,
}

/// The user that the replicas in a namespace are.
pub fn account(namespace: &str) -> String {
    format!("system:serviceaccount:{namespace}:datakit-election")
}

impl Place {
    /// Makes the namespace.
    pub fn new(server: Arc<ApiServer>, namespace: String) -> Self {
        let place = Self { server, namespace };
        place.kubectl(&["create", "namespace", &place.namespace], "");
        place
    }

    /// Applies a file of `deploy/election`, with this namespace in the place of its own.
    pub fn install(&self, file: &str) {
        let path = root().join("deploy/election").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let here = format!("namespace: {}\n", self.namespace);
        self.kubectl(
            &["apply", "--filename", "-"],
            &text.replace("namespace: datakit\n", &here),
        );
    }

    /// What kubectl prints as the administrator.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> String {
        let output = self.server.kubectl.run(&self.namespace, arguments, input);
        assert!(output.succeeded, "{arguments:?}: {}", output.complained);
        output.printed
    }

    fn kubeconfig(&self) -> PathBuf {
        self.server.kubeconfig(&account(&self.namespace))
    }

    /// The Leases of the namespace, as the replicas may use them.
    pub async fn leases(&self) -> Api<Lease> {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig()).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let client = kube::Client::try_from(config.unwrap()).unwrap();
        Api::namespaced(client, &self.namespace)
    }
}

/// A process of the service, which is killed where this goes.
pub struct Replica {
    pub address: String,
    program: Background,
}

impl Replica {
    /// Starts one, and waits until it is ready.
    pub async fn start(place: &Place, options: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let mut command = Command::new(env!("CARGO_BIN_EXE_datakit-election"));
        command
            .args(["--listen", &address, "--namespace", &place.namespace])
            .args(options)
            .env("KUBECONFIG", place.kubeconfig());
        let log = place.server.folder().join(format!("{address}.log"));
        let mut replica = Self {
            address,
            program: Background::start(command, log),
        };
        let begin = Instant::now();
        while !replica.is_ready().await {
            assert!(
                replica.program.is_running() && begin.elapsed() < Duration::from_secs(60),
                "not ready:\n{}",
                replica.program.last_lines()
            );
            sleep(Duration::from_millis(50)).await;
        }
        replica
    }

    async fn is_ready(&self) -> bool {
        if TcpStream::connect(&self.address).await.is_err() {
            return false;
        }
        self.send("GET", "/v1/dk-election/status", "").await.code == 200
    }

    /// Sends a request over a connection of its own.
    pub async fn send(&self, method: &str, target: &str, body: &str) -> Response {
        let mut connection = Connection::new(&self.address).await;
        connection.send(method, target, body).await
    }
}

/// Three replicas, as the Service has them behind it.
pub struct Replicas {
    pub all: Vec<Replica>,
}

impl Replicas {
    /// Installs the rights, and starts the replicas.
    pub async fn start(place: &Place) -> Self {
        place.install("base/rbac.yaml");
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(Replica::start(place, &[]).await);
        }
        Self { all }
    }

    /// Sends a request to a replica.
    pub async fn send(&self, number: usize, target: &str, body: &str) -> Response {
        let replica = &self.all[number % self.all.len()];
        replica.send("POST", target, body).await
    }

    /// Campaigns or renews; none where the replica does not know.
    pub async fn ask(
        &self,
        number: usize,
        operation: &str,
        scope: &str,
        id: &str,
    ) -> Option<Value> {
        let target = format!("/v1/dk-election{operation}?id={id}&namespace={scope}&token=t");
        let answer = self.send(number, &target, "").await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        (answer.code == 200).then(|| body["content"].clone())
    }
}
