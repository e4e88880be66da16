//! Results go where they are wanted, onto nothing that is needed, and are there however the run ends.
#![cfg(all(feature = "worker", feature = "save", unix))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{
    WorkerProcess, clip, errors_of, exit_code, json, names_in, signal, streamsdk, wait_for_bytes,
};
use nix::sys::signal::Signal::{SIGINT, SIGKILL, SIGTERM};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use streamsdk_capture::VideoFile;

/// Far more than anything here takes.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// `streamsdk run CLIP …` with the processor that finds motion, in a folder.
fn run(folder: &Path, options: &[&str]) -> Command {
    let mut command = streamsdk();
    command.current_dir(folder).arg("run").arg(clip("moving_300.mp4"));
    command.args(["--workflow-id", "motion"]).args(options);
    command
}

fn frames(file: &Path) -> usize {
    let mut video = VideoFile::open(file).unwrap();
    std::iter::from_fn(|| video.next_frame().unwrap()).count()
}

/// Every line is JSON.
fn lines(file: &Path) -> usize {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "half a line");
    let parsed = text.lines().map(|line| serde_json::from_str(line).unwrap());
    parsed.collect::<Vec<serde_json::Value>>().len()
}

#[test]
fn an_output_onto_an_input_or_another_output_is_refused_and_destroys_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let film = fs::read(clip("moving_300.mp4")).unwrap();
    fs::write(path("in.mp4"), &film).unwrap();
    fs::write(path("flow.json"), r#"{"version":"1.0","inputs":[],"steps":[],"outputs":[]}"#)
        .unwrap();
    fs::hard_link(path("in.mp4"), path("hard.mp4")).unwrap();
    symlink("in.mp4", path("soft.mp4")).unwrap();
    symlink("new.json", path("dangling.json")).unwrap();
    let before = names_in(folder.path());

    let save = ["--stream-output", "image", "--save"];
    let mut cases = Vec::new();
    for onto in ["in.mp4", "./in.mp4", "hard.mp4", "soft.mp4", "flow.json"] {
        for option in [&["--jsonl"][..], &["--summary-json"], &save] {
            cases.push([option, &[onto]].concat());
        }
    }
    cases.push(vec!["--jsonl", "new.json", "--summary-json", "./new.json"]);
    cases.push(vec!["--jsonl", "new.json", "--summary-json", "dangling.json"]);
    cases.push([&save[..], &["x", "--jsonl", "x"]].concat());
    cases.push(vec!["--jsonl", "-", "--summary-json", "-"]);
    for options in cases {
        let mut command = streamsdk();
        command.current_dir(folder.path()).args(["run", "in.mp4", "--workflow", "flow.json"]);
        let (code, errors) = errors_of(command.args(&options));
        assert_eq!(code, 2, "{options:?}: {errors}");
        let is_named = errors.contains("would overwrite") || errors.contains("the same place");
        assert!(is_named, "{options:?}: {errors}");
    }
    assert_eq!(fs::read(path("in.mp4")).unwrap(), film);
    assert_eq!(names_in(folder.path()), before);
}

#[test]
fn a_run_that_cannot_begin_leaves_old_results_and_no_new_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old.jsonl"), "old").unwrap();
    fs::write(folder.path().join("old.json"), "old").unwrap();
    let nobody = ["--server", "http://127.0.0.1:9", "--workspace", "local"];
    for [jsonl, summary] in [["old.jsonl", "old.json"], ["new.jsonl", "new.json"]] {
        let outputs = ["--stream-output", "image", "--save", "new.mp4", "--jsonl", jsonl];
        let mut command = run(folder.path(), &nobody);
        let (code, errors) = errors_of(command.args(outputs).args(["--summary-json", summary]));
        assert_eq!(code, 4, "{errors}");
    }
    assert_eq!(names_in(folder.path()), ["old.json", "old.jsonl"]);
    assert_eq!(fs::read(folder.path().join("old.jsonl")).unwrap(), b"old");
}

#[test]
fn the_file_behind_a_link_is_replaced_and_the_link_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("far")).unwrap();
    fs::write(path("far/summary.json"), "old").unwrap();
    symlink("far/summary.json", path("summary.json")).unwrap();
    symlink("far/out.mp4", path("out.mp4")).unwrap();
    let options =
        ["--stream-output", "image", "--save", "out.mp4", "--summary-json", "summary.json"];
    assert!(run(folder.path(), &options).output().unwrap().status.success());
    for link in ["summary.json", "out.mp4"] {
        assert!(path(link).is_symlink(), "{link}");
    }
    assert_eq!(json(&path("far/summary.json"))["frames_returned"], 300);
    assert_eq!(frames(&path("far/out.mp4")), 300);
    assert_eq!(names_in(&path("far")), ["out.mp4", "summary.json"]);
}

