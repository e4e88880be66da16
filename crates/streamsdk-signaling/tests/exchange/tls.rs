//! `https`: what the system trusts is trusted, and nothing else.

use std::env;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::proxy::run_again;
use crate::{assert_shows_no_key, exchange, recorded_answer, server};

const PORT: &str = "PORT_OF_THE_TEST";

/// A server with a certificate for `localhost`, which is returned as PEM with the server's port.
async fn start() -> (u16, String) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        let (events, _unused) = mpsc::unbounded_channel();
        let reply = server::json(200, &recorded_answer());
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                server::serve(stream, &reply, &events).await;
            }
        }
    });
    (port, certified.cert.pem())
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_a_connect_error_that_stays() {
    let (port, _) = start().await;
    let error = exchange(&format!("https://localhost:{port}")).await.unwrap_err();
    assert!(error.is_connect() && !error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_shows_no_key(&error);
}

#[tokio::test]
async fn https_to_a_server_that_speaks_http_is_a_connect_error_that_stays() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
    });
    let error = exchange(&format!("https://127.0.0.1:{port}")).await.unwrap_err();
    assert!(error.is_connect() && !error.is_retryable(), "{error:?}");
}

#[tokio::test]
#[ignore = "run by the next test, with an environment"]
async fn exchange_with_the_port() {
    let Ok(port) = env::var(PORT) else { return };
    exchange(&format!("https://localhost:{port}")).await.unwrap();
    println!("RESULT: answered");
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "other systems keep certificates elsewhere")]
async fn a_certificate_that_the_system_trusts_is_trusted() {
    let (port, certificate) = start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    let trusted = file.path().to_str().unwrap().to_owned();
    let environment = [("SSL_CERT_FILE", trusted), (PORT, port.to_string())];
    let output = run_again("tls::exchange_with_the_port", &environment).await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("RESULT: answered"), "{output:?}");
}
