//! Deliveries to a NATS server, which is killed, full or not what it should be.
#![cfg(feature = "nats")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::jetstream::{self, Context};
use streamsdk_sinks::nats::NatsSink;
use streamsdk_sinks::{DeliveryErrorKind, Place, Record, ResultSink, Tls};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use common::{
    Broker, LIMIT, STREAMS, assert_complete_and_in_order, deliver_after_drops,
    deliver_through_a_kill, record,
};

const SECRET: &str = "open-sesame";

fn server(port: u16, folder: &Path) -> Command {
    let mut command = common::program("nats-server");
    command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]).arg(folder);
    command
}

fn server_with_user(port: u16, folder: &Path) -> Command {
    let mut command = server(port, folder);
    command.args(["--user", "worker", "--pass", SECRET]);
    command
}

fn server_with_token(port: u16, folder: &Path) -> Command {
    let mut command = server(port, folder);
    command.args(["--auth", SECRET]);
    command
}

fn server_with_tls(port: u16, folder: &Path) -> Command {
    common::tls::write_certificates(folder);
    let mut command = server(port, folder);
    command.arg("--tlsverify");
    for (option, file) in [("cacert", "ca.pem"), ("cert", "server.pem"), ("key", "server.key")] {
        command.arg(format!("--tls{option}")).arg(folder.join(file));
    }
    command
}

fn sink(broker: &Broker) -> NatsSink {
    NatsSink::new(&format!("nats://127.0.0.1:{}", broker.port())).unwrap()
}

async fn client(broker: &Broker) -> Context {
    let address = format!("127.0.0.1:{}", broker.port());
    jetstream::new(ConnectOptions::new().connect(address).await.unwrap())
}

/// A stream for our subjects.
fn results() -> Config {
    Config { name: "results".into(), subjects: vec!["results.>".into()], ..Config::default() }
}

#[derive(Debug, PartialEq, Eq)]
struct Stored {
    subject: String,
    id: String,
    payload: Vec<u8>,
}

/// What the stream has, in order.
async fn stored(jetstream: &Context) -> Vec<Stored> {
    let mut stream = jetstream.get_stream("results").await.unwrap();
    let state = stream.info().await.unwrap().state.clone();
    let mut stored = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        stored.push(Stored {
            subject: message.subject.to_string(),
            id: message.headers.get(NATS_MESSAGE_ID).map(ToString::to_string).unwrap_or_default(),
            payload: message.payload.to_vec(),
        });
    }
    stored
}

async fn stored_ids(jetstream: &Context) -> Vec<String> {
    stored(jetstream).await.into_iter().map(|stored| stored.id).collect()
}

fn numbers_of(stream: &str, ids: &[String]) -> Vec<u64> {
    let start = format!("{stream}/1-");
    ids.iter().filter_map(|id| id.strip_prefix(&start)?.parse().ok()).collect()
}

/// Waits until the stream does not recognize the ids any more that it has had until now.
async fn forget_ids(jetstream: &Context) {
    let started = Instant::now();
    let mut is_known = false;
    loop {
        let message = PublishMessage::build().message_id("probe");
        let ack = jetstream.send_publish("results.probe", message).await.unwrap().await.unwrap();
        if is_known && !ack.duplicate {
            return;
        }
        is_known = true;
        assert!(started.elapsed() < LIMIT, "the ids are known for too long");
        sleep(Duration::from_millis(20)).await;
    }
}

fn of_epoch(epoch: u64, sequence: u64) -> Record {
    Record::new("left".parse().unwrap(), Place { epoch, sequence }, "{}")
}

#[tokio::test]
async fn each_record_goes_to_the_subject_of_its_stream() {
    let broker = Broker::start(server).await;
    let batch: Vec<_> =
        (1..=50).flat_map(|number| STREAMS.map(|stream| record(stream, number))).collect();
    sink(&broker).create_stream(true).deliver(&batch).await.unwrap();

    let jetstream = client(&broker).await;
    let stored = stored(&jetstream).await;
    for stream in STREAMS {
        let expected = batch.iter().filter(|record| record.stream().as_str() == stream);
        let expected: Vec<_> = expected
            .map(|record| Stored {
                subject: format!("results.{stream}"),
                id: record.id(),
                payload: record.payload().to_vec(),
            })
            .collect();
        let of_it: Vec<_> =
            stored.iter().filter(|stored| stored.subject.ends_with(stream)).collect();
        assert_eq!(of_it, expected.iter().collect::<Vec<_>>());
    }
    let config = jetstream.get_stream("results").await.unwrap().cached_info().config.clone();
    assert_eq!(config.duplicate_window, Duration::from_secs(120));
}

