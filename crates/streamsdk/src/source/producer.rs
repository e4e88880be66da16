use async_trait::async_trait;
use streamsdk_capture::FrameProducer;
use streamsdk_protocol::init::InitRequest;
use streamsdk_transport::VideoDirection;

use super::{AfterBreak, ConnectionRequirements, FrameFeed, SourceError, SourceIo, StreamSource};
use crate::config::StreamConfig;

/// The frames of any [`FrameProducer`], sent on a video track: a camera, a drawing, one of the program's own.
///
/// When the connection is lost, the producer is kept: what it gives until there is another one is dropped and
/// counted, or waited with where the session promises every frame.
///
/// ```no_run
/// # fn example(client: streamsdk::Client) {
/// use streamsdk::ProducerSource;
/// use streamsdk::TestPattern;
///
/// let session = client.stream(ProducerSource::new(TestPattern::new(1280, 720, 30.0)));
/// # }
/// ```
pub struct ProducerSource {
    feed: FrameFeed,
    frame_rate: Option<f64>,
}

impl ProducerSource {
    /// Takes a producer. The server is told its frame rate, if it knows one.
    pub fn new(producer: impl FrameProducer + 'static) -> Self {
        let frame_rate = producer.format().and_then(|format| format.frame_rate);
        Self { feed: FrameFeed::new(producer), frame_rate }
    }
}

#[async_trait]
impl StreamSource for ProducerSource {
    fn requirements(&self, _config: &StreamConfig) -> ConnectionRequirements {
        ConnectionRequirements::default().video(VideoDirection::SendAndReceive)
    }

    fn init_parameters(&self, _config: &StreamConfig, request: &mut InitRequest) {
        request.declared_fps = request.declared_fps.or(self.frame_rate);
    }

    async fn run(&mut self, mut io: SourceIo) -> Result<(), SourceError> {
        let video = io.take_video().ok_or(SourceError::NoVideo)?;
        video.send(&mut self.feed).await
    }

    fn after_break(&self) -> AfterBreak {
        self.feed.after_break()
    }

    async fn clean_up(&mut self) {
        self.feed.stop();
    }
}

impl std::fmt::Debug for ProducerSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProducerSource")
            .field("frame_rate", &self.frame_rate)
            .finish_non_exhaustive()
    }
}
