//! References to images in the grammar of the OCI distribution specification:
//! `[domain[:port]/]path[:tag][@digest]`.

/// Whether `text` is a reference that a container runtime would take.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    let (repository, tag) = split_tag(name);
    is_repository(repository) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest)
}

/// Whether `text` is a tag: up to 128 letters, digits, `_`, `.`, `-`, not starting with `.` or `-`.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= 128
        && bytes
            .first()
            .is_some_and(|first| first.is_ascii_alphanumeric() || *first == b'_')
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte))
}

/// `image` with another tag. Only the tag changes: a port stays, a digest (which pins another
/// content than the tag asked for) goes.
#[must_use]
pub fn with_tag(image: &str, tag: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let (repository, _) = split_tag(name);
    format!("{repository}:{tag}")
}

/// The tag of `image`, if it has one.
#[must_use]
pub fn tag(image: &str) -> Option<&str> {
    split_tag(image.split('@').next().unwrap_or(image)).1
}

/// Whether `image` has a digest, which pins its content whatever the tag is.
#[must_use]
pub fn has_digest(image: &str) -> bool {
    image.contains('@')
}

/// Splits off the tag: what follows the last `:` after the last `/`, so that a port is none.
fn split_tag(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    }
}

fn is_repository(text: &str) -> bool {
    if text.len() > 255 {
        return false;
    }
    match text.split_once('/') {
        Some((first, path)) if is_domain(first) => path.split('/').all(is_path_component),
        _ => text.split('/').all(is_path_component),
    }
}

/// The first component is a domain if it could not be a path: it has a dot, a port, a capital, or is
/// `localhost`.
fn is_domain(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port_fits =
        port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    let looks_like_one = port.is_some()
        || host == "localhost"
        || host.contains(['.', '['])
        || host.bytes().any(|byte| byte.is_ascii_uppercase());
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| {
            !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
        });
    looks_like_one && port_fits && (bracketed || host.split('.').all(is_domain_component))
}

fn is_domain_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// Lower-case letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_path_component(text: &str) -> bool {
    let alphanumeric =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    let mut separators = text.split(alphanumeric).filter(|part| !part.is_empty());
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && separators
            .all(|part| matches!(part, "." | "_" | "__") || part.bytes().all(|b| b == b'-'))
}

/// `algorithm:hex`, lower case and of the algorithm's length. The kubelet and container runtimes know these three
/// (`github.com/opencontainers/go-digest`), and take no image with another.
fn is_digest(text: &str) -> bool {
    const ALGORITHMS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];
    let Some((algorithm, encoded)) = text.split_once(':') else {
        return false;
    };
    ALGORITHMS.contains(&(algorithm, encoded.len()))
        && encoded
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn knows_references() {
        let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        for image in [
            "nginx",
            "nginx:1.22",
            "library/nginx",
            "pubrepo.guance.com/datakit-operator/dd-lib-java-init:v1.30.1-guance",
            "registry:5000/dd-lib-java-init",
            "localhost/a__b/c--d.e:_x",
            "Registry/app",
            "[::1]:5000/app:1",
            &format!("repo.io/app@{digest}"),
            &format!("repo.io/app:v1@{digest}"),
        ] {
            assert!(is_reference(image), "{image}");
        }
        for image in [
            "",
            "Nginx",
            "nginx:",
            "nginx: 1",
            "nginx:-1",
            "a//b",
            "/a",
            "a/",
            "a_-b",
            "a___b",
            "https://repo.io/app",
            "repo.io:port/app",
            "app@sha256:v1",
            "app@0123456789abcdef0123456789abcdef",
            &format!("app@{}", digest.to_uppercase()),
            &format!("app@{}", digest.replace('a', "A")),
            &format!("app@{digest}0"),
            &format!("app@{}", &digest[..digest.len() - 1]),
            &format!("app@{}", digest.replace("sha256", "sha512")),
            &format!("app@{}", digest.replace("sha256", "md5")),
            "repo.io/app name",
        ] {
            assert!(!is_reference(image), "{image}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn tells_tags_from_ports_and_digests() {
        for (image, expected) in [
            ("repo.io:5000/app", None),
            ("repo.io:5000/app:v1", Some("v1")),
            ("app:v1@sha256:0123", Some("v1")),
            ("app@sha256:0123", None),
        ] {
            assert_eq!(tag(image), expected, "{image}");
            assert_eq!(has_digest(image), image.contains("sha256"), "{image}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn changes_only_the_tag() {
        for (image, expected) in [
            ("repo.io/app:v1", "repo.io/app:v2"),
            ("repo.io:5000/app", "repo.io:5000/app:v2"),
            ("repo.io:5000/app:v1", "repo.io:5000/app:v2"),
            ("app@sha256:0123", "app:v2"),
            ("app:v1@sha256:0123", "app:v2"),
        ] {
            assert_eq!(with_tag(image, "v2"), expected);
        }
    }
}
