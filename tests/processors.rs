//! A processor of one's own, from the request to the session's end.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use streamsdk::{Error, ErrorKind, StreamConfig};
use streamsdk_media::Frame;
use streamsdk_tests::{drain, next, start, worker_with};
use streamsdk_worker::{
    FrameContext, OutputDeclaration, Processor, ProcessorError, ProcessorOutputs, Processors,
    SessionEnd, Worker, WorkerConfig,
};

const CLIP: &str = "plain_160x120.mp4";
const MAX_WAIT: Duration = Duration::from_secs(60);

/// What a processor was told.
#[derive(Debug, PartialEq)]
enum Told {
    Request { level: i64, realtime: bool },
    Frame { id: u32, wants: [bool; 2] },
    End(SessionEnd),
}

struct Listening(Sender<Told>);

impl Processor for Listening {
    fn process(
        &mut self,
        _: &Frame,
        context: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        let wants = ["a", "b"].map(|output| context.wants(output));
        self.0.send(Told::Frame { id: context.frame_id(), wants }).unwrap();
        Ok(ProcessorOutputs::new().json("a", 1).json("b", 2))
    }

    fn session_ended(&mut self, end: &SessionEnd) {
        self.0.send(Told::End(end.clone())).unwrap();
    }
}

/// A worker with the processor `listening`, and what that is told.
async fn listening_worker() -> (Worker, Receiver<Told>) {
    let (tell, told) = channel();
    let outputs = ["a", "b"].map(OutputDeclaration::json);
    let processors = Processors::builtin().register("listening", outputs, move |request| {
        let level = request.parameters().get("level").and_then(|level| level.as_i64());
        let level = level.ok_or_else(|| ProcessorError::Other("it needs a level".into()))?;
        tell.send(Told::Request { level, realtime: request.is_realtime() }).unwrap();
        Ok(Box::new(Listening(tell.clone())))
    });
    (worker_with(WorkerConfig::default().processors(processors)).await, told)
}

fn config(outputs: &[&str]) -> StreamConfig {
    StreamConfig::default().data_output(outputs.iter().copied()).parameter("level", 3)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sees_the_request_is_told_what_is_wanted_and_how_the_session_ended() {
    let (worker, told) = listening_worker().await;
    let session = start(&worker.url(), CLIP, "listening", config(&["b"])).await.unwrap();
    let (_, summary) = drain(session).await.unwrap();
    worker.shutdown().await;

    let told: Vec<_> = told.try_iter().collect();
    assert_eq!(told[0], Told::Request { level: 3, realtime: false });
    assert_eq!(told[1], Told::Frame { id: 1, wants: [false, true] });
    let Some(Told::End(end)) = told.last() else { panic!("{told:?}") };
    assert_eq!(u64::from(end.frames), summary.frames_sent);
    assert_eq!((end.reason.as_deref(), end.errors.len()), (None, 0));
    assert_eq!(told.len(), end.frames as usize + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_made_refuses_the_session_and_says_why() {
    let (worker, _told) = listening_worker().await;
    let refused = start(&worker.url(), CLIP, "listening", StreamConfig::default()).await;
    let error: Error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("it needs a level"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_the_end_of_a_session_that_its_client_left() {
    let (worker, told) = listening_worker().await;
    let mut session = start(&worker.url(), CLIP, "listening", config(&["a"])).await.unwrap();
    next(&mut session).await.unwrap().unwrap();
    drop(session);
    let end = tokio::task::spawn_blocking(move || {
        let mut told = std::iter::from_fn(|| told.recv_timeout(MAX_WAIT).ok());
        told.find(|told| matches!(told, Told::End(_)))
    });
    assert!(end.await.unwrap().is_some());
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_being_made_keeps_its_place_when_its_client_leaves() {
    let (entered, being_made) = channel();
    let (go_on, gone_on) = channel();
    let gone_on = Mutex::new(gone_on);
    let outputs = [OutputDeclaration::json("a")];
    let processors = Processors::builtin().register("slow", outputs, move |_| {
        entered.send(()).unwrap();
        gone_on.lock().unwrap().recv().unwrap();
        Err(ProcessorError::Other("it was let go".into()))
    });
    let config_of_one = WorkerConfig::default().max_sessions(1).processors(processors);
    let worker = worker_with(config_of_one).await;
    let url = worker.url();
    let attempt = || {
        let url = url.clone();
        async move { start(&url, CLIP, "slow", config(&["a"])).await.unwrap_err() }
    };

    let leaving = tokio::spawn(attempt());
    let being_made = tokio::task::spawn_blocking(move || {
        being_made.recv_timeout(MAX_WAIT).unwrap();
        being_made
    });
    let being_made = being_made.await.unwrap();
    leaving.abort();
    for _ in 0..20 {
        let refused = tokio::time::timeout(MAX_WAIT, attempt()).await.unwrap();
        assert_eq!(refused.kind(), ErrorKind::Quota, "{refused}");
    }
    assert_eq!(being_made.try_iter().count(), 0);

    // The first, and the one that finds its place free.
    (0..2).for_each(|_| go_on.send(()).unwrap());
    let free = async { while attempt().await.kind() == ErrorKind::Quota {} };
    tokio::time::timeout(MAX_WAIT, free).await.unwrap();
    assert_eq!(being_made.try_iter().count(), 1);
    worker.shutdown().await;
}
