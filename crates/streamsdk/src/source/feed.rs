//! The frames of one producer, over all links of a session.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use streamsdk_capture::{CaptureError, CapturedFrame, EncodedProducer, FrameProducer, StopHandle};
use streamsdk_codec::GroupOfPictures;
use streamsdk_media::video::EncodedFrame;
use streamsdk_transport::VideoSender;
use streamsdk_video::{EncodeStats, Forwarded, SendFramesError, SendOptions, TrackSender};
use tokio::task::JoinHandle;

use super::AfterBreak;
use crate::stats::VideoTracker;

/// How long a producer may be silent before the connection is looked at.
const SILENCE: Duration = Duration::from_millis(500);

/// Sends the frames of one producer over all connections of a session, from a thread of its own.
///
/// The producer is read from the first [`VideoOut::send`](super::VideoOut::send) on, also while there is no
/// connection: what it gives then is dropped and counted ([`Drops::disconnected`](crate::Drops)). Where the
/// session promises every frame, the producer waits instead.
pub struct FrameFeed {
    /// Until the thread takes it.
    input: Option<FeedInput>,
    stop_handle: StopHandle,
    tracks: Arc<Tracks>,
    thread: Option<JoinHandle<Result<(), SendFramesError>>>,
}

impl FrameFeed {
    /// Frames to be encoded.
    pub fn new(producer: impl FrameProducer + 'static) -> Self {
        let stop_handle = producer.stop_handle();
        Self::of(FeedInput::Frames(Box::new(producer)), stop_handle)
    }

    /// Frames that are sent as they are, as long as each track is in their codec and they can be sent on it.
    /// Otherwise what `otherwise` opens is encoded from then on.
    ///
    /// `stop_handle` has to stop both.
    pub fn forwarding<P: FrameProducer + 'static>(
        encoded: impl EncodedProducer + 'static,
        stop_handle: StopHandle,
        otherwise: impl FnOnce() -> Result<P, CaptureError> + Send + 'static,
    ) -> Self {
        let open = Box::new(|| otherwise().map(|producer| Box::new(producer) as Box<_>));
        Self::of(FeedInput::Encoded { producer: Box::new(encoded), otherwise: open }, stop_handle)
    }

    fn of(input: FeedInput, stop_handle: StopHandle) -> Self {
        Self { input: Some(input), stop_handle, tracks: Arc::default(), thread: None }
    }

    /// What is left of the frames when a connection is lost.
    pub fn after_break(&self) -> AfterBreak {
        let is_over = match &self.thread {
            Some(thread) => thread.is_finished(),
            None => self.input.is_none(),
        };
        if is_over { AfterBreak::End } else { AfterBreak::GoOn }
    }

    /// Ends the producer, and with it the frames.
    pub fn stop(&self) {
        self.stop_handle.stop();
        self.tracks.stop();
    }

    /// Sends on a track until the frames end. Dropping the future takes the track away.
    pub(super) async fn send_on(&mut self, track: FeedTrack) -> Result<(), super::SourceError> {
        let _attached = Attached::new(&self.tracks, track);
        if let Some(input) = self.input.take() {
            let (tracks, stop_handle) = (Arc::clone(&self.tracks), self.stop_handle.clone());
            let feeding = move || Feeding::new(input, stop_handle, tracks).run();
            self.thread = Some(tokio::task::spawn_blocking(feeding));
        }
        let Some(thread) = &mut self.thread else { return Ok(()) };
        let sent = thread.await;
        self.thread = None;
        match sent {
            Ok(sent) => Ok(sent?),
            Err(panicked) => Err(super::SourceError::Other(panicked.into())),
        }
    }
}

impl Drop for FrameFeed {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for FrameFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameFeed")
            .field("after_break", &self.after_break())
            .finish_non_exhaustive()
    }
}

/// Where frames come from.
enum FeedInput {
    Frames(Box<dyn FrameProducer>),
    Encoded {
        producer: Box<dyn EncodedProducer>,
        otherwise: OpenFrames,
    },
    /// What should have been opened instead of encoded frames could not be.
    Nothing,
}

