//! A network in memory, on tokio's clock, which does what its seed says.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fastrand::Rng;
use streamsdk_transport::simulation::{Moment, SimulatedNetwork, SimulatedSocket};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::conditions::Conditions;
use super::trace::Trace;

/// IP and UDP headers.
const HEADERS: u32 = 28;
/// Packets take as long as the next size that is a multiple of this, in bytes.
const SIZE_STEP: u64 = 64;
/// How long somebody asks whether a port is open.
const MAX_QUESTION: Duration = Duration::from_secs(2);

/// Some nodes and the paths between them. Cloning gives the same one.
#[derive(Clone)]
pub struct Network {
    state: Arc<Mutex<State>>,
}

struct State {
    rng: Rng,
    trace: Trace,
    nodes: Vec<NodeState>,
    paths: HashMap<(NodeId, NodeId), Path>,
    ports: HashMap<SocketAddr, Weak<Port>>,
    packets: u64,
    /// How long connections are held up at most, at moments that are rarely long.
    max_hold_up: Duration,
}

type NodeId = usize;

struct NodeState {
    address: IpAddr,
    nat: Option<Nat>,
    /// The largest packet that it knows to be carried, to anywhere.
    known_mtu: Option<u32>,
}

/// One way between two nodes.
#[derive(Default)]
struct Path {
    conditions: Conditions,
    /// When what was sent before has left.
    busy_until: Option<Instant>,
    /// When what was sent before arrives.
    last_arrival: Option<Instant>,
    is_bad: bool,
}

/// Stands before a node, which others see at its address and ports.
struct Nat {
    address: IpAddr,
    next_port: u16,
    /// Ports inside, and what they are outside.
    mapped: HashMap<SocketAddr, SocketAddr>,
}

impl Nat {
    fn outside(&mut self, inside: SocketAddr) -> SocketAddr {
        let Self { address, next_port, mapped } = self;
        *mapped.entry(inside).or_insert_with(|| {
            *next_port += 1;
            SocketAddr::new(*address, *next_port)
        })
    }

    fn inside(&self, outside: SocketAddr) -> Option<SocketAddr> {
        let mut mapped = self.mapped.iter();
        mapped.find_map(|(inside, known)| (*known == outside).then_some(*inside))
    }
}

