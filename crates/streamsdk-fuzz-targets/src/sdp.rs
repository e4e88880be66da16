//! Offers and answers, divided by a NUL.

use streamsdk_protocol::sdp::{check_answer, check_offer, has_data_channels};

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (offer, answer) = text.split_once('\0').unwrap_or((text, text));
    if check_answer(offer, answer).is_ok() && has_data_channels(answer) {
        assert!(check_offer(answer).is_ok(), "a good answer would make a good offer");
    }
    let _ = check_offer(offer);
}
