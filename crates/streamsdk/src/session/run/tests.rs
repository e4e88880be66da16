//! The loop over links, with links that follow a script and time that takes none.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proptest::prelude::*;
use streamsdk_protocol::init::InitRequest;
use streamsdk_protocol::output::OutputMessage;
use tokio::time::Instant;

use super::*;
use crate::config::StreamConfig;
use crate::error::ErrorKind;
use crate::frame::FrameData;
use crate::link::LastHeardFn;
use crate::retry::RetryPolicy;
use crate::session::Session;
use crate::session::control::Control;
use crate::source::{SourceError, SourceIo};
use crate::stage::Stage;
use crate::stats::{SessionTracker, StreamEnd, Summary};
use crate::steering::RequestedOutputs;

/// What a link does, one after the other.
#[derive(Debug, Clone)]
enum Step {
    /// The server answers the frames with these numbers.
    Results(std::ops::RangeInclusive<u32>),
    /// A frame comes back, and nothing is said about it.
    Alone,
    /// The server names a frame that it does not answer.
    Named(u32),
    Wait(Duration),
    /// Nothing more comes from the peer.
    FallSilent,
    /// Something comes from it again.
    Speak,
    /// The server answers the frames with these numbers, and after that time the link is lost, also while a result
    /// waits for room.
    Cut(std::ops::RangeInclusive<u32>, Duration),
    /// The link is lost.
    Break,
    /// The server has processed everything.
    Complete,
    /// The server cannot go on.
    Fail,
    /// Nothing more happens.
    Hang,
}
use Step::{Alone, Break, Complete, Cut, Fail, FallSilent, Hang, Named, Results, Speak, Wait};

struct Script {
    steps: Vec<Step>,
    /// Since when, if it is.
    silent: Arc<Mutex<Option<Instant>>>,
}

impl Link for Script {
    fn last_heard(&self) -> LastHeardFn {
        let silent = Arc::clone(&self.silent);
        Box::new(move || Some(silent.lock().unwrap().unwrap_or_else(Instant::now)))
    }

    async fn run(&mut self, _source: &mut dyn StreamSource, context: &LinkContext) -> LinkEnd {
        let play = async {
            for step in std::mem::take(&mut self.steps) {
                match step {
                    Results(frames) => deliver(frames, context).await,
                    Cut(frames, after) => {
                        let _ = tokio::time::timeout(after, deliver(frames, context)).await;
                        return LinkEnd::Lost(error(ErrorKind::ConnectionLost));
                    }
                    Alone => {
                        context.tracker.frame_alone();
                        let data = FrameData::new(OutputMessage::default(), Default::default());
                        context.queue.push(Event::Data(data)).await;
                    }
                    Named(frame_id) => {
                        let _ = context.tracker.told_the_end(frame_id, None, Vec::new());
                    }
                    Wait(time) => sleep(time).await,
                    FallSilent => *self.silent.lock().unwrap() = Some(Instant::now()),
                    Speak => *self.silent.lock().unwrap() = None,
                    Break => return LinkEnd::Lost(error(ErrorKind::ConnectionLost)),
                    Complete => {
                        return match context.tracker.judge(StreamEnd::Complete) {
                            Ok(ended) => LinkEnd::Over(ended),
                            Err(failure) => LinkEnd::Failed(Error::new(
                                ErrorKind::Processing,
                                Stage::Streaming,
                                failure,
                            )),
                        };
                    }
                    Fail => return LinkEnd::Failed(error(ErrorKind::Processing)),
                    Hang => std::future::pending().await,
                }
            }
            LinkEnd::Over(Ended::Complete)
        };
        tokio::select! {
            () = context.close.cancelled() => LinkEnd::Over(Ended::ByCaller),
            end = play => end,
        }
    }

    async fn close(self, _context: &LinkContext) {}

    async fn leave(self, _context: &LinkContext) {}