#[tokio::test]
async fn a_prefix_of_several_parts_names_the_stream_that_is_made() {
    let broker = Broker::start(server).await;
    let sink = sink(&broker).prefix("site.3").unwrap().create_stream(true);
    sink.duplicate_window(Duration::from_secs(7)).deliver(&[record("left", 1)]).await.unwrap();

    let stream = client(&broker).await.get_stream("site_3").await.unwrap();
    assert_eq!(stream.cached_info().config.duplicate_window, Duration::from_secs(7));
    let message = stream.get_last_raw_message_by_subject("site.3.left").await.unwrap();
    assert_eq!(&message.payload[..], &record("left", 1).payload()[..]);
}

#[tokio::test]
async fn a_server_that_is_killed_loses_and_repeats_nothing() {
    through_a_kill(300, Duration::from_secs(2), Duration::from_secs(2)).await;
}

#[tokio::test]
#[ignore = "takes a minute"]
async fn a_server_that_is_away_for_long_under_load_loses_and_repeats_nothing() {
    through_a_kill(15_000, Duration::from_secs(20), Duration::from_secs(10)).await;
}

async fn through_a_kill(each: u64, during: Duration, away: Duration) {
    let mut broker = Broker::start(server).await;
    let sink = Box::new(sink(&broker).create_stream(true));
    let ended = deliver_through_a_kill(sink, &mut broker, each, during, away).await;
    assert_eq!((ended.counters.delivered, ended.lost), (2 * each, 0), "{ended:?}");
    assert!(ended.counters.retries > 0, "{ended:?}");

    let ids = stored_ids(&client(&broker).await).await;
    for stream in STREAMS {
        assert_complete_and_in_order(&numbers_of(stream, &ids), each, false);
    }
}

#[tokio::test]
async fn what_is_there_is_not_stored_again_however_late_it_comes() {
    let broker = Broker::start(server).await;
    let jetstream = client(&broker).await;
    let config = Config { duplicate_window: Duration::from_millis(100), ..results() };
    jetstream.create_stream(config).await.unwrap();
    let records: Vec<_> = (1..=60).map(|number| record("left", number)).collect();

    sink(&broker).deliver(&records[..40]).await.unwrap();
    forget_ids(&jetstream).await;
    sink(&broker).deliver(&records[10..60]).await.unwrap();

    let ids = stored_ids(&jetstream).await;
    assert_complete_and_in_order(&numbers_of("left", &ids), 60, false);
}

#[tokio::test]
async fn epochs_that_are_over_are_known_and_what_was_never_there_is_not_lost() {
    let broker = Broker::start(server).await;
    let jetstream = client(&broker).await;
    let config = Config { duplicate_window: Duration::from_millis(100), ..results() };
    jetstream.create_stream(config).await.unwrap();
    for epoch in 1..=3 {
        let records: Vec<_> = (1..=9).map(|sequence| of_epoch(epoch, sequence)).collect();
        // Others write to the log, too.
        jetstream.publish("results.other", "".into()).await.unwrap().await.unwrap();
        sink(&broker).deliver(&records).await.unwrap();
    }
    forget_ids(&jetstream).await;
    let before = stored_ids(&jetstream).await.len();

    let again = [(1, 8), (1, 9), (2, 1), (2, 9), (3, 8), (3, 9), (3, 10), (4, 1)];
    sink(&broker).deliver(&again.map(|(epoch, sequence)| of_epoch(epoch, sequence))).await.unwrap();
    let late = [(2, 9), (2, 10)].map(|(epoch, sequence)| of_epoch(epoch, sequence));
    sink(&broker).deliver(&late).await.unwrap();

    let ids = stored_ids(&jetstream).await;
    assert_eq!(ids[before..], ["left/3-10", "left/4-1", "left/2-10"]);
}

