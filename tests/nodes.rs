//! Streams on more than one machine, over a real NATS server: who goes on with what, and what is in the log then.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use futures::StreamExt;
use serde_json::Value;
use streamsdk_fleet::node::{FleetControl, FleetStreamState, Node, NodeConfig, NodeError};
use streamsdk_fleet::{Changes, FleetConfig, StreamEvents};
use streamsdk_media::Frame;
use streamsdk_sinks::StreamName;
use streamsdk_sinks::nats::NatsServers;
use streamsdk_testkit::nats::{NatsServer, Passing, Way, until};
use streamsdk_tests::{MAX_WAIT, clip, worker, worker_with};
use streamsdk_worker::{
    FrameContext, OutputDeclaration, Processor, ProcessorError, ProcessorOutputs, Processors,
    Worker, WorkerConfig,
};

/// Where leases are to expire soon.
const SHORT: Duration = Duration::from_secs(1);
/// Where a lease is to be renewed, and to expire in the end.
const BETWEEN: Duration = Duration::from_secs(3);
/// Where leases are to be renewed, though the machine be busy.
const LASTING: Duration = Duration::from_secs(9);

/// The frames of the clip that files of these tests have.
const FRAMES: u64 = 300;

struct Bed {
    nats: NatsServer,
    worker: Worker,
    ttl: Duration,
}

impl Bed {
    async fn start(ttl: Duration) -> Self {
        Self::with_worker(worker().await, ttl).await
    }

    async fn with_worker(worker: Worker, ttl: Duration) -> Self {
        Self { nats: NatsServer::start().await, worker, ttl }
    }

    async fn node(&self, name: &str) -> Node {
        self.node_over(&self.nats.url(), name).await
    }

    async fn node_over(&self, url: &str, name: &str) -> Node {
        let (node, events) = self.try_node(url, name).await.unwrap();
        tokio::spawn(take_all(events));
        node
    }

    async fn try_node(&self, url: &str, name: &str) -> Result<(Node, StreamEvents), NodeError> {
        self.try_node_with(url, name, |config| config).await
    }

    async fn try_node_with(
        &self,
        url: &str,
        name: &str,
        configure: impl FnOnce(NodeConfig) -> NodeConfig,
    ) -> Result<(Node, StreamEvents), NodeError> {
        let config = NodeConfig::new(name.parse().unwrap()).ttl(self.ttl);
        Node::start(&NatsServers::new(url).unwrap(), configure(config)).await
    }

    async fn control(&self) -> FleetControl {
        let servers = NatsServers::new(&self.nats.url()).unwrap();
        FleetControl::connect(&servers).await.unwrap()
    }

    /// Has files of three hundred frames and drawings run, by their names.
    async fn apply(&self, files: &[&str], live: &[&str]) -> Changes {
        self.apply_with(files, live, "workflow_id = \"motion\"").await
    }

    async fn apply_with(&self, files: &[&str], live: &[&str], processing: &str) -> Changes {
        let mut text = format!(
            "[defaults]\nserver = \"{}\"\nworkspace = \"local\"\n{processing}\n",
            self.worker.url()
        );
        let file = clip("moving_300.mp4");
        for name in files {
            text += &format!("[streams.{name}]\nsource = \"{}\"\n", file.display());
        }
        for name in live {
            text += &format!("[streams.{name}]\nsource = \"pattern:64x48@20\"\n");
        }
        let streams = FleetConfig::parse_for_fleet(&text, "streams.toml", Path::new("")).unwrap();
        self.control().await.apply(&streams).await.unwrap()
    }

    /// What the log has of a stream.
    async fn log(&self, stream: &str) -> Vec<Value> {
        log(&self.nats.client().await, stream).await
    }

    /// Waits until the log of a stream is as it should be.
    async fn log_has(
        &self,
        stream: &str,
        what: &str,
        is_so: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let client = self.nats.client().await;
        until(&format!("{stream} {what}"), async || is_so(&log(&client, stream).await)).await;
        log(&client, stream).await
    }
}

async fn take_all(mut events: StreamEvents) {
    while events.next().await.is_some() {}
}

