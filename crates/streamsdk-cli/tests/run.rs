//! `streamsdk run` against the embedded worker: what it writes, prints and returns.
#![cfg(all(feature = "worker", feature = "save"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod common;

use common::{clip, json, streamsdk};

#[test]
fn a_clip_goes_through_and_everything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let output = streamsdk()
        .arg("run")
        .arg(clip("moving_300.mp4"))
        .args(["--workflow-id", "motion", "--stream-output", "image"])
        .args(["--data-output", "predictions", "--param", "sensitivity=0.7"])
        .arg("--save")
        .arg(path("out.mp4"))
        .arg("--jsonl")
        .arg(path("out.jsonl"))
        .arg("--summary-json")
        .arg(path("summary.json"))
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert!(printed.starts_with("300 of 300 frames returned"), "{printed}");

    let lines = std::fs::read_to_string(path("out.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 300);
    for (number, line) in (1..).zip(&lines) {
        assert_eq!(line["frame_id"], number);
        let names: Vec<&String> = line["outputs"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["predictions"]);
        for field in ["pts", "time_base", "errors"] {
            assert!(!line[field].is_null(), "{field}");
        }
    }

    let summary = json(&path("summary.json"));
    assert_eq!((&summary["frames_sent"], &summary["frames_returned"]), (&300.into(), &300.into()));
    assert_eq!(summary["ended"], "complete");
    assert_eq!(summary["upload_bytes"], std::fs::metadata(clip("moving_300.mp4")).unwrap().len());
    for field in ["upload_mb_per_s", "fps"] {
        assert!(summary[field].as_f64().unwrap() > 0.0, "{field}");
    }
    for field in ["cpu_s", "peak_rss_mb"] {
        let is_known = summary[field].as_f64().is_some_and(|figure| figure > 0.0);
        assert_eq!(is_known, cfg!(all(unix, not(streamsdk_portable))), "{field}");
    }
    assert!(summary["dropped"].as_object().unwrap().values().all(|count| count == 0));

    // The saved video is a video of all the frames.
    let again = streamsdk()
        .arg("run")
        .arg(path("out.mp4"))
        .args(["--workflow-id", "passthrough"])
        .output()
        .unwrap();
    assert!(String::from_utf8(again.stdout).unwrap().starts_with("300 of 300"));
}

#[test]
fn exit_codes_tell_kinds_of_error_apart() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.mp4");
    std::fs::write(&empty, []).unwrap();
    let plain = clip("plain_160x120.mp4");
    let plain = plain.to_str().unwrap();
    let nobody = ["--server", "http://127.0.0.1:9", "--workflow-id", "a", "--workspace", "b"];
    let missing = folder.path().join("none.mp4");
    let without_videos = tempfile::tempdir().unwrap();
    let cases: [(&str, &[&str], i32, &str); 11] = [
        (missing.to_str().unwrap(), &[], 3, "there is no file"),
        (missing.to_str().unwrap(), &[plain], 3, "there is no file"),
        (without_videos.path().to_str().unwrap(), &[], 2, "no video file"),
        ("/dev/null", &[], 3, "is not a file"),
        (empty.to_str().unwrap(), &[], 3, "is empty"),
        (plain, &nobody, 4, "asking the server"),
        (plain, &["--workflow-id", "nope"], 5, "nope"),
        (plain, &["--workflow-id", "motion", "--data-output", "nope"], 5, "nope"),
        (plain, &["--server", "http://127.0.0.1:9"], 2, "--workflow"),
        (plain, &["--save", "/nowhere/x.mp4"], 2, "--stream-output"),
        (plain, &["--jsonl", "/nowhere/x.jsonl"], 2, "cannot be written"),
    ];
    for (file, arguments, code, words) in cases {
        let output = streamsdk().args(["run", file]).args(arguments).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(words), "{errors}");
    }
    let text = clip("text.mp4");
    let output = streamsdk().arg("run").arg(text).output().unwrap();
    assert_eq!(output.status.code(), Some(9));
}

#[test]
fn the_api_key_shows_nowhere() {
    let output = streamsdk()
        .arg("run")
        .arg(clip("plain_160x120.mp4"))
        .args(["--workflow-id", "nope"])
        .env("ROBOFLOW_API_KEY", "k3y-that-must-not-show")
        .env("STREAMSDK_LOG", "trace")
        .output()
        .unwrap();
    let shown = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8_lossy(&shown).contains("k3y-that"));
    assert_eq!(output.status.code(), Some(5));
}
