//! Checks of connectivity that are as large as one likes.
//!
//! They are ICE's own (RFC 8445), so every peer answers them at any time; what fills them up is an
//! attribute that a peer skips when it does not know it. The answer is small. They have no role in
//! them: a role is compared with the peer's, and here nobody wants to change it.

use rtc::crypto::{RTCCryptoProvider, default_provider};
use rtc::stun::attributes::{ATTR_PRIORITY, ATTR_USERNAME, AttrType};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    ATTRIBUTE_HEADER_SIZE, BINDING_REQUEST, Message, Setter, TRANSACTION_ID_SIZE, TransactionId,
};

/// Comprehension-optional, and given to nobody.
const PADDING_ATTRIBUTE: AttrType = AttrType(0xfff0);
/// A candidate that the peer already knows does not get another priority.
const PRIORITY: u32 = 1;
/// Message integrity and fingerprint, which come last.
const INTEGRITY_AND_FINGERPRINT: usize = 2 * ATTRIBUTE_HEADER_SIZE + 20 + 4;
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const TRANSACTION_ID_AT: usize = 8;

pub(crate) type ProbeId = [u8; TRANSACTION_ID_SIZE];

/// What a check of connectivity is signed with.
#[derive(Clone)]
pub(crate) struct IceCredentials {
    username: String,
    password: String,
}

impl IceCredentials {
    /// `None` if a description has none.
    pub(crate) fn of(local: &str, remote: &str) -> Option<Self> {
        let username =
            format!("{}:{}", attribute(remote, "ice-ufrag")?, attribute(local, "ice-ufrag")?);
        Some(Self { username, password: attribute(remote, "ice-pwd")?.to_owned() })
    }
}

fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| {
        line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':').map(str::trim)
    })
}

/// A check of at least `size` bytes.
pub(crate) struct MtuProbe {
    pub(crate) id: ProbeId,
    pub(crate) packet: Vec<u8>,
}

impl MtuProbe {
    /// `None` if it cannot be signed.
    pub(crate) fn new(credentials: &IceCredentials, size: usize) -> Option<Self> {
        let provider = default_provider().ok()?;
        let id = TransactionId::new();
        let mut message = Message::new();
        message.set_type(BINDING_REQUEST);
        message.transaction_id = id;
        message.write_header();
        message.add(ATTR_USERNAME, credentials.username.as_bytes());
        message.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
        let missing = size
            .saturating_sub(message.raw.len() + INTEGRITY_AND_FINGERPRINT + ATTRIBUTE_HEADER_SIZE);
        if missing > 0 {
            message.add(PADDING_ATTRIBUTE, &vec![0; missing]);
        }
        sign(&mut message, credentials, &*provider)?;
        Some(Self { id: id.0, packet: message.raw })
    }
}

fn sign(
    message: &mut Message,
    credentials: &IceCredentials,
    provider: &dyn RTCCryptoProvider,
) -> Option<()> {
    let password = credentials.password.clone();
    MessageIntegrity::new_short_term_integrity_with_provider(password, provider.crypto())
        .add_to(message)
        .ok()?;
    FINGERPRINT.add_to(message).ok()
}

/// Which probe this packet answers, if it answers one.
pub(crate) fn answered_probe(packet: &[u8]) -> Option<ProbeId> {
    let id = packet.get(TRANSACTION_ID_AT..TRANSACTION_ID_AT + TRANSACTION_ID_SIZE)?;
    if packet.starts_with(&BINDING_SUCCESS) { id.try_into().ok() } else { None }
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
        answer[..2].copy_from_slice(&BINDING_SUCCESS);
        answer
    }

    #[test]
    fn a_probe_is_as_large_as_it_shall_be_and_signed_for_the_peer() {
        for size in [0, 200, 1400, 1437] {
            let MtuProbe { packet, .. } = MtuProbe::new(&credentials(), size).unwrap();
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
        let probe = MtuProbe::new(&credentials(), 0).unwrap();
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