#[tokio::test]
async fn behind_a_fence_records_of_an_older_epoch_are_refused_and_those_that_are_there_are_not() {
    let broker = Broker::start(server).await;
    let jetstream = client(&broker).await;
    jetstream.create_stream(results()).await.unwrap();
    let (mut older, mut newer) = (sink(&broker).fenced(true), sink(&broker).fenced(true));
    older.deliver(&[of_epoch(1, 1), of_epoch(1, 2)]).await.unwrap();
    newer.deliver(&[of_epoch(2, 1)]).await.unwrap();

    let late = [of_epoch(1, 2), of_epoch(1, 3), of_epoch(1, 4)];
    // It still takes its own record for the last one.
    let error = older.deliver(&late[1..]).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Refused, 0));
    assert!(error.to_string().contains("epoch 2"), "{error}");
    let error = sink(&broker).fenced(true).deliver(&late).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Refused, 1));
    newer.deliver(&[of_epoch(2, 2)]).await.unwrap();

    assert_eq!(stored_ids(&jetstream).await, ["left/1-1", "left/1-2", "left/2-1", "left/2-2"]);
}

#[tokio::test]
async fn others_may_write_to_the_same_log_meanwhile() {
    let broker = Broker::start(server).await;
    let jetstream = client(&broker).await;
    jetstream.create_stream(results()).await.unwrap();
    let each = 2000;
    let mut sink = sink(&broker);
    let ours = async {
        let numbers: Vec<_> = (1..=each).collect();
        for numbers in numbers.chunks(250) {
            let records: Vec<_> = numbers
                .iter()
                .flat_map(|number| STREAMS.map(|stream| record(stream, *number)))
                .collect();
            sink.deliver(&records).await.unwrap();
        }
    };
    let theirs = async {
        loop {
            jetstream.publish("results.other", "".into()).await.unwrap().await.unwrap();
        }
    };
    tokio::select! {
        () = ours => {}
        () = theirs => {}
    }
    let ids = stored_ids(&jetstream).await;
    assert!(ids.len() as u64 > 2 * each, "nobody else wrote");
    for stream in STREAMS {
        assert_complete_and_in_order(&numbers_of(stream, &ids), each, false);
    }
}

#[tokio::test]
async fn a_delivery_that_is_dropped_at_any_moment_costs_nothing() {
    let broker = Broker::start(server).await;
    let mut sink = sink(&broker).create_stream(true);
    let each = 400;
    let records: Vec<_> =
        (1..=each).flat_map(|number| STREAMS.map(|stream| record(stream, number))).collect();
    for batch in records.chunks(100) {
        deliver_after_drops(&mut sink, batch, Duration::from_micros(150)).await;
    }
    let ids = stored_ids(&client(&broker).await).await;
    for stream in STREAMS {
        assert_complete_and_in_order(&numbers_of(stream, &ids), each, false);
    }
}

#[tokio::test]
async fn what_another_connection_stores_meanwhile_is_noticed() {
    let broker = Broker::start(server).await;
    let jetstream = client(&broker).await;
    let config = Config { duplicate_window: Duration::from_millis(100), ..results() };
    jetstream.create_stream(config).await.unwrap();
    let records: Vec<_> = (1..=30).map(|number| record("left", number)).collect();
    let mut slow = sink(&broker);
    slow.deliver(&records[..10]).await.unwrap();
    sink(&broker).deliver(&records[10..20]).await.unwrap();
    forget_ids(&jetstream).await;
    slow.deliver(&records[10..]).await.unwrap();

    let ids = stored_ids(&jetstream).await;
    assert_complete_and_in_order(&numbers_of("left", &ids), 30, false);
}

#[tokio::test]
async fn connections_that_break_anywhere_cost_nothing() {
    let broker = Broker::start(server).await;
    let jetstream = client(&broker).await;
    let config = Config { duplicate_window: Duration::from_millis(100), ..results() };
    jetstream.create_stream(config).await.unwrap();
    let (port, connections) = breaking_proxy(broker.port()).await;
    let mut sink = NatsSink::new(&format!("127.0.0.1:{port}")).unwrap();
    let each = 500;
    let records: Vec<_> =
        (1..=each).flat_map(|number| STREAMS.map(|stream| record(stream, number))).collect();
    let (started, mut first) = (Instant::now(), 0);
    while first < records.len() {
        let batch = &records[first..(first + 200).min(records.len())];
        first += match sink.deliver(batch).await {
            Ok(()) => batch.len(),
            Err(error) => {
                assert_eq!(error.kind(), DeliveryErrorKind::Unavailable);
                error.delivered()
            }
        };
        assert!(started.elapsed() < LIMIT, "it does not get on");
    }
    assert!(connections.load(Ordering::Relaxed) > 10, "{connections:?}");
    let ids = stored_ids(&jetstream).await;
    for stream in STREAMS {
        assert_complete_and_in_order(&numbers_of(stream, &ids), each, false);
    }
}

