//! Leases on a NATS server, whose holders and which itself are killed, stopped or cut off.
#![cfg(all(feature = "nats", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops where it fails"
)]

mod holder;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::stream::{Config, StorageType};
use futures::future::join_all;
use rustix::process::Signal;
use streamsdk_fleet::lease::{
    BucketDifference, BucketError, Lease, LeaseConfig, LeaseWatch, Leases, Loss,
};
use streamsdk_sinks::StreamName;
use streamsdk_sinks::nats::NatsServers;
use tokio::time::{Instant, sleep, timeout};

use holder::{Holder, now};
use streamsdk_testkit::nats::{LIMIT, NatsServer, Passing, Way, until};

/// Where leases are to expire.
const SHORT: Duration = Duration::from_secs(1);
/// Where leases are to be renewed, though the machine be busy.
const LASTING: Duration = Duration::from_secs(9);
/// Where nothing is to expire.
const LONG: Duration = Duration::from_secs(600);

fn name(text: &str) -> StreamName {
    text.parse().unwrap()
}

fn gate() -> StreamName {
    name("gate")
}

async fn take(leases: &Leases, node: &str) -> Lease {
    let taking = async {
        loop {
            // A server that is busy may answer too late.
            match leases.acquire(&gate(), node).await {
                Ok(Some(lease)) => return lease,
                _ => sleep(Duration::from_millis(10)).await,
            }
        }
    };
    timeout(LIMIT, taking).await.unwrap()
}

/// Waits for the stream as a node does.
async fn take_when_free(leases: &Leases, watch: &mut LeaseWatch, stream: &StreamName) -> Lease {
    let taking = async {
        loop {
            let free = watch.next_free(&[stream.clone()].into()).await;
            // An answer may be missing while a server starts.
            if let Ok(Some(lease)) = leases.acquire(&free, "another").await {
                return lease;
            }
        }
    };
    timeout(LIMIT, taking).await.unwrap()
}

async fn bucket(server: &NatsServer) -> Store {
    server.client().await.get_key_value("leases").await.unwrap()
}

/// The last revision of the gate's lease.
async fn revision(bucket: &Store) -> u64 {
    bucket.entry("gate").await.unwrap().map_or(0, |entry| entry.revision)
}

async fn lost(lease: &Lease) -> Loss {
    timeout(LIMIT, lease.lost()).await.unwrap()
}

/// Over a way of their own.
async fn leases_at(port: u16, ttl: Duration) -> Leases {
    let servers = NatsServers::new(&format!("nats://127.0.0.1:{port}")).unwrap();
    Leases::open(&servers, LeaseConfig::default().ttl(ttl)).await.unwrap()
}

#[tokio::test]
async fn of_two_nodes_that_race_for_streams_one_has_each() {
    let server = NatsServer::start().await;
    let nodes = [leases_at(server.port(), LONG).await, leases_at(server.port(), LONG).await];
    let streams: Vec<_> = (0..200).map(|number| name(&format!("camera-{number}"))).collect();
    let race = |leases: &Leases| {
        let acquired = streams.iter().map(|stream| {
            let (leases, stream) = (leases.clone(), stream.clone());
            async move { leases.acquire(&stream, "node").await.unwrap() }
        });
        join_all(acquired)
    };
    let (one, other) = tokio::join!(race(&nodes[0]), race(&nodes[1]));
    for ((stream, one), other) in streams.iter().zip(&one).zip(&other) {
        assert!(one.is_some() != other.is_some(), "{stream}: {one:?} {other:?}");
    }
    let leases: Vec<_> = one.iter().chain(&other).flatten().collect();
    assert!(leases.iter().all(|lease| lease.is_held()));
    let epochs: BTreeSet<_> = leases.iter().map(|lease| lease.epoch()).collect();
    assert_eq!(epochs.len(), streams.len());
}

#[tokio::test]
async fn epochs_rise_whatever_became_of_the_lease_before() {
    let mut server = NatsServer::start().await;
    let leases = leases_at(server.port(), SHORT).await;
    let mut watch = leases.watch().await.unwrap();
    let mut last = 0;
    for end in
        ["released", "dropped", "killed", "gone for long", "killed when it was over"].repeat(2)
    {
        let lease = take_when_free(&leases, &mut watch, &gate()).await;
        assert!(lease.epoch() > last, "{} after {last}, before it is {end}", lease.epoch());
        last = lease.epoch();
        match end {
            // If the answer comes too late it expires.
            "released" => _ = lease.release().await,
            "dropped" => drop(lease),
            "gone for long" => {
                server.kill().await;
                sleep(SHORT * 3 / 2).await;
                server.start_again().await;
            }
            "killed" => {
                server.kill().await;
                server.start_again().await;
            }
            _ => {
                drop(lease);
                let bucket = bucket(&server).await;
                until("it is over", async || revision(&bucket).await == 0).await;
                server.kill().await;
                server.start_again().await;
            }
        }
    }
}

