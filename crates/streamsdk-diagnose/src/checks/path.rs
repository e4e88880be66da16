//! What is lost on the way to a STUN server, and do full packets get there?
//!
//! A hundred small packets go out within a second, and some full ones between them that may not be cut up. What is
//! known afterwards is about the way there: answers are small.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::udp;
use crate::deadline::Deadline;
use crate::{Code, Finding, Severity, stun};

/// Small ones.
const PACKETS: usize = 100;
const SMALL: usize = 100;
/// What WebRTC sends where nothing else is known, and what an Ethernet carries.
const FULL: [usize; 2] = [1200, 1400];
/// Full ones go with every so manieth.
const FULL_EVERY: usize = 10;
const SPACING: Duration = Duration::from_millis(10);
/// For answers that are still on their way.
const PATIENCE: Duration = Duration::from_millis(700);
const LIMIT: Duration = Duration::from_millis(2500);
/// One in a hundred is nothing to worry about.
const MIN_LOST: usize = 2;
/// Fewer full ones that vanish may be chance.
const MIN_VANISHED: usize = 5;

/// What became of the packets of one size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Fate {
    sent: usize,
    answered: usize,
    /// Did not leave: the kernel knows of a link that is narrower.
    too_large: usize,
}

impl Fate {
    fn lost(self) -> usize {
        self.sent.saturating_sub(self.answered)
    }

    fn vanishes(self) -> bool {
        self.sent >= MIN_VANISHED && self.answered == 0
    }
}

#[derive(Debug, Default)]
struct Seen {
    small: Fate,
    full: [Fate; 2],
    /// What the kernel knows of the way in the end.
    mtu: Option<u32>,
}

pub(crate) async fn check(to: SocketAddr, deadline: Deadline) -> Vec<Finding> {
    match deadline.within(LIMIT, burst(to)).await {
        Some(Ok(seen)) => judge(&seen, to),
        Some(Err(error)) => vec![not_checked(&error.to_string())],
        None => vec![not_checked("there was not enough time")],
    }
}

fn not_checked(why: &str) -> Finding {
    Finding::new(Code::NotChecked, format!("What is lost on the way was not found out: {why}."))
}