    async fn abort(self, _context: &LinkContext) {}
}

async fn deliver(frames: std::ops::RangeInclusive<u32>, context: &LinkContext) {
    for frame_id in frames {
        let time = Some(i64::from(frame_id) * 40);
        let number = context.tracker.result_arrived(frame_id, time, &[]).expect("numbered alike");
        let Some(number) = number else { continue };
        let mut message = OutputMessage::default();
        message.frame_id = frame_id;
        context.queue.push(Event::Data(FrameData::new(message, number))).await;
    }
}

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, Stage::Streaming, "scripted")
}

/// Gives one link after another, and then connects no more.
#[derive(Default)]
struct Scripts {
    links: Mutex<VecDeque<Result<Vec<Step>, ErrorKind>>>,
    asked: Arc<Mutex<Vec<RequestedOutputs>>>,
}

impl Connector for Scripts {
    type Link = Script;

    async fn connect(&self, outputs: RequestedOutputs) -> Result<Script, Error> {
        self.asked.lock().unwrap().push(outputs);
        sleep(Duration::from_millis(30)).await;
        match self.links.lock().unwrap().pop_front() {
            Some(Ok(steps)) => Ok(Script { steps, silent: Arc::default() }),
            Some(Err(kind)) => Err(error(kind)),
            None => Err(error(ErrorKind::Unreachable)),
        }
    }

    async fn explain(&self, error: Error) -> Error {
        let attempts = self.asked.lock().unwrap().len();
        error.within(Stage::Connecting, |_| std::io::Error::other(format!("explained {attempts}")))
    }
}

struct Source {
    after_break: AfterBreak,
    prepared: Arc<AtomicUsize>,
    cleaned_up: Arc<AtomicBool>,
}

#[async_trait]
impl StreamSource for Source {
    fn init_parameters(&self, _config: &StreamConfig, _request: &mut InitRequest) {}

    async fn prepare(&mut self) {
        self.prepared.fetch_add(1, Ordering::Relaxed);
    }

    async fn run(&mut self, _io: SourceIo) -> Result<(), SourceError> {
        Ok(())
    }

    fn after_break(&self) -> AfterBreak {
        self.after_break
    }

    async fn clean_up(&mut self) {
        self.cleaned_up.store(true, Ordering::Relaxed);
    }
}

struct Bed {
    session: Session,
    asked: Arc<Mutex<Vec<RequestedOutputs>>>,
    prepared: Arc<AtomicUsize>,
    cleaned_up: Arc<AtomicBool>,
}

impl Bed {
    async fn start(
        after_break: AfterBreak,
        policy: RetryPolicy,
        links: impl IntoIterator<Item = Result<Vec<Step>, ErrorKind>>,
    ) -> Result<Self, Error> {
        let every_frame = after_break == AfterBreak::StartAgain;
        let tracker = SessionTracker::new(None, every_frame);
        if every_frame {
            tracker.expect_replays();
        }
        let context = LinkContext::new(StreamConfig::default(), tracker, every_frame);
        let cleaned_up = Arc::<AtomicBool>::default();
        let prepared = Arc::<AtomicUsize>::default();
        let (counted, cleaned) = (Arc::clone(&prepared), Arc::clone(&cleaned_up));
        let source = Source { after_break, prepared: counted, cleaned_up: cleaned };
        let connector =
            Scripts { links: Mutex::new(links.into_iter().collect()), ..Scripts::default() };
        let asked = Arc::clone(&connector.asked);
        let control = Control::new(&context, crate::outputs::FramesAsData::default());
        let (queue, tracker) = (Arc::clone(&context.queue), Arc::clone(&context.tracker));
        let retry = Retry::new(policy, fastrand::Rng::with_seed(1));
        let mut run = SessionRun { connector, source: Box::new(source), context, retry };
        let first = run.connect_first().await?;
        let running = tokio::spawn(run.run(first));
        let session = Session { queue, tracker, control, running: Some(running) };
        Ok(Self { session, asked, prepared, cleaned_up })
    }

