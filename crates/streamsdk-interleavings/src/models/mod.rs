//! What is run. Each model panics if one order of its threads makes it come to something else than it should.

use loom::model::Builder;

pub mod queue;
pub mod read_gate;
pub mod stop_handle;

/// A thread is interrupted so often at most where it could go on. Lost wake-ups take one or two; without a bound, three
/// threads have more orders than there is time for.
const MAX_INTERRUPTIONS: usize = 3;

/// Runs a model over all its orders.
fn model(threads: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(MAX_INTERRUPTIONS);
    builder.check(threads);
}
