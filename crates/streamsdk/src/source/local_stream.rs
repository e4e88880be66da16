use std::fmt;

use async_trait::async_trait;
use streamsdk_capture::{
    CaptureError, EncodedStream, FrameProducer, H264Profile, NetworkStream, NetworkStreamOptions,
    ProducerFormat, Reconnect, StopHandle,
};
use streamsdk_protocol::init::InitRequest;
use streamsdk_transport::{VideoCodec, VideoDirection};

use super::{AfterBreak, ConnectionRequirements, FrameFeed, SourceError, SourceIo, StreamSource};
use crate::config::StreamConfig;

/// Decoded frames of a camera that a session keeps which promises every frame: two seconds of 1080p.
const MAX_KEPT_BYTES: usize = 192 << 20;

/// A camera or server that this machine pulls, by RTSP or RTMP, and sends on as a video track: for
/// streams that the inference server cannot reach.
///
/// H264 is passed on without being decoded where that is possible ([`Transcode`]), which costs a tenth of
/// the CPU time; all else is decoded and encoded anew. A frame leaves when the next one begins to arrive,
/// because FFmpeg knows only then where it ends.
///
/// ```no_run
/// # async fn example(client: streamsdk::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use streamsdk::LocalStreamSource;
/// use streamsdk::{NetworkStream, Reconnect, Transport};
///
/// let camera = LocalStreamSource::open("rtsp://user:password@192.168.1.20/stream1").await?;
/// let session = client.stream(camera);
///
/// let options = NetworkStream::options("rtsp://192.168.1.21/stream1")
///     .transport(Transport::Udp)
///     .read_timeout(Duration::from_secs(10))
///     .reconnect(Reconnect::attempts(5));
/// let other = LocalStreamSource::open_with(options).await?;
/// # Ok(())
/// # }
/// ```
pub struct LocalStreamSource {
    options: NetworkStreamOptions,
    stop_handle: StopHandle,
    stream: Probed,
    transcode: Transcode,
    /// From the first connection on.
    feed: Option<FrameFeed>,
}

/// When a stream is decoded and encoded anew instead of being passed on.
///
/// Passed on, a stream has the bitrate that its camera gives it, whatever the network does. Where a receiver
/// needs a key frame before the camera gives one, after a loss or on a new connection, frames are decoded and
/// encoded anew up to the camera's next one; those larger than 1920 by 1088 wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Transcode {
    /// Unless it is H264 in baseline profile, which is what receivers say that they take.
    #[default]
    Auto,
    /// Unless it is H264 in any profile: for servers that decode whatever comes, as Roboflow's does.
    UnlessH264,
    /// In any case.
    Always,
}

/// What was found out about a stream before the session.
struct Probed {
    format: Option<ProducerFormat>,
    /// `None` if it is not H264 or does not say.
    profile: Option<H264Profile>,
}

impl LocalStreamSource {
    /// Looks whether the stream is there and what it is, and leaves it again. It will be connected to anew
    /// as often as it breaks off during the session.
    ///
    /// # Errors
    ///
    /// As [`NetworkStreamOptions::open`]: a wrong address, a server that refuses, does not answer, wants
    /// other credentials, or has no video.
    pub async fn open(url: impl Into<String>) -> Result<Self, SourceError> {
        Self::open_with(NetworkStream::options(url).reconnect(Reconnect::always())).await
    }

    /// The same with other options, which say what happens when it breaks off.
    ///
    /// # Errors
    ///
    /// As of [`LocalStreamSource::open`].
    pub async fn open_with(options: NetworkStreamOptions) -> Result<Self, SourceError> {
        let stop_handle = StopHandle::default();
        let options = options.stop_handle(stop_handle.clone());
        let probed = options.clone();
        let stream = blocking(move || probe(probed)).await?;
        Ok(Self { options, stop_handle, stream, transcode: Transcode::default(), feed: None })
    }

    /// When the stream is decoded and encoded anew. Default is [`Transcode::Auto`].
    #[must_use]
    pub fn transcode(self, transcode: Transcode) -> Self {
        Self { transcode, ..self }
    }

    /// What the stream says about itself; `None` if that is nothing.
    pub fn format(&self) -> Option<&ProducerFormat> {
        self.stream.format.as_ref()
    }

    fn can_be_forwarded(&self) -> bool {
        match (self.transcode, self.stream.profile) {
            (Transcode::Always, _) | (_, None) => false,
            (Transcode::Auto, Some(profile)) => profile == H264Profile::Baseline,
            (Transcode::UnlessH264, Some(_)) => true,
        }
    }

    fn decoding(&self, every_frame: bool) -> NetworkStreamOptions {
        let options = self.options.clone();
        if every_frame { options.every_frame(MAX_KEPT_BYTES) } else { options }
    }
}

async fn blocking<T: Send + 'static>(
    open: impl FnOnce() -> Result<T, CaptureError> + Send + 'static,
) -> Result<T, SourceError> {
    let opened = tokio::task::spawn_blocking(open).await;
    Ok(opened.map_err(|panicked| SourceError::Other(panicked.into()))??)
}

fn probe(options: NetworkStreamOptions) -> Result<Probed, CaptureError> {
    match options.clone().open_encoded() {
        Ok(stream) => Ok(Probed {
            format: EncodedStream::format(&stream).copied(),
            profile: stream.profile(),
        }),
        Err(CaptureError::Unsupported { .. }) => {
            // The stop handle is for the session: a stream that is dropped uses it.
            let stream = options.stop_handle(StopHandle::default()).open()?;
            Ok(Probed { format: stream.format().copied(), profile: None })
        }
        Err(error) => Err(error),
    }
}

#[async_trait]
impl StreamSource for LocalStreamSource {
    fn requirements(&self, _config: &StreamConfig) -> ConnectionRequirements {
        ConnectionRequirements::default()
            .video(VideoDirection::SendAndReceive)
            .codec(self.can_be_forwarded().then_some(VideoCodec::H264))
    }

    fn init_parameters(&self, _config: &StreamConfig, request: &mut InitRequest) {
        let frame_rate = self.stream.format.and_then(|format| format.frame_rate);
        request.declared_fps = request.declared_fps.or(frame_rate);
    }

    async fn run(&mut self, mut io: SourceIo) -> Result<(), SourceError> {
        let video = io.take_video().ok_or(SourceError::NoVideo)?;
        let feed = match &mut self.feed {
            Some(feed) => feed,
            None => {
                let decoding = self.decoding(io.every_frame());
                let feed = if self.can_be_forwarded() && video.codec() == VideoCodec::H264 {
                    let (options, stop_handle) = (self.options.clone(), self.stop_handle.clone());
                    let encoded = blocking(|| options.open_encoded()).await?;
                    FrameFeed::forwarding(encoded, stop_handle, || decoding.open())
                } else {
                    FrameFeed::new(blocking(|| decoding.open()).await?)
                };
                self.feed.insert(feed)
            }
        };
        video.send(feed).await
    }

    fn after_break(&self) -> AfterBreak {
        self.feed.as_ref().map_or(AfterBreak::GoOn, FrameFeed::after_break)
    }

    async fn clean_up(&mut self) {
        self.stop_handle.stop();
    }
}

impl fmt::Debug for LocalStreamSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalStreamSource")
            .field("options", &self.options)
            .field("transcode", &self.transcode)
            .finish_non_exhaustive()
    }
}
