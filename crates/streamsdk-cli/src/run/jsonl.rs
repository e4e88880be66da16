use std::fs::File;
use std::io::{self, Write};

use serde::ser::{Serialize, SerializeStruct, Serializer};
use streamsdk::{FrameData, FrameJson, Images, PixelFormat, ReceivedFrame};
use streamsdk_capture::marker;

use super::target::{Destination, OutputTarget};
use crate::failure::Failure;
use crate::terminal;

/// Writes one JSON object per frame; or nothing, when no file was asked for.
///
/// A line is written at once and whole, so that whoever follows the file sees whole lines, and the file
/// has nothing else in it however the run ends.
pub(super) struct JsonLines {
    output: Option<JsonLinesFile>,
    read_markers: bool,
}

struct JsonLinesFile {
    target: OutputTarget,
    /// `None` for standard output.
    file: Option<File>,
    /// Whether it is there for this run only, and for nothing as yet.
    is_unused: bool,
    lines: u64,
    /// Length of the whole lines.
    bytes: u64,
}

impl JsonLines {
    /// What is in the file stays there until [`JsonLines::begin`].
    pub(super) fn open(target: Option<OutputTarget>, read_markers: bool) -> Result<Self, Failure> {
        Ok(Self { output: target.map(JsonLinesFile::open).transpose()?, read_markers })
    }

    /// Empties the file: there is a session, and so there will be results.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        self.output.as_mut().map_or(Ok(()), JsonLinesFile::begin)
    }

    pub(super) fn write(&mut self, data: &FrameData) -> Result<(), Failure> {
        self.write_line(&Line { data, marker: None })
    }

    pub(super) fn write_frame(&mut self, frame: &ReceivedFrame) -> Result<(), Failure> {
        let wanted = self.output.is_some() && self.read_markers;
        // A frame whose picture cannot be had has no number to be read.
        let picture = wanted.then(|| frame.image_in(PixelFormat::I420).ok()).flatten();
        let marker = wanted.then(|| picture.as_ref().and_then(marker::read));
        self.write_line(&Line { data: frame, marker })
    }

    fn write_line(&mut self, line: &Line<'_>) -> Result<(), Failure> {
        let Some(output) = &mut self.output else { return Ok(()) };
        let mut text = serde_json::to_vec(line).map_err(|error| {
            Failure::Output(format!("a frame cannot be written as JSON: {error}"))
        })?;
        text.push(b'\n');
        output.write(&text)
    }
}

impl JsonLinesFile {
    fn open(target: OutputTarget) -> Result<Self, Failure> {
        let is_unused = matches!(target.destination(), Destination::File(path) if !path.exists());
        Ok(Self { file: target.open_as_it_comes()?, target, is_unused, lines: 0, bytes: 0 })
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.is_unused = false;
        match (&self.file, self.target.destination()) {
            (Some(file), Destination::File(_)) => {
                file.set_len(0).map_err(|error| self.target.unwritable(error))
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, line: &[u8]) -> Result<(), Failure> {
        let written = match &mut self.file {
            Some(file) => file.write_all(line),
            None => return terminal::write(line),
        };
        written.map_err(|error| self.broken(error))?;
        self.lines += 1;
        self.bytes += line.len() as u64;
        Ok(())
    }

    fn broken(&self, error: io::Error) -> Failure {
        if let (Some(file), Destination::File(_)) = (&self.file, self.target.destination()) {
            // Half a line is worse than none. Where this fails too, there is nothing more to be done.
            let _ = file.set_len(self.bytes);
        }
        let (name, lines) = (self.target.name().display(), self.lines);
        Failure::writing(&format!("{name} cannot be written after {lines} lines"), error)
    }
}

impl Drop for JsonLinesFile {
    fn drop(&mut self) {
        if let (true, Destination::File(path)) = (self.is_unused, self.target.destination()) {
            // It was made by this run, which came to nothing.
            let _ = std::fs::remove_file(path);
        }
    }
}

struct Line<'a> {
    data: &'a FrameData,
    /// The number that is drawn into the frame, where it was looked for.
    marker: Option<Option<u32>>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_struct("Line", 7)?;
        FrameJson::new(self.data, Images::Off).write_to(&mut line)?;
        if let Some(marker) = self.marker {
            line.serialize_field("marker", &marker)?;
        }
        line.end()
    }
}
