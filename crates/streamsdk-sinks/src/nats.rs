//! Delivers to NATS JetStream.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::error::Error as _;
use std::fmt;
use std::mem;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Event;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::context::{
    Context, GetStreamByNameErrorKind, PublishAckFuture, PublishError, PublishErrorKind,
};
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::{
    Config, LastRawMessageErrorKind, RawMessageError, StorageType, Stream,
};
use async_nats::jetstream::{self, ErrorCode};
use async_trait::async_trait;
use futures::future::{Either, select, try_join_all};
use thiserror::Error;
use tokio::sync::watch;

pub use crate::nats_servers::{InvalidNatsServers, NatsServers};

use crate::record::{Place, Record, StreamName};
use crate::sink::{DeliveryError, DeliveryErrorKind, ResultSink};
use crate::tls::Tls;

/// Publishes records to a stream of NATS JetStream: each to the subject `PREFIX.STREAM`, with its
/// [`id`](Record::id) in the header `Nats-Msg-Id`. Servers from 2.9 on will do.
///
/// A record is delivered when JetStream has said that it has stored it. It is there exactly once, and those of a stream are
/// in order, also when this program, the connection or the server ends at any time and however long that lasts. This is so
/// while
///
/// - one program at a time delivers the records of an epoch, in order;
/// - JetStream still has the last record of each epoch that is delivered again. Where it has not, as in a work queue that is
///   empty or after `max_age`, a record that comes again within the stream's duplicate window is dropped, and one that comes
///   later is there twice;
/// - the server does not lose what it has said it has: JetStream writes to the disk every two minutes unless it is told to
///   `sync` always, which matters when the machine fails, not the server alone.
///
/// A stream that takes the subjects must exist, unless [`create_stream`](Self::create_stream) makes it. The user may need
/// the permission to publish to `$JS.API.STREAM.NAMES` and `$JS.API.STREAM.MSG.GET.*` besides `PREFIX.*`, and to
/// `$JS.API.STREAM.CREATE.*` to make one.
pub struct NatsSink {
    servers: NatsServers,
    prefix: String,
    creates_stream: bool,
    duplicate_window: Duration,
    is_fenced: bool,
    connection: Option<Connection>,
}

/// A sink that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot deliver to NATS: {0}")]
pub struct NatsSinkError(String);

impl NatsSink {
    /// For the servers of one cluster, with commas between them: `nats://host:4222`, or `tls://host:4222` where TLS must be.
    /// A server that wants TLS gets it in any case, and is trusted if the system trusts it. Connects when there is something
    /// to deliver.
    ///
    /// # Errors
    ///
    /// If one is no such address or has a user in it, or there is no TLS to be had.
    pub fn new(servers: &str) -> Result<Self, NatsSinkError> {
        Self::with_tls(servers, &Tls::new())
    }

    /// The same, with what says whom TLS trusts, and who this program is to the servers.
    ///
    /// # Errors
    ///
    /// If one is no such address or has a user in it, or there is no TLS to be had.
    pub fn with_tls(servers: &str, tls: &Tls) -> Result<Self, NatsSinkError> {
        let servers = NatsServers::with_tls(servers, tls);
        Ok(servers.map_err(|error| NatsSinkError(error.to_string()))?.into())
    }

    /// What the subjects begin with. Default is `results`.
    ///
    /// # Errors
    ///
    /// If no subject can begin so.
    pub fn prefix(mut self, prefix: &str) -> Result<Self, NatsSinkError> {
        let is_token = |token: &str| {
            let is_allowed = |symbol: char| symbol.is_ascii_graphic() && !"*>".contains(symbol);
            !token.is_empty() && token.chars().all(is_allowed)
        };
        if !prefix.split('.').all(is_token) {
            return Err(NatsSinkError(format!("no subject can begin with {prefix:?}")));
        }
        self.prefix = prefix.into();
        Ok(self)
    }

