//! Delivers to an MQTT 5 broker.

use std::collections::VecDeque;
use std::fmt;
use std::mem::replace;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::v5::{
    DisconnectReasonCode, LastWill, Packet, PubAck, PubAckReason, Publish, PublishProperties,
};
use rumqttc::v5::mqttbytes::{self, QoS, valid_topic};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::record::{MAX_NAME, Record};
use crate::sink::{DeliveryError, ResultSink};

/// Publishes records to an MQTT 5 broker with quality of service 1: those of a stream to the topic `PREFIX/STREAM`, with the
/// content type `application/json` and a user property `id`, the record's [`Record::id`]. TLS is not there yet.
///
/// A record is delivered when the broker has acknowledged it; what becomes of it then is up to the broker, which may forget
/// what nobody has subscribed to, or what it has not saved when it is killed. Each is delivered at least once, and those of a
/// stream in order: where some come again because their acknowledgement was lost, all behind them come again as well. One that
/// is too large for the broker is refused; it may be named so at the second attempt only.
///
/// A retained message says whether the sink is there: `online` once it is connected, and `offline` when it is closed or its
/// connection is lost. It connects when there is something to deliver.
pub struct MqttSink {
    host: String,
    port: u16,
    client_id: String,
    login: Option<Login>,
    prefix: String,
    status: Status,
    keep_alive: Duration,
    in_flight: u16,
    connection: Option<Connection>,
    /// The last delivery did not end well.
    is_careful: bool,
}

struct Login {
    user: String,
    password: String,
}

enum Status {
    OfClient,
    At(String),
    Off,
}

