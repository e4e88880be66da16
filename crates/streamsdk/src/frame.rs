use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use streamsdk_media::{ConvertError, Frame, PixelFormat, jpeg};
use streamsdk_protocol::detections::Detections;
use streamsdk_protocol::output::{
    EncodedImage, Output, OutputError, OutputMessage, Outputs, VideoMetadata,
};
use streamsdk_video::{LazyPicture, PictureError};
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

    /// Number of the frame, from 1; 0 when the server has said nothing about it.
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
///
/// A frame of a video track comes with what was said about it by another way. Where that did not
/// arrive, [`ReceivedFrame::has_data`] is `false` and there is nothing to be found in it.
#[derive(Debug, Clone)]
pub struct ReceivedFrame {
    data: FrameData,
    has_data: bool,
    image_name: Arc<str>,
    encoded: Encoded,
    decoded: Arc<OnceLock<Result<Frame, ImageError>>>,
}

/// An image as it came.
#[derive(Debug, Clone)]
enum Encoded {
    Jpeg(EncodedImage),
    Video(LazyPicture),
}

impl ReceivedFrame {
    /// The frame in `data`, if one of the outputs `wanted` is an image. The first one is taken.
    pub(crate) fn find(data: &FrameData, wanted: &[String]) -> Option<Self> {
        let outputs = data.outputs()?;
        let (image_name, image) =
            wanted.iter().find_map(|name| Some((name.as_str(), outputs.get(name)?.image()?)))?;
        Some(Self {
            data: data.clone(),
            has_data: true,
            image_name: image_name.into(),
            encoded: Encoded::Jpeg(image),
            decoded: Arc::default(),
        })
    }

    /// A frame of a track, with what was said about it.
    pub(crate) fn of_track(
        picture: LazyPicture,
        image_name: Arc<str>,
        data: Option<FrameData>,
    ) -> Self {
        Self {
            has_data: data.is_some(),
            data: data.unwrap_or_else(|| FrameData::new(OutputMessage::default())),
            image_name,
            encoded: Encoded::Video(picture),
            decoded: Arc::default(),
        }
    }

    /// Whether the server said anything about the frame that could be matched to it.
    pub fn has_data(&self) -> bool {
        self.has_data
    }

    /// Name of the output that the image is; empty if the server was left to choose it.
    pub fn image_name(&self) -> &str {
        &self.image_name
    }

    /// The image as a JPEG file. One that came as such is not decoded; one of a video track is decoded
    /// and compressed at each call.
    pub fn jpeg(&self) -> Result<Bytes, ImageError> {
        match &self.encoded {
            Encoded::Jpeg(image) => Ok(image.jpeg().map_err(Arc::new)?),
            Encoded::Video(picture) => {
                let file = jpeg::Encoder::default().encode(&picture.decode()?);
                Ok(file.map_err(Arc::new)?.into())
            }
        }
    }

    /// The image as pixels, RGB, 8 bits each. Decoded at the first call, on the caller's thread;
    /// later calls are cheap.
    ///
    /// A frame of a video track builds on those before it: they are decoded along with it, if they were
    /// not yet. Where no image has been asked for during the last 150 frames, the first ones asked for
    /// give [`PictureError::LetGo`], until the server has sent a key frame.
    pub fn image(&self) -> Result<Frame, ImageError> {
        self.decoded.get_or_init(|| self.image_in(PixelFormat::Rgb24)).clone()
    }

    /// The image in another pixel format, made at each call. For a video track
    /// [`PixelFormat::I420`] is the cheapest: it is what the track holds.
    pub fn image_in(&self, format: PixelFormat) -> Result<Frame, ImageError> {
        match &self.encoded {
            Encoded::Jpeg(image) => {
                let jpeg = image.jpeg().map_err(Arc::new)?;
                Ok(jpeg::decode(&jpeg, format).map_err(Arc::new)?)
            }
            Encoded::Video(picture) => Ok(picture.decode()?.convert(format)?),
        }
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
    Encoding(#[from] Arc<OutputError>),
    /// The JPEG file is broken, or too large.
    #[error("the image cannot be decoded: {0}")]
    Jpeg(#[from] Arc<jpeg::JpegError>),
    /// The frame of a video track cannot be decoded.
    #[error("the image cannot be decoded: {0}")]
    Video(#[from] PictureError),
    /// The image cannot be had in that pixel format.
    #[error("the image cannot be converted: {0}")]
    Convert(#[from] ConvertError),
}
