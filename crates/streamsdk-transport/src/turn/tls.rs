//! TLS to a TURN server: its certificate is verified, by the system's roots and by those that were given.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

/// Certificates that are trusted, besides those of the system.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RootCertificates(Vec<CertificateDer<'static>>);

impl RootCertificates {
    /// Reads certificates as PEM.
    ///
    /// # Errors
    ///
    /// When it is none, or there is not one certificate in it.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, BadCertificates> {
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(pem.as_ref()).collect();
        match certificates {
            Ok(none) if none.is_empty() => Err(BadCertificates("there is none".to_owned())),
            Ok(certificates) => Ok(Self(certificates)),
            Err(error) => Err(BadCertificates(error.to_string())),
        }
    }

    /// Each of them in DER.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for RootCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootCertificates({})", self.0.len())
    }
}

/// What was to be certificates, and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the certificates cannot be read: {0}")]
pub struct BadCertificates(String);

/// Takes milliseconds, because the system's certificates are read.
pub(crate) fn connector(roots: &RootCertificates) -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(roots.0.iter().cloned(), Arc::clone(&provider))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"]
        {
            assert!(RootCertificates::from_pem(pem).is_err(), "{pem:?}");
        }
    }
}
