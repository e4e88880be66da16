//! A network path that loses packets: stands between two peers on loopback.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

/// Passes packets between two peers; ends when it is dropped.
pub struct Relay {
    loss: Arc<Loss>,
    doors: Arc<Doors>,
    peers: Arc<[OnceLock<SocketAddr>; 2]>,
    alive: Arc<()>,
}

/// What is lost.
#[derive(Default)]
struct Loss {
    /// One in so many packets is lost each way; 0 loses none, 1 all.
    one_in: AtomicU32,
    /// Larger packets are lost; 0 loses none.
    larger_than: AtomicU32,
    /// What is lost of the media on the way to the first peer, and to the second.
    media_to: [Mutex<LostMedia>; 2],
    /// Whether everything on the way to the first peer, and to the second, is lost.
    all_to: [AtomicBool; 2],
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
        by_size || by_chance || planned || by_way
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
    alive: Weak<()>,
}

impl Path {
    fn pass(self) {
        let mut buf = [0; 65_536];
        let mut random: u32 = 1 + self.to as u32;
        while self.alive.upgrade().is_some() {
            let from = self.doors.get(1 - self.to);
            let (Ok(len), Some(peer)) = (from.recv(&mut buf), self.peers[self.to].get()) else {
                continue;
            };
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if !self.loss.takes(&buf[..len], self.to, random) {
                // A packet that cannot be passed on is lost too.
                let _ = self.doors.get(self.to).send_to(&buf[..len], peer);
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
            alive: Arc::new(()),
        };
        for to in [0, 1] {
            let path = Path {
                doors: Arc::clone(&relay.doors),
                to,
                peers: Arc::clone(&relay.peers),
                loss: Arc::clone(&relay.loss),
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

    /// Loses one in `count` packets each way from now on; 0 loses none, 1 all.
    pub fn lose_one_in(&self, count: u32) {
        self.loss.one_in.store(count, Ordering::Relaxed);
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
