//! `streamsdk fleet`: nodes, what they should run, and how they are.
#![cfg(all(feature = "fleet", feature = "worker", feature = "video", unix))]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{WorkerProcess, clip, errors_of, exit_code, signal, streamsdk};
use nix::sys::signal::Signal;
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use streamsdk_testkit::nats::NatsServer;

const LIMIT: Duration = Duration::from_secs(60);
const OTHER: i32 = 1;
const WRONG_USAGE: i32 = 2;
const INTERRUPTED: i32 = 130;

fn fleet(nats: &str, arguments: &[&str]) -> Command {
    let mut command = streamsdk();
    command.arg("fleet").args(arguments).args(["--nats", nats]);
    command
}

fn node(nats: &str, name: &str) -> Child {
    let mut node = streamsdk();
    node.args(["fleet", "node", "--nats", nats, "--name", name]).stderr(Stdio::piped());
    node.spawn().unwrap()
}

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Waits until a stream is in a state.
fn wait_for(nats: &str, stream: &str, state: &str) -> Value {
    let started = Instant::now();
    loop {
        let status = printed(&mut fleet(nats, &["status", "--json"]));
        let status: Value = serde_json::from_str(&status).unwrap();
        let streams = status["streams"].as_array().unwrap();
        if streams.iter().any(|it| it["name"] == stream && it["state"] == state) {
            return status;
        }
        assert!(started.elapsed() < LIMIT, "{stream} is never {state}: {status}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn write(folder: &Path, server: &str, streams: &str) -> String {
    let path = folder.join("streams.toml");
    let text = format!(
        "[defaults]\nserver = \"{server}\"\nworkspace = \"local\"\nworkflow_id = \"motion\"\n{streams}"
    );
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_run_what_is_applied_until_they_are_told_to_drain_or_to_end() {
    let (nats, worker) = (NatsServer::start().await, WorkerProcess::start());
    let (url, folder) = (nats.url(), tempfile::tempdir().unwrap());
    let file = clip("plain_160x120.mp4");
    let streams = format!(
        "[streams.gate]\nsource = \"pattern:64x48@20\"\n[streams.tape]\nsource = {file:?}\n"
    );
    let path = write(folder.path(), &worker.url, &streams);
    assert_eq!(printed(&mut fleet(&url, &["apply", &path])), "added gate, tape");
    let mut first = node(&url, "first");
    wait_for(&url, "tape", "complete");
    let status = wait_for(&url, "gate", "running");
    assert_eq!(
        (&status["nodes"][0]["name"], &status["nodes"][0]["streams"]),
        (&"first".into(), &1.into())
    );

    let mut second = node(&url, "second");
    assert_eq!(printed(&mut fleet(&url, &["drain", "first"])), "first is drained");
    assert_eq!(exit_code(&mut first, LIMIT), 0);
    let rows = printed(&mut fleet(&url, &["status"]));
    assert!(
        rows.contains("tape") && rows.contains("complete") && rows.contains("frame 30"),
        "{rows}"
    );
    wait_for(&url, "gate", "running");
    signal(&second, Signal::SIGTERM);
    assert_eq!(exit_code(&mut second, LIMIT), INTERRUPTED);
    wait_for(&url, "gate", "waiting");
    assert_eq!(printed(&mut fleet(&url, &["apply", &path])), "no stream is different");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_before_the_server_waits_for_it() {
    let (mut nats, worker) = (NatsServer::start().await, WorkerProcess::start());
    let (url, folder) = (nats.url(), tempfile::tempdir().unwrap());
    let path = write(folder.path(), &worker.url, "[streams.gate]\nsource = \"pattern:64x48@20\"\n");
    printed(&mut fleet(&url, &["apply", &path]));
    nats.kill().await;
    let mut node = node(&url, "early");
    let mut said = BufReader::new(node.stderr.take().unwrap()).lines();
    let first = said.next().unwrap().unwrap();
    assert!(first.contains("waits") && first.contains("cannot connect to NATS"), "{first}");
    nats.start_again().await;
    wait_for(&url, "gate", "running");
    signal(&node, Signal::SIGTERM);
    assert_eq!(exit_code(&mut node, LIMIT), INTERRUPTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_and_servers_with_certificates_of_their_own_know_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let write = |name: &str, pem: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    let (pem, key) = (
        write("own.pem", certificate.self_signed(&key).unwrap().pem()),
        write("own.key", key.serialize_pem()),
    );
    let tls = ["--tlscert", &pem, "--tlskey", &key, "--tlscacert", &pem];
    let nats = NatsServer::start_with(&[&["-js", "--tlsverify"][..], &tls].concat()).await;
    let url = format!("tls://127.0.0.1:{}", nats.port());

    let (status, said) = errors_of(&mut fleet(&url, &["status"]));
    assert!(status == OTHER && said.contains("certificate"), "{said}");
    let (status, said) = errors_of(&mut fleet(&url, &["status", "--nats-ca", &key]));
    assert!(status == WRONG_USAGE && said.contains("own.key: "), "{said}");

    let known = ["--nats-ca", &pem, "--nats-certificate", &pem, "--nats-key", &key];
    let with = |arguments: &[&str]| fleet(&url, &[arguments, &known].concat());
    let mut node = with(&["node", "--name", "one"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(node.stderr.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "node one runs");
    let status = printed(&mut with(&["status", "--json"]));
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["nodes"][0]["name"], "one");
    assert_eq!(printed(&mut with(&["drain", "one"])), "one is drained");
    assert_eq!(exit_code(&mut node, LIMIT), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said_before_anything_is_changed() {
    let nats = NatsServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let streams = "sinks = [\"log\"]\n[streams.gate]\nsauce = \"pattern:64x48\"\n";
    let path = write(folder.path(), "http://127.0.0.1:9", streams);
    let (status, said) = errors_of(&mut fleet(&nats.url(), &["apply", &path]));
    assert_eq!(status, WRONG_USAGE);
    assert!(said.contains("streams.toml:7:1") && said.contains("is `source` meant?"), "{said}");

    let (status, said) = errors_of(&mut fleet(&nats.url(), &["drain", "nobody"]));
    assert!(status == OTHER && said.contains("the node nobody does not answer"), "{said}");

    let (status, said) = errors_of(&mut fleet("nats://127.0.0.1:9", &["status"]));
    assert!(status == OTHER && said.contains("cannot connect to NATS"), "{said}");
}
