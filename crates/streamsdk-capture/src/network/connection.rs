//! One connection to a server, which gives packets.

use std::time::{Duration, Instant};

use ffmpeg_next::{Error, Packet, Stream};
use streamsdk_media::{StreamClock, TimeBase, Timestamp};

use super::address::{Address, AddressKind};
use super::allowed_addresses::Unreached;
use super::attempt;
use super::diagnosis::sends;
use super::failure;
use super::gateway::Gateway;
use super::options::NetworkStreamOptions;
use crate::CaptureError;
use crate::ffmpeg::{self, Losses, MAX_FAILURES, OpenInput};
use crate::read_watchdog::ReadWatchdog;

/// A stream that is being received, on the caller's thread.
pub(super) struct StreamConnection {
    origin: String,
    input: OpenInput,
    /// By way of which it comes, if there is one.
    gateway: Option<Gateway>,
    stream: usize,
    pub(super) losses: Losses,
    clock: TimestampSource,
    /// Whether it is to be expected that the server closes the connection.
    has_end: bool,
    read_timeout: Duration,
    watchdog: ReadWatchdog,
    /// For how long packets have been waited for since somebody asked.
    waited: Duration,
}

/// Where timestamps come from. Pictures in a multipart answer have none; FFmpeg makes them up.
#[derive(Clone, Copy)]
pub(super) enum TimestampSource {
    Stream(TimeBase),
    /// Of what the server has as a file, whose frames come as fast as they are taken.
    File(TimeBase, Duration),
    Arrival,
}

impl TimestampSource {
    /// What gives the frames their times.
    pub(super) fn of_stream(self) -> StreamClock {
        match self {
            Self::Stream(base) => StreamClock::live(base),
            Self::File(base, frame_time) => StreamClock::recorded(base, frame_time),
            Self::Arrival => StreamClock::live(TimeBase::MICROSECONDS),
        }
    }

    /// The stream's own timestamp, where that means anything.
    pub(super) fn timestamp(self, pts: Option<i64>) -> Option<Timestamp> {
        match self {
            Self::Stream(base) | Self::File(base, _) => pts.map(|pts| Timestamp::new(pts, base)),
            Self::Arrival => None,
        }
    }

    /// Frames per second, where the stream tells them.
    pub(super) fn frame_rate(self, stream: &Stream<'_>) -> Option<f64> {
        match self {
            Self::Stream(_) | Self::File(..) => ffmpeg::declared_rate(stream),
            Self::Arrival => None,
        }
    }
}

impl StreamConnection {
    pub(super) fn open(
        address: &Address,
        options: &NetworkStreamOptions,
    ) -> Result<Self, CaptureError> {
        streamsdk_media::ffmpeg::init();
        let watchdog = ReadWatchdog::new(options.stop_handle.clone());
        let (input, gateway) = attempt::open(address, options, &watchdog)?;
        let origin = address.origin();
        let stream = ffmpeg::video(&input).ok_or_else(|| {
            let content_type = input.content_type();
            content_type.map_or_else(|| without_video(origin), |kind| not_video(origin, &kind))
        })?;
        let is_multipart = input.format().name() == "mpjpeg";
        let losses = Losses::new(&stream);
        let has_end = address.kind() == AddressKind::Http && input.has_end(&stream);
        Ok(Self {
            origin: origin.to_owned(),
            stream: stream.index(),
            clock: if is_multipart { TimestampSource::Arrival } else { clock(&stream, has_end) },
            losses,
            has_end,
            input,
            gateway,
            read_timeout: options.read_timeout,
            watchdog,
            waited: Duration::ZERO,
        })
    }

    /// The address without its credentials.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn clock(&self) -> TimestampSource {
        self.clock
    }

    /// Whether it waits for a reader that is slow, and ends by itself.
    pub(super) fn has_end(&self) -> bool {
        self.has_end
    }

    /// What the server says that it sends, where it says that.
    pub(super) fn content_type(&self) -> Option<String> {
        self.input.content_type()
    }

    /// What is known about the video.
    pub(super) fn stream(&self) -> Result<Stream<'_>, CaptureError> {
        self.input.stream(self.stream).ok_or_else(|| without_video(&self.origin))
    }

    /// The next packet of the video. After an error there is none.
    pub(super) fn next(&mut self) -> Result<Packet, CaptureError> {
        self.watchdog.allow(self.read_timeout);
        let mut damaged = 0;
        loop {
            let mut packet = Packet::empty();
            let asked = Instant::now();
            let read = packet.read(&mut self.input);
            self.waited = self.waited.saturating_add(asked.elapsed());
            if read.is_ok() {
                self.losses.packet(&self.input, &packet);
            }
            match read {
                // A decoder would take an empty packet for the end.
                Ok(()) if packet.stream() == self.stream && packet.size() > 0 => {
                    return Ok(packet);
                }
                _ if self.watchdog.is_over() => {
                    return Err(failure::given_up(&self.origin, &self.watchdog, self.read_timeout));
                }
                Ok(()) => {}
                Err(Error::InvalidData) if damaged < MAX_FAILURES => {
                    damaged += 1;
                    self.losses.unreadable();
                }
                Err(Error::Eof) if self.has_end => {
                    self.losses.at_end(&self.input);
                    return Err(CaptureError::EndOfStream);
                }
                Err(error) => return Err(self.broken_off(error)),
            }
        }
    }

    /// For how long packets were waited for since this was last asked.
    pub(super) fn take_waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }

    fn broken_off(&self, error: Error) -> CaptureError {
        match &self.gateway {
            Some(gateway) if gateway.has_refused() => Unreached::NotAllowed.at(&self.origin),
            _ => failure::at_reading(&self.origin, error),
        }
    }
}

/// Something without a frame in it.
pub(super) fn not_video(origin: &str, content_type: &str) -> CaptureError {
    let reason = sends(content_type);
    CaptureError::NotVideo { origin: origin.to_owned(), reason }
}

fn without_video(origin: &str) -> CaptureError {
    let reason = "there is no video in it".to_owned();
    CaptureError::NotVideo { origin: origin.to_owned(), reason }
}

fn clock(stream: &Stream<'_>, has_end: bool) -> TimestampSource {
    let Some(base) = ffmpeg::time_base(stream.time_base()) else { return TimestampSource::Arrival };
    match has_end {
        true => TimestampSource::File(base, ffmpeg::frame_time(ffmpeg::declared_rate(stream))),
        false => TimestampSource::Stream(base),
    }
}
