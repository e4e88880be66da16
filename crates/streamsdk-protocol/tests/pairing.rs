//! Pairing against a simulated server: whatever is lost, late or odd, no pair is ever wrong.
// Clippy takes only functions marked as tests for test code.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use streamsdk_protocol::output::VideoMetadata;
use streamsdk_protocol::pairing::{
    Continuity, DataStamp, FrameStamp, Paired, Pairing, PairingConfig, PairingStatistics,
    SenderReport, pts_to_90khz,
};

const FRAMES: u32 = 300;
const WINDOW: usize = 150;

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn with_sender_reports_no_delay_on_either_path_makes_a_pair_wrong(
        server in server(),
        delays in (delay(0..400, 80), delay(0..900, 80)),
    ) {
        let outcome = server.run(&delays.0, &delays.1, true);
        prop_assert!(outcome.is_right(), "{outcome:?}");
        prop_assert!(outcome.pairs_nearly_all(), "{outcome:?}");
    }

    #[test]
    fn without_sender_reports_messages_as_fast_as_frames_make_no_pair_wrong(
        server in server(),
        delays in (delay(2..10, 3), delay(0..2, 1)),
    ) {
        let outcome = server.run(&delays.0, &delays.1, false);
        prop_assert!(outcome.is_right(), "{outcome:?}");
        prop_assert!(outcome.pairs_nearly_all(), "{outcome:?}");
    }

    #[test]
    fn garbage_comes_out_exactly_once_and_does_not_pile_up(
        events in vec((any::<u32>(), stamp(), stamp(), 0..6u8), 1..400),
        window in 0..20usize,
    ) {
        let config = PairingConfig::default().window(window);
        let mut run = Run::new(config);
        for (random, pts, time_base, kind) in events {
            let arrived = Duration::from_millis(random.into());
            match kind {
                0 => run.pairing.push_report(SenderReport {
                    rtp_time: random % 7,
                    ntp_time: pts.to_bits(),
                }),
                1..3 => run.data(DataStamp::new(Some(&VideoMetadata {
                    frame_id: random % 9,
                    received_at: Some(format!("T0:{}:{}", random % 60, random % 59)),
                    pts: Some(pts as i64),
                    time_base: Some(time_base),
                    ..VideoMetadata::default()
                }), arrived), random),
                _ => {
                    let continuity = [Continuity::First, Continuity::Next, Continuity::AfterGap][random as usize % 3];
                    run.frame(FrameStamp { rtp_time: random % 7, continuity, arrived }, random);
                }
            }
        }
        let outcome = run.finish();
        prop_assert!(outcome.all_came_out_once, "{outcome:?}");
        prop_assert!(outcome.most_waiting <= 2 * window.max(1), "{outcome:?}");
    }

    #[test]
    fn a_time_base_that_is_a_fraction_converts_exactly(
        pts in any::<i32>(),
        numerator in 1..2_000i64,
        denominator in 1..1_000_000i64,
    ) {
        let exact = i128::from(pts) * 90_000 * i128::from(numerator) / i128::from(denominator);
        let time_base = numerator as f64 / denominator as f64;
        prop_assert_eq!(pts_to_90khz(pts.into(), time_base).map(i128::from), Some(exact));
    }
}

#[test]
fn the_clock_wraps_in_a_session_of_more_than_26_hours() {
    let server = Server {
        rtp_offset: u32::MAX - 1_000,
        first_pts: 0,
        denominator: 90_000,
        steps: vec![5 * 60 * 90_000; FRAMES as usize + 20],
        jitter: vec![0],
        lost_first_frames: 0,
        lost_first_data: 0,
        lost_frames: BTreeSet::from([99, 200]),
        lost_data: BTreeSet::from([150]),
        report_after: 700_000,
        midnight: 0,
        zone: 2,
    };
    let nothing = Delay { always: 0, each: vec![0] };
    let outcome = server.run(&nothing, &nothing, true);
    assert!(outcome.is_right() && outcome.pairs_nearly_all(), "{outcome:?}");
    assert_eq!(outcome.statistics.corrected, 0);
}

/// A server as the pairing knows it, and what gets lost of what it sends.
#[derive(Debug, Clone)]
struct Server {
    rtp_offset: u32,
    /// In units of the time base, as all source times are.
    first_pts: i64,
    denominator: i64,
    /// From each source frame that is processed to the next.
    steps: Vec<i64>,
    /// Ticks between the times that the two paths give a frame.
    jitter: Vec<i32>,
    lost_first_frames: u32,
    lost_first_data: u32,
    lost_frames: BTreeSet<u32>,
    lost_data: BTreeSet<u32>,
    /// Microseconds from one report to the next.
    report_after: u64,
    /// Microseconds of the server's clock when the session begins.
    midnight: u64,
    zone: u64,
}

/// How long one path takes, in milliseconds. It never reorders.
#[derive(Debug, Clone)]
struct Delay {
    always: u64,
    each: Vec<u64>,
}

