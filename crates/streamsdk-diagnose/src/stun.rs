//! STUN messages: requests as they leave, answers as they are understood.

use std::sync::Arc;

use rtc_crypto::{RTCCryptoProvider, default_provider};
use rtc_stun::attributes::{ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_TRANSPORT};
use rtc_stun::attributes::{ATTR_USERNAME, AttrType};
use rtc_stun::error_code::ErrorCodeAttribute;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Getter, METHOD_ALLOCATE,
    METHOD_BINDING, METHOD_REFRESH, Message, MessageType, Method, Setter, TransactionId,
};
use rtc_stun::textattrs::TextAttribute;

/// An attribute that nobody knows, and that has to be passed over by whoever does not.
const ATTR_FILLER: AttrType = AttrType(0xC5F1);
/// A message without attributes.
pub(crate) const HEADER: usize = 20;
const ATTRIBUTE_HEADER: usize = 4;
/// The protocol number of UDP, and three bytes that are reserved.
const UDP: [u8; 4] = [17, 0, 0, 0];

pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    pub(crate) id: TransactionId,
}

/// What a server asks for before it lets anybody in, and what is shown to it.
#[derive(Clone)]
pub(crate) struct LongTerm {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) realm: String,
    pub(crate) nonce: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Success,
    Refused { code: u16, reason: String, challenge: Option<Challenge> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) realm: String,
    pub(crate) nonce: String,
}

/// "Who sees my packets come from where?", in a packet whose payload has at least `size` bytes.
pub(crate) fn binding(size: usize) -> Request {
    let mut message = begin(METHOD_BINDING);
    // With the attribute's own length, a multiple of four.
    let filler = size.saturating_sub(HEADER + ATTRIBUTE_HEADER).next_multiple_of(4);
    if filler > 0 {
        message.add(ATTR_FILLER, &vec![0; filler]);
    }
    finish(message)
}

/// "Let me have an address of yours." `None` if it cannot be signed.
pub(crate) fn allocate(as_user: Option<&LongTerm>) -> Option<Request> {
    let mut message = begin(METHOD_ALLOCATE);
    message.add(ATTR_REQUESTED_TRANSPORT, &UDP);
    signed(message, as_user)
}

/// "I am done." `None` if it cannot be signed.
pub(crate) fn give_back(as_user: Option<&LongTerm>) -> Option<Request> {
    let mut message = begin(METHOD_REFRESH);
    message.add(ATTR_LIFETIME, &[0; 4]);
    signed(message, as_user)
}

fn begin(method: Method) -> Message {
    let mut message = Message::new();
    message.transaction_id = TransactionId::new();
    message.set_type(MessageType::new(method, CLASS_REQUEST));
    message.write_header();
    message
}

fn finish(message: Message) -> Request {
    Request { id: message.transaction_id, bytes: message.raw }
}

fn signed(mut message: Message, as_user: Option<&LongTerm>) -> Option<Request> {
    if let Some(user) = as_user {
        for (attribute, text) in
            [(ATTR_USERNAME, &user.user), (ATTR_REALM, &user.realm), (ATTR_NONCE, &user.nonce)]
        {
            TextAttribute::new(attribute, text.clone()).add_to(&mut message).ok()?;
        }
        let provider: Arc<dyn RTCCryptoProvider> = default_provider().ok()?;
        let (name, realm, password) =
            (user.user.clone(), user.realm.clone(), user.password.clone());
        MessageIntegrity::new_long_term_integrity_with_provider(
            name,
            realm,
            password,
            provider.crypto(),
        )
        .and_then(|integrity| integrity.add_to(&mut message))
        .ok()?;
    }
    FINGERPRINT.add_to(&mut message).ok()?;
    Some(finish(message))
}

/// `None` for whatever is not an answer to the request `id`.
pub(crate) fn answer(bytes: &[u8], id: TransactionId) -> Option<Answer> {
    let message = parse(bytes).filter(|message| message.transaction_id == id)?;
    match message.typ.class {
        CLASS_SUCCESS_RESPONSE => Some(Answer::Success),
        CLASS_ERROR_RESPONSE => {
            let mut error = ErrorCodeAttribute::default();
            error.get_from(&message).ok()?;
            let reason = String::from_utf8_lossy(&error.reason).into_owned();
            let text = |kind| TextAttribute::get_from_as(&message, kind).ok().map(|text| text.text);
            let challenge = text(ATTR_REALM)
                .zip(text(ATTR_NONCE))
                .map(|(realm, nonce)| Challenge { realm, nonce });
            Some(Answer::Refused { code: error.code.0, reason, challenge })
        }
        _ => None,
    }
}

/// The id of an answer of any kind.
pub(crate) fn answered(bytes: &[u8]) -> Option<TransactionId> {
    let message = parse(bytes)?;
    let class = message.typ.class;
    let is_answer = class == CLASS_SUCCESS_RESPONSE || class == CLASS_ERROR_RESPONSE;
    is_answer.then_some(message.transaction_id)
}

/// How much of a message comes after its header, on a stream.
pub(crate) fn length_after(header: &[u8; HEADER]) -> u64 {
    u16::from_be_bytes([header[2], header[3]]).into()
}

fn parse(bytes: &[u8]) -> Option<Message> {
    let mut message = Message::new();
    message.unmarshal_binary(bytes).ok()?;
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_size_that_is_asked_for() {
        for size in [1200, 1400, 28] {
            assert_eq!(binding(size).bytes.len(), size);
        }
        assert_eq!(binding(0).bytes.len(), HEADER);
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let request = binding(100);
        assert_eq!(answer(&request.bytes, request.id), None, "the request itself");
        for length in 0..request.bytes.len() {
            assert_eq!(answer(&request.bytes[..length], request.id), None);
            assert_eq!(answered(&vec![0x01; length]), None);
        }
    }
}
