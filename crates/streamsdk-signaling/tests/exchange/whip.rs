//! The exchange with a WHIP server, as RFC 9725 has it.

use std::time::Duration;

use streamsdk_protocol::init::IceServer;
use streamsdk_signaling::{Signaling, SignalingError, WhipSignaling};
use tokio::time::timeout;

use crate::server::Reply;
use crate::{KEY, assert_shows_no_key, recorded_answer, recorded_request, server};

/// The recorded answer as a WHIP server gives it.
fn created(headers: &str) -> Reply {
    let answer: serde_json::Value = serde_json::from_str(&recorded_answer()).unwrap();
    let sdp = answer["sdp"].as_str().unwrap();
    reply("201 Created", &format!("content-type: application/sdp\r\n{headers}"), sdp)
}

fn reply(status: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n");
    Reply::Hold((head + body).into_bytes())
}

fn whip(server: &server::Server) -> WhipSignaling {
    let url = format!("{}/whip/camera", server.url());
    WhipSignaling::builder(url).bearer_token(KEY).build().unwrap()
}

#[tokio::test]
async fn the_offer_is_posted_as_sdp_and_the_session_ended_at_its_own_address() {
    let headers = "location: ../session/7\r\netag: \"x\"\r\nlink: <stun:s>; rel=\"ice-server\"\r\n";
    let mut server = server::start(created(headers)).await;
    let whip = whip(&server);
    assert!(whip.ice_servers().await.unwrap().is_empty());
    let answer = whip.exchange(recorded_request()).await.unwrap();
    assert!(answer.sdp.starts_with("v=0"));
    let posted = server.request().await;
    assert_eq!(posted.line(), "POST /whip/camera HTTP/1.1");
    assert_eq!(posted.header("content-type"), Some("application/sdp"));
    let authorization = format!("Bearer {KEY}");
    assert_eq!(posted.header("authorization"), Some(authorization.as_str()));
    assert_eq!(posted.text(), recorded_request().webrtc_offer.sdp);
    assert_eq!(whip.ice_servers().await.unwrap(), [IceServer::new("stun:s")]);

    whip.end(&answer).await;
    server.connection_closed().await;
    let deleted = server.request().await;
    assert_eq!(deleted.line(), "DELETE /session/7 HTTP/1.1");
    assert_eq!(deleted.header("authorization"), Some(authorization.as_str()));
}

#[tokio::test]
async fn a_redirection_is_followed_without_the_token_where_it_leads_to_another_origin() {
    let mut other = server::start(created("location: /s\r\n")).await;
    let location = format!("location: {}/elsewhere\r\n", other.url());
    let redirecting = server::start(reply("307 Temporary Redirect", &location, "")).await;
    let answer = whip(&redirecting).exchange(recorded_request()).await.unwrap();
    let posted = other.request().await;
    assert_eq!(posted.line(), "POST /elsewhere HTTP/1.1");
    assert_eq!(posted.header("authorization"), None);
    assert_eq!(posted.text(), recorded_request().webrtc_offer.sdp);
    assert_eq!(answer.context.resource, Some(format!("{}/s", other.url())));

    let circle =
        server::start(reply("308 Permanent Redirect", "location: /whip/camera\r\n", "")).await;
    let error = whip(&circle).exchange(recorded_request()).await.unwrap_err();
    assert!(matches!(error, SignalingError::Transport { .. }), "{error}");
    assert!(error.to_string().contains("more than 5 times"), "{error}");
}

#[tokio::test]
async fn what_is_no_answer_is_a_typed_error_without_the_token() {
    let sdp = "content-type: application/sdp\r\n";
    for (status, headers, body) in [
        ("401 Unauthorized", "", KEY),
        ("404 Not Found", "", ""),
        ("307 Temporary Redirect", "", ""),
        ("201 Created", sdp, "hello"),
        ("201 Created", sdp, "v=0\r\n"),
    ] {
        let server = server::start(reply(status, headers, body)).await;
        let error = whip(&server).exchange(recorded_request()).await.unwrap_err();
        assert_eq!(error.is_auth(), status.starts_with("401"), "{error}");
        assert_shows_no_key(&error);
    }
    assert!(WhipSignaling::builder("nonsense").build().is_err());
}

#[tokio::test]
async fn a_session_whose_answer_comes_to_nobody_is_ended() {
    let headers = "content-type: application/sdp\r\nlocation: /session/7\r\n";
    let half = "HTTP/1.1 201 Created\r\n".to_owned() + headers + "content-length: 9\r\n\r\nv=0";
    for (given, is_given_up) in
        [(Reply::Hold(half.into_bytes()), true), (reply("201 Created", headers, "hello"), false)]
    {
        let mut server = server::start(given).await;
        let whip = whip(&server);
        let limit = if is_given_up { Duration::from_millis(500) } else { Duration::from_secs(20) };
        let exchanged = timeout(limit, whip.exchange(recorded_request())).await;
        assert_eq!(exchanged.is_err(), is_given_up);
        server.request().await;
        server.connection_closed().await;
        assert_eq!(server.request().await.line(), "DELETE /session/7 HTTP/1.1");
    }
}

#[tokio::test]
async fn a_session_without_an_address_of_its_own_is_not_ended() {
    let mut server = server::start(created("")).await;
    let whip = whip(&server);
    let answer = whip.exchange(recorded_request()).await.unwrap();
    whip.end(&answer).await;
    assert_eq!(server.unseen_requests(), 1);
}