#[derive(Debug, Clone)]
enum Sent {
    Data(VideoMetadata),
    Frame(FrameStamp),
    Report(SenderReport),
}

impl Server {
    fn run(&self, frame_delay: &Delay, data_delay: &Delay, reports: bool) -> Outcome {
        let mut events = self.session(frame_delay, data_delay, reports);
        events.sort_by_key(|(arrived, ..)| *arrived);
        let mut run = Run::new(PairingConfig::default().window(WINDOW));
        for (arrived, number, sent) in events {
            match sent {
                Sent::Data(metadata) => run.data(DataStamp::new(Some(&metadata), arrived), number),
                Sent::Frame(stamp) => run.frame(FrameStamp { arrived, ..stamp }, number),
                Sent::Report(report) => run.report(report),
            }
        }
        run.finish()
    }

    /// What arrives, when, and which frame it is about. The server takes a frame, works on it,
    /// sends the message, then the frame, and only then takes the next one.
    fn session(&self, frame_delay: &Delay, data_delay: &Delay, reports: bool) -> Vec<Arrival> {
        let mut paths = (Path::new(frame_delay), Path::new(data_delay));
        let mut events = Vec::new();
        let mut pts = self.first_pts;
        let (mut now, mut reported, mut received) = (0, 0, None);
        let first_pts = pts;
        for (number, step) in (1..=FRAMES).zip(&self.steps) {
            let due = ((pts - first_pts) as i128 * 1_000_000 / self.denominator as i128) as u64;
            let taken = now.max(due);
            let sent = taken + 4_000 + u64::from(number * 7_919 % 5_000);
            now = sent + 3_000 + u64::from(number * 104_729 % 6_000);
            if number > self.lost_first_data && !self.lost_data.contains(&number) {
                let message = Sent::Data(self.metadata(number, pts, taken));
                events.push((paths.1.arrival(sent, number), number, message));
            }
            let arrived = paths.0.arrival(now, number);
            if number > self.lost_first_frames && !self.lost_frames.contains(&number) {
                let continuity = match received {
                    None if number == 1 => Continuity::First,
                    Some(last) if last + 1 == number => Continuity::Next,
                    _ => Continuity::AfterGap,
                };
                received = Some(number);
                let rtp_time = self.rtp_time(number, pts);
                let stamp = FrameStamp { rtp_time, continuity, arrived: Duration::ZERO };
                events.push((arrived, number, Sent::Frame(stamp)));
                if reports && now >= reported + self.report_after {
                    reported = now;
                    let report = SenderReport { rtp_time, ntp_time: self.ntp_time(now) };
                    events.push((arrived, number, Sent::Report(report)));
                }
            }
            pts += step;
        }
        events
    }

    fn metadata(&self, frame_id: u32, pts: i64, taken: u64) -> VideoMetadata {
        let local = self.midnight + taken + self.zone * 900_000_000;
        let (seconds, micros) = (local / 1_000_000, local % 1_000_000);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        VideoMetadata {
            frame_id,
            received_at: Some(format!("2026-11-22T{hour:02}:{minute:02}:{second:02}.{micros:06}")),
            pts: Some(pts),
            time_base: Some(1.0 / self.denominator as f64),
            ..VideoMetadata::default()
        }
    }

    fn rtp_time(&self, number: u32, pts: i64) -> u32 {
        let jitter = self.jitter[number as usize % self.jitter.len()];
        let ticks = i128::from(pts) * 90_000 / i128::from(self.denominator);
        self.rtp_offset.wrapping_add(ticks as u32).wrapping_add_signed(jitter)
    }

    fn ntp_time(&self, now: u64) -> u64 {
        let utc = self.midnight + now;
        // 2026-11-22 in seconds since 1900.
        let midnight = 4_004_294_400;
        ((midnight + utc / 1_000_000) << 32) + ((utc % 1_000_000) << 32) / 1_000_000
    }
}

/// When it arrives, the number of the frame that it is about, and what it is.
type Arrival = (Duration, u32, Sent);

struct Path<'a> {
    delay: &'a Delay,
    last: u64,
}

impl<'a> Path<'a> {
    fn new(delay: &'a Delay) -> Self {
        Self { delay, last: 0 }
    }

    fn arrival(&mut self, sent: u64, number: u32) -> Duration {
        let Delay { always, each } = self.delay;
        let delay = always + each[number as usize % each.len()];
        self.last = self.last.max(sent + delay * 1_000);
        Duration::from_micros(self.last)
    }
}

/// A pairing that is drained after every push, and everything that went in and came out.
struct Run {
    pairing: Pairing<(u32, usize), (u32, usize)>,
    frames: usize,
    data: usize,
    /// Numbers of the frames and messages pushed.
    pushed: (BTreeSet<u32>, BTreeSet<u32>),
    came: (Vec<usize>, Vec<usize>),
    frame_order: Vec<u32>,
    wrong: Vec<(u32, u32)>,
    most_waiting: usize,
}