impl MqttSink {
    /// For the broker at that port of a host. No two clients of a broker may have the same id at a time: the later one ends
    /// the connection of the other.
    pub fn new(host: impl Into<String>, port: u16, client_id: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            client_id: client_id.into(),
            login: None,
            prefix: "streamsdk/results".into(),
            status: Status::OfClient,
            keep_alive: Duration::from_secs(30),
            in_flight: 100,
            connection: None,
            is_careful: false,
        }
    }

    /// Who it is to the broker. Default is nobody.
    #[must_use]
    pub fn login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Some(Login { user: user.into(), password: password.into() });
        self
    }

    /// What the topics of records begin with. Default is `streamsdk/results`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The topic of the message that says whether the sink is there. Default is `PREFIX-status/CLIENT_ID`.
    #[must_use]
    pub fn status_topic(mut self, topic: impl Into<String>) -> Self {
        self.status = Status::At(topic.into());
        self
    }

    /// Says nowhere whether the sink is there, for a broker that keeps no messages or does not allow this one. Default is to
    /// say it.
    #[must_use]
    pub fn without_status(mut self) -> Self {
        self.status = Status::Off;
        self
    }

    /// How often the broker is asked whether it is there; it says `offline` when it has heard nothing for one and a half times
    /// as long. From 5 s to 18 hours. Default is 30 s.
    #[must_use]
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        let [least, most] = [5, u16::MAX.into()].map(Duration::from_secs);
        self.keep_alive = interval.clamp(least, most);
        self
    }

    /// How many records may wait for their acknowledgement at once, if the broker allows as many. With 1 the order is kept
    /// even by a broker that refuses a record for a moment and takes the next one; each takes a round trip then. Default is
    /// 100.
    #[must_use]
    pub fn in_flight(mut self, records: u16) -> Self {
        self.in_flight = records.max(1);
        self
    }

    async fn connect(&self) -> Result<Connection, DeliveryError> {
        let failed = |reason: &dyn fmt::Display| {
            let message = format!("cannot connect to {}: {reason}", self.broker());
            DeliveryError::unavailable(0, message)
        };
        let options = self.options().map_err(|reason| failed(&reason))?;
        let mut connection = Connection::start(options, self.in_flight);
        connection.established().await.map_err(|error| failed(&error))?;
        match self.say(&mut connection, "online").await {
            Ok(()) => {}
            Err(Failure::Lost(error)) => return Err(failed(&error)),
            Err(failure) => warn!(broker = self.broker(), %failure, "the status is not published"),
        }
        Ok(connection)
    }

    fn options(&self) -> Result<MqttOptions, String> {
        // The broker would choose an id, and could not know which of two connections is the later one of the same client.
        if self.client_id.is_empty() {
            return Err("the client's id is empty".into());
        }
        let status = self.status();
        let bytes_of_name = MAX_NAME + "/".len();
        for (topic, more) in [(Some(&self.prefix), bytes_of_name), (status.as_ref(), 0)] {
            let Some(topic) = topic else { continue };
            let has_room = topic.len() + more <= usize::from(u16::MAX);
            if topic.is_empty() || topic.contains('\0') || !valid_topic(topic) || !has_room {
                return Err(format!("{topic:?} is no topic to publish to"));
            }
        }
        let mut options = MqttOptions::new(&self.client_id, &self.host, self.port);
        // Nothing of an earlier connection is left, here or there.
        options.set_clean_start(true);
        options.set_keep_alive(self.keep_alive);
        options.set_outgoing_inflight_upper_limit(self.in_flight);
        // Else a record waits for the acknowledgement of the packet before.
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        if let Some(Login { user, password }) = &self.login {
            options.set_credentials(user, password);
        }
        if let Some(topic) = status {
            options.set_last_will(LastWill::new(topic, "offline", QoS::AtLeastOnce, true, None));
        }
        Ok(options)
    }

    /// The topic of the message that says whether the sink is there.
    fn status(&self) -> Option<String> {
        match &self.status {
            Status::OfClient => Some(format!("{}-status/{}", self.prefix, self.client_id)),
            Status::At(topic) => Some(topic.clone()),
            Status::Off => None,
        }
    }

    async fn say(&self, connection: &mut Connection, status: &'static str) -> Result<(), Failure> {
        let Some(topic) = self.status() else { return Ok(()) };
        let properties = PublishProperties::default();
        let payload = Bytes::from_static(status.as_bytes());
        let message = Message { topic, payload, is_retained: true, properties };
        connection.publish(&[message], 1, 1).await.map_err(|stopped| stopped.failure)
    }

    fn message(&self, record: &Record) -> Message {
        let properties = PublishProperties {
            content_type: Some("application/json".into()),
            user_properties: vec![("id".into(), record.id())],
            ..PublishProperties::default()
        };
        Message {
            topic: format!("{}/{}", self.prefix, record.stream()),
            payload: record.payload().clone(),
            is_retained: false,
            properties,
        }
    }

    fn error(&self, batch: &[Record], stopped: Stopped) -> DeliveryError {
        let Stopped { acknowledged, is_known, failure, .. } = stopped;
        let record = batch.get(acknowledged).map(Record::id).unwrap_or_default();
        let message = format!("cannot publish {record} to {}: {failure}", self.broker());
        if is_known && failure.is_of_record() {
            return DeliveryError::refused(acknowledged, message);
        }
        DeliveryError::unavailable(acknowledged, message)
    }

    fn broker(&self) -> String {
        format!("the MQTT broker at {}:{}", self.host, self.port)
    }
}

