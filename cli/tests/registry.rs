//! `push` and `pull` against a real registry, Debian's `docker-registry`, on loopback.

mod program;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use program::guest::Reaction;
use program::{Folder, Outcome, finish, outcome};
use serde_json::{Value, json};

/// A registry that ends with the test.
struct Registry {
    process: Child,
    port: u16,
    storage: PathBuf,
}

impl Registry {
    /// None where the machine has no registry and the tests were told that this is fine.
    fn start(folder: &Folder, http: &str, auth: &str) -> Option<Self> {
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

    fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    fn reference(&self) -> String {
        format!("registry://{}/policies/test:v0.1.0", self.host())
    }

    /// A manifest as the registry has it.
    fn manifest(&self, name: &str, tag: &str) -> Value {
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
fn folder() -> Folder {
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

/// Runs the program without the machine's own proxy and credentials.
fn run(folder: &Folder, args: &[&str]) -> Outcome {
    let mut command = folder.command(args);
    for variable in ["http_proxy", "https_proxy", "all_proxy"] {
        command
            .env_remove(variable)
            .env_remove(variable.to_uppercase());
    }
    command.env("DOCKER_CONFIG", folder.path().join("docker"));
    finish(command, "")
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    format!("sha256:{}", text.split(' ').next().unwrap())
}

#[test]
fn what_is_pushed_is_pulled_byte_for_byte() {
    let folder = folder();
    let Some(registry) = Registry::start(&folder, "", "") else {
        return;
    };
    let (host, reference) = (registry.host(), registry.reference());
    let pushed = run(
        &folder,
        &[
            "push",
            "annotated.wasm",
            &reference,
            "--insecure-registry",
            &host,
        ],
    );
    let immutable = pushed.stdout.trim_end().to_owned();
    let prefix = format!("registry://{host}/policies/test@sha256:");
    assert_eq!(immutable.len(), prefix.len() + 64, "{pushed:?}");
    assert!(immutable.starts_with(&prefix), "{pushed:?}");
    assert_eq!(pushed, outcome(0, &format!("{immutable}\n"), ""));

    let module = std::fs::read(folder.path().join("annotated.wasm")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        registry.manifest("policies/test", "v0.1.0"),
        json!({
            "schemaVersion": 2,
            "config": {
                "mediaType": "application/vnd.wasm.config.v1+json",
                "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                "size": 2
            },
            "layers": [{
                "mediaType": "application/vnd.wasm.content.layer.v1+wasm",
                "digest": sha256(&folder.path().join("annotated.wasm")),
                "size": module.len()
            }],
            "annotations": {
                "io.kubewarden.kwctl": format!("datakit-policy {version}"),
                "io.kubewarden.policy.title": "test",
                "io.kubewarden.policy.source": "https://example.com/src",
                "org.opencontainers.image.source": "https://example.com/src"
            }
        })
    );

    folder.write("sources.yml", format!("insecure_sources: ['{host}']\n"));
    let bare = reference.strip_prefix("registry://").unwrap();
    for (reference, output) in [
        (reference.as_str(), "a.wasm"),
        (bare, "b.wasm"),
        (&immutable, "c.wasm"),
    ] {
        assert_eq!(
            run(
                &folder,
                &[
                    "pull",
                    "--sources-path",
                    "sources.yml",
                    reference,
                    "-o",
                    output
                ]
            ),
            outcome(0, &format!("{immutable}\n"), "")
        );
        assert_eq!(std::fs::read(folder.path().join(output)).unwrap(), module);
    }
}

#[test]
fn plain_http_is_for_registries_that_are_named() {
    let folder = folder();
    let Some(registry) = Registry::start(&folder, "", "") else {
        return;
    };
    let (host, reference) = (registry.host(), registry.reference());
    let refused = run(
        &folder,
        &[
            "push",
            "annotated.wasm",
            &reference,
            "--insecure-registry",
            "localhost:1",
        ],
    );
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    let begin = format!(
        "Error: annotated.wasm: cannot be pushed: {host}/policies/test:v0.1.0: error sending request"
    );
    let end =
        format!("(a registry that offers plain HTTP alone has to be named insecure: {host})\n");
    assert!(refused.stderr.starts_with(&begin), "{refused:?}");
    assert!(refused.stderr.ends_with(&end), "{refused:?}");
    assert!(
        !registry.storage.join("docker").exists(),
        "nothing was stored"
    );
}

#[test]
fn a_certificate_of_ones_own_is_trusted_where_it_is_named() {
    let folder = folder();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    folder.write("cert.pem", own.cert.pem());
    folder.write("key.pem", own.signing_key.serialize_pem());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let tls = format!(
        ", tls: {{certificate: '{}', key: '{}'}}",
        path("cert.pem"),
        path("key.pem")
    );
    let Some(registry) = Registry::start(&folder, &tls, "") else {
        return;
    };
    let push = |sources: &str| {
        folder.write("sources.yml", sources);
        run(
            &folder,
            &[
                "push",
                "annotated.wasm",
                &registry.reference(),
                "--sources-path",
                "sources.yml",
            ],
        )
    };
    let stranger = push("");
    assert_eq!(stranger.code, Some(1), "{stranger:?}");
    assert!(stranger.stderr.contains("certificate"), "{stranger:?}");

    let host = registry.host();
    let named = push(&format!(
        "source_authorities: {{'{host}': [{{type: Path, path: '{}'}}]}}",
        path("cert.pem")
    ));
    assert_eq!(
        (named.code, named.stderr.as_str()),
        (Some(0), ""),
        "{named:?}"
    );
    let data = json!({"source_authorities": {host: [{"type": "Data", "data": own.cert.pem()}]}});
    assert_eq!(push(&data.to_string()), named);
}

#[test]
fn dockers_credentials_are_used_and_never_shown() {
    const PASSWORD: &str = "correct horse";
    let folder = folder();
    let users = folder.write(
        "htpasswd",
        "alice:$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n",
    );
    let auth = format!(
        "auth: {{htpasswd: {{realm: test, path: '{}'}}}}\n",
        users.display()
    );
    let Some(registry) = Registry::start(&folder, "", &auth) else {
        return;
    };
    let host = registry.host();
    std::fs::create_dir(folder.path().join("docker")).unwrap();
    let push = |login: &str| {
        let config = json!({"auths": {&host: {"auth": STANDARD.encode(login)}}});
        folder.write("docker/config.json", config.to_string());
        run(
            &folder,
            &[
                "push",
                "annotated.wasm",
                &registry.reference(),
                "--insecure-registry",
                &host,
            ],
        )
    };
    let wrong = push("alice:battery staple");
    assert_eq!(
        (wrong.code, wrong.stdout.as_str()),
        (Some(1), ""),
        "{wrong:?}"
    );
    assert!(!wrong.stderr.contains("battery"), "{wrong:?}");
    assert!(
        !wrong
            .stderr
            .contains(&STANDARD.encode("alice:battery staple")),
        "{wrong:?}"
    );

    let right = push(&format!("alice:{PASSWORD}"));
    assert_eq!(
        (right.code, right.stderr.as_str()),
        (Some(0), ""),
        "{right:?}"
    );

    folder.write(
        "docker/config.json",
        json!({"auths": {&host: {"auth": "%%%"}}}).to_string(),
    );
    assert_eq!(
        run(
            &folder,
            &[
                "pull",
                &registry.reference(),
                "-o",
                "out.wasm",
                "--insecure-registry",
                &host
            ]
        ),
        outcome(
            1,
            "",
            &format!(
                "Error: the credentials that docker has for {host} cannot be used: Unable to decode credential\n"
            )
        )
    );
}

#[test]
fn bytes_that_are_not_what_the_manifest_promises_are_refused() {
    let folder = folder();
    let Some(registry) = Registry::start(&folder, "", "") else {
        return;
    };
    let (host, reference) = (registry.host(), registry.reference());
    let insecure = ["--insecure-registry", &host];
    let pushed = run(
        &folder,
        &[&["push", "annotated.wasm", &reference], &insecure[..]].concat(),
    );
    assert_eq!(pushed.code, Some(0), "{pushed:?}");

    let module = folder.path().join("annotated.wasm");
    let digest = sha256(&module);
    let hex = digest.strip_prefix("sha256:").unwrap();
    let blob = registry.storage.join(format!(
        "docker/registry/v2/blobs/sha256/{}/{hex}/data",
        &hex[..2]
    ));
    let mut bytes = std::fs::read(&blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    let damaged = sha256(&blob);

    assert_eq!(
        run(
            &folder,
            &[&["pull", &reference, "-o", "out.wasm"], &insecure[..]].concat()
        ),
        outcome(
            1,
            "",
            &format!(
                "Error: {host}/policies/test:v0.1.0: Digest error: \
                 Invalid digest. Expected {digest}, got {damaged}\n"
            )
        )
    );
    assert!(!folder.path().join("out.wasm").exists());
}

#[test]
fn errors_say_what_is_wrong() {
    let folder = folder();
    folder.write("sources.yml", "insecure_source: [a]\n");
    for (args, message) in [
        (
            vec!["push", "policy.wasm", "localhost:1/a:v1"],
            "policy.wasm: cannot be pushed: a policy that is not annotated cannot be pushed: \
             hosts would not know how to run it",
        ),
        (
            vec!["push", "annotated.wasm", "https://localhost/a:v1"],
            "https://localhost/a:v1: the scheme is not `registry`; \
             a reference is registry://host[:port]/name:tag",
        ),
        (
            vec!["push", "missing.wasm", "localhost:1/a:v1"],
            "missing.wasm: cannot be read: No such file or directory (os error 2)",
        ),
        (
            vec![
                "pull",
                "localhost:1/a:v1",
                "-o",
                "out.wasm",
                "--sources-path",
                "sources.yml",
            ],
            "sources.yml: unknown field `insecure_source`, expected `insecure_sources` or `source_authorities`; \
             known are `insecure_sources` and `source_authorities`",
        ),
    ] {
        assert_eq!(
            run(&folder, &args),
            outcome(1, "", &format!("Error: {message}\n")),
            "{args:?}"
        );
    }
    assert_eq!(run(&folder, &["pull", "localhost:1/a:v1"]).code, Some(2));
}

#[test]
fn what_is_not_there_is_an_error() {
    let folder = folder();
    let Some(registry) = Registry::start(&folder, "", "") else {
        return;
    };
    let host = registry.host();
    let missing = run(
        &folder,
        &[
            "pull",
            &registry.reference(),
            "-o",
            "out.wasm",
            "--insecure-registry",
            &host,
        ],
    );
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(1), ""));
    let begin = format!("Error: {host}/policies/test:v0.1.0: ");
    assert!(missing.stderr.starts_with(&begin), "{missing:?}");
    assert!(missing.stderr.contains("manifest unknown"), "{missing:?}");
}
