//! etcd and the API server, and who may ask it.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::client::{Client, TOKEN};
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

/// The user that the controllers are, and their token.
pub const CONTROLLERS: &str = "controllers";

/// The group that may do everything.
const ADMINISTRATORS: &str = "system:masters";

/// How long a program may take until it serves.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A running API server. Its programs end where it goes.
pub struct ApiServer {
    /// For requests without kubectl.
    pub client: Client,
    /// For what users do.
    pub kubectl: Kubectl,
    // In the order in which they end.
    program: Background,
    _etcd: Background,
    files: Files,
}

impl ApiServer {
    /// Starts etcd and the API server, and waits until it serves. Beside the administrator and the controllers it knows
    /// `others`, who may do what roles allow them.
    ///
    /// # Panics
    /// Where one of them does not come up, with what it said.
    #[must_use]
    pub fn start(certificates: &Certificates, others: &[String]) -> Self {
        // Two crates of the build each bring a provider of cryptography: one has to be named.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let binaries = binaries();
        let [etcd_port, peer_port, port] = free_ports();
        let server = format!("https://127.0.0.1:{port}");
        let files = Files::write(certificates, &server, others);

        let etcd = start_etcd(&binaries, &files, etcd_port, peer_port);
        let program = start(&binaries, &files, etcd_port, port);
        let mut server = Self {
            client: Client::new(server, &certificates.authority),
            kubectl: Kubectl {
                program: kubectl(&binaries),
                configuration: files.kubeconfig(TOKEN),
                home: files.path(""),
            },
            program,
            _etcd: etcd,
            files,
        };
        server.wait_until_ready();
        server
    }

    /// The kubeconfig file of a user.
    #[must_use]
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.files.kubeconfig(user)
    }

    /// A folder for files that are to go with the server.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.files.folder.path()
    }

    fn wait_until_ready(&mut self) {
        let started = Instant::now();
        while !self.client.is_ready() {
            assert!(
                self.program.is_running() && started.elapsed() < PATIENCE,
                "kube-apiserver does not come up:\n{}",
                self.program.last_lines()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The folder with the programs.
///
/// # Panics
/// Where the environment names none.
#[must_use]
pub(crate) fn binaries() -> PathBuf {
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
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// The files that the programs read.
struct Files {
    folder: TempDir,
}

impl Files {
    /// The name of a user is the token, too.
    fn write(certificates: &Certificates, server: &str, others: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Self { folder };
        files.put("authority.pem", &certificates.authority);
        files.put("server.pem", &certificates.server);
        files.put("server.key", &certificates.key);
        files.put("server.pub", &certificates.public_key);
        let mut tokens = String::new();
        for user in [TOKEN, CONTROLLERS] {
            tokens.push_str(&format!("{user},{user},{user},{ADMINISTRATORS}\n"));
            files.write_kubeconfig(server, user);
        }
        for user in others {
            tokens.push_str(&format!("{user},{user},{user}\n"));
            files.write_kubeconfig(server, user);
        }
        files.put("tokens.csv", &tokens);
        files
    }

    fn write_kubeconfig(&self, server: &str, user: &str) {
        let configuration = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": {
                "server": server,
                "certificate-authority": self.path("authority.pem"),
            }}],
            "users": [{"name": "user", "user": {"token": user}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "user"}}],
        });
        std::fs::write(self.kubeconfig(user), configuration.to_string()).unwrap();
    }

    fn kubeconfig(&self, user: &str) -> PathBuf {
        // The variable KUBECONFIG is a list with colons.
        self.path(&format!("{}.kubeconfig", user.replace(':', "-")))
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn flag(&self, flag: &str, name: &str) -> String {
        format!("--{flag}={}", self.path(name).display())
    }
}

fn start_etcd(binaries: &Path, files: &Files, port: u16, peer_port: u16) -> Background {
    let arguments = [
        files.flag("data-dir", "etcd"),
        format!("--listen-client-urls=http://127.0.0.1:{port}"),
        format!("--advertise-client-urls=http://127.0.0.1:{port}"),
        format!("--listen-peer-urls=http://127.0.0.1:{peer_port}"),
        // Nothing has to survive the machine.
        "--unsafe-no-fsync".to_owned(),
    ];
    let mut command = Command::new(binaries.join("etcd"));
    command.args(arguments);
    Background::start(command, files.path("etcd.log"))
}

fn start(binaries: &Path, files: &Files, etcd_port: u16, port: u16) -> Background {
    let arguments = [
        format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        files.flag("tls-cert-file", "server.pem"),
        files.flag("tls-private-key-file", "server.key"),
        files.flag("token-auth-file", "tokens.csv"),
        "--authorization-mode=RBAC".to_owned(),
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
    let mut command = Command::new(binaries.join("kube-apiserver"));
    command.args(arguments);
    Background::start(command, files.path("kube-apiserver.log"))
}
