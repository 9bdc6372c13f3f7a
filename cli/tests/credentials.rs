//! What `docker login` left behind is used for registries, and never shown.

mod program;

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use program::registry::{Registry, folder, run};
use program::{Folder, outcome};
use serde_json::{Value, json};

fn configure(folder: &Folder, config: &Value) {
    std::fs::create_dir_all(folder.path().join("docker")).unwrap();
    folder.write("docker/config.json", config.to_string());
}

fn add_helper(folder: &Folder, script: &str) {
    let helper = folder.write(
        "docker-credential-test",
        format!("#!/bin/sh\ncat >/dev/null\n{script}\n"),
    );
    std::fs::set_permissions(helper, std::fs::Permissions::from_mode(0o755)).unwrap();
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
    let push = |login: &str| {
        configure(
            &folder,
            &json!({"auths": {&host: {"auth": STANDARD.encode(login)}}}),
        );
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

    configure(&folder, &json!({"auths": {&host: {"auth": "%%%"}}}));
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
fn credential_helpers_are_asked() {
    let folder = folder();
    let Some(registry) = Registry::start(&folder, "", "") else {
        return;
    };
    let host = registry.host();
    configure(&folder, &json!({"credHelpers": {&host: "test"}}));
    let push = || {
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
    let refused = |reason: &str| {
        let message =
            format!("the credentials that docker has for {host} cannot be used: {reason}");
        outcome(
            1,
            "",
            &format!("Error: annotated.wasm: cannot be pushed: {message}\n"),
        )
    };
    add_helper(
        &folder,
        "echo credentials not found in native keychain; exit 1",
    );
    let anonymous = push();
    assert_eq!((anonymous.code, anonymous.stderr.as_str()), (Some(0), ""));
    add_helper(&folder, "echo hunter2; echo hunter2 >&2; exit 1");
    assert_eq!(
        push(),
        refused("the helper `docker-credential-test` failed")
    );
    add_helper(
        &folder,
        r#"echo '{"Username": "<token>", "Secret": "hunter2"}'"#,
    );
    assert_eq!(
        push(),
        refused("it is an identity token; log in with a name and a password")
    );
}
