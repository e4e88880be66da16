//! One connection to a server: packets in, frames out.

use std::time::{Duration, Instant};

use ffmpeg_next::error::{EAGAIN, ENOMEM};
use ffmpeg_next::{Dictionary, Error, Packet, Stream, decoder, frame};
use streamsdk_media::{Frame, PixelFormat, Rotation, TimeBase, Timestamp};

use super::address::{Address, Kind};
use super::failure;
use super::options::{NetworkStreamOptions, Transport};
use super::watch::Watch;
use crate::ffmpeg::{self, DecoderError, MAX_FAILURES, OpenInput, Pictures};
use crate::{CaptureError, ProducerFormat};

/// A stream that is being received and decoded, on the caller's thread.
pub(super) struct Connection {
    origin: String,
    input: OpenInput,
    stream: usize,
    decoder: decoder::Video,
    pictures: Pictures,
    clock: Clock,
    format: Option<ProducerFormat>,
    /// Whether it is to be expected that the server closes the connection.
    has_end: bool,
    /// How the stream ended, once the decoder's last frames are out.
    end: Option<CaptureError>,
    read_timeout: Duration,
    watch: Watch,
    /// Failures to decode since the last frame, and when that came.
    failures: u32,
    last_frame: Instant,
}

/// Where timestamps come from.
#[derive(Clone, Copy)]
enum Clock {
    Stream(TimeBase),
    Arrival,
}

impl Connection {
    pub(super) fn open(
        address: &Address,
        options: &NetworkStreamOptions,
    ) -> Result<Self, CaptureError> {
        streamsdk_media::ffmpeg::init();
        let watch = Watch::new(options.stopper.clone());
        let mut input = connect(address, options, &watch)?;
        let decoding = options.decoding.clone().immediate(options.is_low_latency);
        find_streams(&mut input, address, options, &watch)?;
        let origin = address.origin();
        let not_video = |reason: &str| CaptureError::NotVideo {
            origin: origin.to_owned(),
            reason: reason.to_owned(),
        };
        let stream = ffmpeg::video(&input).ok_or_else(|| not_video("there is no video in it"))?;
        let rotation = ffmpeg::rotation(&stream);
        let decoder = decoding.open(&stream).map_err(|error| without_decoder(origin, error))?;
        let is_multipart = input.format().name() == "mpjpeg";
        let clock = clock(&stream, is_multipart);
        let format = announced(&stream, &decoder, rotation, clock);
        let stream = stream.index();
        Ok(Self {
            origin: origin.to_owned(),
            pictures: Pictures::new(rotation),
            input,
            stream,
            decoder,
            clock,
            format,
            has_end: address.kind() == Kind::Http && !is_multipart,
            end: None,
            read_timeout: options.read_timeout,
            watch,
            failures: 0,
            last_frame: Instant::now(),
        })
    }

    /// What the server says, which the frames need not keep to.
    pub(super) fn format(&self) -> Option<ProducerFormat> {
        self.format
    }

    pub(super) fn time_base(&self) -> TimeBase {
        match self.clock {
            Clock::Stream(base) => base,
            Clock::Arrival => TimeBase::MICROSECONDS,
        }
    }

    /// The next frame, perhaps with a timestamp of the stream's. After an error there is none.
    pub(super) fn next(&mut self) -> Result<Frame, CaptureError> {
        loop {
            let mut picture = frame::Video::empty();
            match self.decoder.receive_frame(&mut picture) {
                Ok(()) => return self.deliver(picture),
                Err(Error::Other { errno: EAGAIN }) => self.read()?,
                Err(Error::Eof) => {
                    return Err(self.end.take().unwrap_or(CaptureError::EndOfStream));
                }
                Err(error) => self.skip(error)?,
            }
        }
    }

    /// Hands one packet of the video to the decoder.
    fn read(&mut self) -> Result<(), CaptureError> {
        self.watch.allow(self.read_timeout);
        let mut damaged = 0;
        loop {
            let mut packet = Packet::empty();
            let read = packet.read(&mut self.input);
            match read {
                Ok(()) if packet.stream() == self.stream => return self.send(&packet),
                _ if self.watch.is_over() => return Err(self.given_up()),
                Ok(()) => {}
                Err(Error::InvalidData) if damaged < MAX_FAILURES => damaged += 1,
                Err(error) => return self.drain(error),
            }
        }
    }

    fn send(&mut self, packet: &Packet) -> Result<(), CaptureError> {
        match self.decoder.send_packet(packet) {
            Ok(()) => Ok(()),
            Err(error) => self.skip(error),
        }
    }

    /// What the decoder still has comes out, and then the end.
    fn drain(&mut self, error: Error) -> Result<(), CaptureError> {
        let end = match error {
            Error::Eof if self.has_end => CaptureError::EndOfStream,
            error => failure::at_reading(&self.origin, error),
        };
        self.decoder.send_eof().map_err(|_| end.clone())?;
        self.end = Some(end);
        Ok(())
    }

    /// Damage is to be expected where packets get lost, or as long as the decoder waits for a key
    /// frame, but not for ever.
    fn skip(&mut self, error: Error) -> Result<(), CaptureError> {
        self.failures = self.failures.saturating_add(1);
        let is_late = self.last_frame.elapsed() > self.read_timeout.saturating_mul(2);
        let is_hopeless = is_late && self.failures > MAX_FAILURES;
        match error {
            Error::Other { errno: ENOMEM } => Err(self.cannot_decode(error)),
            _ if is_hopeless => Err(self.cannot_decode(error)),
            _ => Ok(()),
        }
    }