/// Passes connections on, each of which breaks after some bytes in one of both directions. Returns its port, and how many
/// connections there were.
async fn breaking_proxy(port: u16) -> (u16, Arc<AtomicU64>) {
    async fn pass(from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, bytes: u64) {
        let _ = copy(&mut from.take(bytes), &mut to).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own_port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicU64::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let number = counted.fetch_add(1, Ordering::Relaxed);
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move {
                let (from_client, to_client) = client.split();
                let (from_server, to_server) = server.split();
                let (sent, answered) = match number % 2 {
                    0 => (2000 + number * 997 % 20_000, u64::MAX),
                    _ => (u64::MAX, 2000 + number * 613 % 10_000),
                };
                tokio::select! {
                    () = pass(from_client, to_server, sent) => {}
                    () = pass(from_server, to_client, answered) => {}
                }
            });
        }
    });
    (own_port, connections)
}

#[tokio::test]
async fn without_a_stream_it_is_said_how_one_is_made() {
    let broker = Broker::start(server).await;
    let mut sink = sink(&broker);
    let error = sink.deliver(&[record("left", 1)]).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Unavailable, 0));
    let said = error.to_string();
    assert!(said.contains("takes results.left") && said.contains("nats stream add"), "{said}");

    let jetstream = client(&broker).await;
    jetstream.create_stream(results()).await.unwrap();
    sink.deliver(&[record("left", 1)]).await.unwrap();
    jetstream.delete_stream("results").await.unwrap();
    let error = sink.deliver(&[record("left", 2)]).await.unwrap_err();
    assert_eq!(error.kind(), DeliveryErrorKind::Unavailable);
    assert!(error.to_string().contains("takes results.left any more"), "{error}");

    jetstream.create_stream(results()).await.unwrap();
    sink.deliver(&[record("left", 2)]).await.unwrap();
    assert_eq!(stored_ids(&jetstream).await, ["left/1-2"]);
}

#[tokio::test]
async fn a_server_without_jetstream_is_unavailable() {
    let without = |port: u16, _: &Path| {
        let mut command = common::program("nats-server");
        command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
        command
    };
    let broker = Broker::start(without).await;
    let error = sink(&broker).create_stream(true).deliver(&[record("left", 1)]).await.unwrap_err();
    assert_eq!(error.kind(), DeliveryErrorKind::Unavailable);
    assert!(error.to_string().contains("cannot ask JetStream"), "{error}");
}

#[tokio::test]
async fn a_stream_that_is_full_goes_on_in_order_when_there_is_room() {
    let broker = Broker::start(server).await;
    let jetstream = client(&broker).await;
    let config = Config { max_bytes: 10_000, discard: DiscardPolicy::New, ..results() };
    jetstream.create_stream(config.clone()).await.unwrap();
    let mut sink = sink(&broker);
    // For the second there is no room when for the others there is.
    let size = |number| if number == 2 { 9_900 } else { 10 };
    let place = |number| Place { epoch: 1, sequence: number };
    let record =
        |number| Record::new("left".parse().unwrap(), place(number), vec![b' '; size(number)]);
    let records = [1, 2, 3, 4].map(record);
    let error = sink.deliver(&records).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Unavailable, 1));
    assert!(error.to_string().contains("maximum bytes exceeded"), "{error}");
    assert_eq!(stored_ids(&jetstream).await, ["left/1-1"]);

    let larger = Config { max_bytes: 100_000, ..config };
    jetstream.update_stream(larger).await.unwrap();
    sink.deliver(&records[1..]).await.unwrap();
    assert_eq!(stored_ids(&jetstream).await, ["left/1-1", "left/1-2", "left/1-3", "left/1-4"]);
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused_and_the_next_is_taken() {
    let broker = Broker::start(server).await;
    let jetstream = client(&broker).await;
    let config = Config { max_message_size: 600_000, ..results() };
    jetstream.create_stream(config).await.unwrap();
    let large = |number, size| {
        Record::new("left".parse().unwrap(), Place { epoch: 1, sequence: number }, vec![b' '; size])
    };
    // One for the stream, one for the server.
    let (mut sink, record) = (sink(&broker), |number| record("left", number));
    let batch = [record(1), large(2, 700_000), record(3), large(4, 2_000_000), record(5)];
    let error = sink.deliver(&batch).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Refused, 1), "{error}");
    let error = sink.deliver(&batch[2..]).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Refused, 1), "{error}");
    assert!(error.to_string().contains("left/1-4"), "{error}");
    sink.deliver(&batch[4..]).await.unwrap();
    assert_eq!(stored_ids(&jetstream).await, ["left/1-1", "left/1-3", "left/1-5"]);
}

