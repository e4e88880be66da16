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

/// `url` without its user name, password and query values, fit for a log or an error.
///
/// Works on any text that looks like `scheme://[user[:password]@]rest`; other text is returned
/// without its query. Names of query parameters stay, their values go.
///
/// ```
/// use streamsdk_protocol::redact_url;
///
/// assert_eq!(redact_url("rtsp://me:pw@cam/1?token=x"), "rtsp://[redacted]@cam/1?token=[redacted]");
/// ```
pub fn redact_url(url: &str) -> String {
    let (base, query) = match url.split_once('?') {
        Some((base, query)) => (base, Some(query)),
        None => (url, None),
    };
    let mut out = match base.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = match rest.find('/') {
                Some(slash) => rest.split_at(slash),
                None => (rest, ""),
            };
            match authority.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}://{REDACTED}@{host}{path}"),
                None => base.to_owned(),
            }
        }
        None => base.to_owned(),
    };
    if let Some(query) = query {
        let names = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) => format!("{name}={REDACTED}"),
            None => pair.to_owned(),
        });
        out.push('?');
        out.push_str(&names.collect::<Vec<_>>().join("&"));
    }
    out
}

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
        assert_eq!(redact_url("http://u@x:p@host/a@b"), "http://[redacted]@host/a@b");
        assert_eq!(redact_url("https://h/x?api_key=K&flag"), "https://h/x?api_key=[redacted]&flag");
        assert_eq!(redact_url("not a url"), "not a url");
    }
}
