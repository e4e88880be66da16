//! Requests as a worker and a backend get them, and answers as a client does: what is read can be written and
//! read again, and nothing that is secret shows in what is printed of it.

use streamsdk_protocol::Redactor;
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_protocol::proxy::ProxyRequest;

pub(crate) fn run(input: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<InitRequest>(input) {
        let written = serde_json::to_string(&request).expect("JSON");
        let again: InitRequest = serde_json::from_str(&written).expect("what was written");
        assert_eq!(serde_json::to_string(&again).ok(), Some(written));
        let shown = format!("{request:?}");
        let redacted = Redactor::default().request(&request).redact(&shown);
        assert!(redacted.len() <= 4 * shown.len() + 1_000);
    }
    if let Ok(request) = serde_json::from_slice::<ProxyRequest>(input) {
        let written = serde_json::to_string(&request).expect("JSON");
        let again: ProxyRequest = serde_json::from_str(&written).expect("what was written");
        assert_eq!(again, request);
        let _ = format!("{request:?}");
    }
    if let Ok(response) = serde_json::from_slice::<InitResponse>(input) {
        let _ = format!("{response:?}");
    }
}
