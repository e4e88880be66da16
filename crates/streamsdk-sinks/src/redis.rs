//! Delivers to Redis Streams.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, Pipeline, RedisError, ServerError,
    ServerErrorKind, Value,
};
use async_trait::async_trait;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::record::Record;
use crate::sink::{DeliveryError, ResultSink};
use crate::tls::Tls;

/// Adds records to the streams of a Redis server: one stream for each of ours, at the key `PREFIX:STREAM`. An entry has one
/// field, `payload`, and its id is the record's place, `EPOCH-SEQUENCE`. A Redis Cluster is not for it.
///
/// A record is delivered when the server has said that it has it. One that comes again is known by its id and not added
/// twice: each is there exactly once, and those of a stream are in order. This is so while
///
/// - nobody else writes to these keys, because a record whose id is below one that somebody else has added counts as one
///   that is there already;
/// - the server does not lose what it has said it has: `appendfsync always` keeps it through a crash, and a failover to
///   another server may lose some in any case.
///
/// A batch is one transaction, so that the server never takes a record while it cannot take the one before. The user needs
/// the commands `MULTI`, `EXEC` and `XADD`.
pub struct RedisSink {
    client: Client,
    encryption: Option<Encryption>,
    prefix: String,
    max_len: Option<u64>,
    max_payload: usize,
    connection: Option<MultiplexedConnection>,
}

/// How a server is reached that has TLS. The client library would make its own settings, with whatever cryptography the program
/// has chosen, or fail where it has chosen none.
struct Encryption {
    host: String,
    port: u16,
    name: ServerName<'static>,
    connector: TlsConnector,
}

/// A URL that does not say where a Redis server is, or one that cannot be reached so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no URL of a Redis server: {0}")]
pub struct InvalidUrl(String);

impl RedisSink {
    /// For the server at a URL like `redis://user:password@host:6379/0`, of which all but the host may be left out; it begins
    /// with `rediss://` where the server has TLS. Connects when there is something to deliver.
    ///
    /// # Errors
    ///
    /// If the URL is none, or there is no TLS to be had.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        Self::with_tls(url, &Tls::new())
    }

    /// The same, with what says whom `rediss://` trusts, and who this program is to the server.
    ///
    /// # Errors
    ///
    /// If the URL is none, or there is no TLS to be had.
    pub fn with_tls(url: &str, tls: &Tls) -> Result<Self, InvalidUrl> {
        let encrypted = url.strip_prefix("rediss://").map(|rest| format!("redis://{rest}"));
        let client = Client::open(encrypted.as_deref().unwrap_or(url))
            .map_err(|error| InvalidUrl(error.to_string()))?;
        // It would mean that anybody may answer.
        if encrypted.is_some() && url.contains('#') {
            return Err(InvalidUrl("nothing may follow a # with TLS".to_owned()));
        }
        let encryption = encrypted.map(|_| Encryption::of(&client, tls)).transpose()?;
        Ok(Self {
            client,
            encryption,
            prefix: "streamsdk:results".into(),
            max_len: None,
            max_payload: 512 << 20,
            connection: None,
        })
    }

    /// What the keys begin with. Default is `streamsdk:results`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// About how many entries a stream keeps; the server drops older ones when that is little work. Default is all.
    #[must_use]
    pub fn max_len(mut self, entries: u64) -> Self {
        self.max_len = Some(entries);
        self
    }

    /// The most bytes of a payload; a record with more is refused. The server closes the connection when one is larger than
    /// its `proto-max-bulk-len`, so this should not be above that. Default is 512 MiB, as it is there.
    #[must_use]
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    /// Adds records that all have a size that the server takes.
    async fn add(&mut self, batch: &[Record]) -> Result<(), DeliveryError> {
        if batch.is_empty() {
            return Ok(());
        }
        // It is put back when all went well. What an earlier one has still on its way does no harm: the ids say whether the
        // server has it.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let transaction = self.transaction(batch);
        let replies = connection.send_packed_commands(&transaction, 0, transaction.len()).await;
        let judged = match &replies {
            Ok(replies) => judge(replies, batch.len()),
            Err(error) => Err((0, Failure::Unavailable(error.to_string()))),
        };
        judged.map_err(|(delivered, failure)| self.error(batch, delivered, failure))?;
        self.connection = Some(connection);
        Ok(())
    }

    async fn connect(&self) -> Result<MultiplexedConnection, DeliveryError> {
        // Whoever delivers says how long an answer may take.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(None);
        let connected = match &self.encryption {
            None => self.client.get_multiplexed_async_connection_with_config(&config).await,
            Some(encryption) => {
                let connecting = self.connect_encrypted(encryption, config);
                timeout(CONNECT_LIMIT, connecting).await.unwrap_or_else(|_| Err(too_late()))
            }
        };
        connected.map_err(|error| {
            let message = format!("cannot connect to Redis at {}: {error}", self.address());
            DeliveryError::unavailable(0, message)
        })
    }

    async fn connect_encrypted(
        &self,
        encryption: &Encryption,
        config: AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, RedisError> {
        let Encryption { host, port, name, connector } = encryption;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        // Else a batch waits for the acknowledgement of the packet before.
        stream.set_nodelay(true)?;
        let stream = connector.connect(name.clone(), stream).await?;
        let settings = self.client.get_connection_info().redis_settings();
        let (connection, driver) =
            MultiplexedConnection::new_with_config(settings, stream, config).await?;
        // It ends with the connection.
        tokio::spawn(driver);
        Ok(connection)
    }

    fn transaction(&self, batch: &[Record]) -> Pipeline {
        // Not an `atomic` one, which has one answer for all where we want each.
        let mut commands = Pipeline::with_capacity(batch.len() + 2);
        commands.cmd("MULTI");
        for record in batch {
            commands.cmd("XADD").arg(self.key(record));
            if let Some(entries) = self.max_len {
                commands.arg("MAXLEN").arg("~").arg(entries);
            }
            let id = record.place().to_string();
            commands.arg(id).arg("payload").arg(record.payload().as_ref());
        }
        commands.cmd("EXEC");
        commands
    }

    fn key(&self, record: &Record) -> String {
        format!("{}:{}", self.prefix, record.stream())
    }

    fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    fn error(&self, batch: &[Record], delivered: usize, failure: Failure) -> DeliveryError {
        let record = batch.get(delivered).map(Record::id).unwrap_or_default();
        let tried = format!("cannot add {record} to Redis at {}", self.address());
        match failure {
            Failure::Unavailable(reason) => {
                DeliveryError::unavailable(delivered, format!("{tried}: {reason}"))
            }
            Failure::Refused(reason) => {
                DeliveryError::refused(delivered, format!("{tried}: {reason}"))
            }
        }
    }
}

