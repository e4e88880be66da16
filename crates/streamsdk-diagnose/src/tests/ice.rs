//! STUN and TURN servers, and the path to them.

use std::time::{Duration, Instant};

use streamsdk_transport::RootCertificates;
use tokio::net::UdpSocket;

use super::certificates;
use super::ice_server::{IceServer, Manner, PASSWORD, USER};
use super::{checkup, what_of, wrong};
use crate::{Code, Diagnosis};

async fn diagnosis_of_turn(url: String, user: &str, password: &str) -> Diagnosis {
    checkup().turn(url, user, password).run().await
}

#[tokio::test]
async fn a_wrong_password_is_told_over_udp_and_tcp() {
    let udp = IceServer::over_udp(Manner::default()).await;
    let tcp = IceServer::over_tcp(Manner::default(), None).await;
    for url in [udp.turn_url("udp"), tcp.turn_url("tcp")] {
        let diagnosis = diagnosis_of_turn(url.clone(), USER, "wrong-password").await;
        assert_eq!(wrong(&diagnosis), [Code::TurnPasswordWrong], "{url}: {diagnosis}");
        assert!(!diagnosis.to_string().contains("wrong-password"));
    }
}

#[tokio::test]
async fn the_right_password_gets_a_place_over_every_transport_and_gives_it_back() {
    let certificate = certificates::for_name("localhost");
    let udp = IceServer::over_udp(Manner::default()).await;
    let tcp = IceServer::over_tcp(Manner::default(), None).await;
    let tls = IceServer::over_tcp(Manner::default(), Some(certificate.acceptor)).await;
    for (url, server) in
        [(udp.turn_url("udp"), &udp), (tcp.turn_url("tcp"), &tcp), (tls.turns_url(), &tls)]
    {
        let mut checkup = checkup().turn(url.clone(), USER, PASSWORD);
        checkup.turn_trust = certificate.trust.clone();
        let diagnosis = checkup.run().await;
        assert!(diagnosis.is_healthy(), "{url}: {diagnosis}");
        what_of(&diagnosis, Code::TurnAllows);
        let places = server.places.lock().unwrap();
        assert_eq!((places.given, places.returned), (1, 1), "{url}");
    }
}

#[tokio::test]
async fn a_stale_nonce_is_no_wrong_password() {
    let manner = Manner { first_nonce_is_stale: true, ..Manner::default() };
    let server = IceServer::over_udp(manner).await;
    let diagnosis = diagnosis_of_turn(server.turn_url("udp"), USER, PASSWORD).await;
    assert!(diagnosis.is_healthy(), "{diagnosis}");
}

#[tokio::test]
async fn a_user_name_whose_time_is_over_is_expired_and_one_whose_is_not_has_a_wrong_password() {
    let server = IceServer::over_udp(Manner::default()).await;
    for (user, code) in [
        ("1700000000:me", Code::TurnCredentialsExpired),
        ("4700000000:me", Code::TurnPasswordWrong),
    ] {
        let diagnosis = diagnosis_of_turn(server.turn_url("udp"), user, PASSWORD).await;
        assert_eq!(wrong(&diagnosis), [code], "{diagnosis}");
    }
}

#[tokio::test]
async fn a_user_name_that_looks_expired_is_fine_where_the_server_takes_it() {
    let manner = Manner { user: "1700000000:me".into(), ..Manner::default() };
    let server = IceServer::over_udp(manner).await;
    let diagnosis = diagnosis_of_turn(server.turn_url("udp"), "1700000000:me", PASSWORD).await;
    assert!(diagnosis.is_healthy(), "{diagnosis}");
}

#[tokio::test]
async fn what_a_turn_server_refuses_otherwise_has_its_code() {
    for (code, expected) in
        [(486, Code::TurnQuotaUsedUp), (508, Code::TurnQuotaUsedUp), (403, Code::TurnFailed)]
    {
        let manner = Manner { refuses_with: Some(code), ..Manner::default() };
        let server = IceServer::over_udp(manner).await;
        let diagnosis = diagnosis_of_turn(server.turn_url("udp"), USER, PASSWORD).await;
        assert_eq!(wrong(&diagnosis), [expected], "{diagnosis}");
    }
}

