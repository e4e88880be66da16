//! Delivers to Kafka.

use std::fmt;
use std::slice;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, ClientContext};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::record::Record;
use crate::sink::{DeliveryError, ResultSink};

/// Produces records to a topic of Kafka, through librdkafka: the key is the name of the stream, so that its records are in one
/// partition, and the header `id` is the record's [`id`](Record::id). Tested against librdkafka's mock cluster only.
///
/// A record is delivered when all replicas that are in sync have it. Those of a stream are in order while the topic keeps its
/// number of partitions. What the producer sends again by itself, as after a broken connection, is there once: it is
/// idempotent. What is delivered again comes from another producer and may be there twice: after a delivery that failed, took
/// too long or was dropped, and after a restart of this program. `id` tells, and no record comes for the first time before
/// one that it follows.
///
/// As this crate builds it, librdkafka has no TLS, and of the compressions `lz4` and `snappy`. With the features `ssl`, `zstd`
/// or `libz` of `rdkafka`, which a program may switch on by depending on it, it has them.
pub struct KafkaSink {
    brokers: String,
    topic: String,
    options: Vec<(String, String)>,
    delivery_limit: Duration,
    producer: Option<FutureProducer<Context>>,
    /// Whether it may have records of which nobody knows what became.
    is_unsettled: bool,
    /// The end of the producer before. Nothing is sent until that is over.
    ending: Option<JoinHandle<()>>,
    last_error: LastError,
}

/// What librdkafka last said about brokers. While it tries it says nothing about a record.
#[derive(Clone, Default)]
struct LastError(Arc<Mutex<Option<String>>>);

/// What librdkafka calls. By default its log goes to `tracing`.
struct Context(LastError);

struct Failure {
    what: String,
    /// Whether the cluster will never take the record.
    is_refused: bool,
    /// Whether it was sent together with others, any of which may be at fault.
    is_shared: bool,
}

