//! A device node that is open.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::failure;
use super::v4l2::{Call, Capability, Plain, call, capability, requests};
use crate::CaptureError;

/// An open camera. What goes wrong with it is told by its path and name.
pub(super) struct Device {
    fd: OwnedFd,
    origin: String,
    about: About,
}

/// What a device says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    pub(super) name: String,
    pub(super) driver: String,
    pub(super) bus: String,
    pub(super) abilities: u32,
}

impl Device {
    /// Opens whatever device of Video4Linux is there.
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        let origin = path.display().to_string();
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))
            .map_err(|errno| failure::at_opening(&origin, errno))?;
        let mut answer = Capability::zeroed();
        match call(&fd, &requests::CAPABILITY, &mut answer) {
            Ok(()) => {}
            Err(Errno::NOTTY | Errno::INVAL) => return Err(no_camera(&origin, "no camera there")),
            Err(errno) => return Err(failure::of(&origin, "asking what it can do", errno)),
        }
        let about = About::new(&answer);
        Ok(Self { fd, origin: format!("{origin} ({})", about.name), about })
    }

    /// The same if it is a camera whose pictures can be taken.
    pub(super) fn capturing(self) -> Result<Self, CaptureError> {
        if !self.about.captures() {
            return Err(no_camera(&self.origin, self.about.purpose()));
        }
        if self.about.abilities & capability::STREAMING == 0 {
            return Err(no_camera(&self.origin, "only reading without streaming"));
        }
        Ok(self)
    }

    pub(super) fn about(&self) -> &About {
        &self.about
    }

    /// What to call it in an error.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Asks it; what comes back replaces the value.
    pub(super) fn ask<T: Plain>(&self, request: &Call<T>, value: &mut T) -> Result<(), Errno> {
        call(&self.fd, request, value)
    }

    pub(super) fn failed(&self, doing: &str, errno: Errno) -> CaptureError {
        failure::of(&self.origin, doing, errno)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl About {
    fn new(answer: &Capability) -> Self {
        let of_node = answer.capabilities & capability::OF_NODE != 0;
        Self {
            name: text(&answer.card),
            driver: text(&answer.driver),
            bus: text(&answer.bus_info),
            abilities: if of_node { answer.device_caps } else { answer.capabilities },
        }
    }

    /// Whether it gives pictures that lie in one piece.
    pub(super) fn captures(&self) -> bool {
        self.abilities & capability::CAPTURE != 0
    }

    fn purpose(&self) -> &'static str {
        let has = |ability| self.abilities & ability != 0;
        if has(capability::CAPTURE_PLANES) {
            "only video whose planes lie apart"
        } else if has(capability::METADATA) {
            "only metadata"
        } else if has(capability::OUTPUT | capability::OUTPUT_PLANES) {
            "only video output; a loopback device has to be fed first"
        } else {
            "no video"
        }
    }
}

fn no_camera(origin: &str, offered: &str) -> CaptureError {
    CaptureError::Unsupported {
        wanted: format!("capturing video from {origin}"),
        offered: offered.to_owned(),
    }
}

/// Text up to the zero that ends it, fit to be shown.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let shown =
        |letter: char| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
    String::from_utf8_lossy(&bytes[..end]).trim().chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_its_zero_and_can_be_shown() {
        assert_eq!(text(b"Camera\0garbage"), "Camera");
        assert_eq!(text(b" no end "), "no end");
        assert_eq!(text(b"a\x1b[31m\xFFb"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn what_the_node_can_do_counts_and_not_what_the_whole_device_can() {
        let mut answer = Capability::zeroed();
        answer.capabilities = capability::CAPTURE | capability::METADATA;
        answer.device_caps = capability::METADATA;
        assert!(About::new(&answer).captures());
        answer.capabilities |= capability::OF_NODE;
        assert!(!About::new(&answer).captures());
        assert_eq!(About::new(&answer).purpose(), "only metadata");
    }

    #[test]
    fn what_is_no_camera_is_told_from_what_is_not_there() {
        let error = |path: &str| Device::open(Path::new(path)).map(|_| ()).unwrap_err();
        assert!(matches!(error("/dev/null"), CaptureError::Unsupported { .. }));
        let missing = error("/dev/there-is-no-such-device");
        assert_eq!(missing.to_string(), "there is no /dev/there-is-no-such-device");
    }
}