/// Without the password.
impl fmt::Debug for MqttSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttSink")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("client_id", &self.client_id)
            .field("user", &self.login.as_ref().map(|login| &login.user))
            .field("prefix", &self.prefix)
            .field("status", &self.status())
            .field("is_connected", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ResultSink for MqttSink {
    async fn deliver(&mut self, batch: &[Record]) -> Result<(), DeliveryError> {
        // It ends with this future, and with an error, and with it all that it has not sent: so nothing of this attempt
        // comes behind what is published later. What is still on its way is not taken by the broker once this client is
        // there with another connection.
        let mut connection = match self.connection.take() {
            Some(connection) if !connection.has_ended() => connection,
            _ => self.connect().await?,
        };
        let messages: Vec<_> = batch.iter().map(|record| self.message(record)).collect();
        // After a failure, and where this future was dropped, the first goes alone: so it is known in the end which one makes
        // the broker end the connection, and none overtakes one that it does not take for a while.
        let is_careful = replace(&mut self.is_careful, true);
        let first_window = if is_careful { 1 } else { self.in_flight.into() };
        let published = connection.publish(&messages, first_window, self.in_flight.into()).await;
        let is_idle = published.as_ref().err().is_none_or(|stopped| stopped.is_idle);
        self.connection = is_idle.then_some(connection);
        self.is_careful = published.is_err();
        published.map_err(|stopped| self.error(batch, stopped))
    }

    async fn close(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let leave = async {
            self.say(&mut connection, "offline").await?;
            connection.leave().await
        };
        match timeout(CLOSE_LIMIT, leave).await {
            Ok(Ok(())) => {}
            // The broker says it then, as it is the last will.
            Ok(Err(failure)) => debug!(broker = self.broker(), %failure, "not closed in order"),
            Err(_) => debug!(broker = self.broker(), "does not answer when it is left"),
        }
    }
}

struct Message {
    topic: String,
    payload: Bytes,
    is_retained: bool,
    properties: PublishProperties,
}

impl Message {
    /// The bytes of its packet.
    fn size(&self) -> usize {
        let (payload, properties) = (self.payload.clone(), Some(self.properties.clone()));
        let packet = Publish::new(self.topic.as_str(), QoS::AtLeastOnce, payload, properties);
        // With any identifier it has the size that it will have.
        Publish { pkid: 1, ..packet }.size()
    }
}

/// Publishing went no further.
struct Stopped {
    /// So many messages are acknowledged, from the first.
    acknowledged: usize,
    /// The failure is of the next message, and not of one that was on its way behind it.
    is_known: bool,
    /// The connection is there, and nothing is on its way.
    is_idle: bool,
    failure: Failure,
}

/// Why a message was not published.
enum Failure {
    /// The connection has ended.
    Lost(ConnectionError),
    /// The broker has it and says that it does not take it.
    Denied(PubAck),
    TooLarge {
        bytes: usize,
        limit: usize,
    },
}

impl Failure {
    /// Whether it is the message that the broker does not take, now and later.
    fn is_of_record(&self) -> bool {
        match self {
            Self::TooLarge { .. } => true,
            Self::Denied(answer) => matches!(
                answer.reason,
                PubAckReason::PayloadFormatInvalid | PubAckReason::TopicNameInvalid
            ),
            Self::Lost(ConnectionError::MqttState(StateError::ServerDisconnect {
                reason_code,
                ..
            })) => matches!(
                reason_code,
                DisconnectReasonCode::PacketTooLarge
                    | DisconnectReasonCode::PayloadFormatInvalid
                    | DisconnectReasonCode::TopicNameInvalid
            ),
            Self::Lost(error) => is_too_large(error),
        }
    }
}

/// Mosquitto answers so, although an acknowledgement cannot say it: to the client it is a mistake in the protocol.
fn is_too_large(error: &ConnectionError) -> bool {
    use mqttbytes::Error::{InvalidConnectReturnCode, InvalidReason};

    const PACKET_TOO_LARGE: u8 = 0x95;

    matches!(
        error,
        ConnectionError::MqttState(StateError::Deserialization(
            InvalidReason(PACKET_TOO_LARGE) | InvalidConnectReturnCode(PACKET_TOO_LARGE),
        ))
    )
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(error) if is_too_large(error) => {
                f.write_str("it answers that it is too large")
            }
            Self::Lost(error) => error.fmt(f),
            Self::Denied(answer) => {
                write!(f, "it answers {:?}", answer.reason)?;
                let properties = answer.properties.as_ref();
                match properties.and_then(|properties| properties.reason_string.as_ref()) {
                    Some(reason) => write!(f, ", {reason:?}"),
                    None => Ok(()),
                }
            }
            Self::TooLarge { bytes, limit } => {
                write!(f, "its packet has {bytes} bytes, and at most {limit} are taken")
            }
        }
    }
}

