//! The MQTT sink with Mosquitto.
#![cfg(feature = "mqtt")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use streamsdk_sinks::mqtt::MqttSink;
use streamsdk_sinks::{DeliveryErrorKind, Ended, Record, ResultSink, Tls};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use common::{
    Broker, LIMIT, STREAMS, assert_complete_and_in_order, deliver_through, deliver_through_a_kill,
    record,
};

const RESULTS: &str = "streamsdk/results/+";

#[tokio::test]
async fn records_arrive_as_they_are_documented() {
    let broker = Broker::start(open_to_all).await;
    let mut subscriber = Subscriber::new(broker.port(), RESULTS).await;
    let mut sink = MqttSink::new("127.0.0.1", broker.port(), "sink");

    let batches = [&batch(1..=150)[..], &batch(151..=160)[..]];
    for batch in batches {
        sink.deliver(batch).await.unwrap();
    }

    // They come in one order, because there is one publisher and one subscriber.
    for sent in batches.concat() {
        let got = subscriber.next().await;
        assert_eq!(got.topic, format!("streamsdk/results/{}", sent.stream()));
        assert_eq!(&got.payload, sent.payload());
        assert!(!got.retain && got.qos == QoS::AtLeastOnce);
        let properties = got.properties.unwrap();
        assert_eq!(properties.content_type.as_deref(), Some("application/json"));
        assert_eq!(properties.user_properties, [("id".to_owned(), sent.id())]);
    }
}

#[tokio::test]
async fn a_prefix_and_one_in_flight_can_be_chosen() {
    let broker = Broker::start(open_to_all).await;
    let mut subscriber = Subscriber::new(broker.port(), "plant/7/#").await;
    let sink = MqttSink::new("127.0.0.1", broker.port(), "sink");
    let mut sink = sink.prefix("plant/7").in_flight(1).without_status();

    sink.deliver(&batch(1..=20)).await.unwrap();

    for sent in batch(1..=20) {
        let got = subscriber.next().await;
        assert_eq!(got.topic, format!("plant/7/{}", sent.stream()));
        assert_eq!(&got.payload, sent.payload());
    }
}

#[tokio::test]
async fn nothing_is_lost_when_the_connection_is_cut() {
    deliver_through_a_cut(300, Duration::from_secs(1), Duration::from_secs(2)).await;
}

#[tokio::test]
#[ignore = "takes a quarter of a minute"]
async fn nothing_is_lost_when_the_connection_is_cut_for_long() {
    deliver_through_a_cut(10_000, Duration::from_secs(5), Duration::from_secs(10)).await;
}

/// A broker that is killed forgets what it has acknowledged and neither saved nor passed on yet. So what has to arrive in any
/// case is seen where only the connection ends, above; here it is that all is acknowledged by one broker or its successor,
/// that the order is kept, and that nothing is missing but what came directly before the end.
#[tokio::test]
async fn the_order_is_kept_when_the_broker_is_killed() {
    deliver_through_a_killed_broker(300, Duration::from_secs(1), Duration::from_secs(2)).await;
}

#[tokio::test]
#[ignore = "takes a quarter of a minute"]
async fn the_order_is_kept_when_the_broker_is_killed_for_long() {
    deliver_through_a_killed_broker(10_000, Duration::from_secs(5), Duration::from_secs(10)).await;
}

#[tokio::test]
async fn deliveries_that_are_dropped_do_not_mix_up_the_order() {
    let broker = Broker::start(open_to_all).await;
    let mut subscriber = Subscriber::new(broker.port(), RESULTS).await;
    let mut sink = MqttSink::new("127.0.0.1", broker.port(), "sink");

    let records = batch(1..=400);
    let mut dropped = 0;
    for batch in records.chunks(100) {
        // It ends while it connects, while it publishes, and at last not at all.
        let mut limit = Duration::ZERO;
        while timeout(limit, sink.deliver(batch)).await.map(Result::unwrap).is_err() {
            limit = limit * 5 / 4 + Duration::from_micros(150);
            dropped += 1;
        }
        sink = MqttSink::new("127.0.0.1", broker.port(), "sink");
    }
    assert!(dropped > 0);

    for numbers in subscriber.numbers_until(400).await {
        assert_complete_in_runs(&numbers, 400);
    }
}

