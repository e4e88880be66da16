//! What a node has seen of the leases of others, and which streams may be free therefore.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use streamsdk_sinks::StreamName;
use tokio::time::Instant;

use super::config::Times;
use super::holder::Holder;

/// After so many attempts in vain the next ones come as seldom as renewals: then somebody holds the stream whose renewals are not
/// seen here, or whoever asks does not want it.
const QUICK_ATTEMPTS: u32 = 20;

/// The leases that were seen. Time is given to it.
#[derive(Debug)]
pub(super) struct Seen {
    times: Times,
    streams: HashMap<StreamName, Known>,
    /// Until when it may be that not all that the bucket has was seen.
    complete_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Known {
    /// 0 where none was seen.
    revision: u64,
    held: Option<Held>,
    attempts: u32,
    last_attempt: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    by: Holder,
    /// When its revision was seen first.
    since: Instant,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Somebody should try to take this.
    Try(StreamName),
    /// Nothing is free until then, or until something changes.
    Wait(Option<Instant>),
}

impl Seen {
    /// Nothing is free before the state of the bucket is known, which takes until `complete_at` at most.
    pub(super) fn new(times: Times, complete_at: Instant) -> Self {
        Self { times, streams: HashMap::new(), complete_at: Some(complete_at) }
    }

    /// All that the bucket has was seen. Returns whether that is news.
    pub(super) fn complete(&mut self) -> bool {
        self.complete_at.take().is_some()
    }

    /// When all that the bucket has was seen at the latest, if it was not yet.
    pub(super) fn complete_at(&self, now: Instant) -> Option<Instant> {
        self.complete_at.filter(|at| now < *at)
    }

    /// Somebody holds a stream. Returns whether that is news, and not what was seen before.
    pub(super) fn held(
        &mut self,
        stream: StreamName,
        revision: u64,
        by: Holder,
        now: Instant,
    ) -> bool {
        let known = self.streams.entry(stream).or_default();
        if known.revision == revision {
            return false;
        }
        *known = Known { revision, held: Some(Held { by, since: now }), ..Known::default() };
        true
    }

    /// A stream was released.
    pub(super) fn released(&mut self, stream: StreamName, revision: u64) {
        let known = self.streams.entry(stream).or_default();
        if known.revision != revision {
            *known = Known { revision, ..Known::default() };
        }
    }

    /// Who holds what, as far as it was seen and has not expired.
    pub(super) fn holders(&self, now: Instant) -> BTreeMap<StreamName, Holder> {
        let held = self.streams.iter().filter_map(|(stream, known)| {
            let held = known.held.as_ref().filter(|held| now < held.since + self.times.ttl)?;
            Some((stream.clone(), held.by.clone()))
        });
        held.collect()
    }

    /// One of those that may be free, at random: so that several nodes do not reach for the same one.
    pub(super) fn next(&mut self, desired: &BTreeSet<StreamName>, now: Instant) -> Next {
        if let Some(complete_at) = self.complete_at(now) {
            return Next::Wait(Some(complete_at));
        }
        let mut free = Vec::new();
        let mut first: Option<Instant> = None;
        for stream in desired {
            match self.free_at(stream).filter(|at| now < *at) {
                None => free.push(stream),
                Some(at) => first = Some(first.map_or(at, |first| first.min(at))),
            }
        }
        let Some(stream) = fastrand::choice(&free) else { return Next::Wait(first) };
        let known = self.streams.entry((*stream).clone()).or_default();
        known.attempts += 1;
        known.last_attempt = Some(now);
        Next::Try((*stream).clone())
    }

    /// Forgets what was not seen for long, so that what others write takes no memory for ever.
    pub(super) fn forget(&mut self, now: Instant) {
        let long = 4 * self.times.ttl;
        self.streams.retain(|_, known| known.last_seen().is_some_and(|at| now < at + long));
    }

    /// When a stream may be free; `None` if it may be already.
    fn free_at(&self, stream: &StreamName) -> Option<Instant> {
        let known = self.streams.get(stream)?;
        let expires = known.held.as_ref().map(|held| held.since + self.times.ttl);
        let again = known.last_attempt.map(|at| at + self.wait_after(known.attempts));
        expires.max(again)
    }

