//! What the tests of several crates share: servers that play whatever a test needs, and a path that loses
//! packets. Not published.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it fails"
)]

mod fake_platform;
mod fake_server;
mod lossy_server;
#[cfg(feature = "nats")]
pub mod nats;
mod relay;
#[cfg(feature = "client")]
mod session;
#[cfg(feature = "simulation")]
pub mod simulation;
#[cfg(feature = "client")]
mod whip;

pub use fake_platform::FakePlatform;
pub use fake_server::{FakeServer, Script};
pub use lossy_server::LossyServer;
pub use relay::Relay;
#[cfg(feature = "client")]
pub use session::{MAX_WAIT, drain, failure, next, start_source};
#[cfg(feature = "client")]
pub use whip::WhipServer;