/// One connection, which a task holds until it ends or this is dropped. It never connects again, and nothing that was to be
/// sent outlives it.
struct Connection {
    client: AsyncClient,
    seen: mpsc::UnboundedReceiver<Result<Seen, ConnectionError>>,
    task: JoinHandle<()>,
    /// The largest packet, in bytes.
    limit: usize,
}

/// What matters of all that happens to a connection.
enum Seen {
    /// With the largest packet that the broker takes.
    Established(Option<u32>),
    /// The next message is on its way, under that identifier.
    Sent(u16),
    Answered(PubAck),
    /// The broker was told that this client goes.
    Left,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    fn start(options: MqttOptions, in_flight: u16) -> Self {
        // One more is to say goodbye.
        let (client, events) = AsyncClient::new(options, usize::from(in_flight) + 1);
        let (sender, seen) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(events, sender));
        Self { client, seen, task, limit: MAX_PACKET }
    }

    async fn established(&mut self) -> Result<(), Failure> {
        loop {
            if let Seen::Established(limit) = self.next().await? {
                let limit = limit.and_then(|bytes| usize::try_from(bytes).ok());
                self.limit = limit.unwrap_or(MAX_PACKET).min(MAX_PACKET);
                return Ok(());
            }
        }
    }

    /// Publishes messages in order: so many at first without an acknowledgement, and with each that comes one more, up to
    /// `window`. Returns when all are acknowledged.
    async fn publish(
        &mut self,
        messages: &[Message],
        first_window: usize,
        window: usize,
    ) -> Result<(), Stopped> {
        let fitting = messages.iter().take_while(|message| message.size() <= self.limit).count();
        let mut given = 0;
        let mut progress = Progress::default();
        while progress.acknowledged < fitting {
            let window = window.min(first_window + progress.acknowledged);
            let end = fitting.min(progress.acknowledged + window);
            // Where it does not take one it has ended, and says so below.
            while given < end && self.give(&messages[given]) {
                given += 1;
            }
            let seen = self.next().await;
            let is_alone = given == progress.acknowledged + 1;
            let stopped = match seen.map(|seen| progress.note(seen)) {
                Ok(Ok(())) => continue,
                Ok(Err((is_known, failure))) => (is_known, is_alone, failure),
                Err(failure) => (is_alone, false, failure),
            };
            let (is_known, is_idle, failure) = stopped;
            let acknowledged = progress.acknowledged;
            return Err(Stopped { acknowledged, is_known, is_idle, failure });
        }
        let Some(too_large) = messages.get(fitting) else { return Ok(()) };
        let failure = Failure::TooLarge { bytes: too_large.size(), limit: self.limit };
        Err(Stopped { acknowledged: fitting, is_known: true, is_idle: true, failure })
    }

    fn give(&self, message: &Message) -> bool {
        let Message { topic, payload, is_retained, properties } = message;
        let (payload, properties) = (payload.clone(), properties.clone());
        self.client
            .try_publish_with_properties(
                topic.as_str(),
                QoS::AtLeastOnce,
                *is_retained,
                payload,
                properties,
            )
            .is_ok()
    }

    /// Tells the broker that this client goes, so that it does not publish the last will.
    async fn leave(&mut self) -> Result<(), Failure> {
        // Where it fails the next that is seen is why.
        let _ = self.client.try_disconnect();
        loop {
            if let Seen::Left = self.next().await? {
                return Ok(());
            }
        }
    }

    /// Whether it has ended while nothing was published.
    fn has_ended(&self) -> bool {
        !self.seen.is_empty() || self.seen.is_closed()
    }

    async fn next(&mut self) -> Result<Seen, Failure> {
        let seen = self.seen.recv().await.unwrap_or(Err(ConnectionError::RequestsDone));
        seen.map_err(Failure::Lost)
    }
}

/// Which messages are acknowledged. Their answers may come in another order.
#[derive(Default)]
struct Progress {
    /// Behind those that are acknowledged: their identifiers, and whether they are.
    sent: VecDeque<(u16, bool)>,
    acknowledged: usize,
}

