//! What the client says of its streams at its admin address.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::counts::Counts;

const LIMIT: Duration = Duration::from_secs(5);

/// Streams by their names.
pub(super) type State = BTreeMap<String, StreamState>;

#[derive(Clone, Debug)]
pub(super) struct StreamState {
    pub(super) state: String,
    pub(super) sessions: u64,
    pub(super) links: u64,
    /// Over all sessions.
    pub(super) totals: Counts,
    /// Of the session that goes on; `None` where there is none.
    pub(super) session: Option<Counts>,
}

impl StreamState {
    fn read(told: &Value) -> Result<Self> {
        let number = |name: &str| {
            let number = told["totals"][name].as_u64();
            number.with_context(|| format!("there are no {name} in {told}"))
        };
        let session = &told["session"];
        let goes_on = session.is_object() && session["ended"].is_null();
        Ok(Self {
            state: told["state"].as_str().unwrap_or_default().to_owned(),
            sessions: number("sessions")?,
            links: number("links")?,
            totals: Counts::of_state(&told["totals"])?,
            session: goes_on.then(|| Counts::of_state(session)).transpose()?,
        })
    }

    /// Of the sessions that are over; `None` where the session that goes on has more than all of them.
    pub(super) fn of_ended_sessions(&self) -> Option<Counts> {
        self.totals.without(&self.session.unwrap_or_default())
    }

    pub(super) fn is_running(&self) -> bool {
        self.state == "running"
    }
}

/// Asks for it on this port of this machine.
pub(super) fn ask(port: u16) -> Result<State> {
    let body = get(port, "/state").context("the client does not say how its streams are")?;
    let told: Value = serde_json::from_str(&body)?;
    let streams = told["streams"].as_array().context("there are no streams in the state")?;
    streams
        .iter()
        .map(|stream| {
            let name = stream["name"].as_str().context("a stream has no name")?;
            Ok((name.to_owned(), StreamState::read(stream)?))
        })
        .collect()
}

/// The body of the answer, which is not in pieces to a client of HTTP/1.0.
fn get(port: u16, path: &str) -> Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) =
        answer.split_once("\r\n\r\n").context("the answer has no end of its head")?;
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.ends_with(" 200 OK"), "the answer is {status}");
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sessions_that_are_over_are_told_from_the_one_that_goes_on() {
        let frames = |sent: u64| {
            json!({"frames_sent": sent, "frames_returned": sent, "ended": null,
                "sessions": 2, "links": 3, "dropped": {"disconnected": 0, "not_encoded": 0,
                "not_returned": 0, "not_taken": 0, "queue_full": 0, "unreadable": 0}})
        };
        let mut told = json!({"state": "running", "totals": frames(30), "session": frames(10)});
        let ended = |told: &Value| StreamState::read(told).unwrap().of_ended_sessions().unwrap();
        assert_eq!(ended(&told).sent, 20);
        told["session"]["ended"] = "complete".into();
        assert_eq!(ended(&told).sent, 30);
        told["session"] = Value::Null;
        assert_eq!(ended(&told).sent, 30);
    }
}
