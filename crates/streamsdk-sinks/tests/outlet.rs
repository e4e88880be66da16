//! What an outlet promises, whatever the receiver does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use streamsdk_sinks::{
    Closed, DeliveryError, Outlet, OutletConfig, Place, Record, ResultSink, WhenFull,
};

const LIMIT: Duration = Duration::from_secs(60);

/// What a receiver does with a batch.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// Has all of it.
    Takes,
    /// Has so many, and is gone then.
    Fails(usize),
    /// Has so many, and never takes the next.
    Refuses(usize),
    /// Has all of it, but its answer is lost.
    IsNotHeard,
    /// Says nothing.
    Hangs,
}

/// A receiver that answers as it is told, and takes all that comes after that.
#[derive(Clone, Default)]
struct Receiver {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    received: Arc<Mutex<Vec<Record>>>,
    batches: Arc<Mutex<Vec<usize>>>,
}

impl Receiver {
    fn that(answers: impl IntoIterator<Item = Answer>) -> Self {
        let receiver = Self::default();
        receiver.answers.lock().unwrap().extend(answers);
        receiver
    }

    fn sequences(&self) -> Vec<u64> {
        self.received.lock().unwrap().iter().map(|record| record.place().sequence).collect()
    }
}

#[async_trait]
impl ResultSink for Receiver {
    async fn deliver(&mut self, batch: &[Record]) -> Result<(), DeliveryError> {
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Takes);
        self.batches.lock().unwrap().push(batch.len());
        let take = |count: usize| {
            let count = count.min(batch.len());
            self.received.lock().unwrap().extend_from_slice(&batch[..count]);
            count
        };
        match answer {
            Answer::Takes => {
                take(batch.len());
                Ok(())
            }
            Answer::Fails(count) => Err(DeliveryError::unavailable(take(count), "it is gone")),
            Answer::Refuses(count) => Err(DeliveryError::refused(take(count), "it is too odd")),
            Answer::IsNotHeard => {
                take(batch.len());
                Err(DeliveryError::unavailable(0, "no answer"))
            }
            Answer::Hangs => std::future::pending().await,
        }
    }
}

fn record(sequence: u64) -> Record {
    sized(sequence, 10)
}

fn sized(sequence: u64, bytes: usize) -> Record {
    Record::new("gate".parse().unwrap(), Place { epoch: 1, sequence }, vec![b'x'; bytes])
}

fn outlet(receiver: &Receiver, config: OutletConfig) -> Outlet {
    Outlet::open(Box::new(receiver.clone()), config).unwrap()
}

async fn put_all(outlet: &Outlet, sequences: impl IntoIterator<Item = u64>) {
    for sequence in sequences {
        outlet.put(record(sequence)).await.unwrap();
    }
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::Takes),
        (0..4_usize).prop_map(Answer::Fails),
        (0..4_usize).prop_map(Answer::Refuses),
        Just(Answer::IsNotHeard),
        Just(Answer::Hangs),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_record_comes_in_order_and_is_under_one_cause(
        answers in prop::collection::vec(answer(), 0..20),
        count in 1..60_u64,
        batch in 1..7_usize,
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let receiver = Receiver::that(answers);
        let ended = runtime.unwrap().block_on(async {
            let outlet = outlet(&receiver, OutletConfig::default().batch_records(batch));
            put_all(&outlet, 1..=count).await;
            outlet.close(Duration::from_secs(3600)).await
        });
        let counters = ended.counters;
        prop_assert_eq!((counters.taken, counters.waiting, ended.lost), (count, 0, 0));
        prop_assert_eq!(counters.delivered + counters.refused, count);

        // The first time that each comes is in order; what came before may come again.
        let mut seen = Vec::new();
        for sequence in receiver.sequences() {
            if !seen.contains(&sequence) {
                prop_assert!(seen.last().is_none_or(|last| *last < sequence));
                seen.push(sequence);
            }
        }
        prop_assert!(seen.len() as u64 >= counters.delivered);
    }
}

/// What one of several outlets with the same folder does, one after the other.
#[derive(Debug, Clone)]
struct Run {
    records: u64,
    answers: Vec<Answer>,
    closes_early: bool,
}

fn run() -> impl Strategy<Value = Run> {
    let answers = prop::collection::vec(answer_soon(), 0..30);
    (0..120_u64, answers, any::<bool>()).prop_map(|(records, answers, closes_early)| Run {
        records,
        answers,
        closes_early,
    })
}

