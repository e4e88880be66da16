//! Finding out why a server was of no use, where FFmpeg does not tell.

use std::io::{Read, Write};
use std::time::Duration;

use super::address::{Address, AddressKind, ENCODING};
use super::allowed_addresses::AllowedAddresses;
use super::attempt::Attempt;
use crate::CaptureError;
use crate::ffmpeg::ask_content_type;
use crate::read_watchdog::{ReadWatchdog, STOP_POLL_INTERVAL, is_wait};

/// The error with its cause, for which the server may be asked once more.
pub(super) fn explain(error: CaptureError, attempt: Attempt<'_>) -> CaptureError {
    let Attempt { address, options, watchdog, .. } = attempt;
    match error {
        CaptureError::NotVideo { origin, reason } if address.kind() == AddressKind::Http => {
            watchdog.allow(options.connect_timeout.min(MAX_DIAGNOSIS_TIME));
            let asked = watchdog.clone();
            let options = attempt.ffmpeg_options();
            let kind = ask_content_type(address.url(), options, move || asked.is_over());
            CaptureError::NotVideo { origin, reason: kind.map_or(reason, |kind| sends(&kind)) }
        }
        CaptureError::Unauthorized { origin } => {
            watchdog.allow(options.connect_timeout.min(MAX_DIAGNOSIS_TIME));
            let head = challenges(address, options.allowed.as_ref(), watchdog);
            match head.is_some_and(|head| wants_only_sha256(&head)) {
                true => unknown_digest(&origin),
                false => CaptureError::Unauthorized { origin },
            }
        }
        CaptureError::Unreachable { origin, reason } if address.may_be_cut() => {
            let reason = format!("{reason}; {ENCODING}");
            CaptureError::Unreachable { origin, reason }
        }
        error => error,
    }
}

/// What a server calls what it sends, as the reason why that is no video.
pub(super) fn sends(content_type: &str) -> String {
    format!("the server sends {content_type}")
}

fn unknown_digest(origin: &str) -> CaptureError {
    CaptureError::Unsupported {
        wanted: format!("the SHA-256 digest that {origin} asks for"),
        offered: "MD5 digest and basic authentication, of which the camera has to allow one"
            .to_owned(),
    }
}

/// Whether none of the ways to authenticate is one that FFmpeg knows.
fn wants_only_sha256(head: &str) -> bool {
    let ways: Vec<String> = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("www-authenticate"))
        .map(|(_, way)| way.to_ascii_lowercase())
        .collect();
    let is_sha256 = |way: &String| way.contains("digest") && way.contains("sha-256");
    !ways.is_empty() && ways.iter().all(is_sha256)
}

/// The head of the answer to a request without credentials, if that can be had without TLS.
fn challenges(
    address: &Address,
    allowed: Option<&AllowedAddresses>,
    watchdog: &ReadWatchdog,
) -> Option<String> {
    let (host, port, request) = address.plain_request()?;
    let everywhere = AllowedAddresses::new(|_| true);
    let allowed = allowed.unwrap_or(&everywhere);
    let mut server = allowed.connect(host, port, MAX_DIAGNOSIS_TIME).ok()?;
    server.set_read_timeout(Some(STOP_POLL_INTERVAL)).ok()?;
    server.write_all(request.as_bytes()).ok()?;
    let (mut head, mut part) = (Vec::new(), [0; 1024]);
    while !watchdog.is_over() && head.len() < MAX_HEAD_BYTES {
        match server.read(&mut part) {
            Ok(0) => break,
            Ok(count) => head.extend_from_slice(&part[..count]),
            Err(error) if is_wait(&error) => continue,
            Err(_) => break,
        }
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// The question is only about words.
const MAX_DIAGNOSIS_TIME: Duration = Duration::from_secs(3);
const MAX_HEAD_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_also_knows_other_ways_does_not_lack_them() {
        let sha = "WWW-Authenticate: Digest realm=\"cam\", nonce=\"abc\", algorithm=SHA-256\r\n";
        let md5 = "www-authenticate: Digest realm=\"cam\", nonce=\"abc\"\r\n";
        let status = "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n";
        assert!(wants_only_sha256(&format!("{status}{sha}\r\n")));
        for others in [md5, "WWW-Authenticate: Basic realm=\"sha-256\"\r\n"] {
            assert!(!wants_only_sha256(&format!("{status}{sha}{others}\r\n")));
        }
        assert!(!wants_only_sha256(status));
    }
}
