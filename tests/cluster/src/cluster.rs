//! etcd, the API server and the webhook, together.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datakit_policy_host::policy::Policy;
use datakit_policy_host::yaml::{self, DuplicateKeys};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bridge::Bridge;
use crate::certificates::Certificates;
use crate::client::{Client, PatchType, Store, TOKEN};
use crate::kubectl::Kubectl;
use crate::process::Background;

/// The project's folder.
///
/// # Panics
/// Never: this crate stands two folders below.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
}

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

/// The user that the controllers are, and their token.
pub const CONTROLLERS: &str = "controllers";

/// The label of a namespace that says where the policy is asked.
const LEVEL: &str = "tests/level";

/// How long a program may take until it serves.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running cluster. Its programs end where it goes.
pub struct Cluster {
    /// For requests without kubectl.
    pub client: Client,
    /// For what users do.
    pub kubectl: Kubectl,
    /// The policy's webhook.
    pub bridge: Bridge,
    // In the order in which they end.
    controllers: Option<Background>,
    api_server: Background,
    _etcd: Background,
    _folder: TempDir,
}

impl Cluster {
    /// Starts etcd, the API server and the webhook, and waits until they serve.
    ///
    /// # Panics
    /// Where one of them does not come up, with what it said.
    #[must_use]
    pub fn start() -> Self {
        // Two crates of the build each bring a provider of cryptography: one has to be named.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let binaries = binaries();
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::generate();
        let files = Files::write(folder.path(), &certificates);
        let [etcd_port, peer_port, port] = free_ports();
        let server = format!("https://127.0.0.1:{port}");
        files.write_kubeconfig("kubeconfig", &server, TOKEN);
        files.write_kubeconfig("controllers.kubeconfig", &server, CONTROLLERS);

        let etcd = start_etcd(&binaries, folder.path(), etcd_port, peer_port);
        let api_server = start_api_server(&binaries, &files, etcd_port, port);
        let mut cluster = Self {
            client: Client::new(server, &certificates.authority),
            kubectl: Kubectl {
                program: kubectl(&binaries),
                configuration: files.path("kubeconfig"),
                home: folder.path().to_owned(),
            },
            bridge: Bridge::start(policy(), &certificates),
            controllers: None,
            api_server,
            _etcd: etcd,
            _folder: folder,
        };
        cluster.wait_until_ready();
        cluster.register(&certificates.authority);
        cluster.controllers = start_controllers(&binaries, &cluster.kubectl.home);
        cluster
    }

    /// Whether the controllers of Deployments and the like are there.
    #[must_use]
    pub fn has_controllers(&self) -> bool {
        self.controllers.is_some()
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

    fn wait_until_ready(&mut self) {
        let started = Instant::now();
        while !self.client.is_ready() {
            assert!(
                self.api_server.is_running() && started.elapsed() < PATIENCE,
                "kube-apiserver does not come up:\n{}",
                self.api_server.last_lines()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Registers the webhook as Kubewarden registers the policies of `deploy/`, and waits until it is asked.
    fn register(&self, authority: &str) {
        let webhooks = [
            ("workloads.yaml", Level::Workloads),
            ("pods.yaml", Level::Pods),
        ]
        .map(|(file, level)| webhook(file, level, self.bridge.url(), authority));
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
fn webhook(file: &str, level: Level, url: &str, authority: &str) -> Value {
    let path = root().join("deploy").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let policy = yaml::single(&text, DuplicateKeys::Refuse).unwrap();
    let mut rules = policy["spec"]["rules"].clone();
    if level == Level::Workloads {
        add_rarer_kinds(&mut rules);
    }
    json!({
        "name": format!("{}.kubewarden.admission", level.label()),
        "clientConfig": {"url": format!("{url}/validate"), "caBundle": base64(authority)},
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

fn binaries() -> PathBuf {
    let folder = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    folder.expect(
        "KUBEBUILDER_ASSETS names no folder with etcd and kube-apiserver; run `make test-cluster`",
    )
}

/// kubectl from that folder, else the one that is installed.
fn kubectl(binaries: &Path) -> PathBuf {
    let program = binaries.join("kubectl");
    match program.exists() {
        true => program,
        false => PathBuf::from("kubectl"),
    }
}

/// Ports that are free now. All are taken at once, so that they differ.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// The files that the programs read.
struct Files<'f> {
    folder: &'f Path,
}

impl<'f> Files<'f> {
    fn write(folder: &'f Path, certificates: &Certificates) -> Self {
        let files = Self { folder };
        files.put("authority.pem", &certificates.authority);
        files.put("server.pem", &certificates.server);
        files.put("server.key", &certificates.key);
        files.put("server.pub", &certificates.public_key);
        let tokens = format!(
            "{TOKEN},admin,admin,system:masters\n{CONTROLLERS},{CONTROLLERS},{CONTROLLERS},system:masters\n"
        );
        files.put("tokens.csv", &tokens);
        files
    }

    fn write_kubeconfig(&self, name: &str, server: &str, token: &str) {
        let configuration = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": {
                "server": server,
                "certificate-authority": self.path("authority.pem"),
            }}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
        });
        self.put(name, &configuration.to_string());
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn flag(&self, flag: &str, name: &str) -> String {
        format!("--{flag}={}", self.path(name).display())
    }
}

fn start_etcd(binaries: &Path, folder: &Path, port: u16, peer_port: u16) -> Background {
    let arguments = [
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls=http://127.0.0.1:{port}"),
        format!("--advertise-client-urls=http://127.0.0.1:{port}"),
        format!("--listen-peer-urls=http://127.0.0.1:{peer_port}"),
        // Nothing has to survive the machine.
        "--unsafe-no-fsync".to_owned(),
    ];
    Background::start(&binaries.join("etcd"), &arguments, folder.join("etcd.log"))
}

fn start_api_server(binaries: &Path, files: &Files<'_>, etcd_port: u16, port: u16) -> Background {
    let arguments = [
        format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        files.flag("tls-cert-file", "server.pem"),
        files.flag("tls-private-key-file", "server.key"),
        files.flag("token-auth-file", "tokens.csv"),
        "--authorization-mode=AlwaysAllow".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        // Any key will do: no token is ever made.
        files.flag("service-account-key-file", "server.pub"),
        files.flag("service-account-signing-key-file", "server.key"),
        // Pods need no account. PodSecurity is on by itself.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--allow-privileged=true".to_owned(),
        // The tests ask as fast as they can.
        "--enable-priority-and-fairness=false".to_owned(),
        "--max-requests-inflight=0".to_owned(),
        "--max-mutating-requests-inflight=0".to_owned(),
    ];
    let log = files.path("kube-apiserver.log");
    Background::start(&binaries.join("kube-apiserver"), &arguments, log)
}

/// The controllers that make ReplicaSets and revisions. Without those of Jobs, nothing that a test creates starts a pod by itself.
/// setup-envtest does not bring them.
fn start_controllers(binaries: &Path, folder: &Path) -> Option<Background> {
    let program = binaries.join("kube-controller-manager");
    if !program.exists() {
        return None;
    }
    let [port] = free_ports();
    let kubeconfig = folder.join("controllers.kubeconfig");
    let arguments = [
        format!("--kubeconfig={}", kubeconfig.display()),
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
    let log = folder.join("kube-controller-manager.log");
    Some(Background::start(&program, &arguments, log))
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