async fn burst(to: SocketAddr) -> io::Result<Seen> {
    let socket = udp::toward(to).await?;
    do_not_fragment(&socket);
    let mut burst = Burst { socket, waiting: HashMap::new(), seen: Seen::default() };
    let mut ticks = interval(SPACING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for packet in 0..PACKETS {
        let tick = ticks.tick().await + SPACING;
        burst.send(Size::Small)?;
        if packet % FULL_EVERY == 0 {
            burst.send(Size::Full(0))?;
            burst.send(Size::Full(1))?;
        }
        burst.listen_until(tick).await;
    }
    let end = Instant::now() + PATIENCE;
    while !burst.waiting.is_empty() && Instant::now() < end {
        burst.listen_until(end.min(Instant::now() + SPACING)).await;
    }
    burst.seen.mtu = known_mtu(&burst.socket, to);
    Ok(burst.seen)
}

#[derive(Debug, Clone, Copy)]
enum Size {
    Small,
    Full(usize),
}

struct Burst {
    socket: UdpSocket,
    waiting: HashMap<[u8; 12], Size>,
    seen: Seen,
}

impl Burst {
    fn fate(&mut self, size: Size) -> Option<&mut Fate> {
        match size {
            Size::Small => Some(&mut self.seen.small),
            Size::Full(which) => self.seen.full.get_mut(which),
        }
    }

    fn send(&mut self, size: Size) -> io::Result<()> {
        let bytes = match size {
            Size::Small => SMALL,
            Size::Full(which) => FULL.get(which).copied().unwrap_or(SMALL),
        };
        let request = stun::binding(bytes);
        let sent = match self.socket.try_send(&request.bytes) {
            // What came of the packet before: once more, for this one.
            Err(error) if !is_too_large(&error) => self.socket.try_send(&request.bytes),
            sent => sent,
        };
        let Some(fate) = self.fate(size) else { return Ok(()) };
        match sent {
            Ok(_) => {
                fate.sent += 1;
                self.waiting.insert(request.id.0, size);
                Ok(())
            }
            Err(error) if is_too_large(&error) => {
                fate.too_large += 1;
                Ok(())
            }
            // Lost before it left.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                fate.sent += 1;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn listen_until(&mut self, end: Instant) {
        let mut buffer = [0; 2048];
        // An error is what a router said of a packet, and shows in what becomes of the next ones.
        while let Ok(received) = timeout_at(end, self.socket.recv(&mut buffer)).await {
            let id = received.ok().and_then(|length| stun::answered(buffer.get(..length)?));
            let size = id.and_then(|id| self.waiting.remove(&id.0));
            if let Some(fate) = size.and_then(|size| self.fate(size)) {
                fate.answered += 1;
            }
            if self.waiting.is_empty() {
                break;
            }
        }
        // What is early waits.
        if self.waiting.is_empty() {
            tokio::time::sleep_until(end.min(Instant::now() + SPACING)).await;
        }
    }
}

fn judge(seen: &Seen, to: SocketAddr) -> Vec<Finding> {
    let findings: Vec<_> = [loss(seen.small, to), size(seen, to)].into_iter().flatten().collect();
    if findings.is_empty() {
        let what = format!("No packets are lost on the way to {to}, and full ones get there.");
        return vec![Finding::new(Code::PathClear, what)];
    }
    findings
}

fn loss(small: Fate, to: SocketAddr) -> Option<Finding> {
    (small.lost() >= MIN_LOST).then(|| {
        let what = format!(
            "{} of {} packets were lost on the way to {to} and back.",
            small.lost(),
            small.sent
        );
        Finding::new(Code::PacketLoss, what)
    })
}

fn size(seen: &Seen, to: SocketAddr) -> Option<Finding> {
    let [usual, full] = seen.full;
    if usual.too_large + full.too_large > 0 {
        let mtu = seen.mtu.map(|mtu| format!(" of {mtu} bytes")).unwrap_or_default();
        let what = format!("The way to {to} has a narrow link{mtu}: full packets do not fit.");
        let mut finding = Finding::new(Code::PathMtuSmall, what);
        if usual.too_large > 0 {
            finding.severity = Severity::Warning;
        }
        return Some(finding);
    }
    if seen.small.answered == 0 || !full.vanishes() {
        return None;
    }
    if usual.vanishes() {
        // Of a server that answers no long requests it looks the same.
        let what =
            format!("Whether full packets get through was not found out: {to} answers none.");
        return Some(Finding::new(Code::NotChecked, what));
    }
    let what = format!(
        "Packets of {} bytes vanish on the way to {to}, and those of {} arrive.",
        FULL[1], FULL[0]
    );
    Some(Finding::new(Code::PathBlackHole, what))
}

#[cfg(target_os = "linux")]
fn is_too_large(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error())
}

#[cfg(not(target_os = "linux"))]
fn is_too_large(_: &io::Error) -> bool {
    false
}

/// Where the system does not know how, packets may be cut up, and only what is lost is found out.
fn do_not_fragment(socket: &UdpSocket) {
    #[cfg(target_os = "linux")]
    {
        use rustix::net::sockopt::{
            Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
        };
        let _ = set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DO);
        let _ = set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DO);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

fn known_mtu(socket: &UdpSocket, to: SocketAddr) -> Option<u32> {
    #[cfg(target_os = "linux")]
    return match to {
        SocketAddr::V4(_) => rustix::net::sockopt::ip_mtu(socket),
        SocketAddr::V6(_) => rustix::net::sockopt::ipv6_mtu(socket),
    }
    .ok();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (socket, to);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Fate = Fate { sent: 10, answered: 10, too_large: 0 };
    const VANISHED: Fate = Fate { sent: 10, answered: 0, too_large: 0 };

    fn codes(small_answered: usize, full: [Fate; 2]) -> Vec<Code> {
        let small = Fate { sent: 100, answered: small_answered, too_large: 0 };
        let seen = Seen { small, full, mtu: Some(1280) };
        judge(&seen, ([192, 0, 2, 1], 3478).into()).iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn losses_narrow_links_and_black_holes_are_told_apart() {
        let refused = Fate { sent: 1, answered: 0, too_large: 9 };
        assert_eq!(codes(100, [FINE, FINE]), [Code::PathClear]);
        assert_eq!(codes(99, [FINE, FINE]), [Code::PathClear]);
        assert_eq!(codes(95, [FINE, FINE]), [Code::PacketLoss]);
        assert_eq!(codes(100, [FINE, refused]), [Code::PathMtuSmall]);
        assert_eq!(codes(100, [FINE, VANISHED]), [Code::PathBlackHole]);
        assert_eq!(codes(100, [VANISHED, VANISHED]), [Code::NotChecked]);
        assert_eq!(codes(90, [FINE, VANISHED]), [Code::PacketLoss, Code::PathBlackHole]);
        assert_eq!(codes(0, [VANISHED, VANISHED]), [Code::PacketLoss]);
    }
}
