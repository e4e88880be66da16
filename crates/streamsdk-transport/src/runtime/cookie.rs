//! A handshake of DTLS without the round trip for its cookie.
//!
//! A server of DTLS asks a client to show that it is where it says it is, by sending a cookie back (RFC 6347, 4.2.1). ICE has
//! shown that before, but the engine asks all the same, and what it asks for is signed by both sides in the end. So the
//! side that made the offer, which is the server, says in it that the cookie will be one that both know: a hash of its
//! password for ICE ([`super::crypto`]). The other side's engine is asked for it on the spot, and the hello that leaves has
//! it. The server's engine is first given that hello without the cookie, and what it asks for then it has already.
//!
//! What comes by way of a TURN server is wrapped up, and not seen here: nothing is offered where that may be.
//! A peer that knows nothing of this neither offers a cookie nor shows one, and is asked as ever.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rtc::crypto::{HashAlgorithm, default_provider};
use tracing::debug;

use super::handed_over::{HandedOver, Way};
use super::probe::attribute;

/// A mark in a description; it is short, as an offer that fits one packet gets through where larger ones vanish.
const ATTRIBUTE: &str = "a=x-dtls-cookie";
/// What the engine's server asks for, and nothing else that it draws is as long.
pub(super) const COOKIE_SIZE: usize = 20;
const RANDOM_SIZE: usize = 32;
const DTLS_1_2: [u8; 2] = [0xfe, 0xfd];
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const HELLO_VERIFY_REQUEST: u8 = 3;
const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;

/// What a server asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cookie(pub(super) [u8; COOKIE_SIZE]);

impl Cookie {
    /// That of the side that wrote `description`; `None` if it has no password.
    pub(crate) fn of(description: &str) -> Option<Self> {
        let password = attribute(description, "ice-pwd")?;
        let provider = default_provider().ok()?;
        let hash = provider.crypto().hash(HashAlgorithm::Sha256, password.as_bytes()).ok()?;
        hash.first_chunk().copied().map(Self)
    }

    /// That of `offer`; `None` if it does not offer one.
    pub(crate) fn offered(offer: &str) -> Option<Self> {
        let has_mark = offer.lines().any(|line| line == ATTRIBUTE);
        has_mark.then(|| Self::of(offer)).flatten()
    }
}

/// `offer` with the mark that its cookie is known.
pub(crate) fn offering_cookie(offer: &str) -> String {
    let head_len = offer.find("\nm=").map_or(offer.len(), |newline| newline + 1);
    let (head, media) = offer.split_at(head_len);
    format!("{head}{ATTRIBUTE}\r\n{media}")
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookie")
    }
}

/// The cookie of a connection, on either side.
#[derive(Debug, Default)]
pub(crate) struct Cookies {
    /// What the peer will ask for, where it is the server.
    known: OnceLock<Cookie>,
    exchange: Mutex<Exchange>,
}

/// What the engine has been asked, or has asked.
#[derive(Debug, Default, PartialEq, Eq)]
enum Exchange {
    #[default]
    NotBegun,
    /// The server's engine has the hello without its cookie, and this one is for it.
    Asked(Vec<u8>),
    Over,
}

impl Cookies {
    /// The peer offers `cookie`.
    pub(crate) fn know(&self, cookie: Cookie) {
        // Descriptions are applied once.
        let _ = self.known.set(cookie);
    }

    /// Looks at what leaves; whether it does not have to.
    pub(super) fn on_send(&self, way: Way, packet: &[u8], engine: &HandedOver) -> bool {
        let mut exchange = self.exchange();
        match (&*exchange, Hello::of(packet), self.known.get()) {
            (Exchange::NotBegun, Some(hello), Some(cookie)) if hello.cookie.is_empty() => {
                engine.push(way, verify_request(*cookie));
                *exchange = Exchange::Over;
                true
            }
            (Exchange::Asked(hello), None, _) if is_verify_request(packet) => {
                let is_known = packet.ends_with(Hello::of(hello).map_or(&[], |hello| hello.cookie));
                if is_known {
                    engine.push(way, hello.clone());
                } else {
                    debug!(
                        "the peer has shown another cookie than is asked for: somebody has changed the offer"
                    );
                }
                *exchange = Exchange::Over;
                is_known
            }
            (Exchange::NotBegun, None, _) if is_verify_request(packet) => {
                // The peer has shown none, and will show this one.
                *exchange = Exchange::Over;
                false
            }
            _ => false,
        }
    }

