//! Requests for tracks that cannot be had.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use streamsdk_protocol::init::{InitRequest, SessionDescription, WorkflowConfiguration};
use streamsdk_signaling::{HttpSignaling, Signaling, SignalingError};
use streamsdk_transport::{Interfaces, Offer, PeerConfig, VideoDirection};
use streamsdk_worker::Worker;

/// The worker's words.
async fn error_response(video: Option<VideoDirection>, request: InitRequest) -> String {
    let worker = Worker::start("127.0.0.1:0", Default::default()).await.unwrap();
    let config = PeerConfig::default().interfaces(Interfaces::Loopback);
    let offer = Offer::create(config, &["inference"], video).await.unwrap();
    let request = request
        .webrtc_offer(SessionDescription::offer(offer.sdp()))
        .workflow_configuration(WorkflowConfiguration::default().workflow_id("passthrough"));
    let signaling = HttpSignaling::builder(worker.url()).build().unwrap();
    let answer = signaling.exchange(request).await;
    offer.abandon().await;
    worker.shutdown().await;
    match answer {
        Err(SignalingError::Rejected { rejection, .. }) if rejection.status == 400 => {
            rejection.message
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stream_output_needs_a_video_slot_and_manual_mode_one_that_sends() {
    let named = || InitRequest::default().stream_output(["image"]);
    let words = error_response(None, named()).await;
    assert!(words.contains("takes no video"), "{words}");
    let manual = InitRequest::default().manual_mode(true);
    let words = error_response(Some(VideoDirection::ReceiveOnly), manual).await;
    assert!(words.contains("sends no video"), "{words}");
}

#[cfg(not(feature = "video"))]
#[tokio::test]
async fn a_build_without_video_refuses_tracks() {
    let request = InitRequest::default();
    let words = error_response(Some(VideoDirection::SendAndReceive), request).await;
    assert!(words.contains("it knows none"), "{words}");
    let named = InitRequest::default().stream_output(["image"]);
    let words = error_response(Some(VideoDirection::ReceiveOnly), named).await;
    assert!(words.contains("it knows none"), "{words}");
}
