//! A client of nothing but a connection, and the frames that it sends.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use streamsdk_capture::{FrameProducer, TestPattern};
use streamsdk_media::Frame;
use streamsdk_protocol::chunk::Reassembler;
use streamsdk_protocol::init::{InitRequest, SessionDescription, WorkflowConfiguration};
use streamsdk_protocol::output::OutputMessage;
use streamsdk_protocol::{Limits, Redactor};
use streamsdk_signaling::{HttpSignaling, Signaling, SignalingError};
use streamsdk_transport::{
    Channel, Connected, Interfaces, Message, Offer, Peer, PeerConfig, VideoCodec, VideoDirection,
    VideoReceiver, VideoSender,
};
use streamsdk_video::{EncodeStats, LazyDecoder, SendOptions, TrackSender};
use streamsdk_worker::{Worker, WorkerConfig};
use tokio::time::timeout;

/// A test that waits longer than this has failed.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(30);

pub(crate) struct Client {
    pub(crate) peer: Peer,
    pub(crate) inference: Channel,
    pub(crate) upload: Option<Channel>,
    pub(crate) sender: Option<VideoSender>,
    pub(crate) receiver: Option<VideoReceiver>,
    reassembler: Reassembler,
    chain: Option<Arc<LazyDecoder>>,
}

/// What a client offers and asks for.
pub(crate) struct Wish {
    pub(crate) codec: VideoCodec,
    pub(crate) video: Option<VideoDirection>,
    pub(crate) channels: &'static [&'static str],
    pub(crate) request: InitRequest,
    pub(crate) peer: PeerConfig,
}

impl Wish {
    /// Every frame through a processor.
    pub(crate) fn of(processor: &str) -> Self {
        let workflow = WorkflowConfiguration::default().workflow_id(processor);
        let request = InitRequest::new(workflow, SessionDescription::default())
            .webrtc_realtime_processing(false);
        let video = Some(VideoDirection::SendAndReceive);
        let (codec, channels) = (VideoCodec::Vp8, &["inference"][..]);
        Self { codec, video, channels, request, peer: PeerConfig::default() }
    }

    pub(crate) fn ask(mut self, configure: impl FnOnce(&mut InitRequest)) -> Self {
        configure(&mut self.request);
        self
    }

    pub(crate) async fn connect(self, worker: &Worker) -> Result<Client, SignalingError> {
        let Self { codec, video, channels, mut request, peer } = self;
        let config = peer.interfaces(Interfaces::Loopback).codecs([codec]);
        let offer = Offer::create(config, channels, video).await.unwrap();
        request.webrtc_offer = SessionDescription::offer(offer.sdp());
        let signaling = HttpSignaling::builder(worker.url()).build().unwrap();
        let answer = match signaling.exchange(request).await {
            Ok(answer) => answer,
            Err(refused) => {
                offer.abandon().await;
                return Err(refused);
            }
        };
        let Connected { peer, mut channels, video, .. } = offer.accept(&answer.sdp).await.unwrap();
        let (sender, receiver) = video.map_or((None, None), |video| (video.sender, video.receiver));
        let receiver = receiver.filter(|_| !answer.sdp.contains("a=recvonly"));
        let chain = receiver
            .as_ref()
            .map(|receiver| Arc::new(LazyDecoder::new(receiver.codec(), || {}).unwrap()));
        Ok(Client {
            peer,
            inference: channels.remove(0),
            upload: channels.pop(),
            sender,
            receiver,
            reassembler: Reassembler::new(Limits::default()),
            chain,
        })
    }
}

impl Client {
    /// The next message of the worker's.
    pub(crate) async fn data(&mut self) -> OutputMessage {
        loop {
            let message =
                timeout(MAX_WAIT, self.inference.recv()).await.expect("a message in time");
            let Some(Message::Binary(bytes)) = message else { panic!("no message: {message:?}") };
            if let Some(message) = self.reassembler.push(bytes).unwrap() {
                return OutputMessage::parse(message, &Limits::default(), &Redactor::default())
                    .unwrap();
            }
        }
    }

    /// The next frame of the worker's with its RTP time.
    pub(crate) async fn picture(&mut self) -> (u32, Frame) {
        let receiver = self.receiver.as_mut().expect("the worker returns a track");
        let frame = timeout(MAX_WAIT, receiver.recv()).await.expect("a frame in time").unwrap();
        let picture = self.chain.as_ref().unwrap().add(&frame).decode().unwrap();
        (frame.rtp_time, picture)
    }

    /// Sends frames on a thread.
    pub(crate) fn send(&self, mut frames: impl FrameProducer + 'static) -> JoinHandle<EncodeStats> {
        let sender = self.sender.clone().expect("the worker takes a track");
        std::thread::spawn(move || {
            let stats = EncodeStats::default();
            let mut feed = TrackSender::new(sender, SendOptions::default(), stats.clone());
            // A test that is over closes the connection.
            let _ = feed.send_frames(&mut frames, |_| {});
            stats
        })
    }
}

/// Frames that come as fast as they are taken.
pub(crate) fn pattern(width: u32, height: u32, frames: u64) -> TestPattern {
    TestPattern::new(width, height, 30.0).paced(false).limit(frames)
}

pub(crate) async fn worker() -> Worker {
    worker_with(WorkerConfig::default()).await
}

pub(crate) async fn worker_with(config: WorkerConfig) -> Worker {
    Worker::start("127.0.0.1:0", config).await.unwrap()
}

/// Ends the worker, which must not take long.
pub(crate) async fn shut_down(worker: Worker) {
    timeout(Duration::from_secs(4), worker.shutdown()).await.expect("nothing is left behind");
}