    /// Who connects. Default is nobody in particular.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.servers = self.servers.user(name, password);
        self
    }

    /// Connects with a token.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.servers = self.servers.token(token);
        self
    }

    /// Connects with the credentials in a file, as `nsc` writes them. It is read for each connection.
    #[must_use]
    pub fn credentials_file(mut self, path: impl AsRef<Path>) -> Self {
        self.servers = self.servers.credentials_file(path);
        self
    }

    /// Whether a stream for `PREFIX.>` is made where none takes the subject of a record. It is called like the prefix, with
    /// `_` for the dots, keeps everything, and keeps it in files. Default is not.
    #[must_use]
    pub fn create_stream(mut self, is_created: bool) -> Self {
        self.creates_stream = is_created;
        self
    }

    /// Whether a record is refused that belongs behind another but is of an older epoch: whoever delivers it does not run the
    /// stream any more. Default is not: it is stored, such as one that has waited in a spool since an earlier run.
    #[must_use]
    pub fn fenced(mut self, is_fenced: bool) -> Self {
        self.is_fenced = is_fenced;
        self
    }

    /// How long a stream that is made recognizes records by their ids. Default is 2 minutes.
    #[must_use]
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.duplicate_window = window;
        self
    }

    async fn connect(&self) -> Result<Connection, DeliveryError> {
        let (was_lost, is_lost) = watch::channel(false);
        let was_lost = Arc::new(was_lost);
        let connecting = self.servers.connect(|options| {
            options
                .event_callback(move |event| {
                    let was_lost = was_lost.clone();
                    async move {
                        if event == Event::Disconnected {
                            was_lost.send_replace(true);
                        }
                    }
                })
                // One round of the servers: a client that goes on by itself is of no use, because nobody answers any more to
                // what was under way.
                .max_reconnects(self.servers.count())
        });
        let client = connecting.await.map_err(|what| {
            let message = format!("cannot connect to NATS at {}: {what}", self.servers);
            DeliveryError::unavailable(0, message)
        })?;
        Ok(Connection {
            jetstream: jetstream::new(client),
            is_lost,
            prefix: self.prefix.clone(),
            new_stream: self.creates_stream.then(|| self.new_stream()),
            is_fenced: self.is_fenced,
            tails: HashMap::new(),
        })
    }

    fn new_stream(&self) -> Config {
        Config {
            name: self.prefix.replace('.', "_"),
            subjects: vec![format!("{}.>", self.prefix)],
            storage: StorageType::File,
            duplicate_window: self.duplicate_window,
            ..Config::default()
        }
    }
}

/// As of [`NatsSink::new`].
impl From<NatsServers> for NatsSink {
    fn from(servers: NatsServers) -> Self {
        Self {
            servers,
            prefix: "results".into(),
            creates_stream: false,
            duplicate_window: Duration::from_secs(120),
            is_fenced: false,
            connection: None,
        }
    }
}

#[async_trait]
impl ResultSink for NatsSink {
    async fn deliver(&mut self, batch: &[Record]) -> Result<(), DeliveryError> {
        // It is put back when all that was sent is answered, and not when this future is dropped: then nobody knows what
        // became of it, and the next connection asks.
        let mut connection = match self.connection.take().filter(Connection::is_up) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let outcome = connection.deliver(batch).await;
        let is_unavailable = |error: &DeliveryError| error.kind() == DeliveryErrorKind::Unavailable;
        if !outcome.as_ref().is_err_and(is_unavailable) {
            self.connection = Some(connection);
        }
        outcome
    }

    async fn close(&mut self) {
        self.connection = None;
    }
}

impl fmt::Debug for NatsSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsSink")
            .field("servers", &self.servers.to_string())
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// A connection, and what it knows of the streams.
struct Connection {
    jetstream: Context,
    /// Whether it has broken, even if the client has another by now.
    is_lost: watch::Receiver<bool>,
    prefix: String,
    new_stream: Option<Config>,
    is_fenced: bool,
    tails: HashMap<StreamName, Tail>,
}

/// The end of what JetStream has of one of our streams.
struct Tail {
    stream: StreamName,
    subject: String,
    log: Stream<()>,
    /// The sequence in the log of the last message, 0 where there is none. `None` until JetStream has answered to something
    /// that was sent: the log may be one that it is still making, and a server up to 2.9 ends when it is asked for a message
    /// of such a one.
    sequence: Option<u64>,
    /// The place of the record that the last message is.
    place: Option<Place>,
    /// How many records are sent at once.
    run: usize,
}

