//! Bodies of rejections: no panic, and the API key shows nowhere even when the body is full of it.

use crate::structured;
use streamsdk_protocol::rejection::Rejection;
use streamsdk_protocol::{ApiKey, Redactor};

const KEY: &str = "K7Q2X9ZW";

/// Stands for the key in an input.
const PLACEHOLDER: u8 = 0x7f;

pub(crate) fn run(input: &[u8]) {
    let Some(input) = structured::<(u16, &[u8])>(input) else { return };
    let (status, body) = input;
    let mut with_key = Vec::with_capacity(body.len());
    for byte in body {
        match *byte {
            PLACEHOLDER => with_key.extend_from_slice(KEY.as_bytes()),
            byte => with_key.push(byte),
        }
    }
    let rejection =
        Rejection::read(status, &with_key, &Redactor::default().api_key(&ApiKey::new(KEY)));
    assert!(!format!("{rejection:?}").contains(KEY));
    let _ = (rejection.advice(true), rejection.advice(false));
    let _ = rejection.is_transient();
}