    /// Looks at what arrives; whether the engine is not to see it yet.
    pub(super) fn on_receive(&self, way: Way, packet: &[u8], engine: &HandedOver) -> bool {
        let Some(hello) = Hello::of(packet).filter(|hello| !hello.cookie.is_empty()) else {
            return false;
        };
        let mut exchange = self.exchange();
        if *exchange == Exchange::Over || self.known.get().is_some() {
            return false;
        }
        engine.push(way, hello.without_cookie());
        *exchange = Exchange::Asked(packet.to_vec());
        true
    }

    fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's hello that is alone in a packet.
struct Hello<'a> {
    /// The version and the random, and the session.
    before: &'a [u8],
    cookie: &'a [u8],
    /// The cipher suites, and all else.
    after: &'a [u8],
}

impl<'a> Hello<'a> {
    fn of(packet: &'a [u8]) -> Option<Self> {
        let body = only_message(packet, CLIENT_HELLO)?;
        let session = usize::from(*body.get(2 + RANDOM_SIZE)?);
        let (before, rest) = body.split_at_checked(2 + RANDOM_SIZE + 1 + session)?;
        let (length, rest) = rest.split_first()?;
        let (cookie, after) = rest.split_at_checked(usize::from(*length))?;
        Some(Self { before, cookie, after })
    }

    /// As the first that a client sends.
    fn without_cookie(&self) -> Vec<u8> {
        message(CLIENT_HELLO, &[self.before, &[0], self.after].concat())
    }
}

fn verify_request(Cookie(cookie): Cookie) -> Vec<u8> {
    message(HELLO_VERIFY_REQUEST, &[&DTLS_1_2[..], &[COOKIE_SIZE as u8], &cookie].concat())
}

fn is_verify_request(packet: &[u8]) -> bool {
    only_message(packet, HELLO_VERIFY_REQUEST).is_some()
}

/// The body of a message in the open that is whole, and alone in its packet.
fn only_message(packet: &[u8], kind: u8) -> Option<&[u8]> {
    let (record, rest) = packet.split_first_chunk::<RECORD_HEADER>()?;
    let (header, body) = rest.split_first_chunk::<MESSAGE_HEADER>()?;
    let length = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let is_open_handshake = record[0] == HANDSHAKE && record[1] == 0xfe && record[3..5] == [0, 0];
    let is_alone = length(&record[11..]) == rest.len();
    let is_whole = header[6..9] == [0; 3] && header[1..4] == header[9..12];
    let is_it = header[0] == kind && length(&header[1..4]) == body.len();
    (is_open_handshake && is_alone && is_whole && is_it).then_some(body)
}

