use std::fmt;

use serde::{Deserialize, Serialize};

/// What stands in the place of a secret in every text that this project produces.
pub const REDACTED: &str = "[redacted]";

/// An API key, which shows itself only to who asks with [`ApiKey::expose`].
///
/// `Debug` prints [`REDACTED`]; there is no `Display`. Serialising writes the key, because the
/// init request has to carry it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKey(String);

impl ApiKey {
    /// Wraps a key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key itself. Keep it out of logs and errors.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the key replaced by [`REDACTED`].
    pub fn redact(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, REDACTED) }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl From<&str> for ApiKey {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}

impl From<String> for ApiKey {
    fn from(key: String) -> Self {
        Self(key)
    }
}

/// `url` without its user name, password, query values and fragment, fit for a log or an error.
///
/// Whatever stands before the last `@` goes, because passwords are often written without escaping
/// what has a meaning in a URL; a path with an `@` in it is shortened too. Names of query
/// parameters stay, their values go. Takes any text.
///
/// ```
/// use streamsdk_protocol::redact_url;
///
/// assert_eq!(redact_url("rtsp://me:pw@cam/1?token=x"), "rtsp://[redacted]@cam/1?token=[redacted]");
/// ```
pub fn redact_url(url: &str) -> String {
    let (start, rest) = match url.rsplit_once('@') {
        Some((before, rest)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            let separator = if scheme.is_empty() { "" } else { "://" };
            (format!("{scheme}{separator}{REDACTED}@"), rest)
        }
        None => (String::new(), url),
    };
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, _)) => (rest, format!("#{REDACTED}")),
        None => (rest, String::new()),
    };
    let rest = match rest.split_once('?') {
        Some((path, query)) => format!("{path}?{}", redact_query(query)),
        None => rest.to_owned(),
    };
    format!("{start}{rest}{fragment}")
}

fn redact_query(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) => format!("{name}={REDACTED}"),
        None => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// `Debug` as it is derived, but for the fields that are URLs: they may have a password in them.
macro_rules! debug_without_passwords {
    ($type:ident { $($field:ident),* $(,)? } urls { $($url:ident),* $(,)? }) => {
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                // Names every field, so that none is forgotten.
                let Self { $($field,)* $($url,)* } = self;
                let mut shown = f.debug_struct(stringify!($type));
                $(shown.field(stringify!($field), $field);)*
                $(shown.field(stringify!($url), &$url.as_deref().map($crate::redact_url));)*
                shown.finish()
            }
        }
    };
}

pub(crate) use debug_without_passwords;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows_in_debug() {
        assert_eq!(format!("{:?}", ApiKey::new("s3cret")), REDACTED);
    }

    #[test]
    fn redact_replaces_the_key_and_leaves_text_alone_when_the_key_is_empty() {
        assert_eq!(ApiKey::new("s3cret").redact("key=s3cret."), "key=[redacted].");
        assert_eq!(ApiKey::new("").redact("text"), "text");
    }

    #[test]
    fn urls_lose_credentials_wherever_they_stand() {
        assert_eq!(redact_url("http://host/a"), "http://host/a");
        assert_eq!(redact_url("http://u:p%40@host:1"), "http://[redacted]@host:1");
        assert_eq!(redact_url("http://u@x:p@host/a"), "http://[redacted]@host/a");
        assert_eq!(redact_url("http://h/#token=abc"), "http://h/#[redacted]");
        for unescaped in [
            "http://me:pa/ss@host",
            "http://me:pa?ss@host",
            "http://me:pa#ss@host",
            "me:pass@host",
            "http:me:pass@host",
            "http:\\\\me:pass@host",
        ] {
            let redacted = redact_url(unescaped);
            assert!(redacted.ends_with("[redacted]@host"), "{redacted}");
            assert!(!redacted.contains("pa"), "{redacted}");
        }
        assert_eq!(redact_url("https://h/x?api_key=K&flag"), "https://h/x?api_key=[redacted]&flag");
        assert_eq!(redact_url("not a url"), "not a url");
    }
}
