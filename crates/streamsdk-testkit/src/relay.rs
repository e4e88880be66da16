//! A network path that loses packets: stands between two peers on loopback.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak, mpsc};
use std::time::{Duration, Instant};

/// Passes packets between two peers; ends when it is dropped.
pub struct Relay {
    loss: Arc<Loss>,
    doors: Arc<Doors>,
    peers: Arc<[OnceLock<SocketAddr>; 2]>,
    talk: Arc<Talk>,
    alive: Arc<()>,
}

/// How the peers talk to each other.
#[derive(Default)]
struct Talk {
    /// What a packet takes, either way, in milliseconds.
    delay: AtomicU64,
    turns: Mutex<Turns>,
}

/// How often the other peer has taken its turn in saying something by DTLS.
#[derive(Default)]
struct Turns {
    count: u32,
    last_to: Option<usize>,
}

impl Talk {
    fn note(&self, packet: &[u8], to: usize) {
        let mut turns = self.turns.lock().unwrap();
        if matches!(packet, [20..=25, ..]) && turns.last_to.replace(to) != Some(to) {
            turns.count += 1;
        }
    }
}

/// What is lost.
#[derive(Default)]
struct Loss {
    /// One in so many packets is lost each way; 0 loses none, 1 all.
    one_in: AtomicU32,
    /// Larger packets are lost; 0 loses none.
    larger_than: AtomicU32,
    /// The packet of a handshake that is lost.
    handshake_packet: CountDown,
    /// The same of what is encrypted behind it.
    data_packet: CountDown,
    /// What is lost of the media on the way to the first peer, and to the second.
    media_to: [Mutex<LostMedia>; 2],
    /// Whether everything on the way to the first peer, and to the second, is lost.
    all_to: [AtomicBool; 2],
}

/// The one packet that is lost, counted down on both ways; 0 loses none, or no more.
#[derive(Default)]
struct CountDown(AtomicU32);

impl CountDown {
    fn begin(&self, number: u32) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// Whether this packet is the one.
    fn takes_next(&self) -> bool {
        let next = |left: u32| left.checked_sub(1);
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        before.is_ok_and(|left| left == 1)
    }
}

/// Packets of media that are lost for good.
#[derive(Default)]
struct LostMedia {
    /// So many more, and then those only that are sent again.
    left: u32,
    sequences: HashSet<[u8; 2]>,
}

impl LostMedia {
    fn takes(&mut self, packet: &[u8]) -> bool {
        let sequence = [packet[2], packet[3]];
        if self.left > 0 && self.sequences.insert(sequence) {
            self.left -= 1;
        }
        self.sequences.contains(&sequence)
    }
}

/// Where the first peer finds the second, and the second the first.
struct Doors([Mutex<Arc<UdpSocket>>; 2]);

impl Doors {
    fn get(&self, side: usize) -> Arc<UdpSocket> {
        Arc::clone(&self.0[side].lock().unwrap())
    }

    fn address(&self, side: usize) -> SocketAddr {
        self.get(side).local_addr().unwrap()
    }
}

impl Loss {
    fn takes(&self, packet: &[u8], to: usize, random: u32) -> bool {
        let one_in = self.one_in.load(Ordering::Relaxed);
        let limit = self.larger_than.load(Ordering::Relaxed) as usize;
        let by_size = limit != 0 && packet.len() > limit;
        let by_chance = one_in != 0 && (random >> 8).is_multiple_of(one_in);
        let planned = is_media(packet) && self.media_to[to].lock().unwrap().takes(packet);
        let by_way = self.all_to[to].load(Ordering::Relaxed);
        let by_number = match packet {
            [20 | 22, ..] => self.handshake_packet.takes_next(),
            [23, ..] => self.data_packet.takes_next(),
            _ => false,
        };
        by_size || by_chance || planned || by_way || by_number
    }
}

/// RTP shares the path with RTCP, DTLS and STUN (RFC 7983, RFC 5761).
fn is_media(packet: &[u8]) -> bool {
    matches!(packet, [128..=191, kind, _, _, ..] if !(64..=95).contains(&(kind & 0x7f)))
}

/// One of the two ways.
struct Path {
    doors: Arc<Doors>,
    to: usize,
    peers: Arc<[OnceLock<SocketAddr>; 2]>,
    loss: Arc<Loss>,
    talk: Arc<Talk>,
    alive: Weak<()>,
}

impl Path {
    fn pass(self) {
        let (under_way, arriving) = mpsc::channel::<(Instant, Vec<u8>)>();
        let (doors, peers, to) = (Arc::clone(&self.doors), Arc::clone(&self.peers), self.to);
        std::thread::spawn(move || {
            for (due, packet) in arriving {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if let Some(peer) = peers[to].get() {
                    // A packet that cannot be passed on is lost too.
                    let _ = doors.get(to).send_to(&packet, peer);
                }
            }
        });
        let mut buf = [0; 65_536];
        let mut random: u32 = 1 + self.to as u32;
        while self.alive.upgrade().is_some() {
            let from = self.doors.get(1 - self.to);
            let Ok(len) = from.recv(&mut buf) else { continue };
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if !self.loss.takes(&buf[..len], self.to, random) {
                self.talk.note(&buf[..len], self.to);
                let delay = Duration::from_millis(self.talk.delay.load(Ordering::Relaxed));
                let _ = under_way.send((Instant::now() + delay, buf[..len].to_vec()));
            }
        }
    }
}

