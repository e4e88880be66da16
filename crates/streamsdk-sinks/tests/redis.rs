//! The Redis sink with a Redis server.
#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, cmd};
use streamsdk_sinks::redis::RedisSink;
use streamsdk_sinks::{DeliveryError, DeliveryErrorKind, Record, ResultSink, Tls};
use tokio::process::Command;

use common::{
    Broker, STREAMS, assert_complete_and_in_order, deliver_after_drops, deliver_through_a_kill,
    record,
};

#[tokio::test]
async fn records_arrive_as_they_are_documented() {
    let server = Broker::start(durable).await;
    let mut sink = sink(&server);

    let records = batch(1..=100);
    for batch in records.chunks(70) {
        sink.deliver(batch).await.unwrap();
    }

    for stream in STREAMS {
        let sent = records.iter().filter(|record| record.stream().as_str() == stream);
        let sent: Vec<_> = sent
            .map(|record| {
                let payload = String::from_utf8(record.payload().to_vec()).unwrap();
                (record.place().to_string(), vec![("payload".to_owned(), payload)])
            })
            .collect();
        let key = format!("streamsdk:results:{stream}");
        let got: Vec<(String, Vec<(String, String)>)> =
            ask(&server, &["XRANGE", &key, "-", "+"]).await;
        assert_eq!(got, sent);
    }
}

#[tokio::test]
async fn a_record_that_comes_again_is_there_once() {
    let server = Broker::start(durable).await;

    sink(&server).deliver(&batch(1..=10)).await.unwrap();
    // Some are there, and some are not.
    sink(&server).deliver(&batch(4..=20)).await.unwrap();
    sink(&server).deliver(&batch(1..=20)).await.unwrap();

    assert_are_there_once(&server, 20).await;
}

#[tokio::test]
async fn streams_are_as_long_as_they_should_be() {
    let server = Broker::start(durable).await;
    let mut sink = sink(&server).prefix("plant:7").max_len(150);

    for numbers in [1..=300, 301..=600] {
        sink.deliver(&batch(numbers)).await.unwrap();
    }
    // It is dropped already, and does not come back.
    sink.deliver(&batch(1..=1)).await.unwrap();

    let length: u64 = ask(&server, &["XLEN", "plant:7:left"]).await;
    // The server drops as many at once as stand together, 100.
    assert!((150..=250).contains(&length), "{length}");
}

#[tokio::test]
async fn nothing_is_lost_or_comes_twice_when_the_server_is_killed() {
    deliver_through_a_killed_server(300, Duration::from_secs(1), Duration::from_secs(2)).await;
}

#[tokio::test]
#[ignore = "takes a quarter of a minute"]
async fn nothing_is_lost_or_comes_twice_when_the_server_is_killed_for_long() {
    deliver_through_a_killed_server(10_000, Duration::from_secs(5), Duration::from_secs(10)).await;
}

#[tokio::test]
async fn deliveries_that_are_dropped_lose_nothing() {
    let server = Broker::start(durable).await;

    let records = batch(1..=800);
    let mut dropped = 0;
    for batch in records.chunks(100) {
        dropped += deliver_after_drops(&mut sink(&server), batch, Duration::from_micros(50)).await;
    }

    assert!(dropped > 0);
    assert_are_there_once(&server, 800).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_found_when_it_comes() {
    let mut server = Broker::start(durable).await;
    let mut sink = sink(&server);
    sink.deliver(&batch(1..=1)).await.unwrap();
    server.kill().await;

    for _ in 0..3 {
        let error = sink.deliver(&batch(2..=5)).await.unwrap_err();
        assert_unavailable(&error, 0);
        let text = error.to_string();
        assert!(text.contains(&format!("127.0.0.1:{}", server.port())), "{text}");
    }
    sink.close().await;

    server.start_again().await;
    deliver_when_it_is_loaded(&mut sink, &batch(2..=5)).await;
    assert_are_there_once(&server, 5).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let server = Broker::start(with_a_password).await;
    let sink = |login: &str| {
        RedisSink::new(&format!("redis://{login}127.0.0.1:{}/0", server.port())).unwrap()
    };

    for login in [":hunter2@", "me:hunter2@", ""] {
        let mut wrong = sink(login);
        let error = wrong.deliver(&batch(1..=1)).await.unwrap_err();
        assert_unavailable(&error, 0);
        let shown = format!("{error} {error:?} {wrong:?}");
        let is_told = ["authentication failed", "NOAUTH"].iter().any(|text| shown.contains(text));
        assert!(is_told && !shown.contains("hunter2"), "{shown}");
    }

    sink(":correct-horse@").deliver(&batch(1..=1)).await.unwrap();
}

#[tokio::test]
async fn a_server_with_tls_and_its_client_know_each_other() {
    let server = Broker::start(with_tls).await;
    let url = format!("rediss://:correct-horse@127.0.0.1:{}/0", server.port());
    let sink = |tls: &Tls| RedisSink::with_tls(&url, tls).unwrap();
    common::tls::assert_each_end_is_known(server.folder(), sink).await;
}

#[tokio::test]
async fn a_payload_that_is_too_large_is_refused() {
    let server = Broker::start(|port, folder| {
        let mut command = durable(port, folder);
        command.args(["--proto-max-bulk-len", "1048576"]);
        command
    })
    .await;
    let mut sink = sink(&server).max_payload(1 << 20);
    let mut batch = batch(1..=3);
    let (stream, place) = (batch[2].stream().clone(), batch[2].place());
    batch[2] = Record::new(stream, place, vec![b' '; (1 << 20) + 1]);

    let error = sink.deliver(&batch).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Refused, 2), "{error}");
    assert!(error.to_string().contains("left/1-2"), "{error}");
    sink.deliver(&batch[3..]).await.unwrap();

    assert_eq!(numbers(&server, "left").await, [1, 3]);
    assert_eq!(numbers(&server, "right").await, [1, 2, 3]);
}

