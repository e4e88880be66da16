//! What may be downloaded from where.

use std::ffi::OsString;
use std::net::IpAddr;

use streamsdk_protocol::address::Reach;
use streamsdk_protocol::redact_url;
use url::{Host, Url};

use crate::environment::Environment;
use crate::{DownloadError, DownloadRefusal, backslash};

/// Endings of names that are of private networks or of none: no registry gives them out.
const PRIVATE_ENDINGS: &[&str] = &[
    "alt",
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    is_on: bool,
    /// `None`: where the caller asks for one, but not where an `https` URL redirects to one.
    non_https: Option<bool>,
    needs_full_name: bool,
    allowed: Option<Vec<String>>,
    blocked: Vec<String>,
    checks_redirects: bool,
    pub(crate) reach: Reach,
}

/// What the caller said, which is stronger than the environment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PolicyOverrides {
    pub(crate) private_addresses: Option<bool>,
    pub(crate) non_https: Option<bool>,
}

impl Policy {
    pub(crate) fn read(
        overrides: PolicyOverrides,
        environment: &Environment<impl Fn(&str) -> Option<OsString>>,
    ) -> Result<Self, DownloadError> {
        let private_addresses = environment.flag("ALLOW_URL_TO_NON_GLOBAL_ADDRESSES")?;
        let non_https = environment.flag("ALLOW_NON_HTTPS_URL_INPUT")?;
        Ok(Self {
            is_on: environment.flag("ALLOW_URL_INPUT")?.unwrap_or(true),
            non_https: overrides.non_https.or(non_https),
            needs_full_name: environment.flag("ALLOW_URL_INPUT_WITHOUT_FQDN")? == Some(false),
            allowed: environment.list("WHITELISTED_DESTINATIONS_FOR_URL_INPUT")?,
            blocked: environment
                .list("BLACKLISTED_DESTINATIONS_FOR_URL_INPUT")?
                .unwrap_or_default(),
            checks_redirects: environment.flag("VALIDATE_IMAGE_URL_REDIRECTS")?.unwrap_or(true),
            reach: match overrides.private_addresses.or(private_addresses) {
                Some(true) => Reach::Private,
                _ => Reach::Public,
            },
        })
    }

    /// Checks what the caller asks for.
    pub(crate) fn check(&self, url: &Url) -> Result<(), DownloadError> {
        self.permit(url)
            .and_then(|()| self.permit_address(url))
            .map_err(|refusal| refused(url, refusal))
    }

    /// Where `location` leads that `from` answered with, if that is allowed.
    pub(crate) fn check_redirect(&self, from: &Url, location: &str) -> Result<Url, DownloadError> {
        let bad = |_| DownloadError::BadRedirect { url: redact_url(from.as_str()) };
        let to = from.join(location).map_err(bad)?;
        let permitted = || {
            if backslash::is_in_authority(location) {
                return Err(DownloadRefusal::Backslash);
            }
            if !matches!(to.scheme(), "http" | "https") {
                return Err(DownloadRefusal::NotHttp);
            }
            if self.checks_redirects {
                if from.scheme() == "https" && to.scheme() == "http" && self.non_https.is_none() {
                    return Err(DownloadRefusal::Downgrade);
                }
                self.permit(&to)?;
            }
            self.permit_address(&to)
        };
        permitted().map_err(|refusal| refused(&to, refusal))?;
        Ok(to)
    }

    fn permit(&self, url: &Url) -> Result<(), DownloadRefusal> {
        let host = host_of(url);
        if !self.is_on {
            return Err(DownloadRefusal::SwitchedOff);
        }
        if url.scheme() != "https" && self.non_https == Some(false) {
            return Err(DownloadRefusal::NotHttps);
        }
        if self.needs_full_name && !is_full_name(url) {
            return Err(DownloadRefusal::NoFullName);
        }
        if self.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&host)) {
            return Err(DownloadRefusal::NotOnAllowList);
        }
        if self.blocked.contains(&host) {
            return Err(DownloadRefusal::OnBlockList);
        }
        Ok(())
    }

    /// Checks a host that is an address; names are checked when they are looked up.
    fn permit_address(&self, url: &Url) -> Result<(), DownloadRefusal> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        match self.reach.allows(address) {
            true => Ok(()),
            false => Err(DownloadRefusal::PrivateAddress { address }),
        }
    }
}

