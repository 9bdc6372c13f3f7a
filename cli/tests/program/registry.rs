//! A real registry, Debian's `docker-registry`, on loopback, and a policy to push to it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::guest::Reaction;
use super::{Folder, Outcome, finish, outcome};

/// A registry that ends with the test.
pub struct Registry {
    process: Child,
    port: u16,
    pub storage: PathBuf,
}

impl Registry {
    /// None where the machine has no registry and the tests were told that this is fine.
    pub fn start(folder: &Folder, http: &str, auth: &str) -> Option<Self> {
        if std::env::var_os("DATAKIT_SKIP_REGISTRY_TESTS").is_some_and(|value| value == "1") {
            eprintln!("skipped: DATAKIT_SKIP_REGISTRY_TESTS=1");
            return None;
        }
        let storage = folder.path().join("storage");
        let port = free_port();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {storage:?}}}}}\n\
             http: {{addr: '127.0.0.1:{port}', secret: test{http}}}\n{auth}"
        );
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(folder.write("registry.yml", config))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "docker-registry cannot be started: {error}; install the Debian package docker-registry, \
                     or set DATAKIT_SKIP_REGISTRY_TESTS=1 to do without these tests"
                )
            });
        let registry = Self {
            process,
            port,
            storage,
        };
        let patience = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub fn reference(&self) -> String {
        format!("registry://{}/policies/test:v0.1.0", self.host())
    }

    /// A manifest as the registry has it.
    pub fn manifest(&self, name: &str, tag: &str) -> Value {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            connection,
            "GET /v2/{name}/manifests/{tag} HTTP/1.0\r\nHost: localhost\r\n\
             Accept: application/vnd.oci.image.manifest.v1+json\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A folder with an annotated policy in it.
pub fn folder() -> Folder {
    let folder = Folder::new();
    folder.write_policy(
        "policy.wasm",
        &[("protocol_version", Reaction::Answer(r#""v1""#.to_owned()))],
    );
    folder.write(
        "metadata.yml",
        "rules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}]\n\
         mutating: true\n\
         annotations: {io.kubewarden.policy.title: test, io.kubewarden.policy.source: 'https://example.com/src'}\n",
    );
    folder.write("README.md", "# Use\n\nAs it is.\n");
    let args = [
        "annotate",
        "-m",
        "metadata.yml",
        "-u",
        "README.md",
        "-o",
        "annotated.wasm",
        "policy.wasm",
    ];
    assert_eq!(folder.run(&args), outcome(0, "", ""));
    folder
}

/// Runs the program without the machine's own proxy and credentials; docker's are in the folder `docker`, and
/// credential helpers in the folder itself.
pub fn run(folder: &Folder, args: &[&str]) -> Outcome {
    let mut command = folder.command(args);
    for variable in ["http_proxy", "https_proxy", "all_proxy"] {
        command
            .env_remove(variable)
            .env_remove(variable.to_uppercase());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("DOCKER_CONFIG", folder.path().join("docker"))
        .env("PATH", format!("{}:{path}", folder.path().display()));
    finish(command, "")
}
