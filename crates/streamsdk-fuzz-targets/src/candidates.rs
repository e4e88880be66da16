//! Candidates of a description, as they are counted and as addresses: no more than there are lines.

use streamsdk_transport::fuzzing;

pub(crate) fn run(input: &[u8]) {
    let Ok(sdp) = str::from_utf8(input) else { return };
    let lines = sdp.lines().count();
    let counts = fuzzing::candidate_counts(sdp);
    assert!(counts.host + counts.server_reflexive + counts.relay <= lines);
    assert!(fuzzing::candidate_addresses(sdp).len() <= lines);
}
