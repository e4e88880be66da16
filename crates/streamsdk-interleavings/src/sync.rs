//! What stands for `std::sync`.

use real_std::time::Duration;

pub use loom::sync::{Arc, LockResult, Mutex, MutexGuard, atomic};
pub use real_std::sync::PoisonError;

/// That of loom, with what it lacks.
#[derive(Default)]
pub struct Condvar(loom::sync::Condvar);

impl Condvar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    /// No time runs out here: who is never woken waits for ever, which is what is looked for.
    pub fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        _: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        while condition(&mut guard) {
            guard = self.0.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        Ok((guard, ()))
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