#[tokio::test]
async fn a_wrong_password_or_token_is_unavailable_and_not_shown() {
    let broker = Broker::start(server_with_user).await;
    let wrong = sink(&broker).create_stream(true).user("worker", "swordfish");
    assert_is_locked_out(wrong, "swordfish").await;
    let mut right = sink(&broker).create_stream(true).user("worker", SECRET);
    right.deliver(&[record("left", 1)]).await.unwrap();
    assert!(!format!("{right:?}").contains(SECRET));

    let broker = Broker::start(server_with_token).await;
    assert_is_locked_out(sink(&broker).create_stream(true).token("swordfish"), "swordfish").await;
    let mut right = sink(&broker).create_stream(true).token(SECRET);
    right.deliver(&[record("left", 1)]).await.unwrap();
}

async fn assert_is_locked_out(mut sink: NatsSink, secret: &str) {
    let error = sink.deliver(&[record("left", 1)]).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Unavailable, 0));
    assert!(error.to_string().contains("authorization violation"), "{error}");
    assert!(!format!("{error} {error:?} {sink:?}").contains(secret), "{error} {sink:?}");
}

#[tokio::test]
async fn credentials_that_cannot_be_read_are_unavailable() {
    let broker = Broker::start(server).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.creds");
    let mut sink = sink(&broker).create_stream(true).credentials_file(&path);
    let error = sink.deliver(&[record("left", 1)]).await.unwrap_err();
    assert!(error.to_string().contains("worker.creds"), "{error}");

    std::fs::write(&path, SECRET).unwrap();
    let error = sink.deliver(&[record("left", 1)]).await.unwrap_err();
    assert_eq!(error.kind(), DeliveryErrorKind::Unavailable);
    assert!(!error.to_string().contains(SECRET), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_until_it_is() {
    let mut broker = Broker::start(server).await;
    let mut sink = sink(&broker).create_stream(true);
    broker.kill().await;
    let error = sink.deliver(&[record("left", 1)]).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Unavailable, 0));
    let address = format!("127.0.0.1:{}", broker.port());
    assert!(error.to_string().contains(&address), "{error}");

    broker.start_again().await;
    sink.deliver(&[record("left", 1)]).await.unwrap();
    sink.close().await;
    sink.deliver(&[record("left", 2)]).await.unwrap();
    assert_eq!(stored_ids(&client(&broker).await).await, ["left/1-1", "left/1-2"]);
}

#[tokio::test]
async fn of_several_servers_one_is_enough() {
    let broker = Broker::start(server).await;
    let mut gone = Broker::start(server).await;
    gone.kill().await;
    let servers = format!("127.0.0.1:{},127.0.0.1:{}", gone.port(), broker.port());
    for number in 1..=5 {
        let mut sink = NatsSink::new(&servers).unwrap().create_stream(true);
        sink.deliver(&[record("left", number)]).await.unwrap();
    }
    let ids = stored_ids(&client(&broker).await).await;
    assert_complete_and_in_order(&numbers_of("left", &ids), 5, false);
}

#[tokio::test]
async fn a_server_with_tls_and_its_client_know_each_other() {
    let broker = Broker::start(server_with_tls).await;
    let servers = format!("tls://127.0.0.1:{}", broker.port());
    let sink = |tls: &Tls| NatsSink::with_tls(&servers, tls).unwrap().create_stream(true);
    common::tls::assert_each_end_is_known(broker.folder(), sink).await;
}

#[test]
fn what_cannot_be_an_address_or_a_prefix_is_said_at_once() {
    for address in ["", "http://host", "nats://", "ws://host", "nats://worker:swordfish@host"] {
        let error = NatsSink::new(address).unwrap_err();
        assert!(!error.to_string().contains("swordfish"), "{error}");
    }
    NatsSink::new("tls://one.example,nats://two.example:4333, three.example").unwrap();
    for prefix in ["", "a..b", ".a", "a b", "a.*", ">"] {
        NatsSink::new("host").unwrap().prefix(prefix).unwrap_err();
    }
}
