//! What is said where no session comes about: the error, and what was found to be wrong.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use common::{clip, errors_of, streamsdk};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const UNREACHABLE: i32 = 4;

fn run(server: &str) -> Command {
    let mut command = streamsdk();
    command.arg("run").arg(clip("plain_160x120.mp4")).args(["--server", server]);
    command.args(["--workspace", "local", "--workflow-id", "motion", "--timeout", "2"]);
    command
}

#[test]
fn a_server_that_is_not_there_is_said_to_be_that_with_what_to_try() {
    let (code, errors) = errors_of(&mut run("http://127.0.0.1:1"));
    assert_eq!(code, UNREACHABLE, "{errors}");
    let lines: Vec<&str> = errors.lines().collect();
    let [error, problem, advice] = lines[..] else { panic!("{errors}") };
    assert!(error.starts_with("error: asking the server for a session: "), "{errors}");
    assert!(problem.starts_with("problem: The server refuses connections"), "{errors}");
    assert!(problem.ends_with("[connection-refused]"), "{errors}");
    assert!(advice.starts_with("  Check that the server runs"), "{errors}");

    let (code, errors) = errors_of(run("http://127.0.0.1:1").arg("--no-diagnosis"));
    assert_eq!((code, errors.lines().count()), (UNREACHABLE, 1), "{errors}");
}

#[test]
fn a_certificate_that_has_expired_is_said_to_be_that() {
    let server = TlsServer::with_a_certificate_of(2001..2002);
    let mut command = run(&server.url);
    // With the system's own, it would be its issuer that is wrong.
    let (code, errors) = errors_of(command.env("SSL_CERT_FILE", &server.authority));
    assert_eq!(code, UNREACHABLE, "{errors}");
    assert!(errors.starts_with("error: "), "{errors}");
    assert!(errors.contains("[tls-certificate-expired]"), "{errors}");
}

/// Answers everybody who trusts it that there is nothing.
struct TlsServer {
    url: String,
    authority: PathBuf,
    _folder: tempfile::TempDir,
}

impl TlsServer {
    /// From the first day of one year to the first of another.
    fn with_a_certificate_of(years: std::ops::Range<i32>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let pem = folder.path().join("authority.pem");
        std::fs::write(&pem, authority.self_signed(&authority_key).unwrap().pem()).unwrap();

        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.start, 1, 1);
        params.not_after = date_time_ymd(years.end, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self { url: serve(Arc::new(config)), authority: pem, _folder: folder }
    }
}

fn serve(config: Arc<ServerConfig>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            // Who does not trust it hangs up.
            if stream.read(&mut [0; 1024]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 404 No\r\nconnection: close\r\n\r\n");
            }
        }
    });
    url
}
