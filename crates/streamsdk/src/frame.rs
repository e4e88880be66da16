use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use streamsdk_media::{Frame, PixelFormat, jpeg};
use streamsdk_protocol::detections::Detections;
use streamsdk_protocol::output::{
    EncodedImage, Output, OutputError, OutputMessage, Outputs, VideoMetadata,
};
use thiserror::Error;

/// What the server says about one frame. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct FrameData {
    message: Arc<OutputMessage>,
}

impl FrameData {
    pub(crate) fn new(message: OutputMessage) -> Self {
        Self { message: Arc::new(message) }
    }

    /// Number of the frame, from 1.
    pub fn frame_id(&self) -> u32 {
        self.message.frame_id
    }

    /// What the server knows about the frame.
    pub fn metadata(&self) -> Option<&VideoMetadata> {
        self.message.metadata.as_ref()
    }

    /// The workflow's outputs; `None` when the server sends none for this frame.
    pub fn outputs(&self) -> Option<&Outputs> {
        self.message.outputs.as_ref()
    }

    /// The output called `name`.
    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs()?.get(name)
    }

    /// What went wrong with this frame, in the server's words.
    pub fn errors(&self) -> &[String] {
        &self.message.errors
    }

    /// The output `predictions` as detections; `None` when there is no such output, or it is null.
    ///
    /// An output of another shape is an error; read it with [`FrameData::output`].
    pub fn predictions(&self) -> Result<Option<Detections>, OutputError> {
        self.output("predictions").map_or(Ok(None), Output::parse)
    }
}

/// A frame that came back. Dereferences to what the server says about it. Cloning is cheap, and
/// clones share the decoded image.
#[derive(Debug, Clone)]
pub struct ReceivedFrame {
    data: FrameData,
    image_name: String,
    encoded: EncodedImage,
    decoded: Arc<OnceLock<Result<Frame, ImageError>>>,
}

impl ReceivedFrame {
    /// The frame in `data`, if one of the outputs `wanted` is an image. The first one is taken.
    pub(crate) fn find(data: &FrameData, wanted: &[String]) -> Option<Self> {
        let outputs = data.outputs()?;
        let (image_name, encoded) =
            wanted.iter().find_map(|name| Some((name.clone(), outputs.get(name)?.image()?)))?;
        Some(Self { data: data.clone(), image_name, encoded, decoded: Arc::default() })
    }

    /// Name of the output that the image is.
    pub fn image_name(&self) -> &str {
        &self.image_name
    }

    /// The image as a JPEG file, not decoded.
    pub fn jpeg(&self) -> Result<Bytes, OutputError> {
        self.encoded.jpeg()
    }

    /// The image as pixels, RGB, 8 bits each. Decoded at the first call, on the caller's thread;
    /// later calls are cheap.
    pub fn image(&self) -> Result<Frame, ImageError> {
        self.decoded
            .get_or_init(|| {
                let jpeg =
                    self.encoded.jpeg().map_err(|error| ImageError::Encoding(Arc::new(error)))?;
                jpeg::decode(&jpeg, PixelFormat::Rgb24)
                    .map_err(|error| ImageError::Jpeg(Arc::new(error)))
            })
            .clone()
    }

    /// What the server says about the frame, without the image.
    pub fn data(&self) -> &FrameData {
        &self.data
    }
}

impl Deref for ReceivedFrame {
    type Target = FrameData;

    fn deref(&self) -> &FrameData {
        &self.data
    }
}

/// An image that cannot be decoded.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The text that it travels as is broken.
    #[error("the image cannot be read: {0}")]
    Encoding(#[source] Arc<OutputError>),
    /// The JPEG file is broken, or too large.
    #[error("the image cannot be decoded: {0}")]
    Jpeg(#[source] Arc<jpeg::JpegError>),
}
