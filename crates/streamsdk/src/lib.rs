//! Streams video to an inference server over WebRTC and hands back frames and predictions.
//!
//! ```no_run
//! # #[cfg(feature = "file")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use streamsdk::{Client, Event, StreamConfig, VideoFileSource, Workflow};
//!
//! let client = Client::builder("http://localhost:9001").build()?;
//! let mut session = client
//!     .stream(VideoFileSource::open("traffic.mp4")?)
//!     .workflow(Workflow::id("workspace", "count-cars"))
//!     .config(StreamConfig::default().stream_output(["image"]).data_output(["predictions"]))
//!     .start()
//!     .await?;
//! while let Some(event) = session.next().await {
//!     match event? {
//!         Event::Frame(frame) => println!("{:?}: {} px", frame.frame_id(), frame.image()?.width()),
//!         Event::Data(data) => println!("{:?}", data.predictions()?),
//!         _ => {}
//!     }
//! }
//! println!("{}", session.summary());
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! * A file session loses no frame: the server is held back by acks, and a frame is acked when it
//!   has a place in the session's queue from which only the caller takes it. A realtime session
//!   drops the oldest frame when the caller is late, and counts it ([`Drops`]).
//! * An image is decoded when [`ReceivedFrame::image`] is called, once. Until then it is a slice of
//!   the message that it came in.
//! * Every wait has a limit ([`Timeouts`]), and what comes of it is an [`Error`] that says what was
//!   waited for.
//! * Nothing outlives a session: [`Session::close`] returns when all is stopped, dropping it stops
//!   all in the background.
//!
//! # Log lines
//!
//! The crates write to `tracing`, and the WebRTC engine below them to `log`, such as a TURN server that it
//! cannot use. `tracing-subscriber` with its feature `tracing-log` shows both:
//! `tracing_subscriber::fmt().init()`. No log line has a key or a password in it.
//!
//! # Which runtime
//!
//! Either of tokio's. The one of one thread (`#[tokio::main(flavor = "current_thread")]`) costs least
//! where no pictures are decoded, because a message then wakes no second thread. Who decodes them in the
//! task that waits for events takes the other, so that connections are served meanwhile. Encoding, and
//! reading files and cameras, have threads of their own on both.
//!
//! # Predictions
//!
//! [`FrameData::predictions`] reads what a model says into types, and [`draw`] draws it on a frame:
//!
//! ```no_run
//! # fn example(frame: streamsdk::ReceivedFrame) -> Result<(), streamsdk::Error> {
//! use streamsdk::{DrawOptions, draw};
//!
//! if let Some(found) = frame.detections()? {
//!     for thing in &found {
//!         println!("{} {:?} {:?}", thing.class, thing.tracker_id, thing.edges());
//!     }
//!     let picture = draw(frame.image()?, &found, &DrawOptions::default());
//! #   drop(picture);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! What is not on by default needs a library of the system or takes longer to build.
//!
//! - `file` (default): `VideoFileSource`, which uploads a video file.
//! - `url`: `VideoUrl`, which downloads a video file, to be uploaded.
//! - `video`: video tracks in VP8 and H264; the same as `vp8` and `h264` together.
//! - `vp8`: video tracks in VP8. Needs the development package of libvpx and a C compiler.
//! - `h264`: video tracks in H264. Needs the development packages of FFmpeg, and libclang.
//! - `local-stream`: `LocalStreamSource`, for cameras and servers that this machine pulls. Needs what
//!   `video` needs.
//! - `webcam`: `WebcamSource`, for cameras of this machine (Linux). Needs what `video` needs.
//! - `video-writer`: `mp4`, which writes frames to a video file. Needs what `h264` needs.
//! - `turbojpeg`: received images are decoded by libjpeg-turbo, built from source with cmake and nasm.
//! - `image`: frames from and to the images of the `image` crate; [`FrameSender::send`] takes these, too.
//! - `ndarray`: the same with arrays of the `ndarray` crate, height by width by channels.
//! - `resize`: [`Frame`]s in other sizes, `Frame::resized` and `Frame::letterbox`.
//! - `diagnose`: [`Client::diagnose`] says what is wrong between this machine and the server, and the error of a
//!   session that does not come about has it with it ([`Error::diagnosis`]), which takes up to 3 s unless
//!   [`StreamConfig::diagnose_failures`] says otherwise.
//! - `full`: all of these.
//! - `simulation`, for tests: connections over a network that is made up, [`ClientBuilder::network`].
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod blocking;
mod client;
mod config;
#[cfg(feature = "diagnose")]
mod diagnosis;
mod endpoint;
mod error;
mod event;
mod frame;
mod frame_json;
mod handlers;
mod link;
mod model;
mod outputs;
mod queue;
mod retry;
mod session;
mod source;
mod stage;
mod stats;
mod steering;
#[cfg(feature = "view")]
pub mod view;
mod watch;
mod workflow;

