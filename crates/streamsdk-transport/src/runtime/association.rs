//! An association of SCTP that stands a round trip sooner.
//!
//! Who is asked for an association (INIT) answers with a cookie (INIT ACK) and waits until that is shown (COOKIE ECHO), for
//! whoever asks could have made its address up (RFC 9260, 5.1). Here DTLS has shown before who it is. So the engine that
//! is asked is given the echo of its cookie at once, and what this side has to say leaves right behind the answer. This is
//! done between two of this kind.
//!
//! All of this is encrypted, and so it is looked at where the engine encrypts and decrypts ([`super::crypto`]). The
//! echo is handed to the engine as a record that nobody has encrypted, and known by a tag that nobody else has seen. Its
//! number is that of the peer's next record: this is the peer's own echo, or INIT once more, and the engine takes either
//! for a repetition. A peer that closes within that round trip is not heard either, and is noticed by its silence.
//!
//! An answer that is lost leaves again when the peer repeats its question, and ahead of what leaves later, for as long as
//! the peer has not shown that it has it. The engine is not asked twice: it would make another association of that. And
//! the side that has asked sees no data before the answer: its engine would take it for old, or for what it is not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rtc::crypto::{constant_time_eq, default_provider};
use tokio::time::Instant;
use tracing::debug;

use super::gaps::encrypted_record;
use super::handed_over::{HandedOver, Way};
use super::raw_udp_socket::RawUdpSocket;

/// An answer does not leave again sooner than that ahead of something else.
const MIN_INTERVAL: Duration = Duration::from_millis(50);

const RECORD_HEADER: usize = 13;
/// Of AES-GCM, before what is encrypted and behind it.
const EXPLICIT_NONCE: usize = 8;
const TAG: usize = 16;

const DATA: u8 = 0;
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const COOKIE_ECHO: u8 = 10;
const STATE_COOKIE: [u8; 2] = [0, 7];
const COMMON_HEADER: usize = 12;
const CHUNK_HEADER: usize = 4;
/// What an INIT ACK says before its parameters, its own header included.
const INIT_ACK_HEADER: usize = 20;

/// The association of a connection, on either side. Does nothing before it is known that the peer is of this kind.
#[derive(Debug, Default)]
pub(crate) struct Association {
    is_watched: AtomicBool,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
enum Progress {
    /// Everything is left to the engine.
    #[default]
    Usual,
    /// The peer is to ask.
    Awaited,
    Asked(Question),
    /// The engine has answered in the record of that number, which has not left yet.
    Answering {
        question: Question,
        answer: u64,
        echo: Echo,
    },
    Answered(Answered),
    /// This side asks.
    Asking,
}

/// The peer's INIT.
#[derive(Debug, Clone, Copy)]
struct Question {
    /// The number of the peer's next record.
    next: u64,
    /// Bytes that one has which asks once more.
    packet: usize,
}

/// The echo of the engine's own cookie, as a record with a tag that only this side knows.
#[derive(Debug)]
struct Echo {
    record: Vec<u8>,
    tag: [u8; TAG],
}

/// An answer that has left.
#[derive(Debug)]
struct Answered {
    question: Question,
    tag: [u8; TAG],
    answer: Vec<u8>,
    socket: Arc<RawUdpSocket>,
    way: Way,
    left: Instant,
}

impl Association {
    /// The peer, which is of this kind, will ask for it.
    pub(crate) fn await_init(&self) {
        self.begin(Progress::Awaited);
    }

    /// This side will ask for it, and the peer is of this kind.
    pub(crate) fn await_init_ack(&self) {
        self.begin(Progress::Asking);
    }

