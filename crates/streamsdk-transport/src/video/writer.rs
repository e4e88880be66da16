//! How frames leave: cut into packets, which are spread over time where they are many.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use rtc::rtp;
use streamsdk_codec::VIDEO_CLOCK_RATE;
use streamsdk_codec::rtp::{Packetizer, RtpPacket};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::codec::Negotiated;
use super::fast_path::SealedBurst;
use super::send::random;
use super::{OutgoingTrack, VideoLink};
use crate::connection_state::ConnectionState;
use crate::error::EngineError;
use crate::runtime::tuning::RuntimeTuning;

/// Payload of a packet: with all headers it stays under every usual limit of a path.
const MAX_RTP_PAYLOAD: usize = 1150;
/// Packets that leave at once.
const MAX_BURST_PACKETS: usize = 12;
/// About what fits into them.
const MAX_BURST_BYTES: usize = MAX_BURST_PACKETS * MAX_RTP_PAYLOAD;
/// Share of the time to the next frame over which a frame's packets are spread.
const SPREAD_SHARE: f64 = 0.6;
const MAX_SPREAD: Duration = Duration::from_millis(50);
/// Bursts that are less than this apart leave together: each wait costs about as much as a burst. That is what the pacers of
/// browsers have, too.
const PACE: Duration = Duration::from_millis(5);
/// How often it is tried whether there is room for packets.
const ROOM_POLL: Duration = Duration::from_millis(1);

/// Sends the frames of one track.
pub(super) struct TrackWriter {
    track: Arc<TrackLocalStaticRTP>,
    link: VideoLink,
    payload_type: u8,
    ssrc: u32,
    packetizer: Mutex<Packetizer>,
    /// How much waits, or is amid being sent.
    waiting: AtomicUsize,
}

/// What leaves.
#[derive(Debug)]
pub(super) enum Outgoing {
    Frame {
        rtp_time: u32,
        data: Bytes,
    },
    /// Of a frame, what there was no room for.
    Rest(SealedBurst),
    EndOfFrames,
}

/// What waits, counted until it has left.
#[derive(Debug)]
pub(super) struct Waiting {
    outgoing: Outgoing,
    place: Place,
}

/// Of something that waits.
#[derive(Debug)]
struct Place(Weak<TrackWriter>);