/// The first message that a side sends.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    let record_length = ((MESSAGE_HEADER + body.len()) as u16).to_be_bytes();
    let mut packet = vec![HANDSHAKE, DTLS_1_2[0], DTLS_1_2[1]];
    packet.extend([0; 8]);
    packet.extend(record_length);
    packet.push(kind);
    packet.extend(&length[1..]);
    packet.extend([0; 5]);
    packet.extend(&length[1..]);
    packet.extend(body);
    packet
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::runtime::handed_over::tests;

    const OFFER: &str = "v=0\r\ns=-\r\nm=application 9 X\r\na=ice-pwd:secret\r\n";

    fn way() -> Way {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        Way { local: address, peer: address }
    }

    fn hello(cookie: &[u8]) -> Vec<u8> {
        let head = [&DTLS_1_2[..], &[7; RANDOM_SIZE], &[0, cookie.len() as u8]].concat();
        message(CLIENT_HELLO, &[&head, cookie, &[0, 2, 0xc0, 0x2b, 1, 0]].concat())
    }

    fn handed_over(engine: &HandedOver) -> Option<Vec<u8>> {
        tests::handed_over(engine, way().local)
    }

    #[test]
    fn both_sides_know_the_cookie_of_an_offer() {
        let offer = offering_cookie(OFFER);
        assert_eq!(Cookie::offered(&offer), Cookie::of(OFFER));
        assert!(offer.starts_with("v=0\r\ns=-\r\na=x-dtls-cookie\r\nm="), "{offer}");
        assert_ne!(Cookie::of(OFFER), Cookie::of(&OFFER.replace("secret", "another")));
        assert_eq!(Cookie::offered(OFFER), None);
        assert_eq!(Cookie::offered(&offer.replace("ice-pwd", "ice-pw")), None);
    }

    #[test]
    fn a_client_that_knows_the_cookie_is_asked_for_it_at_once() {
        let (cookies, engine, cookie) =
            (Cookies::default(), HandedOver::default(), Cookie([5; 20]));
        cookies.know(cookie);
        assert!(cookies.on_send(way(), &hello(&[]), &engine));
        assert_eq!(handed_over(&engine), Some(verify_request(cookie)));
        assert!(!cookies.on_send(way(), &hello(&cookie.0), &engine));
        // Whatever the engine wanted to say with it: it is on its own from here.
        assert!(!cookies.on_send(way(), &hello(&[]), &engine));
        assert!(!cookies.on_receive(way(), &verify_request(Cookie([6; 20])), &engine));
        assert_eq!(handed_over(&engine), None);
    }

    #[test]
    fn a_server_is_shown_the_cookie_when_it_has_asked_for_it() {
        let (cookies, engine) = (Cookies::default(), HandedOver::default());
        let shown = hello(&[5; 20]);
        for _ in 0..2 {
            assert!(cookies.on_receive(way(), &shown, &engine));
            assert_eq!(handed_over(&engine), Some(hello(&[])));
        }
        assert!(!cookies.on_receive(way(), &hello(&[]), &engine));
        assert!(cookies.on_send(way(), &verify_request(Cookie([5; 20])), &engine));
        assert_eq!(handed_over(&engine), Some(shown.clone()));
        assert!(!cookies.on_receive(way(), &shown, &engine));
    }

    #[test]
    fn a_client_that_shows_none_is_asked_as_ever() {
        let (cookies, engine) = (Cookies::default(), HandedOver::default());
        assert!(!cookies.on_receive(way(), &hello(&[]), &engine));
        assert!(!cookies.on_send(way(), &verify_request(Cookie([5; 20])), &engine));
        assert!(!cookies.on_receive(way(), &hello(&[5; 20]), &engine));
        assert_eq!(handed_over(&engine), None);
    }

    #[test]
    fn what_becomes_of_another_cookie_is_left_to_the_engines() {
        let (cookies, engine) = (Cookies::default(), HandedOver::default());
        assert!(cookies.on_receive(way(), &hello(&[5; 20]), &engine));
        handed_over(&engine).unwrap();
        assert!(!cookies.on_send(way(), &verify_request(Cookie([6; 20])), &engine));
        assert_eq!(handed_over(&engine), None);
        assert!(!cookies.on_receive(way(), &hello(&[6; 20]), &engine));
    }

    #[test]
    fn without_a_cookie_everything_passes() {
        let (cookies, engine) = (Cookies::default(), HandedOver::default());
        let whole = hello(&[5; 20]);
        let cut = (0..whole.len()).map(|length| &whole[..length]);
        for packet in cut.chain([&hello(&[])[..], &[&whole[..], &whole].concat()]) {
            assert!(!cookies.on_receive(way(), packet, &engine), "{packet:?}");
            assert!(!cookies.on_send(way(), packet, &engine), "{packet:?}");
        }
        assert!(!cookies.on_send(way(), &verify_request(Cookie([5; 20])), &engine));
        assert_eq!(handed_over(&engine), None);
    }
}