    /// Whether there is something to be looked at.
    pub(super) fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::Relaxed)
    }

    /// Looks at a packet that leaves in the record of that number.
    pub(super) fn on_seal(&self, number: u64, packet: &[u8]) {
        let mut progress = self.progress();
        let (Progress::Asked(question), Some(INIT_ACK)) = (&*progress, first_chunk(packet)) else {
            return;
        };
        match Echo::of(packet, question.next) {
            Some(echo) => {
                *progress = Progress::Answering { question: *question, answer: number, echo };
            }
            None => self.end(&mut progress),
        }
    }

    /// Looks at a packet that the peer has sent in the record of that number; whether the engine is to have it.
    pub(super) fn on_open(&self, number: u64, packet: &[u8]) -> bool {
        let mut progress = self.progress();
        match (&mut *progress, first_chunk(packet)) {
            (Progress::Awaited, Some(INIT)) => {
                let packet = RECORD_HEADER + EXPLICIT_NONCE + packet.len() + TAG;
                *progress = Progress::Asked(Question { next: number.saturating_add(1), packet });
            }
            (Progress::Asked(_), Some(INIT)) => return false,
            (Progress::Answered(answered), Some(INIT)) => {
                answered.leave_again();
                return false;
            }
            (Progress::Asking, Some(DATA)) => return false,
            (Progress::Asking, chunk) if chunk != Some(INIT_ACK) => {}
            _ => self.end(&mut progress),
        }
        true
    }

    /// Whether a record is the echo that the engine was handed.
    pub(super) fn is_echo(&self, number: u64, tag: &[u8]) -> bool {
        matches!(&*self.progress(), Progress::Answered(answered)
            if answered.question.next == number && constant_time_eq(&answered.tag, tag))
    }

    /// Looks at what leaves by `socket`, in the dark.
    pub(super) fn on_send(
        &self,
        way: Way,
        socket: &Arc<RawUdpSocket>,
        packet: &[u8],
        engine: &HandedOver,
    ) {
        if !self.is_watched() {
            return;
        }
        let Some(number) = encrypted_record(packet) else { return };
        let mut progress = self.progress();
        match std::mem::take(&mut *progress) {
            Progress::Answering { question, answer, echo } if answer == number => {
                debug!(peer = %way.peer, "the association stands with the answer");
                let Echo { record, tag } = echo;
                engine.push(way, record);
                *progress = Progress::Answered(Answered {
                    question,
                    tag,
                    answer: packet.to_vec(),
                    socket: Arc::clone(socket),
                    way,
                    left: Instant::now(),
                });
            }
            Progress::Answered(mut answered) => {
                if answered.left.elapsed() >= MIN_INTERVAL {
                    answered.leave_again();
                }
                *progress = Progress::Answered(answered);
            }
            other => *progress = other,
        }
    }

    /// Looks at what arrives, in the dark.
    pub(super) fn on_receive(&self, packet: &[u8]) {
        if !self.is_watched() {
            return;
        }
        if let Progress::Answered(answered) = &mut *self.progress()
            && answered.question.is_repeated_by(packet)
        {
            answered.leave_again();
        }
    }

    fn begin(&self, progress: Progress) {
        *self.progress() = progress;
        self.is_watched.store(true, Ordering::Relaxed);
    }

    fn end(&self, progress: &mut Progress) {
        *progress = Progress::Usual;
        self.is_watched.store(false, Ordering::Relaxed);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    /// Whether this is INIT again, in the place of the echo.
    fn is_repeated_by(&self, packet: &[u8]) -> bool {
        packet.len() == self.packet && encrypted_record(packet) == Some(self.next)
    }
}

impl Answered {
    fn leave_again(&mut self) {
        debug!(peer = %self.way.peer, "the answer to INIT leaves again");
        self.left = Instant::now();
        // What cannot be sent is lost, and tried again.
        let _ = self.socket.send_packet(self.way.peer, &self.answer);
    }
}

impl Echo {
    /// Of the cookie in an INIT ACK, in the record of that number. `None` if there is no cookie, or nothing random.
    fn of(init_ack: &[u8], number: u64) -> Option<Self> {
        let mut tag = [0; TAG];
        default_provider().ok()?.random().fill(&mut tag).ok()?;
        let packet = cookie_echo(init_ack)?;
        let length = (EXPLICIT_NONCE + packet.len() + TAG) as u16;
        let mut record = vec![23, 0xfe, 0xfd];
        record.extend(number.to_be_bytes());
        record.extend(length.to_be_bytes());
        record.extend([0; EXPLICIT_NONCE]);
        record.extend(packet);
        record.extend(tag);
        Some(Self { record, tag })
    }
}

/// The kind of a packet's first chunk.
fn first_chunk(packet: &[u8]) -> Option<u8> {
    packet.get(COMMON_HEADER).copied()
}

/// The packet with which a peer shows the cookie of `init_ack`.
fn cookie_echo(init_ack: &[u8]) -> Option<Vec<u8>> {
    let (ports, _) = init_ack.split_first_chunk::<4>()?;
    let (chunk, parameters) =
        init_ack.get(COMMON_HEADER..)?.split_first_chunk::<INIT_ACK_HEADER>()?;
    let cookie = state_cookie(parameters)?;
    let length = (CHUNK_HEADER + cookie.len()) as u16;
    let mut packet = vec![ports[2], ports[3], ports[0], ports[1]];
    packet.extend(&chunk[CHUNK_HEADER..CHUNK_HEADER + 4]);
    packet.extend([0; 4]);
    packet.extend([COOKIE_ECHO, 0]);
    packet.extend(length.to_be_bytes());
    packet.extend(cookie);
    packet.resize(packet.len().next_multiple_of(4), 0);
    let checksum = crc32c::crc32c(&packet);
    packet[8..COMMON_HEADER].copy_from_slice(&checksum.to_le_bytes());
    Some(packet)
}