#[tokio::test]
async fn a_server_without_memory_takes_all_or_nothing() {
    let server = Broker::start(durable).await;
    let mut sink = sink(&server);
    sink.deliver(&batch(1..=1)).await.unwrap();

    let _: () = ask(&server, &["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = sink.deliver(&batch(2..=9)).await.unwrap_err();
    assert_unavailable(&error, 0);
    assert!(error.to_string().contains("OOM"), "{error}");

    let _: () = ask(&server, &["CONFIG", "SET", "maxmemory", "0"]).await;
    sink.deliver(&batch(2..=9)).await.unwrap();
    assert_are_there_once(&server, 9).await;
}

#[tokio::test]
async fn a_server_that_only_reads_is_waited_for() {
    let server = Broker::start(durable).await;
    let mut sink = sink(&server);

    let _: () = ask(&server, &["REPLICAOF", "127.0.0.1", "1"]).await;
    let error = sink.deliver(&batch(1..=2)).await.unwrap_err();
    assert_unavailable(&error, 0);
    assert!(error.to_string().contains("READONLY"), "{error}");

    let _: () = ask(&server, &["REPLICAOF", "NO", "ONE"]).await;
    sink.deliver(&batch(1..=2)).await.unwrap();
    assert_are_there_once(&server, 2).await;
}

#[tokio::test]
async fn a_key_that_is_something_else_is_waited_for() {
    let server = Broker::start(durable).await;
    let mut sink = sink(&server);
    let _: () = ask(&server, &["SET", "streamsdk:results:right", "mine"]).await;

    let error = sink.deliver(&batch(1..=3)).await.unwrap_err();
    assert_unavailable(&error, 1);
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
    assert!(error.to_string().contains("right/1-1"), "{error}");

    let _: () = ask(&server, &["DEL", "streamsdk:results:right"]).await;
    sink.deliver(&batch(1..=3)[error.delivered()..]).await.unwrap();
    assert_are_there_once(&server, 3).await;
}

async fn deliver_through_a_killed_server(each: u64, during: Duration, away: Duration) {
    let mut server = Broker::start(durable).await;
    let sink = Box::new(sink(&server));

    let ended = deliver_through_a_kill(sink, &mut server, each, during, away).await;

    assert_eq!((ended.lost, ended.counters.refused), (0, 0), "{ended:?}");
    assert_eq!(ended.counters.delivered, 2 * each, "{ended:?}");
    assert!(ended.counters.retries > 0, "nothing went wrong: {ended:?}");
    assert_are_there_once(&server, each).await;
}

/// It takes connections before it has read what it has.
async fn deliver_when_it_is_loaded(sink: &mut RedisSink, batch: &[Record]) {
    while let Err(error) = sink.deliver(batch).await {
        assert!(error.to_string().contains("LOADING"), "{error}");
    }
}

async fn assert_are_there_once(server: &Broker, each: u64) {
    for stream in STREAMS {
        assert_complete_and_in_order(&numbers(server, stream).await, each, false);
    }
}

fn assert_unavailable(error: &DeliveryError, delivered: usize) {
    let said = (error.kind(), error.delivered());
    assert_eq!(said, (DeliveryErrorKind::Unavailable, delivered), "{error}");
}

/// The numbers of the records that a stream has.
async fn numbers(server: &Broker, stream: &str) -> Vec<u64> {
    let key = format!("streamsdk:results:{stream}");
    let entries: Vec<(String, Vec<(String, String)>)> =
        ask(server, &["XRANGE", &key, "-", "+"]).await;
    let number = |payload: &str| {
        let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
        payload["sequence"].as_u64().unwrap()
    };
    entries.iter().map(|(_, fields)| number(&fields[0].1)).collect()
}

async fn ask<T: FromRedisValue>(server: &Broker, command: &[&str]) -> T {
    let url = format!("redis://127.0.0.1:{}", server.port());
    let client = redis::Client::open(url).unwrap();
    let mut connection: MultiplexedConnection =
        client.get_multiplexed_async_connection().await.unwrap();
    cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await.unwrap()
}

fn sink(server: &Broker) -> RedisSink {
    RedisSink::new(&format!("redis://127.0.0.1:{}", server.port())).unwrap()
}

/// Records of both streams, by turns.
fn batch(numbers: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    numbers.flat_map(|number| STREAMS.map(|stream| record(stream, number))).collect()
}

fn with_a_password(port: u16, folder: &Path) -> Command {
    let mut command = durable(port, folder);
    command.args(["--requirepass", "correct-horse"]);
    command
}

fn with_tls(port: u16, folder: &Path) -> Command {
    common::tls::write_certificates(folder);
    let mut command = with_a_password(0, folder);
    command.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "yes"]);
    let files = [("ca-cert", "ca.pem"), ("cert", "server.pem"), ("key", "server.key")];
    for (option, file) in files {
        command.arg(format!("--tls-{option}-file")).arg(folder.join(file));
    }
    command
}

/// It has what it has said it has, even when it is killed.
fn durable(port: u16, folder: &Path) -> Command {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]).arg("--dir").arg(folder);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
    command
}