type OpenFrames = Box<dyn FnOnce() -> Result<Box<dyn FrameProducer>, CaptureError> + Send>;

enum FeedItem {
    Frame(CapturedFrame),
    Encoded(EncodedFrame),
    /// There was none for a while.
    None,
}

impl FeedInput {
    fn next(&mut self, video: &VideoTracker) -> Result<FeedItem, CaptureError> {
        match self {
            Self::Frames(producer) => match producer.next_frame(SILENCE) {
                Ok(frame) => Ok(FeedItem::Frame(frame)),
                Err(error) if error.is_timeout() => Ok(FeedItem::None),
                Err(error) => Err(error),
            },
            Self::Encoded { producer, .. } => match producer.next_encoded() {
                Ok(frame) => Ok(FeedItem::Encoded(frame)),
                Err(CaptureError::Unsupported { .. }) => {
                    self.decode_instead(video)?;
                    Ok(FeedItem::None)
                }
                Err(error) => Err(error),
            },
            Self::Nothing => Err(CaptureError::EndOfStream),
        }
    }

    fn decode_instead(&mut self, video: &VideoTracker) -> Result<(), CaptureError> {
        if let Self::Encoded { producer, otherwise } = std::mem::replace(self, Self::Nothing) {
            tracing::info!("the video cannot be forwarded as it is: it is encoded anew");
            video.damaged(&producer.damage());
            // Many cameras serve few at a time.
            drop(producer);
            *self = Self::Frames(otherwise()?);
        }
        Ok(())
    }

    fn report_damage(&self, video: &VideoTracker) {
        match self {
            Self::Frames(producer) => video.damaged(&producer.damage()),
            Self::Encoded { producer, .. } => video.damaged(&producer.damage()),
            Self::Nothing => {}
        }
    }
}

/// The track of one link.
#[derive(Debug, Clone)]
pub(super) struct FeedTrack {
    pub(super) sender: VideoSender,
    pub(super) options: SendOptions,
    pub(super) tracker: Arc<VideoTracker>,
    /// Whether frames wait for a track rather than being dropped.
    pub(super) every_frame: bool,
}

/// Where frames go: to the newest track that was attached.
#[derive(Debug, Default)]
struct Tracks {
    state: Mutex<Attachment>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Attachment {
    /// Counts the tracks that there were.
    number: u64,
    track: Option<FeedTrack>,
    is_stopped: bool,
}

impl Attachment {
    fn numbered(&self) -> Option<(u64, FeedTrack)> {
        self.track.clone().map(|track| (self.number, track))
    }
}

impl Tracks {
    fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// Takes a track away that takes no more.
    fn detach(&self, number: u64) {
        let mut state = self.lock();
        if state.number == number {
            state.track = None;
        }
    }

    fn newest(&self) -> Option<(u64, FeedTrack)> {
        self.lock().numbered()
    }

    /// The newest, which is waited for where there is none; `None` if none will be.
    fn wait(&self) -> Option<(u64, FeedTrack)> {
        let none = |state: &mut Attachment| state.track.is_none() && !state.is_stopped;
        let waited = self.changed.wait_while(self.lock(), none);
        waited.unwrap_or_else(PoisonError::into_inner).numbered()
    }

    fn lock(&self) -> MutexGuard<'_, Attachment> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a track attached.
struct Attached {
    tracks: Arc<Tracks>,
    number: u64,
}

impl Attached {
    fn new(tracks: &Arc<Tracks>, track: FeedTrack) -> Self {
        let mut state = tracks.lock();
        state.number += 1;
        state.track = Some(track);
        let number = state.number;
        drop(state);
        tracks.changed.notify_all();
        Self { tracks: Arc::clone(tracks), number }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.tracks.detach(self.number);
    }
}

/// What the thread does.
struct Feeding {
    input: FeedInput,
    stop_handle: StopHandle,
    tracks: Arc<Tracks>,
    sender: Option<OnTrack>,
    /// Whether the producer was not asked for a while, because there was no track.
    has_waited: bool,
    /// What came before, where frames are forwarded: a new track begins in the middle of the stream.
    before: GroupOfPictures,
}

/// A track that frames are being sent on.
struct OnTrack {
    number: u64,
    sender: TrackSender,
}

impl Feeding {
    fn new(input: FeedInput, stop_handle: StopHandle, tracks: Arc<Tracks>) -> Self {
        let before = GroupOfPictures::default();
        Self { input, stop_handle, tracks, sender: None, has_waited: false, before }
    }

