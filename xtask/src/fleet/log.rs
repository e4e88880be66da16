//! The log of a fleet, read as bytes that somebody has written: no type of those who write it is used.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

/// The subjects of the log are this and the name of a stream.
pub(super) const SUBJECTS: &str = "results.";
const VERSION: u64 = 1;

/// One message of the log, as the server gives it.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// The server's own number of it.
    pub(super) place: u64,
    /// When the server stored it, since 1970.
    pub(super) at: Duration,
    pub(super) subject: String,
    /// The header `Nats-Msg-Id`.
    pub(super) id: Option<String>,
    pub(super) payload: Vec<u8>,
}

/// What is audited of a message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) place: u64,
    pub(super) at: Duration,
    /// From the subject.
    pub(super) stream: String,
    /// Or why it is no record.
    pub(super) record: Result<Record, String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) epoch: u64,
    pub(super) sequence: u64,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Begin { node: String, work: Option<String>, after_frame: Option<u64> },
    Result { frame: Option<u64>, work: Option<String> },
    End { work: Option<String>, outcome: String, frames: Option<u64> },
}

impl Entry {
    pub(super) fn read(message: &Message) -> Self {
        let stream = message.subject.strip_prefix(SUBJECTS);
        let record = match stream {
            Some(stream) => Record::read(stream, message),
            None => Err(format!("its subject is {}", message.subject)),
        };
        let stream = stream.unwrap_or(&message.subject).to_owned();
        Self { place: message.place, at: message.at, stream, record }
    }

    /// As a line of what is kept of the log.
    pub(super) fn to_json(&self) -> Value {
        let record = match &self.record {
            Ok(record) => record.to_json(),
            Err(reason) => json!({ "unreadable": reason }),
        };
        json!({
            "place": self.place,
            "at": self.at.as_secs_f64(),
            "stream": self.stream,
            "record": record,
        })
    }
}

impl Record {
    fn read(stream: &str, message: &Message) -> Result<Self, String> {
        let object: Value = serde_json::from_slice(&message.payload)
            .map_err(|error| format!("it is no JSON: {error}"))?;
        let number = |name: &str| object[name].as_u64().ok_or_else(|| format!("it has no {name}"));
        if number("version")? != VERSION {
            return Err(format!("its version is {}", object["version"]));
        }
        if object["stream"] != stream {
            return Err(format!("it says that its stream is {}", object["stream"]));
        }
        let (epoch, sequence) = (number("epoch")?, number("sequence")?);
        let expected = format!("{stream}/{epoch}-{sequence}");
        if message.id.as_deref() != Some(&*expected) {
            return Err(format!("its id is {:?} instead of {expected}", message.id));
        }
        Ok(Self { epoch, sequence, kind: Kind::read(&object)? })
    }

    fn to_json(&self) -> Value {
        let mut object = match &self.kind {
            Kind::Begin { node, work, after_frame } => {
                json!({ "begin": { "node": node, "work": work, "after_frame": after_frame } })
            }
            Kind::Result { frame, work } => json!({ "frame_id": frame, "work": work }),
            Kind::End { work, outcome, frames } => {
                json!({ "end": { "work": work, "outcome": outcome, "frames": frames } })
            }
        };
        object["epoch"] = self.epoch.into();
        object["sequence"] = self.sequence.into();
        object
    }
}

impl Kind {
    fn read(object: &Value) -> Result<Self, String> {
        let (begin, end) = (&object["begin"], &object["end"]);
        let text = |value: &Value| value.as_str().map(String::from);
        if !begin.is_null() && !end.is_null() {
            return Err("it is a begin and an end".to_owned());
        }
        if !begin.is_null() {
            let node = text(&begin["node"]).ok_or("its begin names no node")?;
            let after_frame = begin["after_frame"].as_u64();
            return Ok(Self::Begin { node, work: text(&begin["work"]), after_frame });
        }
        if !end.is_null() {
            let outcome = text(&end["outcome"]).ok_or("its end has no outcome")?;
            let frames = end["frames"].as_u64();
            return Ok(Self::End { work: text(&end["work"]), outcome, frames });
        }
        Ok(Self::Result { frame: object["frame_id"].as_u64(), work: text(&object["work"]) })
    }

    pub(super) fn work(&self) -> Option<&str> {
        let (Self::Begin { work, .. } | Self::Result { work, .. } | Self::End { work, .. }) = self;
        work.as_deref()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin { node, .. } => write!(f, "a begin by {node}"),
            Self::Result { frame: Some(frame), .. } => write!(f, "frame {frame}"),
            Self::Result { frame: None, .. } => write!(f, "a result without a frame"),
            Self::End { outcome, .. } => write!(f, "an end that is {outcome}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &str) -> Message {
        Message {
            place: 7,
            at: Duration::from_secs(1),
            subject: "results.s1".to_owned(),
            id: Some("s1/3-2".to_owned()),
            payload: payload.as_bytes().to_vec(),
        }
    }

    fn read(payload: &str) -> Result<Record, String> {
        Entry::read(&message(payload)).record
    }

    #[test]
    fn the_three_kinds_are_told_apart() {
        let head = r#"{"version":1,"stream":"s1","epoch":3,"sequence":2"#;
        let kind = |rest: &str| read(&format!("{head}{rest}")).unwrap().kind;
        let work = Some("a1".to_owned());
        let begin = kind(r#","begin":{"node":"n1","work":"a1","after_frame":null}}"#);
        let expected = Kind::Begin { node: "n1".into(), work: work.clone(), after_frame: None };
        assert_eq!(begin, expected);
        let result = kind(r#","frame_id":9,"work":"a1","outputs":{}}"#);
        assert_eq!(result, Kind::Result { frame: Some(9), work: work.clone() });
        let end = kind(r#","end":{"work":"a1","outcome":"complete","frames":9}}"#);
        assert_eq!(end, Kind::End { work, outcome: "complete".into(), frames: Some(9) });
    }

    #[test]
    fn what_is_no_record_is_said() {
        for (payload, reason) in [
            ("{", "no JSON"),
            (r#"{"stream":"s1","epoch":3,"sequence":2}"#, "no version"),
            (r#"{"version":2,"stream":"s1","epoch":3,"sequence":2}"#, "version is 2"),
            (r#"{"version":1,"stream":"s2","epoch":3,"sequence":2}"#, "its stream is"),
            (r#"{"version":1,"stream":"s1","sequence":2}"#, "no epoch"),
            (r#"{"version":1,"stream":"s1","epoch":3,"sequence":-1}"#, "no sequence"),
            (r#"{"version":1,"stream":"s1","epoch":3,"sequence":4}"#, "instead of s1/3-4"),
            (r#"{"version":1,"stream":"s1","epoch":3,"sequence":2,"begin":{}}"#, "names no node"),
            (r#"{"version":1,"stream":"s1","epoch":3,"sequence":2,"end":{}}"#, "no outcome"),
        ] {
            let error = read(payload).unwrap_err();
            assert!(error.contains(reason), "{payload}: {error}");
        }
        let mut elsewhere = message(r#"{"version":1,"stream":"s1","epoch":3,"sequence":2}"#);
        elsewhere.subject = "other.s1".to_owned();
        assert!(Entry::read(&elsewhere).record.is_err());
    }
}