    fn wait_after(&self, attempts: u32) -> Duration {
        match attempts {
            ..=QUICK_ATTEMPTS => self.times.attempt,
            _ => self.times.renewal,
        }
    }
}

impl Known {
    fn last_seen(&self) -> Option<Instant> {
        self.held.as_ref().map(|held| held.since).max(self.last_attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn name(text: &str) -> StreamName {
        text.parse().unwrap()
    }

    fn desired<const N: usize>(names: [&str; N]) -> BTreeSet<StreamName> {
        names.map(name).into()
    }

    fn seen() -> (Seen, Instant) {
        let now = Instant::now();
        (Seen::new(Times::of(TTL), now), now)
    }

    fn by(node: &str) -> Holder {
        Holder::Node { name: node.into(), capacity: None, keeps: false }
    }

    #[tokio::test]
    async fn nothing_is_free_before_all_was_seen_or_its_time_is_over() {
        let now = Instant::now();
        let complete_at = now + TTL;
        let mut seen = Seen::new(Times::of(TTL), complete_at);
        assert_eq!(seen.next(&desired(["gate"]), now), Next::Wait(Some(complete_at)));
        assert_eq!(seen.next(&desired(["gate"]), complete_at), Next::Try(name("gate")));

        let mut seen = Seen::new(Times::of(TTL), complete_at);
        assert!(seen.complete() && !seen.complete());
        assert_eq!(seen.next(&desired(["gate"]), now), Next::Try(name("gate")));
    }

    #[tokio::test]
    async fn a_lease_that_does_not_change_is_over_a_ttl_after_it_was_seen() {
        let (mut seen, now) = seen();
        assert!(seen.held(name("gate"), 5, by("one"), now));
        assert!(!seen.held(name("gate"), 5, by("one"), now + TTL / 2));
        assert_eq!(seen.next(&desired(["gate"]), now), Next::Wait(Some(now + TTL)));
        assert_eq!(seen.next(&desired(["gate"]), now + TTL), Next::Try(name("gate")));
        assert!(seen.held(name("gate"), 6, by("one"), now + TTL));
        let renewed = Next::Wait(Some(now + 2 * TTL));
        assert_eq!(seen.next(&desired(["gate"]), now + TTL), renewed);
    }

    #[tokio::test]
    async fn a_release_frees_at_once_and_so_does_never_having_been_held() {
        let (mut seen, now) = seen();
        seen.held(name("gate"), 5, by("one"), now);
        seen.released(name("gate"), 6);
        assert_eq!(seen.next(&desired(["gate"]), now), Next::Try(name("gate")));
        assert_eq!(seen.next(&desired(["yard"]), now), Next::Try(name("yard")));
        assert_eq!(seen.next(&desired([]), now), Next::Wait(None));
    }

    #[tokio::test]
    async fn what_is_tried_in_vain_is_tried_often_at_first_and_seldom_later() {
        let (mut seen, start) = seen();
        let (mut now, mut attempts) = (start, 0);
        while now < start + TTL {
            match seen.next(&desired(["gate"]), now) {
                Next::Try(_) => attempts += 1,
                Next::Wait(until) => now = until.unwrap(),
            }
        }
        assert_eq!(attempts, QUICK_ATTEMPTS + 3);
    }

    #[tokio::test]
    async fn all_that_are_free_are_returned_before_one_comes_again() {
        let (mut seen, now) = seen();
        let all = desired(["a", "b", "c", "d"]);
        let returned: BTreeSet<_> = (0..4)
            .map(|_| match seen.next(&all, now) {
                Next::Try(stream) => stream,
                Next::Wait(_) => panic!("nothing is free"),
            })
            .collect();
        assert_eq!(returned, all);
        assert!(matches!(seen.next(&all, now), Next::Wait(Some(_))));
    }

    #[tokio::test]
    async fn holders_are_those_whose_leases_are_not_over() {
        let (mut seen, now) = seen();
        seen.held(name("gate"), 5, by("one"), now);
        seen.held(name("yard"), 6, Holder::Unknown, now + TTL / 2);
        let both = [(name("gate"), by("one")), (name("yard"), Holder::Unknown)];
        assert_eq!(seen.holders(now + TTL / 2), both.into());
        assert_eq!(seen.holders(now + TTL), [(name("yard"), Holder::Unknown)].into());
    }

    #[tokio::test]
    async fn what_others_write_is_forgotten() {
        let (mut seen, now) = seen();
        for number in 0..100 {
            seen.held(name(&format!("stream-{number}")), number + 1, by("one"), now);
        }
        seen.held(name("gate"), 200, by("one"), now + 4 * TTL);
        seen.forget(now + 4 * TTL);
        assert_eq!(seen.streams.len(), 1);
    }
}
