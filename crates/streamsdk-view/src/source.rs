use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use streamsdk_codec::EncodedFrame;
use thiserror::Error;

/// Where the frames of a stream come from, such as a session.
#[async_trait]
pub trait ViewSource: Send + 'static {
    /// What comes next; `None` when nothing more does. Called without a pause, whether anybody looks or not, and
    /// dropped while it waits when the stream is taken off the page.
    async fn next(&mut self) -> Option<ViewItem>;

    /// What can be asked of the source while its frames are shown.
    fn controls(&self) -> Arc<dyn ViewControls>;
}

/// What comes from a source.
#[non_exhaustive]
pub enum ViewItem {
    /// A frame.
    Frame(Box<dyn ViewFrame>),
    /// Frames are missing here: what follows of a video cannot be decoded up to its next key frame.
    Gap,
}

/// A frame to be shown. Nothing is asked of it that no viewer needs, and [`ViewFrame::jpeg`] once for all viewers.
pub trait ViewFrame: Send + Sync + 'static {
    /// Its number, as the program knows it.
    fn number(&self) -> u32;

    /// By which connection of the source it came, from 1. Default is 1.
    fn link(&self) -> u32 {
        1
    }

    /// When it belongs, in seconds of the source's clock. Default is unknown.
    fn seconds(&self) -> Option<f64> {
        None
    }

    /// Whether there is a picture, and how it came.
    fn picture(&self) -> ViewPicture<'_>;

    /// The picture as a JPEG file. Called on a thread on which it may take its time.
    ///
    /// # Errors
    ///
    /// Why there is none, in words.
    fn jpeg(&self) -> Result<Bytes, String>;

    /// What is known about the frame, by name: JSON without images. Default is nothing.
    fn outputs(&self) -> Vec<(&str, Cow<'_, str>)> {
        Vec::new()
    }

    /// What went wrong with the frame, in words. Default is nothing.
    fn errors(&self) -> &[String] {
        &[]
    }
}

/// How the picture of a frame came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViewPicture<'a> {
    /// There is none, only data.
    None,
    /// As an image of its own.
    Image,
    /// As a frame of a video, which is passed on as it is. Its timestamp is in ticks of 90 kHz, of which the lower 32 bits
    /// count.
    Video(&'a EncodedFrame),
}

/// What can be asked of a source.
#[async_trait]
pub trait ViewControls: Send + Sync + 'static {
    /// What the source does at the moment, for people and scripts: JSON, without secrets. Asked once a second and page.
    fn state(&self) -> serde_json::Value;

    /// Asks for a frame of the video that a decoder can begin with. Asked at most once a second. Default is to do nothing.
    fn request_key_frame(&self) {}

    /// Selects what is sent about frames from now on.
    ///
    /// # Errors
    ///
    /// [`SetOutputsError::NotSupported`] by default.
    async fn set_outputs(&self, names: Vec<String>) -> Result<(), SetOutputsError> {
        let _ = names;
        Err(SetOutputsError::NotSupported)
    }
}

/// Outputs that cannot be selected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SetOutputsError {
    /// The source has no outputs to select.
    #[error("outputs cannot be selected for this stream")]
    NotSupported,
    /// The source does not do it now.
    #[error("{0}")]
    Refused(String),
}
