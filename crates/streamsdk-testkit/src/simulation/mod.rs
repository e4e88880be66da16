//! A client and a server in one process, on a network and a clock that are made up.
//!
//! [`run`] runs a session and what befalls it, drawn from a number ([`Scenario::of`]) or over a path of the ladder
//! ([`Rung`]), and has it judged by what each side noted. Both sides are the real ones down to the sockets, except that the server's frames are
//! numbers: there are no threads, and so the same number gives the same course.
//!
//! What the engine draws by itself (keys, certificates, sequence numbers) is not drawn from the seed.

mod auditor;
mod client;
mod conditions;
mod http;
mod ladder;
mod network;
mod scenario;
mod server;
mod trace;
mod video;

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde::Serialize;
use streamsdk::{Drops, Ended};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until};

use self::auditor::Notes;
use self::client::Source;
pub use self::client::{Caller, Seen};
pub use self::conditions::{Conditions, Loss};
pub use self::ladder::{Rung, rungs};
pub use self::network::{Network, Node};
pub use self::scenario::{Fault, Kind, Scenario};
pub use self::server::{Server, ServerBehaviour, ServerSession};
pub use self::video::Video;

/// By then everything that a session leaves behind must be gone: a server hears of the end of its client after
/// `dead_after` at the latest.
const CLEANING_UP: Duration = Duration::from_secs(90);

/// What became of a scenario.
#[derive(Debug, Serialize)]
pub struct Outcome {
    pub seed: u64,
    pub kind: Kind,
    #[serde(skip)]
    pub scenario: Scenario,
    /// What is not as it should be.
    pub faults: Vec<String>,
    /// How the session ended; `None` if it was not started.
    pub ended: Option<Ended>,
    /// Why it failed, or was not started.
    pub error: Option<String>,
    pub links: u32,
    pub results: usize,
    /// When the first of them was there, from the start of the session.
    #[serde(skip)]
    pub first_result: Option<Duration>,
    /// Frames that there were, as far as the session knows.
    pub frames: u64,
    /// Those of them that the program did not get.
    pub dropped: Drops,
    /// How much time the session took, on the clock that is made up.
    #[serde(rename = "session_s", serialize_with = "streamsdk_protocol::seconds::serialize")]
    pub session: Duration,
    /// The same with what came after it.
    #[serde(rename = "took_s", serialize_with = "streamsdk_protocol::seconds::serialize")]
    pub took: Duration,
    pub packets: u64,
    /// The same for the same course.
    pub trace: u64,
}

/// Runs a scenario.
pub fn run(scenario: Scenario) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    // What the client draws: how long it waits before it connects again.
    fastrand::seed(scenario.seed);
    runtime.block_on(play(scenario))
}

async fn play(scenario: Scenario) -> Outcome {
    let begun = Instant::now();
    let mut rng = Rng::with_seed(scenario.seed);
    let network = Network::new(rng.fork());
    let (client, home) = (network.node(), network.node());
    network.change_both(&client, &home, |conditions| *conditions = scenario.path.clone());
    network.hold_up(scenario.held_up);
    if scenario.is_behind_nat {
        client.hide_behind_nat();
    }
    let server = Server::new(home, scenario.server.clone(), rng.fork());
    let source = match scenario.kind {
        Kind::File => Source::File(scenario.video.file(scenario.file_bytes).into()),
        Kind::LosslessCamera | Kind::RealtimeCamera => Source::Camera,
    };
    let seen = {
        let session = client::run(&client, &server, source, scenario.config(), &scenario.caller);
        let befalling = befall(&scenario, &network, &client, &server);
        tokio::select! {
            biased;
            seen = session => seen,
            () = befalling => unreachable!("faults wait for the end of the session"),
        }
    };
    network.change_both(&client, server.node(), |conditions| conditions.is_cut = false);
    server.finish(CLEANING_UP).await;
    let tasks = remaining_tasks().await;
    let sessions = server.sessions();
    let notes = Notes {
        scenario: &scenario,
        seen: &seen,
        sessions: &sessions,
        open_ports: network.open_ports(),
        tasks,
    };
    let faults = auditor::judge(&notes);
    let summary = seen.summary;
    Outcome {
        seed: scenario.seed,
        kind: scenario.kind,
        faults,
        error: seen.error.map(|error| error.to_string()),
        links: summary.as_ref().map_or(0, |summary| summary.links),
        frames: summary.as_ref().map_or(0, |summary| summary.frames_sent),
        dropped: summary.as_ref().map(|summary| summary.dropped).unwrap_or_default(),
        session: seen.took,
        ended: summary.and_then(|summary| summary.ended),
        results: seen.results.len(),
        first_result: seen.first_result,
        took: begun.elapsed(),
        packets: network.packets(),
        trace: network.trace(),
        scenario,
    }
}

/// Tasks that do not end.
async fn remaining_tasks() -> usize {
    let end = Instant::now() + CLEANING_UP;
    loop {
        let tasks = Handle::current().metrics().num_alive_tasks();
        if tasks == 0 || Instant::now() > end {
            return tasks;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Lets the scenario's faults happen. Never ends.
async fn befall(scenario: &Scenario, network: &Network, client: &Node, server: &Arc<Server>) {
    let begun = Instant::now();
    let home = server.node();
    let path = scenario.path.clone();
    for (at, fault) in &scenario.faults {
        sleep_until(begun + *at).await;
        match *fault {
            Fault::Blackout(time) => {
                network.change_both(client, home, |conditions| conditions.is_cut = true);
                sleep(time).await;
            }
            Fault::DeafServer(time) => {
                network.change(client, home, |conditions| conditions.is_cut = true);
                sleep(time).await;
            }
            Fault::DeafClient(time) => {
                network.change(home, client, |conditions| conditions.is_cut = true);
                sleep(time).await;
            }
            Fault::Loss(lost, time) => {
                network.change_both(client, home, |conditions| {
                    conditions.loss = Loss::Random(lost);
                });
                sleep(time).await;
            }
            Fault::NatRebinding => client.rebind_nat(),
            Fault::AddressChange => client.change_address(),
            Fault::ServerKilled(time) => {
                server.kill();
                sleep(time).await;
                server.start_again();
            }
        }
        network.change_both(client, home, |conditions| *conditions = path.clone());
    }
    std::future::pending().await
}