/// The records of one of our streams in a batch.
///
/// They are sent in runs, of which each message says what must be true for it to be stored: the first, which message of its
/// subject is the last; each further one, that the one before it in the run is the last in the whole log. So if one is not
/// stored, whyever, none that follows is, and none is ever stored behind a newer one: neither what the client sends again
/// when it has reconnected, nor what a connection that was given up still had under way, nor what comes after a record for
/// which the log had no room. Messages of others that come in between break a run, and the rest goes again.
struct Lane<'a> {
    /// Those that are not delivered yet, with their indexes in the batch.
    records: VecDeque<(usize, &'a Record)>,
    tail: Tail,
    is_fenced: bool,
    answers: Vec<Result<PublishAckFuture, PublishError>>,
    wrong_tails: u32,
    failure: Option<Failure>,
}

enum Failure {
    Unavailable(String),
    Refused(String),
}

impl Connection {
    fn is_up(&self) -> bool {
        !*self.is_lost.borrow()
    }

    async fn deliver(&mut self, batch: &[Record]) -> Result<(), DeliveryError> {
        for (number, part) in batch.chunks(MAX_RUN).enumerate() {
            self.deliver_part(number * MAX_RUN, part).await?;
        }
        Ok(())
    }

    async fn deliver_part(&mut self, first: usize, part: &[Record]) -> Result<(), DeliveryError> {
        let lanes = self.lanes(first, part).await;
        let mut lanes = lanes.map_err(|what| DeliveryError::unavailable(first, what))?;
        while lanes.iter().any(Lane::is_open) {
            // All are on their way before the first is waited for.
            for lane in lanes.iter_mut().filter(|lane| lane.is_open()) {
                lane.send(&self.jetstream).await;
            }
            for lane in lanes.iter_mut().filter(|lane| lane.is_open()) {
                lane.take_answers(&mut self.is_lost).await;
            }
        }
        let failed = lanes.iter_mut().filter_map(Lane::take_failure).min_by_key(|failed| failed.0);
        self.tails.extend(lanes.into_iter().map(|lane| (lane.tail.stream.clone(), lane.tail)));
        match failed {
            None => Ok(()),
            Some((index, Failure::Unavailable(what))) => {
                Err(DeliveryError::unavailable(index, what))
            }
            Some((index, Failure::Refused(what))) => Err(DeliveryError::refused(index, what)),
        }
    }

    async fn lanes<'a>(
        &mut self,
        first: usize,
        part: &'a [Record],
    ) -> Result<Vec<Lane<'a>>, String> {
        let mut streams: BTreeMap<&StreamName, VecDeque<_>> = BTreeMap::new();
        for (index, record) in part.iter().enumerate() {
            streams.entry(record.stream()).or_default().push_back((first + index, record));
        }
        let known: Vec<_> = streams.keys().map(|stream| self.tails.remove(*stream)).collect();
        let this = &*self;
        try_join_all(streams.into_iter().zip(known).map(async |((stream, records), tail)| {
            let tail = match tail {
                Some(tail) => tail,
                None => this.find_tail(stream).await?,
            };
            let (answers, wrong_tails, failure) = (Vec::new(), 0, None);
            let is_fenced = this.is_fenced;
            let mut lane = Lane { records, tail, is_fenced, answers, wrong_tails, failure };
            lane.failure = lane.skip_what_is_there().await?.err();
            Ok(lane)
        }))
        .await
    }

    async fn find_tail(&self, stream: &StreamName) -> Result<Tail, String> {
        let subject = format!("{}.{stream}", self.prefix);
        let name = match self.jetstream.stream_by_subject(subject.clone()).await {
            Ok(name) => name,
            Err(error) if error.kind() == GetStreamByNameErrorKind::NotFound => {
                self.create_stream(&subject).await?
            }
            Err(error) => {
                return Err(format!(
                    "cannot ask JetStream which stream takes {subject} (is it on, and the user allowed to?): \
                     {error}"
                ));
            }
        };
        let log =
            self.jetstream.get_stream_no_info(name).await.map_err(|error| error.to_string())?;
        let (stream, place) = (stream.clone(), None);
        Ok(Tail { stream, subject, log, sequence: None, place, run: MAX_RUN })
    }

    async fn create_stream(&self, subject: &str) -> Result<String, String> {
        let prefix = &self.prefix;
        let Some(config) = &self.new_stream else {
            return Err(format!(
                "no stream of JetStream takes {subject}: make one, as with `nats stream add results \
                 --subjects '{prefix}.>'`, or let `create_stream` do it"
            ));
        };
        match self.jetstream.create_stream(config.clone()).await {
            Ok(_) => Ok(config.name.clone()),
            Err(error) => {
                Err(format!("cannot make the stream {} for {prefix}.>: {error}", config.name))
            }
        }
    }
}

