//! One connection to an MQTT broker, and what is published over it.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::v5::{
    DisconnectReasonCode, Packet, PubAck, PubAckReason, Publish, PublishProperties,
};
use rumqttc::v5::mqttbytes::{self, QoS};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) is_retained: bool,
    pub(super) properties: PublishProperties,
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
pub(super) struct Stopped {
    /// So many messages are acknowledged, from the first.
    pub(super) acknowledged: usize,
    /// The failure is of the next message, and not of one that was on its way behind it.
    pub(super) is_known: bool,
    /// The connection is there, and nothing is on its way.
    pub(super) is_idle: bool,
    pub(super) failure: Failure,
}

/// Why a message was not published.
pub(super) enum Failure {
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
    pub(super) fn is_of_record(&self) -> bool {
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
pub(super) struct Connection {
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
    pub(super) fn start(options: MqttOptions, in_flight: u16) -> Self {
        // One more is to say goodbye.
        let (client, events) = AsyncClient::new(options, usize::from(in_flight) + 1);
        let (sender, seen) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(events, sender));
        Self { client, seen, task, limit: MAX_PACKET }
    }

    pub(super) async fn established(&mut self) -> Result<(), Failure> {
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
    pub(super) async fn publish(
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
    pub(super) async fn leave(&mut self) -> Result<(), Failure> {
        // Where it fails the next that is seen is why.
        let _ = self.client.try_disconnect();
        loop {
            if let Seen::Left = self.next().await? {
                return Ok(());
            }
        }
    }

    /// Whether it has ended while nothing was published.
    pub(super) fn has_ended(&self) -> bool {
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
