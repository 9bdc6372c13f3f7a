//! The certificate from files.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::sleep;

use crate::connection::Connection;
use crate::running::start;

fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

fn trusting(certificate: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Arc::new(
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

#[tokio::test]
async fn a_certificate_that_changes_is_taken_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let first = write_certificate(folder.path());
    let service = start(&[
        "--tls-cert",
        &path("tls.crt"),
        "--tls-key",
        &path("tls.key"),
    ])
    .await;
    Connection::with(&service.address, trusting(first.clone())).await;

    fs::write(folder.path().join("tls.crt"), "not a certificate").unwrap();
    sleep(Duration::from_secs(11)).await;
    Connection::with(&service.address, trusting(first)).await;

    let second = trusting(write_certificate(folder.path()));
    let begin = Instant::now();
    let is_taken = || async {
        let address = service.address.clone();
        let second = Arc::clone(&second);
        tokio::spawn(async move { Connection::with(&address, second).await })
            .await
            .is_ok()
    };
    while !is_taken().await {
        assert!(begin.elapsed() < Duration::from_secs(15));
        sleep(Duration::from_millis(500)).await;
    }
}
