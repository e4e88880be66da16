//! Requests that a server refuses because its nonce has become stale, and that are asked once more.
//!
//! The engine does not repeat them. Of a channel it then makes another one for the same peer, which the server
//! refuses as well, and nothing that comes on the first one is understood any more. A refresh is left to the engine: it
//! learns the new nonce from it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use rtc::crypto::default_provider;
use rtc::stun::attributes::{
    ATTR_FINGERPRINT, ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM, ATTR_USERNAME,
};
use rtc::stun::error_code::{CODE_STALE_NONCE, ErrorCodeAttribute};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{Getter, Message, Setter};

use super::allocation::decode;

/// Requests that may be under way.
const MAX_PENDING: usize = 32;

/// The requests that were made last.
#[derive(Debug, Default)]
pub(super) struct StaleNonces(Mutex<VecDeque<Vec<u8>>>);

impl StaleNonces {
    /// Looks at what goes to a server.
    pub(super) fn on_send(&self, packet: &[u8]) {
        if !is_repeated(packet) {
            return;
        }
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() == MAX_PENDING {
            pending.pop_front();
        }
        pending.push_back(packet.to_vec());
    }

    /// What to ask once more, instead of giving this answer to the engine.
    pub(super) fn once_more(&self, answer: &[u8], password: &str) -> Option<Vec<u8>> {
        if !is_refused(answer) {
            return None;
        }
        let answer = decode(answer)?;
        let mut error = ErrorCodeAttribute::default();
        error.get_from(&answer).ok().filter(|()| error.code == CODE_STALE_NONCE)?;
        let nonce = answer.get(ATTR_NONCE).ok()?;
        let request = self.take(&answer)?;
        // Once: a server that never likes a nonce is not asked for ever.
        sign_again(&request, &nonce, password)
    }

    fn take(&self, answer: &Message) -> Option<Message> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut requests = pending.iter().map(|packet| decode(packet));
        let index = requests.position(|request| {
            request.is_some_and(|request| request.transaction_id == answer.transaction_id)
        })?;
        decode(&pending.remove(index)?)
    }
}

/// CreatePermission or ChannelBind.
fn is_repeated(packet: &[u8]) -> bool {
    matches!(packet, [0x00, 0x08 | 0x09, ..])
}

/// One of these refused.
fn is_refused(packet: &[u8]) -> bool {
    matches!(packet, [0x01, 0x18 | 0x19, ..])
}

/// The same request with another nonce. The transaction stays the same, or the engine would not know the answer.
fn sign_again(request: &Message, nonce: &[u8], password: &str) -> Option<Vec<u8>> {
    let text = |attribute| String::from_utf8(request.get(attribute).ok()?).ok();
    let (username, realm) = (text(ATTR_USERNAME)?, text(ATTR_REALM)?);
    let mut message = Message::new();
    message.set_type(request.typ);
    message.transaction_id = request.transaction_id;
    message.write_header();
    for attribute in &request.attributes.0 {
        match attribute.typ {
            ATTR_NONCE => message.add(ATTR_NONCE, nonce),
            ATTR_MESSAGE_INTEGRITY | ATTR_FINGERPRINT => {}
            other => message.add(other, &attribute.value),
        }
    }
    let provider = default_provider().ok()?;
    MessageIntegrity::new_long_term_integrity_with_provider(
        username,
        realm,
        password.to_owned(),
        provider.crypto(),
    )
    .ok()?
    .add_to(&mut message)
    .ok()?;
    FINGERPRINT.add_to(&mut message).ok()?;
    Some(message.raw)
}

#[cfg(test)]
mod tests {
    use rtc::stun::attributes::AttrType;
    use rtc::stun::message::{
        CLASS_ERROR_RESPONSE, CLASS_REQUEST, METHOD_CHANNEL_BIND, MessageType, TransactionId,
    };

    use super::*;

    const ERROR_CODE: AttrType = AttrType(0x0009);

    fn bind() -> Message {
        let mut message = Message::new();
        message.set_type(MessageType::new(METHOD_CHANNEL_BIND, CLASS_REQUEST));
        message.transaction_id = TransactionId([5; 12]);
        message.write_header();
        message.add(AttrType(0x000c), &[0x40, 0, 0, 0]);
        message.add(ATTR_USERNAME, b"us3r");
        message.add(ATTR_REALM, b"realm");
        message.add(ATTR_NONCE, b"old");
        message.add(ATTR_MESSAGE_INTEGRITY, &[0; 20]);
        message
    }

    fn refusal(id: u8, code: u8) -> Vec<u8> {
        let mut message = Message::new();
        message.set_type(MessageType::new(METHOD_CHANNEL_BIND, CLASS_ERROR_RESPONSE));
        message.transaction_id = TransactionId([id; 12]);
        message.write_header();
        message.add(ERROR_CODE, &[0, 0, 4, code]);
        message.add(ATTR_NONCE, b"new nonce");
        message.raw
    }

    #[test]
    fn a_request_with_a_stale_nonce_is_made_again_with_the_new_one() {
        let requests = StaleNonces::default();
        requests.on_send(&bind().raw);
        let again = requests.once_more(&refusal(5, 38), "s3cret").unwrap();
        let mut again = decode(&again).unwrap();
        assert_eq!(again.transaction_id, bind().transaction_id);
        assert_eq!(again.get(ATTR_NONCE).unwrap(), b"new nonce");
        assert_eq!(again.get(AttrType(0x000c)).unwrap(), [0x40, 0, 0, 0]);
        let provider = default_provider().unwrap();
        let text = |text: &str| text.to_owned();
        let (user, realm, password) = (text("us3r"), text("realm"), text("s3cret"));
        let crypto = provider.crypto();
        let key = MessageIntegrity::long_term_integrity_key(user, realm, password, crypto).unwrap();
        MessageIntegrity::check(&mut again, &key, crypto).unwrap();
        assert_eq!(requests.once_more(&refusal(5, 38), "s3cret"), None, "once");
    }

    #[test]
    fn other_answers_are_the_engines() {
        let requests = StaleNonces::default();
        requests.on_send(&bind().raw);
        for answer in [&refusal(5, 0)[..], &refusal(6, 38), &bind().raw, b"garbage", &[]] {
            assert_eq!(requests.once_more(answer, "s3cret"), None, "{answer:?}");
        }
    }
}
