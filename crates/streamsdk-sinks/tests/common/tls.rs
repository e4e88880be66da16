//! Brokers with TLS that ask who is there, and what sinks make of it.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use streamsdk_sinks::{DeliveryErrorKind, ResultSink, Tls};

use super::record;

/// An authority, `ca.pem`, and whom it vouches for: `server.pem` for this machine, and `client.pem`, each with its `.key`.
pub fn write_certificates(folder: &Path) {
    let mut authority = params(&[], "authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    fs::write(folder.join("ca.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let authority = Issuer::new(authority, key);
    for (name, host) in [("server", "127.0.0.1"), ("client", "client")] {
        let key = KeyPair::generate().unwrap();
        let certificate = params(&[host], name).signed_by(&key, &authority).unwrap();
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

/// The names differ: who has the name of its authority counts as signed by itself.
fn params(hosts: &[&str], name: &str) -> CertificateParams {
    let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A sink that trusts the authority and shows its certificate delivers. One that trusts whom the system trusts does not talk to
/// the broker, and one without a certificate is sent away. `folder` has the certificates of [`write_certificates`].
pub async fn assert_each_end_is_known<S: ResultSink>(folder: &Path, sink: impl Fn(&Tls) -> S) {
    let file = |name: &str| fs::read(folder.join(name)).unwrap();
    let trusting = Tls::new().authorities(&file("ca.pem")).unwrap();
    let identity = (file("client.pem"), file("client.key"));
    let known = trusting.clone().identity(&identity.0, &identity.1).unwrap();
    let doubting = Tls::new().identity(&identity.0, &identity.1).unwrap();

    for (tls, said) in [(doubting, "certificate"), (trusting, "")] {
        let error = sink(&tls).deliver(&[record("left", 1)]).await.unwrap_err();
        let said_so = (error.kind(), error.delivered());
        assert_eq!(said_so, (DeliveryErrorKind::Unavailable, 0), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    let mut known = sink(&known);
    for sequence in 1..=3 {
        known.deliver(&[record("left", sequence)]).await.unwrap();
    }
    known.close().await;
}
