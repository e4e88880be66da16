//! Delivers to an MQTT 5 broker.

use std::fmt;
use std::mem::replace;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rumqttc::v5::MqttOptions;
use rumqttc::v5::mqttbytes::v5::{LastWill, PublishProperties};
use rumqttc::v5::mqttbytes::{QoS, valid_topic};
use rumqttc::{TlsConfiguration, Transport};
use rustls::ClientConfig;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::record::{MAX_NAME, Record};
use crate::sink::{DeliveryError, ResultSink};
use crate::tls::{InvalidTls, Tls};
use connection::{Connection, Failure, Message, Stopped};

mod connection;

/// Publishes records to an MQTT 5 broker with quality of service 1: those of a stream to the topic `PREFIX/STREAM`, with the
/// content type `application/json` and a user property `id`, the record's [`Record::id`].
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
    tls: Option<Arc<ClientConfig>>,
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
            tls: None,
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

    /// Connects with TLS, which brokers mostly have at port 8883. Default is not to.
    ///
    /// # Errors
    ///
    /// If there is no TLS to be had.
    pub fn tls(mut self, tls: &Tls) -> Result<Self, InvalidTls> {
        self.tls = Some(Arc::new(tls.config(true)?));
        Ok(self)
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
        if let Some(config) = &self.tls {
            let config = TlsConfiguration::Rustls(Arc::clone(config));
            options.set_transport(Transport::tls_with_config(config));
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
            .field("is_encrypted", &self.tls.is_some())
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

const CLOSE_LIMIT: Duration = Duration::from_secs(5);
