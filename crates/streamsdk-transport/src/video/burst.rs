//! Packets that leave together.
//!
//! For each packet that it is given the engine looks up all about the track, does a round of all its work
//! and a system call. So packets go around it: those of a burst wait here, one of them is given to the
//! engine, and where that one comes into the chain of interceptors, all that wait take its place. They
//! leave in one round and one system call.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtp;
use rtc::sansio::Protocol;
use webrtc::media_stream::track_local::TrackLocal;

use super::send_time::SendTimeStamp;
use crate::runtime::tuning::RuntimeTuning;

/// More than ever wait for an engine that takes what it is given: it has place for 256.
const MAX_WAITING_PACKETS: usize = 4096;

/// The packets that wait for the one that was given to the engine.
#[derive(Debug)]
pub(super) struct BurstQueue {
    tuning: Arc<RuntimeTuning>,
    waiting: Mutex<VecDeque<rtp::Packet>>,
}

impl BurstQueue {
    pub(super) fn new(tuning: Arc<RuntimeTuning>) -> Self {
        Self { tuning, waiting: Mutex::default() }
    }

    /// Sends the packets, in their order, on the track that they are made for.
    pub(super) async fn send(
        &self,
        track: &impl TrackLocal,
        burst: impl Iterator<Item = rtp::Packet>,
    ) -> webrtc::error::Result<()> {
        let Some(trigger) = self.enqueue(burst) else { return Ok(()) };
        // When the engine does not take it, nothing that waits for it leaves.
        track.write_rtp(trigger).await.inspect_err(|_| self.waiting().clear())
    }

    /// Returns the packet to be given to the engine.
    pub(super) fn enqueue(&self, burst: impl Iterator<Item = rtp::Packet>) -> Option<rtp::Packet> {
        let mut waiting = self.waiting();
        if waiting.len() >= MAX_WAITING_PACKETS {
            // The engine refuses the track's packets, and says so in its log only.
            waiting.clear();
        }
        waiting.extend(burst);
        self.tuning.set_gso_hint(longest_run(waiting.iter().map(|packet| packet.payload.len())));
        waiting.front().cloned()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<rtp::Packet>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many packets one after the other can leave with one system call: all are of one length but the last, which may be
/// shorter.
fn longest_run(lengths: impl Iterator<Item = usize>) -> usize {
    // The most that the next packet may have to belong to the run, if any may.
    let (mut longest, mut run, mut most) = (0, 0, None);
    for length in lengths {
        (run, most) = match most {
            Some(most) if length <= most => (run + 1, (length == most).then_some(most)),
            _ => (1, Some(length)),
        };
        longest = longest.max(run);
    }
    longest
}

/// Where packets that went around the engine come into its chain, and are stamped with the time.
pub(super) struct BurstInjector {
    burst_queue: Arc<BurstQueue>,
    send_time: SendTimeStamp,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl BurstInjector {
    pub(super) fn new(burst_queue: Arc<BurstQueue>) -> Self {
        let (reads, writes) = (VecDeque::new(), VecDeque::new());
        Self { burst_queue, send_time: SendTimeStamp::default(), reads, writes }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for BurstInjector {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = rtc::shared::error::Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Self::Error> {
        self.reads.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<Self::Rout> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Self::Error> {
        let TaggedPacket { now, transport, .. } = packet;
        if let Packet::Rtp(_) = packet.message.packet {
            let injected = |mut packet: rtp::Packet| {
                self.send_time.stamp(&mut packet.header);
                TaggedPacket { now, transport, message: Packet::Rtp(packet).into() }
            };
            self.writes.extend(self.burst_queue.waiting().drain(..).map(injected));
        } else {
            self.writes.push_back(packet);
        }
        Ok(())
    }

    fn poll_write(&mut self) -> Option<Self::Wout> {
        self.writes.pop_front()
    }
}

impl Interceptor for BurstInjector {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.send_time.bind(info);
    }

    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}

    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use rtc::shared::TransportContext;

    use super::*;
    use crate::VideoCodec;
    use crate::video::{FastPath, OutgoingTrack};

    fn packet(sequence_number: u16) -> rtp::Packet {
        let header = rtp::header::Header { sequence_number, ..rtp::header::Header::default() };
        rtp::Packet { header, ..rtp::Packet::default() }
    }

    fn tagged(packet: Packet) -> TaggedPacket {
        let transport = TransportContext::default();
        TaggedPacket { now: Instant::now(), transport, message: packet.into() }
    }

    /// What comes out, by sequence number; 0 for RTCP.
    fn left(injector: &mut BurstInjector) -> Vec<u16> {
        let number = |packet: TaggedPacket| match packet.message.packet {
            Packet::Rtp(packet) => packet.header.sequence_number,
            _ => 0,
        };
        std::iter::from_fn(|| injector.poll_write()).map(number).collect()
    }

    #[test]
    fn all_that_wait_leave_in_place_of_one_and_nothing_leaves_twice() {
        let burst_queue = Arc::new(BurstQueue::new(Arc::default()));
        let mut injector = BurstInjector::new(Arc::clone(&burst_queue));
        let mut fire = |trigger| {
            injector.handle_write(tagged(trigger)).unwrap();
            left(&mut injector)
        };
        burst_queue.waiting().extend([7, 8, 9].map(packet));
        assert_eq!(fire(Packet::Rtcp(Vec::new())), [0]);
        assert_eq!(fire(Packet::Rtp(packet(7))), [7, 8, 9]);
        assert_eq!(fire(Packet::Rtp(packet(7))), [0_u16; 0]);
    }

    #[test]
    fn packets_are_alike_up_to_a_shorter_one() {
        for (lengths, run) in [
            (&[][..], 0),
            (&[70], 1),
            (&[70, 1186, 1186, 112], 3),
            (&[1186, 1186, 592], 3),
            (&[1186, 592, 592], 2),
            (&[1186, 700, 1186, 1186, 1186, 500], 4),
            (&[3, 2, 1], 2),
        ] {
            assert_eq!(longest_run(lengths.iter().copied()), run, "{lengths:?}");
        }
    }

    #[tokio::test]
    async fn what_the_engine_does_not_take_is_not_sent_later() {
        let burst_queue = BurstQueue::new(Arc::default());
        let unbound = OutgoingTrack::new(VideoCodec::Vp8, &FastPath::default()).engine;
        burst_queue.send(&*unbound, [7, 8].map(packet).into_iter()).await.unwrap_err();
        assert!(burst_queue.waiting().is_empty());
    }

    #[test]
    fn what_the_engine_refuses_does_not_pile_up() {
        let burst_queue = BurstQueue::new(Arc::default());
        let enqueue = |numbers: std::ops::Range<u16>| burst_queue.enqueue(numbers.map(packet));
        enqueue(0..MAX_WAITING_PACKETS as u16 - 1);
        enqueue(1..3);
        assert_eq!(burst_queue.waiting().len(), MAX_WAITING_PACKETS + 1);
        assert_eq!(enqueue(7..9).map(|trigger| trigger.header.sequence_number), Some(7));
        assert_eq!(burst_queue.waiting().len(), 2);
    }
}
