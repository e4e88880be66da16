//! Whether a camera is at an address that only this machine or its networks can reach.
//!
//! Names are looked up here to say so at once, and once more by whoever connects, who looks at the address as well: a
//! server may answer differently the second time, or send on to another address.

use streamsdk_capture::{CaptureError, NetworkStreamOptions, Transport};
use streamsdk_protocol::address::Reach;

use crate::error_response::ErrorResponse;

/// Has the camera, and what it sends on to, be where the worker goes.
pub(crate) fn limited(options: NetworkStreamOptions, reach: Reach) -> NetworkStreamOptions {
    let options = options.only_addresses(move |address| reach.allows(address));
    match reach {
        // Where packets go that are not on the connection is the camera's choice.
        Reach::Public => options.transport(Transport::Tcp),
        Reach::Private => options,
    }
}

/// What the client is told of a camera that cannot be used.
pub(crate) fn told(error: &CaptureError) -> ErrorResponse {
    match error {
        CaptureError::NotAllowed { .. } => refusal(),
        error => ErrorResponse::internal(&format!("The camera cannot be used: {error}.")),
    }
}

/// One answer for all: what a name leads to is not for strangers to find out.
fn refusal() -> ErrorResponse {
    ErrorResponse::configuration("This worker does not pull cameras of private networks.")
}

/// Refuses a camera whose name leads to where the worker does not go. Where it goes to private networks, a name that leads
/// nowhere is left to whoever connects.
pub(crate) async fn check(url: &str, reach: Reach) -> Result<(), ErrorResponse> {
    let host = host_of(url).ok_or_else(refusal)?;
    let found: Vec<_> = match tokio::net::lookup_host((host, 0)).await {
        Ok(found) => found.collect(),
        Err(_) if reach == Reach::Private => return Ok(()),
        Err(_) => return Err(refusal()),
    };
    match !found.is_empty() && found.iter().all(|address| reach.allows(address.ip())) {
        true => Ok(()),
        false => Err(refusal()),
    }
}

/// The host, found as FFmpeg finds it: behind the last `@` of what comes before the path.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').map(|(host, _)| host),
        None => host.split(':').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_where_the_connection_would_go() {
        for (url, host) in [
            ("rtsp://cam/1", Some("cam")),
            ("rtsp://user:pw@cam:554/1", Some("cam")),
            ("http://a@10.0.0.1@127.0.0.1/", Some("127.0.0.1")),
            ("http://example.org?@127.0.0.1", Some("example.org")),
            ("http://[::1]:80/", Some("::1")),
            ("http://[::1", None),
            ("nonsense", None),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }

    #[tokio::test]
    async fn what_leads_here_or_nowhere_is_refused() {
        for url in ["rtsp://127.1/a", "http://localhost:1/", "rtsp:///a", "http://no.such.invalid/"]
        {
            assert!(check(url, Reach::Public).await.is_err(), "{url}");
        }
        assert!(check("rtsp://8.8.8.8/1", Reach::Public).await.is_ok());
    }

    #[tokio::test]
    async fn nobody_is_led_to_what_gives_keys_away_and_every_refusal_is_the_same() {
        let refused = check("http://127.0.0.1/", Reach::Public).await.unwrap_err();
        for url in [
            "http://169.254.169.254/latest",
            "http://2852039166/latest",
            "http://[fd00:ec2::254]/",
            "http://[::ffff:169.254.169.254]/",
            "http://0.0.0.0/",
        ] {
            for reach in [Reach::Public, Reach::Private] {
                assert_eq!(check(url, reach).await, Err(refused.clone()), "{url}");
            }
        }
        for url in ["rtsp://127.0.0.1/1", "rtsp://10.0.0.1/1", "rtsp://no.such.invalid/1"] {
            assert_eq!(check(url, Reach::Private).await, Ok(()), "{url}");
        }
    }
}
