//! What an address may be, and how much of it may be told.

use std::ffi::CString;

use crate::CaptureError;
use crate::ffmpeg::CONTAINERS;

/// An address of a kind that can be opened.
pub(super) struct Address {
    url: CString,
    origin: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rtsp,
    Rtmp,
    Http,
    Transport,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, CaptureError> {
        let invalid = |reason| CaptureError::InvalidUrl { reason };
        if url.len() > MAX_LENGTH {
            return Err(invalid("it is too long"));
        }
        if url.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return Err(invalid("there are spaces or control characters in it"));
        }
        let (scheme, rest) = url.split_once("://").ok_or(invalid("it has no scheme"))?;
        let scheme = scheme.to_ascii_lowercase();
        let kind = Kind::of(&scheme).ok_or_else(unsupported)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        check_host(host).map_err(invalid)?;
        Ok(Self {
            url: CString::new(format!("{scheme}://{rest}"))
                .map_err(|_| invalid("it has a zero"))?,
            origin: format!("{scheme}://{}", shown(kind, host, path)),
            kind,
        })
    }

    pub(super) fn url(&self) -> &CString {
        &self.url
    }

    /// The address without what may be a secret.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }
}

impl Kind {
    fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "rtsp" | "rtsps" => Some(Self::Rtsp),
            "rtmp" | "rtmps" => Some(Self::Rtmp),
            "http" | "https" => Some(Self::Http),
            "udp" | "tcp" | "srt" => Some(Self::Transport),
            _ => None,
        }
    }

    /// FFmpeg's names of what the server may make it use, so that it can name no local file.
    pub(super) fn protocols(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
            Self::Rtmp => "rtmp,rtmps,tcp,tls",
            Self::Http => "http,https,httpproxy,tcp,tls,crypto,data",
            Self::Transport => "udp,tcp,srt",
        }
    }

    /// FFmpeg's names of what may come.
    pub(super) fn formats(self) -> String {
        match self {
            Self::Rtsp => "rtsp".to_owned(),
            Self::Rtmp => "flv,live_flv".to_owned(),
            Self::Http => format!("mpjpeg,hls,{CONTAINERS}"),
            Self::Transport => "mpegts".to_owned(),
        }
    }
}

/// The scheme is not repeated: if the address was cut at the wrong place, it may be anything.
fn unsupported() -> CaptureError {
    CaptureError::Unsupported {
        wanted: "the scheme of the address".to_owned(),
        offered: "rtsp, rtsps, rtmp, rtmps, http, https, udp, tcp, srt".to_owned(),
    }
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let after_host = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("its host has no end")?.1,
        None => &host[host.find(':').unwrap_or(host.len())..],
    };
    if after_host.len() == host.len() {
        return Err("it has no host");
    }
    match after_host.strip_prefix(':') {
        None if after_host.is_empty() => Ok(()),
        Some(port) if port.parse::<u16>().is_ok_and(|port| port > 0) => Ok(()),
        _ => Err("its port is no number from 1 to 65535; special characters in a password have \
                  to be written as % and two digits"),
    }
}

/// Host and path, unless the path is a stream key or looks like some cameras' paths, which have
/// credentials in them. What comes after the path often has tokens in it. If there is still an `@`
/// behind the host, that may be a part of a password.
fn shown(kind: Kind, host: &str, path: &str) -> String {
    if path.contains('@') {
        return "...".to_owned();
    }
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    let is_doubtful = kind == Kind::Rtmp || path.contains(['=', ':', ';', '&']);
    format!("{host}{}", if is_doubtful { "/..." } else { path })
}

const MAX_LENGTH: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> String {
        Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}")).origin
    }

    #[test]
    fn what_is_told_of_an_address_has_no_secrets_in_it() {
        for (url, expected) in [
            ("rtsp://cam:8554/live/1", "rtsp://cam:8554/live/1"),
            ("RTSP://u:p%20x@[::1]:554/live", "rtsp://[::1]:554/live"),
            ("rtsp://u:p@ss#1@cam", "rtsp://..."),
            ("rtsps://u:p@ss@cam/live?token=1", "rtsps://cam/live"),
            ("rtsp://cam/user=admin_password=1_channel=1.sdp", "rtsp://cam/..."),
            ("rtsp://admin:12/3@cam/live", "rtsp://..."),
            ("rtmp://live.example/app/key", "rtmp://live.example/..."),
            ("https://cam/video#p", "https://cam/video"),
            ("http://cam?user=a&password=b", "http://cam"),
            ("udp://@239.1.1.1:1234", "udp://239.1.1.1:1234"),
        ] {
            assert_eq!(origin(url), expected);
        }
    }

    #[test]
    fn what_cannot_be_opened_is_a_typed_error_that_repeats_nothing() {
        for url in [
            "",
            "secret",
            "rtsp:secret",
            "rtsp://",
            "rtsp:///secret",
            "rtsp://me@/secret",
            "rtsp://:554/secret",
            "rtsp://cam:secret/x",
            "rtsp://cam:0/secret",
            "rtsp://cam:65536/secret",
            "rtsp://[::1/secret",
            "rtsp://[]:x/secret",
            "rtsp://cam/sec ret",
            "rtsp://cam/\0secret",
            &format!("rtsp://cam/{}", "secret".repeat(1000)),
        ] {
            let error = Address::parse(url).map(|_| ()).unwrap_err();
            assert!(matches!(error, CaptureError::InvalidUrl { .. }), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{url}: {error}");
        }
        for url in ["file:///etc/passwd", "concat://x", "ftp://x/y", "pipe://0", "tls://x:1"] {
            let error = Address::parse(url).map(|_| ()).unwrap_err();
            assert!(matches!(error, CaptureError::Unsupported { .. }), "{url}: {error}");
        }
    }
}
