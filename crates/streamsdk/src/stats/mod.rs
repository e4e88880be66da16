//! What a session has come to: counters that add up over its links, and the rules by which they are judged.

mod departures;
mod ending;
mod latency;
mod ledger;
mod replay;
mod session;
mod summary;
mod upload;
mod video;

pub(crate) use ending::{Answers, Delivery, Expectation, Failure, StreamEnd};
pub use latency::Latency;
pub(crate) use replay::Renumbered;
pub(crate) use session::{FrameNumber, SessionTracker};
pub use summary::{Drops, Ended, FrameError, Summary};
pub use upload::UploadProgress;
pub use video::VideoStatistics;
pub(crate) use video::VideoTracker;
