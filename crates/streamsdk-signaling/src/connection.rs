//! How the server is reached: TLS, proxies, and what is not done on the way.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Url, redirect, retry};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use streamsdk_protocol::address;

use crate::BuildError;

/// A client for requests to `endpoint`.
pub(crate) fn client(endpoint: &Url, connect_timeout: Duration) -> Result<Client, BuildError> {
    let proxy = if is_loopback(endpoint) { Proxy::Never } else { Proxy::FromEnvironment };
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls(endpoint, proxy).map_err(client_error)?)
        .connect_timeout(connect_timeout)
        .user_agent(concat!("streamsdk/", env!("CARGO_PKG_VERSION")))
        // The body has the key in it: it goes where the caller said, once, or nowhere.
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        // A session needs one exchange: a connection kept for another is a task left behind.
        .pool_max_idle_per_host(0);
    if proxy == Proxy::Never {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| client_error(error.without_url()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proxy {
    Never,
    FromEnvironment,
}

/// Loading the system's certificates is the only slow part of building a client, so it is left out
/// where TLS cannot happen. TLS without certificates would fail, not trust.
fn tls(endpoint: &Url, proxy: Proxy) -> Result<ClientConfig, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    let possible = endpoint.scheme() == "https"
        || (proxy == Proxy::FromEnvironment && environment_names_a_proxy());
    let config = if possible {
        config.with_platform_verifier()?
    } else {
        config.with_root_certificates(RootCertStore::empty())
    };
    Ok(config.with_no_client_auth())
}

fn environment_names_a_proxy() -> bool {
    ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
        .iter()
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(address::is_this_machine)
}

fn client_error(cause: impl std::error::Error + Send + Sync + 'static) -> BuildError {
    BuildError::Client { cause: Box::new(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognised_in_every_spelling() {
        let is_loopback = |host: &str| is_loopback(&format!("http://{host}/x").parse().unwrap());
        for host in
            ["localhost", "LOCALHOST:1", "a.localhost.", "127.0.0.1", "127.1", "[::1]:9", "0.0.0.0"]
        {
            assert!(is_loopback(host), "{host}");
        }
        assert!(is_loopback("[::ffff:127.0.0.1]"));
        for host in ["localhost.example.com", "notlocalhost", "10.0.0.1", "[fe80::1]"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
