use std::sync::Arc;
use std::time::{Duration, Instant};

use streamsdk_protocol::pairing::{
    Continuity, DataStamp, FrameStamp, Paired, Pairing, PairingConfig, SenderReport, pts_to_90khz,
};
use streamsdk_transport::{IncomingFrame, VideoReceiver};
use streamsdk_video::{LazyDecoder, LazyPicture};
use tokio::time::timeout;

use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::frame::{FrameData, ReceivedFrame};
use crate::stage::Stage;
use crate::stats::VideoTracker;

/// How long the track may be silent after the end of the stream before it counts as over.
const LINGER: Duration = Duration::from_millis(300);
/// How long it is taken from after the end of the stream, be it ever so lively.
const MAX_LINGER: Duration = Duration::from_secs(2);

/// The track on which frames come back, and the data that they wait for.
pub(super) struct ReturnTrack {
    receiver: VideoReceiver,
    decoder: Arc<LazyDecoder>,
    pairing: Pairing<Returned, FrameData>,
    report: Option<SenderReport>,
    video: Arc<VideoTracker>,
    image_name: Arc<str>,
    started: Instant,
}

/// A frame that came back.
struct Returned {
    picture: LazyPicture,
    at: Instant,
}

impl ReturnTrack {
    pub(super) fn new(receiver: VideoReceiver, image_name: Arc<str>) -> Result<Self, Error> {
        let asking = receiver.monitor();
        let decoder = LazyDecoder::new(receiver.codec(), move || asking.request_key_frame())
            .map_err(|error| Error::new(ErrorKind::Config, Stage::Connecting, error))?;
        Ok(Self {
            receiver,
            decoder: Arc::new(decoder),
            pairing: Pairing::new(PairingConfig::default()),
            report: None,
            video: Arc::default(),
            image_name,
            started: Instant::now(),
        })
    }

    /// Where what comes is noted.
    pub(super) fn report_to(&mut self, video: Arc<VideoTracker>) {
        video.receives(&self.receiver, Arc::clone(&self.decoder));
        self.video = video;
    }

    /// The next frame; never resolves once the track is over. Cancelling loses nothing.
    pub(super) async fn recv(&mut self) -> IncomingFrame {
        match self.receiver.recv().await {
            Some(frame) => frame,
            None => std::future::pending().await,
        }
    }

    pub(super) fn push_frame(&mut self, frame: &IncomingFrame) {
        let report = self.receiver.sender_report();
        if report != self.report {
            self.report = report;
            report.into_iter().for_each(|report| self.pairing.push_report(report));
        }
        let continuity = match frame {
            IncomingFrame { begins_stream: true, .. } => Continuity::First,
            IncomingFrame { continuous: true, .. } => Continuity::Next,
            _ => Continuity::AfterGap,
        };
        let arrived = frame.arrived.saturating_duration_since(self.started);
        let stamp = FrameStamp { rtp_time: frame.rtp_time, continuity, arrived };
        let returned = Returned { picture: self.decoder.add(frame), at: Instant::now() };
        self.pairing.push_frame(stamp, returned);
    }

    pub(super) fn push_data(&mut self, data: FrameData) {
        let now = Instant::now();
        if let Some(time) = time_of(&data) {
            self.video.data_arrived(time, now);
        }
        let stamp = DataStamp::new(data.metadata(), now.saturating_duration_since(self.started));
        self.pairing.push_data(stamp, data);
    }

    /// Takes what still comes after the end of the stream, and gives out everything that waits.
    pub(super) async fn finish(&mut self) {
        let late_frames = async {
            while let Ok(Some(frame)) = timeout(LINGER, self.receiver.recv()).await {
                self.push_frame(&frame);
            }
        };
        // A server may go on sending.
        let _ = timeout(MAX_LINGER, late_frames).await;
        self.give_up();
    }

    /// Gives out everything that waits.
    pub(super) fn give_up(&mut self) {
        self.pairing.finish();
    }

    /// What is ready for the caller. To be called until there is nothing, after each of the others.
    pub(super) fn pop(&mut self) -> Option<Event> {
        let paired = self.pairing.pop();
        self.video.paired(self.pairing.statistics());
        let frame = |returned: Returned, data| {
            ReceivedFrame::of_track(returned.picture, Arc::clone(&self.image_name), data)
        };
        Some(match paired? {
            Paired::Both(returned, data) => {
                if let Some(time) = time_of(&data) {
                    self.video.frame_arrived(time, returned.at);
                }
                Event::Frame(frame(returned, Some(data)))
            }
            Paired::FrameOnly(returned) => Event::Frame(frame(returned, None)),
            Paired::DataOnly(data) => Event::Data(data),
        })
    }
}

/// The time of the frame that the data is about, in ticks of 90 kHz.
fn time_of(data: &FrameData) -> Option<i64> {
    let metadata = data.metadata()?;
    pts_to_90khz(metadata.pts?, metadata.time_base?)
}
