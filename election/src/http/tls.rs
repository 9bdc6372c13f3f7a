//! Certificates: from files, read anew when they change, or made at the start.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::time::sleep;
use tracing::{info, warn};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{}: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}: not a file in PEM with a {wanted}: {source}", path.display())]
    NotPem {
        path: PathBuf,
        wanted: &'static str,
        source: rustls::pki_types::pem::Error,
    },
    #[error("the certificate and its key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    #[error("a certificate cannot be made: {0}")]
    NotMade(#[from] rcgen::Error),
}

/// A certificate file and a key file, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The certificate that connections get.
#[derive(Debug)]
pub struct Certificate {
    current: RwLock<Arc<CertifiedKey>>,
    provider: Arc<CryptoProvider>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_files(files: &Files) -> Result<Self, TlsError> {
        Self::new(|provider| parse(files, &Content::read(files)?, provider))
    }

    /// Makes a certificate for `names` that nobody has to trust: Datakit does not check those of
    /// services in the cluster.
    ///
    /// # Errors
    /// A name cannot stand in a certificate.
    pub fn self_signed(names: &[String]) -> Result<Self, TlsError> {
        let made = rcgen::generate_simple_self_signed(names)?;
        let key = made.signing_key.serialize_der();
        Self::new(|provider| {
            let key = PrivateKeyDer::Pkcs8(key.into());
            Ok(CertifiedKey::from_der(
                vec![made.cert.der().clone()],
                key,
                provider,
            )?)
        })
    }

    fn new(
        make: impl FnOnce(&CryptoProvider) -> Result<CertifiedKey, TlsError>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Ok(Self {
            current: RwLock::new(Arc::new(make(&provider)?)),
            provider,
        })
    }

    /// What the server offers: TLS 1.2 and 1.3, HTTP/1.1.
    ///
    /// # Errors
    /// The library does not have these versions.
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Takes the files as soon as they have changed, for ever. What cannot be used is told, and the
    /// certificate stays.
    pub async fn follow(&self, files: &Files) {
        let mut known = Content::read(files).ok();
        loop {
            sleep(LOOK).await;
            match Content::read(files) {
                Ok(content) if Some(&content) == known.as_ref() => {}
                Ok(content) => {
                    self.take(files, &content);
                    known = Some(content);
                }
                Err(error) => warn!(%error, "the certificate cannot be read; it stays as it is"),
            }
        }
    }

    fn take(&self, files: &Files, content: &Content) {
        match parse(files, content, &self.provider) {
            Ok(key) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                info!("the certificate has changed");
            }
            Err(error) => warn!(%error, "the certificate cannot be used; it stays as it is"),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

/// What is in the files.
#[derive(PartialEq, Eq)]
struct Content {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Content {
    fn read(files: &Files) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn parse(
    files: &Files,
    content: &Content,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let not_pem = |path: &Path, wanted| {
        let path = path.to_owned();
        move |source| TlsError::NotPem {
            path,
            wanted,
            source,
        }
    };
    let chain = CertificateDer::pem_slice_iter(&content.certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(not_pem(&files.certificate, "certificate"))?;
    let key =
        PrivateKeyDer::from_pem_slice(&content.key).map_err(not_pem(&files.key, "private key"))?;
    Ok(CertifiedKey::from_der(chain, key, provider)?)
}
