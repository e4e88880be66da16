//! Certificates that are wrong, each in its way.

use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::certificates::{self, Certificate};
use super::http_server::{HttpServer, MISSING_FIELDS, dated, json};
use super::{checkup, what_of, wrong};
use crate::trust::Trust;
use crate::{Code, Diagnosis};

async fn diagnosis(certificate: &Certificate, trust: &Trust, reply: String) -> Diagnosis {
    let tls = Some(certificate.acceptor.clone());
    let server = HttpServer::start_with(reply, tls).await;
    let mut checkup = checkup().server(server.https_url()).api_key("k3y-of-the-test");
    checkup.trust = trust.clone();
    let diagnosis = checkup.run().await;
    for request in server.requests.lock().unwrap().iter() {
        assert!(!request.contains("k3y-of-the-test"), "told to a stranger: {request}");
    }
    diagnosis
}

async fn diagnosis_of(certificate: Certificate) -> Diagnosis {
    diagnosis(&certificate, &certificate.trust, json(422, MISSING_FIELDS)).await
}

#[tokio::test]
async fn a_certificate_for_another_name_is_a_name_mismatch_that_says_which() {
    let diagnosis = diagnosis_of(certificates::for_name("other.example")).await;
    assert_eq!(wrong(&diagnosis), [Code::TlsNameMismatch], "{diagnosis}");
    let what = what_of(&diagnosis, Code::TlsNameMismatch);
    assert!(what.contains("other.example") && !what.contains('"'), "{what}");
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_that_where_the_clocks_agree() {
    let diagnosis = diagnosis_of(certificates::with_years("localhost", 2001, 2002)).await;
    assert_eq!(wrong(&diagnosis), [Code::TlsCertificateExpired], "{diagnosis}");
    assert!(what_of(&diagnosis, Code::TlsCertificateExpired).contains("Jan 2002"));
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_yet_is_that_where_the_clocks_agree() {
    let diagnosis = diagnosis_of(certificates::with_years("localhost", 2090, 2120)).await;
    assert_eq!(wrong(&diagnosis), [Code::TlsCertificateNotYetValid], "{diagnosis}");
}

#[tokio::test]
async fn a_certificate_that_has_expired_by_another_clock_than_the_servers_is_a_wrong_clock() {
    let certificate = certificates::with_years("localhost", 2001, 2002);
    let then = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    let reply = dated(&then, 404, "", "");
    let diagnosis = diagnosis(&certificate, &certificate.trust, reply).await;
    assert_eq!(wrong(&diagnosis), [Code::ClockWrong], "{diagnosis}");
    assert!(what_of(&diagnosis, Code::ClockWrong).contains("expired"));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_untrusted() {
    let certificate = certificates::for_name("localhost");
    let other = certificates::for_name("localhost");
    for trust in [other.trust, Trust::default()] {
        let diagnosis = diagnosis(&certificate, &trust, json(422, MISSING_FIELDS)).await;
        assert_eq!(wrong(&diagnosis), [Code::TlsUntrusted], "{diagnosis}");
    }
}

#[tokio::test]
async fn https_where_http_is_spoken_is_said_to_be_that() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
        }
    });
    let diagnosis = checkup().server(format!("https://127.0.0.1:{port}")).run().await;
    assert_eq!(wrong(&diagnosis), [Code::TlsNotSpoken], "{diagnosis}");
}

#[tokio::test]
async fn a_connection_that_is_cut_off_during_the_handshake_is_tls_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let diagnosis = checkup().server(format!("https://localhost:{port}")).run().await;
    assert_eq!(wrong(&diagnosis), [Code::TlsFailed], "{diagnosis}");
}

#[tokio::test]
async fn a_certificate_that_is_trusted_is_fine() {
    let certificate = certificates::for_name("localhost");
    let diagnosis = diagnosis(&certificate, &certificate.trust, json(422, MISSING_FIELDS)).await;
    what_of(&diagnosis, Code::TlsTrusted);
}