#[tokio::test]
async fn the_status_says_whether_the_sink_is_there() {
    let broker = Broker::start(open_to_all).await;
    let topic = "streamsdk/results-status/gate-2";
    let mut status = Subscriber::new(broker.port(), topic).await;
    let mut sink = MqttSink::new("127.0.0.1", broker.port(), "gate-2");

    sink.deliver(&batch(1..=1)).await.unwrap();
    assert_eq!(status.next().await.payload, "online");
    let retained = Subscriber::named("later", broker.port(), topic).await.next().await;
    assert!(retained.retain && retained.payload == "online");

    sink.close().await;
    assert_eq!(status.next().await.payload, "offline");
    let retained = Subscriber::named("later still", broker.port(), topic).await.next().await;
    assert!(retained.retain && retained.payload == "offline");

    // It is the last will of what ends without a word.
    sink.deliver(&batch(2..=2)).await.unwrap();
    assert_eq!(status.next().await.payload, "online");
    drop(sink);
    assert_eq!(status.next().await.payload, "offline");
}

#[tokio::test]
#[ignore = "has to wait for longer than a broker waits for a client"]
async fn a_connection_is_kept_while_nothing_is_delivered() {
    let broker = Broker::start(open_to_all).await;
    let mut status = Subscriber::new(broker.port(), "status").await;
    let sink = MqttSink::new("127.0.0.1", broker.port(), "sink");
    let mut sink = sink.status_topic("status").keep_alive(Duration::from_secs(5));

    sink.deliver(&batch(1..=1)).await.unwrap();
    assert_eq!(status.next().await.payload, "online");
    sleep(Duration::from_secs(12)).await;
    sink.deliver(&batch(2..=2)).await.unwrap();
    sink.close().await;

    assert_eq!(status.next().await.payload, "offline");
    assert!(status.got.try_recv().is_err());
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_found_when_it_comes() {
    let mut broker = Broker::start(open_to_all).await;
    let mut sink = MqttSink::new("127.0.0.1", broker.port(), "sink");
    broker.kill().await;

    for _ in 0..2 {
        let error = sink.deliver(&batch(1..=3)).await.unwrap_err();
        assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Unavailable, 0));
        let text = error.to_string();
        assert!(text.contains(&format!("127.0.0.1:{}", broker.port())), "{text}");
    }
    sink.close().await;

    broker.start_again().await;
    sink.deliver(&batch(1..=3)).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let broker = Broker::start(with_a_password).await;
    let sink = |password| MqttSink::new("127.0.0.1", broker.port(), "sink").login("me", password);

    let mut wrong = sink("hunter2");
    let error = wrong.deliver(&batch(1..=1)).await.unwrap_err();
    assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Unavailable, 0));
    let shown = format!("{error} {error:?} {wrong:?}");
    assert!(shown.contains("refused") && !shown.contains("hunter2"), "{shown}");

    sink("correct horse").deliver(&batch(1..=1)).await.unwrap();
}

#[tokio::test]
async fn a_broker_with_tls_and_its_client_know_each_other() {
    let broker = Broker::start(with_tls).await;
    let sink = |tls: &Tls| MqttSink::new("127.0.0.1", broker.port(), "sink").tls(tls).unwrap();
    common::tls::assert_each_end_is_known(broker.folder(), sink).await;
}

#[tokio::test]
async fn a_topic_that_is_not_allowed_waits_until_it_is() {
    let broker = Broker::start(with_one_stream_allowed).await;
    let sink = MqttSink::new("127.0.0.1", broker.port(), "sink");
    let mut sink = sink.without_status();

    let records = [record("left", 1), record("right", 1)];
    // With others on their way, and alone.
    for (batch, delivered) in [(&records[..], 1), (&records[1..], 0), (&records[1..], 0)] {
        let error = sink.deliver(batch).await.unwrap_err();
        let said = (error.kind(), error.delivered());
        assert_eq!(said, (DeliveryErrorKind::Unavailable, delivered), "{error}");
        let text = error.to_string();
        assert!(text.contains("right/1-1") && text.contains("NotAuthorized"), "{text}");
    }
    sink.deliver(&[record("left", 2)]).await.unwrap();
}

#[tokio::test]
async fn what_is_no_topic_is_told() {
    let broker = Broker::start(open_to_all).await;
    let sink = |client| MqttSink::new("127.0.0.1", broker.port(), client);
    for mut sink in [sink(""), sink("a+b"), sink("a").prefix("a/#"), sink("a").status_topic("")] {
        let error = sink.deliver(&batch(1..=1)).await.unwrap_err();
        assert_eq!((error.kind(), error.delivered()), (DeliveryErrorKind::Unavailable, 0));
    }
}

