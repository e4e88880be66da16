//! One stream of the page: what its source gives, spread to all who look.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use streamsdk_codec::{EncodedFrame, VideoCodec};
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::source::{ViewControls, ViewFrame, ViewItem, ViewPicture, ViewSource};

/// Frames that a viewer may be behind: a second or two. One that is further behind goes on with a key frame.
const MAX_BEHIND: usize = 64;
const KEY_FRAME_INTERVAL: Duration = Duration::from_secs(1);

/// A stream that the page shows.
pub(crate) struct Stream {
    name: String,
    controls: Arc<dyn ViewControls>,
    items: broadcast::Sender<StreamItem>,
    /// The newest frame that has a picture.
    newest: Mutex<Option<Arc<SharedFrame>>>,
    has_begun: AtomicBool,
    key_frame_asked: Mutex<Option<Instant>>,
    viewers: AtomicUsize,
    /// Cancelled when nothing more comes.
    over: CancellationToken,
    removed: CancellationToken,
}

#[derive(Clone)]
pub(crate) enum StreamItem {
    Frame(Arc<SharedFrame>),
    /// What follows of a video cannot be decoded up to its next key frame.
    Gap,
}

/// What a stream shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    Video(VideoCodec),
    Images,
    /// No pictures, so far.
    Data,
}

/// What scripts and the page are told about a stream.
#[derive(Debug, Serialize)]
pub(crate) struct StreamState<'a> {
    name: &'a str,
    shows: Option<&'static str>,
    codec: Option<&'static str>,
    viewers: usize,
    over: bool,
    session: Value,
}

impl Stream {
    pub(crate) fn new(name: String, source: &dyn ViewSource) -> Self {
        Self {
            name,
            controls: source.controls(),
            items: broadcast::Sender::new(MAX_BEHIND),
            newest: Mutex::default(),
            has_begun: AtomicBool::new(false),
            key_frame_asked: Mutex::default(),
            viewers: AtomicUsize::new(0),
            over: CancellationToken::new(),
            removed: CancellationToken::new(),
        }
    }

    /// Takes from the source until there is nothing more, or the stream is taken off the page.
    pub(crate) async fn run(self: Arc<Self>, mut source: Box<dyn ViewSource>) {
        let _over = self.over.clone().drop_guard();
        loop {
            let item = tokio::select! {
                item = source.next() => item,
                () = self.removed.cancelled() => return,
            };
            let item = match item {
                Some(ViewItem::Frame(frame)) => StreamItem::Frame(self.share(frame)),
                Some(ViewItem::Gap) => StreamItem::Gap,
                None => return,
            };
            // It fails where nobody looks.
            let _ = self.items.send(item);
        }
    }

    fn share(&self, frame: Box<dyn ViewFrame>) -> Arc<SharedFrame> {
        let frame = Arc::new(SharedFrame { frame, jpeg: OnceLock::new() });
        if frame.shows().is_some() {
            *lock(&self.newest) = Some(Arc::clone(&frame));
        }
        self.has_begun.store(true, Ordering::Relaxed);
        frame
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn controls(&self) -> &dyn ViewControls {
        &*self.controls
    }

    /// What comes from now on.
    pub(crate) fn items(&self) -> broadcast::Receiver<StreamItem> {
        self.items.subscribe()
    }

    pub(crate) fn newest(&self) -> Option<Arc<SharedFrame>> {
        lock(&self.newest).clone()
    }

    /// `None` before the first frame.
    pub(crate) fn shows(&self) -> Option<Shows> {
        match self.newest() {
            Some(newest) => newest.shows(),
            None => self.has_begun.load(Ordering::Relaxed).then_some(Shows::Data),
        }
    }

    /// Resolves when nothing more comes.
    pub(crate) async fn over(&self) {
        self.over.cancelled().await;
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Takes the stream off the page.
    pub(crate) fn remove(&self) {
        self.removed.cancel();
    }

    /// Asks the source for a key frame, unless it was asked less than a second ago.
    pub(crate) fn request_key_frame(&self) {
        let now = Instant::now();
        let mut asked = lock(&self.key_frame_asked);
        if asked.is_none_or(|asked| now.duration_since(asked) >= KEY_FRAME_INTERVAL) {
            *asked = Some(now);
            drop(asked);
            self.controls.request_key_frame();
        }
    }

    /// Counts somebody who looks, until what is returned is dropped.
    pub(crate) fn count_viewer(self: &Arc<Self>) -> CountedViewer {
        self.viewers.fetch_add(1, Ordering::Relaxed);
        CountedViewer(Arc::clone(self))
    }

    pub(crate) fn state(&self) -> StreamState<'_> {
        let shows = self.shows();
        StreamState {
            name: &self.name,
            shows: shows.map(Shows::word),
            codec: match shows {
                Some(Shows::Video(codec)) => Some(codec.name()),
                _ => None,
            },
            viewers: self.viewers.load(Ordering::Relaxed),
            over: self.is_over(),
            session: self.controls.state(),
        }
    }
}

impl Shows {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Video(_) => "video",
            Self::Images => "images",
            Self::Data => "data",
        }
    }
}

/// See [`Stream::count_viewer`].
pub(crate) struct CountedViewer(Arc<Stream>);

impl Drop for CountedViewer {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A frame, whose picture is compressed once for all who look.
pub(crate) struct SharedFrame {
    frame: Box<dyn ViewFrame>,
    jpeg: OnceLock<Result<Bytes, String>>,
}

impl SharedFrame {
    pub(crate) fn frame(&self) -> &dyn ViewFrame {
        &*self.frame
    }

    pub(crate) fn shows(&self) -> Option<Shows> {
        match self.frame.picture() {
            ViewPicture::None => None,
            ViewPicture::Image => Some(Shows::Images),
            ViewPicture::Video(video) => Some(Shows::Video(video.codec)),
        }
    }

    pub(crate) fn video(&self) -> Option<&EncodedFrame> {
        match self.frame.picture() {
            ViewPicture::Video(video) => Some(video),
            _ => None,
        }
    }

    /// The picture as a JPEG file, made by whoever is the first to ask.
    pub(crate) async fn jpeg(self: &Arc<Self>) -> Result<Bytes, String> {
        if let Some(jpeg) = self.jpeg.get() {
            return jpeg.clone();
        }
        let frame = Arc::clone(self);
        let making = tokio::task::spawn_blocking(move || {
            frame.jpeg.get_or_init(|| frame.frame.jpeg()).clone()
        });
        making.await.unwrap_or_else(|_| Err("the picture could not be compressed".to_owned()))
    }
}

/// The newest of the frames that wait, without waiting.
pub(crate) fn newest_waiting(
    mut frame: Arc<SharedFrame>,
    items: &mut broadcast::Receiver<StreamItem>,
) -> Arc<SharedFrame> {
    use broadcast::error::TryRecvError;
    loop {
        match items.try_recv() {
            Ok(StreamItem::Frame(newer)) if newer.shows().is_some() => frame = newer,
            Ok(_) | Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return frame,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
