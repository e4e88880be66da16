//! The exchange over a backend of one's own.

use serde_json::{Value, json};
use streamsdk_protocol::init::IceServer;
use streamsdk_signaling::{ProxySignaling, Signaling};

use crate::{KEY, assert_shows_no_key, recorded_answer, recorded_request, server};

#[tokio::test]
async fn the_request_goes_out_by_the_names_of_the_javascript_sdk_and_without_a_key() {
    let mut server = server::start(server::json(200, &recorded_answer())).await;
    let url = format!("{}/api/init-webrtc", server.url());
    let backend = ProxySignaling::builder(url).bearer_token("t0ken").build().unwrap();
    let request = recorded_request()
        .requested_plan("p".to_owned())
        .processing_timeout(60)
        .mjpeg_url("http://c".to_owned());
    let answer = backend.exchange(request.clone()).await.unwrap();
    assert_eq!(answer, serde_json::from_str(&recorded_answer()).unwrap());

    let asked = server.request().await;
    assert_eq!(asked.line(), "POST /api/init-webrtc HTTP/1.1");
    assert_eq!(asked.header("authorization"), Some("Bearer t0ken"));
    let body = asked.json();
    assert_eq!(body["offer"], json!({ "type": "offer", "sdp": request.webrtc_offer.sdp }));
    let parameters = &body["wrtcParams"];
    let workflow = request.workflow_configuration.workflow_specification.unwrap();
    assert_eq!(parameters["workflowSpec"], workflow);
    assert_eq!(parameters["imageInputName"], "image");
    assert_eq!(parameters["dataOutputNames"], json!(request.data_output));
    assert_eq!(parameters["streamOutputNames"], json!(request.stream_output));
    assert_eq!(parameters["realtimeProcessing"], request.webrtc_realtime_processing);
    assert_eq!(
        (&parameters["requestedPlan"], &parameters["processingTimeout"]),
        (&json!("p"), &json!(60))
    );
    assert_eq!(
        (&parameters["mjpegUrl"], &parameters["videoFileUpload"]),
        (&json!("http://c"), &json!(true))
    );
    assert_eq!(parameters.get("rtspUrl"), None::<&Value>);
    assert!(!body.to_string().contains(KEY));
}

#[tokio::test]
async fn turn_servers_are_asked_for_where_the_backend_has_them() {
    let turn = IceServer::new("turn:a").credentials("u", "p");
    for (body, expected) in [
        (json!({ "iceServers": [turn] }), vec![turn.clone()]),
        (json!({ "iceServers": null }), vec![]),
    ] {
        let server = server::start(server::json(200, &body.to_string())).await;
        let backend = ProxySignaling::builder(server.url()).turn_config_url(server.url());
        assert_eq!(backend.build().unwrap().ice_servers().await.unwrap(), expected);
    }
    let nowhere = ProxySignaling::builder("http://127.0.0.1:1").build().unwrap();
    assert!(nowhere.ice_servers().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_backend_says_when_it_refuses_is_an_error_without_secrets() {
    let refusal = format!(r#"{{"message":"no session for {KEY}"}}"#);
    let server = server::start(server::json(401, &refusal)).await;
    let backend = ProxySignaling::builder(server.url()).bearer_token(KEY).build().unwrap();
    let error = backend.exchange(recorded_request()).await.unwrap_err();
    assert!(error.is_auth(), "{error}");
    assert_shows_no_key(&error);
    assert!(!format!("{backend:?}").contains(KEY));
    assert!(ProxySignaling::builder("nonsense").build().is_err());
    assert!(ProxySignaling::builder("http://h").turn_config_url("nonsense").build().is_err());
    assert!(ProxySignaling::builder("http://h").bearer_token("a\nb").build().is_err());
}
