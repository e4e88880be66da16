//! The flights of a handshake of DTLS, sent again when they are lost.
//!
//! The engine sends a flight again after a second, seven times. But whatever of the handshake arrives stops that timer,
//! a repetition of what it has as well, and nothing starts it again. Both sides begin their second at about the same
//! time: where one's repetition comes a moment before the other's timer is due, neither ever says anything new. A
//! session of forty failed where 5 % of the packets are lost.
//!
//! So the engine does not see a repetition that has nothing for it. And each flight is sent again from here, as it was,
//! when nothing answers it for about a round trip, or when the peer repeats its own. Who has it already knows
//! it by its number and drops it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tracing::debug;
use webrtc::runtime::Transmit;

use super::raw_udp_socket::RawUdpSocket;

/// How long the answer to a flight may take, beside round trips: signing takes a small computer that long.
const PEER_TIME: Duration = Duration::from_millis(100);
const ROUND_TRIPS: f64 = 1.5;
/// Where no round trip was measured.
const FIRST_TIMEOUT: Duration = Duration::from_millis(300);
const MAX_TIMEOUT: Duration = Duration::from_secs(1);
/// A flight does not leave again sooner than that, however often the peer repeats its own.
const MIN_INTERVAL: Duration = Duration::from_millis(20);
/// A handshake has fewer messages.
const MAX_MESSAGES: usize = 64;
/// And a flight fewer packets.
const MAX_PACKETS: usize = 16;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
const CLIENT_HELLO: u8 = 1;

/// What this side said last, and what the peer has said so far.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    state: Mutex<State>,
    /// Another flight has left.
    sent: Notify,
    answered: Notify,
}

#[derive(Debug, Default)]
struct State {
    last: Vec<SentPacket>,
    last_left: Option<Instant>,
    is_answered: bool,
    received: Received,
}

#[derive(Debug)]
struct SentPacket {
    socket: Arc<RawUdpSocket>,
    to: SocketAddr,
    packet: Vec<u8>,
}

impl Flights {
    /// Looks at what leaves by `socket`.
    pub(crate) fn on_send(&self, socket: &Arc<RawUdpSocket>, transmit: &Transmit<'_>) {
        if !is_handshake(transmit.contents) {
            return;
        }
        let mut state = self.state();
        if state.is_answered || state.repeats(transmit.contents) {
            state.last.clear();
            state.is_answered = false;
        }
        let size = transmit.segment_size.unwrap_or(transmit.contents.len());
        for packet in transmit.contents.chunks(size) {
            if state.last.len() < MAX_PACKETS {
                let (socket, packet) = (Arc::clone(socket), packet.to_vec());
                state.last.push(SentPacket { socket, to: transmit.destination, packet });
            }
        }
        state.last_left = Some(Instant::now());
        self.sent.notify_one();
    }

    /// Looks at a packet that has arrived; whether the engine has no use for it.
    pub(crate) fn on_receive(&self, packet: &[u8]) -> bool {
        match packet.first() {
            Some(&APPLICATION_DATA) => {
                self.on_answer(&mut self.state());
                false
            }
            _ if is_handshake(packet) => {
                let mut state = self.state();
                let heard = state.received.hear(packet);
                match heard {
                    Heard::New => self.on_answer(&mut state),
                    Heard::Again | Heard::LastAgain => state.send_again(),
                }
                heard == Heard::Again
            }
            _ => false,
        }
    }

    fn on_answer(&self, state: &mut State) {
        if !state.is_answered {
            state.is_answered = true;
            self.answered.notify_one();
        }
    }

    /// Sends each flight again for as long as nothing answers it. Never resolves.
    pub(crate) async fn repeat(&self, round_trip: impl Fn() -> Option<Duration>) {
        loop {
            self.sent.notified().await;
            let mut wait = round_trip()
                .map_or(FIRST_TIMEOUT, |time| PEER_TIME + time.mul_f64(ROUND_TRIPS))
                .min(MAX_TIMEOUT);
            while timeout(wait, self.answered()).await.is_err() {
                self.state().send_again();
                wait = (wait * 2).min(MAX_TIMEOUT);
            }
        }
    }

