use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use streamsdk_codec::EncodedFrame;
use streamsdk_media::{ConvertError, Frame, PixelFormat, TimeBase, Timestamp, jpeg};
use streamsdk_protocol::HeldMemory;
use streamsdk_protocol::output::{
    EncodedImage, OddFields, Output, OutputError, OutputMessage, Outputs, VideoMetadata,
};
use streamsdk_protocol::pairing::pts_to_90khz;
use streamsdk_protocol::predictions::{Detections, Predictions};
use streamsdk_video::{LazyPicture, PictureError};
use thiserror::Error;

use crate::stats::FrameNumber;

/// What the server says about one frame. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct FrameData {
    message: Arc<OutputMessage>,
    number: FrameNumber,
    /// What it takes of the session's memory until the caller has it.
    held: Option<Arc<HeldMemory>>,
}

impl FrameData {
    pub(crate) fn new(message: OutputMessage, number: FrameNumber) -> Self {
        Self { message: Arc::new(message), number, held: None }
    }

    /// It takes so much of the session's memory.
    pub(crate) fn holding(self, held: HeldMemory) -> Self {
        Self { held: Some(Arc::new(held)), ..self }
    }

    /// The caller has it.
    pub(crate) fn let_go(&mut self) {
        self.held = None;
    }

    /// Number of the frame, from 1; 0 when the server has said nothing about it. Rises over all connections of
    /// the session, and is the server's own as long as there was one.
    pub fn frame_id(&self) -> u32 {
        self.number.in_session
    }

    /// Number of the frame on its connection, as the server says it; 0 when it has said nothing about it.
    pub fn frame_id_on_link(&self) -> u32 {
        self.message.frame_id
    }

    /// Which connection of the session it came by, from 1; 0 when the server has said nothing about it.
    pub fn link(&self) -> u32 {
        self.number.link
    }

    /// What the server knows about the frame.
    pub fn metadata(&self) -> Option<&VideoMetadata> {
        self.message.metadata.as_ref()
    }

    /// When the frame belongs, by the server's clock, where the server says it: in ticks of 90 kHz.
    pub fn timestamp(&self) -> Option<Timestamp> {
        let VideoMetadata { pts, time_base, .. } = self.metadata()?;
        let ticks = pts_to_90khz((*pts)?, (*time_base)?)?;
        Some(Timestamp::new(ticks, TimeBase::RTP_VIDEO))
    }

    /// The workflow's outputs; `None` when the server sends none for this frame.
    pub fn outputs(&self) -> Option<&Outputs> {
        self.message.outputs.as_ref()
    }