impl Relay {
    #[allow(
        clippy::new_without_default,
        reason = "it has threads: nobody is to get one by accident"
    )]
    pub fn new() -> Self {
        let relay = Self {
            loss: Arc::default(),
            doors: Arc::new(Doors([0, 1].map(|_| Mutex::new(Arc::new(door()))))),
            peers: Arc::default(),
            talk: Arc::default(),
            alive: Arc::new(()),
        };
        for to in [0, 1] {
            let path = Path {
                doors: Arc::clone(&relay.doors),
                to,
                peers: Arc::clone(&relay.peers),
                loss: Arc::clone(&relay.loss),
                talk: Arc::clone(&relay.talk),
                alive: Arc::downgrade(&relay.alive),
            };
            std::thread::spawn(move || path.pass());
        }
        relay
    }

    /// The second peer's description as the first must see it.
    pub fn for_first(&self, second: &str) -> String {
        self.peers[1].set(address(second)).unwrap();
        through(second, self.doors.address(0))
    }

    /// The first peer's description as the second must see it.
    pub fn for_second(&self, first: &str) -> String {
        self.peers[0].set(address(first)).unwrap();
        through(first, self.doors.address(1))
    }

    /// Has each packet take so long from now on, either way.
    pub fn delay(&self, delay: Duration) {
        self.talk.delay.store(delay.as_millis() as u64, Ordering::Relaxed);
    }

    /// How often it was another peer's turn to say something by DTLS: two turns are a round trip. With a delay, what a peer
    /// says at once is one turn, however slow the machine is.
    pub fn turns(&self) -> u32 {
        self.talk.turns.lock().unwrap().count
    }

    /// Loses one in `count` packets each way from now on; 0 loses none, 1 all.
    pub fn lose_one_in(&self, count: u32) {
        self.loss.one_in.store(count, Ordering::Relaxed);
    }

    /// Loses the packet of DTLS's handshake that is the `number`th from now on, whoever sends it.
    pub fn lose_handshake_packet(&self, number: u32) {
        self.loss.handshake_packet.begin(number);
    }

    /// Loses the packet behind DTLS's handshake that is the `number`th from now on, whoever sends it.
    pub fn lose_data_packet(&self, number: u32) {
        self.loss.data_packet.begin(number);
    }

    /// Loses packets of more than `size` bytes from now on, each way.
    pub fn lose_larger_than(&self, size: u32) {
        self.loss.larger_than.store(size, Ordering::Relaxed);
    }

    /// Loses the next `count` packets of media on the way to the first peer, however often they are sent.
    pub fn lose_media_to_first(&self, count: u32) {
        self.loss.media_to[0].lock().unwrap().left = count;
    }

    /// Loses the next `count` packets of media on the way to the second peer, however often they are sent.
    pub fn lose_media_to_second(&self, count: u32) {
        self.loss.media_to[1].lock().unwrap().left = count;
    }

    /// Loses everything on the way to the first peer from now on.
    pub fn lose_all_to_first(&self) {
        self.loss.all_to[0].store(true, Ordering::Relaxed);
    }

    /// Loses everything on the way to the second peer from now on.
    pub fn lose_all_to_second(&self) {
        self.loss.all_to[1].store(true, Ordering::Relaxed);
    }

    /// Has the second peer see the first at another port from now on, as when a router forgets an
    /// address: nothing that is sent to the port before arrives.
    pub fn rebind_first(&self) {
        *self.doors.0[1].lock().unwrap() = Arc::new(door());
    }
}

fn door() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    socket
}

fn candidates(sdp: &str) -> impl Iterator<Item = Vec<&str>> {
    sdp.lines()
        .filter(|line| line.starts_with("a=candidate:"))
        .map(|line| line.split_whitespace().collect())
}

/// Where a peer is reached on loopback, where the doors are.
fn address(sdp: &str) -> SocketAddr {
    let addresses = candidates(sdp)
        .map(|words| SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap()));
    let mut on_loopback = addresses.filter(|address| address.ip() == Ipv4Addr::LOCALHOST);
    on_loopback.next().expect("a description with a candidate on loopback")
}

fn through(sdp: &str, door: SocketAddr) -> String {
    let mut through = String::new();
    for line in sdp.lines() {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if line.starts_with("a=candidate:") {
            words[4] = door.ip().to_string();
            words[5] = door.port().to_string();
        }
        through += &words.join(" ");
        through += "\r\n";
    }
    through
}