impl Tail {
    /// Asks JetStream.
    async fn look(&mut self) -> Result<(), String> {
        let last = self.log.get_last_raw_message_by_subject(&self.subject).await;
        let last = self.found(last)?;
        self.sequence = Some(last.as_ref().map_or(0, |message| message.sequence));
        self.place = last.and_then(|message| self.place_of(&message));
        Ok(())
    }

    /// Whether a record with that place is there.
    async fn has(&mut self, place: Place) -> Result<bool, String> {
        let Some(last) = self.place else { return Ok(false) };
        if place.epoch >= last.epoch {
            return Ok(place <= last);
        }
        // Not what comes late from somebody whose epoch is over: only what was there.
        let last_then = self.last_of_epoch(place.epoch).await?;
        Ok(last_then.is_some_and(|last_then| place <= last_then))
    }

    /// The place of the last record of an epoch that is over, by bisection.
    async fn last_of_epoch(&self, epoch: u64) -> Result<Option<Place>, String> {
        let (mut last, mut after, mut before) = (None, 0, self.sequence.unwrap_or_default());
        while after + 1 < before {
            let middle = after + (before - after) / 2;
            let request = self.log.raw_message_builder();
            let message = request.sequence(middle).next_by_subject(&*self.subject).send().await;
            let message = self.found(message)?;
            let place = message.as_ref().and_then(|message| self.place_of(message));
            match (message, place) {
                (Some(message), Some(place)) if place.epoch <= epoch => {
                    (last, after) = (Some(place), message.sequence);
                }
                _ => before = middle,
            }
        }
        Ok(last.filter(|last| last.epoch == epoch))
    }

    fn found(
        &self,
        message: Result<StreamMessage, RawMessageError>,
    ) -> Result<Option<StreamMessage>, String> {
        match message {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => {
                Err(format!("cannot ask JetStream what it has of {}: {error}", self.subject))
            }
        }
    }

    fn place_of(&self, message: &StreamMessage) -> Option<Place> {
        let id = message.headers.get(NATS_MESSAGE_ID)?.as_str();
        let place = id.strip_prefix(self.stream.as_str())?.strip_prefix('/')?;
        let (epoch, sequence) = place.split_once('-')?;
        Some(Place { epoch: epoch.parse().ok()?, sequence: sequence.parse().ok()? })
    }
}

