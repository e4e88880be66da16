//! A session can be closed or dropped from everywhere and at any time, and nothing of it stays.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use streamsdk::{
    Ended, Error, Event, Frame, Handlers, ProducerSource, Session, StreamConfig, Summary,
    TestPattern,
};
use streamsdk_tests::{
    KillableWorker, LossyServer, MAX_WAIT, next, start, start_source, worker, worker_with,
};
use streamsdk_worker::{
    FrameContext, OutputDeclaration, Processor, ProcessorError, ProcessorOutputs, Processors,
    Worker, WorkerConfig,
};
use tokio::runtime::{Builder, Runtime};

/// 30 frames.
const CLIP: &str = "plain_160x120.mp4";

/// Fails on every second frame.
struct Failing;

impl Processor for Failing {
    fn process(
        &mut self,
        frame: &Frame,
        context: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        match context.frame_id() % 2 {
            0 => Err(ProcessorError::Other("too dark".into())),
            _ => Ok(ProcessorOutputs::new().json("light", frame.width())),
        }
    }
}

async fn worker_that_fails() -> Worker {
    let make = |_: &_| Ok(Box::new(Failing) as Box<dyn Processor>);
    let outputs = [OutputDeclaration::json("light")];
    let processors = Processors::builtin().register("failing", outputs, make);
    worker_with(WorkerConfig::default().processors(processors)).await
}

fn data() -> StreamConfig {
    StreamConfig::default().data_output(["*"])
}

async fn live(url: &str) -> Session {
    let source = ProducerSource::new(TestPattern::new(160, 120, 30.0));
    start_source(url, source, "motion", data().stream_output(["image"])).await.unwrap()
}

