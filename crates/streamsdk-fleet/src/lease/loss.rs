//! Why a lease is held no more.

use thiserror::Error;

use super::holder::Holder;

/// Why a lease is held no more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Loss {
    /// It was not renewed in time, or the machine or the program stood still for that long. Whether somebody else has the
    /// stream is not known.
    #[error("the lease was not renewed in time: {what}")]
    NotRenewed {
        /// What went wrong last.
        what: String,
    },
    /// Somebody else has it.
    #[error("{by} has taken the lease")]
    Taken {
        /// Who.
        by: Holder,
    },
    /// The server does not have it any more: it expired there, or somebody deleted it.
    #[error("the server has no such lease any more")]
    Gone,
    /// Whoever held it has released or dropped it.
    #[error("the lease was given up")]
    GivenUp,
}
