//! A holder in a process of its own, to be stopped and killed.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use streamsdk_fleet::lease::Lease;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use streamsdk_testkit::nats::{LIMIT, NatsServer};

use crate::leases_at;

const VARIABLE: &str = "LEASE_HOLDER";

/// A process that holds the lease of a stream, and says every few milliseconds whether it does. Killed when dropped.
pub(crate) struct Holder {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    /// When it looked.
    pub(crate) at: Duration,
    pub(crate) is_held: bool,
    pub(crate) epoch: u64,
}

/// The clock that both processes have.
pub(crate) fn now() -> Duration {
    clock_gettime(ClockId::Boottime).try_into().unwrap()
}

impl Holder {
    /// Starts it, and waits until it has the lease.
    pub(crate) async fn start(server: &NatsServer, stream: &str, ttl: Duration) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "holder_in_a_process_of_its_own", "--ignored", "--nocapture"]);
        command.env(VARIABLE, format!("{} {stream} {}", server.port(), ttl.as_millis()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut holder = Self { child, lines };
        while !holder.next().await.is_held {}
        holder
    }

    /// The next that it says.
    pub(crate) async fn next(&mut self) -> Said {
        loop {
            let line = timeout(LIMIT, self.lines.next_line()).await.unwrap();
            let line = line.unwrap().expect("the holder has ended");
            // The test harness says things, too.
            let Some(said) = line.split_once("lease ").map(|(_, said)| said) else { continue };
            let numbers: Vec<u64> =
                said.split_whitespace().map(|number| number.parse().unwrap()).collect();
            let [at, is_held, epoch] = numbers[..] else { panic!("{line}") };
            return Said { at: Duration::from_nanos(at), is_held: is_held == 1, epoch };
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }
}

/// What the process does.
pub(crate) async fn hold() {
    let Ok(what) = std::env::var(VARIABLE) else { return };
    let parts: Vec<_> = what.split(' ').collect();
    let [port, stream, ttl] = parts[..] else { return };
    let ttl = Duration::from_millis(ttl.parse().unwrap());
    let leases = leases_at(port.parse().unwrap(), ttl).await;
    let (streams, mut watch) = ([stream.parse().unwrap()].into(), leases.watch().await.unwrap());
    loop {
        let free = watch.next_free(&streams).await;
        let Ok(Some(lease)) = leases.acquire(&free, "a-process").await else { continue };
        tokio::task::spawn_blocking(move || say_while_held(&lease)).await.unwrap();
    }
}

/// On a thread of its own, which looks before anything else in the process can find out that the lease is lost.
fn say_while_held(lease: &Lease) {
    let mut last = Duration::ZERO;
    let mut is_held = true;
    while is_held {
        let at = now();
        is_held = lease.is_held();
        if !is_held || at > last + Duration::from_millis(20) {
            println!("lease {} {} {}", at.as_nanos(), u8::from(is_held), lease.epoch());
            last = at;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
