//! How the program is asked, and what it says of itself.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::process::Output;

use common::{clip, errors_of, streamsdk};

fn printed(arguments: &[&str]) -> Output {
    streamsdk().args(arguments).output().unwrap()
}

#[test]
fn the_version_is_told_after_every_command() {
    for command in ["run", "doctor", "completions", "man"] {
        let output = printed(&[command, "--version"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(env!("CARGO_PKG_VERSION")), "{text}");
    }
}

#[test]
fn completions_and_manual_pages_know_the_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = String::from_utf8(printed(&["completions", shell]).stdout).unwrap();
        assert!(script.contains("summary-json"), "{shell}");
    }
    let page = String::from_utf8(printed(&["man"]).stdout).unwrap();
    assert!(page.contains(".TH streamsdk 1") && page.contains("completions"), "{page}");
    let page = String::from_utf8(printed(&["man", "run"]).stdout).unwrap();
    assert!(page.contains(".TH streamsdk-run 1") && page.contains("summary"), "{page}");
}

#[test]
fn options_that_do_not_apply_are_refused() {
    for (source, options, words) in [
        ("a.mp4", &["--every-frame"][..], "--every-frame is for live sources"),
        ("a.mp4", &["--bitrate", "1M"], "--bitrate is for video that this program sends"),
        ("a.mp4", &["--codec", "vp8"], "--codec needs --frames-by-track"),
        ("pattern:16x16", &["--realtime"], "--realtime is for video files"),
        ("webcam:0", &["--frames-by-track", "--stream-output", "a"], "--frames-by-track is for"),
        ("a.mp4", &["--region", "eu"], "--region needs --server"),
        ("rtsp://h/1", &["--whip", "http://h/whip"], "--whip takes video that this program sends"),
        ("a.mp4", &["--whip", "http://h/whip", "--jsonl", "-"], "--jsonl has no use with --whip"),
        ("a.mp4", &["--whip", "h", "--server", "h"], "cannot be used with"),
    ] {
        let (code, errors) = errors_of(streamsdk().args(["run", source]).args(options));
        assert_eq!(code, 2, "{source} {options:?}: {errors}");
        assert!(errors.contains(words), "{errors}");
    }
}

#[cfg(feature = "video")]
#[test]
fn a_token_that_cannot_be_read_and_a_whip_server_that_is_not_there_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let publish = || {
        let mut program = streamsdk();
        program.args(["run", "pattern:16x16", "--whip", "http://127.0.0.1:9/whip", "--token-file"]);
        program.arg(&token).args(["--retry", "never"]);
        errors_of(&mut program)
    };
    let (code, errors) = publish();
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("token: "), "{errors}");
    std::fs::write(&token, "s3cret\n").unwrap();
    let (code, errors) = publish();
    assert_eq!(code, 4, "{errors}");
    assert!(errors.contains("http://127.0.0.1:9/whip") && !errors.contains("s3cret"), "{errors}");
}

#[test]
fn a_file_with_the_name_of_something_else_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["webcam_front_door.mp4", "webcam", "pattern:16x16"];
    for name in names {
        std::fs::write(folder.path().join(name), []).unwrap();
        // An empty file is refused before anything is connected to.
        let options = ["--server", "http://127.0.0.1:9", "--workspace", "w", "--workflow-id", "i"];
        let (code, errors) =
            errors_of(streamsdk().current_dir(folder.path()).args(["run", name]).args(options));
        assert_eq!(code, 3, "{name}: {errors}");
        assert!(errors.contains("is empty"), "{name}: {errors}");
        let is_ambiguous = name != names[0];
        assert_eq!(errors.contains(&format!("./{name}")), is_ambiguous, "{name}: {errors}");
    }
}

#[test]
fn passwords_do_not_show_however_wrong_the_command_line_is() {
    for arguments in [
        &["run", "Xtsp://u:s3cret@host/1"][..],
        &["run", " ftp://u:s3cret@host/1"],
        &["doctor", "rtsp://u:s3cret@host/1"],
        &["run", "--codec=rtsp://u:s3cret@host/1", "a.mp4"],
        &["rtsp://u:s3cret@host/1"],
        &["--color=always", "run", "--codec", "rtsp://u:s3cret@host/1"],
    ] {
        let (code, errors) = errors_of(streamsdk().args(arguments));
        assert_eq!(code, 2, "{arguments:?}: {errors}");
        assert!(!errors.contains("s3cret"), "{arguments:?}: {errors}");
    }
}

#[test]
fn colours_are_there_when_they_are_wanted() {
    for (color, is_colored) in [("always", true), ("never", false), ("auto", false)] {
        for arguments in [&["run", "no.mp4", "--nonsense"][..], &["run", "no.mp4"]] {
            let mut command = streamsdk();
            let (_, errors) = errors_of(command.args(["--color", color]).args(arguments));
            assert_eq!(errors.contains('\u{1b}'), is_colored, "{color}: {errors:?}");
        }
    }
}

#[test]
fn a_turn_server_that_cannot_be_used_is_named_and_its_password_is_not() {
    let turn = "turn:192.0.2.7:3478?transport=sctp";
    let run = |options: &[&str]| {
        let mut command = streamsdk();
        command.arg("run").arg(clip("plain_160x120.mp4"));
        // Nobody is there; the connection is prepared first.
        command.args(["--server", "http://192.0.2.7:9", "--timeout", "0.2"]);
        command.args(["--workspace", "w", "--workflow-id", "i", "--turn", turn]);
        command.args(["--turn-user", "us3r", "--turn-credential", "s3cret"]);
        errors_of(command.args(options)).1
    };
    let errors = run(&[]);
    assert!(errors.contains(turn) && errors.contains("over UDP, TCP and TLS only"), "{errors}");
    assert!(!run(&["--quiet"]).contains(turn));
    let everything = run(&["--log", "trace"]);
    // The engine's own lines, as well.
    assert!(everything.contains("TRACE webrtc::"), "{everything}");
    assert!(!everything.contains("s3cret"), "{everything}");
}

#[test]
fn a_filter_that_cannot_be_understood_is_wrong_usage() {
    let (code, errors) = errors_of(streamsdk().args(["--log", "streamsdk=loud", "man"]));
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("--log cannot be understood"), "{errors}");
}
