//! Passwords and keys of the command line show in nothing that the program says.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::process::Command;

/// What the program says to `arguments`, on both outputs.
fn said(arguments: &[&str]) -> String {
    let program = env!("CARGO_BIN_EXE_streamsdk");
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_url_that_is_not_understood_is_refused_without_its_password() {
    for url in [
        "gopher://admin:s3cret@cam/1",
        "RTSPX://admin:s3cret@cam/1",
        "rtsp:/admin:s3cret@cam/1",
        " admin:s3cret@cam/1",
    ] {
        let server = ["--server", "http://127.0.0.1:9", "--workspace", "w", "--workflow-id", "i"];
        let said = said(&[&["run", url], &server[..]].concat());
        assert!(!said.contains("s3cret") && said.contains("cam/1"), "{url}: {said}");
    }
}

#[test]
fn secrets_at_a_place_where_nothing_is_expected_are_not_repeated() {
    let cases: [&[&str]; 5] = [
        &["doctor", "rtsp://admin:s3cret@cam/1"],
        &["run", "none.mp4", "rtsp://admin:s3cret@cam/1"],
        &["rtsp://admin:s3cret@cam/1"],
        &["run", "a.mp4", "--codec", "rtsp://admin:s3cret@cam/1"],
        &["run", "none.mp4", "--server", "ftp://admin:s3cret@cam/1", "--api-key", "s3cret"],
    ];
    for arguments in cases {
        let said = said(arguments);
        assert!(!said.contains("s3cret"), "{arguments:?}: {said}");
    }
}