impl KafkaSink {
    /// For a topic of the cluster that has these brokers: `HOST:PORT`, with commas between them. Connects when there is
    /// something to deliver.
    pub fn new(brokers: impl Into<String>, topic: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            topic: topic.into(),
            options: Vec::new(),
            delivery_limit: Duration::from_secs(20),
            producer: None,
            is_unsettled: false,
            ending: None,
            last_error: LastError::default(),
        }
    }

    /// One more option of librdkafka, such as `sasl.mechanism`: whatever the cluster needs. Its value is not shown anywhere.
    /// What the promises rest on cannot be changed: `acks`, `enable.idempotence`, `enable.gapless.guarantee` and
    /// `message.timeout.ms`.
    #[must_use]
    pub fn option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }

    /// How long a delivery may take before it is given up. It should be less than the outlet's
    /// [`delivery_limit`](crate::OutletConfig::delivery_limit): here it is known what has been delivered by then. Default is
    /// 20 s.
    #[must_use]
    pub fn delivery_limit(mut self, limit: Duration) -> Self {
        self.delivery_limit = limit;
        self
    }

    /// Counts what is delivered as it goes, because it may be dropped at any time.
    async fn produce(&mut self, batch: &[Record], delivered: &mut usize) -> Result<(), Failure> {
        match self.produce_together(batch, delivered).await {
            // The cluster judges many at once, and the producer gives up all of them for one.
            Err(failure) if failure.is_shared => {}
            outcome => return outcome,
        }
        for record in &batch[*delivered..] {
            self.produce_together(slice::from_ref(record), delivered).await?;
        }
        Ok(())
    }

    async fn produce_together(
        &mut self,
        records: &[Record],
        delivered: &mut usize,
    ) -> Result<(), Failure> {
        self.end_if_unsettled().await;
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => self.start().await?,
        };
        let producer = self.producer.insert(producer);
        self.is_unsettled = true;
        let (mut reports, mut unsent) = (Vec::with_capacity(records.len()), None);
        for record in records {
            let id = record.id();
            let headers = OwnedHeaders::new().insert(Header { key: "id", value: Some(&id) });
            let message = FutureRecord::to(&self.topic)
                .key(record.stream().as_str())
                .payload(&record.payload()[..])
                .headers(headers);
            match producer.send_result(message) {
                Ok(report) => reports.push(report),
                Err((error, _)) => {
                    unsent = Some(error);
                    break;
                }
            }
        }
        for report in reports {
            let error = match report.await {
                Ok(Ok(_)) => None,
                Ok(Err((error, _))) => Some(error),
                Err(_) => Some(KafkaError::Canceled),
            };
            if let Some(error) = error {
                return Err(self.failure(&error, records.len() > 1));
            }
            *delivered += 1;
        }
        self.is_unsettled = false;
        self.last_error.set(None);
        unsent.map_or(Ok(()), |error| Err(self.failure(&error, false)))
    }

    async fn start(&self) -> Result<FutureProducer<Context>, Failure> {
        let (config, context) = (self.config(), Context(self.last_error.clone()));
        // With TLS it reads certificates.
        let start = spawn_blocking(move || config.create_with_context(context));
        match start.await {
            Ok(Ok(producer)) => Ok(producer),
            Ok(Err(error)) => Err(self.failure(&error, false)),
            Err(error) => {
                Err(Failure { what: error.to_string(), is_refused: false, is_shared: false })
            }
        }
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // How long a new topic may be unknown.
        config.set("topic.metadata.propagation.max.ms", "5000");
        for (name, value) in &self.options {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", &self.brokers)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // So that nothing is stored behind a record that is not: otherwise the producer numbers what is left anew after an
            // error, and goes on. For the same reason no message has a limit of its own, because the next may still be in
            // time: it is the producer that is given up, with all that it has.
            .set("enable.gapless.guarantee", "true")
            .set("message.timeout.ms", "0");
        config
    }

    fn failure(&self, error: &KafkaError, is_shared: bool) -> Failure {
        let code = error.rdkafka_error_code();
        let is_refused = matches!(
            code,
            Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord)
        );
        let what = match error {
            // Otherwise the value is shown.
            KafkaError::ClientConfig(_, _, name, _) => {
                format!("librdkafka does not take the option {name}, or not with that value")
            }
            error => error.to_string(),
        };
        Failure { what, is_refused, is_shared }
    }

    fn no_answer(&self) -> Failure {
        let limit = self.delivery_limit;
        let what = match self.last_error.get() {
            Some(error) => format!("no answer within {limit:?}: {error}"),
            None => format!("no answer within {limit:?}"),
        };
        Failure { what, is_refused: false, is_shared: false }
    }

    fn error(&self, batch: &[Record], delivered: usize, failure: Failure) -> DeliveryError {
        let what = self.without_values(failure.what);
        match batch.get(delivered) {
            Some(record) if failure.is_refused => {
                let message = format!("Kafka does not take the record {}: {what}", record.id());
                DeliveryError::refused(delivered, message)
            }
            _ => {
                let (topic, brokers) = (&self.topic, &self.brokers);
                let message = format!("producing to {topic} of Kafka at {brokers}: {what}");
                DeliveryError::unavailable(delivered, message)
            }
        }
    }

    /// What librdkafka says may have the values of options in it.
    fn without_values(&self, text: String) -> String {
        let values = self.options.iter().map(|(_, value)| value).filter(|value| value.len() > 3);
        values.fold(text, |text, value| text.replace(value, "…"))
    }

    /// Ends the producer if it may still send something. Whoever drops this future finds the end under way.
    async fn end_if_unsettled(&mut self) {
        if self.is_unsettled {
            self.begin_end();
        }
        if let Some(ending) = &mut self.ending {
            let _ = ending.await;
            self.ending = None;
        }
    }

    fn begin_end(&mut self) {
        self.is_unsettled = false;
        if let Some(producer) = self.producer.take() {
            // It purges what it has, and takes up to half a second.
            self.ending = Some(spawn_blocking(move || drop(producer)));
        }
    }
}

#[async_trait]
impl ResultSink for KafkaSink {
    async fn deliver(&mut self, batch: &[Record]) -> Result<(), DeliveryError> {
        let mut delivered = 0;
        let outcome = timeout(self.delivery_limit, self.produce(batch, &mut delivered)).await;
        let failure = match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failure)) => failure,
            Err(_) => self.no_answer(),
        };
        // Nothing of it is sent later.
        self.end_if_unsettled().await;
        Err(self.error(batch, delivered, failure))
    }

    async fn close(&mut self) {
        self.begin_end();
        self.end_if_unsettled().await;
    }
}

impl Drop for KafkaSink {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            // It would wait, and there may be nobody to wait here.
            let _ = thread::Builder::new().spawn(move || drop(producer));
        }
    }
}

impl fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<_> = self.options.iter().map(|(name, _)| name).collect();
        f.debug_struct("KafkaSink")
            .field("brokers", &self.brokers)
            .field("topic", &self.topic)
            .field("options", &options)
            .finish_non_exhaustive()
    }
}

impl LastError {
    fn set(&self, error: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
        // Comes after what is wrong with each of them.
        if error != KafkaError::Global(RDKafkaErrorCode::AllBrokersDown) {
            self.0.set(Some(reason.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_cannot_change_what_the_promises_rest_on() {
        let names =
            ["acks", "enable.idempotence", "enable.gapless.guarantee", "message.timeout.ms"];
        let sink = names.iter().fold(KafkaSink::new("", ""), |sink, name| sink.option(*name, "1"));
        let config = sink.option("retries", "1").config();
        assert_eq!(names.map(|name| config.get(name).unwrap()), ["all", "true", "true", "0"]);
        assert_eq!(config.get("retries"), Some("1"));
    }
}
