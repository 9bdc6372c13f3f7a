//! Keys and certificates of the servers on the loopback interface.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

/// What a server on 127.0.0.1 shows, and what its clients trust. All PEM.
pub struct Certificates {
    /// The authority's certificate.
    pub authority: String,
    /// The server's certificate.
    pub server: String,
    /// The server's private key, PKCS #8.
    pub key: String,
    /// The public half of `key`.
    pub public_key: String,
}

impl Certificates {
    /// An authority of its own, and one certificate for `127.0.0.1` and `localhost`.
    ///
    /// # Panics
    /// Where no key can be made.
    #[must_use]
    pub fn generate() -> Self {
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);

        let mut server =
            CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_key = KeyPair::generate().unwrap();
        let server_certificate = server.signed_by(&server_key, &issuer).unwrap();
        Self {
            authority: authority_certificate.pem(),
            server: server_certificate.pem(),
            key: server_key.serialize_pem(),
            public_key: server_key.public_key_pem(),
        }
    }
}