impl Progress {
    /// Says with a failure whether it is of the first message that is not acknowledged.
    fn note(&mut self, seen: Seen) -> Result<(), (bool, Failure)> {
        match seen {
            Seen::Sent(id) => self.sent.push_back((id, false)),
            Seen::Answered(answer) => {
                use PubAckReason::{NoMatchingSubscribers, Success};
                if !matches!(answer.reason, Success | NoMatchingSubscribers) {
                    let is_first = self.sent.front().is_some_and(|(id, _)| *id == answer.pkid);
                    return Err((is_first, Failure::Denied(answer)));
                }
                let is_it = |(id, is_acknowledged): &&mut (u16, bool)| {
                    *id == answer.pkid && !*is_acknowledged
                };
                if let Some((_, is_acknowledged)) = self.sent.iter_mut().find(is_it) {
                    *is_acknowledged = true;
                }
                while let Some((_, true)) = self.sent.front() {
                    self.sent.pop_front();
                    self.acknowledged += 1;
                }
            }
            Seen::Established(_) | Seen::Left => {}
        }
        Ok(())
    }
}

/// Holds a connection until it ends, and tells what is seen of it.
async fn run(mut events: EventLoop, seen: mpsc::UnboundedSender<Result<Seen, ConnectionError>>) {
    loop {
        let event = match events.poll().await {
            Ok(event) => event,
            Err(error) => {
                // These came before it.
                for event in events.state.events.drain(..).filter_map(what_matters) {
                    let _ = seen.send(Ok(event));
                }
                let _ = seen.send(Err(error));
                return;
            }
        };
        let Some(event) = what_matters(event) else { continue };
        if seen.send(Ok(event)).is_err() {
            return;
        }
    }
}

fn what_matters(event: Event) -> Option<Seen> {
    match event {
        Event::Incoming(Packet::ConnAck(answer)) => {
            let limit = answer.properties.and_then(|properties| properties.max_packet_size);
            Some(Seen::Established(limit))
        }
        Event::Incoming(Packet::PubAck(answer)) => Some(Seen::Answered(answer)),
        Event::Outgoing(Outgoing::Publish(id)) => Some(Seen::Sent(id)),
        Event::Outgoing(Outgoing::Disconnect) => Some(Seen::Left),
        _ => None,
    }
}

/// The largest packet that there is: what a length of four bytes can say, and itself and the byte before.
const MAX_PACKET: usize = 268_435_455 + 5;

const CLOSE_LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(pkid: u16, reason: PubAckReason) -> Seen {
        Seen::Answered(PubAck { reason, ..PubAck::new(pkid, None) })
    }

    fn with_three_on_their_way() -> Progress {
        let mut progress = Progress::default();
        for id in [7, 8, 9] {
            assert!(progress.note(Seen::Sent(id)).is_ok());
        }
        progress
    }

    #[test]
    fn only_those_behind_which_none_is_missing_are_acknowledged() {
        let mut progress = with_three_on_their_way();
        for (id, acknowledged) in [(8, 0), (7, 2)] {
            assert!(progress.note(answer(id, PubAckReason::Success)).is_ok());
            assert_eq!(progress.acknowledged, acknowledged);
        }
        // The broker may know an identifier anew when it has answered it.
        assert!(progress.note(Seen::Sent(8)).is_ok());
        assert!(progress.note(answer(9, PubAckReason::NoMatchingSubscribers)).is_ok());
        assert!(progress.note(answer(8, PubAckReason::Success)).is_ok());
        assert_eq!(progress.acknowledged, 4);
    }

    #[test]
    fn what_is_denied_is_refused_where_it_will_always_be() {
        for (id, reason, is_first, is_of_record) in [
            (7, PubAckReason::PayloadFormatInvalid, true, true),
            (8, PubAckReason::PayloadFormatInvalid, false, true),
            (7, PubAckReason::QuotaExceeded, true, false),
            (7, PubAckReason::NotAuthorized, true, false),
        ] {
            let noted = with_three_on_their_way().note(answer(id, reason));
            let (is_known, failure) = noted.unwrap_err();
            assert_eq!((is_known, failure.is_of_record()), (is_first, is_of_record));
        }
    }
}
