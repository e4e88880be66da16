//! What passes between the engine and a server until it is known whether the server can be used.
//!
//! The engine says so to nobody but its log. So requests and answers are looked at on their way through the
//! sockets. A 401 is only an answer to a request that was signed; the first one of each client is not, and is
//! refused with what it takes to sign the second.

use std::sync::{Mutex, PoisonError};

use rtc::stun::attributes::ATTR_MESSAGE_INTEGRITY;
use rtc::stun::error_code::ErrorCodeAttribute;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_SUCCESS_RESPONSE, Getter, METHOD_ALLOCATE, METHOD_BINDING, Message,
    TransactionId,
};

use super::outcome::ServerFailure;

const ALLOCATE_REQUEST: [u8; 2] = [0x00, 0x03];
const UNAUTHORIZED: u16 = 401;
/// Each socket of a connection asks each server once.
const MAX_SIGNED: usize = 256;

/// What a server answered to a request for an allocation, or to a binding request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// What it saw.
    Binding,
    /// An allocation.
    Allocated,
    Refused(ServerFailure),
}

/// The requests for an allocation that were signed.
#[derive(Debug, Default)]
pub(super) struct SignedRequests(Mutex<Vec<TransactionId>>);

impl SignedRequests {
    /// Looks at what goes to a server.
    pub(super) fn on_send(&self, packet: &[u8]) {
        if !packet.starts_with(&ALLOCATE_REQUEST) {
            return;
        }
        let Some(request) = decode(packet) else { return };
        let mut signed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if request.contains(ATTR_MESSAGE_INTEGRITY)
            && !signed.contains(&request.transaction_id)
            && signed.len() < MAX_SIGNED
        {
            signed.push(request.transaction_id);
        }
    }

    /// What a packet from a server says, if it decides something.
    pub(super) fn answer(&self, packet: &[u8]) -> Option<Answer> {
        let message = decode(packet)?;
        match (message.typ.method, message.typ.class) {
            (METHOD_BINDING, CLASS_SUCCESS_RESPONSE) => Some(Answer::Binding),
            (METHOD_ALLOCATE, CLASS_SUCCESS_RESPONSE) => Some(Answer::Allocated),
            (METHOD_ALLOCATE, CLASS_ERROR_RESPONSE) => {
                let mut error = ErrorCodeAttribute::default();
                let code = error.get_from(&message).map_or(0, |()| error.code.0);
                let signed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                match (code, signed.contains(&message.transaction_id)) {
                    (UNAUTHORIZED, false) => None,
                    (UNAUTHORIZED, true) => Some(Answer::Refused(ServerFailure::WrongCredentials)),
                    (code, _) => Some(Answer::Refused(ServerFailure::Refused { code })),
                }
            }
            _ => None,
        }
    }
}

pub(super) fn decode(packet: &[u8]) -> Option<Message> {
    // Not of STUN, by RFC 7983.
    if packet.first().is_none_or(|first| *first > 3) {
        return None;
    }
    let mut message = Message { raw: packet.to_vec(), ..Message::default() };
    message.decode().is_ok().then_some(message)
}

#[cfg(test)]
mod tests {
    use rtc::stun::attributes::AttrType;
    use rtc::stun::error_code::ErrorCode;
    use rtc::stun::message::{CLASS_REQUEST, MessageType};

    use super::*;

    fn message(
        class: rtc::stun::message::MessageClass,
        id: u8,
        fill: impl Fn(&mut Message),
    ) -> Vec<u8> {
        let mut message = Message::new();
        message.set_type(MessageType::new(METHOD_ALLOCATE, class));
        message.transaction_id = TransactionId([id; 12]);
        message.write_header();
        fill(&mut message);
        message.raw
    }

    fn request(id: u8, is_signed: bool) -> Vec<u8> {
        message(CLASS_REQUEST, id, |message| {
            if is_signed {
                message.add(ATTR_MESSAGE_INTEGRITY, &[0; 20]);
            }
        })
    }

    fn refusal(id: u8, code: u16) -> Vec<u8> {
        let ErrorCode(code) = ErrorCode(code);
        let (class, number) = ((code / 100) as u8, (code % 100) as u8);
        message(CLASS_ERROR_RESPONSE, id, |message| {
            message.add(AttrType(0x0009), &[0, 0, class, number, b'n', b'o', b'!', b' ']);
        })
    }

    #[test]
    fn only_a_signed_request_can_have_the_wrong_password() {
        let requests = SignedRequests::default();
        requests.on_send(&request(1, false));
        assert_eq!(requests.answer(&refusal(1, 401)), None);
        requests.on_send(&request(2, true));
        let wrong = Answer::Refused(ServerFailure::WrongCredentials);
        assert_eq!(requests.answer(&refusal(2, 401)), Some(wrong));
        let other = Answer::Refused(ServerFailure::Refused { code: 486 });
        assert_eq!(requests.answer(&refusal(1, 486)), Some(other));
    }

    #[test]
    fn what_is_no_answer_decides_nothing() {
        let requests = SignedRequests::default();
        for packet in [&[][..], &[0; 20], &[0x40, 1, 0, 0], b"garbage", &request(1, true)] {
            requests.on_send(packet);
            assert_eq!(requests.answer(packet), None, "{packet:?}");
        }
        let allocated = message(CLASS_SUCCESS_RESPONSE, 1, |_| {});
        assert_eq!(requests.answer(&allocated), Some(Answer::Allocated));
    }
}
