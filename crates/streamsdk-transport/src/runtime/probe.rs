//! Checks of connectivity that are not the engine's: as large as one likes, or to nominate a pair.
//!
//! They are ICE's own (RFC 8445), so every peer answers them at any time; what fills them up is an
//! attribute that a peer skips when it does not know it. The answer is small. Those that measure have no role in
//! them: a role is compared with the peer's, and here nobody wants to change it.

use std::fmt;

use rtc::crypto::default_provider;
use rtc::stun::attributes::{
    ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    ATTRIBUTE_HEADER_SIZE, BINDING_REQUEST, BINDING_SUCCESS, Message, MessageType, Setter,
    TRANSACTION_ID_SIZE, TransactionId,
};

/// Comprehension-optional, and given to nobody.
const PADDING_ATTRIBUTE: AttrType = AttrType(0xfff0);
/// A candidate that the peer already knows does not get another priority.
const PRIORITY: u32 = 1;
const TIE_BREAKER: usize = 8;
/// Message integrity and fingerprint, which come last.
const INTEGRITY_AND_FINGERPRINT: usize = 2 * ATTRIBUTE_HEADER_SIZE + 20 + 4;
const SUCCESS: [u8; 2] = [0x01, 0x01];
const REQUEST: [u8; 2] = [0x00, 0x01];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

pub(crate) type ProbeId = [u8; TRANSACTION_ID_SIZE];

/// What a check of connectivity is signed with.
#[derive(Clone)]
pub(crate) struct IceCredentials {
    username: String,
    password: String,
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCredentials").finish_non_exhaustive()
    }
}

impl IceCredentials {
    /// `None` if a description has none.
    pub(crate) fn of(local: &str, remote: &str) -> Option<Self> {
        let username =
            format!("{}:{}", attribute(remote, "ice-ufrag")?, attribute(local, "ice-ufrag")?);
        Some(Self { username, password: attribute(remote, "ice-pwd")?.to_owned() })
    }
}

/// The value of the first attribute of that name.
pub(super) fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| {
        line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':').map(str::trim)
    })
}

/// A check, and what its answer is known by.
pub(crate) struct Check {
    pub(crate) id: ProbeId,
    pub(crate) packet: Vec<u8>,
}

impl Check {
    /// One of at least `size` bytes; `None` if it cannot be signed.
    pub(crate) fn of_size(credentials: &IceCredentials, size: usize) -> Option<Self> {
        Self::with(credentials, |message| {
            let missing = size.saturating_sub(
                message.raw.len() + INTEGRITY_AND_FINGERPRINT + ATTRIBUTE_HEADER_SIZE,
            );
            if missing > 0 {
                message.add(PADDING_ATTRIBUTE, &vec![0; missing]);
            }
        })
    }

    /// One that nominates the pair that it goes by; `None` if it cannot be signed.
    pub(crate) fn nomination(credentials: &IceCredentials) -> Option<Self> {
        Self::with(credentials, |message| {
            // It is compared with nothing, as the peer does not want to control.
            message.add(ATTR_ICE_CONTROLLING, &TransactionId::new().0[..TIE_BREAKER]);
            message.add(ATTR_USE_CANDIDATE, &[]);
        })
    }

    fn with(credentials: &IceCredentials, add: impl FnOnce(&mut Message)) -> Option<Self> {
        let id = TransactionId::new();
        let mut message = begun(BINDING_REQUEST, id);
        message.add(ATTR_USERNAME, credentials.username.as_bytes());
        message.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
        add(&mut message);
        sign(&mut message, credentials)?;
        Some(Self { id: id.0, packet: message.raw })
    }
}

/// The peer's answer to a check of this side's, of which it is known; `None` if it cannot be signed.
pub(crate) fn success(credentials: &IceCredentials, id: ProbeId) -> Option<Vec<u8>> {
    let mut message = begun(BINDING_SUCCESS, TransactionId(id));
    sign(&mut message, credentials)?;
    Some(message.raw)
}

fn begun(kind: MessageType, id: TransactionId) -> Message {
    let mut message = Message::new();
    message.set_type(kind);
    message.transaction_id = id;
    message.write_header();
    message
}

fn sign(message: &mut Message, credentials: &IceCredentials) -> Option<()> {
    let provider = default_provider().ok()?;
    let password = credentials.password.clone();
    MessageIntegrity::new_short_term_integrity_with_provider(password, provider.crypto())
        .add_to(message)
        .ok()?;
    FINGERPRINT.add_to(message).ok()
}

/// What is looked at of a packet of ICE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ice {
    Check(ProbeId),
    Answer(ProbeId),
}

impl Ice {
    /// `None` if it is neither a check nor the answer to one that has succeeded.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        let id = *packet.get(8..)?.first_chunk()?;
        if packet[4..8] != MAGIC_COOKIE {
            return None;
        }
        match [packet[0], packet[1]] {
            REQUEST => Some(Self::Check(id)),
            SUCCESS => Some(Self::Answer(id)),
            _ => None,
        }
    }
}

/// Which probe this packet answers, if it answers one.
pub(crate) fn answered_probe(packet: &[u8]) -> Option<ProbeId> {
    match Ice::of(packet) {
        Some(Ice::Answer(id)) => Some(id),
        _ => None,
    }
}

/// Whether a check nominates the pair that it goes by.
pub(crate) fn nominates(check: &[u8]) -> bool {
    let mut message = Message { raw: check.to_vec(), ..Message::default() };
    message.decode().is_ok() && message.contains(ATTR_USE_CANDIDATE)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const OURS: &str = "v=0\r\na=ice-ufrag:us\r\na=ice-pwd:our-password\r\n";
    const THEIRS: &str = "v=0\r\nm=x\r\na=ice-ufrag:them\r\na=ice-pwd:their-password\r\n";

    pub(crate) fn credentials() -> IceCredentials {
        IceCredentials::of(OURS, THEIRS).unwrap()
    }

    /// What a peer answers to a probe, as far as it is looked at.
    pub(crate) fn answer(probe: &[u8]) -> Vec<u8> {
        let mut answer = probe[..20].to_vec();
        answer[..2].copy_from_slice(&SUCCESS);
        answer
    }

    #[test]
    fn a_probe_is_as_large_as_it_shall_be_and_signed_for_the_peer() {
        for size in [0, 200, 1400, 1437] {
            let Check { packet, .. } = Check::of_size(&credentials(), size).unwrap();
            assert!((size..size.max(100) + 4).contains(&packet.len()), "{size}: {}", packet.len());
            let mut message = Message { raw: packet, ..Message::default() };
            message.decode().unwrap();
            assert_eq!(message.get(ATTR_USERNAME).unwrap(), b"them:us");
            let provider = default_provider().unwrap();
            MessageIntegrity::check(&mut message, b"their-password", provider.crypto()).unwrap();
        }
    }

    #[test]
    fn only_a_success_answers_a_probe() {
        let probe = Check::of_size(&credentials(), 0).unwrap();
        assert_eq!(answered_probe(&answer(&probe.packet)), Some(probe.id));
        assert_eq!(answered_probe(&probe.packet), None);
        assert_eq!(answered_probe(&answer(&probe.packet)[..19]), None);
        assert_eq!(answered_probe(&[]), None);
    }

    #[test]
    fn without_credentials_there_are_no_probes() {
        assert!(IceCredentials::of("v=0\r\n", THEIRS).is_none());
        assert!(IceCredentials::of(OURS, "a=ice-ufrag:x\r\n").is_none());
    }
}
