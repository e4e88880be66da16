//! Offers and answers, divided by a NUL.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streamsdk_protocol::sdp::{check_answer, check_offer, has_data_channels};

fuzz_target!(|text: &str| {
    let (offer, answer) = text.split_once('\0').unwrap_or((text, text));
    if check_answer(offer, answer).is_ok() && has_data_channels(answer) {
        assert!(check_offer(answer).is_ok(), "a good answer would make a good offer");
    }
    let _ = check_offer(offer);
});
