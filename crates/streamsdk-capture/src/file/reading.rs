//! Reading a file once, from its beginning to its end.

use std::path::{Path, PathBuf};

use ffmpeg_next::error::{EAGAIN, ENOMEM};
use ffmpeg_next::{Packet, decoder, frame};
use streamsdk_media::{Frame, Timestamp};

use super::{VideoFileError, VideoInfo, open};
use crate::Damage;
use crate::ffmpeg::{
    self, DecoderError, DecoderOptions, FrameConverter, Losses, MAX_FAILURES, OpenInput,
};

/// A file that is being decoded.
pub(super) struct FileReader {
    path: PathBuf,
    input: OpenInput,
    stream: usize,
    decoder: decoder::Video,
    info: VideoInfo,
    converter: FrameConverter,
    losses: Losses,
    progress: ReadStage,
    /// The timestamp of a frame that comes without one.
    next_pts: i64,
    delivered: u64,
    /// Failures to read or decode since something last worked.
    failures: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadStage {
    Reading,
    /// The file is at its end; the decoder still has frames.
    Draining,
    Ended,
}

impl FileReader {
    pub(super) fn open(path: &Path, decoding: &DecoderOptions) -> Result<Self, VideoFileError> {
        streamsdk_media::ffmpeg::init();
        let input = open::open(path, decoding)?;
        let stream = ffmpeg::video(&input)
            .ok_or_else(|| VideoFileError::NoVideoStream { path: path.to_owned() })?;
        let decoder = decoding.open(&stream).map_err(|error| without_decoder(path, error))?;
        let info = VideoInfo::read(&input, &stream, &decoder)
            .ok_or_else(|| VideoFileError::open(path, "the video has no size or no time base"))?;
        let (losses, stream) = (Losses::new(&stream), stream.index());
        Ok(Self {
            path: path.to_owned(),
            converter: FrameConverter::new(info.rotation),
            input,
            stream,
            decoder,
            info,
            losses,
            progress: ReadStage::Reading,
            next_pts: 0,
            delivered: 0,
            failures: 0,
        })
    }

    pub(super) fn info(&self) -> &VideoInfo {
        &self.info
    }

    pub(super) fn damage(&self) -> Damage {
        self.losses.damage()
    }

    /// As [`VideoFile::next_frame`](super::VideoFile::next_frame) of a file that is read once.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame>, VideoFileError> {
        let next = self.decode_next();
        if !matches!(next, Ok(Some(_))) {
            self.progress = ReadStage::Ended;
        }
        next
    }

    fn decode_next(&mut self) -> Result<Option<Frame>, VideoFileError> {
        while self.progress != ReadStage::Ended {
            let mut picture = frame::Video::empty();
            match self.decoder.receive_frame(&mut picture) {
                Ok(()) => return self.deliver(picture).map(Some),
                Err(ffmpeg_next::Error::Eof) => return self.end(),
                Err(ffmpeg_next::Error::Other { errno: EAGAIN }) => match self.progress {
                    ReadStage::Reading => self.read()?,
                    _ => return self.end(),
                },
                Err(error) => self.skip(error, Losses::undecodable)?,
            }
            if self.failures > MAX_FAILURES {
                self.drain()?;
            }
        }
        Ok(None)
    }

    /// Hands one packet to the decoder. One that is marked as damaged need not be.
    fn read(&mut self) -> Result<(), VideoFileError> {
        let mut packet = Packet::empty();
        match packet.read(&mut self.input) {
            Ok(()) => self.failures = 0,
            Err(ffmpeg_next::Error::Eof) => {
                self.losses.at_end(&self.input);
                return self.drain();
            }
            Err(error) => return self.skip(error, Losses::unreadable),
        }
        self.losses.packet(&self.input, &packet);
        // The decoder would take an empty packet for the end.
        if packet.stream() != self.stream || packet.size() == 0 {
            return Ok(());
        }
        match self.decoder.send_packet(&packet) {
            Ok(()) => Ok(()),
            Err(error) => self.skip(error, Losses::undecodable),
        }
    }

    /// Counts what is damaged; lack of memory is no damage.
    fn skip(
        &mut self,
        error: ffmpeg_next::Error,
        count: fn(&mut Losses),
    ) -> Result<(), VideoFileError> {
        if error == (ffmpeg_next::Error::Other { errno: ENOMEM }) {
            return Err(self.failed(error));
        }
        count(&mut self.losses);
        self.failures += 1;
        Ok(())
    }

    fn drain(&mut self) -> Result<(), VideoFileError> {
        if self.progress != ReadStage::Reading {
            // Even without the rest of the frames there is nothing left to wait for.
            self.progress = ReadStage::Ended;
            return self.end().map(drop);
        }
        self.progress = ReadStage::Draining;
        self.failures = 0;
        self.decoder.send_eof().map_err(|error| self.failed(error))
    }

    fn end(&mut self) -> Result<Option<Frame>, VideoFileError> {
        self.losses.at_drained();
        if self.delivered > 0 {
            return Ok(None);
        }
        Err(VideoFileError::NothingDecoded {
            path: self.path.clone(),
            skipped_packets: skipped_packets(&self.damage()),
        })
    }

    fn deliver(&mut self, picture: frame::Video) -> Result<Frame, VideoFileError> {
        self.losses.picture(&picture);
        let pts = picture.timestamp().unwrap_or(self.next_pts);
        self.next_pts = pts.saturating_add(self.info.ticks_per_frame());
        let frame = self.converter.frame(picture).map_err(|reason| self.failed(reason))?;
        self.failures = 0;
        self.delivered += 1;
        Ok(frame.at(Timestamp::new(pts, self.info.time_base)))
    }

    fn failed(&self, reason: impl ToString) -> VideoFileError {
        VideoFileError::Decode { path: self.path.clone(), reason: reason.to_string() }
    }
}

/// Packets that gave no frame.
pub(super) fn skipped_packets(damage: &Damage) -> u64 {
    damage.leading_packets.saturating_add(damage.undecodable_packets)
}

fn without_decoder(path: &Path, error: DecoderError) -> VideoFileError {
    match error {
        DecoderError::UnknownCodec(codec) => {
            VideoFileError::UnknownCodec { path: path.to_owned(), codec: codec.to_owned() }
        }
        DecoderError::Failed(error) => VideoFileError::open(path, error),
    }
}
