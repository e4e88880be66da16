//! What a peer or a camera sends as a frame: no panic in anything that looks at it.

use crate::structured;
use streamsdk_codec::h264::{AnnexBConverter, nal_units, profile};
use streamsdk_codec::{FrameContent, VideoCodec, inspect};

pub(crate) fn run(input: &[u8]) {
    let Some(input) = structured::<(&[u8], &[u8])>(input) else { return };
    let (container, frame) = input;
    for codec in VideoCodec::ALL {
        let _ = inspect(*codec, frame);
    }
    assert!(nal_units(frame).all(|unit| !unit.is_empty() && !unit.ends_with(&[0])));
    let _ = profile(frame);

    let converter = AnnexBConverter::new(container);
    let Some(unit) = converter.access_unit(frame) else { return };
    if let Ok(info) = inspect(VideoCodec::H264, &unit.data) {
        assert_eq!(info.content == FrameContent::KeyFrame, unit.key_frame);
    }
}
