use async_trait::async_trait;
use streamsdk_capture::{FrameProducer, ProducerFormat, Webcam, WebcamId};
use streamsdk_protocol::init::InitRequest;

use super::{
    AfterBreak, ConnectionRequirements, ProducerSource, SourceError, SourceIo, StreamSource,
};
use crate::config::StreamConfig;

/// A camera of this machine, sent on a video track.
///
/// ```no_run
/// # fn example(client: streamsdk::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use streamsdk::WebcamSource;
/// use streamsdk::Webcam;
///
/// let session = client.stream(WebcamSource::open(0)?);
///
/// let webcam = Webcam::options("Logitech").resolution(1280, 720).frame_rate(30.0).open()?;
/// let other = client.stream(WebcamSource::new(webcam));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WebcamSource {
    format: Option<ProducerFormat>,
    source: ProducerSource,
}

impl WebcamSource {
    /// Opens a camera by its number, its path, or its name, with the options that
    /// [`Webcam::options`] has by default.
    ///
    /// # Errors
    ///
    /// When there is no such camera, or it cannot be used: see
    /// [`WebcamOptions::open`](streamsdk_capture::WebcamOptions::open).
    pub fn open(which: impl Into<WebcamId>) -> Result<Self, SourceError> {
        Ok(Self::new(Webcam::open(which)?))
    }

    /// Takes a camera that is open: set its controls before.
    pub fn new(webcam: Webcam) -> Self {
        Self { format: webcam.format().copied(), source: ProducerSource::new(webcam) }
    }

    /// What the camera really gives.
    pub fn format(&self) -> Option<&ProducerFormat> {
        self.format.as_ref()
    }
}

#[async_trait]
impl StreamSource for WebcamSource {
    fn requirements(&self, config: &StreamConfig) -> ConnectionRequirements {
        self.source.requirements(config)
    }

    /// The camera's own frame rate counts, whatever the caller declares.
    fn init_parameters(&self, _config: &StreamConfig, request: &mut InitRequest) {
        let frame_rate = self.format.and_then(|format| format.frame_rate);
        request.declared_fps = frame_rate.or(request.declared_fps);
    }

    async fn run(&mut self, io: SourceIo) -> Result<(), SourceError> {
        self.source.run(io).await
    }

    fn after_break(&self) -> AfterBreak {
        self.source.after_break()
    }

    async fn clean_up(&mut self) {
        self.source.clean_up().await;
    }
}
