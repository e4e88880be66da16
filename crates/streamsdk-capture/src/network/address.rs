//! What an address may be, and how much of it may be told.

use std::ffi::CString;
use std::net::SocketAddr;

use super::allowed_addresses::AllowedAddresses;
use crate::CaptureError;
use crate::ffmpeg::CONTAINERS;

/// An address of a kind that can be opened.
pub(super) struct Address {
    url: CString,
    origin: String,
    kind: AddressKind,
    /// Scheme, host with its port, and what follows.
    parts: (String, String, String),
    /// As it stands in the URL.
    userinfo: Option<String>,
    /// Whether what follows the host may be a part of a password.
    may_be_cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressKind {
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
        let kind = AddressKind::of(&scheme).ok_or_else(unsupported)?;
        let Split { userinfo, host, path, is_raw } = split(rest).map_err(invalid)?;
        let userinfo = userinfo.map(|it| if is_raw { encoded(it) } else { it.to_owned() });
        let url = match &userinfo {
            Some(userinfo) => format!("{scheme}://{userinfo}@{host}{path}"),
            None => format!("{scheme}://{rest}"),
        };
        Ok(Self {
            url: CString::new(url).map_err(|_| invalid(ZERO))?,
            origin: format!("{scheme}://{}", shown(kind, host, path)),
            kind,
            parts: (scheme, host.to_owned(), path.to_owned()),
            userinfo,
            may_be_cut: path.contains('@'),
        })
    }

    pub(super) fn url(&self) -> &CString {
        &self.url
    }

    /// The address without what may be a secret.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn kind(&self) -> AddressKind {
        self.kind
    }

    /// Whether it may have been meant otherwise, because there is an `@` behind the host.
    pub(super) fn may_be_cut(&self) -> bool {
        self.may_be_cut
    }

    /// The address without the user's name and password.
    pub(super) fn without_user(&self) -> String {
        let (scheme, host, path) = &self.parts;
        format!("{scheme}://{host}{path}")
    }

    /// The user's name and password, as they are meant.
    pub(super) fn user(&self) -> Option<(String, String)> {
        let (name, password) = self.userinfo.as_ref()?.split_once(':')?;
        Some((percent_decoded(name), percent_decoded(password)))
    }

    /// Whether it is RTSP in the open.
    pub(super) fn is_plain_rtsp(&self) -> bool {
        self.parts.0 == "rtsp"
    }

    /// The host, its port, and a request for the stream without credentials, if that is a matter of text.
    pub(super) fn plain_request(&self) -> Option<(&str, u16, String)> {
        let (scheme, host, path) = &self.parts;
        let request = match scheme.as_str() {
            "rtsp" => format!("DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\n\r\n", self.without_user()),
            "http" => format!(
                "GET /{} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
                path.trim_start_matches('/')
            ),
            _ => return None,
        };
        let (name, port) = self.host_and_port()?;
        Some((name, port, request))
    }

    /// The same stream at each address of its host, which is looked up now and by nobody later.
    pub(super) fn pinned(&self, allowed: &AllowedAddresses) -> Result<Vec<Self>, CaptureError> {
        let (name, port) = self.host_and_port().ok_or_else(unsupported)?;
        let found = allowed.resolve(name, port).map_err(|unreached| unreached.at(&self.origin))?;
        found.into_iter().map(|address| self.at(address)).collect()
    }

    fn at(&self, address: SocketAddr) -> Result<Self, CaptureError> {
        let (scheme, _, path) = &self.parts;
        let host = address.to_string();
        let userinfo = self.userinfo.clone();
        let user = userinfo.as_ref().map_or_else(String::new, |it| format!("{it}@"));
        let url = CString::new(format!("{scheme}://{user}{host}{path}"));
        let url = url.map_err(|_| CaptureError::InvalidUrl { reason: ZERO })?;
        let parts = (scheme.clone(), host, path.clone());
        Ok(Self { url, origin: self.origin.clone(), parts, userinfo, ..*self })
    }

    /// The port is that of the scheme unless another one is given; some schemes have none.
    pub(super) fn host_and_port(&self) -> Option<(&str, u16)> {
        let (scheme, host, _) = &self.parts;
        match host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((name, port)) => Some((name, port.parse().ok()?)),
            None => Some((host, default_port(scheme)?)),
        }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "rtsp" => Some(554),
        "rtsps" => Some(322),
        "rtmp" => Some(1935),
        "http" => Some(80),
        "rtmps" | "https" => Some(443),
        _ => None,
    }
}

/// What stands behind `://`.
struct Split<'a> {
    userinfo: Option<&'a str>,
    host: &'a str,
    path: &'a str,
    /// Whether the user's name or password has characters that have to be written otherwise.
    is_raw: bool,
}

/// As it is written, or, if that cannot be, in the only way in which it can be meant.
fn split(rest: &str) -> Result<Split<'_>, &'static str> {
    let (authority, path) = split_path(rest);
    let (userinfo, host) = match authority.rsplit_once('@') {
        Some((userinfo, host)) => (Some(userinfo), host),
        None => (None, authority),
    };
    match check_host(host) {
        Ok(()) => Ok(Split { userinfo, host, path, is_raw: false }),
        Err(reason) => raw_password(rest).ok_or(reason),
    }
}

