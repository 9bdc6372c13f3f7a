//! The API server and the webhook, together.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datakit_policy_host::policy::Policy;
use datakit_policy_host::yaml::{self, DuplicateKeys};
use serde_json::{Value, json};

use crate::api_server::{ApiServer, CONTROLLERS, PATIENCE, binaries, free_ports, root};
use crate::bridge::Bridge;
use crate::certificates::Certificates;
use crate::client::{Client, PatchType, Store};
use crate::kubectl::Kubectl;
use crate::process::Background;

/// Where the policy is asked in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nowhere: objects are what the API server makes of them.
    None,
    /// On workloads, as `deploy/workloads.yaml` has it.
    Workloads,
    /// On pods, as `deploy/pods.yaml` has it.
    Pods,
    /// On both.
    All,
}

impl Level {
    fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Workloads => "workloads",
            Self::Pods => "pods",
            Self::All => "all",
        }
    }
}

/// The label of a namespace that says where the policy is asked.
const LEVEL: &str = "tests/level";

/// A running cluster. Its programs end where it goes.
pub struct Cluster {
    /// For requests without kubectl.
    pub client: Client,
    /// For what users do.
    pub kubectl: Kubectl,
    /// The policy's webhook.
    pub bridge: Bridge,
    authority: String,
    // In the order in which they end.
    controllers: Option<Background>,
    api_server: ApiServer,
}

impl Cluster {
    /// Starts the API server and the webhook, and waits until they serve.
    ///
    /// # Panics
    /// Where one of them does not come up, with what it said.
    #[must_use]
    pub fn start() -> Self {
        let certificates = Certificates::generate();
        let api_server = ApiServer::start(&certificates, &[]);
        let mut cluster = Self {
            client: api_server.client.clone(),
            kubectl: api_server.kubectl.clone(),
            bridge: Bridge::start(policy(), &certificates),
            authority: certificates.authority,
            controllers: None,
            api_server,
        };
        cluster.register();
        cluster.controllers = start_controllers(&cluster.api_server);
        cluster
    }

    /// Whether the controllers of Deployments and the like are there.
    #[must_use]
    pub fn has_controllers(&self) -> bool {
        self.controllers.is_some()
    }

    /// How the API server reaches the policy: the `clientConfig` of a webhook.
    #[must_use]
    pub fn webhook_client(&self) -> Value {
        let url = format!("{}/validate", self.bridge.url());
        json!({"url": url, "caBundle": base64(&self.authority)})
    }

    /// A new namespace.
    ///
    /// # Panics
    /// Where the API server does not make it.
    pub fn create_namespace(&self, name: &str, level: Level, labels: &[(&str, &str)]) {
        let mut namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {LEVEL: level.label()}},
        });
        for (key, value) in labels {
            namespace["metadata"]["labels"][*key] = json!(value);
        }
        self.bridge.know(namespace.clone());
        match self.client.create("", &namespace, Store::Yes) {
            Ok(_) => {}
            // The namespace `default` is there from the beginning.
            Err(refusal) if refusal.status == 409 => {
                let labels = json!({"metadata": {"labels": namespace["metadata"]["labels"]}});
                self.client
                    .patch("", &namespace, PatchType::Merge, &labels)
                    .unwrap();
            }
            Err(refusal) => panic!("namespace {name}: {}", refusal.message),
        }
    }

    /// Registers the webhook as Kubewarden registers the policies of `deploy/`, and waits until it is asked.
    fn register(&self) {
        let webhooks = [
            ("workloads.yaml", Level::Workloads),
            ("pods.yaml", Level::Pods),
        ]
        .map(|(file, level)| webhook(file, level, &self.webhook_client()));
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "policy"},
            "webhooks": webhooks,
        });
        self.client.create("", &configuration, Store::Yes).unwrap();
        self.wait_until_asked();
    }

    fn wait_until_asked(&self) {
        const NAMESPACE: &str = "is-asked";
        self.create_namespace(NAMESPACE, Level::Pods, &[]);
        self.bridge.configure(NAMESPACE, Arc::new(json!({})));
        let started = Instant::now();
        for number in 0.. {
            let pod = json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": format!("pod-{number}")},
                "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            });
            self.client.create(NAMESPACE, &pod, Store::Yes).unwrap();
            if !self.bridge.take(NAMESPACE).0.is_empty() {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "the webhook is never asked");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// What is read from the files in `deploy/`: the rules, and whether a failure counts.
fn webhook(file: &str, level: Level, client: &Value) -> Value {
    let path = root().join("deploy").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let policy = yaml::single(&text, DuplicateKeys::Refuse).unwrap();
    let mut rules = policy["spec"]["rules"].clone();
    if level == Level::Workloads {
        add_rarer_kinds(&mut rules);
    }
    json!({
        "name": format!("{}.kubewarden.admission", level.label()),
        "clientConfig": client,
        "rules": rules,
        "failurePolicy": policy["spec"]["failurePolicy"],
        // More than in `deploy/`: where the machine is busy, a policy that is late would be taken for one that is away.
        "timeoutSeconds": 30,
        // Kubewarden sets no other, and has no key for it.
        "reinvocationPolicy": "Never",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchExpressions": [
            {"key": LEVEL, "operator": "In", "values": [level.label(), Level::All.label()]},
        ]},
    })
}

/// Kinds that the policy knows and that `deploy/workloads.yaml` may leave to whoever uses them.
fn add_rarer_kinds(rules: &mut Value) {
    let names = rules.to_string();
    for (group, resource) in [("apps", "replicasets"), ("", "replicationcontrollers")] {
        if !names.contains(resource) {
            rules.as_array_mut().unwrap().push(json!({
                "apiGroups": [group],
                "apiVersions": ["v1"],
                "resources": [resource],
                "operations": ["CREATE", "UPDATE"],
            }));
        }
    }
}

/// The module that is tested, compiled.
///
/// # Panics
/// Where it is not built.
#[must_use]
pub fn policy() -> Policy {
    let path = std::env::var_os("POLICY_WASM").map_or(root().join("policy.wasm"), PathBuf::from);
    let module = std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; run `make policy.wasm` first", path.display())
    });
    Policy::from_bytes(&module).unwrap()
}

/// The controllers that make ReplicaSets and revisions. Without those of Jobs, nothing that a test creates starts a pod by itself.
/// setup-envtest does not bring them.
fn start_controllers(server: &ApiServer) -> Option<Background> {
    let program = binaries().join("kube-controller-manager");
    if !program.exists() {
        return None;
    }
    let [port] = free_ports();
    let folder = server.folder();
    let arguments = [
        format!("--kubeconfig={}", server.kubeconfig(CONTROLLERS).display()),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--cert-dir={}", folder.join("controllers").display()),
        "--leader-elect=false".to_owned(),
        // What tests do in a second should not wait for the client's own limit.
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=1000".to_owned(),
        "--controllers=deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller"
            .to_owned(),
    ];
    let mut command = Command::new(program);
    command.args(arguments);
    let log = folder.join("kube-controller-manager.log");
    Some(Background::start(command, log))
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
