//! Many streams side by side: their results, their turns, their failures and their ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use streamsdk::{
    Client, Error, ProducerSource, RetryPolicy, Session, StreamConfig, TestPattern,
    VideoFileSource, Workflow,
};
use streamsdk_fleet::{
    RestartPolicy, RestartWhen, Stream, StreamEvents, StreamNews, StreamState, StreamStatus,
    Streams, StreamsConfig,
};
use streamsdk_sinks::jsonl::JsonlFile;
use streamsdk_sinks::{ImageFolder, Outlet, OutletConfig, StreamName};
use streamsdk_tests::{KillableWorker, MAX_WAIT, clip, worker};

fn name(text: &str) -> StreamName {
    text.parse().unwrap()
}

/// A clip of 30 frames, as often as it is started.
fn a_clip(url: &str) -> Stream {
    a_clip_with(url, StreamConfig::default())
}

fn a_clip_with(url: &str, config: StreamConfig) -> Stream {
    let client = Client::builder(url).build().unwrap();
    Stream::file(move || {
        let (client, config) = (client.clone(), config.clone());
        async move {
            let stream = client.stream(VideoFileSource::open(clip("plain_160x120.mp4"))?);
            stream.workflow(Workflow::id("local", "motion")).config(config).start().await
        }
    })
}

/// A drawing without an end. Its sessions do not outlive their connection.
fn a_drawing(url: &str) -> Stream {
    let client = Client::builder(url).build().unwrap();
    Stream::live(move || {
        let client = client.clone();
        async move {
            let source = ProducerSource::new(TestPattern::new(64, 48, 20.0));
            let config = StreamConfig::default().retry(RetryPolicy::never());
            let stream = client.stream(source).config(config.diagnose_failures(false));
            stream.workflow(Workflow::id("local", "motion")).start().await
        }
    })
    .restart(RestartPolicy::new(RestartWhen::Always).max_wait(Duration::from_millis(200)))
}

fn an_outlet(path: &Path) -> Arc<Outlet> {
    Arc::new(Outlet::open(Box::new(JsonlFile::new(path)), OutletConfig::default()).unwrap())
}

/// Waits until something has happened in a stream.
async fn until(events: &mut StreamEvents, stream: &str, is_it: impl Fn(&StreamNews) -> bool) {
    let waiting = async {
        while let Some(event) = events.next().await {
            if event.stream.as_str() == stream && is_it(&event.news) {
                return;
            }
        }
        panic!("the streams are gone");
    };
    tokio::time::timeout(MAX_WAIT, waiting).await.unwrap();
}

fn is_over(news: &StreamNews) -> bool {
    matches!(news, StreamNews::Over(_))
}

/// Places of the records in a file, by stream.
fn places(path: &Path) -> BTreeMap<String, Vec<(u64, u64)>> {
    let mut places: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let stream = record["stream"].as_str().unwrap().to_owned();
        let place = (record["epoch"].as_u64().unwrap(), record["sequence"].as_u64().unwrap());
        places.entry(stream).or_default().push(place);
    }
    places
}

