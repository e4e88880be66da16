use proptest::prelude::*;

use super::*;

const MS: TimeBase = TimeBase::MILLISECONDS;
const FRAME_TIME: Duration = Duration::from_millis(40);

/// The times of frames with these timestamps, which came so many milliseconds after the first.
fn times(mut clock: StreamClock, frames: impl IntoIterator<Item = (Option<i64>, i64)>) -> Vec<i64> {
    let start = Instant::now();
    let mut time = |(own, arrived): (Option<i64>, i64)| {
        let now = start + Duration::from_millis(arrived as u64);
        clock.stamp(own.map(|own| Timestamp::new(own, MS)), now).pts
    };
    frames.into_iter().map(&mut time).collect()
}

/// Frames that arrive every 40 ms, with timestamps by their numbers.
fn steady(frames: i64, own: impl Fn(i64) -> i64) -> Vec<(Option<i64>, i64)> {
    (0..frames).map(|n| (Some(own(n)), n * 40)).collect()
}

fn live() -> StreamClock {
    StreamClock::live(MS)
}

fn every_40_ms(frames: i64) -> Vec<i64> {
    (0..frames).map(|n| n * 40).collect()
}

#[test]
fn timestamps_that_agree_with_arrival_are_kept_as_they_are() {
    let jitter = |n: i64| (n * 7919) % 90;
    let frames = (0..500).map(|n| (Some(1_000_000 + n * 40), n * 40 + jitter(n)));
    let expected: Vec<_> = (0..500).map(|n| 1_000_000 + n * 40).collect();
    assert_eq!(times(live(), frames), expected);
}

#[test]
fn steps_of_any_size_go_on_by_arrival() {
    for step in [-i64::MAX, -3_600_000, -100_000, -1000, 1000, 40_000, 1 << 33, i64::MAX] {
        let frames = steady(300, |n| if n < 50 { n * 40 } else { step.saturating_add(n * 40) });
        let times = times(live(), frames);
        // One at the end of time stands still.
        let near = |(time, expected): (&i64, i64)| (time - expected).abs() <= 200;
        assert!(times.iter().zip(every_40_ms(300)).all(near), "{step}: {times:?}");
    }
}

#[test]
fn small_steps_do_not_add_up() {
    for step in [-150, 150, 600] {
        let times = times(live(), steady(3000, |n| n * 40 + n / 50 * step));
        let last = times[2999] - 2999 * 40;
        assert!(last.abs() <= 800, "{step}: {last} ms away");
    }
}

#[test]
fn repeated_timestamps_do_not_stretch_the_stream() {
    assert_eq!(times(live(), steady(500, |n| n / 2 * 80)), every_40_ms(500));
    let uneven = times(live(), steady(500, |n| n * 40 + n % 3 * 20));
    assert!((uneven[499] - 499 * 40).abs() <= 40, "{}", uneven[499]);
}

#[test]
fn a_clock_that_stands_still_is_replaced_by_arrival_and_believed_again() {
    let stuck = |n: i64| if (50..300).contains(&n) { 50 * 40 } else { n * 40 };
    assert_eq!(times(live(), steady(400, stuck)), every_40_ms(400));
    let goes_on = |n: i64| n.min(50).max(n - 250) * 40;
    assert_eq!(times(live(), steady(400, goes_on)), every_40_ms(400));
}

#[test]
fn without_timestamps_the_time_of_arrival_counts() {
    let frames = [0, 33, 70, 70, 5000].map(|arrived| (None, arrived));
    assert_eq!(times(live(), frames), [0, 33, 70, 71, 5000]);
}

#[test]
fn a_burst_after_a_stall_is_no_step() {
    // Nothing comes for five seconds, and then all of it at once.
    let arrived = |n: i64| if (50..175).contains(&n) { 7000 } else { n * 40 };
    let frames = (0..300).map(|n| (Some(n * 40), arrived(n)));
    assert_eq!(times(live(), frames), every_40_ms(300));
    // It comes only a quarter faster than it was taken.
    let arrived = |n: i64| if n < 50 { n * 40 } else { (7000 + (n - 50) * 32).max(n * 40) };
    let frames = (0..1000).map(|n| (Some(n * 40), arrived(n)));
    assert_eq!(times(live(), frames), every_40_ms(1000));
}