impl Network {
    pub fn new(rng: Rng) -> Self {
        let state = State {
            rng,
            trace: Trace::default(),
            nodes: Vec::new(),
            paths: HashMap::new(),
            ports: HashMap::new(),
            packets: 0,
            max_hold_up: Duration::ZERO,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Another node, with an address of its own.
    pub fn node(&self) -> Node {
        let mut state = self.lock();
        state.nodes.push(NodeState { address: new_address(), nat: None, known_mtu: Some(1500) });
        Node { id: state.nodes.len() - 1, network: self.clone() }
    }

    /// Changes the way from one node to another.
    pub fn change(&self, from: &Node, to: &Node, change: impl FnOnce(&mut Conditions)) {
        change(&mut self.lock().paths.entry((from.id, to.id)).or_default().conditions);
    }

    /// Changes both ways between two nodes.
    pub fn change_both(&self, one: &Node, other: &Node, change: impl Fn(&mut Conditions)) {
        self.change(one, other, &change);
        self.change(other, one, &change);
    }

    /// Holds connections up at moments that are rarely long, for up to this long.
    pub fn hold_up(&self, most: Duration) {
        self.lock().max_hold_up = most;
    }

    /// Ports that are open.
    pub fn open_ports(&self) -> usize {
        self.lock().ports.values().filter(|port| port.strong_count() > 0).count()
    }

    /// Packets that were sent.
    pub fn packets(&self) -> u64 {
        self.lock().packets
    }

    /// What each packet came to, as one number.
    pub fn trace(&self) -> u64 {
        self.lock().trace.hash()
    }

    /// Takes what a side notes into the trace.
    pub(super) fn note(&self, what: &str) {
        self.lock().trace.event(what);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

/// Addresses are never used twice in a process: what the transport remembers of one is not to be found at another.
fn new_address() -> IpAddr {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let [_, high, middle, low] = number.to_be_bytes();
    // 127.0.x.y is left to others, and nothing ends in 0 or 255.
    Ipv4Addr::new(127, 1 + high % 250, middle, 1 + low % 250).into()
}

/// A machine of the network. Cloning gives the same one.
#[derive(Clone)]
pub struct Node {
    id: NodeId,
    network: Network,
}

impl Node {
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Where it can be reached by name.
    pub fn url(&self) -> String {
        format!("http://{}:9001", self.network.lock().nodes[self.id].address)
    }

    /// Puts a NAT before it.
    pub fn hide_behind_nat(&self) {
        let nat = Nat { address: new_address(), next_port: 40_000, mapped: HashMap::new() };
        self.network.lock().nodes[self.id].nat = Some(nat);
    }

    /// Has its NAT forget everything: what it sends comes from other ports from now on.
    pub fn rebind_nat(&self) {
        if let Some(nat) = &mut self.network.lock().nodes[self.id].nat {
            nat.mapped.clear();
        }
    }

    /// Takes its address away and gives it another one: its open ports are dead from now on.
    pub fn change_address(&self) {
        self.network.lock().nodes[self.id].address = new_address();
    }

    /// Says how large packets are that it knows to be carried.
    pub fn know_mtu(&self, mtu: Option<u32>) {
        self.network.lock().nodes[self.id].known_mtu = mtu;
    }

    /// Closes all its ports at once and says nothing, as the death of a process does.
    pub fn close_ports(&self) {
        let mut state = self.network.lock();
        let address = state.nodes[self.id].address;
        state.ports.retain(|port, _| port.ip() != address);
    }

    /// How long a message to `other` and its answer take; `None` if one of them does not pass.
    pub(super) fn round_trip(&self, other: &Self) -> Option<Duration> {
        let mut state = self.network.lock();
        let there = state.passage(self.id, other.id)?;
        let back = state.passage(other.id, self.id)?;
        Some(there + back)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Node").field(&self.id).finish()
    }
}

impl State {
    /// How long a small message takes that is not lost; `None` where it is.
    fn passage(&mut self, from: NodeId, to: NodeId) -> Option<Duration> {
        let path = self.paths.entry((from, to)).or_default();
        let Conditions { delay, is_cut, loss, .. } = path.conditions;
        (!is_cut && !loss.takes_next(&mut path.is_bad, &mut self.rng)).then_some(delay)
    }

    fn node_at(&self, ip: IpAddr) -> Option<NodeId> {
        let is_there = |node: &NodeState| match &node.nat {
            Some(nat) => nat.address == ip,
            None => node.address == ip,
        };
        self.nodes.iter().position(is_there)
    }

    /// Sends a packet of node `from`, from its port at `source`.
    fn send(
        &mut self,
        from: NodeId,
        source: SocketAddr,
        to: SocketAddr,
        packet: &[u8],
        can_be_cut: bool,
    ) {
        self.packets += 1;
        let arrivals = self.arrivals(from, source, to, packet.len(), can_be_cut);
        let first = arrivals.first().map(|(_, at)| *at);
        self.trace.packet(from, first);
        let NodeState { nat, .. } = &mut self.nodes[from];
        let seen = nat.as_mut().map_or(source, |nat| nat.outside(source));
        for (port, at) in arrivals {
            port.deliver(at, seen, packet);
        }
    }

    /// Where and when a packet arrives; more than once where it is duplicated, and never where it is lost.
    fn arrivals(
        &mut self,
        from: NodeId,
        source: SocketAddr,
        to: SocketAddr,
        len: usize,
        can_be_cut: bool,
    ) -> Vec<(Arc<Port>, Instant)> {
        let Some(to_node) = self.node_at(to.ip()) else { return Vec::new() };
        let NodeState { address, known_mtu, .. } = &self.nodes[from];
        // A socket of an address that the node had before reaches nobody.
        if *address != source.ip() {
            return Vec::new();
        }
        let known_mtu = known_mtu.unwrap_or(u32::MAX);
        let port = self.open_port(to_node, to);
        let path = self.paths.entry((from, to_node)).or_default();
        let rng = &mut self.rng;
        let left = path.leave(len, known_mtu, can_be_cut, rng);
        let Some((left, port)) = left.zip(port) else { return Vec::new() };
        let Path { conditions, last_arrival, .. } = path;
        let copies = 1 + usize::from(rng.f64() < conditions.duplicated);
        let mut arrival = || conditions.arrival(left, last_arrival, rng);
        (0..copies).map(|_| (Arc::clone(&port), arrival())).collect()
    }

    /// The port of `node` that is at `address` for others.
    fn open_port(&self, node: NodeId, address: SocketAddr) -> Option<Arc<Port>> {
        let inside = match &self.nodes[node].nat {
            Some(nat) => nat.inside(address)?,
            None => address,
        };
        self.ports.get(&inside).and_then(Weak::upgrade)
    }
}

impl Path {
    /// When a packet has left; `None` if it is lost.
    fn leave(
        &mut self,
        len: usize,
        known_mtu: u32,
        can_be_cut: bool,
        rng: &mut Rng,
    ) -> Option<Instant> {
        let Self { conditions, busy_until, is_bad, .. } = self;
        let now = Instant::now();
        let lost = conditions.loss.takes_next(is_bad, rng);
        // A node cuts up what it knows to be too large.
        let largest_piece = (len as u32 + HEADERS).min(known_mtu);
        if lost || conditions.is_cut || (largest_piece > conditions.mtu && !can_be_cut) {
            return None;
        }
        let Some(rate) = conditions.rate else { return Some(now) };
        let begins = busy_until.map_or(now, |until| until.max(now));
        if begins - now > conditions.queue {
            return None;
        }
        // The engine's signatures are a byte or two longer or shorter each time, which is to make no difference.
        let bits = 8 * (len as u64 + u64::from(HEADERS)).next_multiple_of(SIZE_STEP);
        let left = begins + Duration::from_secs_f64(bits as f64 / rate as f64);
        *busy_until = Some(left);
        Some(left)
    }
}

#[async_trait::async_trait]
impl SimulatedNetwork for Node {
    fn addresses(&self) -> Vec<IpAddr> {
        vec![self.network.lock().nodes[self.id].address]
    }

    fn open(&self, address: SocketAddr) -> Arc<dyn SimulatedSocket> {
        let port = Arc::new(Port { node: self.clone(), address, inbox: Mutex::default() });
        self.network.lock().ports.insert(address, Arc::downgrade(&port));
        port
    }

    fn mtu(&self, _: IpAddr) -> Option<u32> {
        self.network.lock().nodes[self.id].known_mtu
    }

    fn hold_up(&self, moment: Moment) -> Duration {
        let mut state = self.network.lock();
        let time = state.max_hold_up.mul_f64(state.rng.f64());
        state.trace.event(&format!("{moment:?}"));
        time
    }

    async fn refuses(&self, _: IpAddr, peer: SocketAddr) -> bool {
        let round_trip = {
            let mut state = self.network.lock();
            let host = state.node_at(peer.ip());
            let host = host.filter(|host| state.open_port(*host, peer).is_none());
            let there = host.and_then(|host| state.passage(self.id, host));
            let back = host.and_then(|host| state.passage(host, self.id));
            there.zip(back).map(|(there, back)| there + back)
        };
        match round_trip {
            Some(round_trip) if round_trip < MAX_QUESTION => {
                sleep(round_trip).await;
                true
            }
            _ => {
                sleep(MAX_QUESTION).await;
                false
            }
        }
    }
}

/// An open port and what is on the way to it.
struct Port {
    node: Node,
    address: SocketAddr,
    inbox: Mutex<Inbox>,
}

#[derive(Default)]
struct Inbox {
    packets: BinaryHeap<Reverse<Arrival>>,
    /// Counts the packets, so that those of one moment keep their order.
    number: u64,
    alarm: Option<Pin<Box<Sleep>>>,
    waker: Option<Waker>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Arrival {
    at: Instant,
    number: u64,
    from: SocketAddr,
    packet: Vec<u8>,
}

impl Port {
    fn deliver(&self, at: Instant, from: SocketAddr, packet: &[u8]) {
        let mut inbox = self.inbox.lock().unwrap();
        inbox.number += 1;
        let arrival = Arrival { at, number: inbox.number, from, packet: packet.to_vec() };
        let is_next = inbox.packets.peek().is_none_or(|Reverse(next)| at < next.at);
        inbox.packets.push(Reverse(arrival));
        if is_next && let Some(waker) = inbox.waker.take() {
            waker.wake();
        }
    }
}

impl SimulatedSocket for Port {
    fn send(&self, packet: &[u8], to: SocketAddr, can_be_cut: bool) -> io::Result<()> {
        let mut state = self.node.network.lock();
        // What a dead process had open sends nothing.
        if state.ports.contains_key(&self.address) {
            state.send(self.node.id, self.address, to, packet, can_be_cut);
        }
        Ok(())
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inbox = self.inbox.lock().unwrap();
        let Inbox { packets, alarm, waker, .. } = &mut *inbox;
        *waker = Some(cx.waker().clone());
        let Some(Reverse(next)) = packets.peek() else { return Poll::Pending };
        if next.at <= Instant::now() {
            return Poll::Ready(());
        }
        let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(next.at)));
        if alarm.deadline() != next.at {
            alarm.as_mut().reset(next.at);
        }
        alarm.as_mut().poll(cx)
    }

    fn receive(&self, buf: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let mut inbox = self.inbox.lock().unwrap();
        inbox.packets.peek().filter(|Reverse(next)| next.at <= Instant::now())?;
        let Reverse(Arrival { packet, from, .. }) = inbox.packets.pop()?;
        let len = packet.len().min(buf.len());
        buf[..len].copy_from_slice(&packet[..len]);
        Some((len, from))
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Port").field(&self.address).finish()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let ports = &mut self.node.network.lock().ports;
        // A node that was given a port of the same number has it.
        let is_own = |port: &Weak<Self>| port.strong_count() == 0;
        if ports.get(&self.address).is_some_and(is_own) {
            ports.remove(&self.address);
        }
    }
}