fn state_cookie(mut parameters: &[u8]) -> Option<&[u8]> {
    loop {
        let kind = parameters.first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*parameters.get(2..)?.first_chunk()?));
        let value = parameters.get(4..length)?;
        if *kind == STATE_COOKIE {
            return Some(value);
        }
        parameters = parameters.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::runtime::datagrams::KernelSocket;
    use crate::runtime::handed_over::tests::handed_over;
    use crate::runtime::interfaces::PeerFilter;

    const EPOCH: u64 = 1 << 48;
    const QUESTION: u64 = EPOCH + 1;
    const ANSWER: u64 = EPOCH + 1;
    const COOKIE: [u8; 6] = *b"cookie";

    /// A side that is asked, and its peer.
    struct Bed {
        association: Association,
        engine: HandedOver,
        socket: Arc<RawUdpSocket>,
        way: Way,
        peer: UdpSocket,
    }

    impl Bed {
        fn awaiting() -> Self {
            let [ours, peer] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
            peer.set_nonblocking(true).unwrap();
            let way = Way { local: ours.local_addr().unwrap(), peer: peer.local_addr().unwrap() };
            let ours = Box::new(KernelSocket::new(ours).unwrap());
            let socket = Arc::new(RawUdpSocket::new(ours, PeerFilter::default()).unwrap());
            let association = Association::default();
            association.await_init();
            Self { association, engine: HandedOver::default(), socket, way, peer }
        }

        /// One that has answered.
        fn answered() -> Self {
            let bed = Self::awaiting();
            assert!(bed.association.on_open(QUESTION, &init()));
            bed.association.on_seal(ANSWER, &init_ack());
            bed.sends(&in_the_dark(ANSWER, &init_ack()));
            bed
        }

        fn sends(&self, packet: &[u8]) {
            self.association.on_send(self.way, &self.socket, packet, &self.engine);
        }

        fn handed_over(&self) -> Option<Vec<u8>> {
            handed_over(&self.engine, self.way.local)
        }

        /// What has left again. What is sent over loopback is there when sending returns.
        fn left_again(&self) -> Option<Vec<u8>> {
            let mut buf = [0; 200];
            self.peer.recv(&mut buf).ok().map(|len| buf[..len].to_vec())
        }
    }

    fn packet(chunk: u8) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[..4].copy_from_slice(&[0x13, 0x88, 0x13, 0x89]);
        packet[COMMON_HEADER] = chunk;
        packet
    }

    fn init() -> Vec<u8> {
        packet(INIT)
    }

    /// With a parameter before the cookie, which is filled up.
    fn init_ack() -> Vec<u8> {
        let mut packet = packet(INIT_ACK);
        packet.truncate(COMMON_HEADER + INIT_ACK_HEADER);
        packet[COMMON_HEADER + CHUNK_HEADER..][..4].copy_from_slice(b"tag!");
        packet.extend([0x80, 8, 0, 6, 130, 192, 0, 0]);
        packet.extend([0, 7, 0, 4 + COOKIE.len() as u8]);
        packet.extend(COOKIE);
        packet.extend([0, 0]);
        packet
    }

    /// As it goes over the network.
    fn in_the_dark(number: u64, packet: &[u8]) -> Vec<u8> {
        let sealed = EXPLICIT_NONCE + packet.len() + TAG;
        let mut record = vec![23, 0xfe, 0xfd];
        record.extend(number.to_be_bytes());
        record.extend((sealed as u16).to_be_bytes());
        record.resize(RECORD_HEADER + sealed, 0);
        record
    }

    #[test]
    fn the_engine_has_the_echo_of_its_cookie_when_its_answer_leaves() {
        let bed = Bed::awaiting();
        assert!(bed.association.on_open(QUESTION, &init()));
        bed.association.on_seal(ANSWER, &init_ack());
        bed.sends(&in_the_dark(ANSWER - 1, &packet(DATA)));
        assert_eq!(bed.handed_over(), None);
        bed.sends(&in_the_dark(ANSWER, &init_ack()));
        let record = bed.handed_over().unwrap();
        assert_eq!(encrypted_record(&record), Some(QUESTION + 1));
        assert_eq!(record.len(), RECORD_HEADER + usize::from(record[12]), "{record:?}");
        let (sealed, tag) = record.split_at(record.len() - TAG);
        assert!(bed.association.is_echo(QUESTION + 1, tag));
        assert!(!bed.association.is_echo(QUESTION + 2, tag));
        assert!(!bed.association.is_echo(QUESTION + 1, &[0; TAG]));

        let echo = &sealed[RECORD_HEADER + EXPLICIT_NONCE..];
        assert_eq!(echo[..4], [0x13, 0x89, 0x13, 0x88], "the other way");
        assert_eq!(&echo[4..8], b"tag!");
        assert_eq!(echo[12..22], [&[COOKIE_ECHO, 0, 0, 10][..], &COOKIE].concat());
        let mut unsummed = echo.to_vec();
        unsummed[8..12].fill(0);
        assert_eq!(echo[8..12], crc32c::crc32c(&unsummed).to_le_bytes());
        assert_eq!(bed.left_again(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_leaves_again_until_the_peer_shows_that_it_has_it() {
        let bed = Bed::answered();
        let answer = in_the_dark(ANSWER, &init_ack());
        bed.sends(&in_the_dark(ANSWER + 1, &packet(DATA)));
        assert_eq!(bed.left_again(), None, "it has just left");
        tokio::time::advance(MIN_INTERVAL).await;
        bed.sends(&in_the_dark(ANSWER + 2, &packet(DATA)));
        assert_eq!(bed.left_again().as_ref(), Some(&answer));

        bed.association.on_receive(&in_the_dark(QUESTION + 1, &packet(COOKIE_ECHO)[..30]));
        assert_eq!(bed.left_again(), None, "it is the peer's echo");
        bed.association.on_receive(&in_the_dark(QUESTION + 1, &init()));
        assert_eq!(bed.left_again().as_ref(), Some(&answer), "in the place of the echo");
        assert!(!bed.association.on_open(QUESTION + 2, &init()), "the engine has been asked");
        assert_eq!(bed.left_again().as_ref(), Some(&answer));

        assert!(bed.association.on_open(QUESTION + 3, &packet(DATA)));
        tokio::time::advance(MIN_INTERVAL).await;
        bed.sends(&in_the_dark(ANSWER + 3, &packet(DATA)));
        bed.association.on_receive(&in_the_dark(QUESTION + 1, &init()));
        assert_eq!(bed.left_again(), None);
        assert!(!bed.association.is_watched());
    }

    #[test]
    fn who_has_asked_sees_no_data_before_the_answer() {
        let association = Association::default();
        association.await_init_ack();
        association.on_seal(ANSWER, &init());
        assert!(!association.on_open(QUESTION, &packet(DATA)));
        assert!(association.on_open(QUESTION + 1, &packet(COOKIE_ECHO)));
        assert!(!association.on_open(QUESTION + 2, &packet(DATA)));
        assert!(association.on_open(QUESTION + 3, &init_ack()));
        assert!(association.on_open(QUESTION + 4, &packet(DATA)));
        assert!(!association.is_watched());
    }

    #[test]
    fn an_answer_that_leaves_unseen_is_left_to_the_engines() {
        let bed = Bed::awaiting();
        assert!(bed.association.on_open(QUESTION, &init()));
        assert!(!bed.association.on_open(QUESTION + 1, &init()), "the answer is about to come");
        bed.association.on_seal(ANSWER, &init_ack());
        // Wrapped up for a relay.
        bed.sends(&[&[0x40, 0, 0, 99][..], &in_the_dark(ANSWER, &init_ack())].concat());
        assert_eq!(bed.handed_over(), None);
        assert!(bed.association.on_open(QUESTION + 2, &packet(COOKIE_ECHO)));
        assert!(!bed.association.is_watched());
    }

    #[test]
    fn what_is_no_answer_with_a_cookie_is_left_to_the_engines() {
        let whole = init_ack();
        let endless = [&whole[..32], &[0x80, 8, 0, 0]].concat();
        let cut = (0..whole.len() - 2).map(|length| whole[..length].to_vec());
        for answer in cut.chain([endless, [&whole[..32], &[0xff; 40]].concat()]) {
            let bed = Bed::awaiting();
            assert!(bed.association.on_open(QUESTION, &init()));
            bed.association.on_seal(ANSWER, &answer);
            bed.sends(&in_the_dark(ANSWER, &answer));
            assert_eq!(bed.handed_over(), None, "{answer:?}");
        }
    }

    #[test]
    fn without_a_peer_of_this_kind_everything_passes() {
        let association = Association::default();
        assert!(!association.is_watched());
        assert!(
            association.on_open(QUESTION, &init()) && association.on_open(QUESTION + 1, &init())
        );
        association.on_seal(ANSWER, &init_ack());
        assert!(!association.is_echo(QUESTION + 1, &[0; TAG]));
    }
}
