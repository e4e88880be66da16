//! Secrets are taken out by value, whoever repeats them and however they are spelt.

use std::fmt;

use crate::init::InitRequest;
use crate::text::{self, MAX_TEXT_CHARS};
use crate::{ApiKey, REDACTED};

/// Knows what a client keeps to itself, and takes it out of the texts of others.
///
/// Give it everything that leaves this side in confidence: the API key, URLs with credentials in them,
/// the passwords of TURN servers. Then pass through [`Redactor::text`] whatever a peer says and people
/// are to read. Each secret is found as it is written, percent-encoded as a whole or in part, escaped as
/// in JSON, and as the base64 that an `Authorization` header has. Cloning is cheap enough for one clone
/// a session.
///
/// ```
/// use streamsdk_protocol::Redactor;
///
/// let redactor = Redactor::default().url("rtsp://me:p%40ss@camera/1");
/// assert_eq!(redactor.redact("cannot log in as me with p@ss"), "cannot log in as me with [redacted]");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Redactor {
    /// The longest first, so that what contains another goes as a whole.
    secrets: Vec<Secret>,
}

#[derive(Clone, PartialEq, Eq)]
struct Secret {
    value: Vec<u8>,
    /// What the place ends with: the `@` behind credentials stays.
    tail: &'static str,
}

impl Redactor {
    /// Adds an API key.
    #[must_use]
    pub fn api_key(mut self, key: &ApiKey) -> Self {
        // A key is never left alone, however short.
        self.add(key.expose(), 1);
        self.add_base64(key.expose());
        self.add_base64(&format!("{}:", key.expose()));
        self
    }

    /// Adds a password. Less than four characters are left alone: they stand everywhere.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.add(password, MIN_SECRET_CHARACTERS);
        self
    }

    /// Adds what is secret in a URL, or in a text that should be one: its password, its user together with
    /// it, and the values of its query that look like secrets.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        if let Some((credentials, _)) = rest.rsplit_once('@') {
            self.add_credentials(credentials);
        }
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let least = if names_a_secret(name) { MIN_SECRET_CHARACTERS } else { MIN_TOKEN_CHARS };
            self.add(value, least);
        }
        self
    }

    /// Adds what is secret in a request: the key, the cameras' URLs, the passwords of TURN servers.
    #[must_use]
    pub fn request(mut self, request: &InitRequest) -> Self {
        if let Some(key) = &request.api_key {
            self = self.api_key(key);
        }
        for url in [&request.rtsp_url, &request.mjpeg_url].into_iter().flatten() {
            self = self.url(url);
        }
        let servers = request.webrtc_config.iter().flat_map(|config| &config.ice_servers);
        for password in servers.filter_map(|server| server.credential()) {
            self = self.password(password);
        }
        self
    }

    /// `text` with [`REDACTED`] in the place of every secret.
    pub fn redact(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some((length, tail)) = self.secret_at(rest) {
                shown.push_str(REDACTED);
                shown.push_str(tail);
                rest = &rest[length..];
            } else {
                shown.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
        shown
    }

    /// A peer's text as people may read it: without secrets, on one line, without characters that act on a
    /// terminal, and of at most [`MAX_TEXT_CHARS`] characters.
    pub fn text(&self, text: &str) -> String {
        text::shorten(&self.redact(&text::clean(text)), MAX_TEXT_CHARS)
    }

    /// The longest secret that `text` begins with: its length there, and what is to follow.
    fn secret_at(&self, text: &str) -> Option<(usize, &'static str)> {
        self.secrets.iter().find_map(|secret| {
            let text_bytes = text.as_bytes();
            spellings(text_bytes, *secret.value.first()?).next()?;
            let length = spelt_length(text_bytes, &secret.value)?;
            text.is_char_boundary(length).then_some((length, secret.tail))
        })
    }

    fn add_credentials(&mut self, credentials: &str) {
        match credentials.split_once(':') {
            Some((user, password)) => {
                self.add(password, MIN_SECRET_CHARACTERS);
                self.add_with_tail(&format!("{credentials}@"), "@");
                self.add(credentials, 2 * MIN_SECRET_CHARACTERS);
                let (user, password) = (percent_decoded(user), percent_decoded(password));
                self.add_base64_of(&[&user[..], b":", &password].concat());
            }
            None if !credentials.contains('/') => self.add(credentials, 2 * MIN_SECRET_CHARACTERS),
            None => {}
        }
    }

    fn add_with_tail(&mut self, value: &str, tail: &'static str) {
        self.insert(value.as_bytes().to_vec(), tail);
        self.insert(percent_decoded(value), tail);
    }

    fn add(&mut self, value: &str, least: usize) {
        if value.len() >= least {
            self.add_with_tail(value, "");
        }
    }

    fn add_base64(&mut self, value: &str) {
        self.add_base64_of(value.as_bytes());
    }

    fn add_base64_of(&mut self, value: &[u8]) {
        for alphabet in [base64_simd::STANDARD_NO_PAD, base64_simd::URL_SAFE_NO_PAD] {
            let encoded = alphabet.encode_to_string(value);
            self.add(&encoded, 2 * MIN_SECRET_CHARACTERS);
        }
    }

    fn insert(&mut self, value: Vec<u8>, tail: &'static str) {
        let secret = Secret { value, tail };
        if secret.value.is_empty() || self.secrets.contains(&secret) {
            return;
        }
        let place = self.secrets.partition_point(|other| other.value.len() >= secret.value.len());
        self.secrets.insert(place, secret);
    }
}

