//! Results as HTTP requests.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]
#![cfg(feature = "webhook")]

mod common;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::serve::Listener;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use streamsdk_sinks::webhook::Webhook;
use streamsdk_sinks::{DeliveryErrorKind, Outlet, OutletConfig, Place, Record, ResultSink, Tls};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A server that answers as the test wants.
#[derive(Clone)]
struct Server {
    answer: Arc<dyn Fn(&str) -> StatusCode + Send + Sync>,
    requests: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

async fn take(State(server): State<Server>, headers: HeaderMap, body: String) -> StatusCode {
    let status = (server.answer)(&body);
    server.requests.lock().unwrap().push((headers, body));
    status
}

impl Server {
    /// Says at which URL.
    async fn start(answer: impl Fn(&str) -> StatusCode + Send + Sync + 'static) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/results", listener.local_addr().unwrap());
        (Self::serve(listener, answer), url)
    }

    fn serve<L: Listener<Addr: std::fmt::Debug>>(
        listener: L,
        answer: impl Fn(&str) -> StatusCode + Send + Sync + 'static,
    ) -> Self {
        let server = Self { answer: Arc::new(answer), requests: Arc::default() };
        let router = Router::new().route("/results", post(take)).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    fn bodies(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }
}

/// Takes connections of clients that the authority vouches for. `folder` has the certificates.
struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    async fn bind(folder: &Path) -> Self {
        let file = |name: &str| fs::read(folder.join(name)).unwrap();
        let mut authorities = RootCertStore::empty();
        authorities.add(CertificateDer::from_pem_slice(&file("ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(authorities.into(), provider.clone());
        let certificate = CertificateDer::from_pem_slice(&file("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&file("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, from) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

fn records(sequences: impl IntoIterator<Item = u64>) -> Vec<Record> {
    let record = |sequence| {
        Record::new(
            "gate".parse().unwrap(),
            Place { epoch: 1, sequence },
            format!("{{\"n\":{sequence}}}"),
        )
    };
    sequences.into_iter().map(record).collect()
}

#[tokio::test]
async fn a_server_with_tls_and_its_client_know_each_other() {
    let folder = tempfile::tempdir().unwrap();
    common::tls::write_certificates(folder.path());
    let listener = TlsListener::bind(folder.path()).await;
    let url = format!("https://{}/results", listener.local_addr().unwrap());
    let server = Server::serve(listener, |_| StatusCode::OK);
    let sink = |tls: &Tls| Webhook::with_tls(&url, tls).unwrap();

    common::tls::assert_each_end_is_known(folder.path(), sink).await;

    assert_eq!(server.bodies().len(), 3);
}

#[tokio::test]
async fn a_batch_is_one_request_with_a_record_a_line() {
    let (server, url) = Server::start(|_| StatusCode::ACCEPTED).await;
    let mut hook = Webhook::new(&url).unwrap().header("Authorization", "Bearer s3cret").unwrap();
    hook.deliver(&records(1..=3)).await.unwrap();
    assert_eq!(server.bodies(), ["{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n"]);
    let (headers, _) = &server.requests.lock().unwrap()[0];
    assert_eq!(headers["content-type"], "application/x-ndjson");
    assert_eq!(headers["authorization"], "Bearer s3cret");
    assert!(!format!("{hook:?}").contains("s3cret"));
}

#[tokio::test]
async fn what_the_server_never_takes_costs_no_other() {
    let (server, url) = Server::start(|body| match body.contains("{\"n\":2}") {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    })
    .await;
    let outlet =
        Outlet::open(Box::new(Webhook::new(&url).unwrap()), OutletConfig::default()).unwrap();
    for record in records(1..=4) {
        outlet.put(record).await.unwrap();
    }
    let ended = outlet.close(Duration::from_secs(60)).await;
    assert_eq!((ended.counters.delivered, ended.counters.refused), (3, 1));
    let taken: Vec<_> =
        server.bodies().into_iter().filter(|body| !body.contains("{\"n\":2}")).collect();
    let lines: Vec<_> = taken.iter().flat_map(|body| body.lines()).collect();
    assert_eq!(lines, ["{\"n\":1}", "{\"n\":3}", "{\"n\":4}"]);
}

#[tokio::test]
async fn everything_else_may_work_later() {
    for status in [401, 404, 408, 429, 500, 503, 301] {
        let (_server, url) = Server::start(move |_| StatusCode::from_u16(status).unwrap()).await;
        let error = Webhook::new(&url).unwrap().deliver(&records([1])).await.unwrap_err();
        assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Unavailable, 0));
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_is_said_without_secrets() {
    let mut hook = Webhook::new("http://user:s3cret@127.0.0.1:9/results").unwrap();
    let error = hook.deliver(&records([1])).await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:9") && error.contains("refused"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn what_is_no_url_or_no_header_is_refused_at_once() {
    for url in ["", "results", "ftp://a/b", "http://", "mailto:a@b"] {
        Webhook::new(url).unwrap_err();
    }
    let hook = || Webhook::new("http://127.0.0.1/").unwrap();
    hook().header("bad name", "x").unwrap_err();
    let error = hook().header("x-key", "s3cret\n").unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
}
