//! `https`: what the system trusts is trusted, and a redirect does not lead out of it.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use streamsdk_download::DownloadError;
use tempfile::{NamedTempFile, TempDir};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::environment::result;
use crate::server::{Answer, redirect, serve, whole};
use crate::{download, failed, serving};

/// A server with a certificate for `localhost`.
struct TlsServer {
    url: String,
    certificate: NamedTempFile,
}

async fn start(answer: Answer) -> TlsServer {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let certificate = NamedTempFile::new().unwrap();
    std::fs::write(certificate.path(), certified.cert.pem()).unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/clip.mp4", listener.local_addr().unwrap().port());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        let answer = Arc::new(move |_: &_, _| answer.clone());
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, Arc::default(), Arc::clone(&answer)).await;
            }
        }
    });
    TlsServer { url, certificate }
}

/// What comes of a download from a server that the system trusts.
async fn result_of_trusting(server: &TlsServer, home: &TempDir, variable: (&str, &str)) -> String {
    let trusted = ("SSL_CERT_FILE", server.certificate.path().to_str().unwrap());
    let open = ("ALLOW_URL_TO_NON_GLOBAL_ADDRESSES", "true");
    result(server.url.clone(), home.path(), &[trusted, open, variable]).await
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_an_error_that_stays() {
    let (folder, server) = (tempfile::tempdir().unwrap(), start(whole("", b"video")).await);
    let error = failed(download(&server.url, &folder), &folder).await;
    assert!(matches!(error, DownloadError::Connect { .. }), "{error}");
    assert!(!error.is_retryable() && error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "other systems keep certificates elsewhere")]
async fn a_certificate_that_the_system_trusts_is_trusted() {
    let (home, server) = (tempfile::tempdir().unwrap(), start(whole("", b"video")).await);
    let only_https = ("ALLOW_NON_HTTPS_URL_INPUT", "false");
    let shown = result_of_trusting(&server, &home, only_https).await;
    assert!(shown.contains("RESULT: downloaded"), "{shown}");
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "other systems keep certificates elsewhere")]
async fn a_redirect_out_of_https_is_followed_only_where_that_is_allowed() {
    let (home, plain) = (tempfile::tempdir().unwrap(), serving(whole("", b"video")).await);
    let server = start(redirect(&plain.url("clip.mp4"))).await;
    let shown = result_of_trusting(&server, &home, ("UNRELATED", "")).await;
    assert!(shown.contains("an http URL that an https URL redirects to"), "{shown}");
    assert_eq!(plain.requests().len(), 0);
    let shown = result_of_trusting(&server, &home, ("ALLOW_NON_HTTPS_URL_INPUT", "true")).await;
    assert!(shown.contains("RESULT: downloaded"), "{shown}");
}
