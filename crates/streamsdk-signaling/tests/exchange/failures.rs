//! Exchanges that end before there is an answer, or with something that is none.

use std::time::Duration;

use serde_json::Value;
use streamsdk_protocol::init::InitRequest;
use streamsdk_protocol::sdp::SdpError;
use streamsdk_signaling::{HttpSignaling, Signaling, SignalingError};
use tokio::net::TcpListener;

use crate::server::{self, Reply};
use crate::{KEY, assert_shows_no_key, exchange, recorded_answer};

#[tokio::test]
async fn nobody_listening_is_a_connect_error_that_says_so() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = exchange(&format!("http://me:s3cret@{free}?token=s3cret")).await.unwrap_err();
    assert!(error.is_connect() && error.is_retryable() && !error.is_timeout(), "{error:?}");
    let shown = crate::all_texts(&error);
    assert!(shown.contains("refused") && shown.contains(&free.to_string()), "{shown}");
    assert!(!shown.contains("s3cret") && !shown.contains(KEY), "{shown}");
}

#[tokio::test]
async fn an_unknown_host_is_a_connect_error() {
    let error = exchange("http://no-such-host.invalid").await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn a_silent_server_is_a_timeout_that_says_how_long_and_leaves_no_connection() {
    let mut server = server::start(Reply::Hold(Vec::new())).await;
    let limit = Duration::from_millis(300);
    let error = exchange_within(&server.url(), limit).await.unwrap_err();
    assert!(error.is_timeout() && error.is_retryable() && !error.is_connect(), "{error:?}");
    let SignalingError::Timeout { waited, .. } = &error else { panic!("{error:?}") };
    assert!(*waited >= limit, "{waited:?}");
    assert!(error.to_string().contains("0.3 s"), "{error}");
    assert_shows_no_key(&error);
    server.request().await;
    server.connection_closed().await;
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_of_its_answer_is_a_timeout() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{\"status\"".to_vec();
    let server = server::start(Reply::Hold(half)).await;
    let error = exchange_within(&server.url(), Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(error, SignalingError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "other systems refuse when the queue is full")]
async fn a_connection_that_cannot_be_made_in_time_is_a_connect_error_and_a_timeout() {
    // A queue of one, which is full: further connections are neither accepted nor refused.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address))
            .await
    {
        waiting.push(stream);
        assert!(waiting.len() < 64, "the queue does not fill");
    }

    let builder = HttpSignaling::builder(format!("http://{address}"));
    let builder = builder.connect_timeout(Duration::from_millis(200));
    let signaling = builder.timeout(Duration::from_secs(20)).build().unwrap();
    let error = signaling.exchange(InitRequest::default()).await.unwrap_err();
    assert!(error.is_connect() && error.is_timeout() && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_connection_closed_in_the_middle_of_an_answer_is_a_transport_error() {
    let halves: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{\"status\": \"success\"",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{\"status\"",
    ];
    for half in halves {
        let server = server::start(Reply::Bytes(half.to_vec())).await;
        let error = exchange(&format!("{}?token=s3cret", server.url())).await.unwrap_err();
        assert!(matches!(error, SignalingError::Transport { .. }), "{error:?}");
        assert!(error.is_retryable() && error.to_string().contains(&server.url()), "{error}");
        assert!(!crate::all_texts(&error).contains("s3cret"), "{error:?}");
        assert_shows_no_key(&error);
    }
}

#[tokio::test]
async fn something_that_does_not_speak_http_is_a_transport_error() {
    let server = server::start(Reply::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())).await;
    let error = exchange(&server.url()).await.unwrap_err();
    assert!(matches!(error, SignalingError::Transport { .. }), "{error:?}");
}

#[tokio::test]
async fn a_page_with_status_200_is_shown_from_its_start_without_the_key() {
    let page = format!("<html>\n <title>Sign in</title> {KEY}{}", "x".repeat(5_000));
    let server = server::start(server::response(200, "text/html; charset=utf-8", &page)).await;
    let error = exchange(&server.url()).await.unwrap_err();
    let SignalingError::UnexpectedBody { status: 200, content_type, start, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(content_type.as_deref(), Some("text/html; charset=utf-8"));
    assert!(start.starts_with("<html> <title>Sign in</title> [redacted]xx"), "{start}");
    assert!(error.to_string().len() < 400, "{error}");
    assert_eq!(error.status(), Some(200));
    assert!(!error.is_retryable());
    assert_shows_no_key(&error);
}

#[tokio::test]
async fn a_page_with_status_502_is_a_rejection_that_may_pass() {
    let page = format!("<html><h1>502 Bad Gateway</h1>{KEY}</html>");
    let server = server::start(server::response(502, "text/html", &page)).await;
    let error = exchange(&server.url()).await.unwrap_err();
    assert_eq!(error.rejection().map(|rejection| rejection.message.as_str()), Some(""));
    assert!(error.is_retryable() && error.to_string().contains("502"), "{error}");
    assert_shows_no_key(&error);
}

#[tokio::test]
async fn json_that_is_no_answer_is_an_unexpected_body() {
    let mut offer: Value = serde_json::from_str(&recorded_answer()).unwrap();
    offer["type"] = "offer".into();
    let no_sdp = r#"{"status":"success","type":"answer"}"#;
    for body in ["", "null", "[]", no_sdp, &offer.to_string()] {
        let server = server::start(server::json(200, body)).await;
        let error = exchange(&server.url()).await.unwrap_err();
        assert!(matches!(error, SignalingError::UnexpectedBody { .. }), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn an_answer_without_media_or_without_its_share_of_it_is_unusable() {
    let recorded: Value = serde_json::from_str(&recorded_answer()).unwrap();
    let sdp = recorded["sdp"].as_str().unwrap();
    let (session, media) = sdp.split_once("m=").unwrap();
    let cases = [
        (String::new(), SdpError::NotSdp),
        (session.to_owned(), SdpError::NoMedia),
        (format!("{sdp}m={media}"), SdpError::MediaCount { offer: 1, answer: 2 }),
    ];
    for (sdp, expected) in cases {
        let mut body = recorded.clone();
        body["sdp"] = sdp.into();
        let server = server::start(server::json(200, &body.to_string())).await;
        let error = exchange(&server.url()).await.unwrap_err();
        let SignalingError::UnusableAnswer { cause, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*cause, expected);
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_huge_body_is_given_up_at_the_limit_whether_it_is_announced_or_not() {
    let huge = "x".repeat(3 << 20);
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{huge}", huge.len());
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{huge}");
    for reply in [announced, endless] {
        let server = server::start(Reply::Hold(reply.into_bytes())).await;
        let error = exchange(&server.url()).await.unwrap_err();
        assert!(
            matches!(error, SignalingError::BodyTooLarge { limit: 1_048_576, .. }),
            "{:.200}",
            format!("{error:?}")
        );
    }
}

#[tokio::test]
async fn a_rejection_with_a_huge_or_broken_body_is_still_a_rejection() {
    let huge = format!("HTTP/1.1 500 No\r\n\r\n{}", "x".repeat(3 << 20));
    let broken = "HTTP/1.1 500 No\r\ncontent-length: 900\r\n\r\n{\"mess".to_owned();
    for reply in [huge, broken] {
        let server = server::start(Reply::Bytes(reply.into_bytes())).await;
        let error = exchange(&server.url()).await.unwrap_err();
        assert_eq!(error.status(), Some(500), "{error:?}");
    }
}

async fn exchange_within(
    url: &str,
    limit: Duration,
) -> Result<streamsdk_protocol::init::InitResponse, SignalingError> {
    let signaling = HttpSignaling::builder(url).api_key(KEY).timeout(limit).build().unwrap();
    signaling.exchange(crate::recorded_request()).await
}
