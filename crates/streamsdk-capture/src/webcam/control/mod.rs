//! What can be set on a camera: brightness, exposure, focus.

mod kind;

use rustix::io::Errno;
use thiserror::Error;

use super::device::{Device, text};
use super::v4l2::{ControlQuery, ControlValue, control, requests};
use crate::CaptureError;

pub use self::kind::{WebcamControlKind, WebcamMenuItem};

/// Something that can be set on a camera, as it is now; listed by
/// [`Webcam::controls`](super::Webcam::controls).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebcamControl {
    /// By what it is set. Those of usual controls are the same for all cameras.
    pub id: u32,
    /// What the driver calls it.
    pub name: String,
    /// What it can be set to.
    pub kind: WebcamControlKind,
    /// What it is set to; `None` if it has no value, or none that can be read.
    pub value: Option<i64>,
    /// Whether it only tells something.
    pub is_read_only: bool,
    /// Whether it has no effect as long as another one is set as it is.
    pub is_inactive: bool,
}

pub(super) fn list(device: &Device) -> Result<Vec<WebcamControl>, CaptureError> {
    let mut controls = Vec::new();
    let mut id = 0;
    for _ in 0..MAX_CONTROLS {
        let Some(query) = after(device, id)? else { break };
        id = query.id;
        let is_hidden = query.flags & control::DISABLED != 0 || query.type_ == control::CLASS;
        if !is_hidden {
            controls.push(describe(device, &query));
        }
    }
    Ok(controls)
}

/// The control with the next id; `None` if that was the last.
fn after(device: &Device, id: u32) -> Result<Option<ControlQuery>, CaptureError> {
    let mut query = ControlQuery::new(id | control::NEXT);
    match device.ask(&requests::QUERY_CONTROL, &mut query) {
        Ok(()) => Ok(Some(query).filter(|query| query.id > id)),
        Err(Errno::INVAL | Errno::NOTTY) => Ok(None),
        Err(errno) => Err(device.failed("asking for its controls", errno)),
    }
}

fn describe(device: &Device, query: &ControlQuery) -> WebcamControl {
    let kind = WebcamControlKind::read(device, query);
    let has = |flag| query.flags & flag != 0;
    let has_value = !matches!(kind, WebcamControlKind::Button | WebcamControlKind::Other);
    let is_readable = has_value && !has(control::WRITE_ONLY);
    WebcamControl {
        id: query.id,
        name: text(&query.name()),
        value: is_readable
            .then(|| value(device, query.id))
            .flatten()
            .map(|value| kind.decode(value)),
        kind,
        is_read_only: has(control::READ_ONLY),
        is_inactive: has(control::INACTIVE),
    }
}

fn value(device: &Device, id: u32) -> Option<i32> {
    let mut answer = ControlValue::new(id, 0);
    device.ask(&requests::GET_CONTROL, &mut answer).ok().map(|()| answer.value)
}

pub(super) fn set(device: &Device, id: u32, value: i64) -> Result<(), WebcamControlError> {
    let query = query(device, id)?;
    let name = text(&query.name());
    let kind = WebcamControlKind::read(device, &query);
    if kind == WebcamControlKind::Other {
        return Err(WebcamControlError::Unsupported { name });
    }
    if query.flags & control::READ_ONLY != 0 {
        return Err(WebcamControlError::ReadOnly { name });
    }
    let Some(encoded) = kind.encode(value) else {
        return Err(WebcamControlError::OutOfRange { name, value, allowed: kind.allowed() });
    };
    let set = device.ask(&requests::SET_CONTROL, &mut ControlValue::new(id, encoded));
    set.map_err(|errno| refused(device, name, (value, &kind), errno))
}

fn query(device: &Device, id: u32) -> Result<ControlQuery, WebcamControlError> {
    let mut query = ControlQuery::new(id);
    let asked = match id & control::NEXT {
        0 => device.ask(&requests::QUERY_CONTROL, &mut query),
        _ => Err(Errno::INVAL),
    };
    match asked {
        Ok(()) if query.flags & control::DISABLED == 0 && query.type_ != control::CLASS => {
            Ok(query)
        }
        Ok(()) | Err(Errno::INVAL | Errno::NOTTY) => Err(WebcamControlError::Unknown { id }),
        Err(errno) => {
            let source = device.failed("asking for the control", errno);
            Err(WebcamControlError::Device { name: format!("{id:#x}"), source })
        }
    }
}

fn refused(
    device: &Device,
    name: String,
    (value, kind): (i64, &WebcamControlKind),
    errno: Errno,
) -> WebcamControlError {
    match errno {
        Errno::BUSY => WebcamControlError::Busy { name },
        Errno::ACCESS => WebcamControlError::ReadOnly { name },
        Errno::RANGE | Errno::INVAL => {
            WebcamControlError::OutOfRange { name, value, allowed: kind.allowed() }
        }
        errno => {
            let source = device.failed("setting the control", errno);
            WebcamControlError::Device { name, source }
        }
    }
}

/// A driver that never comes to an end is left at some point.
const MAX_CONTROLS: usize = 1024;

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
