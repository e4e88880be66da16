//! What happened, as one number: the same for the same seed.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::time::Instant;

/// Takes in what happens, in its order and with its time.
pub(super) struct Trace {
    begun: Instant,
    hasher: DefaultHasher,
}

impl Default for Trace {
    fn default() -> Self {
        Self { begun: Instant::now(), hasher: DefaultHasher::new() }
    }
}

impl Trace {
    /// A packet of a node, and when it arrives. Its size is left out: a signature of the handshake is a byte or two longer
    /// or shorter each time.
    pub(super) fn packet(&mut self, from: usize, arrives: Option<Instant>) {
        let now = self.begun.elapsed().as_millis();
        let arrives = arrives.map(|at| (at - self.begun).as_millis());
        (now, from, arrives).hash(&mut self.hasher);
    }

    /// Something that a side noted.
    pub(super) fn event(&mut self, what: &str) {
        (self.begun.elapsed().as_millis(), what).hash(&mut self.hasher);
    }

    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}
