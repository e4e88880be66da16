//! TLS as a session's: what the system trusts, and what was given.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::Verifier;
use streamsdk_transport::RootCertificates;
use tokio_rustls::TlsConnector;

/// Whose certificates are trusted.
#[derive(Debug, Clone)]
pub(crate) enum Trust {
    /// The system's, and these.
    System(RootCertificates),
    #[cfg(test)]
    Only(Arc<rustls::RootCertStore>),
}

impl Default for Trust {
    fn default() -> Self {
        Self::System(RootCertificates::default())
    }
}

impl Trust {
    /// Takes a few milliseconds: the system's certificates are read.
    pub(crate) fn connector(&self) -> Result<TlsConnector, rustls::Error> {
        let provider = provider();
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let config = match self {
            Self::System(more) => {
                let more = more.iter().map(|der| CertificateDer::from(der.to_vec()));
                let verifier = Verifier::new_with_extra_roots(more, provider)?;
                config.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
            #[cfg(test)]
            Self::Only(roots) => config.with_root_certificates(Arc::clone(roots)),
        };
        Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
    }
}

/// Takes any certificate. For asking what time it is, where time may be the reason why none is trusted: nothing
/// that is secret may go over such a connection.
pub(crate) fn connector_that_trusts_anybody() -> Result<TlsConnector, rustls::Error> {
    let provider = provider();
    let verifier = Anybody(provider.signature_verification_algorithms);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
