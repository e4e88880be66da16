//! Closures that are called for what happens in a session.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use streamsdk_protocol::output::Output;

use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::frame::{FrameData, ReceivedFrame};
use crate::stage::Stage;

/// Closures that are called for what happens in a session, by [`Session::run`](crate::Session::run).
///
/// Of each sort there may be several; they are called in the order in which they were added. For a frame those for its
/// errors come first, then those for its image, for all that was said, and for single outputs.
///
/// A closure may give nothing, or a `Result`: an error, or a panic, ends the session with an error of the kind
/// [`ErrorKind::Handler`]. Closures may take their time and call whatever they like, such as
/// [`Control::close`](crate::Control::close): they run on a thread of their own. What a late one makes of frames
/// that go on coming is up to [`FramePolicy`](crate::FramePolicy).
///
/// ```no_run
/// # async fn example(session: streamsdk::Session) -> Result<(), Box<dyn std::error::Error>> {
/// use streamsdk::Handlers;
///
/// let control = session.control();
/// let handlers = Handlers::default()
///     .on_frame(|frame| frame.image().map(|image| println!("{} px", image.width())))
///     .on_data_field("count", move |count, data| {
///         println!("{:?}: {}", data.frame_id(), count.json());
///         if count.json() == "0" {
///             control.close();
///         }
///     })
///     .on_error(|errors, data| eprintln!("{:?}: {errors:?}", data.frame_id()));
/// println!("{}", session.run(handlers).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use]
pub struct Handlers {
    frame: Vec<FrameHandler>,
    data: Vec<DataHandler>,
    fields: Vec<(String, FieldHandler)>,
    errors: Vec<ErrorHandler>,
    events: Vec<EventHandler>,
}

type FrameHandler = Box<dyn FnMut(&ReceivedFrame) -> HandlerResult + Send>;
type DataHandler = Box<dyn FnMut(&FrameData) -> HandlerResult + Send>;
type FieldHandler = Box<dyn FnMut(&Output, &FrameData) -> HandlerResult + Send>;
type ErrorHandler = Box<dyn FnMut(&[String], &FrameData) -> HandlerResult + Send>;
type EventHandler = Box<dyn FnMut(&Event) -> HandlerResult + Send>;

type HandlerResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// What a handler may give: nothing, or a `Result` whose error ends the session.
pub trait HandlerOutcome {
    /// As a result.
    #[doc(hidden)]
    fn into_result(self) -> HandlerResult;
}

impl HandlerOutcome for () {
    fn into_result(self) -> HandlerResult {
        Ok(())
    }
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> HandlerOutcome for Result<(), E> {
    fn into_result(self) -> HandlerResult {
        self.map_err(Into::into)
    }
}

impl Handlers {
    /// Called with each frame that comes back, its image not yet decoded, and all that was said about it.
    pub fn on_frame<R: HandlerOutcome>(
        mut self,
        mut handler: impl FnMut(&ReceivedFrame) -> R + Send + 'static,
    ) -> Self {
        self.frame.push(Box::new(move |frame| handler(frame).into_result()));
        self
    }

    /// Called with all that the server says about a frame, whether or not its image comes.
    pub fn on_data<R: HandlerOutcome>(
        mut self,
        mut handler: impl FnMut(&FrameData) -> R + Send + 'static,
    ) -> Self {
        self.data.push(Box::new(move |data| handler(data).into_result()));
        self
    }

    /// Called with the output called `name` of each frame that has it, and all that was said about the frame.
    pub fn on_data_field<R: HandlerOutcome>(
        mut self,
        name: impl Into<String>,
        mut handler: impl FnMut(&Output, &FrameData) -> R + Send + 'static,
    ) -> Self {
        let handler = move |output: &Output, data: &FrameData| handler(output, data).into_result();
        self.fields.push((name.into(), Box::new(handler)));
        self
    }

    /// Called with what went wrong with a frame at the server, in its words, where something did. What ends the
    /// session is what [`Session::run`](crate::Session::run) gives.
    pub fn on_error<R: HandlerOutcome>(
        mut self,
        mut handler: impl FnMut(&[String], &FrameData) -> R + Send + 'static,
    ) -> Self {
        self.errors.push(Box::new(move |errors, data| handler(errors, data).into_result()));
        self
    }

    /// Called with each event, before the others: also with those of uploads and connections.
    pub fn on_event<R: HandlerOutcome>(
        mut self,
        mut handler: impl FnMut(&Event) -> R + Send + 'static,
    ) -> Self {
        self.events.push(Box::new(move |event| handler(event).into_result()));
        self
    }

    /// Calls those that an event is for.
    ///
    /// # Errors
    ///
    /// That of the first handler that fails or panics: none is called after it.
    pub(crate) fn call(&mut self, event: &Event) -> Result<(), Error> {
        let called = catch_unwind(AssertUnwindSafe(|| self.call_all(event)));
        let failed = |what: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Handler, Stage::Streaming, what)
        };
        match called {
            Ok(result) => result.map_err(failed),
            Err(panic) => {
                let said = panic.downcast_ref::<&str>().copied();
                let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                let said = said.unwrap_or("without words");
                Err(failed(format!("a handler panicked: {said}").into()))
            }
        }
    }

    fn call_all(&mut self, event: &Event) -> HandlerResult {
        self.events.iter_mut().try_for_each(|handler| handler(event))?;
        match event {
            Event::Frame(frame) => {
                self.call_with_errors(frame)?;
                self.frame.iter_mut().try_for_each(|handler| handler(frame))?;
                if frame.has_data() { self.call_with_data(frame) } else { Ok(()) }
            }
            Event::Data(data) => {
                self.call_with_errors(data)?;
                self.call_with_data(data)
            }
            _ => Ok(()),
        }
    }

    fn call_with_errors(&mut self, data: &FrameData) -> HandlerResult {
        match data.errors() {
            [] => Ok(()),
            errors => self.errors.iter_mut().try_for_each(|handler| handler(errors, data)),
        }
    }

    fn call_with_data(&mut self, data: &FrameData) -> HandlerResult {
        self.data.iter_mut().try_for_each(|handler| handler(data))?;
        self.fields.iter_mut().try_for_each(|(name, handler)| match data.output(name) {
            Some(output) => handler(output, data),
            None => Ok(()),
        })
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.fields.iter().map(|(name, _)| name).collect();
        f.debug_struct("Handlers")
            .field("frame", &self.frame.len())
            .field("data", &self.data.len())
            .field("fields", &fields)
            .field("errors", &self.errors.len())
            .field("events", &self.events.len())
            .finish()
    }
}