#[derive(Debug)]
struct Outcome {
    statistics: PairingStatistics,
    all_came_out_once: bool,
    in_order: bool,
    wrong: Vec<(u32, u32)>,
    /// Frames of which both the frame and the message arrived.
    pairable: usize,
    most_waiting: usize,
}

impl Outcome {
    fn is_right(&self) -> bool {
        let bounded = self.most_waiting <= 2 * WINDOW;
        self.wrong.is_empty() && self.all_came_out_once && self.in_order && bounded
    }

    fn pairs_nearly_all(&self) -> bool {
        self.statistics.paired * 100 >= self.pairable as u64 * 98
    }
}

impl Run {
    fn new(config: PairingConfig) -> Self {
        Self {
            pairing: Pairing::new(config),
            frames: 0,
            data: 0,
            pushed: Default::default(),
            came: Default::default(),
            frame_order: Vec::new(),
            wrong: Vec::new(),
            most_waiting: 0,
        }
    }

    fn frame(&mut self, stamp: FrameStamp, number: u32) {
        self.pairing.push_frame(stamp, (number, self.frames));
        self.pushed.0.insert(number);
        self.frames += 1;
        self.drain();
    }

    fn data(&mut self, stamp: DataStamp, number: u32) {
        self.pairing.push_data(stamp, (number, self.data));
        self.pushed.1.insert(number);
        self.data += 1;
        self.drain();
    }

    fn report(&mut self, report: SenderReport) {
        self.pairing.push_report(report);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(paired) = self.pairing.pop() {
            let (frame, data) = match paired {
                Paired::Both(frame, data) => (Some(frame), Some(data)),
                Paired::FrameOnly(frame) => (Some(frame), None),
                Paired::DataOnly(data) => (None, Some(data)),
            };
            if let (Some((frame, _)), Some((data, _))) = (frame, data)
                && frame != data
            {
                self.wrong.push((frame, data));
            }
            self.frame_order.extend(frame.map(|(number, _)| number));
            self.came.0.extend(frame.map(|(_, at)| at));
            self.came.1.extend(data.map(|(_, at)| at));
        }
        let came = self.came.0.len() + self.came.1.len();
        self.most_waiting = self.most_waiting.max(self.frames + self.data - came);
    }

    fn finish(mut self) -> Outcome {
        self.drain();
        self.pairing.finish();
        self.drain();
        self.came.0.sort_unstable();
        self.came.1.sort_unstable();
        Outcome {
            statistics: self.pairing.statistics(),
            all_came_out_once: self.came.0.into_iter().eq(0..self.frames)
                && self.came.1.into_iter().eq(0..self.data),
            in_order: self.frame_order.is_sorted(),
            wrong: self.wrong,
            pairable: self.pushed.0.intersection(&self.pushed.1).count(),
            most_waiting: self.most_waiting,
        }
    }
}

/// A server with any source and any bad luck.
fn server() -> impl Strategy<Value = Server> {
    let rtp_offset = prop_oneof![any::<u32>(), u32::MAX - 300_000..=u32::MAX];
    let denominator = prop_oneof![Just(90_000), Just(15_360), Just(12_800), Just(24_000)];
    let source = (rtp_offset, denominator, rhythm(), vec(-3..=3, 1..40));
    let first = prop_oneof![2 => Just(0), 3 => 0..=5u32];
    let lost = |most| btree_set(1..=FRAMES, 0..=most);
    let losses = (first.clone(), first, lost(6), lost(3));
    let clock = (500_000..1_500_000u64, 0..86_000_000_000u64, 0..96u64);
    let first_pts = prop_oneof![Just(0), -1_000_000..10_000_000_000i64];
    (source, first_pts, losses, clock).prop_map(|(source, first_pts, losses, clock)| {
        let (rtp_offset, denominator, milliseconds, jitter) = source;
        let in_units = |millis: &i64| millis * denominator / 1_000;
        Server {
            rtp_offset,
            first_pts,
            denominator,
            steps: milliseconds.iter().map(in_units).collect(),
            jitter,
            lost_first_frames: losses.0,
            lost_first_data: losses.1,
            lost_frames: losses.2,
            lost_data: losses.3,
            report_after: clock.0,
            midnight: clock.1,
            zone: clock.2,
        }
    })
}

/// Milliseconds between frames: steady, steady with skipped frames, alternating, or unsteady.
fn rhythm() -> impl Strategy<Value = Vec<i64>> {
    let count = FRAMES as usize;
    prop_oneof![
        (25..45i64).prop_map(move |step| vec![step; count]),
        vec(prop_oneof![5 => Just(33i64), 1 => Just(66), 1 => Just(99)], count),
        Just([33, 33, 34].repeat(count / 3)),
        vec(20..60i64, count),
    ]
}

fn delay(always: std::ops::Range<u64>, most: u64) -> impl Strategy<Value = Delay> {
    (always, vec(0..=most, 1..50)).prop_map(|(always, each)| Delay { always, each })
}

/// Any number, and often one that means something.
fn stamp() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(0.0), Just(i64::MIN as f64), Just(1.0 / 90_000.0), 0.0..100.0]
}