    fn deliver(&mut self, picture: frame::Video) -> Result<Frame, CaptureError> {
        let own = match self.clock {
            Clock::Stream(base) => picture.timestamp().map(|pts| Timestamp::new(pts, base)),
            Clock::Arrival => None,
        };
        let frame = self.pictures.frame(picture).map_err(|error| self.cannot_decode(error))?;
        self.failures = 0;
        self.last_frame = Instant::now();
        Ok(frame.at(own))
    }

    fn given_up(&self) -> CaptureError {
        if self.watch.is_stopped() {
            CaptureError::Stopped
        } else if self.watch.is_exceeded() {
            failure::endless(&self.origin)
        } else {
            CaptureError::Silent { origin: self.origin.clone(), waited: self.read_timeout }
        }
    }

    fn cannot_decode(&self, reason: impl ToString) -> CaptureError {
        CaptureError::Decode { origin: self.origin.clone(), reason: reason.to_string() }
    }
}

fn connect(
    address: &Address,
    options: &NetworkStreamOptions,
    watch: &Watch,
) -> Result<OpenInput, CaptureError> {
    watch.allow(options.connect_timeout);
    let asked = watch.clone();
    let opened = ffmpeg::open(address.url(), for_ffmpeg(address.kind(), options), move |read| {
        asked.is_over_at(read)
    });
    opened.map_err(|error| {
        if watch.is_stopped() {
            CaptureError::Stopped
        } else if watch.has_expired() {
            failure::no_answer(address.origin(), options.connect_timeout)
        } else {
            failure::at_opening(address, error)
        }
    })
}

fn find_streams(
    input: &mut OpenInput,
    address: &Address,
    options: &NetworkStreamOptions,
    watch: &Watch,
) -> Result<(), CaptureError> {
    watch.allow(options.read_timeout);
    let found = ffmpeg::find_streams(input, &options.decoding);
    if watch.is_stopped() {
        return Err(CaptureError::Stopped);
    }
    if watch.is_exceeded() {
        return Err(failure::endless(address.origin()));
    }
    if watch.has_expired() {
        let waited = options.read_timeout;
        return Err(CaptureError::Silent { origin: address.origin().to_owned(), waited });
    }
    found.map_err(|error| failure::at_opening(address, error))
}

fn for_ffmpeg(kind: Kind, options: &NetworkStreamOptions) -> Dictionary<'static> {
    let mut dictionary = Dictionary::new();
    dictionary.set("protocol_whitelist", kind.protocols());
    dictionary.set("format_whitelist", &kind.formats());
    if options.is_low_latency {
        dictionary.set("probesize", "32768");
        // Otherwise FFmpeg waits for twenty frames to tell their rate.
        dictionary.set("fpsprobesize", "0");
    }
    // In microseconds of video. Some formats let FFmpeg wait much longer for streams to appear.
    let look_ahead = if options.is_low_latency { "500000" } else { "2000000" };
    dictionary.set("analyzeduration", look_ahead);
    if kind == Kind::Rtsp {
        let transport = match options.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        dictionary.set("rtsp_transport", transport);
        dictionary.set("allowed_media_types", "video");
    }
    if let Some(micros) = socket_timeout(options) {
        let name = if kind == Kind::Rtsp { "timeout" } else { "rw_timeout" };
        dictionary.set(name, &micros.to_string());
    }
    dictionary
}

/// Microseconds, for the waits of FFmpeg's that do not ask the watch; `None` if FFmpeg cannot wait that
/// long. Comes after the watch, since FFmpeg gives errors for it that mean something else, too.
fn socket_timeout(options: &NetworkStreamOptions) -> Option<i32> {
    let longest = options.connect_timeout.max(options.read_timeout);
    i32::try_from(longest.saturating_add(SOCKET_GRACE).as_micros()).ok()
}

fn without_decoder(origin: &str, error: DecoderError) -> CaptureError {
    let origin = origin.to_owned();
    match error {
        DecoderError::UnknownCodec(codec) => CaptureError::NotVideo {
            origin,
            reason: format!("it is in a codec that this FFmpeg cannot decode: {codec}"),
        },
        DecoderError::Failed(error) => CaptureError::Decode { origin, reason: error.to_string() },
    }
}

/// Pictures in a multipart answer have no timestamps; FFmpeg makes them up.
fn clock(stream: &Stream<'_>, is_multipart: bool) -> Clock {
    let base = ffmpeg::time_base(stream.time_base()).filter(|_| !is_multipart);
    base.map_or(Clock::Arrival, Clock::Stream)
}

fn announced(
    stream: &Stream<'_>,
    decoder: &decoder::Video,
    rotation: Rotation,
    clock: Clock,
) -> Option<ProducerFormat> {
    let (width, height) = ffmpeg::shown_size(decoder, rotation)?;
    let rate = match clock {
        Clock::Stream(_) => {
            ffmpeg::rate(stream.avg_frame_rate()).or_else(|| ffmpeg::rate(stream.rate()))
        }
        Clock::Arrival => None,
    };
    Some(ProducerFormat::new(PixelFormat::I420, width, height).frame_rate(rate))
}

const SOCKET_GRACE: Duration = Duration::from_secs(1);
