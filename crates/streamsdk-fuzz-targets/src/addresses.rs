//! URLs that somebody else names, and where they send on to: no private address is let through, and no password
//! shows in a refusal.

use streamsdk_download::fuzzing;
use streamsdk_protocol::{address, redact_url};
use url::{Host, Url};

const PASSWORD: &str = "K7Q2X9ZW";

/// A URL and what it redirects to, divided by a line break.
pub(crate) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (from, to) = text.split_once('\n').unwrap_or((text, text));
    let _ = redact_url(from);
    let Ok(from) = Url::parse(from) else { return };
    match fuzzing::check(&from) {
        Ok(()) => assert_public(&from),
        Err(refusal) => drop(refusal),
    }
    // Nothing else is asked for, so nothing else sends on.
    let is_http = matches!(from.scheme(), "http" | "https");
    if let Some(Ok(to)) = is_http.then(|| fuzzing::check_redirect(&from, to)) {
        assert!(matches!(to.scheme(), "http" | "https"), "{to}");
        assert_public(&to);
    }
    let mut secret = from;
    // What stands elsewhere in a URL is no password.
    if !secret.as_str().contains(PASSWORD) && secret.set_password(Some(PASSWORD)).is_ok() {
        let shown = redact_url(secret.as_str());
        assert!(!shown.contains(PASSWORD), "{shown}");
        let refused = fuzzing::check(&secret).err();
        assert!(!refused.is_some_and(|refusal| refusal.contains(PASSWORD)));
    }
}

fn assert_public(url: &Url) {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) | None => return,
    };
    assert!(address::is_public(address), "{url}");
}
