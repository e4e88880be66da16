//! Many video streams to inference servers in one process.
#![deny(missing_docs)]

mod epochs;
mod restart;
mod session_settings;
mod source;
mod source_name;
mod streams;

pub use restart::{RestartPolicy, RestartWhen};
pub use session_settings::{Processing, ServerAddress, SessionSettings, StreamError};
pub use source::{OpenSourceError, SourceOptions};
pub use source_name::{InvalidSource, Pattern, Size, SourceKind, SourceName, WebcamName};
pub use streams::{
    EpochFileError, NameTaken, StartSession, Stream, StreamEvent, StreamEvents, StreamNews,
    StreamState, StreamStatus, Streams, StreamsConfig, Totals,
};
