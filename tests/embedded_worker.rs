//! The worker in a web application of somebody else's.

use axum::Router;
use axum::routing::get;
use streamsdk::{Ended, StreamConfig};
use streamsdk_tests::{drain, http, start};
use streamsdk_worker::{EmbeddedWorker, Worker, WorkerConfig};
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn an_application_serves_the_worker_below_a_path_of_its_own() {
    let worker = EmbeddedWorker::new(WorkerConfig::default());
    let application = Router::new()
        .route("/", get(|| async { "an application" }))
        .nest("/inference", worker.router());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, application).await });

    let config = StreamConfig::default().data_output(["predictions"]);
    let inference = format!("{url}/inference");
    let session = start(&inference, "plain_160x120.mp4", "motion", config.clone()).await.unwrap();
    let (results, summary) = drain(session).await.unwrap();
    assert_eq!((results.len(), summary.ended), (30, Some(Ended::Complete)));
    let answer = http("GET", &format!("{url}/"), "", Vec::new()).await;
    assert!(answer.text.ends_with("an application"), "{}", answer.text);

    worker.shutdown().await;
    let refused = start(&inference, "plain_160x120.mp4", "motion", config).await.unwrap_err();
    assert!(refused.to_string().contains("shutting down"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_a_listener_that_there_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let worker = Worker::start_on(listener, WorkerConfig::default()).unwrap();
    assert_eq!(worker.address(), address);
    let config = StreamConfig::default();
    let session = start(&worker.url(), "plain_160x120.mp4", "motion", config).await.unwrap();
    assert_eq!(drain(session).await.unwrap().1.ended, Some(Ended::Complete));
}
