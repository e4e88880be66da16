#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| streamsdk_fuzz_targets::run("turn_framing", input));
