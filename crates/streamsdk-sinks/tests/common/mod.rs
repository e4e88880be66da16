//! Brokers that tests start, kill and start again, and the load that goes to them meanwhile.
#![allow(dead_code, unreachable_pub)]

#[cfg(feature = "tls")]
pub mod tls;

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use streamsdk_sinks::{Ended, Outlet, OutletConfig, Place, Record, ResultSink};
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take before the test is wrong; a busy machine takes long.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A broker in a process of its own, always at the same port and with the same folder. Ends when dropped.
pub struct Broker {
    command: fn(u16, &Path) -> Command,
    child: Child,
    /// Bound, and not listening: so nobody else is given the port, be it while the broker is away.
    port: TcpSocket,
    folder: TempDir,
}

impl Broker {
    /// Starts it, and waits until it takes connections.
    pub async fn start(command: fn(u16, &Path) -> Command) -> Self {
        let port = TcpSocket::new_v4().unwrap();
        // The broker binds to it as well.
        port.set_reuseaddr(true).unwrap();
        port.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(command, number(&port), folder.path()).unwrap_or_else(|error| {
            panic!("cannot start the broker, which `cargo xtask setup` installs: {error}")
        });
        let broker = Self { command, child, port, folder };
        broker.is_up().await;
        broker
    }

    pub fn port(&self) -> u16 {
        number(&self.port)
    }

    /// What it has on disk.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it, so that it can say nothing to anybody.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again after [`Broker::kill`].
    pub async fn start_again(&mut self) {
        self.child = spawn(self.command, self.port(), self.folder.path()).unwrap();
        self.is_up().await;
    }

    async fn is_up(&self) {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port())).await.is_err() {
            assert!(started.elapsed() < LIMIT, "the broker does not listen");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn number(port: &TcpSocket) -> u16 {
    port.local_addr().unwrap().port()
}

fn spawn(command: fn(u16, &Path) -> Command, port: u16, folder: &Path) -> std::io::Result<Child> {
    let mut command = command(port, folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.kill_on_drop(true).spawn()
}

/// A program that may be where only administrators look.
pub fn program(name: &str) -> Command {
    let places = ["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join(name));
    Command::new(places.into_iter().find(|place| place.is_file()).unwrap_or_else(|| name.into()))
}

pub fn record(stream: &str, sequence: u64) -> Record {
    let payload = format!("{{\"version\":1,\"stream\":\"{stream}\",\"sequence\":{sequence}}}");
    Record::new(stream.parse().unwrap(), Place { epoch: 1, sequence }, payload)
}

/// What the streams `left` and `right` deliver by turns: so many records each, numbered from 1.
pub const STREAMS: [&str; 2] = ["left", "right"];

/// Puts records of [`STREAMS`] into an outlet, `each` a stream in the time `during`, while something fails after a third of
/// them. Closes the outlet.
pub async fn deliver_through(
    sink: Box<dyn ResultSink>,
    each: u64,
    during: Duration,
    failing: impl Future<Output = ()>,
) -> Ended {
    let outlet = Outlet::open(sink, OutletConfig::default()).unwrap();
    let interval = during / u32::try_from(each).unwrap();
    let put = async {
        for sequence in 1..=each {
            for stream in STREAMS {
                outlet.put(record(stream, sequence)).await.unwrap();
            }
            sleep(interval).await;
        }
    };
    let fail = async {
        let started = Instant::now();
        while outlet.counters().delivered < each / 3 {
            assert!(started.elapsed() < LIMIT, "nothing is delivered: {:?}", outlet.counters());
            sleep(Duration::from_millis(5)).await;
        }
        failing.await;
    };
    tokio::join!(put, fail);
    outlet.close(LIMIT).await
}

/// The same while the broker is killed, and is away for so long.
pub async fn deliver_through_a_kill(
    sink: Box<dyn ResultSink>,
    broker: &mut Broker,
    each: u64,
    during: Duration,
    away: Duration,
) -> Ended {
    let failing = async {
        broker.kill().await;
        sleep(away).await;
        broker.start_again().await;
    };
    deliver_through(sink, each, during, failing).await
}

/// Delivers a batch after attempts that are dropped: in time for nothing at first, later for some of it, at last for all.
/// Returns how many were dropped or failed.
pub async fn deliver_after_drops(
    sink: &mut impl ResultSink,
    batch: &[Record],
    step: Duration,
) -> u32 {
    let started = Instant::now();
    let (mut limit, mut attempts) = (Duration::ZERO, 0);
    while !timeout(limit, sink.deliver(batch)).await.is_ok_and(|delivered| delivered.is_ok()) {
        // By a share as well, so that a machine that takes ten times as long for one attempt does for the test, not a
        // hundred times.
        limit += step + limit / 20;
        attempts += 1;
        assert!(started.elapsed() < LIMIT, "nothing is delivered, or the broker has ended");
    }
    attempts
}

/// Whether numbers are 1 to `each` in order: with some that come again where `is_repeated`, as what was not acknowledged does.
pub fn assert_complete_and_in_order(numbers: &[u64], each: u64, is_repeated: bool) {
    let mut next = 1;
    for &number in numbers {
        assert!(number <= next, "{number} came where {next} is missing: {numbers:?}");
        assert!(is_repeated || number == next, "{number} came again: {numbers:?}");
        next = next.max(number + 1);
    }
    assert_eq!(next - 1, each, "the rest is missing: {numbers:?}");
}