/// It says so in the beginning.
#[tokio::test]
async fn what_is_too_large_for_a_packet_is_refused() {
    let broker = Broker::start(|port, folder| {
        mosquitto(port, folder, "allow_anonymous true\nmax_packet_size 1000")
    })
    .await;
    refuses_what_is_too_large(&broker, 0).await;
}

/// It says so when it comes.
#[tokio::test]
async fn what_is_too_large_for_a_payload_is_refused() {
    let broker = Broker::start(|port, folder| {
        mosquitto(port, folder, "allow_anonymous true\nmessage_size_limit 1000")
    })
    .await;
    // Once to know that there is one, and once to know which.
    refuses_what_is_too_large(&broker, 1).await;
}

async fn refuses_what_is_too_large(broker: &Broker, failures: usize) {
    let mut subscriber = Subscriber::new(broker.port(), RESULTS).await;
    let mut sink = MqttSink::new("127.0.0.1", broker.port(), "sink");
    let mut batch = batch(1..=10);
    let (stream, place) = (batch[5].stream().clone(), batch[5].place());
    batch[5] = Record::new(stream, place, vec![b' '; 1100]);
    let id = batch[5].id();

    let mut rest = &batch[..];
    let mut unavailable = 0;
    let refused = loop {
        let error = sink.deliver(rest).await.unwrap_err();
        rest = &rest[error.delivered()..];
        assert!(error.to_string().contains(&id), "{error}");
        if error.kind() == DeliveryErrorKind::Refused {
            break error;
        }
        unavailable += 1;
        assert!(unavailable <= failures, "{error}");
    };
    assert_eq!(rest.len(), batch.len() - 5, "{refused}");
    sink.deliver(&rest[1..]).await.unwrap();

    let mut numbers = Vec::new();
    while numbers.last() != Some(&10) {
        let got = subscriber.next().await;
        if got.topic == "streamsdk/results/right" {
            numbers.push(number(&got));
        }
    }
    numbers.dedup();
    let mut firsts: Vec<u64> = Vec::new();
    for number in numbers {
        if firsts.last().is_none_or(|last| number > *last) {
            firsts.push(number);
        }
    }
    assert_eq!(firsts, [1, 2, 4, 5, 6, 7, 8, 9, 10]);
}

/// Delivers while the connection is cut, and is away for so long.
async fn deliver_through_a_cut(each: u64, during: Duration, away: Duration) {
    let broker = Broker::start(open_to_all).await;
    let mut subscriber = Subscriber::new(broker.port(), RESULTS).await;
    let proxy = Proxy::start(broker.port()).await;
    let sink = MqttSink::new("127.0.0.1", proxy.port, "sink");

    let failing = async {
        proxy.is_cut.send_replace(true);
        sleep(away).await;
        proxy.is_cut.send_replace(false);
    };
    let ended = deliver_through(Box::new(sink), each, during, failing).await;

    assert_delivered(&ended, each);
    for numbers in subscriber.numbers_until(each).await {
        assert_complete_in_runs(&numbers, each);
    }
}

async fn deliver_through_a_killed_broker(each: u64, during: Duration, away: Duration) {
    let mut broker = Broker::start(open_to_all).await;
    let mut subscriber = Subscriber::new(broker.port(), RESULTS).await;
    let sink = Box::new(MqttSink::new("127.0.0.1", broker.port(), "sink"));

    let ended = deliver_through_a_kill(sink, &mut broker, each, during, away).await;

    assert_delivered(&ended, each);
    for numbers in subscriber.numbers_until(each).await {
        let (mut last, mut gaps) = (0, 0);
        for &number in &numbers {
            gaps += u64::from(number > last + 1);
            last = last.max(number);
        }
        assert!(gaps <= 1, "more is missing than what the broker forgot: {numbers:?}");
    }
}

/// Where a number comes again, all behind it come again: nothing of an earlier attempt comes among what is newer.
fn assert_complete_in_runs(numbers: &[u64], each: u64) {
    assert_complete_and_in_order(numbers, each, true);
    let mut pairs = numbers.windows(2);
    assert!(pairs.all(|pair| pair[1] == pair[0] + 1 || pair[1] <= pair[0]), "{numbers:?}");
}

fn assert_delivered(ended: &Ended, each: u64) {
    assert_eq!((ended.lost, ended.counters.refused), (0, 0), "{ended:?}");
    assert_eq!(ended.counters.delivered, 2 * each, "{ended:?}");
    assert!(ended.counters.retries > 0, "nothing went wrong: {ended:?}");
}

