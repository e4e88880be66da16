//! Where the API key travels, seen from the server.

use streamsdk_protocol::ApiKey;
use streamsdk_signaling::{ApiKeyTransport, HttpSignaling, HttpSignalingBuilder, Signaling};

use crate::server::{self, Request};
use crate::{recorded_answer, recorded_request};

async fn received(setup: impl Fn(HttpSignalingBuilder) -> HttpSignalingBuilder) -> Request {
    let mut server = server::start(server::json(200, &recorded_answer())).await;
    let signaling = setup(HttpSignaling::builder(server.url())).build().unwrap();
    let mut request = recorded_request();
    request.api_key = Some(ApiKey::new("of-the-request"));
    signaling.exchange(request).await.unwrap();
    server.request().await
}

async fn received_by(transport: ApiKeyTransport) -> Request {
    received(|builder| builder.api_key("of-the-client").api_key_transport(transport)).await
}

#[tokio::test]
async fn by_default_the_key_is_in_the_body_only() {
    for request in [
        received(|builder| builder.api_key("of-the-client")).await,
        received_by(ApiKeyTransport::Legacy).await,
    ] {
        assert_eq!(request.json()["api_key"], "of-the-client");
        assert!(request.headers("authorization").is_empty());
    }
}

#[tokio::test]
async fn both_puts_the_key_into_the_body_and_one_header() {
    let request = received_by(ApiKeyTransport::Both).await;
    assert_eq!(request.json()["api_key"], "of-the-client");
    assert_eq!(request.headers("authorization"), ["Bearer of-the-client"]);
}

#[tokio::test]
async fn header_keeps_the_key_out_of_the_body() {
    let request = received_by(ApiKeyTransport::Header).await;
    assert!(!request.json().as_object().unwrap().contains_key("api_key"));
    assert_eq!(request.headers("authorization"), ["Bearer of-the-client"]);
}

#[tokio::test]
async fn without_a_key_none_is_sent() {
    for transport in [ApiKeyTransport::Legacy, ApiKeyTransport::Both, ApiKeyTransport::Header] {
        let request = received(|builder| builder.api_key_transport(transport)).await;
        assert!(!request.json().as_object().unwrap().contains_key("api_key"));
        assert!(request.headers("authorization").is_empty());
    }
}
