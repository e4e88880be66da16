//! Deliveries to librdkafka's mock cluster, which is down, or answers with errors.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod common;

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use streamsdk_sinks::kafka::KafkaSink;
use streamsdk_sinks::{DeliveryErrorKind, Place, Record, ResultSink};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use common::{
    LIMIT, STREAMS, assert_complete_and_in_order, deliver_after_drops, deliver_through, record,
};

type Cluster = MockCluster<'static, DefaultProducerContext>;

const TOPIC: &str = "results";
const PARTITIONS: i32 = 4;
const ALL_BROKERS: i32 = -1;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, PARTITIONS, 1).unwrap();
    cluster
}

fn sink(cluster: &Cluster) -> KafkaSink {
    KafkaSink::new(cluster.bootstrap_servers(), TOPIC)
}

#[derive(Debug, PartialEq, Eq)]
struct Stored {
    partition: i32,
    key: String,
    id: String,
    payload: Vec<u8>,
}

/// What the topic has, in order within each partition.
async fn stored(cluster: &Cluster) -> Vec<Stored> {
    let brokers = cluster.bootstrap_servers();
    spawn_blocking(move || {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "test")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "10")
            .create()
            .unwrap();
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset(TOPIC, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&partitions).unwrap();
        let (mut stored, mut ended) = (Vec::new(), 0);
        while ended < PARTITIONS {
            match consumer.poll(LIMIT).unwrap() {
                Ok(message) => stored.push(Stored {
                    partition: message.partition(),
                    key: text(message.key().unwrap()),
                    id: text(message.headers().unwrap().get(0).value.unwrap()),
                    payload: message.payload().unwrap().to_vec(),
                }),
                Err(KafkaError::PartitionEOF(_)) => ended += 1,
                Err(error) => panic!("{error}"),
            }
        }
        stored
    })
    .await
    .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn stored_ids(cluster: &Cluster) -> Vec<String> {
    stored(cluster).await.into_iter().map(|stored| stored.id).collect()
}

fn numbers_of(stream: &str, ids: &[String]) -> Vec<u64> {
    let start = format!("{stream}/1-");
    ids.iter().filter_map(|id| id.strip_prefix(&start)?.parse().ok()).collect()
}

fn records(numbers: impl Iterator<Item = u64>) -> Vec<Record> {
    numbers.flat_map(|number| STREAMS.map(|stream| record(stream, number))).collect()
}

#[tokio::test]
async fn each_record_has_its_stream_as_the_key_and_its_id_in_a_header() {
    let cluster = cluster();
    let batch = records(1..=50);
    sink(&cluster).deliver(&batch).await.unwrap();

    let stored = stored(&cluster).await;
    for stream in STREAMS {
        let of_it: Vec<_> = stored.iter().filter(|stored| stored.key == stream).collect();
        let expected = batch.iter().filter(|record| record.stream().as_str() == stream);
        let expected: Vec<_> = expected
            .map(|record| Stored {
                partition: of_it[0].partition,
                key: stream.into(),
                id: record.id(),
                payload: record.payload().to_vec(),
            })
            .collect();
        assert_eq!(of_it, expected.iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_broker_that_is_down_for_a_while_loses_nothing() {
    through_a_failure(300, Duration::from_secs(2), Duration::from_secs(2)).await;
}

#[tokio::test]
#[ignore = "takes a minute"]
async fn a_broker_that_is_down_for_long_under_load_loses_nothing() {
    through_a_failure(15_000, Duration::from_secs(20), Duration::from_secs(10)).await;
}

async fn through_a_failure(each: u64, during: Duration, away: Duration) {
    let cluster = cluster();
    // It is given up some times meanwhile.
    let sink = sink(&cluster).delivery_limit(Duration::from_millis(700));
    let failing = async {
        cluster.broker_down(ALL_BROKERS).unwrap();
        sleep(away).await;
        cluster.broker_up(ALL_BROKERS).unwrap();
    };
    let ended = deliver_through(Box::new(sink), each, during, failing).await;
    assert_eq!((ended.counters.delivered, ended.lost), (2 * each, 0), "{ended:?}");
    assert!(ended.counters.retries > 0, "{ended:?}");

    let ids = stored_ids(&cluster).await;
    for stream in STREAMS {
        assert_complete_and_in_order(&numbers_of(stream, &ids), each, true);
    }
}

#[tokio::test]
async fn errors_that_pass_are_nobodys_concern() {
    let cluster = cluster();
    let mut sink = sink(&cluster);
    sink.deliver(&records(1..=10)).await.unwrap();
    cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        ],
    );
    sink.deliver(&records(11..=20)).await.unwrap();
    let ids = stored_ids(&cluster).await;
    for stream in STREAMS {
        assert_complete_and_in_order(&numbers_of(stream, &ids), 20, false);
    }
}

#[tokio::test]
async fn errors_that_stay_are_unavailable_and_nothing_is_stored_behind_them() {
    let cluster = cluster();
    // Each in a request of its own, so that there is something behind the one that fails.
    let sink = sink(&cluster).option("batch.num.messages", "1");
    let mut sink = sink.option("max.in.flight.requests.per.connection", "1");
    sink.deliver(&[record("left", 1)]).await.unwrap();
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_POLICY_VIOLATION;
    // One among others, the one that is under way by then, and one alone. A real cluster needs no error for the second: it
    // takes nothing whose number is not the next, which the mock cluster does not know.
    cluster.request_errors(RDKafkaApiKey::Produce, &[denied; 3]);
    let batch: Vec<_> = (2..=5).map(|number| record("left", number)).collect();
    let error = sink.deliver(&batch).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Unavailable, 0), "{error}");
    assert!(error.to_string().contains("PolicyViolation"), "{error}");
    assert_eq!(stored_ids(&cluster).await, ["left/1-1"]);

    cluster.clear_request_errors(RDKafkaApiKey::Produce);
    sink.deliver(&batch).await.unwrap();
    let ids = stored_ids(&cluster).await;
    assert_complete_and_in_order(&numbers_of("left", &ids), 5, false);
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused_and_the_next_is_taken() {
    let cluster = cluster();
    let mut sink = sink(&cluster);
    let large = Place { epoch: 1, sequence: 2 };
    let large = Record::new("left".parse().unwrap(), large, vec![b' '; 2_000_000]);
    let batch = [record("left", 1), large, record("left", 3)];
    let error = sink.deliver(&batch).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Refused, 1), "{error}");
    assert!(error.to_string().contains("left/1-2"), "{error}");
    sink.deliver(&batch[2..]).await.unwrap();
    assert_eq!(stored_ids(&cluster).await, ["left/1-1", "left/1-3"]);
}

