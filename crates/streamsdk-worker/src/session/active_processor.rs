use std::thread;

use streamsdk_media::Frame;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;

use crate::error_response::ErrorResponse;
use crate::processor::{
    FrameContext, Processor, ProcessorEntry, ProcessorError, ProcessorOutputs, SessionEnd,
    SessionRequest,
};

/// The processor of a session, which is told the session's end when this is dropped: on a thread of its own,
/// since it may take its time, and nobody else is to wait for it.
///
/// It has the session's place among those that the worker may have, from before it is made until it has been
/// told the end: what it needs may be scarce, and its threads cannot be stopped from outside.
pub(crate) struct ActiveProcessor {
    /// Always there, until it is told.
    processor: Option<Box<dyn Processor>>,
    place: Option<OwnedSemaphorePermit>,
    end: SessionEnd,
    tasks: TaskTracker,
    runtime: Handle,
}

impl ActiveProcessor {
    /// Made on a thread of its own, which goes on when nobody waits for it any more; `tasks` are those that the
    /// worker waits for when it shuts down.
    pub(crate) async fn create(
        entry: ProcessorEntry,
        request: SessionRequest,
        place: OwnedSemaphorePermit,
        tasks: &TaskTracker,
    ) -> Result<Self, ErrorResponse> {
        let created = tasks.spawn_blocking(move || (entry.create(&request), place)).await;
        let (created, place) =
            created.map_err(|panic| ErrorResponse::internal(&panic.to_string()))?;
        let processor = created.map_err(|error| {
            ErrorResponse::workflow(format!("The processor cannot be used: {error}."))
        })?;
        let end = SessionEnd {
            frames: 0,
            reason: None,
            errors: vec!["the session ended before its first frame".to_owned()],
        };
        let (tasks, runtime) = (tasks.clone(), Handle::current());
        Ok(Self { processor: Some(processor), place: Some(place), end, tasks, runtime })
    }

    pub(super) fn process(
        &mut self,
        frame: &Frame,
        context: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        match &mut self.processor {
            Some(processor) => processor.process(frame, context),
            None => Ok(ProcessorOutputs::new()),
        }
    }

    /// What the processor will be told.
    pub(super) fn set_end(&mut self, end: SessionEnd) {
        self.end = end;
    }
}

impl Drop for ActiveProcessor {
    fn drop(&mut self) {
        // After a panic of its own nobody knows what state it is in.
        if thread::panicking() {
            return;
        }
        if let Some(mut processor) = self.processor.take() {
            let (end, place) = (self.end.clone(), self.place.take());
            let tell = move || {
                processor.session_ended(&end);
                drop((processor, place));
            };
            self.tasks.spawn_blocking_on(tell, &self.runtime);
        }
    }
}
