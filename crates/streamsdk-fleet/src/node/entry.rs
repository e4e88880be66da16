//! What stands in the log of a stream: where somebody has begun, results, and where a file has ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use streamsdk_sinks::payload::VERSION;
use streamsdk_sinks::{Place, StreamName};

/// What is needed of any entry, to go on behind it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Entry {
    epoch: u64,
    work: Option<String>,
    frame_id: Option<u32>,
    begin: Option<Begin>,
    end: Option<End>,
}

/// Somebody has begun to run the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begin {
    pub(super) node: String,
    pub(super) work: String,
    /// The last frame of the file that there is a result of; `None` where it begins, and for what is no file.
    pub(super) after_frame: Option<u32>,
}

/// A file has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) work: String,
    pub(super) outcome: Outcome,
    /// The last frame that there is a result of.
    pub(super) frames: u32,
}

/// What has become of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Everything that was promised was received.
    Complete,
    /// It was streamed to its end, and something is missing, damaged or failed.
    Incomplete,
}

/// As it is written.
#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    stream: &'a StreamName,
    epoch: u64,
    sequence: u64,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    begin: Option<&'a Begin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'a End>,
}

impl Entry {
    /// Reads an entry, which anybody may have written; `None` if it is none.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What has become of that work, if it has ended.
    pub(super) fn outcome(&self, work: &str) -> Option<Outcome> {
        let end = self.end.as_ref().filter(|end| end.work == work)?;
        Some(end.outcome)
    }

    /// The last frame of that work that there is a result of; 0 for none.
    pub(super) fn frame(&self, work: &str) -> u32 {
        match self {
            Self { begin: Some(begin), .. } if begin.work == work => {
                begin.after_frame.unwrap_or_default()
            }
            Self { end: Some(end), .. } if end.work == work => end.frames,
            Self { work: Some(known), .. } if known == work => self.frame_id.unwrap_or_default(),
            _ => 0,
        }
    }
}

impl Begin {
    pub(super) fn to_json(&self, stream: &StreamName, epoch: u64) -> Vec<u8> {
        written(stream, Place { epoch, sequence: 0 }, Some(self), None)
    }
}

impl End {
    pub(super) fn to_json(&self, stream: &StreamName, place: Place) -> Vec<u8> {
        written(stream, place, None, Some(self))
    }
}

fn written(stream: &StreamName, place: Place, begin: Option<&Begin>, end: Option<&End>) -> Vec<u8> {
    let Place { epoch, sequence } = place;
    let at = format!("{:.6}", Timestamp::now());
    let entry = Written { version: VERSION, stream, epoch, sequence, at, begin, end };
    // Texts and numbers are always JSON.
    serde_json::to_vec(&entry).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> StreamName {
        "gate".parse().unwrap()
    }

    #[test]
    fn a_file_goes_on_behind_the_result_or_the_beginning_of_the_same_work() {
        let begin = Begin { node: "n1".into(), work: "count".into(), after_frame: Some(49) };
        let begun = Entry::read(&begin.to_json(&name(), 7)).unwrap();
        assert_eq!((begun.epoch(), begun.frame("count"), begun.frame("other")), (7, 49, 0));
        let result = br#"{"epoch":7,"sequence":3,"work":"count","frame_id":52,"outputs":{}}"#;
        let result = Entry::read(result).unwrap();
        assert_eq!((result.frame("count"), result.frame("other")), (52, 0));
        // Of a single process, which does not say what its work is.
        let result = Entry::read(br#"{"epoch":7,"sequence":3,"frame_id":52}"#).unwrap();
        assert_eq!(result.frame("count"), 0);
    }

    #[test]
    fn only_the_end_of_the_same_work_is_an_end() {
        let end = End { work: "count".into(), outcome: Outcome::Incomplete, frames: 100 };
        let place = Place { epoch: 7, sequence: 52 };
        let ended = Entry::read(&end.to_json(&name(), place)).unwrap();
        assert_eq!(ended.outcome("count"), Some(Outcome::Incomplete));
        assert_eq!(ended.outcome("other"), None);
    }

    #[test]
    fn what_others_write_is_no_entry() {
        for payload in ["", "gate", "[]", r#"{"epoch":-1}"#, r#"{"sequence":0}"#] {
            assert_eq!(Entry::read(payload.as_bytes()), None);
        }
    }
}