#[tokio::test]
async fn a_record_that_is_too_large_for_the_topic_is_found_among_others() {
    let cluster = cluster();
    let mut sink = sink(&cluster);
    let batch: Vec<_> = (1..=4).map(|number| record("left", number)).collect();
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    let fine = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    // All together, then the third alone.
    cluster.request_errors(RDKafkaApiKey::Produce, &[too_large, fine, fine, too_large]);
    let error = sink.deliver(&batch).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Refused, 2), "{error}");
    sink.deliver(&batch[3..]).await.unwrap();
    assert_eq!(stored_ids(&cluster).await, ["left/1-1", "left/1-2", "left/1-4"]);
}

#[tokio::test]
async fn what_was_given_up_is_not_sent_later() {
    let cluster = cluster();
    cluster.broker_down(ALL_BROKERS).unwrap();
    let mut sink = sink(&cluster).delivery_limit(Duration::from_millis(500));
    let error = sink.deliver(&records(1..=10)).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Unavailable, 0), "{error}");
    assert!(error.to_string().contains(&cluster.bootstrap_servers()), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");

    cluster.broker_up(ALL_BROKERS).unwrap();
    sink = sink.delivery_limit(LIMIT);
    sink.deliver(&records(11..=11)).await.unwrap();
    sink.close().await;
    let mut ids = stored_ids(&cluster).await;
    ids.sort();
    assert_eq!(ids, ["left/1-11", "right/1-11"]);
}

#[tokio::test]
async fn a_delivery_that_is_dropped_at_any_moment_costs_no_record_and_no_order() {
    let cluster = cluster();
    let mut sink = sink(&cluster);
    let each = 60;
    for batch in records(1..=each).chunks(40) {
        deliver_after_drops(&mut sink, batch, Duration::from_millis(7)).await;
    }
    let ids = stored_ids(&cluster).await;
    for stream in STREAMS {
        assert_complete_and_in_order(&numbers_of(stream, &ids), each, true);
    }
}

#[tokio::test]
async fn an_option_that_is_wrong_is_named_without_its_value() {
    let cluster = cluster();
    for (name, value) in [("sasl.pasword", "open-sesame"), ("retries", "swordfish")] {
        let mut sink = sink(&cluster).option(name, value);
        let error = sink.deliver(&records(1..=1)).await.unwrap_err();
        assert_eq!(error.kind(), DeliveryErrorKind::Unavailable);
        assert!(error.to_string().contains(name), "{error}");
        assert!(!format!("{error} {error:?} {sink:?}").contains(value), "{error} {sink:?}");
    }
}
