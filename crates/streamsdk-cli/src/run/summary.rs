use std::io::Write;

use super::target::{Destination, OutputTarget, Part, Remains};
use crate::failure::Failure;
use crate::terminal;

/// Where the summary is written as JSON when all is over; or nowhere, when it was not asked for.
pub(super) struct SummaryFile(Option<(OutputTarget, Sink)>);

enum Sink {
    Stdout,
    Stream(std::fs::File),
    File(Part),
}

impl SummaryFile {
    pub(super) fn open(target: Option<OutputTarget>) -> Result<Self, Failure> {
        let Some(target) = target else { return Ok(Self(None)) };
        let sink = Sink::open(&target)?;
        Ok(Self(Some((target, sink))))
    }

    pub(super) fn write(self, json: &str) -> Result<(), Failure> {
        let Some((target, sink)) = self.0 else { return Ok(()) };
        let written = match sink {
            Sink::Stdout => return terminal::write(json.as_bytes()),
            Sink::Stream(mut file) => file.write_all(json.as_bytes()),
            Sink::File(mut part) => {
                part.file().write_all(json.as_bytes()).and_then(|()| part.commit())
            }
        };
        let what = format!("{} cannot be written", target.name().display());
        written.map_err(|error| Failure::writing(&what, error))
    }
}

impl Sink {
    fn open(target: &OutputTarget) -> Result<Self, Failure> {
        if let Destination::File(path) = target.destination() {
            return Ok(Self::File(target.reserve(path, Remains::Reused)?.part));
        }
        Ok(target.open_as_it_comes()?.map_or(Self::Stdout, Self::Stream))
    }
}
