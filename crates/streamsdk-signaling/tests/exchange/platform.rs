//! Questions to Roboflow's own API, as a server in this process is asked them.

use serde_json::json;
use streamsdk_signaling::{ApiKeyTransport, HttpSignaling, Platform, Signaling, SignalingError};

use crate::{KEY, assert_shows_no_key, server};

fn platform(server: &server::Server) -> Platform {
    Platform::new(&server.url()).unwrap().api_key(KEY)
}

#[tokio::test]
async fn a_model_is_asked_about_with_the_key_in_a_header_whatever_else_is_set() {
    let body = json!({ "modelMetadata": { "taskType": "object-detection", "name": "x" } });
    for transport in [ApiKeyTransport::Legacy, ApiKeyTransport::Both, ApiKeyTransport::Header] {
        let mut server = server::start(server::json(200, &body.to_string())).await;
        let platform = platform(&server).api_key_transport(transport);
        assert_eq!(platform.task_of_model("a b/3&x").await.unwrap(), "object-detection");
        let request = server.request().await;
        let line = "GET /models/v1/external/stat?modelId=a+b%2F3%26x HTTP/1.1";
        assert_eq!(request.line(), line);
        let bearer = format!("Bearer {KEY}");
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    }
}

#[tokio::test]
async fn a_public_model_needs_no_key() {
    let body = json!({ "modelMetadata": { "taskType": "classification" } });
    let mut server = server::start(server::json(200, &body.to_string())).await;
    Platform::new(&server.url()).unwrap().task_of_model("m").await.unwrap();
    assert_eq!(server.request().await.header("authorization"), None);
}

#[tokio::test]
async fn turn_servers_come_in_every_form_and_the_key_travels_as_it_is_set() {
    let one = json!({ "urls": "turn:a", "username": "u", "credential": "p" });
    let several = json!({ "urls": ["turn:a", "turns:b"] });
    for body in [json!({ "iceServers": [one, several] }), json!([one, several])] {
        let server = server::start(server::json(200, &body.to_string())).await;
        let servers = platform(&server).ice_servers().await.unwrap();
        assert_eq!((servers.len(), servers[1].urls().len()), (2, 2), "{body}");
        assert_eq!(servers[0].credential(), Some("p"));
    }
    for (transport, line, has_header) in [
        (ApiKeyTransport::Legacy, format!("GET /webrtc_turn_config?api_key={KEY} HTTP/1.1"), false),
        (ApiKeyTransport::Both, format!("GET /webrtc_turn_config?api_key={KEY} HTTP/1.1"), true),
        (ApiKeyTransport::Header, "GET /webrtc_turn_config HTTP/1.1".to_owned(), true),
    ] {
        let mut server = server::start(server::json(200, &one.to_string())).await;
        let platform = platform(&server).api_key_transport(transport);
        assert_eq!(platform.ice_servers().await.unwrap().len(), 1);
        let request = server.request().await;
        assert_eq!(
            (request.line(), request.header("authorization").is_some()),
            (&*line, has_header)
        );
    }
}

#[tokio::test]
async fn the_exchange_asks_for_turn_servers_where_roboflow_hosts_the_server() {
    let body = json!({ "iceServers": [{ "urls": "turn:a" }] }).to_string();
    for (url, expected) in [("https://serverless.roboflow.com/", 1), ("http://localhost:9001", 0)] {
        let mut server = server::start(server::json(200, &body)).await;
        let signaling = HttpSignaling::builder(url).platform(platform(&server)).build().unwrap();
        assert_eq!(signaling.ice_servers().await.unwrap().len(), expected);
        assert_eq!(server.unseen_requests(), expected);
    }
}

#[tokio::test]
async fn what_goes_wrong_is_typed_and_shows_no_key() {
    let echo = format!(r#"{{"message":"no model for {KEY}"}}"#);
    for (status, body) in
        [(401, &*echo), (404, &*echo), (200, "{}"), (200, &*echo), (500, "<html>")]
    {
        let server = server::start(server::json(status, body)).await;
        let platform = platform(&server);
        let errors = [
            platform.task_of_model("m").await.unwrap_err(),
            platform.ice_servers().await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.status(), Some(status), "{error}");
            assert_eq!(error.is_auth(), status == 401, "{error}");
            assert_shows_no_key(&error);
        }
    }
    let error = Platform::new("http://127.0.0.1:1").unwrap().task_of_model("m").await.unwrap_err();
    assert!(matches!(error, SignalingError::Connect { .. }), "{error:?}");
    assert!(Platform::new("ftp://host").is_err());
}