async fn log(client: &Context, stream: &str) -> Vec<Value> {
    let Ok(log) = client.get_stream("results").await else { return Vec::new() };
    let subject = format!("results.{stream}");
    let mut subjects = log.info_with_subjects(&subject).await.unwrap();
    let count = match subjects.next().await {
        Some(Ok((_, count))) => count,
        _ => return Vec::new(),
    };
    let config = OrderedConfig { filter_subject: subject, ..OrderedConfig::default() };
    let messages = log.create_consumer(config).await.unwrap().messages().await.unwrap();
    let payloads = messages.take(count).map(|message| message.unwrap().payload.clone());
    payloads.map(|payload| serde_json::from_slice(&payload).unwrap()).collect().await
}

fn has_ended(log: &[Value]) -> bool {
    log.last().is_some_and(|last| last["end"]["outcome"] == "complete")
}

fn results(log: &[Value]) -> impl Iterator<Item = &Value> {
    log.iter().filter(|entry| entry.get("outputs").is_some())
}

fn nodes(log: &[Value]) -> Vec<&str> {
    log.iter().filter_map(|entry| entry["begin"]["node"].as_str()).collect()
}

/// Each epoch begins with a beginning, epochs rise, and places within one follow each other.
fn assert_in_order(log: &[Value]) {
    let mut last: Option<(u64, u64)> = None;
    for entry in log {
        let place = (entry["epoch"].as_u64().unwrap(), entry["sequence"].as_u64().unwrap());
        let is_begin = entry.get("begin").is_some();
        match last {
            Some((epoch, sequence)) if epoch == place.0 => {
                assert_eq!((place.1, is_begin), (sequence + 1, false), "{entry}");
            }
            Some((epoch, _)) => assert!(place.0 > epoch && place.1 == 0 && is_begin, "{entry}"),
            None => assert!(place.1 == 0 && is_begin, "{entry}"),
        }
        last = Some(place);
    }
}

/// Each frame of a file is there once, and in order.
fn assert_every_frame_once(log: &[Value]) {
    assert_in_order(log);
    let frames: Vec<u64> = results(log).map(|entry| entry["frame_id"].as_u64().unwrap()).collect();
    assert_eq!(frames, (1..=FRAMES).collect::<Vec<_>>());
    assert_eq!(log.last().unwrap()["end"]["frames"], FRAMES);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_frame_of_files_is_in_the_log_once_and_what_has_ended_is_not_begun_again() {
    let bed = Bed::start(LASTING).await;
    let names = ["a", "b", "c"];
    bed.apply(&names, &[]).await;
    let (one, other) = (bed.node("one").await, bed.node("other").await);
    for name in names {
        assert_every_frame_once(&bed.log_has(name, "has ended", has_ended).await);
    }
    let status = bed.control().await.status().await.unwrap();
    assert!(status.streams.iter().all(|stream| stream.state == FleetStreamState::Complete));
    let names_of_nodes: Vec<&str> = status.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names_of_nodes, ["one", "other"]);
    one.drain().await.unwrap();
    other.drain().await.unwrap();

    let again = bed.node("again").await;
    // It has seen what is to be done when it has done this.
    bed.apply(&["a", "b", "c", "d"], &[]).await;
    bed.log_has("d", "has ended", has_ended).await;
    for name in names {
        assert_eq!(nodes(&bed.log(name).await).len(), 1);
    }
    again.drain().await.unwrap();
}

/// Lets the frames of a file be processed up to one of them.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<u32>, Condvar)>);

impl Gate {
    /// A worker whose workflow `gated` waits here.
    async fn worker(&self) -> Worker {
        let gate = self.clone();
        let processors = Processors::builtin().register(
            "gated",
            [OutputDeclaration::json("passed")],
            move |_| Ok(Box::new(gate.clone())),
        );
        worker_with(WorkerConfig::default().processors(processors)).await
    }

    fn open_up_to(&self, last: u64) {
        let (open, changed) = &*self.0;
        *open.lock().unwrap() = last.try_into().unwrap();
        changed.notify_all();
    }
}

