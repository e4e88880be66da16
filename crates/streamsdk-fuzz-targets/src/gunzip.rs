//! Compressed data: no more than the limit comes out, and the same as when the limit is higher.

use streamsdk_protocol::fuzzing::inflate;

const LIMIT: usize = 1 << 16;

pub(crate) fn run(input: &[u8]) {
    let inflated = inflate(input, LIMIT);
    assert!(inflated.as_ref().is_none_or(|inflated| inflated.len() <= LIMIT));
    if let Some(inflated) = inflated {
        assert_eq!(inflate(input, 2 * LIMIT), Some(inflated));
    }
}
