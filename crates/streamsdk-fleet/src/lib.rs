//! Many video streams to inference servers in one process.
#![deny(missing_docs)]

#[cfg(feature = "admin")]
mod admin;
mod config;
mod epochs;
mod fleet;
mod metrics;
mod observer;
mod options;
mod restart;
mod session_settings;
mod source;
mod source_name;
mod streams;

#[cfg(feature = "admin")]
pub use admin::{AdminError, AdminServer};
pub use config::{ConfigError, ConfigProblem, FleetConfig};
pub use fleet::{Changes, Fleet, FleetEnd, FleetError, PutError, SinkStatus};
pub use observer::FleetObserver;
pub use options::values;
pub use options::{
    ImagesOption, KeyTransport, OptionRule, SOURCE_RULES, SecretText, StreamOptions, WrongOption,
};
pub use restart::{RestartPolicy, RestartWhen};
pub use session_settings::{Processing, ServerAddress, SessionSettings, StreamError};
pub use source::{OpenSourceError, SourceOptions};
pub use source_name::{InvalidSource, Pattern, Size, SourceKind, SourceName, WebcamName};
pub use streams::{
    EpochFileError, NameTaken, StartSession, Stream, StreamEvent, StreamEvents, StreamNews,
    StreamState, StreamStatus, Streams, StreamsConfig, Totals,
};
