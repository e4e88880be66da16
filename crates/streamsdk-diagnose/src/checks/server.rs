//! The way to the inference server, step by step. The first step that fails ends it.

use std::time::Duration;

use streamsdk_signaling::{BuildError, HttpSignaling};
use tokio::net::TcpStream;
use url::Url;

use super::proxy::{self, ProxyPlace};
use super::tcp::NoConnection;
use super::tls::NoTls;
use super::{clock, dns, http, tcp, tls};
use crate::checkup::ServerAccess;
use crate::deadline::Deadline;
use crate::ice_url::place;
use crate::trust::Trust;
use crate::{Code, Finding};

const LIMIT: Duration = Duration::from_secs(3);
/// With less, a server would be called silent that is not.
const MIN_LEFT: Duration = Duration::from_millis(300);

/// What is found on the way, as far as it goes.
pub(crate) async fn check(
    access: &ServerAccess,
    trust: &Trust,
    deadline: Deadline,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(last) = go(access, trust, deadline, &mut findings).await {
        findings.push(last);
    }
    findings
}

async fn go(
    access: &ServerAccess,
    trust: &Trust,
    deadline: Deadline,
    findings: &mut Vec<Finding>,
) -> Result<(), Finding> {
    let url = read_url(&access.url)?;
    match proxy::of_environment(&url) {
        Some(proxy) => reach_proxy(&proxy, deadline, findings).await?,
        None => reach(&url, trust, deadline, findings).await?,
    }
    let limit = deadline.limit(LIMIT);
    if limit < MIN_LEFT {
        let what = "What the server answers was not found out: no time was left.";
        return Err(Finding::new(Code::NotChecked, what));
    }
    let signaling = signaling(access, limit).map_err(unusable)?;
    findings.extend(http::check(&signaling, &url, access.api_key.is_some()).await);
    Ok(())
}

fn read_url(text: &str) -> Result<Url, Finding> {
    let url = text.parse::<Url>().ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
        .ok_or_else(|| Finding::new(Code::UrlNotUnderstood, "The server's URL is none."))
}

fn signaling(access: &ServerAccess, limit: Duration) -> Result<HttpSignaling, BuildError> {
    let builder = HttpSignaling::builder(&access.url)
        .api_key_transport(access.api_key_transport)
        .timeout(limit)
        .connect_timeout(limit);
    match &access.api_key {
        Some(key) => builder.api_key(key.clone()).build(),
        None => builder.build(),
    }
}

fn unusable(error: BuildError) -> Finding {
    Finding::new(Code::UrlNotUnderstood, format!("The server cannot be asked: {error}."))
}

async fn reach_proxy(
    proxy: &ProxyPlace,
    deadline: Deadline,
    findings: &mut Vec<Finding>,
) -> Result<(), Finding> {
    let shown = place(&proxy.host, proxy.port);
    let in_the_way = |what: String| Finding::new(Code::ProxyInTheWay, what);
    let addresses = dns::look_up(&proxy.host, proxy.port, deadline).await.map_err(|failed| {
        in_the_way(format!("The proxy {shown} is not to be found. {}", failed.what))
    })?;
    tcp::connect(&addresses, deadline).await.map_err(|failed| {
        let failed = no_connection("The proxy", &shown, &failed);
        in_the_way(failed.what).advise("Check the variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.")
    })?;
    let what =
        format!("The server is reached through the proxy {shown}, which the environment names.");
    findings.push(Finding::new(Code::ProxyUsed, what));
    Ok(())
}

async fn reach(
    url: &Url,
    trust: &Trust,
    deadline: Deadline,
    findings: &mut Vec<Finding>,
) -> Result<(), Finding> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses = dns::look_up(host, port, deadline).await?;
    let what = format!("{host} is {}.", dns::listed(&addresses));
    findings.push(Finding::new(Code::NameFound, what));

    let shown = place(host, port);
    let stream = tcp::connect(&addresses, deadline)
        .await
        .map_err(|failed| no_connection("The server", &shown, &failed))?;
    findings.push(Finding::new(Code::ConnectionMade, format!("{shown} takes TCP connections.")));
    if url.scheme() == "https" {
        shake_hands(stream, host, trust, deadline).await?;
        let what = format!("The certificate of {host} is trusted.");
        findings.push(Finding::new(Code::TlsTrusted, what));
    }
    Ok(())
}

fn no_connection(who: &str, shown: &str, failed: &NoConnection) -> Finding {
    match failed {
        NoConnection::Refused => {
            let what = format!("{who} refuses connections: nobody listens at {shown}.");
            Finding::new(Code::ConnectionRefused, what)
        }
        NoConnection::Silent => {
            Finding::new(Code::ConnectionFiltered, format!("{who} does not answer at {shown}."))
        }
        NoConnection::Unreachable(error) => {
            let what = format!("{who} cannot be reached at {shown}: {error}.");
            Finding::new(Code::NetworkUnreachable, what)
        }
    }
}

async fn shake_hands(
    stream: TcpStream,
    host: &str,
    trust: &Trust,
    deadline: Deadline,
) -> Result<(), Finding> {
    let address = stream.peer_addr();
    let Err(failed) = tls::handshake(stream, host, trust, deadline).await else { return Ok(()) };
    // A certificate that is wrong in time is wrong by a clock, and one of two clocks is this machine's.
    if let (NoTls::Expired(_) | NoTls::NotYetValid(_), Ok(address)) = (&failed, address) {
        let clock = match tcp::connect(&[address], deadline).await {
            Ok(stream) => clock::date_of_a_stranger(stream, host, deadline).await,
            Err(_) => None,
        };
        let clock = clock.as_deref().and_then(clock::judge);
        if let Some(wrong) = clock.filter(|clock| clock.code == Code::ClockWrong) {
            let what = format!("{host} {}. {}", failed.what(), wrong.what);
            return Err(Finding::new(Code::ClockWrong, what));
        }
    }
    Err(without_tls(host, &failed))
}

/// Why there is no TLS with `host`.
pub(crate) fn without_tls(host: &str, failed: &NoTls) -> Finding {
    let code = match failed {
        NoTls::OtherName(_) => Code::TlsNameMismatch,
        NoTls::Expired(_) => Code::TlsCertificateExpired,
        NoTls::NotYetValid(_) => Code::TlsCertificateNotYetValid,
        NoTls::Untrusted(_) => Code::TlsUntrusted,
        NoTls::NotSpoken => Code::TlsNotSpoken,
        NoTls::Failed(_) => Code::TlsFailed,
    };
    Finding::new(code, format!("{host} {}.", failed.what()))
}