impl Waiting {
    pub(super) fn new(writer: &Weak<TrackWriter>, outgoing: Outgoing) -> Self {
        if let Some(writer) = writer.upgrade() {
            writer.waiting.fetch_add(1, Ordering::AcqRel);
        }
        Self { outgoing, place: Place(Weak::clone(writer)) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(writer) = self.0.upgrade() {
            writer.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl TrackWriter {
    pub(super) fn new(
        track: &OutgoingTrack,
        negotiated: Negotiated,
        rtp_offset: u32,
        link: &VideoLink,
    ) -> Self {
        let packetizer = Packetizer::new(negotiated.codec, MAX_RTP_PAYLOAD);
        Self {
            track: Arc::clone(&track.engine),
            link: link.clone(),
            payload_type: negotiated.payload_type,
            ssrc: track.ssrc,
            packetizer: Mutex::new(packetizer.starting_at(random() as u16, rtp_offset)),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Sends a frame that is small, if nothing waits that is to leave before it. Returns what has to wait. For a task to
    /// do it, it would have to be woken, which costs half as much as sending.
    pub(super) fn send_at_once(&self, frame: Outgoing) -> Option<Outgoing> {
        let Outgoing::Frame { rtp_time, data } = &frame else { return Some(frame) };
        let mut packetizer = self.packetizer();
        if data.len() > MAX_BURST_BYTES || !self.is_free() {
            return Some(frame);
        }
        // There may be nothing in it.
        let mut burst = self.seal(&packetizer.packetize(*rtp_time, data))?;
        let is_sent = self.link.tuning.fast_path.send(&mut burst);
        (!is_sent).then_some(Outgoing::Rest(burst))
    }

    /// Whether the caller may send: nothing waits, which has its numbers before what comes now, the engine needs no
    /// packet any more, and the network takes them from any thread.
    fn is_free(&self) -> bool {
        let RuntimeTuning { fast_path, network, .. } = &*self.link.tuning;
        self.waiting.load(Ordering::Acquire) == 0
            && fast_path.is_taken()
            && network.is_open_to_all_threads()
    }

    /// Sends what has waited.
    async fn send(&self, outgoing: Outgoing, pacer: &mut Pacer) {
        match outgoing {
            Outgoing::Frame { rtp_time, data } => {
                let packets = self.packetizer().packetize(rtp_time, &data);
                self.send_spread(&packets, rtp_time, pacer).await;
            }
            Outgoing::Rest(burst) => self.send_when_there_is_room(burst).await,
            Outgoing::EndOfFrames => {
                let end = self.packetizer().end_of_frames();
                self.send_burst(&[end]).await;
            }
        }
    }

    async fn send_spread(&self, packets: &[RtpPacket], rtp_time: u32, pacer: &mut Pacer) {
        let started = Instant::now();
        let spread = pacer.spread(rtp_time, started);
        let bursts = packets.chunks(MAX_BURST_PACKETS);
        let departures = departures(bursts.len() as u32, spread);
        for (burst, departure) in bursts.zip(departures) {
            // A timer takes up to a millisecond even if it is over already.
            if started.elapsed() < departure {
                sleep_until(started + departure).await;
            }
            self.send_burst(burst).await;
        }
    }

    async fn send_burst(&self, burst: &[RtpPacket]) {
        if let Some(sealed) = self.seal(burst) {
            return self.send_when_there_is_room(sealed).await;
        }
        let packets = burst.iter().map(|packet| self.with_header(packet.clone()));
        if let Err(error) = self.link.burst_queue.send(&*self.track, packets).await {
            tracing::debug!(error = %EngineError::from(error), "packets were not sent");
        }
    }

    async fn send_when_there_is_room(&self, mut burst: SealedBurst) {
        while !self.link.tuning.fast_path.send(&mut burst) {
            sleep(ROOM_POLL).await;
        }
    }

    /// The packets as they leave around the engine; `None` if it has to send them.
    fn seal(&self, burst: &[RtpPacket]) -> Option<SealedBurst> {
        let VideoLink { tuning, feedback, .. } = &self.link;
        let sealed = tuning.fast_path.seal(burst, tuning.clock.now())?;
        let bytes = burst.iter().map(|packet| packet.payload.len() as u64).sum();
        feedback.count_sent(burst.len() as u64, bytes);
        Some(sealed)
    }

    fn with_header(&self, packet: RtpPacket) -> rtp::Packet {
        let header = rtp::header::Header {
            version: 2,
            marker: packet.marker,
            payload_type: self.payload_type,
            sequence_number: packet.sequence_number,
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
            ..rtp::header::Header::default()
        };
        rtp::Packet { header, payload: packet.payload }
    }

    fn packetizer(&self) -> MutexGuard<'_, Packetizer> {
        self.packetizer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends what waits, until nobody can send any more or the connection is over.
pub(super) async fn send_frames(
    writer: Arc<TrackWriter>,
    mut queue: mpsc::Receiver<Waiting>,
    connection_state: ConnectionState,
) {
    let mut pacer = Pacer::default();
    let sending = async {
        while let Some(Waiting { outgoing, place }) = queue.recv().await {
            writer.send(outgoing, &mut pacer).await;
            drop(place);
        }
    };
    tokio::select! {
        biased;
        () = sending => {}
        _ = connection_state.ended() => {}
    }
}

/// Over how long a frame may be spread.
#[derive(Debug, Default)]
struct Pacer {
    last: Option<(u32, Instant)>,
}

impl Pacer {
    fn spread(&mut self, rtp_time: u32, now: Instant) -> Duration {
        let Some((last_time, last)) = self.last.replace((rtp_time, now)) else {
            return MAX_SPREAD / 2;
        };
        let ticks = rtp_time.wrapping_sub(last_time);
        let interval = Duration::from_secs_f64(f64::from(ticks) / f64::from(VIDEO_CLOCK_RATE));
        // A frame that is late already is not held up.
        let late = now.saturating_duration_since(last).saturating_sub(interval);
        interval.mul_f64(SPREAD_SHARE).min(MAX_SPREAD).saturating_sub(late)
    }
}

/// After how long each of so many bursts leaves that are spread over that time.
fn departures(bursts: u32, spread: Duration) -> impl Iterator<Item = Duration> {
    (0..bursts).scan(Duration::ZERO, move |last, number| {
        let due = spread * number / bursts;
        if due >= *last + PACE {
            *last = due;
        }
        Some(*last)
    })
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind, IoSliceMut};
    use std::net::SocketAddr;

    use rtc::crypto::{AeadAlgorithm, default_provider};
    use streamsdk_codec::VideoCodec;
    use tokio::io::Interest;
    use webrtc::runtime::{RecvMeta, Transmit};

    use super::*;
    use crate::EndReason;
    use crate::runtime::interfaces::PeerFilter;
    use crate::runtime::raw_udp_socket::RawUdpSocket;
    use crate::runtime::{Datagrams, Fragments, Readiness, Route};

    #[tokio::test(start_paused = true)]
    async fn frames_are_spread_over_part_of_their_interval_unless_they_are_late() {
        let mut pacer = Pacer::default();
        let start = Instant::now();
        pacer.spread(0, start);
        let spread = pacer.spread(3000, start + Duration::from_millis(33));
        assert!((19..=20).contains(&spread.as_millis()), "{spread:?}");
        assert_eq!(pacer.spread(93_000, start + Duration::from_millis(1033)), MAX_SPREAD);
        assert_eq!(pacer.spread(96_000, start + Duration::from_millis(1133)), Duration::ZERO);
    }

    #[test]
    fn bursts_that_are_close_leave_together() {
        let departures = |bursts, spread| -> Vec<_> {
            let spread = Duration::from_millis(spread);
            super::departures(bursts, spread).map(|departure| departure.as_millis()).collect()
        };
        assert_eq!(departures(7, 21), [0, 0, 6, 6, 12, 12, 18]);
        assert_eq!(departures(2, 20), [0, 10]);
        assert_eq!(departures(3, 0), [0; 3]);
        assert!(departures(0, 20).is_empty());
    }

    /// A socket that has room for so many packets, and keeps them.
    #[derive(Debug, Clone, Default)]
    struct Narrow {
        room: Arc<AtomicUsize>,
        sent: Arc<Mutex<Vec<Vec<u8>>>>,
    }

    impl Narrow {
        /// The numbers of the packets that it has sent.
        fn sent(&self) -> Vec<u16> {
            let number = |packet: &Vec<u8>| u16::from_be_bytes([packet[2], packet[3]]);
            self.sent.lock().unwrap().iter().map(number).collect()
        }
    }

    impl Datagrams for Narrow {
        fn local_addr(&self) -> io::Result<SocketAddr> {
            Ok(SocketAddr::from(([127, 0, 0, 1], 1)))
        }

        fn allow(&self, _: Fragments) -> io::Result<()> {
            Ok(())
        }

        fn known_route(&self, _: SocketAddr) -> Option<Route> {
            None
        }

        fn gro_segments(&self) -> usize {
            1
        }

        fn max_gso_segments(&self) -> usize {
            1
        }

        fn send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
            let take = |room: usize| room.checked_sub(1);
            self.room
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
                .map_err(|_| io::Error::from(ErrorKind::WouldBlock))?;
            self.sent.lock().unwrap().push(transmit.contents.to_vec());
            Ok(())
        }

        fn receive(&self, _: &mut [IoSliceMut<'_>], _: &mut [RecvMeta]) -> io::Result<usize> {
            Err(ErrorKind::WouldBlock.into())
        }

        fn events(&self, _: Interest) -> io::Result<Readiness> {
            Err(ErrorKind::Unsupported.into())
        }
    }

    /// A writer whose next packet leaves around the engine, and that packet's number.
    fn writer(socket: &Arc<RawUdpSocket>) -> (TrackWriter, u16) {
        let link = VideoLink::new(&Arc::default());
        let fast_path = &link.tuning.fast_path;
        let track = OutgoingTrack::new(VideoCodec::Vp8, fast_path);
        let negotiated = Negotiated { codec: VideoCodec::Vp8, payload_type: 96 };
        let writer = TrackWriter::new(&track, negotiated, 0, &link);

        let last = writer.packetizer().end_of_frames().sequence_number;
        let [high, low] = last.to_be_bytes();
        let header = [&[0x80, 96, high, low, 0, 0, 0, 0], &track.ssrc.to_be_bytes()[..]].concat();
        let provider = default_provider().unwrap();
        let cipher = provider.crypto().new_aead(AeadAlgorithm::Aes128Gcm, &[7; 16]).unwrap();
        fast_path.on_seal(&[1; 12], &header, &mut Some(cipher));
        let destination = SocketAddr::from(([127, 0, 0, 1], 2));
        let transmit = Transmit {
            destination,
            ecn: None,
            contents: &header,
            segment_size: None,
            src_ip: None,
        };
        fast_path.on_send(socket, &transmit);
        (writer, last.wrapping_add(1))
    }

    #[tokio::test(start_paused = true)]
    async fn packets_wait_for_room_and_those_of_later_frames_leave_behind_them() {
        let narrow = Narrow::default();
        let datagrams = Box::new(narrow.clone());
        let socket = Arc::new(RawUdpSocket::new(datagrams, PeerFilter::default()).unwrap());
        let (writer, first) = writer(&socket);
        let writer = Arc::new(writer);
        let (queue, waiting) = mpsc::channel(8);
        let state = ConnectionState::new();
        let task = tokio::spawn(send_frames(Arc::clone(&writer), waiting, state.clone()));
        // A frame of three packets.
        let frame = || Outgoing::Frame { rtp_time: 0, data: vec![0; 3000].into() };
        let queued = async |outgoing| {
            queue.send(Waiting::new(&Arc::downgrade(&writer), outgoing)).await.unwrap();
        };
        let sent = async |count: u16| {
            let numbers: Vec<_> = (0..count).map(|number| first.wrapping_add(number)).collect();
            while narrow.sent().len() < numbers.len() || writer.waiting.load(Ordering::Acquire) > 0
            {
                sleep(ROOM_POLL).await;
            }
            assert_eq!(narrow.sent(), numbers);
        };

        // The first burst by way of the task, as the engine may have to send it.
        narrow.room.store(3, Ordering::Release);
        queued(writer.send_at_once(frame()).unwrap()).await;
        sent(3).await;
        // One that finds room for one of its packets, and one that comes while it waits.
        narrow.room.store(1, Ordering::Release);
        let rest = writer.send_at_once(frame()).unwrap();
        assert!(matches!(rest, Outgoing::Rest(_)), "{rest:?}");
        queued(rest).await;
        let later = writer.send_at_once(frame()).unwrap();
        assert!(matches!(later, Outgoing::Frame { .. }), "{later:?}");
        queued(later).await;
        sleep(ROOM_POLL * 10).await;
        assert_eq!(narrow.sent().len(), 4, "there is no room");
        narrow.room.store(6, Ordering::Release);
        sent(9).await;
        // Nothing waits: it leaves by itself.
        narrow.room.store(3, Ordering::Release);
        assert!(writer.send_at_once(frame()).is_none());
        sent(12).await;

        state.end(EndReason::ClosedHere);
        task.await.unwrap();
    }
}
