//! Frames out of packets that come late, twice, in any order, or never.
//!
//! A frame is given out when it is whole and everything before it was. A packet that is missing is waited
//! for, since the engine asks the peer for it; when it does not come in time, all is dropped up to
//! the next key frame, because a decoder can make nothing of what builds on a lost frame.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{RtpPacket, begins_key_frame, depacketize};
use crate::VideoCodec;

/// How long a packet may be missing. Long enough for it to be asked for several times.
const RETRANSMIT_WAIT: Duration = Duration::from_millis(250);
/// Packets that may wait for a missing one: a second of 1080p at 20 Mbit/s.
const MAX_WAITING_PACKETS: usize = 2048;

/// A whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssembledFrame {
    /// The frame's time on the sender's clock; it wraps.
    pub timestamp: u32,
    /// Whether a decoder can begin here.
    pub key_frame: bool,
    /// Whether nothing is missing between this frame and the one before it.
    pub continuous: bool,
    /// When the first of its packets came.
    pub arrived: Instant,
    /// The frame: for VP8 as a decoder takes it, for H264 with start codes.
    pub data: Bytes,
}

/// Puts the frames of one stream together from packets that come late, twice, in any order, or never.
///
/// A frame is given out when it is whole and everything before it was. A missing packet is waited for
/// until the [deadline](Self::deadline); whoever receives asks the sender for it meanwhile. Has it not
/// come then, all is dropped up to the next key frame, since nothing can be made of what builds on a
/// lost frame. At most 2048 packets wait.
#[derive(Debug)]
pub struct FrameAssembler {
    codec: VideoCodec,
    /// Packets by their number, which is extended so that it never wraps.
    waiting: BTreeMap<u64, WaitingPacket>,
    highest: Option<u64>,
    /// The packet that comes next; `None` while a key frame is waited for.
    next: Option<u64>,
    missing_since: Option<Instant>,
    continuous: bool,
    lost_frames: u64,
    expected_packets: u64,
    missing_packets: u64,
    last_lost: Option<u32>,
}

#[derive(Debug)]
struct WaitingPacket {
    packet: RtpPacket,
    arrived: Instant,
}

impl FrameAssembler {
    /// For a stream of which nothing has come yet.
    pub fn new(codec: VideoCodec) -> Self {
        Self {
            codec,
            waiting: BTreeMap::new(),
            highest: None,
            next: None,
            missing_since: None,
            continuous: false,
            lost_frames: 0,
            expected_packets: 0,
            missing_packets: 0,
            last_lost: None,
        }
    }

    /// Frames that were dropped because a packet of theirs, or of one that they build on, was lost.
    pub fn lost_frames(&self) -> u64 {
        self.lost_frames
    }

    /// Packets that were sent as far as their numbers tell, and how many of them did not come in their turn.
    pub fn packets(&self) -> (u64, u64) {
        (self.expected_packets, self.missing_packets)
    }

    /// Whether nothing can be given out before the peer sends a key frame.
    pub fn wants_key_frame(&self) -> bool {
        self.next.is_none() && self.highest.is_some()
    }

