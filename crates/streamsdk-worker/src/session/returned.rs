use std::time::Duration;

use streamsdk_capture::{ManualProducer, ManualSender, WhenFull, manual_with};
use streamsdk_transport::VideoSender;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// Time for the last frames to leave, which the connection spreads a little.
const LAST_FRAME_GRACE: Duration = Duration::from_millis(200);

/// The way of pictures back to the client: encoded on a thread, sent on the track.
pub(super) struct ReturnTrack {
    encoding: JoinHandle<()>,
}

impl ReturnTrack {
    /// Starts the thread. It ends when the sender is dropped, or the connection is over.
    pub(super) fn start(track: VideoSender, threads: &TaskTracker) -> (Self, ManualSender) {
        // Room for one, so that the next frame is processed meanwhile.
        let (pictures, producer) = manual_with(1, WhenFull::Wait);
        let encoding = threads.spawn_blocking(move || encode(producer, track));
        (Self { encoding }, pictures)
    }

    /// Waits until the last picture has left.
    pub(super) async fn drain(self) {
        // A panic of the encoder's ends the pictures and nothing else.
        let _ = self.encoding.await;
        tokio::time::sleep(LAST_FRAME_GRACE).await;
    }
}

#[cfg(feature = "video")]
fn encode(mut pictures: ManualProducer, track: VideoSender) {
    use streamsdk_video::{EncodeStats, SendOptions, TrackSender};

    let stats = EncodeStats::default();
    let mut feed = TrackSender::new(track, SendOptions::default(), stats.clone());
    let sent = feed.send_frames(&mut pictures, |_| {});
    tracing::debug!(?sent, encoded = stats.encoded(), left_out = stats.left_out(), "track ended");
}

/// Without codecs no track is ever agreed on.
#[cfg(not(feature = "video"))]
fn encode(_pictures: ManualProducer, _track: VideoSender) {}
