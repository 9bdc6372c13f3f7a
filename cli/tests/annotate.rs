//! `annotate` writes what `inspect` shows.

mod program;

use program::guest::Reaction;
use program::{Folder, outcome};

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write_policy(
        "policy.wasm",
        &[("protocol_version", Reaction::Answer(r#""v1""#.to_owned()))],
    );
    folder.write(
        "metadata.yml",
        "rules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}]\n\
         mutating: true\nannotations: {io.kubewarden.policy.title: test}\n",
    );
    folder.write("README.md", "# Use\n\nAs it is.\n");
    folder
}

const ANNOTATE: [&str; 8] = [
    "annotate",
    "-m",
    "metadata.yml",
    "-u",
    "README.md",
    "-o",
    "annotated.wasm",
    "policy.wasm",
];

#[test]
fn inspect_shows_what_annotate_wrote() {
    let folder = folder();
    assert_eq!(folder.run(&ANNOTATE), outcome(0, "", ""));
    let metadata = format!(
        "\
annotations:
  io.kubewarden.kwctl: datakit-policy {}
  io.kubewarden.policy.title: test
  io.kubewarden.policy.usage: |
    # Use

    As it is.
backgroundAudit: true
contextAwareResources: []
executionMode: kubewarden-wapc
mutating: true
policyType: kubernetes
protocolVersion: v1
rules:
- apiGroups:
  - \"\"
  apiVersions:
  - v1
  operations:
  - CREATE
  resources:
  - pods
",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        folder.run(&["inspect", "annotated.wasm"]),
        outcome(0, &metadata, "")
    );
    let address = format!("file://{}/annotated.wasm", folder.path().display());
    assert_eq!(
        folder.run(&["inspect", &address]),
        outcome(0, &metadata, "")
    );
}

#[test]
fn errors_name_the_file() {
    let folder = folder();
    assert_eq!(
        folder.run(&["inspect", "policy.wasm"]),
        outcome(
            1,
            "",
            "Error: policy.wasm: it contains no metadata; add it with `datakit-policy annotate`\n"
        )
    );
    assert_eq!(
        folder.run(&["inspect", "README.md"]),
        outcome(
            1,
            "",
            "Error: README.md: this is not a policy: it does not start like a WebAssembly module\n"
        )
    );
    assert_eq!(folder.run(&ANNOTATE), outcome(0, "", ""));
    assert_eq!(
        folder.run(&[
            "annotate",
            "-m",
            "metadata.yml",
            "-o",
            "twice.wasm",
            "annotated.wasm"
        ]),
        outcome(
            1,
            "",
            "Error: annotated.wasm: the module already has metadata; annotate the module as it was built\n"
        )
    );
    folder.write("metadata.yml", "mutating: true");
    assert_eq!(
        folder.run(&ANNOTATE),
        outcome(
            1,
            "",
            "Error: metadata.yml: the metadata is not valid:\n  rules: is missing; a policy needs at least one rule\n"
        )
    );
    assert!(!folder.path().join("twice.wasm").exists());
}
