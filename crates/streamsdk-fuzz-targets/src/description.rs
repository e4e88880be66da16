//! What a peer describes, given to the engine as the worker gives it an offer and the client an answer.

use streamsdk_transport::fuzzing;

/// Makes the first byte a choice between the two.
pub(crate) fn run(input: &[u8]) {
    let Some((choice, sdp)) = input.split_first() else { return };
    let Ok(sdp) = str::from_utf8(sdp) else { return };
    match choice % 2 {
        0 => fuzzing::take_offer(sdp),
        _ => fuzzing::take_answer(sdp),
    }
}