#[tokio::test]
async fn a_lease_is_renewed_for_as_long_as_it_is_held() {
    let server = NatsServer::start().await;
    let leases = leases_at(server.port(), LASTING).await;
    let bucket = bucket(&server).await;
    let (lease, started) = (take(&leases, "one").await, Instant::now());
    while started.elapsed() < LASTING * 5 / 4 {
        assert!(lease.is_held(), "{:?}", lease.loss());
        assert!(leases.acquire(&gate(), "another").await.unwrap().is_none());
        sleep(LASTING / 20).await;
    }
    assert!(revision(&bucket).await >= lease.epoch() + 3);
}

#[tokio::test]
async fn who_stops_renewing_loses_it_to_another_after_a_ttl_and_not_before() {
    let server = NatsServer::start().await;
    let [one, other] =
        [leases_at(server.port(), SHORT).await, leases_at(server.port(), SHORT).await];
    let mut watch = other.watch().await.unwrap();
    let sent = Instant::now();
    let lease = take(&one, "one").await;
    let tenure = lease.tenure();
    drop(lease);
    assert_eq!((tenure.is_held(), tenure.loss()), (false, Some(Loss::GivenUp)));

    let taken = take_when_free(&other, &mut watch, &gate()).await;
    let after = sent.elapsed();
    assert!(after > SHORT - Duration::from_millis(50), "it was free after {after:?}");
    assert!(taken.epoch() > tenure.epoch());
}

#[tokio::test]
async fn a_killed_holder_is_followed_by_another() {
    let server = NatsServer::start().await;
    let mut holder = Holder::start(&server, "gate", SHORT).await;
    let said = holder.next().await;
    let leases = leases_at(server.port(), SHORT).await;
    let mut watch = leases.watch().await.unwrap();
    holder.signal(Signal::KILL);
    assert!(take_when_free(&leases, &mut watch, &gate()).await.epoch() > said.epoch);
}

#[tokio::test]
async fn a_stopped_holder_knows_when_it_goes_on_that_it_has_lost() {
    let server = NatsServer::start().await;
    let mut holder = Holder::start(&server, "gate", SHORT).await;
    let leases = leases_at(server.port(), SHORT).await;
    let mut watch = leases.watch().await.unwrap();
    holder.signal(Signal::STOP);
    let taken = take_when_free(&leases, &mut watch, &gate()).await;
    let goes_on = now();
    holder.signal(Signal::CONT);
    loop {
        let said = holder.next().await;
        assert!(taken.epoch() > said.epoch);
        if said.at > goes_on {
            assert!(!said.is_held, "{said:?} after {goes_on:?}");
            return;
        }
    }
}

#[tokio::test]
async fn a_renewal_over_another_entry_is_refused_and_the_lease_is_lost() {
    let server = NatsServer::start().await;
    let leases = leases_at(server.port(), LASTING).await;
    let bucket = bucket(&server).await;

    let lease = take(&leases, "one").await;
    bucket.put("gate", "{}".into()).await.unwrap();
    let loss = lost(&lease).await;
    assert!(matches!(loss, Loss::Taken { .. }), "{loss:?}");
    assert!(!lease.is_held());
    // It is not this lease that is released.
    lease.release().await.unwrap();
    assert_eq!(bucket.get("gate").await.unwrap().unwrap(), "{}");

    bucket.delete("gate").await.unwrap();
    let lease = take(&leases, "one").await;
    bucket.delete("gate").await.unwrap();
    let other = take(&leases, "other").await;
    assert!(other.epoch() > lease.epoch());
    let loss = lost(&lease).await;
    assert_eq!(loss.to_string(), "the node \"other\" has taken the lease");

    other.release().await.unwrap();
    let lease = take(&leases, "one").await;
    bucket.purge("gate").await.unwrap();
    assert_eq!(lost(&lease).await, Loss::Gone);
}

