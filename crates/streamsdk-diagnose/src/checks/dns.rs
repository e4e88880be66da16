//! Does the name have addresses?

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;

use crate::deadline::Deadline;
use crate::{Code, Finding};

const LIMIT: Duration = Duration::from_secs(2);
/// More are not tried.
const MAX_ADDRESSES: usize = 6;

/// The addresses of `host`, which may be one itself. At least one.
pub(crate) async fn look_up(
    host: &str,
    port: u16,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, Finding> {
    let failed = |why: String| {
        Finding::new(Code::DnsFailed, format!("The name {host} could not be looked up: {why}."))
    };
    match deadline.within(LIMIT, lookup_host((host, port))).await {
        None => Err(failed("nobody answered in time".to_owned())),
        Some(Err(error)) => Err(failed(error.to_string())),
        Some(Ok(addresses)) => {
            let addresses: Vec<_> = addresses.take(MAX_ADDRESSES).collect();
            if addresses.is_empty() {
                Err(failed("it has no address".to_owned()))
            } else {
                Ok(addresses)
            }
        }
    }
}

/// Addresses for people.
pub(crate) fn listed(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ")
}
