//! What can go wrong.

use thiserror::Error;

use crate::CaptureError;

/// Why a control cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WebcamControlError {
    /// The camera has no such control.
    #[error("the camera has no control {id:#x}")]
    Unknown {
        /// What was asked for.
        id: u32,
    },
    /// It only tells something.
    #[error("the control {name:?} can only be read")]
    ReadOnly {
        /// What the driver calls it.
        name: String,
    },
    /// It cannot have that value.
    #[error("the control {name:?} cannot be {value}; it can be {allowed}")]
    OutOfRange {
        /// What the driver calls it.
        name: String,
        /// What was asked for.
        value: i64,
        /// What can be asked for.
        allowed: String,
    },
    /// It is of a kind that cannot be set here.
    #[error("the control {name:?} is neither a number nor a choice")]
    Unsupported {
        /// What the driver calls it.
        name: String,
    },
    /// It cannot be set now, because of what the camera does or how others are set.
    #[error("the control {name:?} cannot be set now")]
    Busy {
        /// What the driver calls it.
        name: String,
    },
    /// The camera did not do it, or is gone.
    #[error("the control {name:?} could not be set")]
    Device {
        /// What the driver calls it.
        name: String,
        /// What happened.
        source: CaptureError,
    },
}
