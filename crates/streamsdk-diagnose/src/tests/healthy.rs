//! Where nothing is wrong, nothing is found, every time.

use futures::future::join_all;

use super::checkup;
use super::http_server::{HttpServer, MISSING_FIELDS, json};
use super::ice_server::{IceServer, Manner, PASSWORD, USER};
use crate::{Code, Diagnosis};

const ROUNDS: usize = 10;
/// Which wait for most of their time.
const AT_ONCE: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_well_is_called_well_fifty_times() {
    let server = HttpServer::start(json(422, MISSING_FIELDS)).await;
    let udp = IceServer::over_udp(Manner::default()).await;
    let tcp = IceServer::over_tcp(Manner::default(), None).await;
    for _ in 0..ROUNDS {
        join_all((0..AT_ONCE).map(|_| async {
            let checkup = checkup()
                .server(server.url())
                .api_key("the-key")
                .stun(udp.stun_url())
                .turn(udp.turn_url("udp"), USER, PASSWORD)
                .turn(tcp.turn_url("tcp"), USER, PASSWORD);
            assert_is_well(&checkup.run().await);
        }))
        .await;
    }
}

fn assert_is_well(diagnosis: &Diagnosis) {
    assert!(diagnosis.is_healthy(), "{diagnosis}");
    for code in [
        Code::NameFound,
        Code::ConnectionMade,
        Code::ServerAnswers,
        Code::ClockRight,
        Code::StunAnswers,
        Code::PathClear,
        Code::TurnAllows,
        Code::WebrtcWorks,
    ] {
        assert!(diagnosis.findings.iter().any(|finding| finding.code == code), "{diagnosis}");
    }
}
