//! The STUN and TURN servers that were given: each URL by itself, and what all of them together say.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use streamsdk_protocol::init::IceServer;

use super::udp::UdpTrial;
use super::{dns, path, stun, turn, udp};
use crate::deadline::Deadline;
use crate::ice_url::{IceTransport, IceUrl};
use crate::trust::Trust;
use crate::{Code, Finding};

/// What one URL came to.
#[derive(Default)]
pub(crate) struct Trial {
    pub(crate) findings: Vec<Finding>,
    /// A server that answers over UDP.
    pub(crate) answers_udp: Option<SocketAddr>,
    /// Whether it was sent anything over UDP.
    pub(crate) tried_udp: bool,
    /// Whether it took a TCP connection.
    pub(crate) took_tcp: bool,
}

impl Trial {
    pub(crate) fn failed(finding: Finding) -> Self {
        Self { findings: vec![finding], ..Self::default() }
    }
}

#[derive(Clone, Copy)]
struct Credentials<'a> {
    user: &'a str,
    password: &'a str,
}

/// Asks all of `servers` at once. The path to the first that answers is looked at.
pub(crate) async fn check(
    servers: &[IceServer],
    trust: &Trust,
    deadline: Deadline,
) -> Vec<Finding> {
    let path_is_taken = AtomicBool::new(false);
    let urls = servers.iter().flat_map(|server| {
        let credentials = server.username().zip(server.credential());
        let credentials = credentials.map(|(user, password)| Credentials { user, password });
        server.urls().iter().map(move |url| (url, credentials))
    });
    let tried = join_all(urls.map(|(url, credentials)| {
        let path_is_taken = &path_is_taken;
        async move {
            let Some(url) = IceUrl::parse(url) else {
                let what = "The URL of a STUN or TURN server is none.";
                return (None, Trial::failed(Finding::new(Code::UrlNotUnderstood, what)));
            };
            let trial = one(&url, credentials, path_is_taken, trust, deadline).await;
            (Some(url.host), trial)
        }
    }))
    .await;
    together(tried)
}

async fn one(
    url: &IceUrl,
    credentials: Option<Credentials<'_>>,
    path_is_taken: &AtomicBool,
    trust: &Trust,
    deadline: Deadline,
) -> Trial {
    let addresses = match dns::look_up(&url.host, url.port, deadline).await {
        Ok(addresses) => addresses,
        Err(failed) => return Trial::failed(failed),
    };
    let credentials = credentials.map(|known| (known.user, known.password));
    let mut trial = match (url.is_turn, url.transport) {
        (false, IceTransport::Udp) => stun::check(url, &addresses, deadline).await,
        (false, _) => {
            let what = format!("The {url} was not asked: STUN is used over UDP alone.");
            Trial::failed(Finding::new(Code::NotChecked, what))
        }
        (true, _) => turn::check(url, &addresses, credentials, trust, deadline).await,
    };
    if let Some(address) = trial.answers_udp
        && !path_is_taken.swap(true, Ordering::Relaxed)
    {
        trial.findings.extend(path::check(address, deadline).await);
    }
    trial
}

fn together(tried: Vec<(Option<String>, Trial)>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut by_udp, mut by_tcp) = (Vec::new(), Vec::new());
    for (host, trial) in tried {
        if let Some(host) = host {
            if trial.tried_udp {
                let answered = trial.answers_udp.is_some();
                by_udp.push(UdpTrial { host: host.clone(), answered });
            }
            if trial.took_tcp {
                by_tcp.push(host);
            }
        }
        findings.extend(trial.findings);
    }
    findings.extend(udp::judge(&by_udp, &by_tcp));
    findings
}
