//! The log of the results, which is also what tells how far each stream is.

use std::time::Duration;

use async_nats::jetstream::context::{GetStreamByNameErrorKind, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, LastRawMessageErrorKind, StorageType, Stream};
use async_nats::jetstream::{self, Context};
use streamsdk_sinks::nats::{NatsServers, NatsSink};
use streamsdk_sinks::{Place, StreamName};

use super::definition::Definition;
use super::entry::{Begin, Entry, Outcome};
use super::error::LogError;
use crate::nats::{Connection, Link};
use crate::streams::Progress;

/// What the subjects begin with, and what the log is called where there is none.
const RESULTS: &str = "results";
/// How long is waited for the log itself, which may have to be made.
const OPENING_LIMIT: Duration = Duration::from_secs(5);

/// Cloning is cheap.
#[derive(Debug, Clone)]
pub(super) struct Log {
    jetstream: Context,
    stream: Stream<()>,
    servers: NatsServers,
    link: Link,
    answer_limit: Duration,
}

/// The last that there is of a stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail {
    /// In the log; 0 where there is nothing.
    sequence: u64,
    entry: Option<Entry>,
}

impl Log {
    /// Makes it if there is none: in files, keeping everything. Answers are waited for as long as with leases that last for `ttl`.
    pub(super) async fn open(
        connection: &Connection,
        servers: &NatsServers,
        ttl: Duration,
    ) -> Result<Self, LogError> {
        let jetstream = jetstream::new(connection.client.clone());
        let opening = async {
            let name = find_or_make(&jetstream).await?;
            Self::of(&jetstream, name, connection, servers, ttl).await
        };
        let log = connection.link.answered(OPENING_LIMIT, opening).await.flatten();
        log.map_err(cannot_open)
    }

    /// The same, but that it is not made: `None` if there is none.
    pub(super) async fn find(
        connection: &Connection,
        servers: &NatsServers,
        ttl: Duration,
    ) -> Result<Option<Self>, LogError> {
        let jetstream = jetstream::new(connection.client.clone());
        let finding = async {
            match find(&jetstream).await? {
                None => Ok(None),
                Some(name) => Self::of(&jetstream, name, connection, servers, ttl).await.map(Some),
            }
        };
        let log = connection.link.answered(OPENING_LIMIT, finding).await.flatten();
        log.map_err(cannot_open)
    }

    async fn of(
        jetstream: &Context,
        name: String,
        connection: &Connection,
        servers: &NatsServers,
        ttl: Duration,
    ) -> Result<Self, String> {
        let stream = jetstream.get_stream_no_info(name).await.map_err(|error| error.to_string())?;
        Ok(Self {
            jetstream: jetstream.clone(),
            stream,
            servers: servers.clone(),
            link: connection.link.clone(),
            answer_limit: ttl / 4,
        })
    }

    /// What delivers the results of a stream, and is refused when another has begun.
    pub(super) fn sink(&self) -> NatsSink {
        NatsSink::from(self.servers.clone()).fenced(true)
    }

    /// What is the last of a stream, asked of the server that decides about writing.
    pub(super) async fn tail(&self, stream: &StreamName) -> Result<Tail, LogError> {
        let failed = |what| LogError { tried: format!("see how far {stream} is"), what };
        let subject = subject(stream);
        let get = self.stream.get_last_raw_message_by_subject(&subject);
        match self.link.answered(self.answer_limit, get).await {
            Ok(Ok(message)) => match Entry::read(&message.payload) {
                Some(entry) => Ok(Tail { sequence: message.sequence, entry: Some(entry) }),
                None => Err(failed("the last message of its subject is none of ours".into())),
            },
            Ok(Err(error)) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                Ok(Tail::default())
            }
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(what) => Err(failed(what)),
        }
    }

    /// Says that this node runs the stream from now on: what anybody else still delivers is refused from then on. Returns how far
    /// the stream is. The epoch is that of the lease, or a later one where the log has that already.
    pub(super) async fn begin(
        &self,
        stream: &StreamName,
        tail: &Tail,
        definition: &Definition,
        node: &StreamName,
        epoch: u64,
    ) -> Result<Progress, LogError> {
        let failed = |what| LogError { tried: format!("begin {stream}"), what };
        let last = tail.entry.as_ref().map_or(Some(0), |entry| entry.epoch().checked_add(1));
        let Some(after_last) = last else {
            return Err(failed("somebody has written the last epoch that there can be".into()));
        };
        let epoch = epoch.max(after_last);
        let frame = tail.entry.as_ref().map_or(0, |entry| entry.frame(&definition.work));
        let file_after = definition.is_file().then_some(frame);
        let begin = Begin {
            node: node.to_string(),
            work: definition.work.clone(),
            after_frame: file_after.filter(|frame| *frame > 0),
        };
        let place = Place { epoch, sequence: 0 };
        let message = PublishMessage::build()
            .payload(begin.to_json(stream, epoch).into())
            .message_id(format!("{stream}/{place}"))
            .expected_last_subject_sequence(tail.sequence);
        let publish = async { self.jetstream.send_publish(subject(stream), message).await?.await };
        match self.link.answered(self.answer_limit, publish).await {
            Ok(Ok(_)) => Ok(Progress::behind(place, definition.work.clone(), file_after)),
            Ok(Err(error)) if error.kind() == PublishErrorKind::WrongLastSequence => {
                Err(failed("somebody else has written to it at the same time".into()))
            }
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(what) => Err(failed(what)),
        }
    }
}

impl Tail {
    /// What has become of that work, if it has ended.
    pub(super) fn outcome(&self, work: &str) -> Option<Outcome> {
        self.entry.as_ref()?.outcome(work)
    }

    /// The epoch of the last entry, and the last frame of that work.
    pub(super) fn reached(&self, work: &str) -> Option<(u64, u32)> {
        self.entry.as_ref().map(|entry| (entry.epoch(), entry.frame(work)))
    }
}

fn subject(stream: &StreamName) -> String {
    format!("{RESULTS}.{stream}")
}

fn cannot_open(what: String) -> LogError {
    LogError { tried: format!("use the log of {RESULTS}.>"), what }
}

/// What the log is called; `None` if there is none.
async fn find(jetstream: &Context) -> Result<Option<String>, String> {
    // Any subject of a stream will do.
    match jetstream.stream_by_subject(format!("{RESULTS}.any")).await {
        Ok(name) => Ok(Some(name)),
        Err(error) if error.kind() == GetStreamByNameErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

async fn find_or_make(jetstream: &Context) -> Result<String, String> {
    if let Some(name) = find(jetstream).await? {
        return Ok(name);
    }
    let config = Config {
        name: RESULTS.into(),
        subjects: vec![format!("{RESULTS}.>")],
        storage: StorageType::File,
        ..Config::default()
    };
    // Another node may have made it at the same moment: then it is as this one would make it.
    let made = jetstream.get_or_create_stream(config).await;
    made.map(|_| RESULTS.to_owned()).map_err(|error| error.to_string())
}
