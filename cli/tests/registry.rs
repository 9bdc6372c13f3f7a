//! `push` and `pull` against a real registry, Debian's `docker-registry`, on loopback.

mod program;

use std::path::Path;
use std::process::Command;

use program::outcome;
use program::registry::{Registry, folder, run};
use serde_json::json;

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
    let end = format!(
        "(a registry that offers plain HTTP alone must be configured as insecure: {host})\n"
    );
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
            "policy.wasm: cannot be pushed: the policy is not annotated, so hosts cannot run it; annotate it before \
             you push it",
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