/// What is delivered of a clip whose results have a picture each, and how the stream has ended.
async fn delivered_with_pictures(images: ImageFolder) -> (Vec<Value>, StreamStatus) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    let (worker, outlet) = (worker().await, an_outlet(&path));
    let (streams, mut events) = Streams::with_events(StreamsConfig::default()).unwrap();
    let stream = a_clip_with(&worker.url(), StreamConfig::default().data_output(["image"]));
    streams.add(name("gate"), stream.outlet(Arc::clone(&outlet)).image_folder(images)).unwrap();
    until(&mut events, "gate", is_over).await;
    let status = streams.drain(MAX_WAIT).await.remove(0);
    Arc::into_inner(outlet).unwrap().close(MAX_WAIT).await;
    worker.shutdown().await;
    let text = std::fs::read_to_string(path).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), status)
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_files_that_results_refer_to() {
    let folder = tempfile::tempdir().unwrap();
    let (records, status) = delivered_with_pictures(ImageFolder::new(folder.path())).await;
    assert_eq!((records.len(), status.totals.undelivered), (30, 0), "{status:?}");
    for record in records {
        let image = &record["outputs"]["image"];
        assert_eq!(image["type"], "url", "{record}");
        let path = image["value"].as_str().unwrap().strip_prefix("file://").unwrap();
        let jpeg = std::fs::read(path).unwrap();
        assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_whose_images_cannot_be_kept_are_delivered_and_the_stream_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (records, status) = delivered_with_pictures(ImageFolder::new(file.join("folder"))).await;
    assert_eq!((records.len(), status.totals.undelivered), (30, 0), "{status:?}");
    assert!(records.iter().all(|record| record["outputs"]["image"].get("value").is_none()));
    let said = status.last_error.unwrap();
    assert!(said.starts_with("an image is not kept: cannot write "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_each_stream_are_delivered_in_order_up_to_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    let (worker, outlet) = (worker().await, an_outlet(&path));
    let (streams, mut events) = Streams::with_events(StreamsConfig::default()).unwrap();
    for stream in ["left", "right"] {
        streams.add(name(stream), a_clip(&worker.url()).outlet(Arc::clone(&outlet))).unwrap();
    }
    let mut over = 0;
    while over < 2 {
        over += u32::from(is_over(&events.next().await.unwrap().news));
    }
    for status in streams.drain(MAX_WAIT).await {
        assert_eq!(status.state, StreamState::Complete, "{status:?}");
        assert_eq!((status.totals.frames_returned, status.totals.undelivered), (30, 0));
    }
    let ended = Arc::into_inner(outlet).unwrap().close(MAX_WAIT).await;
    assert_eq!((ended.counters.delivered, ended.lost), (60, 0));
    for (stream, places) in places(&path) {
        let sequences: Vec<u64> = places.iter().map(|(_, sequence)| *sequence).collect();
        assert_eq!(sequences, (1..=30).collect::<Vec<u64>>(), "{stream}");
        assert!(places.windows(2).all(|pair| pair[0].0 == pair[1].0), "{stream} has one epoch");
    }
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_wait_for_their_turn_and_live_streams_do_not() {
    let worker = worker().await;
    let config = StreamsConfig::default().files_at_once(1);
    let (streams, mut events) = Streams::with_events(config).unwrap();
    streams.add(name("live"), a_drawing(&worker.url())).unwrap();
    until(&mut events, "live", |news| matches!(news, StreamNews::Started)).await;
    for file in ["a", "b", "c"] {
        streams.add(name(file), a_clip(&worker.url())).unwrap();
    }
    let (mut running, mut over) = (0, 0);
    while over < 3 {
        let event = events.next().await.unwrap();
        if event.stream.as_str() != "live" {
            running += i32::from(matches!(event.news, StreamNews::Started));
            running -= i32::from(matches!(event.news, StreamNews::Ended(_)));
            over += u32::from(is_over(&event.news));
        }
        assert!(running <= 1, "two files at once");
    }
    assert_eq!(streams.status(&name("live")).unwrap().state, StreamState::Running);
    drop(events);
    streams.drain(MAX_WAIT).await;
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_fails_begins_again_and_concerns_no_other() {
    let worker = worker().await;
    let (streams, mut events) = Streams::with_events(StreamsConfig::default()).unwrap();
    streams.add(name("good"), a_drawing(&worker.url())).unwrap();
    // Nobody is there.
    streams.add(name("bad"), a_drawing("http://127.0.0.1:9")).unwrap();
    for _ in 0..3 {
        until(&mut events, "bad", |news| matches!(news, StreamNews::Restarting(_))).await;
    }
    let bad = streams.status(&name("bad")).unwrap();
    assert!(bad.last_error.unwrap().contains("127.0.0.1:9"));
    until(&mut events, "good", |news| matches!(news, StreamNews::Session(_))).await;
    let good = streams.status(&name("good")).unwrap();
    assert_eq!((good.state, good.totals.sessions), (StreamState::Running, 1));
    drop(events);
    let states: Vec<StreamState> =
        streams.drain(MAX_WAIT).await.into_iter().map(|status| status.state).collect();
    assert_eq!(states, [StreamState::Stopped; 2]);
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_of_a_stream_has_an_epoch_behind_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    let (mut worker, outlet) = (KillableWorker::start("127.0.0.1:0").await, an_outlet(&path));
    let (streams, mut events) = Streams::with_events(StreamsConfig::default()).unwrap();
    streams.add(name("gate"), a_drawing(worker.url()).outlet(Arc::clone(&outlet))).unwrap();
    for _ in 0..2 {
        until(&mut events, "gate", |news| matches!(news, StreamNews::Session(_))).await;
        worker = worker.kill_and_start_again().await;
        until(&mut events, "gate", |news| matches!(news, StreamNews::Failed(_))).await;
    }
    until(&mut events, "gate", |news| matches!(news, StreamNews::Session(_))).await;
    drop(events);
    let status = streams.remove(&name("gate"), MAX_WAIT).await.unwrap();
    assert_eq!(status.state, StreamState::Stopped);
    assert!(status.totals.sessions >= 3, "{status:?}");
    Arc::into_inner(outlet).unwrap().close(MAX_WAIT).await;
    let places = &places(&path)["gate"];
    assert!(places.is_sorted(), "{places:?}");
    let begins = places.iter().filter(|(_, sequence)| *sequence == 1).count();
    assert!(begins >= 3, "{places:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_settings_is_not_tried_again() {
    let (streams, mut events) = Streams::with_events(StreamsConfig::default()).unwrap();
    let without_workflow = || async {
        let client = Client::builder("http://127.0.0.1:9").build()?;
        client.stream(ProducerSource::new(TestPattern::new(64, 48, 20.0))).start().await
    };
    streams.add(name("wrong"), Stream::live(without_workflow)).unwrap();
    until(&mut events, "wrong", is_over).await;
    assert_eq!(streams.status(&name("wrong")).unwrap().state, StreamState::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_taken_once() {
    let streams = Streams::new(StreamsConfig::default()).unwrap();
    let never = || std::future::pending::<Result<Session, Error>>();
    streams.add(name("gate"), Stream::live(never)).unwrap();
    streams.add(name("gate"), Stream::live(never)).unwrap_err();
    assert!(streams.remove(&name("yard"), MAX_WAIT).await.is_none());
    // Nothing has begun, so nothing is waited for.
    streams.remove(&name("gate"), MAX_WAIT).await.unwrap();
    streams.add(name("gate"), Stream::live(never)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_outlet_takes_nothing_ends_within_its_limit() {
    let worker = worker().await;
    let streams = Streams::new(StreamsConfig::default()).unwrap();
    // Its folder cannot be made: nothing is ever delivered, and there is no room for a second record.
    let config = OutletConfig::default().memory_limit(1);
    let outlet = Outlet::open(Box::new(JsonlFile::new("/dev/null/no")), config).unwrap();
    let outlet = Arc::new(outlet);
    streams.add(name("gate"), a_drawing(&worker.url()).outlet(Arc::clone(&outlet))).unwrap();
    let is_full = async {
        while outlet.counters().retries == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(MAX_WAIT, is_full).await.unwrap();
    let gate = name("gate");
    let removing = streams.remove(&gate, Duration::from_millis(300));
    tokio::time::timeout(MAX_WAIT, removing).await.unwrap().unwrap();
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_being_ended_are_still_to_be_seen() {
    let worker = worker().await;
    let (streams, mut events) = Streams::with_events(StreamsConfig::default()).unwrap();
    streams.add(name("gate"), a_drawing(&worker.url())).unwrap();
    until(&mut events, "gate", |news| matches!(news, StreamNews::Started)).await;
    let mut draining = std::pin::pin!(streams.drain(MAX_WAIT));
    assert!(futures::poll!(&mut draining).is_pending());
    assert_eq!(streams.statuses().len(), 1);
    let taking = async { while events.next().await.is_some() {} };
    let ended = tokio::select! {
        ended = draining => ended,
        () = taking => panic!("the streams are gone"),
    };
    assert_eq!((ended.len(), streams.statuses().len()), (1, 0));
}
