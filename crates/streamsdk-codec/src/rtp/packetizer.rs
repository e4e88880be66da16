//! Frames cut into packets.

use bytes::Bytes;

use super::RtpPacket;
use crate::{VideoCodec, h264, vp8};

/// Cuts the frames of one stream into RTP packets.
#[derive(Debug)]
pub struct Packetizer {
    payloader: Payloader,
    max_payload: usize,
    /// The number of the next packet.
    sequence_number: u16,
    /// What is added to every frame's time.
    offset: u32,
    /// The time of the newest frame.
    newest: u32,
}

#[derive(Debug)]
enum Payloader {
    Vp8,
    H264(h264::rtp::Payloader),
}

impl Packetizer {
    /// For frames of that codec, in payloads of at most `max_payload` bytes. Below 3 bytes a payload may
    /// be larger: there is no smaller one.
    ///
    /// Numbers and times begin at 0.
    pub fn new(codec: VideoCodec, max_payload: usize) -> Self {
        let payloader = match codec {
            VideoCodec::Vp8 => Payloader::Vp8,
            VideoCodec::H264 => Payloader::H264(h264::rtp::Payloader::default()),
        };
        Self { payloader, max_payload, sequence_number: 0, offset: 0, newest: 0 }
    }

    /// The number of the first packet, and what is added to every frame's time. RTP wants both to be
    /// random. Default is 0 for both.
    #[must_use]
    pub fn starting_at(self, sequence_number: u16, timestamp: u32) -> Self {
        Self { sequence_number, offset: timestamp, ..self }
    }

    /// The packets of a frame: for VP8 as an encoder gives it, for H264 with start codes. Of what is no
    /// frame there are none. H264 parameter sets go with the next picture.
    ///
    /// `rtp_time` is the frame's time in ticks of [`VIDEO_CLOCK_RATE`](crate::VIDEO_CLOCK_RATE).
    pub fn packetize(&mut self, rtp_time: u32, frame: &Bytes) -> Vec<RtpPacket> {
        let payloads = match &mut self.payloader {
            Payloader::Vp8 => vp8::payloads(self.max_payload, frame),
            Payloader::H264(payloader) => payloader.payloads(self.max_payload, frame),
        };
        self.newest = rtp_time;
        let last = payloads.len().saturating_sub(1);
        let packet = |(index, payload)| self.packet(rtp_time, index == last, payload);
        payloads.into_iter().enumerate().map(packet).collect()
    }

    /// A packet without anything in it, of another time than the newest frame. Receivers that know a
    /// frame to be whole only when something of another time follows it need it after the last one.
    pub fn end_of_frames(&mut self) -> RtpPacket {
        self.packet(self.newest.wrapping_add(1), false, Bytes::new())
    }

    fn packet(&mut self, rtp_time: u32, marker: bool, payload: Bytes) -> RtpPacket {
        let sequence_number = self.sequence_number;
        self.sequence_number = sequence_number.wrapping_add(1);
        RtpPacket {
            sequence_number,
            timestamp: rtp_time.wrapping_add(self.offset),
            marker,
            payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_packet_of_a_frame_is_marked_and_numbers_go_on() {
        let mut packetizer = Packetizer::new(VideoCodec::Vp8, 1150).starting_at(u16::MAX, u32::MAX);
        let packets = packetizer.packetize(3000, &vec![0; 2300].into());
        let seen: Vec<_> = packets.iter().map(|p| (p.sequence_number, p.marker)).collect();
        assert_eq!(seen, [(u16::MAX, false), (0, false), (1, true)]);
        assert!(packets.iter().all(|packet| packet.timestamp == 2999));
        let end = packetizer.end_of_frames();
        assert!(end.payload.is_empty() && !end.marker);
        assert_eq!((end.sequence_number, end.timestamp), (2, 3000));
    }
}
