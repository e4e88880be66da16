//! What the page is told on the data channel.

use std::collections::HashSet;

use bytes::{BufMut, BytesMut};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::source::ViewFrame;
use crate::stream::Shows;

/// Most bytes of one message: browsers take 256 KiB, and smaller ones hold up pictures of a track for less time.
const MAX_PART_BYTES: usize = 64 << 10;
/// A length of all that follows, and one of the text in it.
const HEADER_BYTES: usize = 8;

/// Words of the server's.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ToPage<'a> {
    Hello { shows: &'static str, stream: &'a str },
    Frame(FrameMessage<'a>),
    Over { reason: &'a str, r#final: bool },
}

#[derive(Serialize)]
pub(crate) struct FrameMessage<'a> {
    /// The time of its picture, as this viewer sees it; `None` where the picture is not on a track.
    rtp: Option<u32>,
    frame: u32,
    link: u32,
    time: Option<f64>,
    outputs: OutputsOf<'a>,
    errors: &'a [String],
}

struct OutputsOf<'a> {
    frame: &'a dyn ViewFrame,
    wanted: &'a WantedOutputs,
}

/// What a viewer wants to be told about frames.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum WantedOutputs {
    #[default]
    All,
    Named(HashSet<String>),
}

/// Words of the page's.
#[derive(Deserialize)]
struct FromPage {
    outputs: Option<HashSet<String>>,
}

impl WantedOutputs {
    /// Reads what the page says; `None` if it is nothing that is known.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let said: FromPage = serde_json::from_str(text).ok()?;
        Some(said.outputs.map_or(Self::All, Self::Named))
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(name),
        }
    }

    fn is_none(&self) -> bool {
        matches!(self, Self::Named(names) if names.is_empty())
    }
}

impl<'a> ToPage<'a> {
    pub(crate) fn hello(shows: Shows, stream: &'a str) -> Self {
        Self::Hello { shows: shows.word(), stream }
    }

    /// What is known about a frame, of which the viewer wants `wanted`.
    pub(crate) fn frame(
        frame: &'a dyn ViewFrame,
        rtp: Option<u32>,
        wanted: &'a WantedOutputs,
    ) -> Self {
        Self::Frame(FrameMessage {
            rtp,
            frame: frame.number(),
            link: frame.link(),
            time: frame.seconds(),
            outputs: OutputsOf { frame, wanted },
            errors: frame.errors(),
        })
    }

    pub(crate) fn to_text(&self) -> String {
        // It has no map with keys that are not strings, and nothing in it fails.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// With a picture behind it, which may be empty, in as many messages as that takes.
    pub(crate) fn with_picture(&self, jpeg: &[u8]) -> impl Iterator<Item = BytesMut> + use<> {
        in_parts(&self.to_text(), jpeg)
    }
}

/// Whether a text can be sent as it is. What is longer goes as something with an empty picture behind it.
pub(crate) fn fits(text: &str) -> bool {
    text.len() <= MAX_PART_BYTES
}

pub(crate) fn in_parts(text: &str, jpeg: &[u8]) -> impl Iterator<Item = BytesMut> + use<> {
    let length = 4 + text.len() + jpeg.len();
    let mut rest = BytesMut::with_capacity(HEADER_BYTES + text.len() + jpeg.len());
    rest.put_u32(length as u32);
    rest.put_u32(text.len() as u32);
    rest.put_slice(text.as_bytes());
    rest.put_slice(jpeg);
    std::iter::from_fn(move || {
        let part = rest.len().min(MAX_PART_BYTES);
        (part > 0).then(|| rest.split_to(part))
    })
}

impl Serialize for OutputsOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        // Without boxes nothing is made of what is known.
        if !self.wanted.is_none() {
            for (name, json) in self.frame.outputs() {
                if !self.wanted.has(name) {
                    continue;
                }
                match serde_json::from_str::<&RawValue>(&json) {
                    Ok(json) => map.serialize_entry(name, json)?,
                    Err(_) => map.serialize_entry(name, &json)?,
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use bytes::Bytes;

    use super::*;
    use crate::source::ViewPicture;

    struct Counted;

    impl ViewFrame for Counted {
        fn number(&self) -> u32 {
            7
        }

        fn picture(&self) -> ViewPicture<'_> {
            ViewPicture::Image
        }

        fn jpeg(&self) -> Result<Bytes, String> {
            Err("none".to_owned())
        }

        fn outputs(&self) -> Vec<(&str, Cow<'_, str>)> {
            vec![("n", "1".into()), ("broken", "{".into())]
        }
    }

    fn told(wanted: &WantedOutputs) -> String {
        ToPage::frame(&Counted, Some(9), wanted).to_text()
    }

    #[test]
    fn a_frame_is_told_with_the_outputs_that_are_wanted() {
        let whole = r#"{"type":"frame","rtp":9,"frame":7,"link":1,"time":null,"outputs":{"n":1,"broken":"{"},"errors":[]}"#;
        assert_eq!(told(&WantedOutputs::All), whole);
        let wanted = WantedOutputs::read(r#"{"outputs":["n"]}"#).unwrap();
        assert!(told(&wanted).contains(r#""outputs":{"n":1}"#));
        let none = WantedOutputs::read(r#"{"outputs":[]}"#).unwrap();
        assert!(none.is_none() && told(&none).contains(r#""outputs":{}"#));
        assert_eq!(WantedOutputs::read(r#"{"outputs":null}"#), Some(WantedOutputs::All));
        assert_eq!(WantedOutputs::read("garbage"), None);
    }

    #[test]
    fn a_picture_stands_behind_what_is_known_about_it() {
        let parts: Vec<_> =
            ToPage::Over { reason: "end", r#final: true }.with_picture(&[7; 100_000]).collect();
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        let text = br#"{"type":"over","reason":"end","final":true}"#;
        assert_eq!(lengths, [MAX_PART_BYTES, 8 + text.len() + 100_000 - MAX_PART_BYTES]);
        let whole = parts.concat();
        assert_eq!(whole[..4], (4 + text.len() as u32 + 100_000).to_be_bytes());
        assert_eq!(whole[4..8], (text.len() as u32).to_be_bytes());
        assert_eq!(&whole[8..8 + text.len()], text);
        assert!(whole[8 + text.len()..].iter().all(|byte| *byte == 7));
    }
}