    /// All that the caller sees, each event as a word.
    async fn run_to_the_end(mut self) -> (Vec<String>, Option<Error>, Summary) {
        let (mut seen, mut failure) = (Vec::new(), None);
        while let Some(event) = self.session.next().await {
            match event {
                Ok(Event::Data(data)) => seen.push(format!("{}", data.frame_id())),
                Ok(Event::Reconnecting(news)) => seen.push(format!("attempt {}", news.attempt)),
                Ok(Event::Reconnected(news)) => seen.push(format!("{news:?}")),
                Ok(Event::Incomplete(_)) => seen.push("incomplete".to_owned()),
                Ok(other) => panic!("{other:?}"),
                Err(error) => failure = Some(error),
            }
        }
        let summary = self.session.close().await;
        assert!(self.cleaned_up.load(Ordering::Relaxed));
        (seen, failure, summary)
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_live_source_goes_on_over_another_link_with_numbers_that_rise() {
    let links = [
        Ok(vec![Results(1..=2), Named(4), Break]),
        Err(ErrorKind::Unreachable),
        Ok(vec![Results(1..=2), Complete]),
    ];
    let bed = Bed::start(AfterBreak::GoOn, RetryPolicy::default(), links).await.unwrap();
    let prepared = Arc::clone(&bed.prepared);
    let (seen, failure, summary) = bed.run_to_the_end().await;
    assert_eq!(prepared.load(Ordering::Relaxed), 3);
    let reconnected = "Reconnected { link: 2, lost: 2 }";
    assert_eq!(seen, ["1", "2", "attempt 1", "attempt 2", reconnected, "5", "6"]);
    assert!(failure.is_none());
    assert_eq!((summary.links, summary.frames_returned, summary.frames_sent), (2, 4, 6));
    assert_eq!(summary.dropped.not_returned, 2);
}

#[tokio::test(start_paused = true)]
async fn a_live_session_whose_peer_falls_silent_goes_on_over_a_link_that_was_made_meanwhile() {
    let links = [
        Ok(vec![Results(1..=2), FallSilent, Hang]),
        Err(ErrorKind::Unreachable),
        Ok(vec![Results(1..=2), Complete]),
    ];
    let bed = Bed::start(AfterBreak::GoOn, RetryPolicy::default(), links).await.unwrap();
    let start = Instant::now();
    let (seen, failure, summary) = bed.run_to_the_end().await;
    assert!(start.elapsed() < SECOND * 4);
    assert!(failure.is_none(), "{failure:?}");
    assert_eq!(seen, ["1", "2", "attempt 1", "Reconnected { link: 2, lost: 0 }", "3", "4"]);
    assert_eq!((summary.links, summary.frames_returned), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_speaks_again_keeps_its_link() {
    let silence = [FallSilent, Wait(SECOND * 2 + Duration::from_millis(10)), Speak];
    let steps = [vec![Results(1..=1)], silence.to_vec(), vec![Wait(SECOND * 9), Complete]];
    let links = [Ok(steps.concat()), Ok(vec![Hang])];
    let bed = Bed::start(AfterBreak::GoOn, RetryPolicy::default(), links).await.unwrap();
    let (seen, _, summary) = bed.run_to_the_end().await;
    assert_eq!((seen, summary.links), (vec!["1".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn no_other_link_is_made_meanwhile_where_a_break_is_the_end_or_a_new_start() {
    let ends = [
        (AfterBreak::End, RetryPolicy::forever()),
        (AfterBreak::StartAgain, RetryPolicy::forever()),
        (AfterBreak::GoOn, RetryPolicy::never()),
    ];
    for (after_break, policy) in ends {
        let links =
            [Ok(vec![FallSilent, Results(1..=1), Wait(SECOND * 20), Complete]), Ok(vec![Hang])];
        let bed = Bed::start(after_break, policy, links).await.unwrap();
        let asked = Arc::clone(&bed.asked);
        let (seen, ..) = bed.run_to_the_end().await;
        assert_eq!((seen, asked.lock().unwrap().len()), (vec!["1".to_owned()], 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_is_sent_again_and_each_frame_given_out_once() {
    let links = [
        Ok(vec![Results(1..=3), Break]),
        Ok(vec![Results(1..=2), Break]),
        Ok(vec![Results(1..=5), Complete]),
    ];
    let bed = Bed::start(AfterBreak::StartAgain, RetryPolicy::default(), links).await.unwrap();
    let (seen, failure, summary) = bed.run_to_the_end().await;
    let frames: Vec<_> = seen.iter().filter(|word| word.parse::<u32>().is_ok()).collect();
    assert_eq!(frames, ["1", "2", "3", "4", "5"]);
    assert!(failure.is_none(), "{failure:?}");
    assert_eq!((summary.frames_sent, summary.dropped.total()), (5, 0));
    assert_eq!(summary.ended, Some(Ended::Complete));
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_came_back_without_data_is_returned_and_not_lost() {
    let links = [
        Ok(vec![Results(1..=2), Alone, Named(5), Break]),
        Ok(vec![Results(1..=2), Alone, Named(3), Complete]),
    ];
    let bed = Bed::start(AfterBreak::GoOn, RetryPolicy::default(), links).await.unwrap();
    let (seen, _, summary) = bed.run_to_the_end().await;
    assert!(seen.contains(&"Reconnected { link: 2, lost: 2 }".to_owned()), "{seen:?}");
    assert_eq!((summary.frames_sent, summary.frames_returned), (8, 6));
    assert_eq!((summary.dropped.not_returned, summary.dropped.total()), (2, 2));
    assert_eq!((summary.frames_without_data, summary.ended), (2, Some(Ended::Complete)));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_waits_for_room_when_the_link_is_lost_is_given_out_nevertheless() {
    for after_break in [AfterBreak::GoOn, AfterBreak::StartAgain] {
        let links = [Ok(vec![Cut(1..=20, SECOND)]), Ok(vec![Results(1..=20), Complete])];
        let bed = Bed::start(after_break, RetryPolicy::default(), links).await.unwrap();
        // Nothing is taken until another link stands.
        sleep(SECOND * 10).await;
        let (seen, _, summary) = bed.run_to_the_end().await;
        let ids: Vec<u32> = seen.iter().filter_map(|word| word.parse().ok()).collect();
        assert_eq!(ids.len() as u64, summary.frames_sent, "{seen:?}");
        assert!(ids.iter().copied().eq(1..=*ids.last().unwrap()), "{seen:?}");
        assert_eq!(summary.dropped.total(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_shorter_when_it_is_sent_again_is_an_error() {
    let scripts = |second: Vec<Step>| [Ok(vec![Results(1..=5), Break]), Ok(second)];
    for second in [vec![Results(1..=3), Complete], vec![Complete], vec![Named(4), Complete]] {
        let links = scripts(second);
        let policy = RetryPolicy::default();
        let bed = Bed::start(AfterBreak::StartAgain, policy, links).await.unwrap();
        let (_, failure, summary) = bed.run_to_the_end().await;
        let failure = failure.unwrap();
        assert_eq!(failure.kind(), ErrorKind::Processing);
        assert!(failure.to_string().contains("though frame 5 of it had come before"), "{failure}");
        assert_eq!(summary.ended, Some(Ended::Failed));
    }
    for second in [vec![Results(1..=5), Complete], vec![Named(5), Complete]] {
        let policy = RetryPolicy::default();
        let links = scripts(second);
        let bed = Bed::start(AfterBreak::StartAgain, policy, links).await.unwrap();
        let (_, failure, summary) = bed.run_to_the_end().await;
        assert!(failure.is_none(), "{failure:?}");
        assert_eq!((summary.ended, summary.frames_returned), (Some(Ended::Complete), 5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_cannot_go_on_or_a_policy_that_says_never_ends_with_the_link() {
    for (after_break, policy) in
        [(AfterBreak::End, RetryPolicy::forever()), (AfterBreak::GoOn, RetryPolicy::never())]
    {
        let links = [Ok(vec![Results(1..=2), Break]), Ok(vec![Hang])];
        let bed = Bed::start(after_break, policy, links).await.unwrap();
        let (seen, failure, _) = bed.run_to_the_end().await;
        assert_eq!(seen, ["1", "2"]);
        let failure = failure.unwrap();
        assert_eq!((failure.kind(), failure.attempts()), (ErrorKind::ConnectionLost, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_will_not_change_is_not_tried_again() {
    for kind in [ErrorKind::Auth, ErrorKind::Quota, ErrorKind::Rejected, ErrorKind::Config] {
        let links = [Ok(vec![Results(1..=1), Break]), Err(kind), Ok(vec![Hang])];
        let bed = Bed::start(AfterBreak::GoOn, RetryPolicy::forever(), links).await.unwrap();
        let (_, failure, _) = bed.run_to_the_end().await;
        let failure = failure.unwrap();
        assert_eq!((failure.kind(), failure.attempts()), (kind, 1));
    }
    let links = [Ok(vec![Results(1..=1), Fail]), Ok(vec![Hang])];
    let bed = Bed::start(AfterBreak::GoOn, RetryPolicy::forever(), links).await.unwrap();
    assert_eq!(bed.run_to_the_end().await.1.unwrap().kind(), ErrorKind::Processing);
}

#[tokio::test(start_paused = true)]
async fn after_two_minutes_without_a_result_it_is_given_up_and_said_what_was_tried() {
    let start = Instant::now();
    let fruitless = || Ok(vec![Wait(SECOND), Break]);
    let links = [Ok(vec![Results(1..=1), Break]), fruitless(), fruitless()];
    let bed = Bed::start(AfterBreak::GoOn, RetryPolicy::default(), links).await.unwrap();
    let (_, failure, summary) = bed.run_to_the_end().await;
    let failure = failure.unwrap();
    assert!(failure.attempts() > 10 && failure.kind() == ErrorKind::Unreachable);
    assert!(failure.to_string().contains("more attempts in 12"), "{failure}");
    assert!((120..125).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!((summary.links, summary.ended), (3, Some(Ended::Failed)));
}

#[tokio::test(start_paused = true)]
async fn a_link_that_gave_a_result_begins_the_count_anew() {
    let links: Vec<_> = (0..500).map(|_| Ok(vec![Results(1..=1), Break])).collect();
    let bed = Bed::start(AfterBreak::GoOn, RetryPolicy::default(), links).await.unwrap();
    let (seen, _, summary) = bed.run_to_the_end().await;
    assert_eq!((summary.links, summary.frames_returned), (500, 500));
    assert_eq!(seen.iter().filter(|word| *word == "attempt 2").count(), 1, "at the end");
}

#[tokio::test(start_paused = true)]
async fn before_the_first_link_two_failures_are_enough() {
    let fails = [Err(ErrorKind::Unreachable), Ok(vec![Results(1..=1), Complete])];
    let bed = Bed::start(AfterBreak::GoOn, RetryPolicy::default(), fails).await.unwrap();
    assert_eq!(bed.run_to_the_end().await.0, ["1"]);
    let fails = [Err(ErrorKind::Unreachable), Err(ErrorKind::Ice), Ok(vec![Hang])];
    let failed = Bed::start(AfterBreak::GoOn, RetryPolicy::forever(), fails).await.err().unwrap();
    assert_eq!(failed.kind(), ErrorKind::Ice);
    let fails = [Err(ErrorKind::Auth), Ok(vec![Hang])];
    let failed = Bed::start(AfterBreak::GoOn, RetryPolicy::forever(), fails).await.err().unwrap();
    assert_eq!(failed.kind(), ErrorKind::Auth);
}

#[tokio::test(start_paused = true)]
async fn the_error_of_the_last_attempt_for_a_first_link_is_explained_and_that_of_no_later_link() {
    let fails = [Err(ErrorKind::Unreachable), Err(ErrorKind::Ice)];
    let failed = Bed::start(AfterBreak::GoOn, RetryPolicy::forever(), fails).await.err().unwrap();
    assert!(failed.to_string().ends_with("explained 2"), "{failed}");
    let lost = [Ok(vec![Break])];
    let bed = Bed::start(AfterBreak::GoOn, RetryPolicy::default(), lost).await.unwrap();
    let failed = bed.run_to_the_end().await.1.unwrap();
    assert!(failed.to_string().contains("scripted"), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn it_can_be_closed_at_once_whatever_it_is_doing() {
    let scripts = || {
        let lost = [Ok(vec![Break])];
        let hangs = [Ok(vec![Hang])];
        [lost.to_vec(), hangs.to_vec()]
    };
    for links in scripts() {
        for after in [0, 10, 100, 5_000] {
            let policy = RetryPolicy::forever();
            let bed = Bed::start(AfterBreak::GoOn, policy, links.clone()).await.unwrap();
            sleep(Duration::from_millis(after)).await;
            let start = Instant::now();
            let summary = bed.session.close().await;
            assert_eq!(start.elapsed(), Duration::ZERO);
            assert_eq!(summary.ended, Some(Ended::ByCaller));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn outputs_changed_while_there_is_no_link_hold_for_the_next_one() {
    let links = [Ok(vec![Results(1..=1), Break]), Ok(vec![Results(1..=1), Complete])];
    let mut bed = Bed::start(AfterBreak::GoOn, RetryPolicy::default(), links).await.unwrap();
    while !matches!(bed.session.next().await, Some(Ok(Event::Reconnecting(_)))) {}
    bed.session.control().set_data_output(["other"]).await.unwrap();
    let asked = Arc::clone(&bed.asked);
    let control = bed.session.control();
    bed.run_to_the_end().await;
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2);
    let mut request = InitRequest::default();
    asked[1].fill(&mut request);
    assert_eq!(request.data_output, Some(vec!["other".to_owned()]));
    assert!(control.set_data_output(["late"]).await.is_err());
}

fn links() -> impl Strategy<Value = Vec<(u32, u32, bool)>> {
    prop::collection::vec((0..20_u32, 0..5_u32, any::<bool>()), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However often a link breaks, and whatever was under way, each frame is given out or counted under one
    /// cause.
    #[test]
    fn every_frame_is_accounted_for_over_random_breaks(links in links()) {
        let scripts: Vec<_> = links
            .iter()
            .map(|&(answered, lost, connects)| match connects {
                true => Ok(vec![Results(1..=answered), Named(answered + lost), Break]),
                false => Err(ErrorKind::Unreachable),
            })
            .collect();
        let first = Ok(vec![Results(1..=1), Break]);
        let last = Ok(vec![Results(1..=1), Complete]);
        let scripts = std::iter::once(first).chain(scripts).chain([last]);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let summary = runtime.block_on(async {
            let bed = Bed::start(AfterBreak::GoOn, RetryPolicy::forever(), scripts).await.unwrap();
            bed.run_to_the_end().await.2
        });
        let made: u32 = links.iter().filter(|link| link.2).map(|link| link.0 + link.1).sum();
        prop_assert_eq!(summary.frames_sent, u64::from(made) + 2);
        prop_assert_eq!(summary.frames_returned + summary.dropped.total(), summary.frames_sent);
    }
}
