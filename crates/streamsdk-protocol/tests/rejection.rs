//! Rejections beyond the recorded ones.
// Clippy takes only functions marked as tests for test code.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use streamsdk_protocol::rejection::{Rejection, RejectionReason as Reason};
use streamsdk_protocol::{ApiKey, MAX_TEXT_CHARS, REDACTED, Redactor};

const KEY: &str = "FAKE_API_KEY_0123456789";

fn read(status: u16, body: &Value) -> Rejection {
    let redactor = Redactor::default().api_key(&ApiKey::new(KEY));
    Rejection::read(status, body.to_string().as_bytes(), &redactor)
}

#[test]
fn the_name_of_an_error_says_more_than_its_status() {
    for (name, reason) in [
        ("WebRTCConfigurationError", Reason::Configuration),
        ("WorkflowSyntaxError", Reason::WorkflowSyntax),
        ("WorkflowError", Reason::Workflow),
        ("WorkflowExecutionEngineVersionError", Reason::Workflow),
        ("CreditsExceededError", Reason::Credits),
        ("WorkspaceStreamQuotaError", Reason::Quota),
        ("RoboflowAPINotAuthorizedError", Reason::NotAuthorized),
    ] {
        for status in [400, 404, 500] {
            let rejection =
                read(status, &json!({"error_type": name, "message": "Internal error."}));
            assert_eq!(rejection.reason, reason, "{name} {status}");
        }
    }
}

#[test]
fn without_a_name_the_status_decides() {
    for (status, reason) in [
        (400, Reason::Other),
        (401, Reason::NotAuthorized),
        (402, Reason::Credits),
        (403, Reason::NotAuthorized),
        (404, Reason::NoSuchEndpoint),
        (405, Reason::NoSuchEndpoint),
        (422, Reason::Request),
        (429, Reason::Quota),
        (500, Reason::Internal),
        (502, Reason::Unavailable),
        (504, Reason::Unavailable),
    ] {
        assert_eq!(read(status, &Value::Null).reason, reason, "{status}");
    }
    assert_eq!(read(500, &json!({"message": "bad selector"})).reason, Reason::Workflow);
}

#[test]
fn the_key_is_taken_out_of_every_text_and_the_rest_stays() {
    let text = format!("<{KEY}>");
    let body = json!({
        "message": text,
        "error_type": text,
        "inner_error_message": text,
        "detail": [{"loc": [text, 3], "msg": text, "input": {"api_key": KEY}}],
        "blocks_errors": [{
            "block_id": text,
            "block_type": text,
            "property_name": text,
            "property_details": text,
        }],
    });
    let rejection = read(400, &body);
    assert!(!format!("{rejection:?}").contains(KEY), "{rejection:?}");
    let redacted = format!("<{REDACTED}>");
    assert_eq!(rejection.message, redacted);
    assert_eq!(rejection.error_type.as_ref(), Some(&redacted));
    assert_eq!(rejection.inner_message.as_ref(), Some(&redacted));
    assert_eq!(rejection.fields[0].location, format!("{redacted}.3"));
    assert_eq!(rejection.fields[0].message, redacted);
    let block = &rejection.blocks[0];
    for text in [&block.block_id, &block.block_type, &block.property_name, &block.property_details]
    {
        assert_eq!(text.as_ref(), Some(&redacted));
    }
}

#[test]
fn a_key_at_the_place_where_a_long_text_is_cut_does_not_show_in_part() {
    for before in MAX_TEXT_CHARS - 30..MAX_TEXT_CHARS + 5 {
        let message = format!("{}{KEY}{}", "ä".repeat(before), "x".repeat(100));
        let rejection = read(400, &json!({"message": message}));
        assert!(!rejection.message.contains("FAKE"), "{before}: {}", rejection.message);
        assert!(rejection.message.chars().count() < MAX_TEXT_CHARS + 40);
    }
}

#[test]
fn only_what_may_pass_by_itself_is_transient() {
    for status in [408, 425, 429, 502, 503, 504] {
        assert!(read(status, &Value::Null).is_transient(), "{status}");
    }
    for status in [301, 400, 401, 404, 405, 422, 500, 501] {
        assert!(!read(status, &Value::Null).is_transient(), "{status}");
    }
}

#[test]
fn texts_are_cleaned_and_shortened() {
    let body = json!({"message": format!("\u{1b}]0;x\u{7}{}", "x".repeat(5 << 20))});
    let message = read(500, &body).message;
    assert!(message.starts_with("]0;xxxx") && message.ends_with("characters more)"), "{message}");
    assert!(message.len() < MAX_TEXT_CHARS + 50);
}

#[test]
fn advice_is_given_where_it_helps_and_for_the_server_that_it_is() {
    let advice = |status, body: Value, hosted| read(status, &body).advice(hosted);
    let of_platform = json!({"error_type": "RoboflowAPINotAuthorizedError"});
    let key = Some("check the API key and what it may access");
    assert_eq!(advice(401, of_platform, false), key);
    assert_eq!(advice(401, json!({}), true), key);
    assert_eq!(
        advice(401, json!({}), false),
        Some("check the key or token that the server expects")
    );
    assert_eq!(advice(429, json!({}), false), Some("try again later"));
    assert_eq!(advice(402, json!({}), false), None);
    assert_eq!(advice(500, json!({"message": "Internal error."}), true), None);
    assert_eq!(advice(500, json!({}), false), Some("look at the server's log"));
    let camera = json!({"message": "Internal error. The camera refused the connection."});
    assert_eq!(advice(500, camera, false), None);
    let named = json!({"error_type": "WebRTCConfigurationError", "message": "unknown output"});
    assert_eq!(advice(400, named, true), None);
    assert_eq!(advice(422, json!({"detail": [{"loc": ["body"], "msg": "missing"}]}), false), None);
}
