//! What a real server said to requests that were wrong in some way, each row as it was recorded.

use serde_json::{Value, json};
use streamsdk_protocol::Redactor;
use streamsdk_protocol::rejection::{Rejection, RejectionReason as Reason};
use streamsdk_protocol::sdp::SdpError;
use streamsdk_signaling::{HttpSignaling, Signaling, SignalingError};

use crate::{
    KEY, all_texts, assert_shows_no_key, exchange, recorded_answer, recorded_request, recording,
    server,
};

/// A body is recorded as JSON, or as the text itself.
fn body_text(row: &Value) -> String {
    row["body"].as_str().map_or_else(|| row["body"].to_string(), str::to_owned)
}

/// What the server wrote for people to read; of long texts the beginning.
fn server_words(body: &Value) -> Vec<String> {
    let clean = Redactor::default();
    let text = |value: &Value| {
        let text = clean.text(value.as_str()?);
        Some(text.split("… (").next().unwrap_or_default().to_owned())
    };
    let rows = |name: &str| body[name].as_array().cloned().unwrap_or_default();
    let inner = text(&body["inner_error_message"]).filter(|inner: &String| inner != "None");
    let mut words =
        vec![text(&body["message"]), text(&body["error_type"]), text(&body["detail"]), inner];
    words.extend(rows("detail").iter().map(|row| text(&row["msg"])));
    words.extend(rows("blocks_errors").iter().map(|row| text(&row["property_details"])));
    words.into_iter().flatten().collect()
}

#[tokio::test]
async fn every_recorded_answer_is_a_typed_error_with_the_servers_words_and_without_the_key() {
    let rows = recording("errors_offline_server.json");
    for (name, row) in rows.as_object().unwrap() {
        let status = row["status"].as_u64().unwrap() as u16;
        let server = server::start(server::json(status, &body_text(row))).await;
        let error = exchange(&server.url()).await.unwrap_err();

        assert_shows_no_key(&error);
        assert!(error.to_string().contains(&server.url()), "{name}: {error}");
        if status == 200 {
            assert_unusable(name, &error);
        } else {
            assert_rejection(name, &error, status, row);
        }
    }
}

/// The recording keeps only the first lines of an accepted answer.
fn assert_unusable(name: &str, error: &SignalingError) {
    assert!(
        matches!(error, SignalingError::UnusableAnswer { cause: SdpError::NoMedia, .. }),
        "{name}: {error:?}"
    );
}

fn assert_rejection(name: &str, error: &SignalingError, status: u16, row: &Value) {
    let rejection = error.rejection().unwrap_or_else(|| panic!("{name}: {error:?}"));
    // Which reason each row has to have is checked where rejections are read.
    let redactor = Redactor::default().api_key(&KEY.into());
    let read = Rejection::read(status, body_text(row).as_bytes(), &redactor);
    assert_eq!(*rejection, read, "{name}");
    assert_eq!(error.status(), Some(status), "{name}");
    assert!(!error.is_retryable() && !error.is_auth() && !error.is_quota(), "{name}");

    let shown = error.to_string();
    assert_eq!(shown.contains("advice"), rejection.advice(false).is_some(), "{name}: {shown}");
    let body = serde_json::from_str(&body_text(row)).unwrap_or_default();
    for words in server_words(&body) {
        assert!(shown.contains(&words), "{name}: {words:?} is not in {shown:?}");
    }
}

