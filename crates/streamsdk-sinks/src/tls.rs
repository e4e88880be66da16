//! Whom connections with TLS trust, and who they are to a server.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use thiserror::Error;

/// Whom a connection trusts, and who this program is to the server.
///
/// Default is to trust whom the system trusts, and to be nobody in particular. On Linux the variables `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` say otherwise whom that is.
#[derive(Clone, Default)]
pub struct Tls {
    authorities: Option<Arc<RootCertStore>>,
    identity: Option<Arc<Identity>>,
}

struct Identity {
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Certificates or a key that cannot be used. It does not show the key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InvalidTls(String);

impl Tls {
    /// The same as the default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts those whom these authorities vouch for, and nobody else, the system's neither. `pem` has a certificate of each.
    ///
    /// # Errors
    ///
    /// If there is no certificate in it, or one that cannot be read.
    pub fn authorities(mut self, pem: &[u8]) -> Result<Self, InvalidTls> {
        let mut store = RootCertStore::empty();
        for certificate in certificates(pem)? {
            store.add(certificate).map_err(invalid("a certificate of an authority"))?;
        }
        self.authorities = Some(Arc::new(store));
        Ok(self)
    }

    /// Shows servers that ask for it the first of these certificates, which those behind it connect with its authority, and
    /// proves with the key that it is this program's. Both are PEM; the key is PKCS#8, PKCS#1 or SEC1, without a passphrase.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read, or the key is not the certificate's.
    pub fn identity(mut self, certificates_pem: &[u8], key_pem: &[u8]) -> Result<Self, InvalidTls> {
        let certificates = certificates(certificates_pem)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(invalid("the key"))?;
        self.identity = Some(Arc::new(Identity { certificates, key }));
        // Says now whether they belong together.
        self.config(false)?;
        Ok(self)
    }

    /// Loading whom the system trusts takes a while, and is left out for connections that are not encrypted: TLS would fail
    /// with it, not trust.
    pub(crate) fn config(&self, is_encrypted: bool) -> Result<ClientConfig, InvalidTls> {
        let failed = invalid("TLS");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(&failed)?;
        let builder = match &self.authorities {
            Some(authorities) => builder.with_root_certificates(Arc::clone(authorities)),
            None if is_encrypted => builder.with_platform_verifier().map_err(&failed)?,
            None => builder.with_root_certificates(RootCertStore::empty()),
        };
        match &self.identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.certificates.clone(), identity.key.clone_key())
                .map_err(invalid("the certificate and its key")),
            None => Ok(builder.with_no_client_auth()),
        }
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(invalid("a certificate"))?;
    if certificates.is_empty() {
        return Err(InvalidTls("there is no certificate in PEM".to_owned()));
    }
    Ok(certificates)
}

fn invalid<E: fmt::Display>(what: &'static str) -> impl Fn(E) -> InvalidTls {
    move |error| InvalidTls(format!("{what}: {error}"))
}

/// Without the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("has_authorities", &self.authorities.is_some())
            .field("has_identity", &self.identity.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate_and_key() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["me".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn what_cannot_be_used_is_told_without_the_key() {
        let (certificate, key) = certificate_and_key();
        let (_, key_of_another) = certificate_and_key();
        let tls = Tls::new().identity(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(format!("{tls:?}"), "Tls { has_authorities: false, has_identity: true }");

        let secret = key_of_another.lines().nth(1).unwrap();
        for (certificate, key) in [
            (certificate.as_str(), key_of_another.as_str()),
            (&key_of_another, &certificate),
            ("", &key),
            (&certificate, "no key"),
        ] {
            let error = Tls::new().identity(certificate.as_bytes(), key.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains(secret), "{error}");
        }
        let cut = certificate.replace("-----END", "");
        for pem in ["", "no certificate", &cut, &key] {
            Tls::new().authorities(pem.as_bytes()).unwrap_err();
        }
    }
}