#[tokio::test]
async fn turn_over_tls_with_a_wrong_certificate_is_told() {
    let trusted = certificates::for_name("localhost");
    for certificate in [
        certificates::for_name("localhost"),
        certificates::with_years("localhost", 2001, 2002),
        certificates::for_name("other.example"),
    ] {
        let server = IceServer::over_tcp(Manner::default(), Some(certificate.acceptor)).await;
        let mut checkup = checkup().turn(server.turns_url(), USER, PASSWORD);
        checkup.turn_trust = trusted.trust.clone();
        let diagnosis = checkup.run().await;
        assert_eq!(wrong(&diagnosis), [Code::TurnTlsCertificate], "{diagnosis}");
    }
}

#[tokio::test]
async fn turn_over_tls_with_a_certificate_that_was_given_is_fine() {
    let certificate = certificates::for_name("localhost");
    let server = IceServer::over_tcp(Manner::default(), Some(certificate.acceptor)).await;
    let roots = RootCertificates::from_pem(certificate.pem).unwrap();
    let checkup = checkup().turn(server.turns_url(), USER, PASSWORD).turn_roots(roots);
    what_of(&checkup.run().await, Code::TurnAllows);
}

#[tokio::test]
async fn tls_with_a_server_that_speaks_none_is_told_from_a_wrong_certificate() {
    let server = IceServer::over_tcp(Manner::default(), None).await;
    let mut checkup = checkup().turn(server.turns_url(), USER, PASSWORD);
    checkup = checkup.time_limit(Duration::from_secs(2));
    let diagnosis = checkup.run().await;
    assert_eq!(wrong(&diagnosis), [Code::TurnTlsFailed], "{diagnosis}");
}

#[tokio::test]
async fn a_port_that_nobody_has_is_refused_for_stun_and_turn() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let diagnosis = checkup().stun(format!("stun:{address}")).run().await;
    assert_eq!(wrong(&diagnosis), [Code::StunRefused], "{diagnosis}");
    for transport in ["udp", "tcp"] {
        let url = format!("turn:{address}?transport={transport}");
        let diagnosis = diagnosis_of_turn(url, USER, PASSWORD).await;
        assert_eq!(wrong(&diagnosis), [Code::TurnRefused], "{transport}: {diagnosis}");
    }
}

#[tokio::test]
async fn one_silent_stun_server_is_blocked_and_two_are_all_of_udp() {
    let one = IceServer::silent("127.0.0.1:0").await;
    let diagnosis = checkup().stun(one.stun_url()).run().await;
    assert_eq!(wrong(&diagnosis), [Code::StunBlocked], "{diagnosis}");

    let other = IceServer::silent("127.0.0.2:0").await;
    let started = Instant::now();
    let diagnosis = checkup().stun(one.stun_url()).stun(other.stun_url()).run().await;
    let expected = [Code::StunBlocked, Code::StunBlocked, Code::UdpBlocked];
    assert_eq!(wrong(&diagnosis), expected, "{diagnosis}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_turn_server_that_answers_by_tcp_and_not_by_udp_shows_that_udp_is_blocked() {
    let udp = IceServer::silent("127.0.0.1:0").await;
    let tcp = IceServer::over_tcp(Manner::default(), None).await;
    let checkup = checkup().turn(udp.turn_url("udp"), USER, PASSWORD).turn(
        tcp.turn_url("tcp"),
        USER,
        PASSWORD,
    );
    let diagnosis = checkup.run().await;
    assert_eq!(wrong(&diagnosis), [Code::TurnUdpBlocked, Code::UdpBlocked], "{diagnosis}");
}

#[tokio::test]
async fn one_packet_in_twenty_that_is_lost_is_packet_loss() {
    let mut heard = 0;
    let server = IceServer::over_udp_that(Manner::default(), "127.0.0.1:0", move |_| {
        heard += 1;
        heard % 20 != 0
    });
    let checkup = checkup().time_limit(Duration::from_secs(60)).stun(server.await.stun_url());
    let diagnosis = checkup.run().await;
    assert_eq!(wrong(&diagnosis), [Code::PacketLoss], "{diagnosis}");
}

#[tokio::test]
async fn full_packets_that_vanish_without_a_word_are_a_black_hole() {
    let passes = |packet: &[u8]| packet.len() + 28 <= 1280;
    let server = IceServer::over_udp_that(Manner::default(), "127.0.0.1:0", passes);
    let diagnosis = checkup().stun(server.await.stun_url()).run().await;
    assert_eq!(wrong(&diagnosis), [Code::PathBlackHole], "{diagnosis}");
}
