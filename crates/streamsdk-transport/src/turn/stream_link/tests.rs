use std::future::poll_fn;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use webrtc::runtime::RecvMeta;

use super::*;
use crate::RootCertificates;
use crate::turn::board::{Board, Progress, Step};
use crate::turn::url::ServerUrl;

/// STUN messages of 20 bytes, told apart by their last one.
fn message(number: u8) -> Vec<u8> {
    let mut message = vec![0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    message.extend([0; 11]);
    message.push(number);
    message
}

const ALIAS: ([u8; 4], u16) = ([240, 83, 68, 75], 1);

/// The end of a link that a socket has.
struct LinkBed {
    link: StreamLink,
    inbox: Inbox,
    board: Board,
    connection_state: ConnectionState,
}

impl LinkBed {
    fn new(url: &str, roots: RootCertificates, policy: IceTransportPolicy) -> Self {
        let board = Board::new(vec![Progress::Pending(Step::Lookup)]);
        let url = ServerUrl::parse(url).unwrap();
        let dialer = Dialer { url, entry: board.entry(0), tls: Arc::default(), roots };
        let connection_state = ConnectionState::new();
        let link = StreamLink::new(dialer, policy, connection_state.clone());
        Self { link, inbox: Inbox::new(), board, connection_state }
    }

    fn to(address: SocketAddr) -> Self {
        let url = format!("turn:{address}?transport=tcp");
        Self::new(&url, RootCertificates::default(), IceTransportPolicy::All)
    }

    fn send(&self, number: u8) {
        self.link.send(&self.inbox, ALIAS.into(), &message(number));
    }

    async fn receive(&self) -> Vec<u8> {
        let (mut buf, mut meta) = ([0; 2000], RecvMeta::default());
        poll_fn(|cx| self.inbox.poll(cx, &mut buf, &mut meta)).await;
        assert_eq!(meta.addr, SocketAddr::from(ALIAS));
        buf[..meta.len].to_vec()
    }

    async fn failure(&self) -> ServerFailure {
        let mut changes = self.board.changes();
        let failed = changes.wait_for(|board| matches!(board[0], Progress::Failed(_)));
        let Progress::Failed(failure) = failed.await.unwrap()[0].clone() else {
            panic!("it has failed")
        };
        failure
    }

    /// As if the server had made an allocation, once it is connected.
    async fn allocate(&self) {
        let mut changes = self.board.changes();
        let connected = changes.wait_for(|board| board[0] == Progress::Pending(Step::Answer));
        drop(connected.await.unwrap());
        self.board.entry(0).note(|_| Progress::Used(Instant::now()));
        self.connection_state.set(PeerState::Connected);
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().await.unwrap().0
}

async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut message = vec![0; 20];
    stream.read_exact(&mut message).await.unwrap();
    message
}

/// Gives back what it gets.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buf = [0; 100];
    while let Ok(len @ 1..) = stream.read(&mut buf).await {
        // In pieces, as it may come.
        for piece in buf[..len].chunks(7) {
            stream.write_all(piece).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_sent_goes_over_the_stream_and_what_comes_over_it_is_received() {
    let (listener, address) = listener().await;
    tokio::spawn(async move { echo(accept(&listener).await).await });
    let bed = LinkBed::to(address);
    (0..50).for_each(|number| bed.send(number));
    for number in 0..50 {
        assert_eq!(bed.receive().await, message(number));
    }
    assert_eq!(bed.link.dropped(), 0);
}

#[tokio::test]
async fn another_socket_does_not_get_into_the_stream() {
    let (listener, address) = listener().await;
    let bed = LinkBed::to(address);
    bed.send(1);
    bed.link.send(&Inbox::new(), ALIAS.into(), &message(2));
    bed.send(3);
    let mut stream = accept(&listener).await;
    assert_eq!(read_message(&mut stream).await, message(1));
    assert_eq!(read_message(&mut stream).await, message(3));
}

#[tokio::test]
async fn a_stream_that_is_not_read_holds_nobody_up_and_what_finds_no_room_is_counted() {
    let (listener, address) = listener().await;
    let bed = LinkBed::to(address);
    bed.send(0);
    let _unread = accept(&listener).await;
    let large = [&[0x40, 0, 0xff, 0xfc][..], &[0; 0xfffc]].concat();
    let full = async {
        while bed.link.dropped() == 0 {
            bed.link.send(&bed.inbox, ALIAS.into(), &large);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), full).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again_when_there_is_something_to_send() {
    let (listener, address) = listener().await;
    let bed = LinkBed::to(address);
    bed.send(1);
    assert_eq!(read_message(&mut accept(&listener).await).await, message(1));
    assert!(matches!(bed.failure().await, ServerFailure::BrokenOff(_)));

    let again = accept(&listener);
    tokio::pin!(again);
    let mut stream = loop {
        bed.send(2);
        tokio::select! {
            stream = &mut again => break stream,
            () = sleep(Duration::from_millis(20)) => {}
        }
    };
    bed.send(3);
    while read_message(&mut stream).await != message(3) {}
}

#[tokio::test]
async fn a_server_that_does_not_listen_is_named() {
    let (listener, address) = listener().await;
    drop(listener);
    let bed = LinkBed::to(address);
    bed.send(1);
    assert!(matches!(bed.failure().await, ServerFailure::Connect(_)));
}

#[tokio::test]
async fn what_is_no_turn_server_is_named() {
    let (listener, address) = listener().await;
    let bed = LinkBed::to(address);
    bed.send(1);
    accept(&listener).await.write_all(b"\x80what do you want?").await.unwrap();
    assert!(matches!(bed.failure().await, ServerFailure::NoTurn(_)));
}

#[tokio::test]
async fn the_last_words_are_said_when_the_socket_goes_and_then_the_stream_ends() {
    let (listener, address) = listener().await;
    let bed = LinkBed::to(address);
    bed.send(1);
    let mut stream = accept(&listener).await;
    assert_eq!(read_message(&mut stream).await, message(1));
    bed.send(2);
    drop(bed);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, message(2));
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_breaks_off_ends_a_connection_that_has_no_other_way() {
    let (listener, address) = listener().await;
    let bed = LinkBed::to(address);
    bed.send(1);
    let stream = accept(&listener).await;
    bed.allocate().await;
    bed.connection_state.heard().note();
    tokio::time::advance(Duration::from_millis(5)).await;
    drop(stream);
    assert_eq!(bed.connection_state.ended().await, EndReason::RelayLost);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_breaks_off_ends_no_connection_whose_peer_is_heard_otherwise() {
    let (listener, address) = listener().await;
    let bed = LinkBed::to(address);
    bed.send(1);
    let stream = accept(&listener).await;
    bed.allocate().await;
    drop(stream);
    assert!(matches!(bed.failure().await, ServerFailure::BrokenOff(_)));
    tokio::time::advance(Duration::from_secs(1)).await;
    bed.connection_state.heard().note();
    tokio::time::advance(OTHER_WAY_LIMIT).await;
    tokio::task::yield_now().await;
    assert_eq!(bed.connection_state.state(), PeerState::Connected);
}

/// A server with a certificate for 127.0.0.1, and whose it is signed with.
fn tls_server() -> (TlsAcceptor, RootCertificates) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &Issuer::new(authority, authority_key))
        .unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let roots = RootCertificates::from_pem(root.pem()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), roots)
}

#[tokio::test]
async fn a_certificate_is_trusted_by_the_roots_that_were_given_and_by_no_others() {
    let (acceptor, roots) = tls_server();
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        loop {
            let stream = acceptor.accept(accept(&listener).await).await;
            if let Ok(stream) = stream {
                tokio::spawn(echo(stream));
            }
        }
    });
    let url = format!("turns:{address}");
    let trusting = LinkBed::new(&url, roots.clone(), IceTransportPolicy::All);
    trusting.send(1);
    assert_eq!(trusting.receive().await, message(1));

    let doubting = LinkBed::new(&url, RootCertificates::default(), IceTransportPolicy::All);
    doubting.send(1);
    assert!(matches!(doubting.failure().await, ServerFailure::Certificate(_)));

    let by_another_name = format!("turns:localhost:{}", address.port());
    let misled = LinkBed::new(&by_another_name, roots, IceTransportPolicy::All);
    misled.send(1);
    assert!(matches!(misled.failure().await, ServerFailure::Certificate(_)));
}

#[tokio::test]
async fn a_server_without_tls_is_no_tls_server() {
    let (listener, address) = listener().await;
    tokio::spawn(async move { echo(accept(&listener).await).await });
    let url = format!("turns:{address}");
    let bed = LinkBed::new(&url, RootCertificates::default(), IceTransportPolicy::All);
    bed.send(1);
    assert!(matches!(bed.failure().await, ServerFailure::Tls(_)));
}
