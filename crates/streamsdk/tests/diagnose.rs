//! What a client says of the way to its server.
#![cfg(feature = "diagnose")]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use streamsdk::{Client, Code, Diagnosis};
use streamsdk_testkit::FakeServer;

fn has(diagnosis: &Diagnosis, code: Code) -> bool {
    diagnosis.findings.iter().any(|finding| finding.code == code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_well_is_found_well_and_one_that_is_not_there_is_not() {
    let server = FakeServer::start(async |_, _| {}).await;
    let found = Client::builder(server.url()).build().unwrap().diagnose().await;
    assert!(found.is_healthy(), "{found}");
    let found = Client::builder("http://127.0.0.1:1").api_key("k3y").build().unwrap();
    let found = found.diagnose().await;
    assert!(has(&found, Code::ConnectionRefused) && !found.is_healthy(), "{found}");
    assert!(!format!("{found} {found:?}").contains("k3y"));
}