/// Without those that take long.
fn answer_soon() -> impl Strategy<Value = Answer> {
    prop_oneof![Just(Answer::Takes), (0..4_usize).prop_map(Answer::Fails), Just(Answer::IsNotHeard)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn with_a_folder_nothing_is_lost_over_any_number_of_runs(
        runs in prop::collection::vec(run(), 1..5),
        memory in 500..6000_usize,
        batch in 1..40_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let config = OutletConfig::default().memory_limit(memory).batch_records(batch);
        let config = config.spool(folder.path()).first_wait(Duration::ZERO);
        let receiver = Receiver::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut put = 0;
        for Run { records, answers, closes_early } in runs {
            receiver.answers.lock().unwrap().clone_from(&answers.into());
            let ended = runtime.block_on(async {
                let outlet = outlet(&receiver, config.clone());
                put_all(&outlet, put + 1..=put + records).await;
                outlet.close(if closes_early { Duration::ZERO } else { LIMIT }).await
            });
            put += records;
            prop_assert_eq!(ended.lost, 0);
            prop_assert!(closes_early || ended.counters.waiting == 0);
        }
        receiver.answers.lock().unwrap().clear();
        runtime.block_on(async { outlet(&receiver, config).close(LIMIT).await });
        let mut next = 1;
        for sequence in receiver.sequences() {
            prop_assert!(sequence <= next, "{} came where {} is missing", sequence, next);
            next = next.max(sequence + 1);
        }
        prop_assert_eq!(next, put + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_refused_costs_no_other() {
    let receiver = Receiver::that([Answer::Refuses(2)]);
    let outlet = outlet(&receiver, OutletConfig::default());
    put_all(&outlet, 1..=5).await;
    let ended = outlet.close(LIMIT).await;
    assert_eq!(receiver.sequences(), [1, 2, 4, 5]);
    assert_eq!((ended.counters.delivered, ended.counters.refused), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_asked_again() {
    let receiver = Receiver::that([Answer::Hangs]);
    let outlet = outlet(&receiver, OutletConfig::default().delivery_limit(Duration::from_secs(3)));
    put_all(&outlet, 1..=2).await;
    tokio::time::sleep(Duration::from_millis(3010)).await;
    let counters = outlet.counters();
    assert_eq!(counters.last_error.as_deref(), Some("no answer within 3s"));
    let ended = outlet.close(LIMIT).await;
    assert_eq!((ended.counters.delivered, ended.counters.retries), (2, 1));
    assert_eq!(ended.counters.last_error, None);
}

#[tokio::test(start_paused = true)]
async fn batches_have_the_size_that_was_asked_for() {
    let receiver = Receiver::default();
    let config = OutletConfig::default().batch_records(3).batch_bytes(1000);
    let outlet = outlet(&receiver, config);
    for (sequence, bytes) in (1..).zip([10, 10, 10, 10, 500, 5000, 10]) {
        outlet.put(sized(sequence, bytes)).await.unwrap();
    }
    outlet.close(LIMIT).await;
    assert_eq!(*receiver.batches.lock().unwrap(), [3, 2, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_full_outlet_has_who_puts_wait() {
    let receiver = Receiver::that([Answer::Hangs]);
    let config = OutletConfig::default().memory_limit(1000).delivery_limit(Duration::from_secs(5));
    let outlet = outlet(&receiver, config);
    outlet.put(sized(1, 800)).await.unwrap();
    let second = outlet.put(sized(2, 800));
    assert!(tokio::time::timeout(Duration::from_secs(4), second).await.is_err());
    outlet.put(sized(3, 800)).await.unwrap();
    let ended = outlet.close(LIMIT).await;
    assert_eq!(receiver.sequences(), [1, 3]);
    assert_eq!((ended.counters.taken, ended.counters.dropped), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_full_outlet_drops_what_it_was_told_to() {
    for (policy, received) in [(WhenFull::DropOldest, [1, 4]), (WhenFull::DropNewest, [1, 2])] {
        let receiver = Receiver::that([Answer::Hangs]);
        let config = OutletConfig::default().memory_limit(1000).batch_records(1).when_full(policy);
        let outlet = outlet(&receiver, config.delivery_limit(Duration::from_secs(5)));
        outlet.put(sized(1, 400)).await.unwrap();
        // It is being delivered, and so it stays.
        while receiver.batches.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        for sequence in 2..=4 {
            outlet.put(sized(sequence, 400)).await.unwrap();
        }
        let ended = outlet.close(LIMIT).await;
        assert_eq!(receiver.sequences(), received, "{policy:?}");
        let counters = ended.counters;
        assert_eq!((counters.taken, counters.delivered, counters.dropped), (4, 2, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_outlet_takes_nothing() {
    let receiver = Receiver::that([Answer::Hangs]);
    let config = OutletConfig::default().memory_limit(1000);
    let outlet = Arc::new(outlet(&receiver, config));
    outlet.put(sized(1, 800)).await.unwrap();
    let waiting = tokio::spawn({
        let outlet = Arc::clone(&outlet);
        async move { outlet.put(sized(2, 800)).await }
    });
    tokio::task::yield_now().await;
    outlet.stop_taking();
    assert_eq!(waiting.await.unwrap(), Err(Closed));
    let outlet = Arc::into_inner(outlet).unwrap();
    let ended = outlet.close(Duration::from_secs(1)).await;
    assert_eq!((ended.counters.waiting, ended.lost), (1, 1));
}

#[tokio::test]
async fn what_does_not_find_room_in_memory_waits_in_the_folder_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    // Gone until the test says otherwise.
    let receiver = Receiver::that([Answer::Fails(0); 10_000]);
    let config = OutletConfig::default().memory_limit(10_000).spool(folder.path());
    let config = config.first_wait(Duration::from_millis(1)).max_wait(Duration::from_millis(1));
    let outlet = outlet(&receiver, config);
    put_all(&outlet, 1..=2000).await;
    let counters = outlet.counters();
    assert!(counters.memory_bytes <= 10_000 && counters.disk_bytes > 10_000, "{counters:?}");
    assert_eq!(counters.waiting, 2000);
    receiver.answers.lock().unwrap().clear();
    let ended = outlet.close(LIMIT).await;
    assert_eq!(receiver.sequences(), (1..=2000).collect::<Vec<_>>());
    assert_eq!((ended.counters.delivered, ended.counters.disk_bytes), (2000, 0));
}

#[tokio::test]
async fn what_is_left_is_delivered_by_who_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let config = OutletConfig::default().memory_limit(10_000).spool(folder.path());
    let mut left = 0;
    // More each time, behind what was left the times before.
    for run in 0..4 {
        let gone = Receiver::that([Answer::Fails(0); 1000]);
        let outlet = outlet(&gone, config.clone());
        assert_eq!(outlet.counters().found, left);
        put_all(&outlet, run * 300 + 1..=(run + 1) * 300).await;
        let ended = outlet.close(Duration::from_millis(10)).await;
        left += 300;
        assert_eq!((ended.counters.waiting, ended.lost), (left, 0));
    }
    let receiver = Receiver::default();
    let outlet = outlet(&receiver, config);
    put_all(&outlet, 1201..=1210).await;
    let ended = outlet.close(LIMIT).await;
    assert_eq!(receiver.sequences(), (1..=1210).collect::<Vec<_>>());
    assert_eq!((ended.counters.found, ended.counters.delivered), (1200, 1210));
}

#[tokio::test]
async fn a_folder_belongs_to_one_outlet() {
    let folder = tempfile::tempdir().unwrap();
    let config = OutletConfig::default().spool(folder.path());
    let first = outlet(&Receiver::default(), config.clone());
    let error = Outlet::open(Box::new(Receiver::default()), config.clone()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.to_string().contains("is used by another"), "{source}");
    first.close(LIMIT).await;
    outlet(&Receiver::default(), config).close(LIMIT).await;
}

#[tokio::test]
async fn a_full_folder_has_who_puts_wait() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::that([Answer::Fails(0); 10_000]);
    let config = OutletConfig::default().memory_limit(4000).disk_limit(8000).spool(folder.path());
    let config = config.first_wait(Duration::from_millis(1)).max_wait(Duration::from_millis(1));
    let outlet = outlet(&receiver, config);
    let mut taken = 0;
    while tokio::time::timeout(Duration::from_millis(300), outlet.put(sized(taken + 1, 100)))
        .await
        .is_ok()
    {
        taken += 1;
    }
    let counters = outlet.counters();
    assert!(counters.disk_bytes <= 8000 && counters.memory_bytes <= 4000, "{counters:?}");
    assert!(taken > 40, "{counters:?}");
    receiver.answers.lock().unwrap().clear();
    outlet.put(sized(taken + 1, 100)).await.unwrap();
    let ended = outlet.close(LIMIT).await;
    assert_eq!(ended.counters.delivered, taken + 1);
    assert_eq!(receiver.sequences(), (1..=taken + 1).collect::<Vec<_>>());
}

#[tokio::test]
async fn room_in_the_folder_is_used_as_soon_as_there_is_some() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::that([Answer::Fails(0); 10_000]);
    let config = OutletConfig::default().memory_limit(4000).disk_limit(8000).spool(folder.path());
    let config = config.first_wait(Duration::from_millis(1)).max_wait(Duration::from_millis(1));
    let outlet = outlet(&receiver, config);
    let mut sequence = 1;
    while tokio::time::timeout(Duration::from_millis(300), outlet.put(sized(sequence, 100)))
        .await
        .is_ok()
    {
        sequence += 1;
    }
    // It takes some of it and is gone again.
    {
        let mut answers = receiver.answers.lock().unwrap();
        (0..3).for_each(|_| answers.push_front(Answer::Takes));
    }
    tokio::time::timeout(LIMIT, outlet.put(sized(sequence, 100))).await.unwrap().unwrap();
    assert!(!receiver.answers.lock().unwrap().is_empty(), "there was room only once it was back");
    receiver.answers.lock().unwrap().clear();
    outlet.close(LIMIT).await;
    assert_eq!(receiver.sequences(), (1..=sequence).collect::<Vec<_>>());
}
