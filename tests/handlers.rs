//! Closures that are called for what happens in a session.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use streamsdk::{Ended, ErrorKind, Event, Handlers, Session, StreamConfig, blocking};
use streamsdk_media::Frame;
use streamsdk_tests::{MAX_WAIT, start, worker, worker_with};
use streamsdk_worker::{
    FrameContext, OutputDeclaration, Processor, ProcessorError, ProcessorOutputs, Processors,
    Worker, WorkerConfig,
};

/// 30 frames.
const CLIP: &str = "plain_160x120.mp4";

/// A worker, and a session with it that has images and data.
async fn session() -> (Worker, Session) {
    let worker = worker().await;
    let config = StreamConfig::default().stream_output(["image"]).data_output(["predictions"]);
    let session = start(&worker.url(), CLIP, "motion", config).await.unwrap();
    (worker, session)
}

fn all<T>(told: &Receiver<T>) -> Vec<T> {
    told.try_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_frame_goes_to_all_that_are_for_it_in_order() {
    let (_worker, session) = session().await;
    let (tell, told) = channel();
    let say = |what: &'static str| {
        let tell: Sender<_> = tell.clone();
        move |frame_id: u32| tell.send((what, frame_id)).unwrap()
    };
    let [first, second, data, field] = ["first", "second", "data", "field"].map(say);
    let handlers = Handlers::default()
        .on_data_field("predictions", move |output, of| {
            assert!(output.json().starts_with('{'));
            field(of.frame_id());
        })
        .on_data_field("no such output", |_, _| Err("there is none"))
        .on_data(move |of| data(of.frame_id()))
        .on_frame(move |frame| frame.image().map(|_| first(frame.frame_id())))
        .on_frame(move |frame| second(frame.frame_id()))
        .on_error(|errors, _| Err(errors.concat()));
    let summary = session.run(handlers).await.unwrap();
    assert_eq!((summary.ended, summary.frames_returned), (Some(Ended::Complete), 30));
    let told = all(&told);
    let expected = (1..=30).flat_map(|id| ["first", "second", "data", "field"].map(|w| (w, id)));
    assert!(told.iter().copied().eq(expected), "{told:?}");
}

/// Fails on every tenth frame.
struct Failing;

impl Processor for Failing {
    fn process(
        &mut self,
        _: &Frame,
        context: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        match context.frame_id() % 10 {
            0 => Err(ProcessorError::Other("it is too dark".into())),
            _ => Ok(ProcessorOutputs::new().json("light", 1)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_frames_go_to_all_that_are_for_errors_before_their_data() {
    let outputs = [OutputDeclaration::json("light")];
    let make = |_: &_| Ok(Box::new(Failing) as Box<dyn Processor>);
    let processors = Processors::builtin().register("failing", outputs, make);
    let worker = worker_with(WorkerConfig::default().processors(processors)).await;
    let config = StreamConfig::default().data_output(["light"]);
    let session = start(&worker.url(), CLIP, "failing", config).await.unwrap();
    let (tell, told) = channel();
    let say = |what: &'static str| {
        let tell: Sender<_> = tell.clone();
        move |frame_id: u32| {
            if frame_id.is_multiple_of(10) {
                tell.send((what, frame_id)).unwrap();
            }
        }
    };
    let [first, second, data] = ["first", "second", "data"].map(say);
    let handlers = Handlers::default()
        .on_data(move |of| data(of.frame_id()))
        .on_error(move |errors, of| {
            assert!(errors.concat().contains("it is too dark"), "{errors:?}");
            first(of.frame_id());
        })
        .on_error(move |_, of| second(of.frame_id()));
    let summary = session.run(handlers).await.unwrap();
    assert_eq!((summary.ended, summary.frames_failed), (Some(Ended::Incomplete), 3));
    let expected = [10, 20, 30].into_iter();
    let expected = expected.flat_map(|id| ["first", "second", "data"].map(|what| (what, id)));
    assert!(all(&told).into_iter().eq(expected));
}

#[tokio::test]
async fn a_handler_may_close_the_session_block_and_call_what_blocks() {
    let (_worker, session) = session().await;
    let control = session.control();
    let (tell, told) = channel();
    let mut has_closed = false;
    let handlers = Handlers::default().on_frame(move |frame| {
        std::thread::sleep(Duration::from_millis(1));
        tell.send(frame.frame_id()).unwrap();
        // What has arrived by then comes as well, and the session may be over by that time.
        if std::mem::replace(&mut has_closed, true) {
            return Ok(());
        }
        let closing = control.clone();
        blocking::wait(async move { closing.set_data_output(["*"]).await })?;
        control.close();
        Ok::<_, streamsdk::Error>(())
    });
    let summary = session.run(handlers).await.unwrap();
    assert_eq!(summary.ended, Some(Ended::ByCaller));
    assert!(!all(&told).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_fails_or_panics_ends_the_session_with_an_error() {
    let failing = || Handlers::default().on_frame(|_| Err::<(), _>("the disk is full"));
    let panicking = || {
        Handlers::default().on_data(|data| {
            assert_eq!(data.frame_id(), 0, "no frame");
        })
    };
    let cases = [(failing(), "the disk is full"), (panicking(), "panicked: assertion")];
    for (handlers, said) in cases {
        let (_worker, session) = session().await;
        let control = session.control();
        let error = session.run(handlers).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Handler);
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(control.statistics().session.ended, Some(Ended::ByCaller));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_waits_for_any_more_closes_its_session() {
    let (_worker, session) = session().await;
    let control = session.control();
    let (tell, told) = channel();
    let handlers = Handlers::default().on_event(move |event: &Event| {
        // Nothing is acked while this waits.
        tell.send(matches!(event, Event::Frame(_))).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    });
    let running = tokio::spawn(session.run(handlers));
    let told = tokio::task::spawn_blocking(move || told.recv_timeout(MAX_WAIT).map(|_| told));
    let _told = told.await.unwrap().unwrap();
    running.abort();
    let ended = async {
        while control.statistics().session.ended.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(MAX_WAIT, ended).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_has_one_limit_for_all_and_the_session_goes_on_after_it() {
    let (_worker, mut session) = session().await;
    let error = session.wait(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(session.wait(None).await.unwrap().ended, Some(Ended::Complete));
    // Over is over.
    assert_eq!(session.wait(MAX_WAIT).await.unwrap().ended, Some(Ended::Complete));
}
