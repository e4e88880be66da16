//! What a peer makes this side hold, counted in one place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes of a peer's may be held at a time, by all that hold some. Clones share it.
#[derive(Debug, Clone)]
pub struct MemoryBudget(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    limit: usize,
    held: AtomicUsize,
}

/// Bytes that count as held until this is dropped.
#[derive(Debug)]
pub struct HeldMemory {
    budget: MemoryBudget,
    bytes: usize,
}

impl MemoryBudget {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Budget { limit, held: AtomicUsize::new(0) }))
    }

    /// The whole of it, in bytes.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// What may still be held, in bytes.
    pub fn left(&self) -> usize {
        self.limit().saturating_sub(self.0.held.load(Ordering::Relaxed))
    }

    /// Holds so many bytes, even if there is no room for them.
    #[must_use]
    pub fn hold(&self, bytes: usize) -> HeldMemory {
        self.0.held.fetch_add(bytes, Ordering::Relaxed);
        HeldMemory { budget: self.clone(), bytes }
    }
}

impl HeldMemory {
    /// Holds so many bytes more, even if there is no room for them.
    pub(crate) fn grow(&mut self, bytes: usize) {
        self.budget.0.held.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.budget.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_held_no_more() {
        let budget = MemoryBudget::new(10);
        let (mut first, second) = (budget.hold(4), budget.clone().hold(3));
        first.grow(2);
        assert_eq!(budget.left(), 1);
        drop(first);
        assert_eq!(budget.left(), 7);
        let more = budget.hold(100);
        assert_eq!(budget.left(), 0);
        drop((second, more));
        assert_eq!(budget.left(), 10);
    }
}