/// Without the password.
impl fmt::Debug for RedisSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSink")
            .field("address", &self.address())
            .field("is_encrypted", &self.encryption.is_some())
            .field("prefix", &self.prefix)
            .field("max_len", &self.max_len)
            .field("max_payload", &self.max_payload)
            .field("is_connected", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ResultSink for RedisSink {
    async fn deliver(&mut self, batch: &[Record]) -> Result<(), DeliveryError> {
        let is_fitting = |record: &&Record| record.payload().len() <= self.max_payload;
        let fitting = batch.iter().take_while(is_fitting).count();
        self.add(&batch[..fitting]).await?;
        let Some(too_large) = batch.get(fitting) else { return Ok(()) };
        let (bytes, limit) = (too_large.payload().len(), self.max_payload);
        let reason = format!("its payload has {bytes} bytes, and at most {limit} are taken");
        Err(self.error(batch, fitting, Failure::Refused(reason)))
    }

    async fn close(&mut self) {
        self.connection = None;
    }
}

impl Encryption {
    fn of(client: &Client, tls: &Tls) -> Result<Self, InvalidUrl> {
        let ConnectionAddr::Tcp(host, port) = client.get_connection_info().addr() else {
            return Err(InvalidUrl("TLS needs a host".to_owned()));
        };
        let name = ServerName::try_from(host.clone());
        let name = name.map_err(|error| InvalidUrl(format!("{host}: {error}")))?;
        let config = tls.config(true).map_err(|error| InvalidUrl(error.to_string()))?;
        let (host, port, connector) = (host.clone(), *port, Arc::new(config).into());
        Ok(Self { host, port, name, connector })
    }
}

fn too_late() -> RedisError {
    io::Error::new(io::ErrorKind::TimedOut, format!("not connected within {CONNECT_LIMIT:?}"))
        .into()
}

#[derive(Debug, PartialEq)]
enum Failure {
    Unavailable(String),
    Refused(String),
}

/// What the replies to a transaction of so many records say: whether the server has all, or why not the one behind those that
/// it has.
fn judge(replies: &[Value], records: usize) -> Result<(), (usize, Failure)> {
    let added = match replies.last() {
        Some(Value::Array(added)) if added.len() == records => added,
        _ => return Err((0, Failure::Unavailable(why_not_executed(replies)))),
    };
    for (delivered, reply) in added.iter().enumerate() {
        match reply {
            Value::BulkString(_) | Value::SimpleString(_) => {}
            Value::ServerError(error) if is_there_already(error) => {}
            Value::ServerError(error) if is_never_taken(error) => {
                return Err((delivered, Failure::Refused(text(error))));
            }
            Value::ServerError(error) => {
                return Err((delivered, Failure::Unavailable(text(error))));
            }
            _ => return Err((delivered, Failure::Unavailable(UNEXPECTED.into()))),
        }
    }
    Ok(())
}

/// The first error is the reason of those behind it.
fn why_not_executed(replies: &[Value]) -> String {
    let error = replies.iter().find_map(|reply| match reply {
        Value::ServerError(error) => Some(text(error)),
        _ => None,
    });
    error.unwrap_or_else(|| UNEXPECTED.into())
}

/// There is no code for it but the one that most errors have.
fn is_there_already(error: &ServerError) -> bool {
    let is_said = |details: &str| details.starts_with(IS_THERE_ALREADY);
    error.kind() == Some(ServerErrorKind::ResponseError) && error.details().is_some_and(is_said)
}

/// An id that cannot be.
fn is_never_taken(error: &ServerError) -> bool {
    let is_said = |details: &str| details.starts_with("The ID specified in XADD must be greater");
    error.kind() == Some(ServerErrorKind::ResponseError) && error.details().is_some_and(is_said)
}

fn text(error: &ServerError) -> String {
    format!("{} {}", error.code(), error.details().unwrap_or_default())
}

const IS_THERE_ALREADY: &str =
    "The ID specified in XADD is equal or smaller than the target stream top item";

const UNEXPECTED: &str = "an answer that XADD does not have";

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use ::redis::parse_redis_value;

    use super::*;

    fn judged(replies: &[&str], records: usize) -> Result<(), (usize, Failure)> {
        let parsed = replies.iter().map(|reply| parse_redis_value(reply.as_bytes()).unwrap());
        judge(&parsed.collect::<Vec<_>>(), records)
    }

    #[test]
    fn only_what_the_server_has_is_delivered() {
        let queued = ["+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n"];
        let with = |executed: &str| judged(&[queued.as_slice(), &[executed]].concat(), 2);
        let there = format!("-ERR {IS_THERE_ALREADY}\r\n");

        assert_eq!(with("*2\r\n$3\r\n1-1\r\n$3\r\n1-2\r\n"), Ok(()));
        assert_eq!(with(&format!("*2\r\n{there}$3\r\n1-2\r\n")), Ok(()));
        let (delivered, failure) = with(&format!("*2\r\n{there}-ERR another\r\n")).unwrap_err();
        assert_eq!((delivered, failure), (1, Failure::Unavailable("ERR another".into())));
        let wrong_type = "*2\r\n-WRONGTYPE it is a list\r\n$3\r\n1-2\r\n";
        let (delivered, failure) = with(wrong_type).unwrap_err();
        assert_eq!(
            (delivered, failure),
            (0, Failure::Unavailable("WRONGTYPE it is a list".into()))
        );
        let zero = "*2\r\n-ERR The ID specified in XADD must be greater than 0-0\r\n$3\r\n0-1\r\n";
        assert!(matches!(with(zero), Err((0, Failure::Refused(_)))));
        // Not what was asked for.
        assert!(with("*1\r\n$3\r\n1-1\r\n").is_err() && with("*2\r\n:1\r\n:2\r\n").is_err());
    }

    #[test]
    fn the_reason_is_told_when_nothing_was_executed() {
        let replies =
            ["+OK\r\n", "-OOM no memory\r\n", "-EXECABORT Transaction discarded because of …\r\n"];
        assert_eq!(judged(&replies, 1), Err((0, Failure::Unavailable("OOM no memory".into()))));
    }

    #[test]
    fn secrets_are_not_shown() {
        let sink = RedisSink::new("redis://me:hunter2@localhost/0").unwrap();
        assert!(!format!("{sink:?}").contains("hunter2"));
        for url in
            ["http://:hunter2@host", "rediss://:hunter2@host#insecure", "redis://:hunter2@host/x"]
        {
            let error = RedisSink::new(url).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
