//! The files of the package, read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use datakit_policy_host::yaml::{self, DuplicateKeys};
use serde_json::{Value, json};

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn parse(yaml: &str) -> Vec<Value> {
    yaml::documents(yaml, DuplicateKeys::Refuse)
        .into_iter()
        .map(|document| document.unwrap_or_else(|error| panic!("{error}")).value)
        .collect()
}

pub fn parse_one(yaml: &str) -> Value {
    yaml::single(yaml, DuplicateKeys::Refuse).unwrap_or_else(|error| panic!("{error}"))
}

pub fn metadata() -> Value {
    parse_one(&text("metadata.yml"))
}

pub fn annotation(metadata: &Value, key: &str) -> String {
    metadata["annotations"][key]
        .as_str()
        .unwrap_or_else(|| panic!("metadata.yml has no annotation {key}"))
        .to_owned()
}

/// Name and address of the author.
pub fn author(metadata: &Value) -> (String, String) {
    let author = annotation(metadata, "io.kubewarden.policy.author");
    let (author, address) = author
        .strip_suffix('>')
        .and_then(|author| author.split_once(" <"))
        .expect("the author is `Name <address>`");
    (author.to_owned(), address.to_owned())
}

/// The operator's default ConfigMap as its document prints it, without the one key that a policy has no use for, and
/// without its example of a rule for logs, which would be active.
pub fn default_settings() -> Value {
    let mut settings = parse_one(&text("policy-settings/default.json"));
    settings
        .as_object_mut()
        .expect("settings are an object")
        .remove("server_listen")
        .expect("the operator's document has server_listen");
    settings["admission_mutate"]["loggings"] = json!([]);
    settings
}

/// The namespaces that every manifest leaves out.
pub fn skipped_namespaces() -> Value {
    parse_one(&text("charts/datakit-operator-policy/values.yaml"))["skipNamespaces"].clone()
}

/// The manifests of the policy, which stand in deploy/ itself: file name to documents.
pub fn deploy() -> BTreeMap<String, Vec<Value>> {
    manifests(|name| name.matches('/').count() == 1 && name != "deploy/kustomization.yaml")
}

/// The manifests of the election service.
pub fn election() -> BTreeMap<String, Vec<Value>> {
    manifests(|name| name.starts_with("deploy/election/"))
}

fn manifests(wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Vec<Value>> {
    files("deploy")
        .into_iter()
        .filter(|name| name.ends_with(".yaml") && wanted(name))
        .map(|name| {
            let documents = parse(&text(&name));
            (name, documents)
        })
        .collect()
}

/// All files of a folder and those below it, as paths from the root of the package.
pub fn files(folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(path(folder)).unwrap_or_else(|error| panic!("{folder}: {error}")) {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&name));
        } else {
            found.insert(name);
        }
    }
    found
}

/// The items of a list; anything else has none.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
