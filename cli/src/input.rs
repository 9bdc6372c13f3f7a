//! What the commands read.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use datakit_policy_host::manifest::{self, Document};
use datakit_policy_host::policy::Policy;
use datakit_policy_host::request::AdmissionRequest;
use serde_json::Value;

use crate::Failure;

/// The name that stands for standard input.
pub const STDIN: &str = "-";

/// The policy that the program carries.
const CARRIED: &[u8] = include_bytes!(env!("DATAKIT_POLICY_MODULE"));

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

/// Which policy is asked.
#[derive(clap::Args)]
pub struct PolicyArgs {
    /// The policy: a WebAssembly module in place of the one that this program carries
    #[arg(short, long, value_name = "FILE", env = "DATAKIT_POLICY")]
    policy: Option<PathBuf>,
}

impl PolicyArgs {
    /// Compiles the policy.
    pub fn compile(&self) -> Result<Policy, Failure> {
        policy(self.policy.as_deref())
    }
}

/// Compiles the policy in a file; without one, that which the program carries.
pub fn policy(path: Option<&Path>) -> Result<Policy, Failure> {
    let Some(path) = path else {
        return Ok(Policy::from_bytes(CARRIED)?);
    };
    Policy::from_bytes(&bytes(path)?).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The request in a JSON file, or on standard input.
pub fn request(path: &str) -> Result<AdmissionRequest, Failure> {
    let review: Value = serde_json::from_str(&text(path)?)
        .map_err(|error| format!("{}: the request is no JSON: {error}", name(path)))?;
    AdmissionRequest::from_review(review).map_err(|error| format!("{}: {error}", name(path)).into())
}

/// The documents of a file, of all files in a folder, or of standard input; for what cannot be read, the reason.
pub fn manifests(path: &str) -> Vec<Result<Document, Failure>> {
    let files = match files(path) {
        Ok(files) => files,
        Err(error) => return vec![Err(error)],
    };
    let documents = files.iter().flat_map(|file| match text(file) {
        Ok(text) => manifest::read(name(file), &text)
            .into_iter()
            .map(|document| document.map_err(Failure::from))
            .collect(),
        Err(error) => vec![Err(error)],
    });
    documents.collect()
}

/// A file itself; of a folder, the manifests in it and in the folders below, sorted.
fn files(path: &str) -> Result<Vec<String>, Failure> {
    if path == STDIN || !Path::new(path).is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    collect_manifests(Path::new(path), &mut files)
        .map_err(|error| format!("{path}: the folder cannot be read: {error}"))?;
    if files.is_empty() {
        let message = "there is no manifest in the folder (.yaml, .yml or .json)";
        return Err(format!("{path}: {message}").into());
    }
    let files = files.iter().map(|file| file.display().to_string());
    Ok(files.collect())
}

/// Hidden folders are left out: they hold the tools' own files.
fn collect_manifests(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        // A link to a folder could lead back to where it is.
        if entry.file_type()?.is_dir() {
            if !is_hidden {
                collect_manifests(&path, files)?;
            }
        } else if is_manifest(&path) && !is_hidden {
            files.push(path);
        }
    }
    Ok(())
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yaml" | "yml" | "json"))
}

/// Writes a file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|error| format!("{}: cannot be written: {error}", path.display()).into())
}
