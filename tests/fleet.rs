//! Streams of a file: what changes when the file does, and what can be asked of them while they run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use streamsdk::ApiKey;
use streamsdk_fleet::{
    AdminError, AdminServer, Changes, Fleet, FleetConfig, StreamEvents, StreamState,
};
use streamsdk_sinks::StreamName;
use streamsdk_tests::{MAX_WAIT, http, worker};
use tokio::sync::Mutex;

/// A file with drawings, whose results go to a file each.
fn config(url: &str, folder: &Path, streams: &[(&str, &str)]) -> FleetConfig {
    config_with(url, folder, streams, "results.jsonl")
}

fn config_with(url: &str, folder: &Path, streams: &[(&str, &str)], results: &str) -> FleetConfig {
    let mut text = format!(
        "drain_limit = 30\n[defaults]\nserver = \"{url}\"\nworkspace = \"local\"\n\
         workflow_id = \"motion\"\nsinks = [\"log\"]\n\
         [sinks.log]\ntype = \"jsonl\"\npath = \"{results}\"\n[sinks.other]\ntype = \"jsonl\"\n\
         path = \"other.jsonl\"\n"
    );
    for (name, more) in streams {
        text += &format!("[streams.{name}]\nsource = \"pattern:64x48@20\"\n{more}\n");
    }
    FleetConfig::parse(&text, "streams.toml", folder).unwrap()
}

/// A fleet whose events are taken by nobody in particular.
fn fleet(config: &FleetConfig) -> Fleet {
    let (fleet, events) = Fleet::new(config).unwrap();
    tokio::spawn(take_all(events));
    fleet
}

async fn take_all(mut events: StreamEvents) {
    while events.next().await.is_some() {}
}