impl Lane<'_> {
    fn is_open(&self) -> bool {
        !self.records.is_empty() && self.failure.is_none()
    }

    /// The inner error is that the first that is not there must not be.
    async fn skip_what_is_there(&mut self) -> Result<Result<(), Failure>, String> {
        while let Some((_, record)) = self.records.front() {
            if !self.tail.has(record.place()).await? {
                return Ok(self.check_fence(record));
            }
            self.records.pop_front();
        }
        Ok(Ok(()))
    }

    fn check_fence(&self, record: &Record) -> Result<(), Failure> {
        match self.tail.place {
            Some(last) if self.is_fenced && record.place().epoch < last.epoch => {
                let (id, epoch) = (record.id(), last.epoch);
                Err(Failure::Refused(format!("{id} comes too late: epoch {epoch} has begun")))
            }
            _ => Ok(()),
        }
    }

    async fn send(&mut self, jetstream: &Context) {
        let mut before = None;
        // One alone shows where there is nothing yet, and costs little where there is something.
        let run = if self.tail.sequence.is_some() { self.tail.run } else { 1 };
        for (_, record) in self.records.iter().take(run) {
            let id = record.id();
            let message = PublishMessage::build().payload(record.payload().clone()).message_id(&id);
            let message = match before.replace(id) {
                None => {
                    message.expected_last_subject_sequence(self.tail.sequence.unwrap_or_default())
                }
                Some(before) => message.expected_last_message_id(before),
            };
            let sent = jetstream.send_publish(self.tail.subject.clone(), message).await;
            let is_sent = sent.is_ok();
            self.answers.push(sent);
            if !is_sent {
                break;
            }
        }
    }

    async fn take_answers(&mut self, is_lost: &mut watch::Receiver<bool>) {
        for (delivered, answer) in mem::take(&mut self.answers).into_iter().enumerate() {
            let answer = match answer {
                // Those that have come count in any case.
                Ok(answer) => {
                    match select(answer.into_future(), pin!(is_lost.wait_for(|it| *it))).await {
                        Either::Left((answer, _)) => answer,
                        Either::Right(_) => Err(PublishErrorKind::BrokenPipe.into()),
                    }
                }
                Err(error) => Err(error),
            };
            let is_stored = answer.is_ok();
            let outcome = match answer {
                Ok(ack) => self.note(&ack).await,
                Err(error) => self.judge(delivered, &error).await,
            };
            self.failure = outcome.err();
            if !is_stored || self.failure.is_some() {
                return;
            }
        }
        self.tail.run = (2 * self.tail.run).min(MAX_RUN);
    }

    async fn note(&mut self, ack: &PublishAck) -> Result<(), Failure> {
        self.wrong_tails = 0;
        let Some((_, record)) = self.records.pop_front() else { return Ok(()) };
        if !ack.duplicate {
            self.tail.sequence = Some(ack.sequence);
            self.tail.place = Some(record.place());
            return Ok(());
        }
        // Of one that was there before nobody knows whether it is the last.
        if self.tail.sequence.is_none() { self.look().await } else { Ok(()) }
    }

    /// Asks what is there, and goes on behind it.
    async fn look(&mut self) -> Result<(), Failure> {
        self.tail.look().await.map_err(Failure::Unavailable)?;
        self.skip_what_is_there().await.map_err(Failure::Unavailable)?
    }

    /// Whether the rest of a run can be sent again after an error.
    async fn judge(&mut self, delivered: usize, error: &PublishError) -> Result<(), Failure> {
        let Some((_, record)) = self.records.front() else { return Ok(()) };
        let (id, subject) = (record.id(), &self.tail.subject);
        let unavailable = |what: String| Err(Failure::Unavailable(what));
        match error.kind() {
            PublishErrorKind::WrongLastMessageId if delivered > 0 => {
                // Twice as many as went well, so that one that never does costs little.
                self.tail.run = (2 * delivered).min(MAX_RUN);
                Ok(())
            }
            PublishErrorKind::WrongLastSequence if self.wrong_tails < MAX_WRONG_TAILS => {
                self.wrong_tails += 1;
                self.look().await
            }
            PublishErrorKind::WrongLastSequence => unavailable(format!(
                "somebody else publishes to {subject} at the same time: {error}"
            )),
            PublishErrorKind::StreamNotFound => {
                unavailable(format!("no stream of JetStream takes {subject} any more"))
            }
            _ if is_too_large(error) => {
                Err(Failure::Refused(format!("NATS does not take the record {id}: {error}")))
            }
            _ => unavailable(format!("publishing the record {id} to {subject}: {error}")),
        }
    }

    /// With the index of the record of which it is.
    fn take_failure(&mut self) -> Option<(usize, Failure)> {
        let failure = self.failure.take()?;
        self.records.front().map(|(index, _)| (*index, failure))
    }
}

/// For the server, or for the stream.
fn is_too_large(error: &PublishError) -> bool {
    let answer = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    error.kind() == PublishErrorKind::MaxPayloadExceeded
        || answer.map(jetstream::Error::error_code)
            == Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)
}

/// How many records are under way at once; the client lets 5000 wait for their answers.
const MAX_RUN: usize = 1000;
/// How often in a row the last message of a subject may be another one than it was a moment ago.
const MAX_WRONG_TAILS: u32 = 3;