#[tokio::test]
async fn a_release_hands_over_at_once() {
    let server = NatsServer::start().await;
    let [one, other] = [leases_at(server.port(), LONG).await, leases_at(server.port(), LONG).await];
    let mut watch = other.watch().await.unwrap();
    let (gate, mut last) = (gate(), 0);
    for _ in 0..10 {
        let lease = take(&one, "one").await;
        let tenure = lease.tenure();
        let (released, taken) =
            tokio::join!(lease.release(), take_when_free(&other, &mut watch, &gate));
        released.unwrap();
        assert!(!tenure.is_held() && taken.is_held());
        assert!(tenure.epoch() > last && taken.epoch() > tenure.epoch());
        last = taken.epoch();
        taken.release().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_away_for_a_short_time_costs_no_lease() {
    let mut server = NatsServer::start().await;
    let leases = leases_at(server.port(), LASTING).await;
    let lease = take(&leases, "one").await;
    server.kill().await;
    server.start_again().await;

    let bucket = bucket(&server).await;
    let is_renewed = async || revision(&bucket).await > lease.epoch() + 1;
    until("the lease is renewed", is_renewed).await;
    assert!(lease.is_held(), "{:?}", lease.loss());
    assert!(leases.acquire(&gate(), "other").await.unwrap().is_none());
}

#[tokio::test]
async fn a_server_that_is_away_for_long_costs_all_leases_and_they_say_so() {
    let mut server = NatsServer::start().await;
    let leases = leases_at(server.port(), SHORT).await;
    let mut watch = leases.watch().await.unwrap();
    let held =
        [take(&leases, "one").await, leases.acquire(&name("yard"), "one").await.unwrap().unwrap()];
    server.kill().await;
    for lease in &held {
        let loss = lost(lease).await;
        assert!(matches!(loss, Loss::NotRenewed { .. }), "{loss:?}");
    }
    let error = leases.acquire(&gate(), "one").await.unwrap_err();
    assert!(matches!(error, BucketError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("take the lease of gate in the bucket leases"), "{error}");

    server.start_again().await;
    let again = take_when_free(&leases, &mut watch, &gate()).await;
    assert!(again.epoch() > held[0].epoch());
}

#[tokio::test]
async fn a_lease_that_is_kept_is_held_while_the_server_is_away_and_until_another_has_it() {
    let mut server = NatsServer::start().await;
    let servers = NatsServers::new(&server.url()).unwrap();
    let config = LeaseConfig::default().ttl(SHORT).keep(true);
    let keeping = Leases::open(&servers, config).await.unwrap();
    let lease = take(&keeping, "one").await;
    server.kill().await;
    let lost = timeout(2 * SHORT, lease.lost()).await;
    assert!(lost.is_err() && lease.is_held(), "{lost:?}");
    server.start_again().await;
    let has_key = async |bucket: &Store| bucket.get("gate").await.unwrap().is_some();
    let entries = bucket(&server).await;
    until("the lease is taken again", async || has_key(&entries).await).await;
    entries.purge("gate").await.unwrap();
    until("the lease is taken again", async || has_key(&entries).await).await;
    assert!(leases_at(server.port(), SHORT).await.acquire(&gate(), "two").await.unwrap().is_none());

    entries.put("gate", "{}".into()).await.unwrap();
    let loss = timeout(LIMIT, lease.lost()).await.unwrap();
    assert!(matches!(loss, Loss::Taken { .. }), "{loss:?}");
}

#[tokio::test]
async fn a_renewal_whose_answer_was_lost_is_found_to_be_done() {
    let server = NatsServer::start().await;
    let way = Way::to(&server).await;
    let leases = leases_at(way.port, LASTING).await;
    let bucket = bucket(&server).await;
    let lease = take(&leases, "one").await;
    for _ in 0..2 {
        let before = revision(&bucket).await;
        way.set(Passing::NoAnswers);
        until("a renewal is done", async || revision(&bucket).await > before).await;
        way.set(Passing::Broken);
        let unanswered = revision(&bucket).await;
        way.set(Passing::Everything);
        until("another is done", async || revision(&bucket).await > unanswered).await;
        assert!(lease.is_held(), "{:?}", lease.loss());
    }
    lease.release().await.unwrap();
    assert!(bucket.get("gate").await.unwrap().is_none());
}

#[tokio::test]
async fn a_lease_that_was_taken_though_the_answer_was_lost_is_held_by_nobody_else_for_long() {
    let server = NatsServer::start().await;
    let way = Way::to(&server).await;
    let leases = leases_at(way.port, SHORT).await;
    way.set(Passing::NoAnswers);
    let error = leases.acquire(&gate(), "one").await.unwrap_err();
    assert!(matches!(error, BucketError::Unavailable { .. }), "{error:?}");
    way.set(Passing::Broken);
    way.set(Passing::Everything);
    let other = leases_at(server.port(), SHORT).await;
    let mut watch = other.watch().await.unwrap();
    take_when_free(&other, &mut watch, &gate()).await;
}

#[tokio::test]
async fn who_is_cut_off_holds_nothing_when_another_does() {
    let server = NatsServer::start().await;
    let way = Way::to(&server).await;
    let one = leases_at(way.port, SHORT).await;
    let other = leases_at(server.port(), SHORT).await;
    let mut watch = other.watch().await.unwrap();
    for passing in [Passing::Nothing, Passing::NoAnswers, Passing::Broken] {
        way.set(Passing::Everything);
        let lease = take(&one, "one").await;
        way.set(passing);
        let taken = take_when_free(&other, &mut watch, &gate()).await;
        assert!(!lease.is_held(), "{passing:?}");
        assert!(taken.epoch() > lease.epoch());
        let loss = lost(&lease).await;
        assert!(matches!(loss, Loss::NotRenewed { .. }), "{loss:?}");
        taken.release().await.unwrap();
    }
}

#[tokio::test]
async fn a_bucket_of_another_kind_is_refused_and_left_as_it_is() {
    let ours = || Config {
        name: "KV_leases".into(),
        subjects: vec!["$KV.leases.>".into()],
        description: Some("streamsdk leases v1".into()),
        max_messages_per_subject: 1,
        max_age: SHORT,
        allow_rollup: true,
        ..Config::default()
    };
    let (expected, found) = ("streamsdk leases v1", SHORT * 2);
    let others = [
        (
            Config { description: Some("streamsdk leases v2".into()), ..ours() },
            BucketDifference::Version { found: "streamsdk leases v2".into(), expected },
        ),
        (
            Config { description: None, ..ours() },
            BucketDifference::Version { found: String::new(), expected },
        ),
        (Config { max_age: found, ..ours() }, BucketDifference::Ttl { found, expected: SHORT }),
        (Config { max_messages_per_subject: 3, ..ours() }, BucketDifference::History { found: 3 }),
        (Config { storage: StorageType::Memory, ..ours() }, BucketDifference::Memory),
    ];
    let server = NatsServer::start().await;
    let servers = NatsServers::new(&format!("127.0.0.1:{}", server.port())).unwrap();
    let client = server.client().await;
    for (config, expected) in others {
        client.create_stream(config).await.unwrap();
        let before = client.get_stream("KV_leases").await.unwrap().cached_info().config.clone();
        let opened = Leases::open(&servers, LeaseConfig::default().ttl(SHORT)).await;
        let error = opened.unwrap_err();
        assert!(error.to_string().contains(&expected.to_string()), "{error}");
        let BucketError::OtherBucket { difference, .. } = error else { panic!("{error:?}") };
        assert_eq!(difference, expected);
        let after = client.get_stream("KV_leases").await.unwrap().cached_info().config.clone();
        assert_eq!(before, after);
        client.delete_key_value("leases").await.unwrap();
    }
    // What is as it should be is used.
    client.create_stream(ours()).await.unwrap();
    leases_at(server.port(), SHORT).await;
    let one_more = Leases::open(&servers, LeaseConfig::default().ttl(SHORT).bucket("more")).await;
    take(&one_more.unwrap(), "one").await;
}

#[tokio::test]
async fn what_others_write_is_held_by_somebody_unknown_until_it_expires() {
    let server = NatsServer::start().await;
    let leases = leases_at(server.port(), LASTING).await;
    let mut watch = leases.watch().await.unwrap();
    let client = server.client().await;
    let values: [&[u8]; 6] = [b"", b"{", b"\xff\xfe\x00", b"{\"node\":7}", b"null", &[b'['; 4000]];
    let mut streams = BTreeMap::new();
    for (number, value) in values.into_iter().enumerate() {
        streams.insert(name(&format!("stream-{number}")), value.to_vec());
    }
    for (stream, value) in &streams {
        let subject = format!("$KV.leases.{stream}");
        client.publish(subject, value.clone().into()).await.unwrap().await.unwrap();
    }
    // With a header that means nothing, and keys that no stream has.
    let mut headers = HeaderMap::new();
    headers.insert("KV-Operation", "SHRED");
    for subject in ["$KV.leases.odd", "$KV.leases.a.b.c", "$KV.leases.kä", "$KV.leases.="] {
        let ack = client.publish_with_headers(subject, headers.clone(), "x".into()).await.unwrap();
        ack.await.unwrap();
    }
    streams.insert(name("odd"), b"x".to_vec());

    let unknown: BTreeMap<_, _> = streams
        .keys()
        .map(|stream| (stream.clone(), streamsdk_fleet::lease::Holder::Unknown))
        .collect();
    until("all are seen", async || watch.holders() == unknown).await;
    for stream in streams.keys() {
        assert!(leases.acquire(stream, "one").await.unwrap().is_none(), "{stream}");
    }
    let stream = streams.keys().next().unwrap();
    take_when_free(&leases, &mut watch, stream).await;
}

#[tokio::test]
async fn a_node_without_a_server_or_jetstream_is_told_and_no_secret_with_it() {
    const SECRET: &str = "open-sesame";
    let config = || LeaseConfig::default().ttl(SHORT);
    let without = NatsServer::start_with(&[]).await;
    let servers = NatsServers::new(&format!("127.0.0.1:{}", without.port())).unwrap();
    let error = Leases::open(&servers, config()).await.unwrap_err();
    assert!(matches!(error, BucketError::Unavailable { .. }), "{error:?}");

    let locked = NatsServer::start_with(&["-js", "--user", "worker", "--pass", "another"]).await;
    let address = format!("127.0.0.1:{}", locked.port());
    let servers = NatsServers::new(&address).unwrap().user("worker", SECRET);
    let error = Leases::open(&servers, config()).await.unwrap_err();
    let text = format!("{error} {error:?} {servers:?}");
    assert!(text.contains("authorization violation") && text.contains(&address), "{text}");
    assert!(!text.contains(SECRET), "{text}");
    let servers = NatsServers::new(&address).unwrap().user("worker", "another");
    let leases = Leases::open(&servers, config()).await.unwrap();
    assert!(!format!("{leases:?}").contains("another"), "{leases:?}");

    let mut gone = NatsServer::start().await;
    gone.kill().await;
    let servers = NatsServers::new(&format!("127.0.0.1:{}", gone.port())).unwrap();
    let error = Leases::open(&servers, config()).await.unwrap_err();
    assert!(matches!(error, BucketError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn a_bucket_that_is_deleted_costs_the_leases_and_nothing_else() {
    let server = NatsServer::start().await;
    let leases = leases_at(server.port(), SHORT).await;
    let mut watch = leases.watch().await.unwrap();
    let lease = take(&leases, "one").await;
    server.client().await.delete_key_value("leases").await.unwrap();
    assert!(matches!(lost(&lease).await, Loss::NotRenewed { .. }));
    leases.acquire(&gate(), "one").await.unwrap_err();
    leases_at(server.port(), SHORT).await;
    take_when_free(&leases, &mut watch, &gate()).await;
}

/// Not a test: others start it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is a part of others"]
async fn holder_in_a_process_of_its_own() {
    holder::hold().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn after_a_kill_another_has_the_lease_within_a_ttl_and_half_a_second() {
    const LANES: usize = 10;
    const KILLS_EACH: usize = 10;
    for ttl in [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(10)] {
        let server = NatsServer::start().await;
        let leases = leases_at(server.port(), ttl).await;
        let lanes = (0..LANES).map(|lane| {
            let (leases, server) = (leases.clone(), &server);
            async move {
                let stream = format!("lane-{lane}");
                let mut watch = leases.watch().await.unwrap();
                let mut times = Vec::new();
                for _ in 0..KILLS_EACH {
                    let holder = Holder::start(server, &stream, ttl).await;
                    // At any moment between two renewals.
                    sleep(ttl.mul_f64(0.4 + fastrand::f64() / 3.0)).await;
                    let killed = Instant::now();
                    holder.signal(Signal::KILL);
                    let lease = take_when_free(&leases, &mut watch, &name(&stream)).await;
                    times.push(killed.elapsed());
                    lease.release().await.unwrap();
                }
                times
            }
        });
        let mut times = join_all(lanes).await.concat();
        times.sort();
        let at = |share: usize| times[(times.len() - 1) * share / 100];
        println!(
            "a TTL of {ttl:?}: after {} kills taken over within {:?} (p50), {:?} (p99), {:?} (most)",
            times.len(),
            at(50),
            at(99),
            at(100)
        );
        assert!(at(99) <= ttl + Duration::from_millis(500), "{times:?}");
    }
}
