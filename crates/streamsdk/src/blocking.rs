//! Sessions without a word about async.
//!
//! [`StreamBuilder::start_blocking`](crate::StreamBuilder::start_blocking) starts one, which is an iterator of events:
//!
//! ```no_run
//! # #[cfg(feature = "file")]
//! # fn example() -> Result<(), streamsdk::Error> {
//! use streamsdk::{Client, StreamConfig, VideoFileSource, Workflow};
//!
//! let client = Client::builder("http://localhost:9001").build()?;
//! let mut session = client
//!     .stream(VideoFileSource::open("traffic.mp4")?)
//!     .workflow(Workflow::id("workspace", "count-cars"))
//!     .config(StreamConfig::default().stream_output(["image"]))
//!     .start_blocking()?;
//! for frame in session.frames() {
//!     println!("{} px", frame?.image()?.width());
//! }
//! println!("{}", session.close());
//! # Ok(())
//! # }
//! ```
//!
//! [`wait`] does the same for everything else that is async, such as opening a camera.
//!
//! The work is done by two threads that all sessions of the process share. Whatever is called here blocks the calling
//! thread. It may be one of a runtime's own: nothing panics or stands still for ever, but that runtime waits.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::frame::ReceivedFrame;
use crate::handlers::Handlers;
use crate::session::Control;
use crate::stage::Stage;
use crate::stats::Summary;

const THREADS: usize = 2;

/// Waits for something async of this crate's.
///
/// ```no_run
/// # #[cfg(feature = "local-stream")]
/// # fn example() -> Result<(), streamsdk::Error> {
/// use streamsdk::{LocalStreamSource, blocking};
///
/// let camera = blocking::wait(LocalStreamSource::open("rtsp://192.168.1.20/stream1"))?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// That of the future; [`ErrorKind::Internal`] where the system gives no threads.
///
/// # Panics
///
/// Where the future does.
pub fn wait<T, E>(future: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, Error>
where
    T: Send + 'static,
    E: Into<Error> + Send + 'static,
{
    run(future)?.map_err(Into::into)
}

/// Runs a future on threads of our own: on the calling thread that is no option in a runtime.
fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<T, Error> {
    let (tell, told) = mpsc::sync_channel(1);
    runtime()?.spawn(async move {
        // Who waits is there.
        let _ = tell.send(AssertUnwindSafe(future).catch_unwind().await);
    });
    match told.recv() {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => Err(internal("the process is ending")),
    }
}

fn runtime() -> Result<&'static Runtime, Error> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        let builder = builder.worker_threads(THREADS).thread_name("streamsdk").enable_all();
        builder.build().map_err(|error| error.to_string())
    });
    made.as_ref().map_err(|error| internal(error))
}

fn internal(what: &str) -> Error {
    Error::new(ErrorKind::Internal, Stage::Preparing, what)
}

/// A session: an iterator of events, which ends as [`streamsdk::Session`](crate::Session) does.
///
/// Dropping it closes the session in the background; [`Session::close`] does so and waits.
#[derive(Debug)]
#[must_use = "a session is closed when it is dropped"]
pub struct Session {
    /// Always there, but for while it is waited on.
    session: Option<crate::Session>,
    control: Control,
}

impl Session {
    pub(crate) fn start(
        starting: impl Future<Output = Result<crate::Session, Error>> + Send + 'static,
    ) -> Result<Self, Error> {
        let session = wait(starting)?;
        Ok(Self { control: session.control(), session: Some(session) })
    }

    /// The frames that come back, until the session is over. All else that happens meanwhile is left out.
    pub fn frames(&mut self) -> impl Iterator<Item = Result<ReceivedFrame, Error>> {
        self.filter_map(|event| match event {
            Ok(Event::Frame(frame)) => Some(Ok(frame)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }

    /// The next event, as the iterator gives it, if it comes within `limit`. Otherwise an error of the kind
    /// [`ErrorKind::Timeout`], and the session goes on.
    pub fn next_within(&mut self, limit: Duration) -> Option<Result<Event, Error>> {
        self.on_session(async move |mut session: crate::Session| {
            let event = session.next_within(limit).await;
            (session, event)
        })
    }

    /// Calls `handlers` on this thread with what happens, until the session is over.
    ///
    /// # Errors
    ///
    /// As of [`streamsdk::Session::run`](crate::Session::run).
    pub fn run(mut self, mut handlers: Handlers) -> Result<Summary, Error> {
        while let Some(event) = self.next() {
            if let Err(error) = event.and_then(|event| handlers.call(&event)) {
                self.close();
                return Err(error);
            }
        }
        Ok(self.close())
    }

    /// Waits until the session is over, at most for `limit` in all, and takes no notice of what comes.
    ///
    /// # Errors
    ///
    /// As of [`streamsdk::Session::wait`](crate::Session::wait).
    pub fn wait(&mut self, limit: impl Into<Option<Duration>>) -> Result<Summary, Error> {
        let limit = limit.into();
        let waited = self.on_session(async move |mut session: crate::Session| {
            let waited = session.wait(limit).await;
            (session, Some(waited))
        });
        waited.unwrap_or_else(|| Ok(self.summary()))
    }

    /// What the session has done so far. Complete once the iterator is at its end.
    pub fn summary(&self) -> Summary {
        self.control.statistics().session
    }

    /// A handle to steer the session from elsewhere, such as to close it.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Selects the outputs that come as data, as [`Control::set_data_output`] does.
    ///
    /// # Errors
    ///
    /// When the session is over.
    pub fn set_data_output(
        &self,
        names: impl IntoIterator<Item: Into<String>>,
    ) -> Result<(), Error> {
        let (control, names) = (self.control(), owned(names));
        wait(async move { control.set_data_output(names).await })
    }

    /// Selects the outputs for the video track, as [`Control::set_stream_output`] does.
    ///
    /// # Errors
    ///
    /// When the session is over.
    pub fn set_stream_output(
        &self,
        names: impl IntoIterator<Item: Into<String>>,
    ) -> Result<(), Error> {
        let (control, names) = (self.control(), owned(names));
        wait(async move { control.set_stream_output(names).await })
    }

    /// Closes the session and returns when all of it is gone, as
    /// [`streamsdk::Session::close`](crate::Session::close) does.
    pub fn close(mut self) -> Summary {
        let session = self.session.take();
        let closed = session.and_then(|session| run(session.close()).ok());
        closed.unwrap_or_else(|| self.summary())
    }

    /// Lends the session to a future.
    fn on_session<T: Send + 'static, F>(
        &mut self,
        what: impl FnOnce(crate::Session) -> F,
    ) -> Option<T>
    where
        F: Future<Output = (crate::Session, Option<T>)> + Send + 'static,
    {
        let (session, output) = run(what(self.session.take()?)).ok()?;
        self.session = Some(session);
        output
    }
}

impl Iterator for Session {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // What is there already needs no other thread.
        match self.session.as_mut()?.next().now_or_never() {
            Some(event) => event,
            None => self.on_session(async |mut session: crate::Session| {
                let event = session.next().await;
                (session, event)
            }),
        }
    }
}

fn owned(names: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
    names.into_iter().map(Into::into).collect()
}
