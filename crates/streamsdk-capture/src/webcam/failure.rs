//! From the kernel's errors to what they mean here.

use rustix::io::Errno;

use crate::CaptureError;

/// Why a device could not be opened.
pub(super) fn at_opening(origin: &str, errno: Errno) -> CaptureError {
    let origin = origin.to_owned();
    match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO | Errno::NOTDIR => {
            CaptureError::NotFound { origin }
        }
        Errno::ACCESS | Errno::PERM => CaptureError::PermissionDenied { origin },
        errno => of(&origin, "opening it", errno),
    }
}

/// Why an open device did not do what it was asked.
pub(super) fn of(origin: &str, doing: &str, errno: Errno) -> CaptureError {
    let origin = origin.to_owned();
    match errno {
        Errno::BUSY => CaptureError::Busy { origin },
        Errno::NODEV | Errno::NXIO => {
            CaptureError::Disconnected { origin, reason: UNPLUGGED.into() }
        }
        Errno::IO => CaptureError::Disconnected { origin, reason: format!("{doing}: {errno}") },
        errno => CaptureError::Failed { origin, reason: format!("{doing}: {errno}") },
    }
}

/// It says that something happened to it, and nothing about what.
pub(super) fn in_trouble(origin: &str) -> CaptureError {
    let reason = "it was unplugged, or broke off".to_owned();
    CaptureError::Disconnected { origin: origin.to_owned(), reason }
}

const UNPLUGGED: &str = "it was unplugged";