#[tokio::test]
async fn a_rejection_reads_as_one_text() {
    let body = json!({
        "message": "Could not parse workflow definition.",
        "error_type": "WorkflowSyntaxError",
        "inner_error_message": "1 validation error",
        "blocks_errors": [{
            "block_id": "blur",
            "block_type": "roboflow_core/image_blur@v1",
            "property_name": "blur_type",
            "property_details": "Input should be a valid string",
        }],
    });
    let server = server::start(server::json(400, &body.to_string())).await;
    let error = exchange(&server.url()).await.unwrap_err();
    let expected = format!(
        "{}/initialise_webrtc_worker refused with status 400 (WorkflowSyntaxError): \
         Could not parse workflow definition.; block blur (roboflow_core/image_blur@v1), property \
         blur_type: Input should be a valid string; cause: 1 validation error",
        server.url()
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn each_kind_of_recorded_rejection_is_told_apart() {
    let rows = recording("errors_offline_server.json");
    for (name, reason) in [
        ("bad_data_output", Reason::Configuration),
        ("block_bad_property", Reason::WorkflowSyntax),
        ("bad_selector", Reason::Workflow),
        ("missing_offer", Reason::Request),
        ("rtsp_unreachable", Reason::Internal),
        ("wrong_path", Reason::NoSuchEndpoint),
    ] {
        let status = rows[name]["status"].as_u64().unwrap() as u16;
        let error = rejection(status, &rows[name]["body"]).await;
        assert_eq!(error.rejection().map(|rejection| rejection.reason), Some(reason), "{name}");
    }
}

async fn rejection(status: u16, body: &Value) -> SignalingError {
    let server = server::start(server::json(status, &body.to_string())).await;
    exchange(&server.url()).await.unwrap_err()
}

#[tokio::test]
async fn rejections_that_no_offline_server_gives_have_their_predicates() {
    let not_authorized = json!({"error_type": "RoboflowAPINotAuthorizedError", "message": "no"});
    assert!(rejection(401, &not_authorized).await.is_auth());
    assert!(rejection(403, &json!({})).await.is_auth());
    let quota = json!({"error_type": "WorkspaceStreamQuotaError", "message": "too many"});
    assert!(rejection(429, &quota).await.is_quota());
    assert!(rejection(402, &json!({"error_type": "CreditsExceededError"})).await.is_quota());
    let busy = rejection(503, &json!({"message": "no GPU is free"})).await;
    assert!(busy.is_retryable() && busy.to_string().contains("no GPU is free"), "{busy}");
}

#[tokio::test]
async fn what_the_request_carries_in_confidence_is_not_repeated() {
    let camera = "rtsp://admin:c4mera@10.0.0.9/1";
    let message = format!("cannot open {camera} with {} and t0rn-password", KEY);
    let mut request = recorded_request();
    request.rtsp_url = Some(camera.to_owned());
    request.webrtc_config = serde_json::from_value(json!({"iceServers": [
        {"urls": ["turn:h"], "username": "u", "credential": "t0rn-password"}
    ]}))
    .unwrap();

    for reply in [
        server::json(500, &json!({ "message": message }).to_string()),
        server::response(200, "text/plain", &message),
    ] {
        let server = server::start(reply).await;
        let signaling = HttpSignaling::builder(server.url()).api_key(KEY).build().unwrap();
        let error = signaling.exchange(request.clone()).await.unwrap_err();
        assert_shows_no_key(&error);
        let shown = all_texts(&error);
        assert!(shown.contains("10.0.0.9"), "{shown}");
        assert!(!shown.contains("c4mera") && !shown.contains("t0rn-password"), "{shown}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_is_named_without_secrets() {
    let mut target = server::start(server::json(200, &recorded_answer())).await;
    let location = format!("http://me:s3cret@127.0.0.1:{}/{KEY}?token=t0ken", target.port());
    let head = format!("HTTP/1.1 307 Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let server = server::start(server::Reply::Hold(head.into_bytes())).await;

    let error = exchange(&server.url()).await.unwrap_err();
    assert_eq!(error.rejection().map(|rejection| rejection.status), Some(307), "{error:?}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", target.port())), "{error}");
    assert_shows_no_key(&error);
    let shown = all_texts(&error);
    assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    assert_eq!(target.unseen_requests(), 0);
}

#[tokio::test]
async fn secrets_do_not_come_back_however_the_server_spells_them() {
    let camera = "RTSP://admin:c%40mera%2F1@10.0.0.9/1?token=t0ken";
    let mut request = recorded_request();
    request.rtsp_url = Some(camera.to_owned());
    for said in [
        camera,
        "rtsp://admin:c@mera/1@10.0.0.9/1",
        "rtsp://admin:c%40mera/1@10.0.0.9/1",
        "wrong password c@mera/1 for admin",
        "c%40mera%2f1",
        "Authorization: Basic YWRtaW46Y0BtZXJhLzE=",
        "Authorization: Basic bWU6czNjcmV0",
        "Bearer s3cret",
        "token=t0ken",
    ] {
        let body = json!({"message": said, "detail": [{"loc": [said], "msg": said}]}).to_string();
        for reply in [server::json(400, &body), server::response(200, "text/plain", &body)] {
            let server = server::start(reply).await;
            let url = format!("http://me:s3cret@127.0.0.1:{}", server.port());
            let signaling = HttpSignaling::builder(url).api_key(KEY).build().unwrap();
            let error = signaling.exchange(request.clone()).await.unwrap_err();
            let shown = all_texts(&error);
            for secret in ["mera", "YWRtaW46", "bWU6", "s3cret", "t0ken"] {
                assert!(!shown.contains(secret), "{said}: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn a_servers_text_is_short_and_acts_on_no_terminal() {
    let hostile = format!("\u{1b}[2J\u{202e}{}", "x".repeat(900_000));
    let body = json!({"message": hostile, "inner_error_message": hostile}).to_string();
    for reply in [server::json(500, &body), server::response(200, "text/x\u{1b}[2J", &hostile)] {
        let server = server::start(reply).await;
        let shown = exchange(&server.url()).await.unwrap_err().to_string();
        assert!(!shown.contains(['\u{1b}', '\u{202e}']) && shown.len() < 3_000, "{:.500}", shown);
    }
}
