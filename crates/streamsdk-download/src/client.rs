//! How a server is reached: TLS, proxies, and whose addresses are taken.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::{Client, Proxy, redirect, retry};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use streamsdk_protocol::address::{self, Reach};
use streamsdk_protocol::redact_url;
use url::Url;

use crate::DownloadError;
use crate::policy::Policy;
use crate::resolver::CheckingResolver;

/// A wrong address should not be waited for as long as a slow server.
const MAX_CONNECT_TIME: Duration = Duration::from_secs(30);

/// A client for one request to `url`, which the policy has allowed.
pub(crate) fn for_request(
    url: &Url,
    policy: &Policy,
    timeout: Duration,
) -> Result<Client, DownloadError> {
    let proxy = proxy_for(url);
    let uses_tls = url.scheme() == "https" || proxy.is_some();
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls(uses_tls).map_err(DownloadError::client)?)
        .connect_timeout(timeout.min(MAX_CONNECT_TIME))
        .user_agent(concat!("streamsdk/", env!("CARGO_PKG_VERSION")))
        // Each redirect is looked at before it is followed, and each try is ours.
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .pool_max_idle_per_host(0);
    match proxy {
        Some(proxy) => {
            if policy.reach == Reach::Public {
                tracing::warn!(
                    url = redact_url(url.as_str()),
                    "a proxy looks the name up: whether it leads to a private address is not checked"
                );
            }
            builder = builder.proxy(as_reqwest_has_it(&proxy)?);
        }
        None => builder = builder.dns_resolver(CheckingResolver(policy.reach)),
    }
    builder.build().map_err(|error| DownloadError::client(error.without_url()))
}

/// The environment's proxy for `url`; never for this machine.
fn proxy_for(url: &Url) -> Option<Intercept> {
    if url.host_str().is_some_and(address::is_this_machine) {
        return None;
    }
    // Paths have characters that this type does not take, and do not matter here.
    let host = format!("{}://{}/", url.scheme(), url.host_str()?).parse::<Uri>().ok()?;
    Matcher::from_system().intercept(&host)
}

fn as_reqwest_has_it(proxy: &Intercept) -> Result<Proxy, DownloadError> {
    let taken = Proxy::all(proxy.uri().to_string())
        .map_err(|error| DownloadError::client(error.without_url()))?;
    Ok(match proxy.basic_auth() {
        Some(credentials) => taken.custom_http_auth(credentials.clone()),
        None => taken,
    })
}

/// Loading the system's certificates is the only slow part of building a client, so it is left out
/// where TLS is not used. TLS without certificates would fail, not trust.
fn tls(is_used: bool) -> Result<ClientConfig, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    let config = if is_used {
        config.with_platform_verifier()?
    } else {
        config.with_root_certificates(RootCertStore::empty())
    };
    Ok(config.with_no_client_auth())
}