    /// Resolves when nothing waits for its answer.
    async fn answered(&self) {
        // What was told of an earlier flight says nothing of this one.
        while self.is_open() {
            self.answered.notified().await;
        }
    }

    fn is_open(&self) -> bool {
        let state = self.state();
        !state.is_answered && !state.last.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the engine begins its last flight once more.
    fn repeats(&self, packet: &[u8]) -> bool {
        let beginning = |packet: &[u8]| (packet.first().copied(), messages(packet).next());
        self.last.first().is_some_and(|sent| beginning(&sent.packet) == beginning(packet))
    }

    fn send_again(&mut self) {
        let recently = self.last_left.is_some_and(|left| left.elapsed() < MIN_INTERVAL);
        if self.is_answered || recently {
            return;
        }
        self.last_left = Some(Instant::now());
        for SentPacket { socket, to, packet } in &self.last {
            debug!(%to, bytes = packet.len(), "a flight of the handshake leaves again");
            // What cannot be sent is lost, and tried again.
            let _ = socket.send_packet(*to, packet);
        }
    }
}

/// Which message of the handshake, and which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct MessagePart {
    kind: u8,
    number: [u8; 2],
    offset: [u8; 3],
}

impl MessagePart {
    fn of(record: &[u8]) -> Option<Self> {
        let header = record.get(RECORD_HEADER..RECORD_HEADER + MESSAGE_HEADER)?;
        let [kind, _, _, _, number @ .., _, _, _, _, _, _] = *header.first_chunk::<12>()?;
        let offset = *header[6..].first_chunk()?;
        Some(Self { kind, number, offset })
    }

    /// Whether it shows the cookie that the server has asked for.
    fn is_second_hello(self) -> bool {
        self.kind == CLIENT_HELLO && self.number != [0, 0]
    }
}

/// What the peer has said in the open.
#[derive(Debug, Default)]
struct Received {
    parts: HashSet<MessagePart>,
    is_from_client: bool,
    has_second_hello: bool,
}

/// What a packet of the peer's handshake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// The engine may have use for it.
    New,
    /// The engine has all of it, and would only be held up by it.
    Again,
    /// A client's last flight once more, which the engine answers once more when it has its own last one behind it.
    LastAgain,
}

impl Received {
    /// A client's first hello is answered anew each time, until there is the second.
    fn hear(&mut self, packet: &[u8]) -> Heard {
        let parts: Vec<MessagePart> = messages(packet).collect();
        let is_hello = parts.iter().any(|part| part.kind == CLIENT_HELLO);
        let is_second_hello = parts.iter().any(|part| part.is_second_hello());
        let is_known = !parts.is_empty() && parts.iter().all(|part| self.parts.contains(part));
        let heard = match (is_known, is_hello) {
            (true, true) if !is_second_hello && !self.has_second_hello => Heard::New,
            (true, false) if self.is_from_client => Heard::LastAgain,
            (true, _) => Heard::Again,
            (false, _) => Heard::New,
        };
        self.is_from_client |= is_hello;
        self.has_second_hello |= is_second_hello;
        let room = MAX_MESSAGES.saturating_sub(self.parts.len());
        self.parts.extend(parts.into_iter().take(room));
        heard
    }
}

fn is_handshake(packet: &[u8]) -> bool {
    matches!(packet, [CHANGE_CIPHER_SPEC | HANDSHAKE, 0xfe, ..])
}

/// The messages of a handshake that are in the open in a packet.
fn messages(packet: &[u8]) -> impl Iterator<Item = MessagePart> {
    records(packet)
        .filter(|record| matches!(record, [HANDSHAKE, _, _, 0, 0, ..]))
        .filter_map(MessagePart::of)
}

