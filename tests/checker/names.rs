//! What Kubernetes takes as a name (k8s.io/apimachinery, `pkg/util/validation`).

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// A DNS label: containers, volumes.
pub(super) fn is_label(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|b| is_alphanumeric(*b) || *b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// `name` or `prefix/name`: the keys of labels and, in lower case, of annotations.
pub(super) fn is_qualified(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let ends = |at: Option<u8>| at.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let subdomain = |prefix: &str| prefix.len() <= 253 && prefix.split('.').all(is_label);
    prefix.is_none_or(subdomain)
        && name.len() <= 63
        && name.bytes().all(is_part)
        && ends(name.bytes().next())
        && ends(name.bytes().last())
}

/// A variable, since Kubernetes 1.34 any printable ASCII but `=`.
pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=')
}

/// The name of a port (IANA).
pub(super) fn is_port(name: &str) -> bool {
    name.len() <= 15
        && is_label(name)
        && !name.contains("--")
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// The key of a ConfigMap or a Secret.
pub(super) fn is_config_key(key: &str) -> bool {
    (1..=253).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && key != "."
        && !key.starts_with("..")
}

/// A path of the downward API for variables: a field, or a label or annotation by its key.
pub(super) fn is_variable_field(path: &str) -> bool {
    const FIELDS: [&str; 9] = [
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    ];
    FIELDS.contains(&path) || is_subscript(path)
}

/// A path of the downward API for the files of a volume.
pub(super) fn is_file_field(path: &str) -> bool {
    const FIELDS: [&str; 5] = [
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "metadata.labels",
        "metadata.annotations",
    ];
    FIELDS.contains(&path) || is_subscript(path)
}

fn is_subscript(path: &str) -> bool {
    let key = |map: &str| path.strip_prefix(map)?.strip_suffix("']");
    key("metadata.labels['").is_some_and(is_qualified)
        || key("metadata.annotations['").is_some_and(|key| is_qualified(&key.to_lowercase()))
}
