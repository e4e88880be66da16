//! What was given in confidence is in no finding, whoever repeats it.

use super::checkup;
use super::http_server::{HttpServer, json};
use super::ice_server::{IceServer, Manner};

#[tokio::test]
async fn no_secret_is_in_a_finding_even_where_a_server_repeats_it() {
    let secrets = ["k3y-0123", "pa55-of-url", "pa55-of-turn"];
    let [key, of_url, of_turn] = secrets;
    let said = format!(r#"{{"message": "no: {key} {of_url} {of_turn}"}}"#);
    let server = HttpServer::start(json(401, &said)).await;
    let turn = IceServer::over_udp(Manner::default()).await;
    let checkup = checkup()
        .server(format!("http://me:{of_url}@{}", server.address))
        .api_key(key)
        .turn(turn.turn_url("udp"), "me", of_turn);
    let shown = format!("{checkup:?}");
    let diagnosis = checkup.run().await;
    let shown = format!("{shown} {diagnosis} {diagnosis:?}");
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    // No session can come of what was sent.
    let requests = server.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 1);
    assert!(!requests[0].contains("offer") && !requests[0].contains("workflow"), "{requests:?}");
}
