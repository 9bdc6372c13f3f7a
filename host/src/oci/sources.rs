//! Which registries are trusted, and how far: kwctl's sources.yml.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use oci_client::client::{Certificate, CertificateEncoding};
use serde::Deserialize;

use crate::yaml::{self, DuplicateKeys};

/// Why sources.yml cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// The file, or a certificate that it names, cannot be read.
    #[error("{file}: cannot be read: {error}")]
    Unreadable {
        /// The file's name.
        file: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is no YAML.
    #[error("{file}:{}:{}: {}", error.line, error.column, error.message)]
    Malformed {
        /// The file's name.
        file: String,
        /// What is wrong, and in which line.
        error: yaml::YamlError,
    },
    /// The file has other fields, or of other types.
    #[error("{file}: {error}; known are `insecure_sources` and `source_authorities`")]
    Invalid {
        /// The file's name.
        file: String,
        /// What is wrong.
        error: serde_json::Error,
    },
}

/// How to talk to registries: HTTPS with the system's certificates where nothing is said.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    insecure: BTreeSet<String>,
    certificates: Vec<Vec<u8>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    insecure_sources: BTreeSet<String>,
    source_authorities: BTreeMap<String, Vec<Authority>>,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Authority {
    Data { data: String },
    Path { path: PathBuf },
}

impl Sources {
    /// Reads a sources.yml: `insecure_sources`, registries (`host:port`) without HTTPS, and
    /// `source_authorities`, certificates to trust (`{type: Path, path}` or `{type: Data, data}`, PEM or DER).
    /// As in kwctl, the certificates count for every registry.
    ///
    /// # Errors
    /// Where the file or a certificate cannot be read, or has something else in it.
    pub fn read_file(path: &Path) -> Result<Self, SourcesError> {
        let file = path.display().to_string();
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        let value = yaml::single(&text, DuplicateKeys::Refuse).map_err(|error| {
            SourcesError::Malformed {
                file: file.clone(),
                error,
            }
        })?;
        let parsed: Option<File> =
            serde_json::from_value(value).map_err(|error| SourcesError::Invalid { file, error })?;
        let parsed = parsed.unwrap_or_default();
        let certificates = parsed
            .source_authorities
            .into_values()
            .flatten()
            .map(|authority| match authority {
                Authority::Data { data } => Ok(data.into_bytes()),
                Authority::Path { path } => read(&path),
            });
        Ok(Self {
            insecure: parsed.insecure_sources,
            certificates: certificates.collect::<Result<_, _>>()?,
        })
    }

    /// Adds a registry, `host:port`, that is talked to without encryption.
    pub fn add_insecure(&mut self, registry: &str) {
        self.insecure.insert(registry.to_owned());
    }

    pub(super) fn is_insecure(&self, registry: &str) -> bool {
        self.insecure.contains(registry)
    }

    pub(super) fn insecure(&self) -> Vec<String> {
        self.insecure.iter().cloned().collect()
    }

    pub(super) fn certificates(&self) -> Vec<Certificate> {
        let certificate = |data: &Vec<u8>| Certificate {
            encoding: if data.starts_with(b"-----BEGIN") {
                CertificateEncoding::Pem
            } else {
                CertificateEncoding::Der
            },
            data: data.clone(),
        };
        self.certificates.iter().map(certificate).collect()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SourcesError> {
    std::fs::read(path).map_err(|error| SourcesError::Unreadable {
        file: path.display().to_string(),
        error,
    })
}
