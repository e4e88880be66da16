//! Sessions of programs without async.

use std::time::Duration;

use streamsdk::{
    Client, Ended, Error, ErrorKind, Event, Handlers, StreamConfig, VideoFileSource, Workflow,
    blocking,
};
use streamsdk_tests::{MAX_WAIT, clip, worker};
use streamsdk_worker::Worker;

fn started_worker() -> Worker {
    blocking::wait(async { Ok::<_, Error>(worker().await) }).unwrap()
}

fn session(worker: &Worker) -> blocking::Session {
    let client = Client::builder(worker.url()).build().unwrap();
    client
        .stream(VideoFileSource::open(clip("plain_160x120.mp4")).unwrap())
        .workflow(Workflow::id("local", "motion"))
        .config(StreamConfig::default().stream_output(["image"]))
        .start_blocking()
        .unwrap()
}

fn assert_complete(worker: &Worker) {
    let mut session = session(worker);
    let images: Vec<_> = session.frames().map(|frame| frame.unwrap().image().unwrap()).collect();
    assert_eq!(images.len(), 30);
    assert!(session.next().is_none());
    let summary = session.close();
    assert_eq!((summary.ended, summary.frames_returned), (Some(Ended::Complete), 30));
}

#[test]
fn frames_are_an_iterator() {
    assert_complete(&started_worker());
}

#[test]
fn nothing_panics_or_hangs_on_the_threads_of_a_runtime() {
    let worker = started_worker();
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    one.block_on(async { assert_complete(&worker) });
    let many = tokio::runtime::Runtime::new().unwrap();
    many.block_on(async { assert_complete(&worker) });
    many.block_on(async { drop(session(&worker)) });
}

#[test]
fn handlers_are_called_on_the_callers_thread() {
    let worker = started_worker();
    let here = std::thread::current().id();
    let handlers = Handlers::default().on_frame(move |_| {
        assert_eq!(std::thread::current().id(), here);
    });
    let summary = session(&worker).run(handlers).unwrap();
    assert_eq!(summary.frames_returned, 30);
    let failing = Handlers::default().on_frame(|_| Err::<(), _>("no"));
    assert_eq!(session(&worker).run(failing).unwrap_err().kind(), ErrorKind::Handler);
}

#[test]
fn waits_have_limits_and_a_session_is_steered_and_closed_from_anywhere() {
    let worker = started_worker();
    let mut session = session(&worker);
    session.set_data_output(["*"]).unwrap();
    assert_eq!(session.wait(Duration::ZERO).unwrap_err().kind(), ErrorKind::Timeout);
    assert!(matches!(session.next_within(MAX_WAIT), Some(Ok(Event::Upload(_) | Event::Frame(_)))));
    let control = session.control();
    std::thread::spawn(move || control.close()).join().unwrap();
    let summary = session.wait(MAX_WAIT).unwrap();
    assert_eq!(summary.ended, Some(Ended::ByCaller));
    assert_eq!(session.set_data_output(["*"]).unwrap_err().kind(), ErrorKind::Closed);
    assert!(session.next_within(MAX_WAIT).is_none());
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let client = Client::builder("http://127.0.0.1:1").build().unwrap();
    let source = VideoFileSource::open(clip("plain_160x120.mp4")).unwrap();
    let started = client.stream(source).workflow(Workflow::id("a", "b")).start_blocking();
    assert_eq!(started.unwrap_err().kind(), ErrorKind::Unreachable);
}

#[test]
fn a_future_that_panics_does_so_where_it_is_waited_for() {
    for _ in 0..100 {
        let waited = std::panic::catch_unwind(|| {
            blocking::wait(async {
                assert!(MAX_WAIT.is_zero(), "not zero");
                Ok::<_, Error>(())
            })
        });
        assert_eq!(waited.unwrap_err().downcast_ref::<&str>(), Some(&"not zero"));
    }
}
