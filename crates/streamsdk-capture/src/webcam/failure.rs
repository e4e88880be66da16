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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_told_from_one_that_may_not_be_used() {
        let origin = || "/dev/video0".to_owned();
        let opening = |errno| at_opening("/dev/video0", errno);
        let denied = opening(Errno::ACCESS);
        assert_eq!(denied, CaptureError::PermissionDenied { origin: origin() });
        assert!(denied.to_string().starts_with("/dev/video0 may not be used by this user"));
        for errno in [Errno::NOENT, Errno::NODEV, Errno::NXIO] {
            assert_eq!(opening(errno), CaptureError::NotFound { origin: origin() });
        }
        assert_eq!(opening(Errno::BUSY), CaptureError::Busy { origin: origin() });
        assert!(matches!(opening(Errno::MFILE), CaptureError::Failed { .. }));
    }

    #[test]
    fn a_device_that_goes_away_is_no_failure_of_what_was_asked() {
        for errno in [Errno::NODEV, Errno::NXIO, Errno::IO] {
            let error = of("/dev/video0", "starting it", errno);
            assert!(matches!(error, CaptureError::Disconnected { .. }), "{error}");
        }
        let error = of("/dev/video0", "starting it", Errno::NOMEM);
        assert!(error.to_string().starts_with("/dev/video0 failed: starting it: "), "{error}");
    }
}
