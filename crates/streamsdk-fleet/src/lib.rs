//! Many video streams to inference servers: each started, begun again and counted by itself, and their results
//! delivered.
//!
//! [`Streams`] runs streams by their names. A [`Stream`] says how its sessions are started, when it begins again, and where its
//! results go:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::time::Duration;
//! use streamsdk::{Client, RtspSource, Workflow};
//! use streamsdk_fleet::{Stream, Streams, StreamsConfig};
//! use streamsdk_sinks::jsonl::JsonlFile;
//! use streamsdk_sinks::{Outlet, OutletConfig};
//!
//! let client = Client::builder("http://localhost:9001").build()?;
//! let lines = Outlet::open(Box::new(JsonlFile::new("results.jsonl")), OutletConfig::default())?;
//! let lines = Arc::new(lines);
//! let (streams, mut events) = Streams::with_events(StreamsConfig::default())?;
//! for (name, url) in [("gate", "rtsp://10.0.0.7/1"), ("yard", "rtsp://10.0.0.8/1")] {
//!     let client = client.clone();
//!     let stream = Stream::live(move || {
//!         let client = client.clone();
//!         async move {
//!             let source = RtspSource::new(url)?;
//!             client.stream(source).workflow(Workflow::id("acme", "count-cars")).start().await
//!         }
//!     });
//!     streams.add(name.parse()?, stream.outlet(Arc::clone(&lines)))?;
//! }
//! while let Some(event) = events.next().await {
//!     println!("{}: {:?}", event.stream, event.news);
//! }
//! # streams.drain(Duration::from_secs(10)).await;
//! # Ok(())
//! # }
//! ```
//!
//! A [`Fleet`] is the same with a file ([`FleetConfig`]) that says which streams and sinks there are, and that may change while
//! they run; `AdminServer` (feature `admin`) serves its state, figures and health. `docs/streams.md` describes both.
//! `node` (feature `nats`) is the same for many machines, which take streams from each other when one fails: `docs/fleet.md`.
//!
//! # Features
//!
//! - `url`, `video`, `local-stream`, `webcam`: sources, as of `streamsdk`.
//! - `view`: streams on a live page.
//! - `admin`: an address with state, figures and health, by which streams come and go.
//! - `webhook`, `mqtt`, `nats`, `redis`, `kafka`: sinks in files, as of `streamsdk-sinks`.
//! - `nats`: also `node`, streams on more than one machine, and `lease`, on which that stands.
#![deny(missing_docs)]

#[cfg(feature = "admin")]
mod admin;
mod config;
mod epochs;
mod fleet;
#[cfg(feature = "nats")]
pub mod lease;
mod metrics;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "nats")]
pub mod node;
mod observer;
mod options;
mod restart;
mod session_settings;
mod source;
mod source_name;
mod stream_settings;
mod streams;

#[cfg(feature = "admin")]
pub use admin::{AdminError, AdminServer};
#[cfg(feature = "tls")]
pub use config::TlsFiles;
pub use config::{ConfigError, ConfigProblem, FleetConfig};
pub use fleet::{Changes, Fleet, FleetEnd, FleetError, PutError, SinkStatus};
pub use observer::FleetObserver;
pub use options::values;
pub use options::{
    ImageFolderOptions, ImagesInResults, ImagesOption, KeyTransport, OptionRule, SOURCE_RULES,
    SecretText, StreamOptions, WrongOption,
};
pub use restart::{RestartPolicy, RestartWhen};
pub use session_settings::{Processing, ServerAddress, SessionSettings, StreamError};
// What the end and the status of a sink consist of.
pub use source::{OpenSourceError, SourceOptions};
pub use source_name::{InvalidSource, Pattern, Size, SourceKind, SourceName, WebcamName};
pub use streams::{
    EpochFileError, NameTaken, StartSession, Stream, StreamEvent, StreamEvents, StreamNews,
    StreamState, StreamStatus, Streams, StreamsConfig, Totals,
};
pub use streamsdk_sinks::{Counters, Ended};
