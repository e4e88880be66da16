//! Frames from the network, through FFmpeg, but for cameras whose video is passed on.

mod address;
mod allowed_addresses;
mod attempt;
mod camera;
mod connect;
mod connection;
mod decoding;
mod demuxed;
mod diagnosis;
mod encoded;
mod failure;
mod ffmpeg_options;
mod gateway;
mod options;
mod reconnect;

use std::fmt;
use std::time::Duration;

use self::address::Address;
use self::decoding::DecodingReader;
pub use self::encoded::EncodedStream;
pub use self::options::{NetworkStreamOptions, ParseTransportError, Reconnect, Transport};
use self::reconnect::{ReconnectingReader, StreamReader};
use crate::producer_thread::ProducerThread;
use crate::queue::Queue;
use crate::{
    Buffered, CaptureError, CapturedFrame, Damage, FrameProducer, ProducerFormat, StopHandle,
};
pub use streamsdk_codec::h264::H264Profile;

/// A video stream from the network: RTSP and RTMP cameras and servers, MJPEG and other video over HTTP,
/// MPEG-TS over UDP, TCP and SRT.
///
/// A thread receives and decodes all the time, and keeps the newest frame; a slow consumer gets
/// fewer frames, not older ones, unless it asks for [every frame](NetworkStreamOptions::every_frame).
/// [`CapturedFrame::dropped`] counts what it missed.
///
/// Frames are I420, in the colour space that the stream says it has. Their timestamps are the stream's own,
/// in its time base, or the time of arrival where it has none, as with MJPEG over HTTP. They always grow,
/// and follow arrival: what happens to timestamps that cannot be true is said at
/// [`StreamClock::live`](streamsdk_media::StreamClock::live), and of files over HTTP at
/// [`StreamClock::recorded`](streamsdk_media::StreamClock::recorded). After a reconnection they go on by the
/// time that has passed.
///
/// The server may be anybody's: it can make FFmpeg read nothing but other addresses of the same kind,
/// and no frame larger than [`NetworkStreamOptions::max_pixels`]. Credentials in the address appear in
/// no error and no debug output.
///
/// ```no_run
/// use std::time::Duration;
/// use streamsdk_capture::{FrameProducer, NetworkStream, Reconnect};
///
/// let mut camera = NetworkStream::options("rtsp://user:password@192.168.1.20/stream1")
///     .read_timeout(Duration::from_secs(10))
///     .reconnect(Reconnect::always())
///     .open()?;
/// let captured = camera.next_frame(Duration::from_secs(5))?;
/// println!("{:?}", captured.frame);
/// # Ok::<(), streamsdk_capture::CaptureError>(())
/// ```
///
/// Dropping it closes the connection, which takes a moment.
pub struct NetworkStream {
    origin: String,
    frames: Buffered,
}

impl NetworkStream {
    /// Connects with the default options.
    ///
    /// # Errors
    ///
    /// As [`NetworkStreamOptions::open`].
    pub fn open(url: impl Into<String>) -> Result<Self, CaptureError> {
        Self::options(url).open()
    }

    /// Connects otherwise than by default.
    pub fn options(url: impl Into<String>) -> NetworkStreamOptions {
        NetworkStreamOptions::new(url.into())
    }

    fn open_with(options: NetworkStreamOptions) -> Result<Self, CaptureError> {
        let address = Address::parse(&options.url)?;
        let origin = address.origin().to_owned();
        let decoding = DecodingReader::open(&address, &options)?;
        let format = decoding.format();
        let stop_handle = options.stop_handle.clone();
        let queue = options.keeping.queue(decoding.can_wait());
        let receiver = ReconnectingReader::new(address, options, decoding);
        let thread = ProducerThread::run(stop_handle, queue, move |queue| fill(queue, receiver));
        Ok(Self { origin, frames: Buffered::of(thread, format) })
    }
}

fn fill(queue: &Queue, mut receiver: ReconnectingReader<DecodingReader>) {
    for sequence in 0.. {
        match receiver.next() {
            Ok((frame, timestamp)) => {
                queue.note(receiver.damage());
                // A frame for which there was no room is counted.
                let _ = queue.push(CapturedFrame::new(frame.at(timestamp), sequence));
            }
            Err(error) => {
                queue.note(receiver.damage());
                return queue.end(error);
            }
        }
    }
}

impl FrameProducer for NetworkStream {
    fn format(&self) -> Option<&ProducerFormat> {
        self.frames.format()
    }

    /// The next frame of those that are kept, as soon as there is one that was not given yet.
    ///
    /// # Errors
    ///
    /// Besides time-outs and the end by [`StopHandle::stop`]: [`Silent`](CaptureError::Silent) if no
    /// video came for [`NetworkStreamOptions::read_timeout`], and
    /// [`Disconnected`](CaptureError::Disconnected) if the connection ended, both only after
    /// reconnecting was tried as [`NetworkStreamOptions::reconnect`] says; the error is then that of
    /// the last attempt. [`EndOfStream`](CaptureError::EndOfStream) at the end of a file over HTTP,
    /// and [`Decode`](CaptureError::Decode) if nothing that comes can be decoded.
    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        self.frames.next_frame(timeout)
    }

    fn stop_handle(&self) -> StopHandle {
        self.frames.stop_handle()
    }

    fn damage(&self) -> Damage {
        self.frames.damage()
    }
}

impl fmt::Debug for NetworkStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkStream")
            .field("origin", &self.origin)
            .field("format", &self.format())
            .finish_non_exhaustive()
    }
}
