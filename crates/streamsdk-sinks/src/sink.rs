//! Where results go.

use async_trait::async_trait;
use thiserror::Error;

use crate::record::Record;

/// Somewhere that results are delivered to. An [`Outlet`](crate::Outlet) hands it batches, one after the other.
#[async_trait]
pub trait ResultSink: Send {
    /// Delivers records in the order that they have here. Returns when whoever receives them has said that it has all of
    /// them; what that means stands with each sink.
    ///
    /// The future may be dropped when it takes too long. Then the same records come again, as they do after an error.
    ///
    /// # Errors
    ///
    /// With how many of the records are delivered: those are not handed in again, the others are.
    async fn deliver(&mut self, batch: &[Record]) -> Result<(), DeliveryError>;

    /// Nothing more comes. Default is to do nothing.
    async fn close(&mut self) {}
}

/// Why records were not delivered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct DeliveryError {
    delivered: usize,
    kind: DeliveryErrorKind,
    message: String,
}

/// Whether it makes sense to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryErrorKind {
    /// It may work later: nobody answers, or whoever does cannot take anything now, or wants another key.
    Unavailable,
    /// The first record that is not delivered will never be taken, such as one that is too large.
    Refused,
}

impl DeliveryError {
    /// The rest of the batch may be delivered later. `message` says what was tried and what came back, without secrets.
    pub fn unavailable(delivered: usize, message: impl Into<String>) -> Self {
        Self { delivered, kind: DeliveryErrorKind::Unavailable, message: message.into() }
    }

    /// The record behind those that are delivered will never be taken.
    pub fn refused(delivered: usize, message: impl Into<String>) -> Self {
        Self { delivered, kind: DeliveryErrorKind::Refused, message: message.into() }
    }

    /// How many records of the batch are delivered, from its beginning.
    pub fn delivered(&self) -> usize {
        self.delivered
    }

    /// Whether it makes sense to try again.
    pub fn kind(&self) -> DeliveryErrorKind {
        self.kind
    }
}
