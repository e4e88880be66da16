use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use streamsdk_view::{
    EncodedFrame, TimeBase, Timestamp, VideoCodec, ViewControls, ViewFrame, ViewItem, ViewPicture,
    ViewSource,
};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::LIMIT;

/// Says what a stream gives, until it is dropped.
pub(crate) struct Script {
    items: mpsc::UnboundedSender<ViewItem>,
    controls: Arc<Controls>,
}

pub(crate) struct Scripted {
    items: mpsc::UnboundedReceiver<ViewItem>,
    controls: Arc<Controls>,
}

pub(crate) fn scripted() -> (Script, Scripted) {
    let (sender, items) = mpsc::unbounded_channel();
    let controls = Arc::new(Controls::default());
    (Script { items: sender, controls: Arc::clone(&controls) }, Scripted { items, controls })
}

impl Script {
    /// Gives a frame, and says how often its picture was compressed.
    pub(crate) fn frame(&self, frame: TestFrame) -> Compressed {
        let compressed = Compressed(Arc::clone(&frame.compressed));
        let _ = self.items.send(ViewItem::Frame(Box::new(frame)));
        compressed
    }

    pub(crate) fn gap(&self) {
        let _ = self.items.send(ViewItem::Gap);
    }

    pub(crate) fn controls(&self) -> &Arc<Controls> {
        &self.controls
    }
}

#[async_trait]
impl ViewSource for Scripted {
    async fn next(&mut self) -> Option<ViewItem> {
        self.items.recv().await
    }

    fn controls(&self) -> Arc<dyn ViewControls> {
        Arc::clone(&self.controls) as _
    }
}

#[derive(Default)]
pub(crate) struct Controls {
    key_frames: AtomicUsize,
    asked: Notify,
}

impl Controls {
    pub(crate) async fn asked_for_key_frame(&self) {
        timeout(LIMIT, self.asked.notified()).await.unwrap();
    }

    pub(crate) fn key_frames_asked(&self) -> usize {
        self.key_frames.load(Ordering::Relaxed)
    }
}

impl ViewControls for Controls {
    fn state(&self) -> serde_json::Value {
        json!({ "phase": "scripted" })
    }

    fn request_key_frame(&self) {
        self.key_frames.fetch_add(1, Ordering::Relaxed);
        self.asked.notify_one();
    }
}

pub(crate) struct Compressed(Arc<AtomicUsize>);

impl Compressed {
    pub(crate) fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A frame that says which one it is, of a video that nobody decodes, as an image, or without any.
pub(crate) struct TestFrame {
    number: u32,
    kind: Kind,
    compressed: Arc<AtomicUsize>,
}

enum Kind {
    Video(EncodedFrame),
    Image,
    Data,
}

impl TestFrame {
    pub(crate) fn key(number: u32) -> Self {
        Self::video(number, true)
    }

    pub(crate) fn delta(number: u32) -> Self {
        Self::video(number, false)
    }

    pub(crate) fn image(number: u32) -> Self {
        Self { number, kind: Kind::Image, compressed: Arc::default() }
    }

    pub(crate) fn data(number: u32) -> Self {
        Self { number, kind: Kind::Data, compressed: Arc::default() }
    }

    fn video(number: u32, key_frame: bool) -> Self {
        let timestamp = Timestamp::new(i64::from(number) * 3000, TimeBase::RTP_VIDEO);
        let data = Self::encoded(number, key_frame);
        let video = EncodedFrame { codec: VideoCodec::Vp8, data, key_frame, timestamp };
        Self { number, kind: Kind::Video(video), compressed: Arc::default() }
    }

    /// As VP8 has it: the first bit says whether others are built on, and a size follows what can be built on.
    pub(crate) fn encoded(number: u32, key_frame: bool) -> Bytes {
        let head: &[u8] = match key_frame {
            true => &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 48, 0],
            false => &[0x11, 0, 0],
        };
        let number = number.to_be_bytes();
        [head, &number, &[7; 2000]].concat().into()
    }

    /// Larger than what browsers take at once.
    pub(crate) fn jpeg_of(number: u32) -> Bytes {
        let name = format!("jpeg {number} ");
        [name.as_bytes(), &vec![b'.'; 300_000]].concat().into()
    }
}

impl ViewFrame for TestFrame {
    fn number(&self) -> u32 {
        self.number
    }

    fn picture(&self) -> ViewPicture<'_> {
        match &self.kind {
            Kind::Video(video) => ViewPicture::Video(video),
            Kind::Image => ViewPicture::Image,
            Kind::Data => ViewPicture::None,
        }
    }

    fn jpeg(&self) -> Result<Bytes, String> {
        self.compressed.fetch_add(1, Ordering::Relaxed);
        Ok(Self::jpeg_of(self.number))
    }

    fn outputs(&self) -> Vec<(&str, Cow<'_, str>)> {
        vec![("n", self.number.to_string().into())]
    }
}
