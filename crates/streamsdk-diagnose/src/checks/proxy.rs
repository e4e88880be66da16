//! Is there a proxy between this machine and the server? Found as the HTTP client finds it.

use hyper_util::client::proxy::matcher::Matcher;
use streamsdk_protocol::address;
use url::Url;

/// Where a proxy is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProxyPlace {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The proxy that the environment names for `server`.
pub(crate) fn of_environment(server: &Url) -> Option<ProxyPlace> {
    if server.host_str().is_some_and(address::is_this_machine) {
        return None;
    }
    let server: http::Uri = server.as_str().parse().ok()?;
    place(&Matcher::from_system(), &server)
}

fn place(matcher: &Matcher, server: &http::Uri) -> Option<ProxyPlace> {
    let proxy = matcher.intercept(server)?;
    let uri = proxy.uri();
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    Some(ProxyPlace { host, port: uri.port_u16().unwrap_or(usual) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_for_the_servers_that_it_is_for_and_its_password_is_left_out() {
        let matcher =
            Matcher::builder().all("http://me:s3cret@proxy:3128").no("inside.example").build();
        let of = |server: &str| place(&matcher, &server.parse().unwrap());
        let expected = ProxyPlace { host: "proxy".into(), port: 3128 };
        assert_eq!(of("https://server.example/x"), Some(expected));
        assert_eq!(of("https://inside.example/x"), None);
        assert_eq!(of_environment(&"http://localhost:9001".parse().unwrap()), None);
    }
}
