//! The client: the real one, with a source that has its file in memory.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BufMut;
use serde_json::Value;
use streamsdk::{
    AfterBreak, ChannelSender, Client, ConnectionRequirements, Error, Event, RtspSource, SendError,
    Session, SourceError, SourceIo, StreamBuilder, StreamConfig, StreamSource, Summary,
    UploadProgress, Workflow,
};
use streamsdk_protocol::UPLOAD_CHANNEL;
use streamsdk_protocol::init::InitRequest;
use streamsdk_protocol::upload::UploadPlan;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::http::Http;
use super::network::Node;
use super::server::Server;

const DRAIN_POLL: Duration = Duration::from_millis(20);

/// What the client streams.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A file.
    File(Arc<[u8]>),
    /// The camera of the server.
    Camera,
}

/// How the program behaves that has the session.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// How long it thinks over each event.
    pub pause: Duration,
    /// When it closes the session, after the start.
    pub closes_after: Option<Duration>,
    /// When it drops whatever it has of the session, or of its start.
    pub leaves_after: Option<Duration>,
}

/// What the program saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Each result: its number in the session, and what the frame showed.
    pub results: Vec<SeenResult>,
    /// When the first of them was there.
    pub first_result: Option<Duration>,
    /// How often it was told that the connection is made again.
    pub reconnected: u32,
    /// Why the session could not be started, or how it failed.
    pub error: Option<Error>,
    /// `None` if it was not started.
    pub summary: Option<Summary>,
    /// When it closed the session.
    pub closed_at: Option<Duration>,
    /// Whether it has left.
    pub has_left: bool,
    /// How long all took.
    pub took: Duration,
}

/// A result, as far as it can be told from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenResult {
    pub number: u32,
    pub link: u32,
    pub frame: Option<u64>,
}

/// Runs a session to its end.
pub(super) async fn run(
    node: &Node,
    server: &Arc<Server>,
    source: Source,
    config: StreamConfig,
    caller: &Caller,
) -> Seen {
    let begun = Instant::now();
    let mut seen = Seen::default();
    let client = Client::builder(server.node().url())
        .network(Arc::new(node.clone()))
        .signaling(Http::new(node, server))
        .build()
        .unwrap();
    let stream = match source {
        Source::File(file) => client.stream(FileInMemory { file }),
        Source::Camera => client.stream(RtspSource::new("rtsp://camera/1").unwrap()),
    };
    let watched = async {
        match start(stream, config).await {
            Ok(session) => watch(session, node, caller, begun, &mut seen).await,
            Err(error) => seen.error = Some(error),
        }
    };
    let has_left = match caller.leaves_after {
        Some(limit) => timeout(limit, watched).await.is_err(),
        None => {
            watched.await;
            false
        }
    };
    Seen { has_left, took: begun.elapsed(), ..seen }
}

async fn start(stream: StreamBuilder, config: StreamConfig) -> Result<Session, Error> {
    stream.workflow(Workflow::id("local", "numbers")).config(config).start().await
}

async fn watch(
    mut session: Session,
    node: &Node,
    caller: &Caller,
    begun: Instant,
    seen: &mut Seen,
) {
    let closes_at = caller.closes_after.map(|after| begun + after);
    let closing = async {
        match closes_at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    let watching = async {
        while let Some(event) = session.next().await {
            note(event, node, seen);
            if !seen.results.is_empty() {
                seen.first_result.get_or_insert(begun.elapsed());
            }
            sleep(caller.pause).await;
        }
    };
    tokio::select! {
        biased;
        () = watching => {}
        () = closing => seen.closed_at = Some(begun.elapsed()),
    }
    seen.summary = Some(session.close().await);
}

fn note(event: Result<Event, Error>, node: &Node, seen: &mut Seen) {
    let network = node.network();
    match event {
        Ok(Event::Data(data)) => {
            network.note("client has a result");
            let shown: Option<Value> = data.output("predictions").and_then(|o| o.parse().ok());
            seen.results.push(SeenResult {
                number: data.frame_id(),
                link: data.link(),
                frame: shown.and_then(|shown| shown["frame"].as_u64()),
            });
        }
        Ok(Event::Reconnected(_)) => {
            network.note("client is connected again");
            seen.reconnected += 1;
        }
        Ok(_) => network.note("client has news"),
        Err(error) => {
            network.note("client has an error");
            seen.error = Some(error);
        }
    }
}

/// Uploads what is in memory, so that nothing is done beside the clock.
struct FileInMemory {
    file: Arc<[u8]>,
}

#[async_trait]
impl StreamSource for FileInMemory {
    fn requirements(&self, _: &StreamConfig) -> ConnectionRequirements {
        ConnectionRequirements::default().channels([UPLOAD_CHANNEL])
    }

    fn init_parameters(&self, config: &StreamConfig, request: &mut InitRequest) {
        let _ = config;
        request.video_file_upload = true;
        request.webrtc_realtime_processing = false;
    }

    async fn run(&mut self, mut io: SourceIo) -> Result<(), SourceError> {
        let Some(channel) = io.take_channel(UPLOAD_CHANNEL) else { return Ok(()) };
        let (sender, _) = channel.split();
        tokio::select! {
            biased;
            sent = self.upload(&sender, &io) => Ok(sent?),
            () = io.cancelled() => Ok(()),
        }
    }

    fn after_break(&self) -> AfterBreak {
        AfterBreak::StartAgain
    }
}

impl FileInMemory {
    async fn upload(&self, sender: &ChannelSender, io: &SourceIo) -> Result<(), SendError> {
        let size = self.file.len() as u64;
        let plan = UploadPlan::new(size).unwrap();
        let mut rest = &self.file[..];
        for index in 0..plan.chunks() {
            let (payload, after) = rest.split_at(plan.payload_len(index));
            let mut chunk = plan.start_chunk(index);
            chunk.put_slice(payload);
            sender.send(chunk).await?;
            rest = after;
            let waiting = rest.len() as u64 + sender.unacknowledged().await as u64;
            io.report_upload(UploadProgress::new(size.saturating_sub(waiting), size));
        }
        loop {
            let waiting = sender.unacknowledged().await as u64;
            io.report_upload(UploadProgress::new(size.saturating_sub(waiting), size));
            if waiting == 0 {
                return Ok(());
            }
            sleep(DRAIN_POLL).await;
        }
    }
}
