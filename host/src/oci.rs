//! Policies in OCI registries, packed as Kubewarden packs them: kwctl pulls what this pushes, and the other
//! way round.
//!
//! One layer holds the module, the config is `{}`, and the manifest carries the policy's annotations.

mod sources;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;
use serde_json::Value;

pub use sources::{Sources, SourcesError};

use crate::annotate::{self, AnnotateError};
use crate::metadata::SOURCE;

const LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";
const CONFIG: &str = "application/vnd.wasm.config.v1+json";
const IMAGE_SOURCE: &str = "org.opencontainers.image.source";

/// Why a policy was not pushed or pulled. No message holds credentials.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The reference cannot be read.
    #[error("{reference}: {reason}; a reference is registry://host[:port]/name:tag")]
    Reference {
        /// What the user wrote.
        reference: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The module is none, or its metadata is broken.
    #[error(transparent)]
    Module(#[from] AnnotateError),
    /// The module has no metadata.
    #[error("the policy is not annotated, so hosts cannot run it; annotate it before you push it")]
    NotAnnotated,
    /// Docker's configuration has something for the registry, but it cannot be used.
    #[error("the credentials that docker has for {registry} cannot be used: {reason}")]
    Credentials {
        /// The registry's host and port.
        registry: String,
        /// Why.
        reason: String,
    },
    /// The registry cannot be reached, or refuses.
    #[error("{reference}: {reason}")]
    Registry {
        /// What was to be pushed or pulled.
        reference: String,
        /// What the registry, or the network, says.
        reason: String,
    },
    /// What is in the registry is no policy.
    #[error("{reference}: this is not a Kubewarden policy: {found}")]
    NoPolicy {
        /// What was to be pulled.
        reference: String,
        /// What is there instead.
        found: String,
    },
    /// The async runtime does not start.
    #[error("no connection can be made from this machine: {0}")]
    Runtime(#[from] std::io::Error),
}

/// A policy from a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The module; its digest is the one that the manifest names.
    pub module: Vec<u8>,
    /// The reference that means this manifest and no other: `registry://host/name@sha256:…`.
    pub immutable_reference: String,
}

/// A place in a registry.
#[derive(Debug, Clone)]
pub struct Reference(oci_client::Reference);

impl Reference {
    /// Reads `registry://host[:port]/name[:tag][@digest]`, with or without the scheme.
    ///
    /// # Errors
    /// [`OciError::Reference`] where it is none, or names another scheme.
    pub fn parse(reference: &str) -> Result<Self, OciError> {
        let problem = |reason: &str| OciError::Reference {
            reference: reference.to_owned(),
            reason: reason.to_owned(),
        };
        let bare = reference.strip_prefix("registry://").unwrap_or(reference);
        if bare.contains("://") {
            return Err(problem("the scheme is not `registry`"));
        }
        bare.parse()
            .map(Self)
            .map_err(|error: oci_client::ParseError| problem(&error.to_string()))
    }

    fn registry(&self) -> &str {
        self.0.resolve_registry()
    }

    fn immutable(&self, digest: String) -> String {
        format!("registry://{}", self.0.clone_with_digest(digest))
    }

    fn failed(&self, sources: &Sources, error: &OciDistributionError) -> OciError {
        let mut reason = chain(error);
        let is_connection = matches!(error, OciDistributionError::RequestError(_));
        if is_connection && !sources.is_insecure(self.registry()) {
            reason.push_str(&format!(
                " (a registry that offers plain HTTP alone must be configured as insecure: {})",
                self.registry()
            ));
        }
        OciError::Registry {
            reference: self.0.to_string(),
            reason,
        }
    }
}

/// Pushes an annotated module and says what it is called from now on: `registry://host/name@sha256:…`.
///
/// # Errors
/// Where the module is not annotated, or the registry cannot be reached or refuses.
pub fn push(module: &[u8], reference: &Reference, sources: &Sources) -> Result<String, OciError> {
    let metadata = annotate::read(module)?.ok_or(OciError::NotAnnotated)?;
    let layers = [ImageLayer::new(module.to_vec(), LAYER.to_owned(), None)];
    let config = Config::new(&b"{}"[..], CONFIG.to_owned(), None);
    let manifest = OciImageManifest::build(&layers, &config, Some(annotations(&metadata)));
    let auth = credentials(reference.registry())?;
    let client = client(sources);
    let digest = runtime()?.block_on(async {
        client
            .push(&reference.0, &layers, config, &auth, Some(manifest))
            .await?;
        client.fetch_manifest_digest(&reference.0, &auth).await
    });
    digest
        .map(|digest| reference.immutable(digest))
        .map_err(|error| reference.failed(sources, &error))
}

/// Pulls a module. Its bytes are checked against the digest in the manifest.
///
/// # Errors
/// Where the registry cannot be reached or refuses, holds something else, or sends other bytes than it
/// promised.
pub fn pull(reference: &Reference, sources: &Sources) -> Result<Pulled, OciError> {
    let auth = credentials(reference.registry())?;
    let client = client(sources);
    let failed = |error| reference.failed(sources, &error);
    let runtime = runtime()?;
    let (manifest, digest) = runtime
        .block_on(client.pull_image_manifest(&reference.0, &auth))
        .map_err(failed)?;
    let [layer] = &manifest.layers[..] else {
        return Err(no_policy(
            reference,
            format!(
                "it has {} layers, but a policy has one",
                manifest.layers.len()
            ),
        ));
    };
    if layer.media_type != LAYER {
        return Err(no_policy(
            reference,
            format!(
                "its layer is {}, but the layer of a policy is {LAYER}",
                layer.media_type
            ),
        ));
    }
    let mut module = Vec::new();
    runtime
        .block_on(client.pull_blob(&reference.0, layer, &mut module))
        .map_err(failed)?;
    Ok(Pulled {
        module,
        immutable_reference: reference.immutable(digest),
    })
}

fn no_policy(reference: &Reference, found: String) -> OciError {
    OciError::NoPolicy {
        reference: reference.0.to_string(),
        found,
    }
}

/// The manifest's annotations: those of the metadata that are one line (OCI allows no more), and the source
/// under the name by which registries know it.
fn annotations(metadata: &Value) -> BTreeMap<String, String> {
    let mut annotations: BTreeMap<_, _> = metadata
        .get("annotations")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .filter(|(_, value)| value.lines().count() <= 1)
        .collect();
    if let Some(source) = annotations.get(SOURCE).cloned() {
        annotations.entry(IMAGE_SOURCE.to_owned()).or_insert(source);
    }
    annotations
}

fn client(sources: &Sources) -> Client {
    // An error says that there is a provider already, which is all that is needed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(ClientConfig {
        protocol: ClientProtocol::HttpsExcept(sources.insecure()),
        extra_root_certificates: sources.certificates(),
        ..ClientConfig::default()
    })
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// What `docker login` left behind for a registry.
fn credentials(registry: &str) -> Result<RegistryAuth, OciError> {
    let unusable = |reason: String| OciError::Credentials {
        registry: registry.to_owned(),
        reason,
    };
    let Some(config) = docker_config() else {
        return Ok(RegistryAuth::Anonymous);
    };
    match docker_credential::get_credential_from_reader(config, registry) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(RegistryAuth::Basic(user, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(unusable(
            "it is an identity token; log in with a name and a password".to_owned(),
        )),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(RegistryAuth::Anonymous),
        // Helpers have no other way to say that they know nothing of a registry.
        Err(CredentialRetrievalError::HelperFailure { stdout, .. })
            if stdout.contains("credentials not found") =>
        {
            Ok(RegistryAuth::Anonymous)
        }
        // What a helper printed could be a secret.
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(unusable(format!("the helper `{helper}` failed")))
        }
        Err(other) => Err(unusable(other.to_string())),
    }
}

