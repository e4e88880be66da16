//! Counting what of a video is missing or damaged, packet by packet and frame by frame.

use std::time::Duration;

use ffmpeg_next::codec::Id;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::frame::Video;
use ffmpeg_next::{Packet, Stream};

use super::promise::{Promise, has_failed, promise};
use crate::Damage;
use crate::rhythm::Rhythm;

/// The damage of one stream, from its first packet to its end.
pub(crate) struct Losses {
    damage: Damage,
    stream: usize,
    /// Seconds in a tick of the video's clock.
    tick: f64,
    rhythm: Rhythm,
    packets: u64,
    /// Whether each packet of the codec is a picture, and how many went into the decoder and have not come
    /// out of it, leading ones apart.
    is_picture_each: bool,
    owed: i64,
    /// When the newest packet is shown, and the first key frame.
    newest: Option<i64>,
    first_key: Option<i64>,
    has_key: bool,
    /// Whether that frame, or one behind it, has come out of the decoder.
    has_begun: bool,
    /// Where the video ends, and everything, in seconds.
    video_end: f64,
    end: f64,
}

impl Losses {
    pub(crate) fn new(stream: &Stream<'_>) -> Self {
        let tick = f64::from(stream.time_base());
        Self {
            damage: Damage::default(),
            stream: stream.index(),
            tick,
            rhythm: Rhythm::new(tick),
            packets: 0,
            is_picture_each: CODECS_WITH_ONE_PICTURE_PER_PACKET.contains(&stream.parameters().id()),
            owed: 0,
            newest: None,
            first_key: None,
            has_key: false,
            has_begun: false,
            video_end: 0.0,
            end: 0.0,
        }
    }

    pub(crate) fn damage(&self) -> Damage {
        self.damage
    }

    /// Takes note of a packet of any stream.
    pub(crate) fn packet(&mut self, input: &Input, packet: &Packet) {
        let is_video = packet.stream() == self.stream;
        let tick = match input.stream(packet.stream()) {
            Some(other) if !is_video => f64::from(other.time_base()),
            _ => self.tick,
        };
        let start = packet.pts().or(packet.dts());
        if let Some(start) = start {
            let end = start.saturating_add(packet.duration()) as f64 * tick;
            self.end = self.end.max(end);
            if is_video {
                self.video_end = self.video_end.max(end);
            }
        }
        if is_video {
            // A part of a playlist that cannot be had is left out without a mark.
            let may_have_holes = packet.is_corrupt() || input.format().name() == "hls";
            self.damage.missing_frames += self.rhythm.missing_before(packet.dts(), may_have_holes);
            self.video_packet(packet, start);
        }
    }

    fn video_packet(&mut self, packet: &Packet, start: Option<i64>) {
        self.packets += 1;
        self.damage.marked_packets += u64::from(packet.is_corrupt());
        self.newest = start;
        if packet.is_key() && !self.has_key {
            self.has_key = true;
            self.first_key = start;
        }
        if !self.is_leading(start) {
            self.owed += 1;
        }
    }

    /// Takes note that the newest packet, or one shortly before it, was not decoded.
    pub(crate) fn undecodable(&mut self) {
        match self.is_leading(self.newest) {
            true => self.damage.leading_packets += 1,
            false => {
                self.damage.undecodable_packets += 1;
                self.owed -= 1;
            }
        }
    }

    /// Takes note that something could not be read.
    pub(crate) fn unreadable(&mut self) {
        self.damage.undecodable_packets += 1;
    }

    /// Takes note of a picture that was decoded.
    pub(crate) fn picture(&mut self, picture: &Video) {
        if self.is_leading(picture.timestamp()) {
            return;
        }
        self.has_begun = true;
        let is_concealed = picture.is_corrupt() || picture.has_decode_errors();
        self.damage.concealed_frames += u64::from(is_concealed);
        self.owed -= 1;
        if self.owed > MAX_DECODER_DELAY {
            // Two packets a picture, as of interlaced video.
            self.is_picture_each &= self.damage != Damage::default();
        }
    }

    /// Counts what a decoder keeps back: pictures that build on some that it missed, up to the next key
    /// frame. It must have given all that it has.
    pub(crate) fn at_drained(&mut self) {
        let is_damaged = self.damage.is_loss() || self.damage.marked_packets > 0;
        if self.is_picture_each && is_damaged {
            self.damage.missing_frames += u64::try_from(self.owed).unwrap_or_default();
        }
        self.owed = 0;
    }

    /// What builds on frames of before the beginning, as some do that are shown before the first key
    /// frame, cannot be whole.
    fn is_leading(&self, shown: Option<i64>) -> bool {
        let is_before_key = shown.zip(self.first_key).is_some_and(|(shown, key)| shown < key);
        // Later on, the clock was set back.
        !self.has_key || is_before_key && !self.has_begun
    }

    /// Compares what came with what the container promised. There must be nothing left to read.
    pub(crate) fn at_end(&mut self, input: &Input) {
        if has_failed(input) {
            self.unreadable();
        }
        let stream = input.stream(self.stream);
        // A packet need not say how long it is shown.
        let last = 2.0 * self.rhythm.longest_step();
        let (ends_early, tolerance) = match stream.and_then(|stream| promise(input, &stream)) {
            Some(Promise::Packets(promised)) => {
                self.damage.missing_frames += promised.saturating_sub(self.packets);
                return;
            }
            Some(Promise::VideoUntil(promised)) => (promised - self.video_end, last + self.tick),
            Some(Promise::AnythingUntil(promised)) => {
                (promised - self.end, last + MAX_END_ERROR_SECONDS)
            }
            None => return,
        };
        if ends_early > tolerance {
            self.damage.missing_end = Duration::try_from_secs_f64(ends_early).unwrap_or_default();
        }
    }
}

/// Codecs of which every packet gives a picture, unless it is only one of two fields.
const CODECS_WITH_ONE_PICTURE_PER_PACKET: [Id; 3] = [Id::H264, Id::HEVC, Id::MPEG2VIDEO];
/// More pictures than a decoder holds back to bring them in order.
const MAX_DECODER_DELAY: i64 = 32;
/// In seconds: containers are not exact about their end.
const MAX_END_ERROR_SECONDS: f64 = 0.25;
