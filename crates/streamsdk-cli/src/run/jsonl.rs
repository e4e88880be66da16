use std::fs::File;
use std::io::{LineWriter, Write};
use std::path::Path;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::value::RawValue;
use streamsdk::capture::marker;
use streamsdk::media::PixelFormat;
use streamsdk::protocol::output::Outputs;
use streamsdk::{FrameData, ReceivedFrame};

use crate::failure::Failure;

/// Writes one JSON object per frame; or nothing, when no file was asked for.
pub(super) struct JsonLines {
    file: Option<LineWriter<File>>,
    read_markers: bool,
}

impl JsonLines {
    pub(super) fn open(path: Option<&Path>, read_markers: bool) -> Result<Self, Failure> {
        let create = |path: &Path| {
            File::create(path).map(LineWriter::new).map_err(|error| {
                Failure::Usage(format!("{} cannot be written: {error}", path.display()))
            })
        };
        Ok(Self { file: path.map(create).transpose()?, read_markers })
    }

    pub(super) fn write(&mut self, data: &FrameData) -> Result<(), Failure> {
        self.write_line(&Line { data, marker: None })
    }

    pub(super) fn write_frame(&mut self, frame: &ReceivedFrame) -> Result<(), Failure> {
        let wanted = self.file.is_some() && self.read_markers;
        // A frame whose picture cannot be had has no number to be read.
        let picture = wanted.then(|| frame.image_in(PixelFormat::I420).ok()).flatten();
        let marker = wanted.then(|| picture.as_ref().and_then(marker::read));
        self.write_line(&Line { data: frame, marker })
    }

    fn write_line(&mut self, line: &Line<'_>) -> Result<(), Failure> {
        let Some(file) = &mut self.file else { return Ok(()) };
        serde_json::to_writer(&mut *file, line)
            .map_err(std::io::Error::from)
            .and_then(|()| file.write_all(b"\n"))
            .map_err(write_failed)
    }

    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.file.as_mut().map_or(Ok(()), |file| file.flush().map_err(write_failed))
    }
}

fn write_failed(error: std::io::Error) -> Failure {
    Failure::Internal(format!("the JSON lines could not be written: {error}"))
}

struct Line<'a> {
    data: &'a FrameData,
    /// The number that is drawn into the frame, where it was looked for.
    marker: Option<Option<u32>>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metadata = self.data.metadata();
        let mut line = serializer.serialize_struct("Line", 6)?;
        line.serialize_field("frame_id", &self.data.frame_id())?;
        line.serialize_field("pts", &metadata.and_then(|metadata| metadata.pts))?;
        line.serialize_field("time_base", &metadata.and_then(|metadata| metadata.time_base))?;
        line.serialize_field("errors", self.data.errors())?;
        line.serialize_field("outputs", &self.data.outputs().map(WithoutImages))?;
        if let Some(marker) = self.marker {
            line.serialize_field("marker", &marker)?;
        }
        line.end()
    }
}

struct WithoutImages<'a>(&'a Outputs);

impl Serialize for WithoutImages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, output) in self.0.iter().filter(|(_, output)| output.image().is_none()) {
            let json: &RawValue =
                serde_json::from_str(output.json()).map_err(serde::ser::Error::custom)?;
            map.serialize_entry(name, json)?;
        }
        map.end()
    }
}
