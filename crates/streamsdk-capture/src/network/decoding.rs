//! What a connection gives, decoded.

use std::time::{Duration, Instant};

use ffmpeg_next::error::{EAGAIN, ENOMEM};
use ffmpeg_next::{Error, Stream, decoder, frame};
use streamsdk_media::{Frame, PixelFormat, Rotation};

use super::Address;
use super::connection::{StreamConnection, TimestampSource, not_video};
use super::options::NetworkStreamOptions;
use super::reconnect::{StreamReader, TimedFrame};
use crate::ffmpeg::{self, DecoderError, FrameConverter, MAX_FAILURES};
use crate::{CaptureError, Damage, ProducerFormat};

/// A stream that is being received and decoded, on the caller's thread.
pub(super) struct DecodingReader {
    connection: StreamConnection,
    decoder: decoder::Video,
    converter: FrameConverter,
    format: Option<ProducerFormat>,
    /// How the stream ended, once the decoder's last frames are out.
    end: Option<CaptureError>,
    read_timeout: Duration,
    /// Failures to decode since the last frame, and when that came.
    failures: u32,
    last_frame: Instant,
    has_frames: bool,
}

impl StreamReader for DecodingReader {
    type Frame = Frame;

    fn open(address: &Address, options: &NetworkStreamOptions) -> Result<Self, CaptureError> {
        let connection = StreamConnection::open(address, options)?;
        let stream = connection.stream()?;
        let rotation = ffmpeg::rotation(&stream);
        let decoding = options.decoding.clone().immediate(options.is_low_latency);
        let decoder =
            decoding.open(&stream).map_err(|error| without_decoder(address.origin(), error))?;
        let format = announced(&stream, &decoder, rotation, connection.clock());
        Ok(Self {
            decoder,
            converter: FrameConverter::new(rotation),
            format,
            end: None,
            read_timeout: options.read_timeout,
            failures: 0,
            last_frame: Instant::now(),
            has_frames: false,
            connection,
        })
    }

    fn clock(&self) -> TimestampSource {
        self.connection.clock()
    }

    fn damage(&self) -> Damage {
        self.connection.losses.damage()
    }

    fn next(&mut self) -> Result<TimedFrame<Frame>, CaptureError> {
        loop {
            let mut picture = frame::Video::empty();
            match self.decoder.receive_frame(&mut picture) {
                Ok(()) => return self.deliver(picture),
                Err(Error::Other { errno: EAGAIN }) => self.read()?,
                Err(Error::Eof) => return Err(self.ended()),
                Err(error) => self.skip(error)?,
            }
        }
    }
}

impl DecodingReader {
    /// Whether the sender waits when it is not read from.
    pub(super) fn can_wait(&self) -> bool {
        self.connection.has_end()
    }

    /// What the server says, which the frames need not keep to.
    pub(super) fn format(&self) -> Option<ProducerFormat> {
        self.format
    }

    /// Hands one packet of the video to the decoder.
    fn read(&mut self) -> Result<(), CaptureError> {
        match self.connection.next() {
            Ok(packet) => match self.decoder.send_packet(&packet) {
                Ok(()) => Ok(()),
                Err(error) => self.skip(error),
            },
            Err(end) => self.drain(end),
        }
    }

    /// What the decoder still has comes out, and then the end.
    fn drain(&mut self, end: CaptureError) -> Result<(), CaptureError> {
        self.decoder.send_eof().map_err(|_| end.clone())?;
        self.end = Some(end);
        Ok(())
    }

    /// Something that ends without a frame was none.
    fn ended(&mut self) -> CaptureError {
        self.connection.losses.at_drained();
        let end = self.end.take().unwrap_or(CaptureError::EndOfStream);
        let is_empty = !self.has_frames && end != CaptureError::Stopped;
        match self.connection.content_type().filter(|_| is_empty) {
            Some(kind) => not_video(self.connection.origin(), &kind),
            None if is_empty && end.is_end() => {
                let reason = "no frame came".to_owned();
                CaptureError::NotVideo { origin: self.connection.origin().to_owned(), reason }
            }
            None => end,
        }
    }

    /// Damage is to be expected where packets get lost, or as long as the decoder waits for a key
    /// frame, but not for ever.
    fn skip(&mut self, error: Error) -> Result<(), CaptureError> {
        self.connection.losses.undecodable();
        self.failures = self.failures.saturating_add(1);
        let is_late = self.last_frame.elapsed() > self.read_timeout.saturating_mul(2);
        let is_hopeless = is_late && self.failures > MAX_FAILURES;
        match error {
            Error::Other { errno: ENOMEM } => Err(self.cannot_decode(error)),
            _ if is_hopeless => Err(self.cannot_decode(error)),
            _ => Ok(()),
        }
    }

    fn deliver(&mut self, picture: frame::Video) -> Result<TimedFrame<Frame>, CaptureError> {
        self.connection.losses.picture(&picture);
        let timestamp = self.connection.clock().timestamp(picture.timestamp());
        let frame = self.converter.frame(picture).map_err(|error| self.cannot_decode(error))?;
        self.failures = 0;
        self.has_frames = true;
        self.last_frame = Instant::now();
        Ok(TimedFrame { frame, timestamp, waited: self.connection.take_waited() })
    }

    fn cannot_decode(&self, reason: impl ToString) -> CaptureError {
        let origin = self.connection.origin().to_owned();
        CaptureError::Decode { origin, reason: reason.to_string() }
    }
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

fn announced(
    stream: &Stream<'_>,
    decoder: &decoder::Video,
    rotation: Rotation,
    clock: TimestampSource,
) -> Option<ProducerFormat> {
    let (width, height) = ffmpeg::shown_size(decoder, rotation)?;
    Some(ProducerFormat::new(PixelFormat::I420, width, height).frame_rate(clock.frame_rate(stream)))
}