#[test]
fn a_pause_that_the_timestamps_leave_out_is_made_up_for() {
    let frames = (0..200).map(|n| (Some(n * 40), n * 40 + if n < 50 { 0 } else { 5000 }));
    let times = times(live(), frames);
    assert_eq!(times[199], 199 * 40 + 5000);
    assert!(times[70] >= 70 * 40 + 4000, "{}", times[70]);
}

#[test]
fn what_a_server_kept_for_the_beginning_has_its_own_times() {
    // Four seconds at once, then each frame when it is taken.
    let frames = (0..300).map(|n| (Some(n * 40), (n - 100).max(0) * 40));
    assert_eq!(times(live(), frames), every_40_ms(300));
}

#[test]
fn a_slow_reader_keeps_the_times_of_what_was_there() {
    // Three seconds were there; reading takes 32 ms a frame, and then waits for the next.
    let (mut clock, start) = (live(), Instant::now());
    let times = (0..600).map(|n| {
        let came = (n - 75).max(0) * 40;
        let arrived = (n * 32).max(came);
        let now = start + Duration::from_millis(arrived as u64);
        let waited = Duration::from_millis(if arrived > came { 0 } else { 8 });
        clock.stamp_awaited(Some(Timestamp::new(n * 40, MS)), now, waited).pts
    });
    assert!(times.eq((0..600).map(|n| n * 40)));
}

#[test]
fn clocks_that_are_too_fast_or_too_slow_keep_to_arrival() {
    for speed in [0.0, 0.01, 0.5, 1.5, 2.0, 90.0] {
        let times = times(live(), steady(1000, |n| (n as f64 * 40.0 * speed) as i64));
        for (time, expected) in times.iter().zip(every_40_ms(1000)).skip(25) {
            assert!((time - expected).abs() <= 1000, "{speed}: {time}, not {expected}");
        }
    }
}

#[test]
fn a_stream_that_starts_again_goes_on_by_the_time_that_passed() {
    let mut clock = live();
    let start = Instant::now();
    let stamp = |clock: &mut StreamClock, pts: Option<i64>, base, at| {
        let own = pts.map(|pts| Timestamp::new(pts, base));
        clock.stamp(own, start + Duration::from_millis(at)).pts
    };
    assert_eq!(stamp(&mut clock, Some(500), MS, 0), 500);
    assert_eq!(stamp(&mut clock, Some(540), MS, 47), 540);
    clock.restart();
    // Another time base, two seconds later.
    assert_eq!(stamp(&mut clock, Some(7_000_000), TimeBase::MICROSECONDS, 2047), 2540);
    assert_eq!(stamp(&mut clock, Some(7_040_000), TimeBase::MICROSECONDS, 2090), 2580);
}

#[test]
fn relayed_frames_may_come_faster_or_slower_and_only_steps_are_no_time() {
    let relayed = || StreamClock::relayed(MS).from_zero();
    for every in [1, 400] {
        let frames = (0..1000).map(|n| (Some(5000 + n * 40), n * every));
        assert_eq!(times(relayed(), frames), every_40_ms(1000), "every {every} ms");
    }
    for step in [-100_000, -40_000, 3_600_000] {
        let frames = steady(200, |n| n * 40 + if n < 50 { 0 } else { step });
        assert_eq!(times(relayed(), frames), every_40_ms(200), "{step}");
    }
    let twice = [0, 33, 33, -100, 100].map(|own| (Some(own), 0));
    assert_eq!(times(relayed(), twice), [0, 33, 34, 35, 100]);
}