impl Processor for Gate {
    fn process(
        &mut self,
        _: &Frame,
        context: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        let (open, changed) = &*self.0;
        let is_closed = |open: &mut u32| *open < context.frame_id();
        let open = open.lock().unwrap();
        if changed.wait_timeout_while(open, MAX_WAIT, is_closed).unwrap().1.timed_out() {
            return Err(ProcessorError::Other("nobody opened the gate".into()));
        }
        Ok(ProcessorOutputs::new().json("passed", true))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_node_is_killed_goes_on_elsewhere_behind_its_last_frame() {
    let gate = Gate::default();
    let bed = Bed::with_worker(gate.worker().await, SHORT).await;
    bed.apply_with(&["tape"], &[], "workflow_id = \"gated\"").await;
    let names = ["one", "other", "third", "last"];
    for (killed, last) in names.into_iter().zip([50, 51, 200]) {
        let node = bed.node(killed).await;
        gate.open_up_to(last);
        let is_there = |log: &[Value]| results(log).count() as u64 == last;
        let log = bed.log_has("tape", "is as far as it can be", is_there).await;
        assert_eq!(nodes(&log).last(), Some(&killed));
        drop(node);
    }
    let node = bed.node("last").await;
    gate.open_up_to(FRAMES);
    let log = bed.log_has("tape", "has ended", has_ended).await;
    assert_every_frame_once(&log);
    let mut nodes = nodes(&log);
    // One that stood still for longer than its lease lasts has begun again.
    nodes.dedup();
    assert_eq!(nodes, names);
    node.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn live_streams_are_shared_and_a_node_that_drains_hands_its_own_over() {
    let bed = Bed::start(LASTING).await;
    let names = ["a", "b", "c", "d"];
    let (one, mut other) = (bed.node("one").await, bed.node("other").await);
    bed.apply(&[], &names).await;
    for name in names {
        bed.log_has(name, "has results", |log| results(log).count() > 2).await;
    }
    until("each has its share", async || (one.streams().len(), other.streams().len()) == (2, 2))
        .await;
    bed.control().await.drain(other.name(), Duration::from_secs(60)).await.unwrap();
    other.ended().await.unwrap();
    for name in names {
        let log = bed
            .log_has(name, "is run by the node that stays", |log| {
                nodes(log).last() == Some(&"one") && log.last().unwrap().get("outputs").is_some()
            })
            .await;
        assert_in_order(&log);
    }
    assert_eq!(one.streams().len(), 4);
    one.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_gets_its_share_of_live_streams() {
    let bed = Bed::start(SHORT).await;
    let names = ["a", "b", "c", "d"];
    bed.apply(&[], &names).await;
    let one = bed.node("one").await;
    until("one runs all", async || one.streams().len() == 4).await;
    let other = bed.node("other").await;
    until("both have their share", async || one.streams().len() == 2 && other.streams().len() == 2)
        .await;
    one.drain().await.unwrap();
    other.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_reach_the_servers_is_replaced_and_what_it_says_later_is_refused() {
    let bed = Bed::start(SHORT).await;
    bed.apply(&[], &["gate"]).await;
    let way = Way::to(&bed.nats).await;
    let cut_off = bed.node_over(&format!("nats://127.0.0.1:{}", way.port), "cut-off").await;
    bed.log_has("gate", "has results", |log| results(log).count() > 2).await;
    let other = bed.node("other").await;
    way.set(Passing::Nothing);
    bed.log_has("gate", "goes on", |log| {
        nodes(log).last() == Some(&"other") && log.last().unwrap().get("outputs").is_some()
    })
    .await;
    way.set(Passing::Everything);
    let seen = results(&bed.log("gate").await).count();
    let log = bed.log_has("gate", "has more results", |log| results(log).count() > seen + 20).await;
    assert_in_order(&log);
    cut_off.drain().await.unwrap();
    other.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn results_wait_while_the_servers_are_away_for_less_than_a_lease_lasts() {
    let mut bed = Bed::start(LASTING).await;
    bed.apply(&[], &["gate"]).await;
    let node = bed.node("one").await;
    let before = bed.log_has("gate", "has results", |log| results(log).count() > 2).await.len();
    bed.nats.kill().await;
    let returned = |node: &Node| node.streams()[0].totals.frames_returned;
    let at_the_kill = returned(&node);
    until("the camera goes on", async || returned(&node) > at_the_kill + 10).await;
    bed.nats.start_again().await;
    let log = bed.log_has("gate", "goes on", |log| results(log).count() > before + 20).await;
    assert_in_order(&log);
    assert_eq!(nodes(&log).len(), 1);
    node.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_node_keeps_its_streams_however_long_the_servers_are_away() {
    let mut bed = Bed::start(SHORT).await;
    bed.apply(&["tape"], &["gate"]).await;
    let url = bed.nats.url();
    let (node, events) = bed.try_node_with(&url, "one", |config| config.keep(true)).await.unwrap();
    tokio::spawn(take_all(events));
    let before = bed.log_has("gate", "has results", |log| results(log).count() > 2).await.len();
    bed.nats.kill().await;
    let returned = |node: &Node| {
        node.streams()
            .iter()
            .find(|stream| stream.name.as_str() == "gate")
            .map_or(0, |stream| stream.totals.frames_returned)
    };
    let at_the_kill = returned(&node);
    // Two seconds and a half, of twenty frames each.
    until("the camera goes on", async || returned(&node) > at_the_kill + 50).await;
    bed.nats.start_again().await;
    let gate = bed.log_has("gate", "goes on", |log| results(log).count() > before + 70).await;
    assert_in_order(&gate);
    assert_eq!(nodes(&gate).len(), 1, "nothing has begun again");
    let tape = bed.log_has("tape", "is complete", has_ended).await;
    assert_in_order(&tape);
    assert_every_frame_once(&tape);
    node.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_keeps_its_streams_is_the_only_one() {
    let bed = Bed::start(BETWEEN).await;
    let way = Way::to(&bed.nats).await;
    let over_way = format!("nats://127.0.0.1:{}", way.port);
    let keep = |config: NodeConfig| config.keep(true);
    let (mut keeper, _) = bed.try_node_with(&over_way, "keeper", keep).await.unwrap();
    let error = bed.try_node(&bed.nats.url(), "other").await.map(|_| ()).unwrap_err();
    let expected = "keeper keeps its streams while the servers are away";
    assert!(error.to_string().contains(expected), "{error}");

    // While nobody knows of it, another may start.
    way.set(Passing::Nothing);
    let other = bed.node("other").await;
    way.set(Passing::Everything);
    let error = tokio::time::timeout(MAX_WAIT, keeper.ended()).await.unwrap().unwrap_err();
    assert!(
        matches!(&error, NodeError::NotAlone { other, .. } if other.as_str() == "other"),
        "{error:?}"
    );
    let refused = bed.try_node_with(&bed.nats.url(), "keeper", keep).await.map(|_| ()).unwrap_err();
    assert!(matches!(refused, NodeError::NotAlone { .. }), "{refused:?}");
    other.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_should_run_changes_while_nodes_run() {
    let bed = Bed::start(LASTING).await;
    let node = bed.node("one").await;
    assert_eq!(bed.apply(&[], &["a", "b"]).await.added.len(), 2);
    until("both run", async || node.streams().len() == 2).await;
    for name in ["a", "b"] {
        bed.log_has(name, "has results", |log| results(log).count() > 2).await;
    }
    assert!(bed.apply(&[], &["a", "b"]).await.is_empty());
    let changes = bed.apply_with(&[], &["b"], "workflow_id = \"motion\"\nidle_timeout = 60").await;
    assert_eq!((changes.changed.len(), changes.removed.len()), (1, 1));
    let changed = bed.log_has("b", "has begun again", |log| nodes(log).len() == 2).await;
    assert_in_order(&changed);
    until("one runs", async || node.streams().len() == 1).await;
    assert_eq!(nodes(&bed.log("a").await).len(), 1);
    node.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_cannot_have_one_name() {
    let bed = Bed::start(BETWEEN).await;
    let node = bed.node("one").await;
    let error = bed.try_node(&bed.nats.url(), "one").await.map(|_| ()).unwrap_err();
    assert!(matches!(&error, NodeError::NameTaken(name) if name.as_str() == "one"), "{error:?}");
    // That of a node that has failed is free after a while.
    drop(node);
    bed.node("one").await.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_with_another_ttl_are_told_so() {
    let bed = Bed::start(LASTING).await;
    let node = bed.node("one").await;
    let config = NodeConfig::new("other".parse().unwrap()).ttl(SHORT);
    let error = Node::start(&NatsServers::new(&bed.nats.url()).unwrap(), config).await;
    let error = error.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("9s there"), "{error}");
    node.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_processed_do_not_take_the_place_of_others_for_ever() {
    let bed = Bed::start(LASTING).await;
    let config = NodeConfig::new("one".parse().unwrap()).ttl(bed.ttl).files_at_once(1);
    let servers = NatsServers::new(&bed.nats.url()).unwrap();
    let (node, events) = Node::start(&servers, config).await.unwrap();
    tokio::spawn(take_all(events));
    let mut text = format!(
        "[defaults]\nserver = \"{}\"\nworkspace = \"local\"\nworkflow_id = \"motion\"\n\
         max_restart_wait = 0.1\n[streams.tape]\nsource = \"{}\"\n",
        bed.worker.url(),
        clip("moving_300.mp4").display()
    );
    for number in 0..4 {
        let bad = clip("text.mp4");
        text += &format!("[streams.bad-{number}]\nsource = \"{}\"\n", bad.display());
    }
    let streams = FleetConfig::parse_for_fleet(&text, "streams.toml", Path::new("")).unwrap();
    bed.control().await.apply(&streams).await.unwrap();
    assert_every_frame_once(&bed.log_has("tape", "has ended", has_ended).await);
    node.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_results_the_log_does_not_take_is_not_called_complete() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("nats.conf");
    std::fs::write(&settings, "max_payload: 2048\n").unwrap();
    let options = ["-js", "-c", settings.to_str().unwrap()].map(|it| &*String::from(it).leak());
    let nats = NatsServer::start_with(options.to_vec().leak()).await;
    let bed = Bed { nats, worker: worker().await, ttl: LASTING };
    let node = bed.node("one").await;
    let images = "workflow_id = \"motion\"\nimages = \"inline\"\ndata_output = [\"image\"]";
    bed.apply_with(&["tape"], &[], images).await;
    let log = bed.log_has("tape", "has ended", |log| log.len() > 1).await;
    let end = log.last().unwrap();
    assert_eq!((log.len(), &end["sequence"]), (2, &(FRAMES + 1).into()));
    assert_eq!(
        (&end["end"]["outcome"], &end["end"]["frames"]),
        (&"incomplete".into(), &FRAMES.into())
    );
    node.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_cannot_be_run_is_told_and_hinders_no_other() {
    let bed = Bed::start(LASTING).await;
    let (node, mut events) = bed.try_node(&bed.nats.url(), "one").await.unwrap();
    let good = "[streams.good]\nsource = \"pattern:64x48@20\"\n";
    let text = format!(
        "[defaults]\nserver = \"{}\"\nworkspace = \"local\"\nworkflow_id = \"motion\"\n{good}\
         [streams.bad]\nsource = \"not/here.mp4\"\n",
        bed.worker.url()
    );
    let streams: BTreeMap<StreamName, String> =
        FleetConfig::parse_for_fleet(&text, "streams.toml", Path::new("")).unwrap();
    bed.control().await.apply(&streams).await.unwrap();
    let failure = loop {
        let event = events.next().await.unwrap();
        if let streamsdk_fleet::StreamNews::Failed(error) = event.news {
            break (event.stream, error.to_string());
        }
    };
    assert!(failure.0.as_str() == "bad" && failure.1.contains("not/here.mp4"), "{failure:?}");
    tokio::spawn(take_all(events));
    bed.log_has("good", "has results", |log| results(log).count() > 2).await;
    let status = bed.control().await.status().await.unwrap();
    let state =
        |name: &str| status.streams.iter().find(|it| it.name.as_str() == name).unwrap().state;
    assert_eq!(state("bad"), FleetStreamState::Waiting);
    assert_eq!(state("good"), FleetStreamState::Running);
    node.drain().await.unwrap();
}
