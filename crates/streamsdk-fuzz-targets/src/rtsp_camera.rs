//! What an RTSP camera sends, from its answers to its video: the same frames however it comes in pieces.

use streamsdk_capture::fuzzing::watch_camera;

use crate::structured;

pub(crate) fn run(input: &[u8]) {
    let Some((piece, sent)) = structured::<(u8, &[u8])>(input) else { return };
    let units = watch_camera(sent, usize::MAX);
    assert_eq!(watch_camera(sent, usize::from(piece).max(1)), units);
    assert!(units.iter().all(|unit| !unit.unit.data.is_empty()));
    let length = units.iter().map(|unit| unit.unit.data.len()).sum::<usize>();
    // Start codes are longer than the lengths in their place, and parameter sets stand in front of every key frame.
    assert!(length <= sent.len() * (sent.len() + 8), "{length} bytes of {}", sent.len());
}