pub use client::{Client, ClientBuilder};
pub use config::{FramePolicy, StreamConfig, Timeouts};
pub use error::{Error, ErrorKind};
pub use event::{Event, Reconnected, Reconnecting};
pub use frame::{FrameData, ImageError, ReceivedFrame};
pub use frame_json::{FrameJson, Images};
pub use handlers::{HandlerOutcome, Handlers};
pub use retry::RetryPolicy;
pub use session::{Control, Session, Statistics, StreamBuilder};
#[cfg(feature = "file")]
pub use source::VideoFileSource;
#[cfg(feature = "url")]
pub use source::VideoUrl;
#[cfg(all(feature = "webcam", target_os = "linux"))]
pub use source::WebcamSource;
pub use source::{
    AfterBreak, ConnectionRequirements, FileError, FrameFeed, FrameSendError, FrameSender,
    ManualSource, MjpegSource, ProducerSource, RtspSource, SourceError, SourceIo, StreamSource,
    UrlError, VideoOut,
};
#[cfg(feature = "local-stream")]
pub use source::{LocalStreamSource, Transcode};
pub use stage::Stage;
pub use stats::{Drops, Ended, FrameError, Latency, Summary, UploadProgress, VideoStatistics};
pub use steering::ControlError;
pub use watch::SessionWatch;
pub use workflow::Workflow;

// What a caller names of the crates below. Who needs more of one depends on that crate.
pub use streamsdk_capture::{
    CaptureError, CapturedFrame, Damage, EncodedProducer, FrameProducer, ProducerFormat,
    StopHandle, TestPattern,
};
#[cfg(feature = "local-stream")]
pub use streamsdk_capture::{NetworkStream, NetworkStreamOptions, Reconnect, Transport};
#[cfg(all(feature = "webcam", target_os = "linux"))]
pub use streamsdk_capture::{
    Webcam, WebcamFormat, WebcamFormatInfo, WebcamId, WebcamInfo, WebcamMode, WebcamOptions,
    WebcamRates, WebcamSize, WebcamSteps, webcams,
};
#[cfg(feature = "diagnose")]
pub use streamsdk_diagnose::{Checkup, Code, Diagnosis, Finding, Severity};
#[cfg(feature = "url")]
pub use streamsdk_download::{DownloadError, DownloadProgress, DownloadRefusal, DownloadedFile};
pub use streamsdk_draw::{DrawOptions, Drawable, draw};
pub use streamsdk_media::draw::{Area, Canvas, Color};
pub use streamsdk_media::jpeg::JpegError;
#[cfg(feature = "video-writer")]
pub use streamsdk_media::mp4;
pub use streamsdk_media::video::EncodedFrame;
pub use streamsdk_media::{ConvertError, Frame, InvalidFrame, PixelFormat, TimeBase, Timestamp};
#[cfg(feature = "resize")]
pub use streamsdk_media::{Filter, Letterbox, ResizeError};
pub use streamsdk_protocol::init::{
    IceConfiguration, IceConfigurationError, IceServer, InitRequest, InitResponse,
};
pub use streamsdk_protocol::model::{TaskType, UnsupportedTask};
pub use streamsdk_protocol::output::{
    EncodedImage, OddField, OddFields, Oddity, Output, OutputError, Outputs, VideoMetadata,
};
pub use streamsdk_protocol::pairing::{Evidence, PairingStatistics};
pub use streamsdk_protocol::predictions::{
    ClassScore, Classification, Detection, Detections, EncodedMask, ImageSize, Keypoint, Mask,
    MaskError, MultiLabel, Point, Predictions, RleMask, Segmentation,
};
pub use streamsdk_protocol::rejection::{BlockError, FieldError, Rejection, RejectionReason};
pub use streamsdk_protocol::{ApiKey, Limits};
pub use streamsdk_signaling::{
    ApiKeyTransport, Platform, ProxySignaling, Returns, Signaling, SignalingError, WhipSignaling,
};
pub use streamsdk_transport::{
    BadCertificates, Channel, ChannelReceiver, ChannelSender, EndReason, IceTransportPolicy,
    Interfaces, Message, RootCertificates, SendError, TransportStats, VideoCodec, VideoDirection,
    VideoReceiveStats, VideoSendStats,
};
pub use streamsdk_video::{BitrateLimits, DecodeStats, PictureError, SendFramesError};

/// The examples of the project's README and of the package's compile.
#[cfg(all(doctest, feature = "file"))]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../README.md")]
struct Readme;
