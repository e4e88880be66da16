//! Requests over UDP, and what their fate says of UDP as a whole.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::stun::{self, Answer, Request};
use crate::{Code, Finding};

const LIMIT: Duration = Duration::from_millis(2200);
/// Doubled for each try.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Larger answers are none of STUN.
const MAX_ANSWER: usize = 2048;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The machine says that nobody has the port.
    Refused,
    Silent,
    Failed(io::Error),
}

/// A socket that hears nobody but `to`.
pub(crate) async fn toward(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => [0; 4].into(),
        SocketAddr::V6(_) => [0; 16].into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(to).await?;
    Ok(socket)
}

/// Sends a request until it is answered.
pub(crate) async fn ask(
    socket: &UdpSocket,
    request: &Request,
    deadline: Deadline,
) -> Result<Answer, NoAnswer> {
    let asking = async {
        let mut wait = FIRST_WAIT;
        let mut failure = NoAnswer::Silent;
        loop {
            match socket.send(&request.bytes).await {
                // What came of the packet before, which may have been another's.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    failure = NoAnswer::Refused;
                }
                Err(error) => return Err(NoAnswer::Failed(error)),
                Ok(_) => {}
            }
            match answer_within(socket, request, wait).await {
                Ok(Some(answer)) => return Ok(answer),
                // A second one makes sure: the port may just be about to be opened.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    if matches!(failure, NoAnswer::Refused) {
                        return Err(failure);
                    }
                    failure = NoAnswer::Refused;
                }
                Err(error) => return Err(NoAnswer::Failed(error)),
                Ok(None) => wait *= 2,
            }
        }
    };
    deadline.within(LIMIT, asking).await.unwrap_or(Err(NoAnswer::Silent))
}

async fn answer_within(
    socket: &UdpSocket,
    request: &Request,
    wait: Duration,
) -> io::Result<Option<Answer>> {
    let until = Instant::now() + wait;
    let mut buffer = [0; MAX_ANSWER];
    while let Ok(received) = tokio::time::timeout_at(until, socket.recv(&mut buffer)).await {
        let length = received?;
        let answer = buffer.get(..length).and_then(|bytes| stun::answer(bytes, request.id));
        if answer.is_some() {
            return Ok(answer);
        }
    }
    Ok(None)
}

/// What became of the packets to one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UdpTrial {
    pub(crate) host: String,
    pub(crate) answered: bool,
}

/// Whether nothing of UDP gets out: two servers that are silent are no accident, and neither is one that answers
/// by TCP (`reached_by_tcp`) and not by UDP.
pub(crate) fn judge(trials: &[UdpTrial], reached_by_tcp: &[String]) -> Option<Finding> {
    if trials.is_empty() || trials.iter().any(|trial| trial.answered) {
        return None;
    }
    let mut hosts: Vec<&str> = trials.iter().map(|trial| trial.host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let is_there = |host: &&str| reached_by_tcp.iter().any(|reached| reached == host);
    if hosts.len() < 2 && !hosts.iter().any(is_there) {
        return None;
    }
    let what = format!("Nothing came back over UDP, from none of: {}.", hosts.join(", "));
    Some(Finding::new(Code::UdpBlocked, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers by host and whether they answered.
    fn is_blocked(trials: &[(&str, bool)], reached_by_tcp: &[&str]) -> bool {
        let trial = |&(host, answered): &(&str, bool)| UdpTrial { host: host.to_owned(), answered };
        let trials: Vec<_> = trials.iter().map(trial).collect();
        let reached: Vec<String> = reached_by_tcp.iter().map(ToString::to_string).collect();
        judge(&trials, &reached).is_some()
    }

    #[test]
    fn one_silent_server_is_no_proof_and_two_are() {
        assert!(!is_blocked(&[], &["a"]));
        assert!(!is_blocked(&[("a", false)], &[]));
        assert!(!is_blocked(&[("a", false), ("a", false)], &["b"]));
        assert!(is_blocked(&[("a", false)], &["a"]));
        assert!(is_blocked(&[("a", false), ("b", false)], &[]));
        assert!(!is_blocked(&[("a", false), ("b", false), ("c", true)], &["a"]));
    }
}