fn records(mut packet: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = packet.get(RECORD_HEADER - 2..RECORD_HEADER)?.first_chunk()?;
        let end = RECORD_HEADER + usize::from(u16::from_be_bytes(*length));
        let (record, rest) = packet.split_at_checked(end)?;
        packet = rest;
        Some(record)
    })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use tokio::time::sleep;

    use super::*;
    use crate::runtime::datagrams::KernelSocket;
    use crate::runtime::interfaces::PeerFilter;

    const HELLO_VERIFY_REQUEST: u8 = 3;
    const SERVER_HELLO: u8 = 2;
    const CERTIFICATE: u8 = 11;

    /// A packet with this message in the open. `record` is what tells repetitions of the engine's apart.
    fn message(kind: u8, number: u8, record: u8) -> Vec<u8> {
        let mut packet = vec![HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, record, 0, 12];
        packet.extend([kind, 0, 0, 0, 0, number, 0, 0, 0, 0, 0, 0]);
        packet
    }

    fn encrypted() -> Vec<u8> {
        let mut packet = message(9, 9, 0);
        packet[4] = 1;
        packet
    }

    #[test]
    fn a_server_sees_the_second_hello_once_and_the_first_until_then() {
        let mut received = Received::default();
        assert_eq!(received.hear(&message(CLIENT_HELLO, 0, 0)), Heard::New);
        assert_eq!(received.hear(&message(CLIENT_HELLO, 0, 1)), Heard::New, "its answer was lost");
        assert_eq!(received.hear(&message(CLIENT_HELLO, 1, 2)), Heard::New);
        assert_eq!(received.hear(&message(CLIENT_HELLO, 1, 3)), Heard::Again);
        assert_eq!(received.hear(&message(CLIENT_HELLO, 0, 1)), Heard::Again, "late");
        let last = |record| [message(CERTIFICATE, 2, record), encrypted()].concat();
        assert_eq!(received.hear(&last(4)), Heard::New);
        assert_eq!(received.hear(&last(5)), Heard::LastAgain);
    }

    #[test]
    fn a_client_sees_everything_once_and_what_is_new_in_a_repetition() {
        let mut received = Received::default();
        assert_eq!(received.hear(&message(HELLO_VERIFY_REQUEST, 0, 0)), Heard::New);
        assert_eq!(received.hear(&message(HELLO_VERIFY_REQUEST, 0, 1)), Heard::Again);
        assert_eq!(received.hear(&message(SERVER_HELLO, 1, 2)), Heard::New);
        let whole = [message(SERVER_HELLO, 1, 4), message(CERTIFICATE, 2, 5)].concat();
        assert_eq!(received.hear(&whole), Heard::New, "the rest of the flight was lost");
        assert_eq!(received.hear(&whole), Heard::Again);
        assert_eq!([received.hear(&encrypted()), received.hear(&encrypted())], [Heard::New; 2]);
    }

    #[test]
    fn what_is_no_handshake_is_for_the_engine() {
        let flights = Flights::default();
        for packet in [&[][..], &[HANDSHAKE], &[HANDSHAKE, 0xfe, 0xfd], &[23; 60], &[0; 20]] {
            assert!(!flights.on_receive(packet) && !flights.on_receive(packet), "{packet:?}");
        }
        let mut cut = message(SERVER_HELLO, 1, 0);
        cut.pop();
        assert!(!flights.on_receive(&cut) && !flights.on_receive(&cut));
    }

    struct FlightBed {
        flights: Arc<Flights>,
        socket: Arc<RawUdpSocket>,
        peer: UdpSocket,
    }

    impl FlightBed {
        fn new() -> Self {
            let [ours, peer] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
            peer.set_nonblocking(true).unwrap();
            let ours = Box::new(KernelSocket::new(ours).unwrap());
            let socket = Arc::new(RawUdpSocket::new(ours, PeerFilter::default()).unwrap());
            let flights = Arc::<Flights>::default();
            let repeating = Arc::clone(&flights);
            tokio::spawn(async move { repeating.repeat(|| Some(Duration::ZERO)).await });
            Self { flights, socket, peer }
        }

        /// As if the engine had just sent it.
        fn sends(&self, packet: &[u8]) {
            let transmit = Transmit {
                destination: self.peer.local_addr().unwrap(),
                ecn: None,
                contents: packet,
                segment_size: None,
                src_ip: None,
            };
            self.flights.on_send(&self.socket, &transmit);
        }

        /// What has left again. What is sent over loopback is there when sending returns.
        fn repeated(&self) -> Vec<Vec<u8>> {
            let mut buf = [0; 100];
            std::iter::from_fn(|| self.peer.recv(&mut buf).ok().map(|len| buf[..len].to_vec()))
                .collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_leaves_again_as_it_was_until_it_is_answered() {
        let bed = FlightBed::new();
        let flight = [message(SERVER_HELLO, 1, 1), message(CERTIFICATE, 2, 2)];
        flight.iter().for_each(|packet| bed.sends(packet));
        sleep(PEER_TIME * 9 / 10).await;
        assert!(bed.repeated().is_empty());
        sleep(PEER_TIME * 2 / 10).await;
        assert_eq!(bed.repeated(), flight);
        sleep(PEER_TIME * 2).await;
        assert_eq!(bed.repeated(), flight);
        assert!(!bed.flights.on_receive(&message(CERTIFICATE, 2, 9)));
        sleep(PEER_TIME * 100).await;
        assert!(bed.repeated().is_empty());

        bed.sends(&encrypted());
        sleep(PEER_TIME * 2).await;
        assert_eq!(bed.repeated(), [encrypted()], "the flight after it, by itself");
        assert!(!bed.flights.on_receive(&[APPLICATION_DATA; 40]));
        sleep(PEER_TIME * 100).await;
        assert!(bed.repeated().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_leaves_again_whatever_was_answered_before_it() {
        let bed = FlightBed::new();
        // What the peer begins with is an answer to nothing.
        assert!(!bed.flights.on_receive(&message(CLIENT_HELLO, 1, 0)));
        bed.sends(&message(SERVER_HELLO, 1, 0));
        sleep(PEER_TIME * 11 / 10).await;
        assert_eq!(bed.repeated(), [message(SERVER_HELLO, 1, 0)]);

        // An answer and the next flight before anybody has looked.
        assert!(!bed.flights.on_receive(&message(CERTIFICATE, 2, 1)));
        bed.sends(&encrypted());
        sleep(PEER_TIME * 4).await;
        assert_eq!(bed.repeated().first(), Some(&encrypted()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_leaves_again_at_once_when_the_peer_repeats_its_own() {
        let bed = FlightBed::new();
        let hello = |record| message(CLIENT_HELLO, 1, record);
        assert!(!bed.flights.on_receive(&hello(0)));
        bed.sends(&message(SERVER_HELLO, 1, 0));
        assert!(bed.flights.on_receive(&hello(1)) && bed.repeated().is_empty(), "too soon");
        sleep(MIN_INTERVAL).await;
        assert!(bed.flights.on_receive(&hello(2)));
        assert_eq!(bed.repeated(), [message(SERVER_HELLO, 1, 0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_last_flight_leaves_again_until_there_is_data_and_the_engine_hears_what_asks_for_it()
    {
        let bed = FlightBed::new();
        let last = [message(CERTIFICATE, 2, 0), encrypted()].concat();
        assert!(!bed.flights.on_receive(&message(CLIENT_HELLO, 1, 0)));
        assert!(!bed.flights.on_receive(&last));
        let finished = [vec![CHANGE_CIPHER_SPEC, 0xfe, 0xfd, 0, 0], encrypted()].concat();
        bed.sends(&finished);
        sleep(MIN_INTERVAL).await;
        assert!(!bed.flights.on_receive(&last));
        assert_eq!(bed.repeated(), std::slice::from_ref(&finished));
        // The engine answers it as well.
        bed.sends(&finished);
        sleep(PEER_TIME * 11 / 10).await;
        assert_eq!(bed.repeated(), [finished], "and takes the place of what it sent before");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_engine_repeats_takes_the_place_of_what_it_sent_before() {
        let bed = FlightBed::new();
        for record in [0, 4] {
            bed.sends(&message(SERVER_HELLO, 1, record));
            bed.sends(&message(CERTIFICATE, 2, record + 1));
        }
        sleep(PEER_TIME * 11 / 10).await;
        assert_eq!(bed.repeated(), [message(SERVER_HELLO, 1, 4), message(CERTIFICATE, 2, 5)]);
    }
}
