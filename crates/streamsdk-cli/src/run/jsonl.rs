use std::fs::File;
use std::io::{LineWriter, Write};
use std::path::Path;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::value::RawValue;
use streamsdk::FrameData;
use streamsdk::protocol::output::Outputs;

use crate::failure::Failure;

/// Writes one JSON object per frame; or nothing, when no file was asked for.
pub(super) struct JsonLines(Option<LineWriter<File>>);

impl JsonLines {
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let create = |path: &Path| {
            File::create(path).map(LineWriter::new).map_err(|error| {
                Failure::Usage(format!("{} cannot be written: {error}", path.display()))
            })
        };
        Ok(Self(path.map(create).transpose()?))
    }

    pub(super) fn write(&mut self, data: &FrameData) -> Result<(), Failure> {
        let Some(file) = &mut self.0 else { return Ok(()) };
        serde_json::to_writer(&mut *file, &Line(data))
            .map_err(std::io::Error::from)
            .and_then(|()| file.write_all(b"\n"))
            .map_err(write_failed)
    }

    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.0.as_mut().map_or(Ok(()), |file| file.flush().map_err(write_failed))
    }
}

fn write_failed(error: std::io::Error) -> Failure {
    Failure::Internal(format!("the JSON lines could not be written: {error}"))
}

struct Line<'a>(&'a FrameData);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metadata = self.0.metadata();
        let mut line = serializer.serialize_struct("Line", 5)?;
        line.serialize_field("frame_id", &self.0.frame_id())?;
        line.serialize_field("pts", &metadata.and_then(|metadata| metadata.pts))?;
        line.serialize_field("time_base", &metadata.and_then(|metadata| metadata.time_base))?;
        line.serialize_field("errors", self.0.errors())?;
        line.serialize_field("outputs", &self.0.outputs().map(WithoutImages))?;
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
