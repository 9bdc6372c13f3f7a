//! Metadata: what is refused, and what is in the module afterwards.

mod guest;

use datakit_policy_host::annotate::{annotate, read};
use datakit_policy_host::metadata::Metadata;
use datakit_policy_host::wasm::custom_section;
use guest::{Reaction, guest};
use serde_json::json;

const METADATA: &str = "\
rules:
- apiGroups: ['']
  apiVersions: [v1]
  resources: [pods]
  operations: [CREATE]
mutating: true
backgroundAudit: false
minimumKubewardenVersion: 1.7.0
annotations:
  io.kubewarden.policy.title: test-policy
  io.kubewarden.policy.version: 0.1.0
";

fn policy() -> Vec<u8> {
    guest(&[("protocol_version", Reaction::Answer(r#""v1""#.to_owned()))])
}

fn metadata() -> Metadata {
    Metadata::read("metadata.yml", METADATA).unwrap()
}

#[test]
fn the_section_is_what_kwctl_writes() {
    let module = annotate(
        &policy(),
        metadata(),
        Some("# Use\n".to_owned()),
        "tool 1.0",
    )
    .unwrap();
    let section = custom_section(&module, "io.kubewarden.metadata")
        .unwrap()
        .unwrap();
    assert_eq!(
        std::str::from_utf8(section).unwrap(),
        concat!(
            r#"{"protocolVersion":"v1","#,
            r#""rules":[{"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"],"operations":["CREATE"]}],"#,
            r#""annotations":{"io.kubewarden.kwctl":"tool 1.0","io.kubewarden.policy.title":"test-policy","#,
            r##""io.kubewarden.policy.usage":"# Use\n","io.kubewarden.policy.version":"0.1.0"},"##,
            r#""mutating":true,"backgroundAudit":false,"contextAwareResources":[],"#,
            r#""executionMode":"kubewarden-wapc","policyType":"kubernetes","minimumKubewardenVersion":"1.7.0"}"#
        )
    );
    assert!(
        module.starts_with(&policy()),
        "the module itself is untouched"
    );
}

#[test]
fn what_is_not_said_has_kwctls_defaults() {
    let text = "rules: [{apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['*']}]\nmutating: false";
    let metadata = Metadata::read("metadata.yml", text).unwrap();
    let module = annotate(&policy(), metadata, None, "tool 1.0").unwrap();
    assert_eq!(
        read(&module).unwrap().unwrap(),
        json!({
            "protocolVersion": "v1",
            "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]}],
            "annotations": {"io.kubewarden.kwctl": "tool 1.0"},
            "mutating": false, "backgroundAudit": true, "contextAwareResources": [],
            "executionMode": "kubewarden-wapc", "policyType": "kubernetes"
        })
    );
}

#[test]
fn a_module_is_annotated_once() {
    assert_eq!(read(&policy()).unwrap(), None);
    let once = annotate(&policy(), metadata(), None, "tool 1.0").unwrap();
    assert_eq!(
        annotate(&once, metadata(), None, "tool 1.0")
            .unwrap_err()
            .to_string(),
        "the module already has metadata; annotate the module as it was built"
    );
}

#[test]
fn only_a_policy_is_annotated() {
    let error = |module: &[u8]| {
        annotate(module, metadata(), None, "tool 1.0")
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(b"text"),
        "this is not a policy: it does not start like a WebAssembly module"
    );
    assert_eq!(
        error(&guest(&[])),
        "the module does not answer like a policy: Guest call failure: unknown operation"
    );
}

#[test]
fn all_problems_of_the_metadata_are_reported_at_once() {
    let text = "\
rules:
- apiGroups: apps
  apiVersions: ['*', v1]
  resources: []
  operations: [CREATE, Update]
- resource: [pods]
  apiGroups: ['']
  apiVersions: ['']
  operations: [1]
- pods
mutating: maybe
backgroundAudit: 1
mutate: true
contextAwareResources: [{apiVersion: v1}, 5]
executionMode: opa
policyType: raw
minimumKubewardenVersion: '1.7'
hostCapabilities: none
annotations:
  io.kubewarden.policy.title: Test Policy
  io.kubewarden.policy.version: 0.1
";
    let rule = "is not a field of a policy's metadata; known here: apiGroups, apiVersions, resources, operations";
    let expected = [
        "metadata.yml: the metadata is not valid:",
        "  mutate: is not a field of a policy's metadata; known here: rules, annotations, mutating, backgroundAudit, \
         contextAwareResources, executionMode, policyType, minimumKubewardenVersion, hostCapabilities",
        "  rules[0].apiGroups: must be a list of strings",
        "  rules[0].apiVersions: contains `*` and other values; use `*` alone",
        "  rules[0].resources: is empty",
        "  rules[0].operations[1]: \"Update\" is not known here; known: CREATE, UPDATE, DELETE, CONNECT, *",
        &format!("  rules[1].resource: {rule}"),
        "  rules[1].apiVersions[0]: is empty",
        "  rules[1].resources: is missing; it is a list of strings",
        "  rules[1].operations: must be a list of strings",
        "  rules[2]: must be a mapping, not a string",
        "  mutating: must be true or false, not a string",
        "  backgroundAudit: must be true or false, not a number",
        "  annotations[io.kubewarden.policy.title]: must be a name as defined in RFC 1123: lower-case letters, \
         digits, `-` and `.`, a letter or digit at both ends, at most 253 characters",
        "  annotations[io.kubewarden.policy.version]: must be a string (quote it), not a number",
        "  contextAwareResources[0].kind: is missing; it is a string",
        "  contextAwareResources[1]: must be a mapping, not a number",
        "  executionMode: \"opa\" is not known here; known: kubewarden-wapc",
        "  minimumKubewardenVersion: must be a version such as 1.7.0",
        "  hostCapabilities: must be a list of strings",
    ];
    let error = Metadata::read("metadata.yml", text).unwrap_err();
    assert_eq!(error.to_string(), expected.join("\n"));
}

#[test]
fn rules_and_mutating_are_required() {
    for (text, problems) in [
        ("", "  the file: must be a mapping, not null"),
        (
            "{}",
            "  rules: is missing; a policy needs at least one rule\n  mutating: is missing; it is true or false",
        ),
        (
            "rules: []\nmutating: true",
            "  rules: is empty; a policy needs at least one rule",
        ),
        (
            "rules: 1\nmutating: true",
            "  rules: must be a list, not a number",
        ),
    ] {
        let error = Metadata::read("m.yml", text).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("m.yml: the metadata is not valid:\n{problems}")
        );
    }
    let error = Metadata::read("m.yml", "rules: [").unwrap_err();
    assert!(error.to_string().starts_with("m.yml:2:1: "), "{error}");
}