#[test]
fn recorded_frames_have_their_own_times_and_joined_recordings_go_on() {
    let recorded = || StreamClock::recorded(MS, FRAME_TIME);
    let pauses = [0, 40, 540, 9040, 9080].map(|own| (Some(own), 0));
    assert_eq!(times(recorded(), pauses), [0, 40, 540, 9040, 9080]);
    for step in [-2000, 3_600_000] {
        let joined = steady(100, |n| n * 40 + if n < 50 { 0 } else { step });
        assert_eq!(times(recorded(), joined), every_40_ms(100), "{step}");
    }
    assert_eq!(times(recorded(), steady(100, |n| n / 2 * 80)).last(), Some(&(98 * 40 + 20)));
    assert_eq!(times(recorded(), steady(100, |_| 7)).last(), Some(&(7 + 98 * 40 + 20)));
    // A picture every half minute.
    let slow = StreamClock::recorded(MS, Duration::from_secs(30));
    let frames = (0..10).map(|n| (Some(n * 30_000), 0));
    assert_eq!(times(slow, frames)[9], 270_000);
}

#[derive(Debug, Clone)]
enum Quirk {
    Step(i64),
    Repeat,
    Missing,
    Stall(i64),
    Nothing,
}

fn quirk() -> impl Strategy<Value = Quirk> {
    prop_oneof![
        1 => (-10_000_000_000..10_000_000_000_i64).prop_map(Quirk::Step),
        1 => (-3000..3000_i64).prop_map(Quirk::Step),
        1 => Just(Quirk::Repeat),
        1 => Just(Quirk::Missing),
        1 => (0..8000_i64).prop_map(Quirk::Stall),
        60 => Just(Quirk::Nothing),
    ]
}

proptest! {
    /// Frames that arrive steadily, with what cameras and networks do to them.
    #[test]
    fn times_grow_and_follow_arrival_within_a_second(
        quirks in prop::collection::vec((quirk(), 0..30_i64), 1..600),
        begin in any::<i64>(),
    ) {
        let (mut taken, mut step, mut stalled_until, mut disturbed) = (2000, 0_i64, 0, 0);
        let opening = steady(50, |n| begin.saturating_add(n * 40));
        let mut frames = opening;
        let mut may_check = vec![false; 50];
        for (quirk, jitter) in quirks {
            let mut own = Some(begin.saturating_add(taken).saturating_add(step));
            match quirk {
                Quirk::Step(by) => step = step.saturating_add(by),
                Quirk::Repeat => own = frames.last().and_then(|(own, _)| *own),
                Quirk::Missing => own = None,
                Quirk::Stall(time) => stalled_until = taken + time,
                Quirk::Nothing => {}
            }
            let arrived = (taken + jitter).max(stalled_until).max(frames[frames.len() - 1].1);
            if arrived > taken + jitter + 100 {
                disturbed = arrived;
            }
            frames.push((own, arrived));
            may_check.push(arrived >= disturbed + 1000);
            taken += 40;
        }
        let times = times(live(), frames.clone());
        prop_assert!(times.is_sorted_by(|earlier, later| earlier < later));
        let first = times[0];
        for ((time, (_, arrived)), may_check) in times.iter().zip(&frames).zip(may_check) {
            let away = time - first - arrived;
            prop_assert!(!may_check || away.abs() <= 1000, "{away} ms at {arrived}");
        }
    }

    #[test]
    fn no_timestamp_is_too_odd(
        owns in prop::collection::vec(prop::option::of(any::<i64>()), 1..50),
        num in 1..u32::MAX,
        den in 1..u32::MAX,
    ) {
        let base = TimeBase::new(num, den).unwrap();
        for clock in [
            StreamClock::live(base),
            StreamClock::relayed(base),
            StreamClock::relayed(base).from_zero().longest_step(Duration::MAX),
            StreamClock::recorded(base, FRAME_TIME),
        ] {
            let mut clock = clock;
            let now = Instant::now();
            let mut stamp = |own: &Option<i64>| {
                clock.stamp(own.map(|own| Timestamp::new(own, TimeBase::RTP_VIDEO)), now).pts
            };
            let times: Vec<_> = owns.iter().map(&mut stamp).collect();
            let grows = |earlier: &i64, later: &i64| earlier < later || *later == i64::MAX;
            prop_assert!(times.is_sorted_by(grows), "{times:?}");
        }
    }
}