pub(crate) fn refused(url: &Url, refusal: DownloadRefusal) -> DownloadError {
    DownloadError::Refused { url: redact_url(url.as_str()), refusal }
}

/// The host as lists have it: without brackets and the dot at its end.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

/// Whether the host can be a name that a registry gave out. Python looks endings up in the public suffix list.
fn is_full_name(url: &Url) -> bool {
    let Some(Host::Domain(name)) = url.host() else { return false };
    match name.trim_end_matches('.').rsplit_once('.') {
        Some((_, ending)) => !PRIVATE_ENDINGS.contains(&ending.to_ascii_lowercase().as_str()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(variables: &'static [(&'static str, &'static str)]) -> Policy {
        policy_but(PolicyOverrides::default(), variables)
    }

    fn policy_but(
        overrides: PolicyOverrides,
        variables: &'static [(&'static str, &'static str)],
    ) -> Policy {
        let value = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        };
        Policy::read(overrides, &Environment(value)).unwrap()
    }

    fn refusal(policy: &Policy, url: &str) -> Option<DownloadRefusal> {
        match policy.check(&url.parse().unwrap()) {
            Ok(()) => None,
            Err(DownloadError::Refused { refusal, .. }) => Some(refusal),
            Err(other) => panic!("{other}"),
        }
    }

    fn redirected(policy: &Policy, from: &str, to: &str) -> Result<String, DownloadRefusal> {
        match policy.check_redirect(&from.parse().unwrap(), to) {
            Ok(to) => Ok(to.into()),
            Err(DownloadError::Refused { refusal, .. }) => Err(refusal),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn private_addresses_are_refused_however_they_are_spelt() {
        let strict = policy(&[]);
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[fd00::1]",
            "１２７.0.0.1",
        ] {
            let refusal = refusal(&strict, &format!("http://{host}:8080/a.mp4"));
            assert!(
                matches!(refusal, Some(DownloadRefusal::PrivateAddress { .. })),
                "{host}: {refusal:?}"
            );
        }
        assert_eq!(refusal(&strict, "http://8.8.8.8/a.mp4"), None);
    }

    #[test]
    fn the_caller_is_stronger_than_the_environment() {
        let private = "https://10.0.0.1/a.mp4";
        let open = policy(&[("ALLOW_URL_TO_NON_GLOBAL_ADDRESSES", "true")]);
        assert_eq!(refusal(&open, private), None);
        assert!(refusal(&open, "http://169.254.169.254/latest").is_some());
        let strict = PolicyOverrides { private_addresses: Some(false), ..Default::default() };
        let strict = policy_but(strict, &[("ALLOW_URL_TO_NON_GLOBAL_ADDRESSES", "true")]);
        assert!(refusal(&strict, private).is_some());
        let plain = PolicyOverrides { non_https: Some(true), ..Default::default() };
        let plain = policy_but(plain, &[("ALLOW_NON_HTTPS_URL_INPUT", "false")]);
        assert_eq!(refusal(&plain, "http://example.com"), None);
    }

    #[test]
    fn everything_can_be_switched_off() {
        let off = policy(&[("ALLOW_URL_INPUT", "False")]);
        assert_eq!(refusal(&off, "https://example.com"), Some(DownloadRefusal::SwitchedOff));
    }

    #[test]
    fn plain_http_is_refused_where_only_https_is_allowed() {
        let https = policy(&[("ALLOW_NON_HTTPS_URL_INPUT", "false")]);
        assert_eq!(refusal(&https, "http://example.com"), Some(DownloadRefusal::NotHttps));
        assert_eq!(refusal(&https, "https://example.com"), None);
    }

    #[test]
    fn a_full_name_is_one_that_a_registry_can_have_given_out() {
        let full = policy(&[("ALLOW_URL_INPUT_WITHOUT_FQDN", "false")]);
        for host in ["8.8.8.8", "[2606:4700::1111]", "intranet", "nas.local", "a.internal.", "x."] {
            let url = format!("https://{host}/");
            assert_eq!(refusal(&full, &url), Some(DownloadRefusal::NoFullName), "{host}");
        }
        for host in ["example.com", "a.b.example.co.uk."] {
            assert_eq!(refusal(&full, &format!("https://{host}/")), None, "{host}");
        }
    }

    #[test]
    fn lists_hold_for_hosts_however_they_are_written() {
        let allowed = policy(&[("WHITELISTED_DESTINATIONS_FOR_URL_INPUT", "a.com,B.com")]);
        for url in ["https://A.com:444/x", "https://b.com./"] {
            assert_eq!(refusal(&allowed, url), None, "{url}");
        }
        assert_eq!(refusal(&allowed, "https://x.a.com"), Some(DownloadRefusal::NotOnAllowList));
        let blocked = policy(&[(
            "BLACKLISTED_DESTINATIONS_FOR_URL_INPUT",
            "evil.com,8.8.8.8,2606:4700::1111",
        )]);
        for url in ["https://evil.com.", "https://134744072/", "https://[2606:4700:0::1111]/"] {
            assert_eq!(refusal(&blocked, url), Some(DownloadRefusal::OnBlockList), "{url}");
        }
        assert_eq!(refusal(&blocked, "https://sub.evil.com"), None);
    }

    #[test]
    fn an_empty_list_of_allowed_hosts_allows_none() {
        let none = policy(&[("WHITELISTED_DESTINATIONS_FOR_URL_INPUT", "")]);
        assert_eq!(refusal(&none, "https://a.com"), Some(DownloadRefusal::NotOnAllowList));
    }

    #[test]
    fn a_redirect_is_checked_like_the_first_url() {
        let strict = policy(&[("BLACKLISTED_DESTINATIONS_FOR_URL_INPUT", "evil.com")]);
        let redirected = |from, to| redirected(&strict, from, to);
        assert_eq!(redirected("https://a.com/x/y", "../z"), Ok("https://a.com/z".into()));
        assert_eq!(redirected("https://a.com/x", "//evil.com/"), Err(DownloadRefusal::OnBlockList));
        assert_eq!(
            redirected("https://a.com", "file:///etc/passwd"),
            Err(DownloadRefusal::NotHttp)
        );
        assert_eq!(redirected("https://a.com", "/\\b.com"), Err(DownloadRefusal::Backslash));
        let address = redirected("http://a.com", "http://0x7f.1/");
        assert!(matches!(address, Err(DownloadRefusal::PrivateAddress { .. })), "{address:?}");
    }

    #[test]
    fn a_redirect_from_https_to_http_has_to_be_allowed() {
        let (from, to) = ("https://a.com", "http://b.com/");
        assert_eq!(redirected(&policy(&[]), from, to), Err(DownloadRefusal::Downgrade));
        assert_eq!(redirected(&policy(&[]), "http://a.com", to), Ok(to.into()));
        let open = policy(&[("ALLOW_NON_HTTPS_URL_INPUT", "true")]);
        assert_eq!(redirected(&open, from, to), Ok(to.into()));
    }

    #[test]
    fn addresses_of_redirects_are_checked_even_where_the_rest_is_not() {
        let lax = policy(&[
            ("VALIDATE_IMAGE_URL_REDIRECTS", "false"),
            ("BLACKLISTED_DESTINATIONS_FOR_URL_INPUT", "evil.com"),
        ]);
        assert!(redirected(&lax, "https://a.com", "http://evil.com").is_ok());
        assert!(redirected(&lax, "https://a.com", "http://127.0.0.1").is_err());
    }
}
