//! A server without FFmpeg and without threads: what it processes are numbers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use serde_json::json;
use streamsdk_protocol::ack::AckWindow;
use streamsdk_protocol::chunk::split;
use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_protocol::output::{OutgoingMessage, OutgoingValue, VideoMetadata};
use streamsdk_protocol::upload::{UploadAssembler, UploadEvent};
use streamsdk_protocol::{INFERENCE_CHANNEL, Limits, UPLOAD_CHANNEL};
use streamsdk_transport::{
    Answer, Channel, ChannelReceiver, ChannelSender, IncomingChannels, Message, Peer, PeerConfig,
};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::network::Node;
use super::video::{Video, number_of};

/// A client that does not open its channels, or sends nothing of its file, is waited for so long.
const MAX_SILENCE: Duration = Duration::from_secs(60);

/// What the server does.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerBehaviour {
    /// Frames that may be ahead of the last one acknowledged.
    pub ack_window: u32,
    /// Time for one frame.
    pub processing: Duration,
    /// Bytes that a result has at most.
    pub max_result: usize,
    /// The camera that it pulls.
    pub camera: Video,
}

/// What the server did with a session.
#[derive(Debug, Clone, Default)]
pub struct ServerSession {
    /// Bytes of the file that arrived, if it is complete.
    pub uploaded: Option<usize>,
    /// The highest number of a result that was handed to the channel.
    pub results: u32,
    /// Whether the last message was.
    pub said_complete: bool,
    pub is_over: bool,
}

/// A server and its sessions.
pub struct Server {
    node: Node,
    behaviour: ServerBehaviour,
    rng: Mutex<Rng>,
    log: Arc<Mutex<Vec<ServerSession>>>,
    /// The sessions; `None` while the server is dead.
    running: Mutex<Option<JoinSet<()>>>,
}

impl Server {
    pub fn new(node: Node, behaviour: ServerBehaviour, rng: Rng) -> Arc<Self> {
        let running = Mutex::new(Some(JoinSet::new()));
        let (rng, log) = (Mutex::new(rng), Arc::default());
        Arc::new(Self { node, behaviour, rng, log, running })
    }

    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What became of each session.
    pub fn sessions(&self) -> Vec<ServerSession> {
        self.log.lock().unwrap().clone()
    }

    pub(super) fn listens(&self) -> bool {
        self.running.lock().unwrap().is_some()
    }

    /// Ends the process, which tells nobody.
    pub fn kill(&self) {
        self.node.close_ports();
        // The rest of its tasks finds that nothing leaves any more.
        self.running.lock().unwrap().take();
    }

    /// Starts another one in its place.
    pub fn start_again(&self) {
        self.running.lock().unwrap().get_or_insert_default();
    }

    /// Waits until every session is over, so long at most; whether they are.
    pub async fn finish(&self, limit: Duration) -> bool {
        let running = self.running.lock().unwrap().take();
        let Some(mut running) = running else { return true };
        timeout(limit, async { while running.join_next().await.is_some() {} }).await.is_ok()
    }

    /// `None` if the server dies meanwhile.
    pub(super) async fn answer(&self, request: &InitRequest) -> Option<InitResponse> {
        let config = PeerConfig::default().network(Arc::new(self.node.clone()));
        let answer = Answer::create(config, &request.webrtc_offer.sdp, false).await.unwrap();
        let sdp = answer.sdp().to_owned();
        let (peer, channels, _) = answer.into_parts();
        let mut log = self.log.lock().unwrap();
        log.push(ServerSession::default());
        let session = Session {
            node: self.node.clone(),
            behaviour: self.behaviour.clone(),
            rng: self.rng.lock().unwrap().fork(),
            log: Arc::clone(&self.log),
            place: log.len() - 1,
            is_lossless: !request.webrtc_realtime_processing,
        };
        let uploads = request.video_file_upload;
        let mut running = self.running.lock().unwrap();
        running.as_mut()?.spawn(async move { session.run(peer, channels, uploads).await });
        Some(InitResponse::answer(sdp))
    }
}

struct Session {
    node: Node,
    behaviour: ServerBehaviour,
    rng: Rng,
    log: Arc<Mutex<Vec<ServerSession>>>,
    place: usize,
    is_lossless: bool,
}

impl Session {
    async fn run(mut self, peer: Peer, channels: IncomingChannels, uploads: bool) {
        tokio::select! {
            biased;
            _ = peer.ended() => {}
            _ = self.serve(channels, uploads) => {}
        }
        peer.close().await;
        self.note("session over", |session| session.is_over = true);
    }