/// Says how many secrets there are, and none of them.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} values)", self.secrets.len())
    }
}

/// Length of the beginning of `text` that spells `secret`; `None` if it begins otherwise.
fn spelt_length(text: &[u8], secret: &[u8]) -> Option<usize> {
    // Where a spelling of what came so far may end: `%25` is one character, or the first of three.
    let mut ends = vec![0];
    for byte in secret {
        ends = ends
            .iter()
            .flat_map(|end| spellings(&text[*end..], *byte).map(move |n| end + n))
            .collect();
        ends.dedup();
        if ends.is_empty() {
            return None;
        }
    }
    ends.into_iter().max()
}

/// How many characters at the beginning of `text` stand for `byte`, if any do, in every way to read them.
fn spellings(text: &[u8], byte: u8) -> impl Iterator<Item = usize> {
    let escaped = match text {
        [b'%', high, low, ..] if hex(*high, *low) == Some(byte) => Some(3),
        [b'\\', b'u', b'0', b'0', high, low, ..] if hex(*high, *low) == Some(byte) => Some(6),
        [b'\\', second, ..] if *second == byte => Some(2),
        [b'+', ..] if byte == b' ' => Some(1),
        _ => None,
    };
    let plain = text.first().is_some_and(|first| *first == byte).then_some(1);
    plain.into_iter().chain(escaped)
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let [first, others @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hex(*high, *low),
            _ => None,
        };
        decoded.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[3..] } else { others };
    }
    decoded
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["key", "token", "pass", "pwd", "secret", "auth", "sig", "cred"]
        .iter()
        .any(|part| name.contains(part))
}

/// Shorter ones are left alone: their letters stand everywhere.
const MIN_SECRET_CHARACTERS: usize = 4;
/// What is as long as that in a URL's query is no plain setting.
const MIN_TOKEN_CHARS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_however_it_is_spelt() {
        for url in [
            "rtsp://admin:p%40ss%2Fw@cam/1",
            "RTSP://admin:p@ss/w@cam/1",
            " rtsp://admin:p@ss/w@cam",
        ] {
            let redactor = Redactor::default().url(url);
            for spelt in [
                "p@ss/w",
                "p%40ss%2Fw",
                "p%40ss%2fw",
                "p%40ss/w",
                "%70%40%73%73%2f%77",
                r"p@ss\/w",
                r"p\u0040ss/w",
                "YWRtaW46cEBzcy93",
            ] {
                assert_eq!(redactor.redact(&format!("<{spelt}>")), "<[redacted]>", "{url}");
            }
            let shown = redactor.redact("cannot open RTSP://admin:p@ss/w@cam/1 as admin");
            assert_eq!(shown, "cannot open RTSP://[redacted]@cam/1 as admin");
            assert!(!format!("{redactor:?}").contains("ss"));
        }
    }

    #[test]
    fn a_short_password_goes_where_it_stands_in_a_url() {
        let redactor = Redactor::default().url("rtsp://u:pw@cam/1");
        assert_eq!(redactor.redact("open rtsp://u:pw@cam/1"), "open rtsp://[redacted]@cam/1");
        assert_eq!(redactor.redact("no power"), "no power");
    }

    #[test]
    fn tokens_of_a_query_go_and_settings_stay() {
        let redactor =
            Redactor::default().url("http://cam/1?stream=main&api_key=abcd&t=0123456789abcdef#x");
        let shown = redactor.redact("the main stream, abcd, 0123456789abcdef, remaining");
        assert_eq!(shown, "the main stream, [redacted], [redacted], remaining");
    }

    #[test]
    fn a_key_goes_from_a_header_that_is_echoed() {
        let redactor = Redactor::default().api_key(&ApiKey::new("k3y"));
        assert_eq!(
            redactor.redact("Authorization: Bearer k3y"),
            "Authorization: Bearer [redacted]"
        );
        assert_eq!(Redactor::default().api_key(&ApiKey::new("")).redact("text"), "text");
    }

    #[test]
    fn a_secret_that_is_hidden_or_cut_at_the_limit_does_not_show_in_part() {
        let redactor = Redactor::default().password("s3cretword");
        assert_eq!(redactor.text("s3cr\u{200b}et\u{1b}word\n"), "[redacted] ");
        for before in MAX_TEXT_CHARS - 12..MAX_TEXT_CHARS + 2 {
            let shown =
                redactor.text(&format!("{}s3cretword{}", "ä".repeat(before), "x".repeat(99)));
            assert!(!shown.contains("s3c"), "{before}");
            assert!(
                shown.chars().count() < MAX_TEXT_CHARS + 40 && shown.ends_with("more)"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_password_of_what_escapes_begin_with_is_found() {
        let redactor = Redactor::default().password(r"a%%\\b");
        for spelt in [r"a%%\\b", r"a%25%\\b", r"a%%25\\\\b", r"a%25%25%5c%5cb"] {
            assert_eq!(redactor.redact(spelt), REDACTED, "{spelt}");
        }
    }

    #[test]
    fn no_character_is_cut_by_a_secret_that_is_no_text() {
        let redactor = Redactor::default().password("%C3%C3%C3%C3");
        assert_eq!(redactor.redact("ÃÃÃÃ %c3%C3%c3%c3"), "ÃÃÃÃ [redacted]");
    }
}
