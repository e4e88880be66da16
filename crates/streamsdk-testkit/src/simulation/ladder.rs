//! Paths as there are in the world, from good ones to bad ones, and what is streamed over each.

use std::time::Duration;

use super::client::Caller;
use super::conditions::{Conditions, Loss};
use super::scenario::{Fault, Kind, Scenario};
use super::server::ServerBehaviour;
use super::video::Video;

/// A path by its name.
pub struct Rung {
    pub name: &'static str,
    path: Conditions,
    is_behind_nat: bool,
    faults: Vec<Fault>,
}

/// When what befalls a session does: in the middle of most uploads.
const FAULT_AT: Duration = Duration::from_millis(1500);
const FILE_BYTES: usize = 2_000_000;
const FRAMES: u32 = 150;
const FRAME_INTERVAL: Duration = Duration::from_millis(33);
const MAX_RESULT: usize = 2000;
const PROCESSING: Duration = Duration::from_millis(5);

/// All of them.
pub fn rungs() -> Vec<Rung> {
    let millis = Duration::from_millis;
    let with_delay = |delay| Conditions { delay: millis(delay), ..Conditions::default() };
    let jittery = |delay| Conditions { jitter: millis(delay / 4), ..with_delay(delay) };
    let rung = |name, path| Rung { name, path, is_behind_nat: false, faults: Vec::new() };
    let befallen = |name, fault| Rung { faults: vec![fault], ..rung(name, jittery(25)) };
    let weak_4g = Conditions { loss: Loss::Random(0.02), rate: Some(8_000_000), ..jittery(45) };
    let slow_3g = Conditions { rate: Some(400_000), queue: millis(500), ..jittery(75) };
    // A twentieth of all, some in a row.
    let bursts = Conditions { loss: Loss::Bursts { to_bad: 0.028, to_good: 0.25 }, ..jittery(25) };
    vec![
        rung("good Wi-Fi", jittery(8)),
        rung("LTE", jittery(25)),
        rung("weak 4G, 2 % lost", weak_4g),
        rung("slow 3G, 400 kbit/s", slow_3g),
        rung("bursts of loss, 5 %", bursts),
        rung("satellite", with_delay(300)),
        rung("MTU 1280", Conditions { mtu: 1280, ..jittery(8) }),
        befallen("blackout of 3 s", Fault::Blackout(millis(3000))),
        befallen("blackout of 40 s", Fault::Blackout(millis(40_000))),
        befallen("the server hears nothing for 20 s", Fault::DeafServer(millis(20_000))),
        befallen("another address", Fault::AddressChange),
        Rung { is_behind_nat: true, ..befallen("another port at the NAT", Fault::NatRebinding) },
        befallen("the server killed, back after 1 s", Fault::ServerKilled(millis(1000))),
    ]
}

impl Rung {
    /// A session of that kind over the path. A lost connection is made again.
    pub fn scenario(&self, kind: Kind, seed: u64) -> Scenario {
        let interval = if kind == Kind::File { Duration::ZERO } else { FRAME_INTERVAL };
        let video = Video { frames: FRAMES, interval };
        Scenario {
            seed,
            kind,
            file_bytes: FILE_BYTES,
            server: ServerBehaviour {
                ack_window: 8,
                processing: PROCESSING,
                max_result: MAX_RESULT,
                camera: video.clone(),
            },
            video,
            caller: Caller { pause: Duration::ZERO, closes_after: None, leaves_after: None },
            retries: true,
            path: self.path.clone(),
            is_behind_nat: self.is_behind_nat,
            held_up: Duration::ZERO,
            faults: self.faults.iter().map(|fault| (FAULT_AT, *fault)).collect(),
        }
    }
}
