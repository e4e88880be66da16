//! `streamsdk run url:…`: what is downloaded before a session, and what is kept.
#![cfg(feature = "url")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{errors_of, names_in, streamsdk};

/// Gives one file to everybody, from a thread of this process.
struct FileServer {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl FileServer {
    fn start(body: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                // The request ends with an empty line; whoever goes away before that asks for nothing.
                if lines.map_while(Result::ok).any(|line| line.is_empty()) {
                    seen.fetch_add(1, Ordering::SeqCst);
                    let length = body.len();
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                    stream.write_all(&[head.as_bytes(), &body].concat()).ok();
                }
            }
        });
        Self { port, requests }
    }

    fn source(&self) -> String {
        format!("url:http://me:s3cret@127.0.0.1:{}/clip.mp4", self.port)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn run(source: &str, cache: &Path) -> Command {
    let mut command = streamsdk();
    command.args(["run", source]).env("INFERENCE_SDK_VIDEO_CACHE_DIR", cache);
    command.env_remove("ALLOW_URL_TO_NON_GLOBAL_ADDRESSES");
    command
}

/// Options for a server that nobody serves at.
const NOWHERE: &[&str] =
    &["--server", "http://127.0.0.1:9", "--workspace", "w", "--workflow-id", "i"];

#[test]
fn a_file_of_this_machine_has_to_be_allowed() {
    let (server, cache) = (FileServer::start(b"clip".to_vec()), tempfile::tempdir().unwrap());
    let (code, errors) = errors_of(run(&server.source(), cache.path()).args(NOWHERE));
    assert_eq!((code, server.requests()), (3, 0), "{errors}");
    assert!(errors.contains("--allow-private") && !errors.contains("s3cret"), "{errors}");
}

#[test]
fn a_file_is_downloaded_once_and_before_the_session() {
    let (server, cache) = (FileServer::start(b"clip".to_vec()), tempfile::tempdir().unwrap());
    for times in 1..=2 {
        let mut run = run(&server.source(), cache.path());
        let (code, errors) = errors_of(run.arg("--allow-private").args(NOWHERE));
        assert_eq!((code, server.requests()), (4, 1), "{errors}");
        assert_eq!(errors.contains("downloaded 4 B"), times == 1, "{errors}");
    }
    assert_eq!(names_in(cache.path()).len(), 1);
}

#[test]
fn without_the_cache_it_is_downloaded_anew_and_not_kept() {
    let (server, cache) = (FileServer::start(b"clip".to_vec()), tempfile::tempdir().unwrap());
    for times in 1..=2 {
        let mut run = run(&server.source(), cache.path());
        let (code, errors) = errors_of(run.args(["--allow-private", "--no-cache"]).args(NOWHERE));
        assert_eq!((code, server.requests()), (4, times), "{errors}");
    }
    assert_eq!(names_in(cache.path()), [""; 0]);
}

#[cfg(all(feature = "video", unix))]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_published_from_the_cache_and_without_one() {
    let clip = std::fs::read(common::clip("plain_160x120.mp4")).unwrap();
    let (server, cache) = (FileServer::start(clip), tempfile::tempdir().unwrap());
    let whip = streamsdk_testkit::WhipServer::start("127.0.0.1:0").await;
    let summary = cache.path().join("summary.json");
    for (options, times) in [(&[][..], 1), (&["--no-cache"], 2)] {
        let mut run = run(&server.source(), cache.path());
        run.args(["--allow-private", "--every-frame", "--whip", &whip.url()]).args(options);
        run.arg("--summary-json").arg(&summary);
        let (code, errors) =
            tokio::task::spawn_blocking(move || errors_of(&mut run)).await.unwrap();
        assert_eq!((code, server.requests()), (0, times), "{errors}");
        assert_eq!(common::json(&summary)["frames_sent"], 30);
    }
}

#[test]
fn wrong_usage_is_told_before_anything_is_downloaded() {
    let (server, cache) = (FileServer::start(b"clip".to_vec()), tempfile::tempdir().unwrap());
    let mut run = run(&server.source(), cache.path());
    let options = ["--allow-private", "--server", "http://127.0.0.1:9", "--workflow", "none.json"];
    let (code, errors) = errors_of(run.args(options));
    assert_eq!((code, server.requests()), (2, 0), "{errors}");
}

#[test]
fn a_url_of_a_file_that_is_taken_as_a_camera_is_told() {
    let url = "http://me:s3cret@127.0.0.1:9/clip.mp4";
    let (code, errors) = errors_of(streamsdk().args(["run", url]).args(NOWHERE));
    assert_eq!(code, 4, "{errors}");
    assert!(
        errors.contains("note: http://[redacted]@127.0.0.1:9/clip.mp4 is taken as"),
        "{errors}"
    );
    assert!(errors.contains("write url:http"), "{errors}");
}

#[cfg(feature = "worker")]
#[test]
fn a_clip_is_downloaded_uploaded_and_comes_back() {
    let clip = std::fs::read(common::clip("moving_300.mp4")).unwrap();
    let (server, cache) = (FileServer::start(clip), tempfile::tempdir().unwrap());
    for options in [&["--no-cache"][..], &[]] {
        let mut run = run(&server.source(), cache.path());
        let output = run.arg("--allow-private").args(options).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{printed}");
        assert!(printed.starts_with("300 of 300 frames returned"), "{printed}");
    }
}