async fn closed(session: Session) -> Summary {
    tokio::time::timeout(MAX_WAIT, session.close()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_handler_may_close_the_session() {
    let worker = worker_that_fails().await;
    let names = ["frame", "data", "field", "error", "event"];
    for name in names {
        let (processor, config) = match name {
            "frame" => ("motion", data().stream_output(["image"])),
            _ => ("failing", data()),
        };
        let source = ProducerSource::new(TestPattern::new(160, 120, 30.0));
        let session = start_source(&worker.url(), source, processor, config).await.unwrap();
        let control = session.control();
        let close = move || control.close();
        let handlers = match name {
            "frame" => Handlers::default().on_frame(move |_| close()),
            "data" => Handlers::default().on_data(move |_| close()),
            "field" => Handlers::default().on_data_field("light", move |_, _| close()),
            "error" => Handlers::default().on_error(move |_, _| close()),
            _ => Handlers::default().on_event(move |_| close()),
        };
        let run = tokio::time::timeout(MAX_WAIT, session.run(handlers)).await;
        let summary = run.unwrap_or_else(|_| panic!("{name} hangs")).unwrap();
        assert_eq!(summary.ended, Some(Ended::ByCaller), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_threads_may_close_at_once_while_the_owner_does() {
    let worker = worker().await;
    for _ in 0..5 {
        let mut session = live(&worker.url()).await;
        next(&mut session).await.unwrap().unwrap();
        let controls = [session.control(), session.control()];
        let barrier = std::sync::Arc::new(Barrier::new(controls.len()));
        let closing = controls.map(|control| {
            let barrier = std::sync::Arc::clone(&barrier);
            std::thread::spawn(move || {
                barrier.wait();
                control.close();
            })
        });
        assert_eq!(closed(session).await.ended, Some(Ended::ByCaller));
        closing.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_be_closed_while_it_uploads() {
    let worker = worker().await;
    let mut session =
        start(&worker.url(), "numbered_baseline.mp4", "motion", data()).await.unwrap();
    while !matches!(next(&mut session).await, Some(Ok(Event::Upload(_)))) {}
    let summary = closed(session).await;
    assert!(matches!(summary.ended, Some(Ended::ByCaller)), "{summary:?}");
    // And before there was anything of it.
    let session = start(&worker.url(), CLIP, "motion", data()).await.unwrap();
    assert_eq!(closed(session).await.ended, Some(Ended::ByCaller));
}

/// Less than the 10 s for which a session that ends by itself waits for acknowledgements.
const CLOSE_LIMIT: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn who_closes_a_session_waits_for_no_acknowledgement() {
    let worker = worker().await;
    let server = LossyServer::before(&worker.url()).await;
    let mut session = start(server.url(), "numbered_baseline.mp4", "motion", data()).await.unwrap();
    while !matches!(next(&mut session).await, Some(Ok(Event::Upload(_)))) {}
    server.lose_all_to_server();
    let summary = tokio::time::timeout(CLOSE_LIMIT, session.close()).await.unwrap();
    assert_eq!(summary.ended, Some(Ended::ByCaller));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_be_closed_while_it_connects_again() {
    for drops in [false, true] {
        let worker = KillableWorker::start("127.0.0.1:0").await;
        let mut session = live(worker.url()).await;
        next(&mut session).await.unwrap().unwrap();
        drop(worker);
        while !matches!(next(&mut session).await.unwrap().unwrap(), Event::Reconnecting(_)) {}
        let control = session.control();
        if drops {
            drop(session);
            until("the session has ended", || control.statistics().session.ended.is_some()).await;
        } else {
            closed(session).await;
        }
        assert_eq!(control.statistics().session.ended, Some(Ended::ByCaller));
    }
}

fn runtimes() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()]
        .map(|mut builder| builder.enable_all().build().unwrap())
}

#[test]
fn a_session_may_be_dropped_inside_and_outside_of_its_runtime_and_after_it() {
    let of_worker = Runtime::new().unwrap();
    let worker = of_worker.block_on(worker());
    let started = |runtime: &Runtime| {
        runtime.block_on(async {
            let mut session = live(&worker.url()).await;
            next(&mut session).await.unwrap().unwrap();
            session
        })
    };
    for runtime in runtimes() {
        let session = started(&runtime);
        runtime.block_on(async { drop(session) });
        let session = started(&runtime);
        drop(session);
        let session = started(&runtime);
        std::thread::spawn(move || drop(session)).join().unwrap();
        let session = started(&runtime);
        let (control, summary) = (session.control(), session.summary());
        drop(runtime);
        // Nothing runs any more that could say how it ended.
        control.close();
        assert_eq!(summary.ended, None);
        drop(session);
    }
}

#[test]
fn a_session_may_be_closed_from_another_runtime() {
    let of_worker = Runtime::new().unwrap();
    let worker = of_worker.block_on(worker());
    let [one, many] = runtimes();
    let session = many.block_on(live(&worker.url()));
    assert_eq!(one.block_on(closed(session)).ended, Some(Ended::ByCaller));
}

/// Tasks that live in this runtime.
fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < MAX_WAIT, "not within {MAX_WAIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a process has of what can leak.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy)]
struct Holdings {
    memory_kb: usize,
    tasks: usize,
    threads: usize,
    descriptors: usize,
}

#[cfg(target_os = "linux")]
impl Holdings {
    fn now() -> Self {
        let count = |folder| std::fs::read_dir(folder).unwrap().count();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Self {
            memory_kb: memory.split_whitespace().next().unwrap().parse().unwrap(),
            tasks: tasks(),
            threads: count("/proc/self/task"),
            descriptors: count("/proc/self/fd"),
        }
    }

    /// Memory is left out: what an allocator keeps is not what a session holds.
    fn is_within(self, before: Self) -> bool {
        self.tasks <= before.tasks
            && self.threads <= before.threads
            && self.descriptors <= before.descriptors
    }
}

/// Client and worker: each session is connected, seen to work, and closed, one kind after the other.
#[cfg(target_os = "linux")]
async fn sessions(worker: &Worker, count: usize) -> Result<(), Error> {
    for number in 0..count {
        let mut session = match number % 2 {
            0 => start(&worker.url(), CLIP, "motion", data()).await?,
            _ => live(&worker.url()).await,
        };
        while !matches!(next(&mut session).await, Some(Ok(Event::Data(_) | Event::Frame(_)))) {}
        match number % 3 {
            0 => drop(session),
            _ => drop(closed(session).await),
        }
    }
    Ok(())
}

/// What is there before, in the middle and after so many sessions; what is over is gone each time.
#[cfg(target_os = "linux")]
async fn holdings_over(count: usize) -> [Holdings; 3] {
    let worker = worker().await;
    // What is made once is made by then, and threads that wait for work have ended or not.
    sessions(&worker, 12).await.unwrap();
    let first = settled(None).await;
    sessions(&worker, count / 2).await.unwrap();
    let middle = settled(Some(first)).await;
    sessions(&worker, count.div_ceil(2)).await.unwrap();
    [first, middle, settled(Some(first)).await]
}

/// Once there is no more than before, or without that once nothing changes any more.
#[cfg(target_os = "linux")]
async fn settled(before: Option<Holdings>) -> Holdings {
    match before {
        Some(before) => until("no more than before", || Holdings::now().is_within(before)).await,
        None => {
            let mut last = Holdings::now();
            let mut same = 0;
            until("nothing changes", || {
                let now = Holdings::now();
                same = if now.is_within(last) && last.is_within(now) { same + 1 } else { 0 };
                last = now;
                // Idle threads of the runtime's pool for blocking work live for ten seconds.
                same == 100
            })
            .await;
        }
    }
    Holdings::now()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn fifty_sessions_leave_no_task_no_thread_and_no_descriptor() {
    println!("{:#?}", holdings_over(50).await);
}

/// `cargo test -p streamsdk-tests --test closing -- --ignored --nocapture`
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_thousand_sessions_leave_no_memory_either() {
    let [first, middle, last] = holdings_over(1_000).await;
    println!("{first:?}\n{middle:?}\n{last:?}");
    assert!(last.memory_kb <= middle.memory_kb * 110 / 100, "{middle:?} {last:?}");
}

/// A server that takes connections and never says a word; with what it has taken.
#[cfg(target_os = "linux")]
async fn silent_server() -> (String, tokio::sync::mpsc::UnboundedReceiver<tokio::net::TcpStream>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (take, taken) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            if take.send(connection).is_err() {
                break;
            }
        }
    });
    (url, taken)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_given_up_at_a_silent_server_leaves_nothing() {
    let (url, mut taken) = silent_server().await;
    let before = Holdings::now();
    for _ in 0..20 {
        let source = ProducerSource::new(TestPattern::new(160, 120, 30.0));
        let starting = tokio::spawn({
            let url = url.clone();
            async move { start_source(&url, source, "motion", data()).await.map(drop) }
        });
        let connection = tokio::time::timeout(MAX_WAIT, taken.recv()).await.unwrap().unwrap();
        // It is waiting for the answer now.
        connection.readable().await.unwrap();
        starting.abort();
        assert!(starting.await.unwrap_err().is_cancelled());
    }
    // A runtime keeps threads for a while.
    until("nothing is left", || {
        let now = Holdings::now();
        now.tasks <= before.tasks && now.descriptors <= before.descriptors
    })
    .await;
}
