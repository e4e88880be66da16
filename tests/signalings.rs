//! Sessions whose offer goes another way than to the inference server itself.

use axum::Router;
use streamsdk::{
    Client, Ended, ErrorKind, ProxySignaling, StreamConfig, VideoFileSource, Workflow,
};
use streamsdk_signaling::HttpSignaling;
use streamsdk_tests::{MAX_WAIT, clip, worker_with};
use streamsdk_worker::WorkerConfig;

/// Serves on a free port of loopback; says where.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_through_a_backend_that_alone_has_the_key() {
    let worker = worker_with(WorkerConfig::default().token(streamsdk::ApiKey::new("s3cret"))).await;
    let with_key = |key| HttpSignaling::builder(worker.url()).api_key(key);
    let header = streamsdk::ApiKeyTransport::Header;
    let session = async |key: &'static str| {
        let signaling = with_key(key).api_key_transport(header).build().unwrap();
        let url = serve(backend::router(signaling)).await;
        let backend = ProxySignaling::builder(format!("{url}/api/init-webrtc"));
        let backend = backend.turn_config_url(format!("{url}/api/turn-config")).build().unwrap();
        let client = Client::builder(url).signaling(backend).build().unwrap();
        client
            .stream(VideoFileSource::open(clip("plain_160x120.mp4")).unwrap())
            .workflow(Workflow::id("local", "motion"))
            .config(StreamConfig::default().data_output(["predictions"]))
            .start()
            .await
    };
    let summary = session("s3cret").await.unwrap().wait(MAX_WAIT).await.unwrap();
    assert_eq!((summary.ended, summary.frames_returned), (Some(Ended::Complete), 30));
    let refused = session("another").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Auth, "{refused}");
}
