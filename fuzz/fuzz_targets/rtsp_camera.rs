#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| streamsdk_fuzz_targets::run("rtsp_camera", input));
