//! Questions to a camera, and its answers (RFC 2326).

use std::fmt::Write as _;
use std::io::{Read, Write};

use thiserror::Error;

use super::connection::{Broken, Connection, Incoming};
use super::credentials::{Challenge, Credentials};
use super::message::Head;

/// A connection on which questions are asked.
pub(super) struct Conversation<S> {
    connection: Connection<S>,
    credentials: Credentials,
    /// Of the newest question.
    number: u32,
    /// What the camera calls the session, once there is one.
    session: Option<String>,
}

/// What a question is answered with.
pub(super) struct Answer {
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
}

/// Why a camera's video cannot be had, or not as it comes.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("name and password are wrong")]
    Unauthorized,
    /// What stands in the way.
    #[error("{0}")]
    Unsuitable(String),
}

impl Refusal {
    pub(crate) fn unsuitable(reason: impl Into<String>) -> Self {
        Self::Unsuitable(reason.into())
    }
}

impl<S: Read + Write> Conversation<S> {
    pub(super) fn new(connection: Connection<S>, user: Option<(String, String)>) -> Self {
        Self { connection, credentials: Credentials::new(user), number: 0, session: None }
    }

    pub(super) fn connection(&mut self) -> &mut Connection<S> {
        &mut self.connection
    }

    /// From now on questions are about that session, unless it has no name.
    pub(super) fn set_session(&mut self, session: &str) {
        self.session = Some(session.to_owned()).filter(|name| !name.is_empty());
    }

    /// Asks, and waits for the answer, whatever it is. Data may come before it.
    pub(super) fn ask(
        &mut self,
        method: &str,
        url: &str,
        fields: &[(&str, &str)],
        mut on_data: impl FnMut(u8, &[u8]),
    ) -> Result<Answer, Refusal> {
        for _ in 0..MAX_TRIES {
            self.send(method, url, fields)?;
            let answer = self.answer(&mut on_data)?;
            if answer.head.status() != Some(UNAUTHORIZED) {
                self.credentials.accepted();
                return Ok(answer);
            }
            match self.credentials.take_challenge(&answer.head) {
                Challenge::Answerable => {}
                Challenge::Refusal => return Err(Refusal::Unauthorized),
                Challenge::Unanswerable => {
                    return Err(Refusal::unsuitable("it asks who one is"));
                }
            }
        }
        Err(Refusal::unsuitable("it asks again and again who one is"))
    }

    /// Asks without waiting for an answer.
    pub(super) fn send(
        &mut self,
        method: &str,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<(), Broken> {
        self.number = self.number.wrapping_add(1);
        let mut text = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n", self.number);
        let authorization = self.credentials.field(method, url);
        let agent = concat!("streamsdk/", env!("CARGO_PKG_VERSION"));
        let own = [
            ("User-Agent", Some(agent)),
            ("Authorization", authorization.as_deref()),
            ("Session", self.session.as_deref()),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
        for (name, value) in own.chain(fields.iter().copied()) {
            // Writing to a string does not fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        self.connection.send(&(text + "\r\n"))
    }

    /// Takes a message that comes while nobody waits for an answer: whether what was asked last is to be asked again.
    pub(super) fn take_message(&mut self, head: &Head) -> Result<bool, Broken> {
        if head.method().is_some() {
            self.reply(head)?;
            return Ok(false);
        }
        let is_challenge = head.status() == Some(UNAUTHORIZED);
        Ok(is_challenge && self.credentials.take_challenge(head) == Challenge::Answerable)
    }

    fn answer(&mut self, on_data: &mut impl FnMut(u8, &[u8])) -> Result<Answer, Broken> {
        loop {
            let request = match self.connection.next()? {
                Incoming::Nothing => continue,
                Incoming::Data { channel, data } => {
                    on_data(channel, data);
                    continue;
                }
                Incoming::Message { head, .. } if head.method().is_some() => head,
                Incoming::Message { head, body } => {
                    // Not all answers say to which question.
                    if head.number().is_none_or(|number| number == self.number) {
                        return Ok(Answer { head, body: body.to_vec() });
                    }
                    continue;
                }
            };
            self.reply(&request)?;
        }
    }

    /// Answers what the camera asks.
    fn reply(&mut self, request: &Head) -> Result<(), Broken> {
        let status = match request.method() {
            Some("OPTIONS" | "GET_PARAMETER") => "200 OK",
            _ => "501 Not Implemented",
        };
        let number = request.number().unwrap_or_default();
        self.connection.send(&format!("RTSP/1.0 {status}\r\nCSeq: {number}\r\n\r\n"))
    }
}

impl Answer {
    /// An error unless the camera does what it was asked for.
    pub(super) fn accepted(self, method: &str) -> Result<Self, Refusal> {
        match self.head.status() {
            Some(200..300) => Ok(self),
            status => {
                let status = status.unwrap_or_default();
                Err(Refusal::Unsuitable(format!("it answers {method} with {status}")))
            }
        }
    }
}

const UNAUTHORIZED: u16 = 401;
/// Without credentials, with them, and once more when a number of the camera's was too old.
const MAX_TRIES: usize = 3;
