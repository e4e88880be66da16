//! Where a session's frames come from: every source is a [`FrameProducer`] in the end.

mod file;
mod network;

use streamsdk_capture::{CaptureError, FrameProducer, NetworkStream, StopHandle, WhenFull};
use streamsdk_transport::VideoReceiver;
use streamsdk_video::TrackDecoder;

pub(crate) use self::file::Playing;
use self::file::UploadedFile;
use super::spool::Spool;
use crate::source_plan::MAX_LIVE_PIXELS;

/// Decoded frames that a lossless session keeps; the connection keeps more, encoded.
const MAX_LOSSLESS_FRAMES: usize = 8;

/// What a session begins with, before there are frames.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A file that will be uploaded.
    Upload,
    /// The client's video track.
    Track(VideoReceiver),
    /// A camera that has answered.
    Network(NetworkStream),
}

/// The frames of a session.
pub(super) struct SessionSource {
    pub(super) producer: Box<dyn FrameProducer>,
    pub(super) kind: SourceKind,
}

/// What the frames are, as far as the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceKind {
    File,
    Live,
}

impl SessionSource {
    /// An uploaded file, which is deleted when the source is dropped. Blocks.
    pub(super) fn file(file: Spool, playing: Playing) -> Result<Self, CaptureError> {
        let file = UploadedFile::open(file, playing)?;
        Ok(Self { producer: Box::new(file), kind: SourceKind::File })
    }

    /// Frames that come by themselves, from now on; `None` where a file has to be uploaded first.
    /// `realtime` keeps the newest frame of a track only; a camera was opened so.
    pub(super) fn live(origin: Origin, realtime: bool) -> Option<Self> {
        let producer: Box<dyn FrameProducer> = match origin {
            Origin::Upload => return None,
            Origin::Track(receiver) => {
                let track = TrackDecoder::new(receiver, MAX_LIVE_PIXELS);
                match realtime {
                    true => Box::new(track.latest()),
                    false => Box::new(track.buffered(MAX_LOSSLESS_FRAMES, WhenFull::Wait)),
                }
            }
            Origin::Network(camera) => Box::new(network::frames(camera)),
        };
        Some(Self { producer, kind: SourceKind::Live })
    }

    /// Frames per second that the source itself declares. Like the real server, the worker believes only
    /// files.
    pub(super) fn declared_fps(&self) -> Option<f64> {
        match self.kind {
            SourceKind::File => self.producer.format().and_then(|format| format.frame_rate),
            SourceKind::Live => None,
        }
    }

    /// Ends the frames when dropped.
    pub(super) fn stop_on_drop(&self) -> StopOnDrop {
        StopOnDrop::new(self.producer.stop_handle())
    }
}

/// Stops a producer when dropped.
#[derive(Debug)]
pub(crate) struct StopOnDrop(Option<StopHandle>);

impl StopOnDrop {
    pub(crate) fn new(stop_handle: StopHandle) -> Self {
        Self(Some(stop_handle))
    }

    /// Lets the producer go on.
    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(stop_handle) = &self.0 {
            stop_handle.stop();
        }
    }
}