/// The names of a fleet's streams once each has begun.
async fn all_run(fleet: &Fleet) -> Vec<String> {
    let observer = fleet.observer();
    let waiting = async {
        loop {
            let streams = observer.streams();
            if streams.iter().all(|stream| stream.state == StreamState::Running) {
                return streams.iter().map(|stream| stream.name.to_string()).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(MAX_WAIT, waiting).await.unwrap()
}

/// The names of those that were added, changed and removed.
fn changes(of: &Changes) -> [Vec<&str>; 3] {
    [&of.added, &of.changed, &of.removed]
        .map(|names| names.iter().map(StreamName::as_str).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_concerns_the_streams_that_are_different_and_no_other() {
    let (worker, folder) = (worker().await, tempfile::tempdir().unwrap());
    let (url, path) = (worker.url(), folder.path());
    let first = config(&url, path, &[("same", ""), ("other", ""), ("gone", "")]);
    let mut fleet = fleet(&first);
    let added = fleet.apply(first).await.unwrap();
    assert_eq!(changes(&added), [vec!["gone", "other", "same"], vec![], vec![]]);
    all_run(&fleet).await;
    let sessions_of_same = |fleet: &Fleet| {
        let streams = fleet.observer().streams();
        streams.into_iter().find(|stream| stream.name.as_str() == "same").unwrap().totals.sessions
    };
    assert_eq!(sessions_of_same(&fleet), 1);

    let second = config(&url, path, &[("same", ""), ("other", "idle_timeout = 9"), ("new", "")]);
    let different = fleet.apply(second).await.unwrap();
    assert_eq!(changes(&different), [vec!["new"], vec!["other"], vec!["gone"]]);
    assert_eq!(all_run(&fleet).await, ["new", "other", "same"]);
    assert_eq!(sessions_of_same(&fleet), 1, "it has gone on");

    let end = fleet.drain().await;
    assert!(end.streams.iter().all(|stream| stream.state == StreamState::Stopped));
    let (_, log) = end.sinks.iter().find(|(name, _)| name == "log").unwrap();
    assert_eq!((log.lost, log.counters.waiting), (0, 0));
    let lines = std::fs::read_to_string(path.join("results.jsonl")).unwrap().lines().count();
    assert_eq!(lines as u64, log.counters.delivered);
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_another_one_begins_its_streams_again() {
    let (worker, folder) = (worker().await, tempfile::tempdir().unwrap());
    let (url, path) = (worker.url(), folder.path());
    let streams = [("log", ""), ("other", "sinks = [\"other\"]")];
    let first = config(&url, path, &streams);
    let mut fleet = fleet(&first);
    fleet.apply(first).await.unwrap();
    all_run(&fleet).await;
    let second = config_with(&url, path, &streams, "elsewhere.jsonl");
    let different = fleet.apply(second).await.unwrap();
    assert_eq!(changes(&different), [vec![], vec!["log"], vec![]]);
    all_run(&fleet).await;
    let delivered = async {
        while !path.join("elsewhere.jsonl").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(MAX_WAIT, delivered).await.unwrap();
    fleet.drain().await;
    worker.shutdown().await;
}

/// An admin address, with what is asked of it.
struct Admin {
    server: AdminServer,
    headers: String,
}

impl Admin {
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.server.address());
        let answer = http(method, &url, &self.headers, body.into()).await;
        let (_, body) = answer.text.split_once("\r\n\r\n").unwrap();
        (answer.status, body.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_come_and_go_by_the_admin_address() {
    let (worker, folder) = (worker().await, tempfile::tempdir().unwrap());
    let first = config(&worker.url(), folder.path(), &[("gate", "")]);
    let fleet = Arc::new(Mutex::new(fleet(&first)));
    let address = "127.0.0.1:0".parse().unwrap();
    let server = AdminServer::start(address, None, Arc::clone(&fleet)).await.unwrap();
    let admin = Admin { server, headers: String::new() };
    assert_eq!(admin.ask("GET", "/readyz", "").await.0, 503);
    assert_eq!(admin.ask("GET", "/healthz", "").await.0, 200);
    fleet.lock().await.apply(first).await.unwrap();
    assert_eq!(admin.ask("GET", "/readyz", "").await.0, 200);

    let stream = "source = \"pattern:64x48@20\"\n";
    assert_eq!(admin.ask("PUT", "/streams/extra", stream).await.0, 204);
    all_run(&*fleet.lock().await).await;
    let state: Value = serde_json::from_str(&admin.ask("GET", "/state", "").await.1).unwrap();
    let names: Vec<&str> = state["streams"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|stream| stream["name"].as_str())
        .collect();
    assert_eq!(names, ["extra", "gate"]);
    let metrics = admin.ask("GET", "/metrics", "").await.1;
    assert!(metrics.contains("streamsdk_stream_up{stream=\"extra\"} 1"), "{metrics}");

    for (method, path, body, status, said) in [
        ("PUT", "/streams/gate", stream, 409, "change it there"),
        ("DELETE", "/streams/gate", "", 409, "change it there"),
        ("DELETE", "/streams/none", "", 404, "no stream called none"),
        ("PUT", "/streams/b%20d", stream, 400, "letters"),
        ("PUT", "/streams/bad", "sauce = 1", 400, "sauce"),
        ("PUT", "/streams/bad", "", 400, "source is missing"),
        ("PUT", "/streams/bad", "source = \"pattern:64x48\"\nsinks = [\"lag\"]", 400, "lag"),
        (
            "PUT",
            "/streams/bad",
            "source = \"pattern:64x48\"\nimages = { folder = \"/tmp\" }",
            400,
            "images: a folder can only be the one of [defaults]",
        ),
    ] {
        let (found, text) = admin.ask(method, path, body).await;
        assert_eq!(found, status, "{method} {path}: {text}");
        assert!(text.contains(said), "{method} {path}: {text}");
    }
    assert_eq!(admin.ask("DELETE", "/streams/extra", "").await.0, 204);
    let metrics = admin.ask("GET", "/metrics", "").await.1;
    assert!(!metrics.contains("extra"), "{metrics}");
    fleet.lock().await.drain().await;
    assert_eq!(admin.ask("GET", "/readyz", "").await.0, 503);
    admin.server.shutdown().await;
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_put_keeps_its_images_in_the_folder_of_the_defaults() {
    let (worker, folder) = (worker().await, tempfile::tempdir().unwrap());
    let text = format!(
        "[defaults]\nserver = \"{}\"\nworkspace = \"local\"\nworkflow_id = \"motion\"\n\
         data_output = [\"image\"]\nimages = {{ folder = \"kept\" }}\nsinks = [\"log\"]\n\
         [sinks.log]\ntype = \"jsonl\"\npath = \"results.jsonl\"\n",
        worker.url()
    );
    let config = FleetConfig::parse(&text, "streams.toml", folder.path()).unwrap();
    let fleet = Arc::new(Mutex::new(fleet(&config)));
    fleet.lock().await.apply(config).await.unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let server = AdminServer::start(address, None, Arc::clone(&fleet)).await.unwrap();
    let admin = Admin { server, headers: String::new() };
    for (name, more) in [("silent", ""), ("explicit", "images = { folder = \"kept\" }")] {
        let stream = format!("source = \"pattern:64x48@20\"\n{more}");
        let (status, said) = admin.ask("PUT", &format!("/streams/{name}"), &stream).await;
        assert_eq!(status, 204, "{said}");
        let kept = folder.path().join("kept").join(name);
        let is_kept = || std::fs::read_dir(&kept).is_ok_and(|mut images| images.next().is_some());
        let waiting = async {
            while !is_kept() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(MAX_WAIT, waiting).await.unwrap();
    }
    fleet.lock().await.drain().await;
    admin.server.shutdown().await;
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_address_is_for_who_may() {
    let folder = tempfile::tempdir().unwrap();
    let config = config("http://127.0.0.1:9", folder.path(), &[]);
    let fleet = Arc::new(Mutex::new(fleet(&config)));
    let start = |address: &str, token| {
        AdminServer::start(address.parse().unwrap(), token, Arc::clone(&fleet))
    };
    let open = start("0.0.0.0:0", None).await.unwrap_err();
    assert!(matches!(open, AdminError::NeedsToken(_)), "{open}");

    let server = start("127.0.0.1:0", Some(ApiKey::new("s3cret"))).await.unwrap();
    let mut admin = Admin { server, headers: String::new() };
    assert_eq!(admin.ask("GET", "/state", "").await.0, 401);
    assert_eq!(admin.ask("PUT", "/streams/a", "").await.0, 401);
    assert_eq!(admin.ask("GET", "/metrics", "").await.0, 200);
    admin.headers = "authorization: Bearer s3cret\r\n".to_owned();
    assert_eq!(admin.ask("GET", "/state", "").await.0, 200);
    admin.headers += "origin: http://127.0.0.1:8080\r\n";
    assert_eq!(admin.ask("GET", "/state", "").await.0, 403);
    assert_eq!(admin.ask("GET", "/metrics", "").await.0, 403);
    admin.server.shutdown().await;
}
