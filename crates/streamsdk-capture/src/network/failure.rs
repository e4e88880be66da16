//! From FFmpeg's errors to what they mean here.

use std::time::Duration;

use ffmpeg_next::Error;
use ffmpeg_next::error::{
    ECONNREFUSED, EHOSTUNREACH, EINVAL, EIO, ENETUNREACH, EPROTONOSUPPORT, ETIMEDOUT,
};

use super::address::{Address, AddressKind};
use super::options::Transport;
use crate::CaptureError;
use crate::read_watchdog::ReadWatchdog;

/// Why a stream could not be opened, unless the wait was ended.
pub(super) fn at_opening(address: &Address, transport: Transport, error: Error) -> CaptureError {
    let origin = address.origin().to_owned();
    let reason = error.to_string();
    match error {
        Error::HttpUnauthorized => CaptureError::Unauthorized { origin },
        Error::HttpNotFound => CaptureError::NotFound { origin },
        Error::HttpBadRequest
        | Error::HttpForbidden
        | Error::HttpOther4xx
        | Error::HttpServerError => CaptureError::Rejected { origin, reason },
        Error::Eof => CaptureError::Disconnected { origin, reason: CLOSED.to_owned() },
        // What is left when the server has answered 461 to every way that was asked for.
        Error::Other { errno: EPROTONOSUPPORT } if address.kind() == AddressKind::Rtsp => {
            CaptureError::Rejected { origin, reason: refused(transport).to_owned() }
        }
        Error::ProtocolNotFound | Error::Other { errno: EPROTONOSUPPORT } => unknown_protocol(),
        // Also what a server gives that closes the connection instead of answering.
        Error::InvalidData if address.kind() == AddressKind::Rtsp => {
            let reason = "it broke off, or its answer is not RTSP".to_owned();
            CaptureError::Disconnected { origin, reason }
        }
        Error::InvalidData | Error::StreamNotFound | Error::Other { errno: EINVAL } => {
            CaptureError::NotVideo { origin, reason: "it is nothing that can be read".to_owned() }
        }
        Error::Other { errno: ECONNREFUSED } => CaptureError::Refused { origin },
        Error::Other { errno: EHOSTUNREACH | ENETUNREACH | ETIMEDOUT } => {
            CaptureError::Unreachable { origin, reason }
        }
        Error::Other { errno: EIO } => {
            let reason = "its name may be unknown, or it broke off its answer".to_owned();
            CaptureError::Unreachable { origin, reason }
        }
        _ => CaptureError::Disconnected { origin, reason },
    }
}

/// The server did not answer in time.
pub(super) fn no_answer(origin: &str, limit: Duration) -> CaptureError {
    let reason = format!("it did not answer within {limit:?}");
    CaptureError::Unreachable { origin: origin.to_owned(), reason }
}

/// What came for one frame has no end.
pub(super) fn endless(origin: &str) -> CaptureError {
    let reason = "a frame is too large, or has no end".to_owned();
    CaptureError::Decode { origin: origin.to_owned(), reason }
}

/// Why an open stream gives no more, unless the wait was ended or it has come to its end.
pub(super) fn at_reading(origin: &str, error: Error) -> CaptureError {
    match error {
        Error::Eof => closed(origin),
        Error::Other { errno: EIO } => broken_off(origin, "the connection broke off"),
        error => broken_off(origin, error.to_string()),
    }
}

/// The wait for an open stream was ended.
pub(super) fn given_up(origin: &str, watchdog: &ReadWatchdog, waited: Duration) -> CaptureError {
    if watchdog.is_stopped() {
        CaptureError::Stopped
    } else if watchdog.is_exceeded() {
        endless(origin)
    } else {
        CaptureError::Silent { origin: origin.to_owned(), waited }
    }
}

/// The server has ended the connection.
pub(super) fn closed(origin: &str) -> CaptureError {
    broken_off(origin, CLOSED)
}

/// The connection has ended otherwise.
pub(super) fn broken_off(origin: &str, reason: impl Into<String>) -> CaptureError {
    CaptureError::Disconnected { origin: origin.to_owned(), reason: reason.into() }
}

fn refused(transport: Transport) -> &'static str {
    match transport {
        Transport::Auto => {
            "it sends its video neither over TCP nor over UDP (461 Unsupported Transport)"
        }
        Transport::Tcp => {
            "it does not send its video over TCP (461 Unsupported Transport); UDP may be allowed"
        }
        Transport::Udp => {
            "it does not send its video over UDP (461 Unsupported Transport); TCP may be allowed"
        }
    }
}

fn unknown_protocol() -> CaptureError {
    CaptureError::Unsupported {
        wanted: "the scheme of the address".to_owned(),
        offered: "only what this FFmpeg was built with".to_owned(),
    }
}

const CLOSED: &str = "it closed the connection";
