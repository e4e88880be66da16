//! What answers at the endpoint: an inference server, something else, or something on the way?

use std::error::Error;

use streamsdk_protocol::rejection::RejectionReason as Reason;
use streamsdk_signaling::{HttpSignaling, Probe, SignalingError};
use url::Url;

use super::{clock, tls};
use crate::{Code, Finding};

/// Asks the endpoint for nothing.
pub(crate) async fn check(signaling: &HttpSignaling, server: &Url, has_key: bool) -> Vec<Finding> {
    match signaling.probe().await {
        Ok(probe) => {
            let clock = probe.date.as_deref().and_then(clock::judge);
            [Some(judge(&probe, server, has_key)), clock].into_iter().flatten().collect()
        }
        Err(error) => vec![failed(&error, server)],
    }
}

fn judge(probe: &Probe, server: &Url, has_key: bool) -> Finding {
    let status = probe.answer.status;
    let said = said(probe);
    let finding = |code, what: &str| Finding::new(code, format!("{what} (status {status}{said})."));
    match status {
        407 => return finding(Code::ProxyInTheWay, "A proxy wants to know who is asking"),
        511 => return finding(Code::CaptivePortal, "The network wants a login first"),
        403 if is_page(probe) => {
            return finding(Code::ProxyInTheWay, "A page says that this may not be had");
        }
        200..300 if is_page(probe) => {
            return finding(Code::CaptivePortal, "A web page answers in the place of the server");
        }
        200..300 => {
            return finding(Code::NotAnInferenceServer, "Something else answers at the endpoint");
        }
        300..400 => return redirected(probe, server),
        _ => {}
    }
    match probe.answer.reason {
        Reason::NotAuthorized if has_key => {
            finding(Code::KeyRejected, "The server refuses the key")
        }
        Reason::NotAuthorized => {
            finding(Code::KeyRejected, "The server wants a key, and none was given")
        }
        Reason::Quota => finding(Code::QuotaUsedUp, "The server says that a quota is used up"),
        Reason::Credits => finding(Code::QuotaUsedUp, "The server says that no credits are left"),
        Reason::NoSuchEndpoint => {
            finding(Code::NoSuchEndpoint, "There is no endpoint for sessions at this URL")
        }
        Reason::Unavailable => finding(Code::ServerUnavailable, "The server is not available"),
        _ if status >= 500 => finding(Code::ServerFailed, "The server failed"),
        _ if is_page(probe) => {
            finding(Code::NotAnInferenceServer, "Something else answers at the endpoint")
        }
        _ => Finding::new(Code::ServerAnswers, "An inference server answers at the endpoint."),
    }
}

/// The server's own words, to go on with.
fn said(probe: &Probe) -> String {
    let message = probe.answer.message.trim_end_matches('.');
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn is_page(probe: &Probe) -> bool {
    probe.content_type.as_deref().is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
}

fn redirected(probe: &Probe, server: &Url) -> Finding {
    let status = probe.answer.status;
    let target = probe.location.as_deref().and_then(|location| server.join(location).ok());
    let Some(target) = target else {
        let what = format!("Something answers with a redirect to nowhere (status {status}).");
        return Finding::new(Code::NotAnInferenceServer, what);
    };
    if target.host_str() != server.host_str() {
        let host = target.host_str().unwrap_or_default();
        let what = format!("The request is sent on to another place, {host} (status {status}).");
        return Finding::new(Code::CaptivePortal, what);
    }
    let what = format!("The server sends the request on to another URL (status {status}).");
    let origin = target.origin().ascii_serialization();
    Finding::new(Code::NoSuchEndpoint, what)
        .advise(format!("Redirects are not followed. Use the URL that it names, such as {origin}."))
}

fn failed(error: &SignalingError, server: &Url) -> Finding {
    let host = server.host_str().unwrap_or_default();
    let Some(tls) = tls::among_causes(error) else {
        return match error {
            SignalingError::Timeout { waited, .. } => {
                let what = format!(
                    "The server took the connection and did not answer within {:.1} s.",
                    waited.as_secs_f64()
                );
                Finding::new(Code::ServerSilent, what)
            }
            _ if says_who_is_asking(error) => {
                let what = "The proxy wants to know who is asking (status 407).";
                Finding::new(Code::ProxyInTheWay, what)
            }
            error => Finding::new(Code::ExchangeBrokeOff, format!("There is no answer: {error}.")),
        };
    };
    super::server::without_tls(host, &tls)
}

/// A proxy that refuses a tunnel is told about in words only.
fn says_who_is_asking(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        // Not by its number, which may be that of a port.
        if error.to_string().to_ascii_lowercase().contains("proxy auth") {
            return true;
        }
        next = error.source();
    }
    false
}
