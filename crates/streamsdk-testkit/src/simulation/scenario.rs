//! What is tried out, all of it drawn from one number.

use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use streamsdk::{RetryPolicy, StreamConfig, Timeouts};

use super::client::Caller;
use super::conditions::{Conditions, Loss};
use super::server::ServerBehaviour;
use super::video::Video;

/// A session and what befalls it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub seed: u64,
    pub kind: Kind,
    pub video: Video,
    /// Bytes of the file, where there is one.
    pub file_bytes: usize,
    pub server: ServerBehaviour,
    pub caller: Caller,
    /// Whether a lost connection is made again.
    pub retries: bool,
    /// What the path is like from the start.
    pub path: Conditions,
    pub is_behind_nat: bool,
    /// How long connections are held up at moments that are rarely long.
    pub held_up: Duration,
    /// In the order of their times, which count from the start.
    pub faults: Vec<(Duration, Fault)>,
}

/// What is streamed, and what is promised of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A file is uploaded, and each of its frames comes back.
    File,
    /// The server's camera, of which each frame that it takes comes back.
    LosslessCamera,
    /// The server's camera, of which what is late is left out.
    RealtimeCamera,
}

/// What happens to the network or its nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Nothing passes for so long.
    Blackout(Duration),
    /// Nothing reaches the server for so long.
    DeafServer(Duration),
    /// Nothing reaches the client for so long.
    DeafClient(Duration),
    /// So much is lost for so long.
    Loss(f64, Duration),
    NatRebinding,
    AddressChange,
    /// The server dies, and another one takes its place so long after.
    ServerKilled(Duration),
}

/// The longest that a session may go on beside its faults.
const MAX_VIDEO: Duration = Duration::from_secs(60);

impl Scenario {
    /// The scenario of that number. Each kind of fault is in some of them and not in others, so that one does not
    /// hide another.
    pub fn of(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let kind = *choose(rng, &[Kind::File, Kind::LosslessCamera, Kind::RealtimeCamera]);
        let is_file = kind == Kind::File;
        let interval = Duration::from_millis(*choose(rng, &[20, 33, 100, 500]));
        let video = Video {
            frames: rng.u32(1..=200),
            interval: if is_file { Duration::ZERO } else { interval },
        };
        let largest_file = *choose(rng, &[1000, 100_000, 1_000_000]);
        let path = path(rng);
        let faults = if rng.bool() { faults(rng) } else { Vec::new() };
        Self {
            seed,
            kind,
            file_bytes: rng.usize(1..=largest_file),
            server: ServerBehaviour {
                ack_window: *choose(rng, &[1, 1, 8]),
                processing: Duration::from_millis(*choose(rng, &[0, 5, 30])),
                max_result: *choose(rng, &[200, 2000, 60_000]),
                camera: video.clone(),
            },
            video,
            caller: Caller {
                pause: Duration::from_millis(*choose(rng, &[0, 0, 10, 100])),
                closes_after: sometime(rng, 20_000),
                leaves_after: sometime(rng, 2000).or_else(|| sometime(rng, 20_000)),
            },
            retries: rng.u8(..4) > 0,
            path,
            is_behind_nat: rng.u8(..4) == 0,
            held_up: Duration::from_millis(*choose(rng, &[0, 0, 50, 2000])),
            faults,
        }
    }

    /// What the client asks for.
    pub(super) fn config(&self) -> StreamConfig {
        let retry = if self.retries { RetryPolicy::default() } else { RetryPolicy::never() };
        StreamConfig::default()
            .data_output(["predictions"])
            .realtime_processing(self.kind == Kind::RealtimeCamera)
            .timeouts(Timeouts::default())
            .retry(retry)
            // It would look at the real network.
            .diagnose_failures(false)
    }

    /// Whether each frame that the server takes is promised.
    pub(super) fn is_lossless(&self) -> bool {
        self.kind != Kind::RealtimeCamera
    }

    /// Whether nothing happens that could end a session early.
    pub(super) fn is_harmless(&self) -> bool {
        let is_fast = self.path.rate.is_none_or(|rate| rate >= 1_000_000);
        self.faults.is_empty()
            && self.caller.closes_after.is_none()
            && self.caller.leaves_after.is_none()
            && self.path.loss.mean() <= 0.02
            && is_fast
    }