#[test]
fn a_pipe_is_written_as_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let mut child = run(folder.path(), &["--jsonl", "pipe"]).stdout(Stdio::null()).spawn().unwrap();
    assert_eq!(fs::read_to_string(&pipe).unwrap().lines().count(), 300);
    assert_eq!(exit_code(&mut child, MAX_WAIT), 0);

    let mut command = run(folder.path(), &["--stream-output", "image", "--save", "pipe"]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let film = folder.path().join("film.mp4");
    fs::write(&film, fs::read(&pipe).unwrap()).unwrap();
    assert_eq!(exit_code(&mut child, MAX_WAIT), 0);
    assert_eq!(frames(&film), 300);
    assert_eq!(names_in(folder.path()), ["film.mp4", "pipe"]);
}

/// A run at the film's own speed that has got some results.
fn half_way(folder: &Path) -> Child {
    let options = ["--realtime", "--stream-output", "image", "--data-output", "predictions"];
    let outputs = ["--save", "out.mp4", "--jsonl", "out.jsonl", "--summary-json", "out.json"];
    let mut command = run(folder, &options);
    let child = command.args(outputs).stdout(Stdio::piped()).spawn().unwrap();
    wait_for_bytes(&folder.join("out.jsonl"), MAX_WAIT);
    child
}

#[test]
fn an_interrupt_and_a_request_to_terminate_end_the_run_with_everything_in_place() {
    for told in [SIGINT, SIGTERM] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = half_way(folder.path());
        signal(&child, told);
        assert_eq!(exit_code(&mut child, MAX_WAIT), 130, "{told}");
        let printed = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
        assert!(printed.contains("closed by the caller"), "{printed}");
        assert_eq!(names_in(folder.path()), ["out.json", "out.jsonl", "out.mp4"]);
        let saved = frames(&folder.path().join("out.mp4"));
        assert!(saved > 0 && saved <= lines(&folder.path().join("out.jsonl")));
        assert_eq!(json(&folder.path().join("out.json"))["ended"], "by_caller");
    }
}

#[test]
fn a_recording_survives_a_kill_and_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = half_way(folder.path());
    let left = folder.path().join(".out.mp4.part");
    let start = Instant::now();
    // The first fragment is a second long.
    while fs::metadata(&left).map_or(0, |it| it.len()) < 3000 {
        assert!(start.elapsed() < MAX_WAIT, "nothing was recorded");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(&child, SIGKILL);
    child.wait().unwrap();
    let saved = frames(&left);
    assert!(saved > 0, "{saved}");
    let text = fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    let (whole, _) = text.rsplit_once('\n').unwrap();
    for line in whole.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }

    let film = fs::read(&left).unwrap();
    let options = ["--stream-output", "image", "--save", "out.mp4", "--summary-json", "out.json"];
    let (code, errors) = errors_of(&mut run(folder.path(), &options));
    assert_eq!(code, 0, "{errors}");
    assert!(errors.contains(".out.mp4.part is a recording of a run that did not end"), "{errors}");
    assert_eq!(fs::read(&left).unwrap(), film);
    let names = [".out.mp4.part", "out.json", "out.jsonl", "out.mp4"];
    assert_eq!(names_in(folder.path()), names);
    assert_eq!(frames(&folder.path().join("out.mp4")), 300);
}

#[test]
fn a_recording_of_what_is_no_image_is_an_error_with_the_reason_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--stream-output", "predictions", "--save", "out.mp4"];
    let (code, errors) = errors_of(&mut run(folder.path(), &options));
    assert_eq!(code, 1, "{errors}");
    let reason =
        "nothing was saved to out.mp4: none of 300 results had an image as \"predictions\"";
    assert!(errors.contains(reason), "{errors}");
    assert!(names_in(folder.path()).is_empty());
}

/// `streamsdk run` that may write files of `blocks` of 512 bytes and no more, as on a full disk.
fn run_on_a_full_disk(
    folder: &Path,
    worker: &str,
    blocks: &str,
    options: &[&str],
) -> (i32, String) {
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    command.current_dir(folder).args(["-c", &script, "sh", env!("CARGO_BIN_EXE_streamsdk"), "run"]);
    command.arg(clip("moving_300.mp4")).args(["--workflow-id", "motion", "--workspace", "local"]);
    errors_of(command.args(["--server", worker]).args(options))
}

#[test]
fn a_full_disk_says_how_far_it_got_and_keeps_that() {
    let folder = tempfile::tempdir().unwrap();
    let worker = WorkerProcess::start();
    let options = ["--data-output", "predictions", "--jsonl", "out.jsonl"];
    let (code, errors) = run_on_a_full_disk(folder.path(), &worker.url, "16", &options);
    assert_eq!(code, 1, "{errors}");
    let written = lines(&folder.path().join("out.jsonl"));
    assert!(written > 0);
    let said = format!("out.jsonl cannot be written after {written} lines: ");
    assert!(errors.contains(&said), "{errors}");

    let options = ["--stream-output", "image", "--save", "out.mp4"];
    let (code, errors) = run_on_a_full_disk(folder.path(), &worker.url, "32", &options);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("saving out.mp4 failed after "), "{errors}");
    assert!(errors.contains("what was saved until then is in .out.mp4.part"), "{errors}");
    assert!(frames(&folder.path().join(".out.mp4.part")) > 0);
    assert_eq!(names_in(folder.path()), [".out.mp4.part", "out.jsonl"]);
}