fn split_path(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
}

/// A password with `/`, `?` or `#` in it: there is one `@` behind which a host can stand.
fn raw_password(rest: &str) -> Option<Split<'_>> {
    let mut splits = rest.match_indices('@').filter_map(|(at, _)| {
        let (host, path) = split_path(&rest[at + 1..]);
        let split = Split { userinfo: Some(&rest[..at]), host, path, is_raw: true };
        check_host(host).is_ok().then_some(split)
    });
    let only = splits.next()?;
    let has_password = only.userinfo.is_some_and(|userinfo| userinfo.contains(':'));
    (has_password && splits.next().is_none()).then_some(only)
}

/// A user's name and password as they are written in an address. What is written so already stays.
fn encoded(userinfo: &str) -> String {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    format!("{}:{}", percent_encoded(user), percent_encoded(password))
}

fn percent_encoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let is_written = |index: usize| {
        let digits = bytes.get(index + 1..index + 3);
        bytes[index] == b'%' && digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    let written = |(index, byte): (usize, &u8)| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() || is_written(index) => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    bytes.iter().enumerate().map(written).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|two| two.iter().all(u8::is_ascii_hexdigit));
        let written = digits.filter(|_| byte == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match written.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(meant) => {
                decoded.push(meant);
                rest = &after[2..];
            }
            None => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

impl AddressKind {
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
            Self::Http => format!("hls,{}", self.formats_without_playlists()),
            Self::Transport => "mpegts".to_owned(),
        }
    }

    /// The same, but for those that make FFmpeg read more.
    pub(super) fn formats_without_playlists(self) -> String {
        match self {
            Self::Http => format!("mpjpeg,{CONTAINERS}"),
            _ => self.formats(),
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
        _ => Err(BAD_PORT),
    }
}

/// Host and path, unless the path is a stream key or looks like some cameras' paths, which have
/// credentials in them. What comes after the path often has tokens in it. If there is still an `@`
/// behind the host, that may be a part of a password.
fn shown(kind: AddressKind, host: &str, path: &str) -> String {
    if path.contains('@') {
        return "...".to_owned();
    }
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    let is_doubtful = kind == AddressKind::Rtmp || path.contains(['=', ':', ';', '&']);
    format!("{host}{}", if is_doubtful { "/..." } else { path })
}

const MAX_LENGTH: usize = 4096;

const ZERO: &str = "it has a zero";

const BAD_PORT: &str = "its port is no number from 1 to 65535, or special characters of its password have \
                        to be written otherwise: / as %2F, # as %23, ? as %3F, @ as %40, % as %25";

/// What to do about an address that may have been cut at the wrong place.
pub(super) const ENCODING: &str = "special characters of a password have to be written otherwise: / as %2F, \
                                   # as %23, ? as %3F, @ as %40, % as %25";

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
    fn a_password_that_is_written_raw_is_understood_where_it_can_mean_nothing_else() {
        let url = |url: &str| Address::parse(url).unwrap().url.into_string().unwrap();
        for (raw, written) in [
            ("rtsp://cam:pa/ss@host:554/live", "rtsp://cam:pa%2Fss@host:554/live"),
            ("rtsp://cam:a?b#50%@host/live?x=1", "rtsp://cam:a%3Fb%2350%25@host/live?x=1"),
            ("rtsp://cam:p@s:s/%2F@[::1]/live", "rtsp://cam:p%40s%3As%2F%2F@[::1]/live"),
            // As it always was.
            ("rtsp://cam:p%40s@host/live", "rtsp://cam:p%40s@host/live"),
            ("rtsp://cam:p@s@host/live", "rtsp://cam:p@s@host/live"),
        ] {
            assert_eq!(url(raw), written);
        }
        // Which of the two is the host?
        assert!(Address::parse("rtsp://cam:pa/ss@host/user@example").is_err());
        for (doubtful, is_cut) in [
            ("rtsp://cam:p@ss/1#2%@host/live", true),
            ("rtsp://cam:12/3@host/live", true),
            ("rtsp://cam:12@host/live", false),
        ] {
            assert_eq!(Address::parse(doubtful).unwrap().may_be_cut, is_cut, "{doubtful}");
        }
    }

    #[test]
    fn a_user_is_who_is_meant() {
        let user = |url: &str| Address::parse(url).unwrap().user();
        let meant = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(user("rtsp://a%40b:p%2Fs@cam/live"), meant("a@b", "p/s"));
        assert_eq!(user("rtsp://cam:50%:x%zz@host/live"), meant("cam", "50%:x%zz"));
        assert_eq!(user("rtsp://cam:%+5%@host/live"), meant("cam", "%+5%"));
        assert_eq!(user("rtsp://cam:@host/live"), meant("cam", ""));
        assert_eq!([user("rtsp://cam@host/live"), user("rtsp://host/live")], [None, None]);
        let address = Address::parse("rtsp://cam:secret@host:8554/live?x=1").unwrap();
        assert_eq!(address.without_user(), "rtsp://host:8554/live?x=1");
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
