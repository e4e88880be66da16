//! Whether a camera is at an address that only this machine or its networks can reach.
//!
//! Names are looked up here, and once more by whoever connects: a server that answers differently the
//! second time, or sends on to another address, is not noticed. Strangers are kept out of a network by
//! the network.

use streamsdk_protocol::address;

use crate::error_response::ErrorResponse;

/// Refuses a camera whose name leads to a private address, to this machine, or nowhere.
pub(crate) async fn refuse(url: &str) -> Result<(), ErrorResponse> {
    // The reason does not say what the name leads to: that is not for strangers to find out.
    let refused =
        || ErrorResponse::configuration("This worker does not pull cameras of private networks.");
    let host = host_of(url).ok_or_else(refused)?;
    let mut addresses = tokio::net::lookup_host((host, 0)).await.map_err(|_| refused())?.peekable();
    if addresses.peek().is_none() || addresses.any(|address| !address::is_public(address.ip())) {
        return Err(refused());
    }
    Ok(())
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
            assert!(refuse(url).await.is_err(), "{url}");
        }
        assert!(refuse("rtsp://8.8.8.8/1").await.is_ok());
    }
}
