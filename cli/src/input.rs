//! What the commands read.

use std::io::Read as _;
use std::path::Path;

use datakit_policy_host::policy::Policy;

use crate::Failure;

/// The name that stands for standard input.
pub const STDIN: &str = "-";

/// A file's path, given as it is or as a `file://` address.
pub fn local_path(path: &str) -> &Path {
    Path::new(path.strip_prefix("file://").unwrap_or(path))
}

/// A file's text, or that of standard input.
pub fn text(path: &str) -> Result<String, Failure> {
    let text = if path == STDIN {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|error| format!("{}: cannot be read: {error}", name(path)).into())
}

/// What messages call a file.
pub fn name(path: &str) -> &str {
    if path == STDIN {
        "standard input"
    } else {
        path
    }
}

/// A file's bytes.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| format!("{}: cannot be read: {error}", path.display()).into())
}

/// Compiles the policy in a file.
pub fn policy(path: &Path) -> Result<Policy, Failure> {
    Policy::from_bytes(&bytes(path)?).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Writes a file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|error| format!("{}: cannot be written: {error}", path.display()).into())
}