    /// The output called `name`.
    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs()?.get(name)
    }

    /// What went wrong with this frame, in the server's words: each on one line, shortened, without
    /// secrets. At most 100.
    pub fn errors(&self) -> &[String] {
        &self.message.errors
    }

    /// What was wrong with the message, field by field; mostly nothing. An odd field costs only itself: it
    /// is absent, or null in the JSON of its output.
    pub fn odd_fields(&self) -> &OddFields {
        &self.message.odd
    }

    /// The image called `name`, as a frame of its own: an output that is an image, the first image of an
    /// output that is a list of them, or with an index behind its name (`crops[2]`) another image of that
    /// list. `None` if there is no such image.
    pub fn image_called(&self, name: &str) -> Option<ReceivedFrame> {
        let (image_name, image) = self.outputs()?.image(name)?;
        Some(ReceivedFrame {
            data: self.clone(),
            has_data: true,
            is_of_list: image_name != name || self.output(name).is_none(),
            image_name: image_name.into(),
            encoded: Encoded::Jpeg(image),
            decoded: Arc::default(),
        })
    }

    /// All images that came in the message, each as a frame of its own, in the server's order: outputs that
    /// are images by their name, those of lists with their index behind it.
    pub fn images(&self) -> Vec<ReceivedFrame> {
        let outputs = self.outputs().into_iter().flat_map(Outputs::iter);
        let names = outputs.flat_map(|(name, output)| match output.images() {
            Some(list) => (0..list.len()).map(|place| format!("{name}[{place}]")).collect(),
            None => vec![name.to_owned()],
        });
        names.filter_map(|name| self.image_called(&name)).collect()
    }

    /// What a model says about the frame: the output `predictions`. `None` when there is no such output, or
    /// it is null.
    ///
    /// It is read at each call, and not before. An odd item does not cost the others, and a shape that is
    /// not known is [`Predictions::Other`].
    ///
    /// # Errors
    ///
    /// If the output cannot be read as JSON at all.
    pub fn predictions(&self) -> Result<Option<Predictions>, OutputError> {
        self.predictions_of("predictions")
    }

    /// As [`FrameData::predictions`], of the output called `name`.
    ///
    /// # Errors
    ///
    /// As of [`FrameData::predictions`].
    pub fn predictions_of(&self, name: &str) -> Result<Option<Predictions>, OutputError> {
        self.parsed(name)
    }

    /// The boxes of the output `predictions`; `None` when there is no such output, or it is null. A box
    /// that cannot be read does not cost the others.
    ///
    /// # Errors
    ///
    /// If the output has another shape; read it with [`FrameData::predictions`].
    pub fn detections(&self) -> Result<Option<Detections>, OutputError> {
        self.detections_of("predictions")
    }

    /// As [`FrameData::detections`], of the output called `name`.
    ///
    /// # Errors
    ///
    /// As of [`FrameData::detections`].
    pub fn detections_of(&self, name: &str) -> Result<Option<Detections>, OutputError> {
        self.parsed(name)
    }

    fn parsed<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, OutputError> {
        self.output(name).filter(|output| output.json() != "null").map(Output::parse).transpose()
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
    is_of_list: bool,
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
    /// The caller has it.
    pub(crate) fn let_go(&mut self) {
        self.data.let_go();
    }

    /// The frame in `data`, if one of the outputs `wanted` is an image or a list of images. The first one is
    /// taken.
    pub(crate) fn find(data: &FrameData, wanted: &[String]) -> Option<Self> {
        wanted.iter().find_map(|name| data.image_called(name))
    }

    /// A frame of a track, with what was said about it.
    pub(crate) fn of_track(
        picture: LazyPicture,
        image_name: Arc<str>,
        data: Option<FrameData>,
    ) -> Self {
        Self {
            has_data: data.is_some(),
            data: data.unwrap_or_else(|| {
                FrameData::new(OutputMessage::default(), FrameNumber::default())
            }),
            image_name,
            is_of_list: false,
            encoded: Encoded::Video(picture),
            decoded: Arc::default(),
        }
    }

    /// Whether the server said anything about the frame that could be matched to it.
    pub fn has_data(&self) -> bool {
        self.has_data
    }

    /// Name of the output that the image is, with an index behind it if the output is a list of images
    /// (`crops[0]`); empty if the server was left to choose it.
    pub fn image_name(&self) -> &str {
        &self.image_name
    }

    /// Whether the image is one of a list, whose number and sizes may be others in the next frame.
    /// [`FrameData::images`] has all of them.
    pub fn is_of_list(&self) -> bool {
        self.is_of_list
    }

    /// The image as a JPEG file. One that came as such is not decoded; one of a video track is decoded
    /// and compressed at each call.
    ///
    /// # Errors
    ///
    /// If the image cannot be decoded or compressed.
    pub fn jpeg(&self) -> Result<Bytes, ImageError> {
        match &self.encoded {
            Encoded::Jpeg(image) => Ok(image.jpeg().map_err(Arc::new)?),
            Encoded::Video(picture) => {
                let file = jpeg::Encoder::default().encode(&picture.decode()?);
                Ok(file.map_err(Arc::new)?.into())
            }
        }
    }

    /// The frame as it came on a video track; `None` for one that came as data. Frames build on those before them, so
    /// that one can be shown or recorded without being decoded where none of those is missing.
    ///
    /// Its timestamp is the track's own, in ticks of 90 kHz, which begins anywhere, and anew with each connection.
    pub fn encoded(&self) -> Option<&EncodedFrame> {
        match &self.encoded {
            Encoded::Jpeg(_) => None,
            Encoded::Video(picture) => Some(picture.encoded()),
        }
    }

    /// The image as pixels, RGB, 8 bits each. Decoded at the first call, on the caller's thread;
    /// later calls are cheap.
    ///
    /// Its [`Frame::timestamp`] is [`FrameData::timestamp`], if it came as data. One of a video track has the
    /// track's own, in ticks of 90 kHz, which begins anywhere.
    ///
    /// A frame of a video track builds on those before it: they are decoded along with it, if they were
    /// not yet. Where no image has been asked for during the last 150 frames, the first ones asked for
    /// give [`PictureError::LetGo`], until the server has sent a key frame.
    ///
    /// # Errors
    ///
    /// If the image cannot be decoded, or was let go.
    pub fn image(&self) -> Result<Frame, ImageError> {
        self.decoded.get_or_init(|| self.image_in(PixelFormat::Rgb24)).clone()
    }

    /// The image in another pixel format, made at each call. For a video track
    /// [`PixelFormat::I420`] is the cheapest: it is what the track holds, in the colour space that
    /// [`Frame::color_space`] says.
    ///
    /// # Errors
    ///
    /// As of [`ReceivedFrame::image`].
    pub fn image_in(&self, format: PixelFormat) -> Result<Frame, ImageError> {
        match &self.encoded {
            Encoded::Jpeg(image) => {
                let jpeg = image.jpeg().map_err(Arc::new)?;
                let image = jpeg::decode(&jpeg, format).map_err(Arc::new)?;
                Ok(image.at(self.data.timestamp()))
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
    #[error(transparent)]
    Encoding(#[from] Arc<OutputError>),
    /// The JPEG file is broken, or too large.
    #[error(transparent)]
    Jpeg(#[from] Arc<jpeg::JpegError>),
    /// The frame of a video track cannot be decoded.
    #[error(transparent)]
    Video(#[from] PictureError),
    /// The image cannot be had in that pixel format.
    #[error(transparent)]
    Convert(#[from] ConvertError),
}

#[cfg(test)]
mod tests {
    use streamsdk_protocol::chunk::ChunkedMessage;
    use streamsdk_protocol::output::{OutgoingMessage, OutgoingValue};
    use streamsdk_protocol::{Limits, Redactor};

    use super::*;

    fn data(outputs: &str) -> FrameData {
        let payload = format!(r#"{{"serialized_output_data":{outputs}}}"#).into();
        let message = ChunkedMessage { frame_id: 1, payload };
        let read = OutputMessage::parse(message, &Limits::default(), &Redactor::default());
        FrameData::new(read.unwrap(), FrameNumber { in_session: 1, link: 1 })
    }

    #[test]
    fn images_of_a_list_are_frames_by_name_and_index() {
        let image = r#"{"type":"base64","value":"/9j/"}"#;
        let data = data(&format!(r#"{{"n":1,"image":{image},"crops":[{image},{image}]}}"#));
        let names: Vec<_> =
            data.images().iter().map(|frame| frame.image_name().to_owned()).collect();
        assert_eq!(names, ["image", "crops[0]", "crops[1]"]);
        let found = |wanted: &str| {
            let frame = ReceivedFrame::find(&data, &[wanted.to_owned()])?;
            Some((frame.image_name().to_owned(), frame.is_of_list()))
        };
        assert_eq!(found("image"), Some(("image".to_owned(), false)));
        assert_eq!(found("crops"), Some(("crops[0]".to_owned(), true)));
        assert_eq!(found("crops[1]"), Some(("crops[1]".to_owned(), true)));
        assert_eq!((found("n"), found("crops[2]")), (None, None));
    }

    #[test]
    fn what_was_odd_is_told_and_costs_only_itself() {
        let data = data(
            r#"{"predictions":{"predictions":[{"x":1,"y":2,"width":3,"height":4,"confidence":0.5,"class":"a","speed":NaN}]}}"#,
        );
        let found = data.detections().unwrap().unwrap();
        assert_eq!(found.predictions[0].extra["speed"], serde_json::Value::Null);
        let odd: Vec<_> = data.odd_fields().iter().map(|odd| &*odd.field).collect();
        assert_eq!((odd, data.odd_fields().count()), (vec!["predictions.predictions[0].speed"], 1));
    }

    #[test]
    fn predictions_are_read_by_the_shape_that_they_have() {
        let data = data(
            r#"{"predictions":{"predictions":[]},"kind":{"top":"cat","predictions":[]},"n":1,"none":null}"#,
        );
        assert!(matches!(data.predictions(), Ok(Some(Predictions::Detections(_)))));
        assert!(matches!(data.predictions_of("kind"), Ok(Some(Predictions::Classification(_)))));
        assert!(matches!(data.predictions_of("n"), Ok(Some(Predictions::Other(_)))));
        assert!(data.detections().unwrap().is_some_and(|found| found.is_empty()));
        assert!(data.detections_of("kind").is_err());
        for absent in ["none", "other"] {
            assert!(data.predictions_of(absent).unwrap().is_none());
            assert!(data.detections_of(absent).unwrap().is_none());
        }
    }

    #[test]
    fn an_image_has_the_time_that_the_server_says() {
        let black = Frame::packed(PixelFormat::Gray8, 2, 2, vec![0; 4]).unwrap();
        let jpeg = jpeg::Encoder::default().encode(&black).unwrap().into();
        let image = OutgoingValue::Image { jpeg, metadata: serde_json::Value::Null };
        let with = |pts, time_base| {
            let message = OutgoingMessage {
                outputs: Some(vec![("image".to_owned(), image.clone())]),
                metadata: VideoMetadata { pts, time_base, ..VideoMetadata::default() },
                ..OutgoingMessage::default()
            };
            let message = ChunkedMessage { frame_id: 1, payload: message.encode(false).into() };
            let read = OutputMessage::parse(message, &Limits::default(), &Redactor::default());
            let data = FrameData::new(read.unwrap(), FrameNumber { in_session: 1, link: 1 });
            data.image_called("image").unwrap().image().unwrap().timestamp()
        };
        let second = Timestamp::new(90_000, TimeBase::RTP_VIDEO);
        assert_eq!(with(Some(30), Some(1.0 / 30.0)), Some(second));
        assert_eq!((with(Some(30), None), with(None, Some(1.0 / 30.0))), (None, None));
    }
}
