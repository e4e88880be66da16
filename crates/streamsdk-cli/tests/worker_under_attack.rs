//! What clients that are hostile can do to `streamsdk worker`, by figures of its process.
#![cfg(all(feature = "worker", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{WorkerProcess, clip, errors_of, streamsdk};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const MAX_WAIT: Duration = Duration::from_secs(60);

/// The most memory that the worker has had, in bytes.
fn peak_memory(worker: &mut WorkerProcess) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.process().id()));
    let status = status.unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

fn address(worker: &WorkerProcess) -> &str {
    worker.url.strip_prefix("http://").unwrap()
}

/// The status that a request of these bytes is answered with.
fn post(worker: &WorkerProcess, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address(worker)).unwrap();
    stream.set_read_timeout(Some(MAX_WAIT)).unwrap();
    let head = format!(
        "POST /initialise_webrtc_worker HTTP/1.1\r\nhost: worker\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A worker that has seen enough reads no more.
    let _ = stream.write_all(body);
    let mut answer = vec![0; 12];
    match stream.read_exact(&mut answer) {
        Ok(()) => String::from_utf8(answer.split_off(9)).unwrap(),
        Err(_) => "closed".to_owned(),
    }
}

#[test]
fn whoever_says_nothing_keeps_nobody_out() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let worker = WorkerProcess::start_with_descriptors(1024);
    let silent: Vec<_> = (0..1100).map(|_| TcpStream::connect(address(&worker)).unwrap()).collect();
    let mut command = streamsdk();
    command.args(["run", clip("plain_160x120.mp4").to_str().unwrap(), "--server", &worker.url]);
    command.args(["--workspace", "local", "--workflow-id", "motion"]);
    let started = Instant::now();
    let (code, errors) = errors_of(&mut command);
    assert_eq!(code, 0, "after {:?}: {errors}", started.elapsed());
    drop(silent);
}

#[test]
fn a_request_costs_little_more_than_its_bytes() {
    let mut worker = WorkerProcess::start();
    assert_eq!(post(&worker, b"[]"), "422");
    let before = peak_memory(&mut worker);
    let values = |bytes: usize| format!("[{}0]", "0,".repeat(bytes / 2)).into_bytes();
    for (bytes, statuses) in [(8 << 20, ["413", "closed"]), ((2 << 20) - 16, ["422", "422"])] {
        let started = Instant::now();
        let status = post(&worker, &values(bytes));
        let grown = peak_memory(&mut worker) - before;
        println!("{bytes} bytes: {status}, {grown} bytes of memory, {:?}", started.elapsed());
        assert!(statuses.contains(&&*status), "{bytes}: {status}");
        assert!(grown < 24 << 20, "{bytes} bytes of request took {grown} bytes of memory");
    }
}