    fn note(&self, what: &str, change: impl FnOnce(&mut ServerSession)) {
        change(&mut self.log.lock().unwrap()[self.place]);
        self.node.network().note(what);
    }

    /// `None` when the client gives no more.
    async fn serve(&mut self, mut channels: IncomingChannels, uploads: bool) -> Option<()> {
        let (mut inference, mut upload) = (None, None);
        while inference.is_none() || (uploads && upload.is_none()) {
            let channel = timeout(MAX_SILENCE, channels.next()).await.ok()??;
            match channel.label() {
                INFERENCE_CHANNEL => inference = Some(channel),
                UPLOAD_CHANNEL => upload = Some(channel),
                _ => {}
            }
        }
        let (sender, control) = inference?.split();
        let video = match upload {
            Some(upload) => self.receive(upload).await?,
            None => self.behaviour.camera.clone(),
        };
        let (window, acked) = watch::channel(AckWindow::new(self.behaviour.ack_window));
        tokio::select! {
            biased;
            processed = self.process(&video, &sender, acked) => processed,
            () = obey(control, window) => None,
        }
    }

    async fn receive(&self, upload: Channel) -> Option<Video> {
        let (echo, mut chunks) = upload.split();
        let mut assembler = UploadAssembler::new(Limits::default());
        let mut file = Vec::new();
        while !assembler.is_complete() {
            let chunk = match timeout(MAX_SILENCE, chunks.recv()).await.ok()?? {
                Message::Binary(chunk) => chunk,
                Message::Text(text) => text.into(),
            };
            match assembler.push(chunk.clone()).unwrap() {
                UploadEvent::Ping => echo.send(BytesMut::from(&chunk[..])).await.ok()?,
                UploadEvent::Waiting => {}
                UploadEvent::Next(parts) => parts.iter().for_each(|part| file.extend(part)),
            }
        }
        self.note("uploaded", |session| session.uploaded = Some(file.len()));
        Some(Video::read(&file).expect("a file arrives as it was sent"))
    }

    /// Sends a result for each frame, and the last message.
    async fn process(
        &mut self,
        video: &Video,
        sender: &ChannelSender,
        mut acked: watch::Receiver<AckWindow>,
    ) -> Option<()> {
        let begun = Instant::now();
        let mut number = 0;
        for frame in 0..video.frames {
            let due = begun + video.time_of(frame);
            // What is late is left out, and not counted, as a camera's frames are.
            if !self.is_lossless && Instant::now() > due + video.time_of(1) {
                continue;
            }
            number += 1;
            if self.is_lossless {
                acked.wait_for(|window| window.admits(number)).await.ok()?;
            }
            sleep_until(due.max(Instant::now() + self.behaviour.processing)).await;
            let result = self.result(number, frame);
            self.send(sender, number, &result).await?;
            self.note("result", |session| session.results = number);
        }
        let last = OutgoingMessage {
            outputs: None,
            metadata: VideoMetadata { frame_id: number, ..VideoMetadata::default() },
            errors: Vec::new(),
            processing_complete: true,
            termination_reason: None,
        };
        self.send(sender, number + 1, &last).await?;
        self.note("complete", |session| session.said_complete = true);
        // The client closes.
        std::future::pending().await
    }

    fn result(&mut self, number: u32, frame: u32) -> OutgoingMessage {
        let padding = "x".repeat(self.rng.usize(..=self.behaviour.max_result));
        let value = json!({ "frame": number_of(frame), "padding": padding });
        OutgoingMessage {
            outputs: Some(vec![("predictions".to_owned(), OutgoingValue::Json(value))]),
            metadata: VideoMetadata {
                frame_id: number,
                pts: Some(i64::from(frame)),
                time_base: Some(1.0 / 30.0),
                ..VideoMetadata::default()
            },
            errors: Vec::new(),
            processing_complete: false,
            termination_reason: None,
        }
    }

    async fn send(&self, sender: &ChannelSender, id: u32, message: &OutgoingMessage) -> Option<()> {
        for chunk in split(id, &message.encode(false)) {
            sender.send(chunk).await.ok()?;
        }
        Some(())
    }
}

/// Follows what the client says, until it says no more.
async fn obey(mut control: ChannelReceiver, window: watch::Sender<AckWindow>) {
    while let Some(message) = control.recv().await {
        let text = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Binary(text) => text,
        };
        let message = ControlMessage::parse(std::str::from_utf8(&text).unwrap()).unwrap();
        if let Some(frame_id) = message.ack {
            window.send_modify(|window| window.ack(frame_id));
        }
    }
}