    /// When [`FrameAssembler::give_up`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.missing_since.map(|since| since + RETRANSMIT_WAIT)
    }

    /// Takes a packet, and when it came.
    pub fn push(&mut self, packet: RtpPacket, arrived: Instant) {
        let number = self.number(packet.sequence_number);
        if self.next.is_some_and(|next| number < next) {
            return;
        }
        let begins = self.next.is_none() && begins_key_frame(self.codec, &packet.payload);
        self.waiting.insert(number, WaitingPacket { packet, arrived });
        if begins {
            self.start_at(number);
        }
        if self.waiting.len() > MAX_WAITING_PACKETS {
            self.drop_oldest();
        }
    }

    /// The next frame, if it is whole. To be called until there is none.
    pub fn next_frame(&mut self, now: Instant) -> Option<AssembledFrame> {
        self.pass_over_empty();
        let next = self.next?;
        let Some(end) = self.end_of_frame(next) else {
            // What has come is either the beginning of a frame or lies beyond something missing.
            let missing = self.waiting.len() as u64 != self.contiguous(next);
            self.missing_since = missing.then(|| self.missing_since.unwrap_or(now));
            return None;
        };
        self.missing_since = None;
        self.next = Some(end);
        let rest = self.waiting.split_off(&end);
        let packets = std::mem::replace(&mut self.waiting, rest);
        match self.assemble(packets.into_values()) {
            Some(frame) => {
                self.continuous = true;
                Some(frame)
            }
            None => {
                self.lose_all();
                None
            }
        }
    }

    /// Packets without anything in them belong to no frame: they are padding, or tell that the frame before
    /// them is whole.
    fn pass_over_empty(&mut self) {
        while let Some(next) = self.next
            && self.waiting.get(&next).is_some_and(|waiting| waiting.packet.payload.is_empty())
        {
            self.waiting.remove(&next);
            self.next = Some(next + 1);
        }
    }

    /// Waits no longer for what is missing.
    pub fn give_up(&mut self) {
        self.lose_all();
        let begins =
            |waiting: &WaitingPacket| begins_key_frame(self.codec, &waiting.packet.payload);
        let key = self.waiting.iter().find(|(_, waiting)| begins(waiting));
        if let Some((&number, _)) = key {
            self.start_at(number);
        }
    }

    fn start_at(&mut self, number: u64) {
        let rest = self.waiting.split_off(&number);
        let skipped = std::mem::replace(&mut self.waiting, rest);
        skipped.into_values().for_each(|lost| self.count_lost(lost.packet.timestamp));
        self.next = Some(number);
    }

    fn lose_all(&mut self) {
        self.next = None;
        self.missing_since = None;
        self.continuous = false;
    }

    fn drop_oldest(&mut self) {
        if self.next.is_some() {
            self.give_up();
        }
        while self.waiting.len() > MAX_WAITING_PACKETS {
            if let Some((_, lost)) = self.waiting.pop_first() {
                self.count_lost(lost.packet.timestamp);
            }
        }
    }

    fn count_lost(&mut self, timestamp: u32) {
        if self.last_lost != Some(timestamp) {
            self.last_lost = Some(timestamp);
            self.lost_frames += 1;
        }
    }

    /// The number after the last packet of the frame that begins at `next`, if all of it is there.
    fn end_of_frame(&self, next: u64) -> Option<u64> {
        let timestamp = self.waiting.get(&next)?.packet.timestamp;
        for (number, (&found, WaitingPacket { packet, .. })) in (next..).zip(&self.waiting) {
            if number != found {
                return None;
            }
            // A frame whose last packet has no marker ends where the next begins.
            if packet.timestamp != timestamp {
                return Some(number);
            }
            if packet.marker {
                return Some(number + 1);
            }
        }
        None
    }

    fn contiguous(&self, next: u64) -> u64 {
        (next..).zip(self.waiting.keys()).take_while(|(number, found)| number == *found).count()
            as u64
    }

    fn assemble(&self, packets: impl Iterator<Item = WaitingPacket>) -> Option<AssembledFrame> {
        let mut packets = packets.peekable();
        let first = packets.peek()?;
        let (timestamp, mut arrived) = (first.packet.timestamp, first.arrived);
        let (mut key_frame, mut frame) = (false, Vec::new());
        for WaitingPacket { packet, arrived: came } in packets {
            arrived = arrived.min(came);
            // What a bandwidth probe pads with is empty.
            if !packet.payload.is_empty() {
                key_frame |= begins_key_frame(self.codec, &packet.payload);
                depacketize(self.codec, &packet.payload, &mut frame)?;
            }
        }
        let (continuous, data) = (self.continuous, Bytes::from(frame));
        (!data.is_empty()).then_some(AssembledFrame {
            timestamp,
            key_frame,
            continuous,
            arrived,
            data,
        })
    }

    /// Extends a sequence number: the one of all that fit which is nearest to the highest so far.
    fn number(&mut self, sequence: u16) -> u64 {
        // Begins above zero, so that a packet from before the first one has a number too.
        let highest = *self.highest.get_or_insert(u64::from(sequence) + (1 << 16));
        let ahead = sequence.wrapping_sub(highest as u16).cast_signed();
        let number = highest.saturating_add_signed(i64::from(ahead));
        let news = number.saturating_sub(highest);
        self.expected_packets += news;
        self.missing_packets += news.saturating_sub(1);
        self.highest = Some(highest.max(number));
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: u8 = 0x00;
    const DELTA: u8 = 0x01;

    /// Frames of three packets each, the first a key frame.
    fn packets(first: u16, keys: &[usize], frames: usize) -> Vec<RtpPacket> {
        let mut packets = Vec::new();
        for frame in 0..frames {
            for part in 0..3 {
                let header = if keys.contains(&frame) { KEY } else { DELTA };
                let payload = match part {
                    0 => vec![0x10, header, frame as u8],
                    _ => vec![0x00, part as u8],
                };
                packets.push(RtpPacket {
                    sequence_number: first.wrapping_add((frame * 3 + part) as u16),
                    timestamp: (frame * 3000) as u32,
                    marker: part == 2,
                    payload: payload.into(),
                });
            }
        }
        packets
    }

    fn frames(
        assembler: &mut FrameAssembler,
        packets: impl IntoIterator<Item = RtpPacket>,
    ) -> Vec<u32> {
        let now = Instant::now();
        let mut frames = Vec::new();
        for packet in packets {
            assembler.push(packet, now);
            frames.extend(
                std::iter::from_fn(|| assembler.next_frame(now)).map(|f| f.timestamp / 3000),
            );
        }
        frames
    }

    #[test]
    fn frames_come_whole_and_in_order_across_the_wrap_of_the_numbers() {
        let mut assembler = FrameAssembler::new(VideoCodec::Vp8);
        let all = packets(65_530, &[0], 5);
        assert_eq!(frames(&mut assembler, all), [0, 1, 2, 3, 4]);
        assert_eq!(assembler.lost_frames(), 0);
        assert_eq!(assembler.deadline(), None);
    }

    #[test]
    fn late_and_repeated_packets_change_nothing() {
        let mut assembler = FrameAssembler::new(VideoCodec::Vp8);
        let mut all = packets(100, &[0], 4);
        all.swap(4, 7);
        all.insert(9, all[2].clone());
        assert_eq!(frames(&mut assembler, all), [0, 1, 2, 3]);
        assert_eq!(assembler.deadline(), None);
    }

    #[test]
    fn a_lost_packet_costs_the_frames_up_to_the_next_key_frame_and_breaks_continuity() {
        let mut assembler = FrameAssembler::new(VideoCodec::Vp8);
        let mut all = packets(1, &[0, 4], 6);
        all.remove(4);
        assert_eq!(frames(&mut assembler, all), [0]);
        assert!(assembler.deadline().is_some() && !assembler.wants_key_frame());
        assembler.give_up();
        let now = Instant::now();
        let rest: Vec<_> = std::iter::from_fn(|| assembler.next_frame(now)).collect();
        let seen: Vec<_> =
            rest.iter().map(|f| (f.timestamp / 3000, f.key_frame, f.continuous)).collect();
        assert_eq!(seen, [(4, true, false), (5, false, true)]);
        assert_eq!(assembler.lost_frames(), 3);
    }

    #[test]
    fn a_stream_that_begins_without_a_key_frame_wants_one() {
        let mut assembler = FrameAssembler::new(VideoCodec::Vp8);
        let all = packets(1, &[2], 4);
        assert!(frames(&mut assembler, all[..6].to_vec()).is_empty());
        assert!(assembler.wants_key_frame());
        assert_eq!(frames(&mut assembler, all[6..].to_vec()), [2, 3]);
        assert!(!assembler.wants_key_frame());
        assert_eq!(assembler.lost_frames(), 2);
    }

    #[test]
    fn what_waits_for_a_missing_packet_is_bounded() {
        let mut assembler = FrameAssembler::new(VideoCodec::Vp8);
        let mut all = packets(1, &[0], 3_000);
        all.remove(4);
        assert_eq!(frames(&mut assembler, all), [0]);
        assert!(assembler.waiting.len() <= MAX_WAITING_PACKETS);
        assert!(assembler.wants_key_frame());
    }

    #[test]
    fn a_frame_without_a_marker_ends_where_the_next_begins() {
        let mut assembler = FrameAssembler::new(VideoCodec::Vp8);
        let mut all = packets(1, &[0], 3);
        all[2].marker = false;
        assert_eq!(frames(&mut assembler, all), [0, 1, 2]);
    }

    #[test]
    fn padding_between_frames_costs_nothing_and_ends_a_frame_without_a_marker() {
        let mut assembler = FrameAssembler::new(VideoCodec::Vp8);
        let mut all = packets(1, &[0], 3);
        all[8].marker = false;
        let padding = |timestamp| RtpPacket {
            timestamp,
            marker: false,
            payload: Bytes::new(),
            ..all[0].clone()
        };
        let mut padded = all.clone();
        padded.insert(3, padding(0));
        padded.insert(4, padding(0));
        padded.push(padding(6001));
        for (sequence_number, packet) in (1..).zip(&mut padded) {
            packet.sequence_number = sequence_number;
        }
        assert_eq!(frames(&mut assembler, padded), [0, 1, 2]);
        assert_eq!((assembler.lost_frames(), assembler.deadline()), (0, None));
    }

    #[test]
    fn a_broken_payload_costs_its_frame_and_no_panic() {
        let mut assembler = FrameAssembler::new(VideoCodec::H264);
        let packet = |sequence_number, payload: &'static [u8]| RtpPacket {
            sequence_number,
            timestamp: u32::from(sequence_number),
            marker: true,
            payload: Bytes::from_static(payload),
        };
        let all = [packet(1, &[0x65, 1]), packet(2, &[24, 0xff, 0xff, 0]), packet(3, &[0x41, 1])];
        assert_eq!(frames(&mut assembler, all).len(), 1);
        assert!(assembler.wants_key_frame());
    }
}