    fn run(mut self) -> Result<(), SendFramesError> {
        // It runs only once there is a track.
        let Some((_, FeedTrack { tracker, every_frame, .. })) = self.tracks.newest() else {
            return Ok(());
        };
        let ended = loop {
            let mut item = match self.input.next(&tracker) {
                Ok(item) => item,
                Err(error) if error.is_end() => break Ok(()),
                Err(error) => break Err(error.into()),
            };
            if std::mem::take(&mut self.has_waited) {
                tracker.left_out_disconnected(item.take_dropped());
            }
            if let Err(error) = self.send(&item, &tracker, every_frame) {
                break Err(error);
            }
            if let FeedItem::Encoded(frame) = item {
                self.before.push(frame);
            }
        };
        if let Some(OnTrack { sender, .. }) = &self.sender {
            sender.end();
        }
        self.input.report_damage(&tracker);
        ended
    }

    /// Sends on the newest track. That its connection is lost is no error: there may be another one.
    fn send(
        &mut self,
        item: &FeedItem,
        tracker: &VideoTracker,
        every_frame: bool,
    ) -> Result<(), SendFramesError> {
        let mut newest = self.tracks.newest();
        if every_frame && newest.is_none() {
            // The producer waits, too: nobody asks it for the next one.
            newest = self.tracks.wait();
            // What comes when the session is over is nobody's.
            self.has_waited = newest.is_some();
        }
        self.follow(newest, tracker.encode_stats());
        let Some(OnTrack { number, sender }) = &mut self.sender else {
            // What comes when the session is over is nobody's.
            if !self.stop_handle.is_stopped() {
                tracker.left_out_disconnected(frames_in(item));
            }
            return Ok(());
        };
        let on_sent = |frame| tracker.sent(frame);
        let sent = match item {
            FeedItem::None => sender.check().map_err(SendFramesError::from),
            FeedItem::Frame(frame) => sender.send(frame, on_sent),
            FeedItem::Encoded(frame) => {
                let stop = &self.stop_handle;
                match sender.forward(frame.clone(), &self.before, stop, on_sent) {
                    Ok(Forwarded::Unsuitable) => Ok(self.input.decode_instead(tracker)?),
                    Ok(_) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            }
        };
        match sent {
            Err(SendFramesError::Connection(error)) => {
                tracing::debug!(%error, "the track takes no more frames");
                self.tracks.detach(*number);
                self.sender = None;
                Ok(())
            }
            sent => sent,
        }
    }

    fn follow(&mut self, newest: Option<(u64, FeedTrack)>, stats: &EncodeStats) {
        let (now, before) = (newest.as_ref(), self.sender.as_ref());
        if now.map(|(number, _)| *number) == before.map(|on_track| on_track.number) {
            return;
        }
        self.sender = newest.map(|(number, track)| {
            let sender = TrackSender::new(track.sender, track.options, stats.clone());
            OnTrack { number, sender }
        });
    }
}

impl FeedItem {
    /// How many frames the producer left out before this one, of which is not spoken again.
    fn take_dropped(&mut self) -> u64 {
        match self {
            Self::Frame(frame) => std::mem::take(&mut frame.dropped),
            Self::Encoded(_) | Self::None => 0,
        }
    }
}

/// How many frames are left out with an item.
fn frames_in(item: &FeedItem) -> u64 {
    match item {
        FeedItem::Frame(frame) => frame.dropped + 1,
        FeedItem::Encoded(_) => 1,
        FeedItem::None => 0,
    }
}
