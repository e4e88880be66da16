//! What comes from a TURN server over TCP: the same messages however it comes in pieces, and what was framed is
//! found again.

use streamsdk_transport::fuzzing::{deframe, frame};

use crate::structured;

pub(crate) fn run(input: &[u8]) {
    let Some((piece, stream)) = structured::<(u8, &[u8])>(input) else { return };
    let whole = deframe(stream, usize::MAX);
    assert_eq!(deframe(stream, usize::from(piece).max(1)), whole);
    let messages = whole.0;
    assert!(messages.iter().map(|message| message.len()).sum::<usize>() <= stream.len());
    let framed = messages.iter().flat_map(|message| frame(message)).collect::<Vec<u8>>();
    assert_eq!(deframe(&framed, usize::MAX), (messages, true));
}
