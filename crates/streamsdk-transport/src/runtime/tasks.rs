//! The tasks of a connection's engine, which end with the connection.
//!
//! The engine starts a task that has its sockets before it gives out anything by which that could be stopped, and a task
//! ends for nobody who has gone away meanwhile. So what it starts is known here, from the moment that it is started.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;
use webrtc::runtime::JoinHandle;

/// The tasks of one connection's engine.
#[derive(Debug, Default)]
pub(crate) struct EngineTasks(Mutex<Tasks>);

#[derive(Debug, Default)]
struct Tasks {
    running: Vec<AbortHandle>,
    are_over: bool,
}

impl EngineTasks {
    pub(super) fn spawn(
        &self,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Box<dyn JoinHandle> {
        let task = tokio::spawn(future).abort_handle();
        self.note(task.clone());
        Box::new(EngineTask(task))
    }

    fn note(&self, task: AbortHandle) {
        let mut tasks = self.lock();
        if tasks.are_over {
            task.abort();
            return;
        }
        tasks.running.retain(|task| !task.is_finished());
        tasks.running.push(task);
    }

    /// Ends all of them, and at once any that is started after this.
    pub(crate) fn end(&self) {
        let mut tasks = self.lock();
        tasks.are_over = true;
        tasks.running.drain(..).for_each(|task| task.abort());
    }

    /// Ends them when the guard is dropped before the connection has somebody else who does.
    pub(crate) fn end_unless_owned(&self) -> UnownedTasks<'_> {
        UnownedTasks(Some(self))
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an engine has started that nobody can close yet.
#[derive(Debug)]
#[must_use = "the tasks end when this is dropped"]
pub(crate) struct UnownedTasks<'a>(Option<&'a EngineTasks>);

impl UnownedTasks<'_> {
    /// Somebody has the engine, and closes it.
    pub(crate) fn are_owned(mut self) {
        self.0 = None;
    }
}

impl Drop for UnownedTasks<'_> {
    fn drop(&mut self) {
        if let Some(tasks) = self.0 {
            tasks.end();
        }
    }
}

/// A task as the engine has it.
struct EngineTask(AbortHandle);

impl JoinHandle for EngineTask {
    /// A task goes on by itself.
    fn detach(&self) {}

    fn abort(&self) {
        self.0.abort();
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    async fn is_over(task: &dyn JoinHandle) -> bool {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        task.is_finished()
    }

    #[tokio::test]
    async fn tasks_that_nobody_owns_end_with_the_guard() {
        let tasks = EngineTasks::default();
        let guard = tasks.end_unless_owned();
        let task = tasks.spawn(pending());
        assert!(!is_over(&*task).await);
        drop(guard);
        assert!(is_over(&*task).await);
    }

    #[tokio::test]
    async fn tasks_that_somebody_owns_go_on() {
        let tasks = EngineTasks::default();
        let guard = tasks.end_unless_owned();
        let task = tasks.spawn(pending());
        guard.are_owned();
        assert!(!is_over(&*task).await);
    }

    #[tokio::test]
    async fn a_task_that_is_started_too_late_ends_at_once() {
        let tasks = EngineTasks::default();
        tasks.end();
        let task = tasks.spawn(pending());
        assert!(is_over(&*task).await);
    }
}
