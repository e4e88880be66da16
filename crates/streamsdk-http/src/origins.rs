use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use streamsdk_protocol::address;
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

/// Which web pages may use a server: any page that its user opens could ask it otherwise.
#[derive(Debug, Clone)]
pub struct AllowedOrigins {
    listed: Vec<String>,
    unlisted: Unlisted,
}

/// Which pages may though nobody has said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlisted {
    /// Those of this machine, for a server that only this machine reaches.
    OfThisMachine,
    /// Those that come from the same server.
    OfSameServer,
    /// None of them.
    None,
}

impl AllowedOrigins {
    /// Pages of the origins `listed` may, such as `https://app.example`, or all with `*`; and those of `unlisted`.
    pub fn new(listed: Vec<String>, unlisted: Unlisted) -> Self {
        Self { listed, unlisted }
    }

    /// Tells browsers. That they do not read an answer keeps nobody from asking, see [`AllowedOrigins::allow`].
    pub fn cors(self: &Arc<Self>) -> CorsLayer {
        let origins = if self.listed.iter().any(|listed| listed == "*") {
            AllowOrigin::any()
        } else {
            let allowed = Arc::clone(self);
            AllowOrigin::predicate(move |origin: &HeaderValue, request: &Parts| {
                allowed.allows(origin, &request.headers)
            })
        };
        // A wildcard would not stand for `Authorization`, which a server with a token needs.
        let headers = AllowHeaders::mirror_request();
        CorsLayer::new().allow_origin(origins).allow_methods(Any).allow_headers(headers)
    }

    /// Whether a request with these headers may be answered: a browser sends many without asking first. A program sends
    /// no `Origin`, and may.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        headers.get(header::ORIGIN).is_none_or(|origin| self.allows(origin, headers))
    }

    fn allows(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        let is_listed = |listed: &String| listed == "*" || listed.eq_ignore_ascii_case(origin);
        self.listed.iter().any(is_listed)
            || origin.split_once("://").is_some_and(|(_, host)| match self.unlisted {
                Unlisted::OfThisMachine => address::is_this_machine(without_port(host)),
                Unlisted::OfSameServer => {
                    let own = headers.get(header::HOST).and_then(|own| own.to_str().ok());
                    own.is_some_and(|own| own.eq_ignore_ascii_case(host))
                }
                Unlisted::None => false,
            })
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(listed: &[&str], unlisted: Unlisted, origin: &str) -> bool {
        let listed = listed.iter().map(|&origin| origin.to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("app.example:8080"));
        let origin = HeaderValue::from_str(origin).unwrap();
        AllowedOrigins::new(listed, unlisted).allows(&origin, &headers)
    }

    #[test]
    fn a_server_of_this_machine_is_for_its_pages() {
        for origin in
            ["http://localhost:5173", "https://127.0.0.1", "http://[::1]:80", "http://[::1]"]
        {
            assert!(allows(&[], Unlisted::OfThisMachine, origin), "{origin}");
            assert!(!allows(&[], Unlisted::None, origin), "{origin}");
        }
        for origin in
            ["null", "https://evil.example", "http://localhost.evil.example", "http://", "x"]
        {
            assert!(!allows(&[], Unlisted::OfThisMachine, origin), "{origin}");
        }
    }

    #[test]
    fn an_application_is_for_its_own_pages() {
        let allows = |origin| allows(&[], Unlisted::OfSameServer, origin);
        assert!(allows("https://app.example:8080"));
        assert!(!allows("https://app.example") && !allows("http://localhost:8080"));
    }

    #[test]
    fn pages_that_are_listed_may() {
        let listed = ["https://page.example"];
        assert!(allows(&listed, Unlisted::None, "https://page.example"));
        assert!(!allows(&listed, Unlisted::None, "https://page.example:444"));
        assert!(!allows(&listed, Unlisted::None, "http://page.example"));
        assert!(allows(&["*"], Unlisted::None, "null"));
    }
}