/// Records of both streams, by turns.
fn batch(numbers: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    numbers.flat_map(|number| STREAMS.map(|stream| record(stream, number))).collect()
}

fn number(got: &Publish) -> u64 {
    let payload: serde_json::Value = serde_json::from_slice(&got.payload).unwrap();
    payload["sequence"].as_u64().unwrap()
}

/// What is published to topics. It comes back when the broker was away, and gets what came meanwhile.
struct Subscriber {
    got: mpsc::UnboundedReceiver<Publish>,
    task: JoinHandle<()>,
}

impl Subscriber {
    async fn new(port: u16, topics: &'static str) -> Self {
        Self::named("subscriber", port, topics).await
    }

    /// Returns when it is subscribed.
    async fn named(client_id: &str, port: u16, topics: &'static str) -> Self {
        let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
        options.set_clean_start(false).set_session_expiry_interval(Some(600));
        let (client, mut events) = AsyncClient::new(options, 10);
        let (sender, got) = mpsc::unbounded_channel();
        let (subscribed, is_subscribed) = oneshot::channel();
        let mut subscribed = Some(subscribed);
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(answer))) if !answer.session_present => {
                        client.subscribe(topics, QoS::AtLeastOnce).await.unwrap();
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        let _ = subscribed.take().map(|subscribed| subscribed.send(()));
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let _ = sender.send(publish);
                    }
                    Ok(_) => {}
                    // The broker is away.
                    Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
        });
        timeout(LIMIT, is_subscribed).await.unwrap().unwrap();
        Self { got, task }
    }

    async fn next(&mut self) -> Publish {
        timeout(LIMIT, self.got.recv()).await.expect("nothing is published").unwrap()
    }

    /// The numbers of all records of each of [`STREAMS`], until the last of both has come.
    async fn numbers_until(&mut self, last: u64) -> [Vec<u64>; 2] {
        let mut numbers = [Vec::new(), Vec::new()];
        while numbers.iter().any(|numbers| numbers.last() != Some(&last)) {
            let got = self.next().await;
            let is_it = |stream: &str| got.topic == format!("streamsdk/results/{stream}");
            let stream = STREAMS.iter().position(|stream| is_it(stream)).unwrap();
            numbers[stream].push(number(&got));
        }
        numbers
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes connections on to a port until it is cut; what is on its way then is gone.
struct Proxy {
    port: u16,
    is_cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_cut, cut) = watch::channel(false);
        let task = tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut cut = cut.clone();
                if *cut.borrow_and_update() {
                    continue;
                }
                tokio::spawn(async move {
                    let mut far =
                        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], to))).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.wait_for(|is_cut| *is_cut) => {}
                    }
                });
            }
        });
        Self { port, is_cut, task }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn open_to_all(port: u16, folder: &Path) -> Command {
    mosquitto(port, folder, "allow_anonymous true")
}

fn with_a_password(port: u16, folder: &Path) -> Command {
    let file = folder.join("passwords");
    let status = std::process::Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(&file)
        .args(["me", "correct horse"])
        .status();
    assert!(status.unwrap().success());
    mosquitto(port, folder, &format!("password_file {}", file.display()))
}

fn with_tls(port: u16, folder: &Path) -> Command {
    common::tls::write_certificates(folder);
    let files = [("cafile", "ca.pem"), ("certfile", "server.pem"), ("keyfile", "server.key")];
    let files = files.map(|(option, file)| format!("{option} {}", folder.join(file).display()));
    let options = [&files.join("\n"), "require_certificate true", "allow_anonymous true"];
    mosquitto(port, folder, &options.join("\n"))
}

fn with_one_stream_allowed(port: u16, folder: &Path) -> Command {
    let file = folder.join("allowed");
    fs::write(&file, "topic readwrite streamsdk/results/left\n").unwrap();
    mosquitto(port, folder, &format!("allow_anonymous true\nacl_file {}", file.display()))
}

/// It saves what it has as soon as that changes, which is still a moment after it has acknowledged it.
fn mosquitto(port: u16, folder: &Path, more: &str) -> Command {
    let file = folder.join("mosquitto.conf");
    let folder = folder.display();
    let config = format!(
        "listener {port} 127.0.0.1\nuser root\npersistence true\npersistence_location {folder}/\n\
         autosave_on_changes true\nautosave_interval 1\nmax_queued_messages 100000\nset_tcp_nodelay true\n{more}\n"
    );
    fs::write(&file, config).unwrap();
    let mut command = common::program("mosquitto");
    command.arg("-c").arg(file);
    command
}
