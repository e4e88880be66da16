//! What fuzz targets reach beside the public API.

use std::io::{self, Read, Write};
use std::time::Duration;

use streamsdk_codec::h264::{AccessUnitAssembler, AssembledUnit};

use crate::StopHandle;
use crate::read_watchdog::ReadWatchdog;
use crate::rtsp::{Connection, Session};

/// What somebody makes of a camera who asks it for its video with a name and a password, whatever the camera is asked
/// for. What it sends comes in pieces of so many bytes.
pub fn watch_camera(sent: &[u8], piece: usize) -> Vec<AssembledUnit> {
    let watchdog = ReadWatchdog::new(StopHandle::default());
    watchdog.allow(Duration::MAX);
    let connection = Connection::new(Camera { sent, piece }, &watchdog);
    let user = ("me".to_owned(), "hunter2".to_owned());
    let mut units = Vec::new();
    let Ok(mut session) = Session::set_up(connection, "rtsp://camera/live", Some(user)) else {
        return units;
    };
    let mut assembler = AccessUnitAssembler::new(&session.description().parameters);
    if session.play(|received| assembler.push(&received.packet)).is_ok() {
        while session.receive(|received| assembler.push(&received.packet)).is_ok() {}
    }
    units.extend(std::iter::from_fn(|| assembler.next_unit()));
    units
}

/// Says what it is given to say, and closes.
struct Camera<'a> {
    sent: &'a [u8],
    piece: usize,
}

impl Read for Camera<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.piece.min(buffer.len());
        self.sent.read(&mut buffer[..length])
    }
}

impl Write for Camera<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
