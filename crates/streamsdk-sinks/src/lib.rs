//! Delivers the results of video streams: in order, each at least once, through a bounded spool.
//!
//! An [`Outlet`] takes [`Record`]s, holds them within limits, and hands them to a [`ResultSink`] until they are taken. Sinks are
//! files ([`jsonl`]), HTTP servers (`webhook`), MQTT 5 brokers (`mqtt`), NATS JetStream (`nats`), Redis Streams (`redis`) and Kafka
//! (`kafka`): each but the first behind a feature of its name, and your own.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("results.jsonl");
//! use std::time::Duration;
//! use streamsdk_sinks::jsonl::JsonlFile;
//! use streamsdk_sinks::{Outlet, OutletConfig, Place, Record};
//!
//! let outlet = Outlet::open(Box::new(JsonlFile::new(&path)), OutletConfig::default())?;
//! let place = Place { epoch: 1, sequence: 1 };
//! outlet.put(Record::new("gate".parse()?, place, r#"{"count":3}"#)).await?;
//!
//! let ended = outlet.close(Duration::from_secs(10)).await;
//! assert_eq!((ended.counters.delivered, ended.lost), (1, 0));
//! # assert_eq!(std::fs::read_to_string(&path)?, "{\"count\":3}\n");
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! While an outlet lives, each record that it took is delivered, refused by the receiver, or dropped by a policy that the caller
//! chose, and [`Counters`] says which. Records of a stream come in the order in which they were put in. One that was delivered
//! while its answer was lost comes again: [`Record::id`] and [`Place`] tell, and what a sink does about it stands with the sink.
//! A program that is killed loses what was in memory only: what has not found room there is in the folder, and so is all of it
//! after [`Outlet::close`].
#![deny(missing_docs)]

mod image_folder;
pub mod jsonl;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "mqtt")]
pub mod mqtt;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "nats")]
mod nats_servers;
mod outlet;
pub mod payload;
mod record;
#[cfg(feature = "redis")]
pub mod redis;
mod sink;
mod spool;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use image_folder::{ImageFolder, ImageFolderError};
pub use outlet::{Closed, Counters, Ended, OpenError, Outlet, OutletConfig, WhenFull};
pub use record::{InvalidName, MAX_NAME, Place, Record, StreamName};
pub use sink::{DeliveryError, DeliveryErrorKind, ResultSink};
#[cfg(feature = "tls")]
pub use tls::{InvalidTls, Tls};