/// Docker's configuration, where there is one: `$DOCKER_CONFIG/config.json`, else that of the home directory.
fn docker_config() -> Option<BufReader<File>> {
    let folder = std::env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".docker")))?;
    File::open(folder.join("config.json"))
        .ok()
        .map(BufReader::new)
}

/// An error with its causes: reqwest's own text leaves out why.
fn chain(error: &OciDistributionError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn annotations_are_the_single_lines_and_the_source() {
        let metadata = json!({"annotations": {
            "io.kubewarden.policy.title": "t",
            "io.kubewarden.policy.usage": "# Use\n\nAs it is.",
            "io.kubewarden.policy.source": "https://example.com/src"
        }});
        let expected = [
            ("io.kubewarden.policy.source", "https://example.com/src"),
            ("io.kubewarden.policy.title", "t"),
            ("org.opencontainers.image.source", "https://example.com/src"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(annotations(&metadata), expected.into());

        let own = json!({"annotations": {
            "io.kubewarden.policy.source": "a", "org.opencontainers.image.source": "b"
        }});
        assert_eq!(annotations(&own)[IMAGE_SOURCE], "b");
        assert_eq!(annotations(&json!({})), BTreeMap::new());
    }

    #[test]
    fn references_come_with_and_without_their_scheme() {
        for reference in ["registry://localhost:5000/a/b:v1", "localhost:5000/a/b:v1"] {
            let reference = Reference::parse(reference).unwrap();
            assert_eq!(reference.registry(), "localhost:5000");
            assert_eq!(reference.0.to_string(), "localhost:5000/a/b:v1");
        }
        for (reference, reason) in [
            ("https://localhost/a:v1", "the scheme is not `registry`"),
            ("registry://localhost/A:v1", "invalid reference format"),
            ("", "repository name must have at least one component"),
        ] {
            assert_eq!(
                Reference::parse(reference).unwrap_err().to_string(),
                format!("{reference}: {reason}; a reference is registry://host[:port]/name:tag")
            );
        }
    }
}
