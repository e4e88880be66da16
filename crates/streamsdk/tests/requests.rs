//! What a session asks of the server, by its settings and its source.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod recorder;

use std::time::Duration;

use serde_json::{Value, json};
use streamsdk::{
    Client, FrameSendError, IceServer, ManualSource, MjpegSource, RtspSource, StreamConfig,
    StreamSource, VideoFileSource, Workflow,
};

/// Nobody is asked there.
const SERVER: &str = "http://192.0.2.1:9001";

async fn request(source: impl StreamSource, config: StreamConfig) -> Value {
    let workflow = Workflow::id("workspace", "workflow");
    let stream = |client: Client| client.stream(source).workflow(workflow).config(config);
    recorder::request(Client::builder(SERVER), stream).await.unwrap()
}

fn file() -> VideoFileSource {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [0; 100]).unwrap();
    VideoFileSource::open(file.path()).unwrap()
}

fn rtsp() -> RtspSource {
    RtspSource::new("rtsp://camera/1").unwrap()
}

#[tokio::test]
async fn every_setting_is_in_the_request() {
    let turn = IceServer::new("turns:127.0.0.1:9").credentials("user", "password");
    let config = StreamConfig::default()
        .data_output(["predictions", "*"])
        .realtime_processing(false)
        .declared_fps(12.5)
        .ice_server(turn)
        .parameter("confidence", 0.4)
        .thread_pool_workers(2)
        .cancel_thread_pool_tasks_on_exit(false)
        .video_metadata_input("about_the_frame")
        .requested_plan("webrtc-gpu-small")
        .requested_region("eu")
        .processing_timeout(Duration::from_secs(90));
    let request = request(rtsp(), config).await;
    for (field, expected) in [
        ("data_output", json!(["predictions", "*"])),
        ("webrtc_realtime_processing", json!(false)),
        ("declared_fps", json!(12.5)),
        ("requested_plan", json!("webrtc-gpu-small")),
        ("requested_region", json!("eu")),
        ("processing_timeout", json!(90)),
    ] {
        assert_eq!(request[field], expected, "{field}");
    }
    let server = &request["webrtc_config"]["iceServers"][0];
    let expected =
        json!({ "urls": ["turns:127.0.0.1:9"], "username": "user", "credential": "password" });
    assert_eq!(*server, expected);
    let workflow = &request["workflow_configuration"];
    let expected = json!({ "confidence": 0.4 });
    assert_eq!(workflow["workflows_parameters"], expected);
    assert_eq!(workflow["workspace_name"], "workspace");
    assert_eq!(workflow["workflow_id"], "workflow");
    assert_eq!(workflow["workflows_thread_pool_workers"], 2);
    assert_eq!(workflow["cancel_thread_pool_tasks_on_exit"], false);
    assert_eq!(workflow["video_metadata_input_name"], "about_the_frame");
}

#[tokio::test]
async fn what_nobody_set_is_the_servers_choice() {
    let request = request(rtsp(), StreamConfig::default()).await;
    for field in [
        "webrtc_config",
        "declared_fps",
        "requested_plan",
        "requested_region",
        "processing_timeout",
    ] {
        assert!(request.get(field).is_none_or(Value::is_null), "{field}: {request}");
    }
    assert_eq!(request["stream_output"], json!([]));
    assert_eq!(request["data_output"], json!([]));
    let workflow = request["workflow_configuration"].as_object().unwrap();
    assert_eq!(workflow["image_input_name"], "image");
    assert_eq!(workflow["workflows_parameters"], json!({}));
    let mut said: Vec<&str> = workflow.keys().map(String::as_str).collect();
    said.sort_unstable();
    let always =
        ["image_input_name", "type", "workflow_id", "workflows_parameters", "workspace_name"];
    assert_eq!(said, always);
}

#[tokio::test]
async fn a_workflow_is_sent_whole_or_by_its_id_with_the_name_of_its_input() {
    let specification = json!({ "version": "1.0", "inputs": [], "steps": [], "outputs": [] });
    let workflow = Workflow::specification(specification.clone());
    let stream =
        |client: Client| client.stream(rtsp()).workflow(workflow).image_input("photograph");
    let request = recorder::request(Client::builder(SERVER), stream).await.unwrap();
    let configuration = &request["workflow_configuration"];
    assert_eq!(configuration["workflow_specification"], specification);
    assert_eq!(configuration["image_input_name"], "photograph");
    assert_eq!(configuration["type"], "WorkflowConfiguration");
    assert!(configuration.get("workflow_id").is_none_or(Value::is_null));
}

#[tokio::test]
async fn each_source_says_what_it_is_and_whether_it_is_live() {
    let live = request(rtsp(), StreamConfig::default()).await;
    assert_eq!(live["rtsp_url"], "rtsp://camera/1");
    assert_eq!(live["webrtc_realtime_processing"], true);
    let mjpeg = request(MjpegSource::new("http://camera/1").unwrap(), StreamConfig::default());
    assert_eq!(mjpeg.await["mjpeg_url"], "http://camera/1");
    let uploaded = request(file(), StreamConfig::default()).await;
    assert_eq!(uploaded["video_file_upload"], true);
    assert_eq!(uploaded["webrtc_realtime_processing"], false);
    let played = request(file(), StreamConfig::default().realtime_processing(true)).await;
    assert_eq!(played["webrtc_realtime_processing"], true);
}

#[cfg(feature = "vp8")]
#[tokio::test]
async fn frames_of_the_programs_own_are_manual_mode() {
    let manual = request(ManualSource::new().0, StreamConfig::default()).await;
    assert_eq!(manual["manual_mode"], true);
    assert_eq!(manual["webrtc_realtime_processing"], true);
}

#[tokio::test]
async fn a_session_that_does_not_come_about_lets_go_of_its_source() {
    let (source, sender) = ManualSource::new();
    let workflow = Workflow::id("workspace", "workflow");
    let stream = |client: Client| client.stream(source).workflow(workflow);
    // Without video in this build it is refused before the server is asked, else by the server.
    let _ = recorder::request(Client::builder(SERVER), stream).await;
    assert_eq!(sender.ready().await, Err(FrameSendError::Ended));
}
