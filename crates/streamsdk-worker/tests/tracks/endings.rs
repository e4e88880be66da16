//! What is left when a session ends: nothing.

use std::time::Duration;

use streamsdk_capture::TestPattern;
use streamsdk_transport::{EndReason, PeerConfig};
use streamsdk_worker::WorkerConfig;
use tokio::time::{Instant, sleep, timeout};

use crate::client::{MAX_WAIT, Wish, shut_down, worker, worker_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_shuts_down_in_the_middle_of_sessions() {
    let worker = worker().await;
    let mut clients = Vec::new();
    for realtime in [true, false] {
        let wish = Wish::of("motion").ask(|request| request.webrtc_realtime_processing = realtime);
        let mut client = wish.connect(&worker).await.unwrap();
        let sending = client.send(TestPattern::new(640, 360, 30.0));
        client.picture().await;
        clients.push((client, sending));
    }
    // One that sends nothing, so that the worker waits for its first frame.
    let silent = Wish::of("motion").connect(&worker).await.unwrap();
    shut_down(worker).await;
    silent.peer.abort().await;
    for (client, sending) in clients {
        client.peer.abort().await;
        sending.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_frees_its_place() {
    let config = WorkerConfig::default().max_sessions(1);
    let worker = worker_with(config).await;
    for leave_politely in [true, false, true] {
        let deadline = Instant::now() + MAX_WAIT;
        let mut client = loop {
            match Wish::of("passthrough").connect(&worker).await {
                Ok(client) => break client,
                Err(refused) => assert!(Instant::now() < deadline, "{refused}"),
            }
            sleep(Duration::from_millis(20)).await;
        };
        let sending = client.send(TestPattern::new(320, 180, 30.0));
        client.picture().await;
        match leave_politely {
            true => drop(client.peer.close().await),
            false => drop(client.peer.abort().await),
        }
        sending.join().unwrap();
    }
    shut_down(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_ends_a_live_session_even_without_frames() {
    let worker = worker().await;
    let wish = Wish::of("passthrough").ask(|request| request.processing_timeout = Some(1));
    let mut client = wish.connect(&worker).await.unwrap();
    let data = client.data().await;
    assert!(data.processing_complete);
    assert_eq!((data.frame_id, data.termination_reason.as_deref()), (1, Some("timeout_reached")));
    client.peer.close().await;
    shut_down(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_no_results_is_left() {
    let config = WorkerConfig::default().progress_timeout(Duration::from_millis(500));
    let worker = worker_with(config).await;
    let wish = Wish::of("passthrough").ask(|request| {
        request.data_output = Some(vec!["image".to_owned()]);
        request.stream_output = Some(Vec::new());
    });
    // Its connection takes some megabytes before it holds the worker back, which are long in coming on a busy machine.
    let patient = Duration::from_secs(600);
    let wish = Wish { peer: PeerConfig::default().reader_timeout(patient), ..wish };
    let client = wish.connect(&worker).await.unwrap();
    let endless = client.send(TestPattern::new(1280, 720, 30.0).paced(false));
    assert_eq!(timeout(patient, client.peer.ended()).await.unwrap(), EndReason::ClosedByPeer);
    endless.join().unwrap();
}