    /// By when the session must be over, however it ends. Not a word on how long it should take: only on what must
    /// not go on for ever.
    pub(super) fn must_end_within(&self) -> Duration {
        let faults: Duration = self.faults.iter().map(|(_, fault)| fault.lasts()).sum();
        let thinking = self.caller.pause * self.video.frames;
        let processing = self.server.processing * self.video.frames;
        let video = self.video.time_of(self.video.frames).min(MAX_VIDEO * 2);
        // Each of the limits of a session, and that of all attempts to connect again.
        let limits = Duration::from_secs(30 + 2 * 30 + 30 + 90 + 60 + 120 + 90);
        // What is to be carried, at the rate that is left of it.
        let bytes = self.file_bytes + self.video.frames as usize * self.server.max_result;
        let rate = self.path.rate.unwrap_or(u64::MAX).min(200_000) as f64;
        let carrying = Duration::from_secs_f64(8.0 * bytes as f64 / rate);
        limits + 4 * (faults + thinking + processing + video + carrying)
    }
}

impl Fault {
    fn lasts(self) -> Duration {
        match self {
            Self::Blackout(time)
            | Self::DeafServer(time)
            | Self::DeafClient(time)
            | Self::Loss(_, time)
            | Self::ServerKilled(time) => time,
            Self::NatRebinding | Self::AddressChange => Duration::ZERO,
        }
    }
}

fn choose<'a, T>(rng: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(..choices.len())]
}

/// Within so many milliseconds, in one of ten scenarios.
fn sometime(rng: &mut Rng, within: u64) -> Option<Duration> {
    (rng.u8(..10) == 0).then(|| Duration::from_millis(rng.u64(..within)))
}

/// Each fault of a path is there in one of three scenarios.
fn path(rng: &mut Rng) -> Conditions {
    let mut path = Conditions {
        delay: Duration::from_millis(*choose(rng, &[0, 1, 8, 25, 45, 125, 300])),
        ..Conditions::default()
    };
    let mut sometimes = |change: &mut dyn FnMut(&mut Conditions, &mut Rng)| {
        if rng.u8(..3) == 0 {
            change(&mut path, rng);
        }
    };
    sometimes(&mut |path, rng| path.jitter = path.delay.mul_f64(rng.f64()));
    sometimes(&mut |path, rng| {
        path.loss = match rng.bool() {
            true => Loss::Random(*choose(rng, &[0.001, 0.01, 0.02, 0.05])),
            false => Loss::Bursts { to_bad: 0.01, to_good: 0.25 },
        };
    });
    sometimes(&mut |path, rng| path.reordered = *choose(rng, &[0.01, 0.1]));
    sometimes(&mut |path, rng| path.duplicated = *choose(rng, &[0.01, 0.1]));
    sometimes(&mut |path, rng| {
        path.rate = Some(*choose(rng, &[400_000, 2_000_000, 8_000_000, 100_000_000]));
    });
    sometimes(&mut |path, rng| path.mtu = *choose(rng, &[1280, 1400, 1464]));
    path
}

fn faults(rng: &mut Rng) -> Vec<(Duration, Fault)> {
    let count = rng.usize(1..=3);
    let mut faults: Vec<_> =
        (0..count).map(|_| (Duration::from_millis(rng.u64(..15_000)), fault(rng))).collect();
    faults.sort_by_key(|(at, _)| *at);
    faults
}

fn fault(rng: &mut Rng) -> Fault {
    let time = Duration::from_millis(*choose(rng, &[100, 1000, 3000, 20_000, 40_000]));
    match rng.u8(..7) {
        0 => Fault::Blackout(time),
        1 => Fault::DeafServer(time),
        2 => Fault::DeafClient(time),
        3 => Fault::Loss(*choose(rng, &[0.1, 0.3, 0.6]), time),
        4 => Fault::NatRebinding,
        5 => Fault::AddressChange,
        _ => Fault::ServerKilled(time),
    }
}
