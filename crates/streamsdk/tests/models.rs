//! Sessions that are started with a model, and what is asked of Roboflow's own API for them.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod recorder;

use serde_json::{Value, json};
use streamsdk::{
    Client, ClientBuilder, Error, ErrorKind, StreamBuilder, StreamConfig, TaskType,
    VideoFileSource, Workflow,
};
use streamsdk_testkit::FakePlatform;

const MODELS: &[(&str, &str)] =
    &[("rfdetr-nano", "object-detection"), ("florence", "text-image-pairs")];
/// What is not asked: nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

/// The request that a session of a file begins with, as JSON, or why there is none.
async fn request(
    client: ClientBuilder,
    set: impl FnOnce(StreamBuilder) -> StreamBuilder,
) -> Result<Value, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [0; 100]).unwrap();
    let source = VideoFileSource::open(file.path()).unwrap();
    recorder::request(client.api_key("k3y"), |client| set(client.stream(source))).await
}

fn server(platform: &str) -> ClientBuilder {
    Client::builder("http://localhost:9001").platform_url(platform)
}

#[tokio::test]
async fn a_model_becomes_a_workflow_of_one_step_whose_outputs_are_received() {
    let platform = FakePlatform::start(MODELS, None).await;
    let request = request(server(platform.url()), |stream| stream.model("rfdetr-nano")).await;
    let request = request.unwrap();
    let workflow = &request["workflow_configuration"]["workflow_specification"];
    let step = &workflow["steps"][0];
    assert_eq!(step["type"], "roboflow_core/roboflow_object_detection_model@v2");
    assert_eq!(step["model_id"], "rfdetr-nano");
    // A file's frames come as data.
    assert_eq!(request["data_output"], json!(["predictions", "image"]));
    assert_eq!(platform.asked(), ["/models/v1/external/stat?modelId=rfdetr-nano"]);
}

#[tokio::test]
async fn what_the_caller_says_of_outputs_is_kept_be_it_nothing() {
    for (config, expected) in [
        (StreamConfig::default().data_output(["*"]), json!(["predictions", "image"])),
        (StreamConfig::default().stream_output([""; 0]), json!(["predictions"])),
        (StreamConfig::default().data_output([""; 0]), json!(["image"])),
    ] {
        let set =
            |stream: StreamBuilder| stream.model("m").task(TaskType::Classification).config(config);
        let request = request(server(NOBODY), set).await.unwrap();
        assert_eq!(request["data_output"], expected);
    }
}

#[tokio::test]
async fn a_task_that_is_given_is_not_asked_for() {
    let platform = FakePlatform::start(MODELS, None).await;
    let set = |stream: StreamBuilder| stream.model("mine").task(TaskType::KeypointDetection);
    request(server(platform.url()), set).await.unwrap();
    assert!(platform.asked().is_empty());
}

#[tokio::test]
async fn what_cannot_be_is_an_error_before_the_server_is_asked() {
    let platform = FakePlatform::start(MODELS, None).await;
    let workflow = || Workflow::id("workspace", "workflow");
    type Set = Box<dyn FnOnce(StreamBuilder) -> StreamBuilder>;
    let cases: [(&str, Set, ErrorKind, &str); 6] = [
        (platform.url(), Box::new(|stream| stream), ErrorKind::Config, "no workflow and no model"),
        (
            platform.url(),
            Box::new(move |stream| stream.model("rfdetr-nano").workflow(workflow())),
            ErrorKind::Config,
            "both a workflow and a model",
        ),
        (
            platform.url(),
            Box::new(move |stream| stream.task(TaskType::Classification).workflow(workflow())),
            ErrorKind::Config,
            "a task was given without a model",
        ),
        (
            platform.url(),
            Box::new(|stream| stream.model("florence")),
            ErrorKind::Config,
            "give a whole workflow",
        ),
        (
            platform.url(),
            Box::new(|stream| stream.model("unknown")),
            ErrorKind::Rejected,
            "there is no such model",
        ),
        (NOBODY, Box::new(|stream| stream.model("m")), ErrorKind::Unreachable, "with `task`"),
    ];
    for (platform, set, kind, said) in cases {
        let error = request(server(platform), set).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(!format!("{error:?}").contains("k3y"), "{error:?}");
    }
    let error = server("nonsense").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}
