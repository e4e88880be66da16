//! What the endpoint says to a request for nothing.

use streamsdk_protocol::rejection::RejectionReason;
use streamsdk_signaling::{ApiKeyTransport, HttpSignaling};

use crate::server::{self, Reply};
use crate::{KEY, assert_shows_no_key};

#[tokio::test]
async fn a_probe_asks_for_no_session_and_shows_the_key_as_a_request_does() {
    let mut server = server::start(server::json(422, r#"{"detail": []}"#)).await;
    for transport in [ApiKeyTransport::Legacy, ApiKeyTransport::Header] {
        let builder = HttpSignaling::builder(server.url()).api_key(KEY);
        let probe = builder.api_key_transport(transport).build().unwrap().probe().await.unwrap();
        assert_eq!(probe.answer.reason, RejectionReason::Request);
        assert_eq!(probe.content_type.as_deref(), Some("application/json"));

        let request = server.request().await;
        assert_eq!(request.line(), "POST /initialise_webrtc_worker HTTP/1.1");
        let is_in_body = transport == ApiKeyTransport::Legacy;
        let expected = if is_in_body { format!(r#"{{"api_key":"{KEY}"}}"#) } else { "{}".into() };
        assert_eq!(request.json().to_string(), expected);
        assert_eq!(request.headers("authorization").is_empty(), is_in_body);
        server.connection_closed().await;
    }
}

#[tokio::test]
async fn whatever_answers_is_described_without_secrets() {
    let reply = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://portal.example/?token={KEY}\r\n\
         date: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n"
    );
    let server = server::start(Reply::Hold(reply.into_bytes())).await;
    let signaling = HttpSignaling::builder(server.url()).api_key(KEY).build().unwrap();
    let probe = signaling.probe().await.unwrap();
    assert_eq!(probe.answer.status, 302);
    assert_eq!(probe.date.as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(probe.location.as_deref(), Some("http://portal.example/?token=[redacted]"));
    assert!(!format!("{probe:?}").contains(KEY));
}

#[tokio::test]
async fn nobody_there_is_an_error_without_the_key() {
    let signaling = HttpSignaling::builder("http://127.0.0.1:1").api_key(KEY).build().unwrap();
    let error = signaling.probe().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert_shows_no_key(&error);
}
