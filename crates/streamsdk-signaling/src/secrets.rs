//! What a request carries that no error may repeat, even if the server does.

use std::borrow::Cow;

use streamsdk_protocol::init::InitRequest;
use streamsdk_protocol::{ApiKey, REDACTED, redact_url};

/// Passwords below this length are left alone: their letters stand everywhere.
const SHORTEST: usize = 4;

pub(crate) struct Secrets {
    key: Option<ApiKey>,
    /// Texts that give something away, and what to write instead.
    replacements: Vec<(String, String)>,
}

impl Secrets {
    pub(crate) fn new(request: &InitRequest, key: Option<&ApiKey>) -> Self {
        let cameras = [&request.rtsp_url, &request.mjpeg_url].into_iter().flatten();
        let cameras = cameras.map(|url| (url.clone(), redact_url(url)));
        let ice_servers = request.webrtc_config.iter().flat_map(|config| &config.ice_servers);
        let passwords = ice_servers
            .filter_map(|server| server.credential.clone())
            .filter(|password| password.len() >= SHORTEST)
            .map(|password| (password, REDACTED.to_owned()));
        let replacements =
            cameras.filter(|(url, redacted)| url != redacted).chain(passwords).collect();
        Self { key: key.cloned(), replacements }
    }

    pub(crate) fn key(&self) -> Option<&ApiKey> {
        self.key.as_ref()
    }

    pub(crate) fn remove_from_text(&self, text: &str) -> String {
        let text = self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.redact(text));
        self.replacements.iter().fold(text, |text, (secret, instead)| text.replace(secret, instead))
    }

    /// Leaves the key to who reads the body: a short one could break the JSON.
    pub(crate) fn remove_from_body<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        if self.replacements.is_empty() {
            return Cow::Borrowed(body);
        }
        let text = String::from_utf8_lossy(body).into_owned();
        let replace =
            |text: String, (secret, instead): &(String, String)| text.replace(secret, instead);
        Cow::Owned(self.replacements.iter().fold(text, replace).into_bytes())
    }
}
