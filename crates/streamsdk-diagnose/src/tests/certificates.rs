//! Certificates as a test needs them.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::trust::Trust;

pub(super) struct Certificate {
    pub(super) acceptor: TlsAcceptor,
    /// Trusts this one alone.
    pub(super) trust: Trust,
    pub(super) pem: String,
}

pub(super) fn for_name(name: &str) -> Certificate {
    with_years(name, 2020, 2120)
}

/// Holds from the first day of one year to the first of another.
pub(super) fn with_years(name: &str, from: i32, until: i32) -> Certificate {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    Certificate {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        trust: Trust::Only(Arc::new(roots)),
        pem: certificate.pem(),
    }
}
