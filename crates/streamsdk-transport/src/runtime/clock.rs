//! The engine's clock, which may run faster than time.
//!
//! The engine's SCTP waits at least a second before it sends a packet again that was lost twice, and its window is one
//! packet then: at 5 % loss an upload of 3 MB takes half a minute. No setting changes that. But the engine has no clock of
//! its own: it is told the time by its runtime, which is ours. So its second may be as short as the path allows: about
//! what TCP waits. Everything that it measures it measures by that clock, and so round trips and waits stay in
//! proportion.
//!
//! The rate is set once a connection stands. Until then, and where there are tracks, whose packets carry times, it
//! is 1. Limits that the engine is given are [`MAX_RATE`] times as long, and are watched in real time by ourselves
//! ([`gone`](super::gone)).
//!
//! The clock may go when `rtc-sctp` has a setting for its shortest retransmission time-out, and sends a packet
//! again fast more than once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use streamsdk_protocol::sdp::Author;

/// The clock is never faster than this.
pub(crate) const MAX_RATE: u32 = 10;
/// A program in Python acknowledges at once, when it gets to it.
const MAX_RATE_FOR_SLOW_PROGRAMS: f64 = 5.0;
/// A peer that keeps acknowledgements back for 200 ms, as RFC 4960 allows, is not to be taken for one that
/// lost what it was sent.
const MAX_RATE_FOR_SLOW_ACKS: f64 = 3.0;
/// What the engine waits for, at least: so many round trips, and as long as a busy peer may take.
const ROUND_TRIPS: f64 = 1.5;
const PEER_TIME: Duration = Duration::from_millis(100);
/// The engine's shortest retransmission time-out, by its own clock.
const MIN_RETRANSMISSION_TIMEOUT: Duration = Duration::from_secs(1);

/// How fast the clock may run on a path with that round trip.
pub(crate) fn rate(round_trip: Duration, peer: Author) -> f64 {
    let wait = PEER_TIME + round_trip.mul_f64(ROUND_TRIPS);
    let fastest = match peer {
        // It has this clock itself.
        Author::Streamsdk => f64::from(MAX_RATE),
        Author::Aiortc => MAX_RATE_FOR_SLOW_PROGRAMS,
        _ => MAX_RATE_FOR_SLOW_ACKS,
    };
    (MIN_RETRANSMISSION_TIMEOUT.as_secs_f64() / wait.as_secs_f64()).clamp(1.0, fastest)
}

/// A clock that never goes back, whatever its rate is set to.
#[derive(Debug)]
pub(crate) struct EngineClock {
    course: Mutex<Course>,
}

/// Since when it runs at which rate, and what it showed then.
#[derive(Debug, Clone, Copy)]
struct Course {
    since: Instant,
    showed: Instant,
    rate: f64,
}

impl Default for EngineClock {
    fn default() -> Self {
        let now = time();
        Self { course: Mutex::new(Course { since: now, showed: now, rate: 1.0 }) }
    }
}

impl EngineClock {
    pub(crate) fn now(&self) -> Instant {
        self.course().shows_at(time())
    }

    /// How long something takes that takes `duration` by this clock.
    pub(crate) fn real(&self, duration: Duration) -> Duration {
        let seconds = duration.as_secs_f64() / self.course().rate;
        // Only the longest there is cannot be told so exactly.
        Duration::try_from_secs_f64(seconds).unwrap_or(duration)
    }

    /// Runs so many times as fast as time from now on.
    pub(crate) fn set_rate(&self, rate: f64) {
        let mut course = self.course();
        let now = time();
        *course = Course { since: now, showed: course.shows_at(now), rate };
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Course {
    fn shows_at(&self, now: Instant) -> Instant {
        let elapsed = now.saturating_duration_since(self.since);
        self.showed.checked_add(elapsed.mul_f64(self.rate)).unwrap_or(self.showed)
    }
}

/// The time by which the runtime's timers go, which a test may hold.
fn time() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_from_what_it_showed_whatever_its_rate_is_set_to() {
        let clock = EngineClock::default();
        let mut shown = clock.now();
        for rate in [10.0, 1.0, 3.5, 1.0, 10.0] {
            clock.set_rate(rate);
            for _ in 0..100 {
                let now = clock.now();
                assert!(now >= shown);
                shown = now;
            }
            assert_eq!(clock.real(Duration::from_secs(7)), Duration::from_secs(7).div_f64(rate));
            assert!(clock.real(Duration::MAX) >= Duration::MAX / 11);
        }
        let start = Instant::now();
        let course = Course { since: start, showed: start, rate: 4.0 };
        let after = course.shows_at(start + Duration::from_secs(2));
        assert_eq!(after, start + Duration::from_secs(8));
    }

    #[test]
    fn the_rate_follows_the_round_trip_and_what_the_peer_does() {
        let rate = |millis, peer| rate(Duration::from_millis(millis), peer);
        assert_eq!(rate(0, Author::Streamsdk), 10.0);
        assert!((rate(90, Author::Aiortc) - 4.25).abs() < 0.1);
        assert!((rate(250, Author::Streamsdk) - 2.1).abs() < 0.1);
        assert_eq!(rate(2000, Author::Streamsdk), 1.0);
        assert_eq!(rate(0, Author::Other), 3.0);
    }
}
