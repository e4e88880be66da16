//! Clients that send what is no video.

use bytes::Bytes;
use streamsdk_capture::marker;
use streamsdk_transport::VideoCodec;
use streamsdk_worker::Worker;
use tokio::time::{Instant, sleep};

use crate::client::{Client, MAX_WAIT, Wish, pattern, shut_down, worker};

/// Polls until the worker asked for so many key frames.
async fn asked_for_key_frames(client: &Client, times: u64) {
    let sender = client.sender.as_ref().unwrap();
    let deadline = Instant::now() + MAX_WAIT;
    while sender.stats().key_frame_requests < times {
        assert!(Instant::now() < deadline, "no key frame was asked for: {:?}", sender.stats());
        sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Sends two frames that are none, and a good one, and takes the result of that.
async fn damaged(processing_timeout: Option<u64>) -> (Worker, Client) {
    let worker = worker().await;
    let wish = Wish::of("passthrough").ask(|request| {
        request.processing_timeout = processing_timeout;
    });
    let mut client = wish.connect(&worker).await.unwrap();
    let sender = client.sender.clone().unwrap();
    for (broken, before) in [([0x31_u8; 400], 9000), ([0x30; 400], 6000)] {
        sender.send(0_u32.wrapping_sub(before), Bytes::copy_from_slice(&broken)).await.unwrap();
    }
    client.send(pattern(320, 180, 1)).join().unwrap();
    assert_eq!(client.data().await.frame_id, 1);
    (worker, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_could_not_be_decoded_are_told_at_the_end() {
    let (worker, mut client) = damaged(None).await;
    let (final_message, ()) = tokio::join!(client.data(), worker.shutdown());
    assert!(final_message.processing_complete);
    // The first one is not even given to the decoder.
    let told = "of the video, 1 frame is missing and 1 packet was unreadable".to_owned();
    assert!(final_message.errors.contains(&told), "{:?}", final_message.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_is_no_error_whatever_was_lost_before() {
    let (_worker, mut client) = damaged(Some(2)).await;
    let final_message = client.data().await;
    assert_eq!(final_message.termination_reason.as_deref(), Some("timeout_reached"));
    assert_eq!(final_message.errors, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_survives_garbage_and_asks_for_a_key_frame() {
    let worker = worker().await;
    let h264 = [0, 0, 0, 1, 0x67, 9, 9, 9, 0, 0, 0, 1, 0x68, 9, 0, 0, 0, 1, 0x65, 0xff, 0xfe];
    for (codec, no_key_frame, broken) in [
        (VideoCodec::Vp8, &[0x31_u8; 400][..], &[0x30_u8; 400][..]),
        (VideoCodec::H264, &[0, 0, 0, 1, 0x41, 7, 7, 7, 7], &h264),
    ] {
        let wish = Wish { codec, ..Wish::of("passthrough") };
        let mut client = wish.connect(&worker).await.unwrap();
        let sender = client.sender.clone().unwrap();
        // A stream that begins without a key frame.
        sender.send(0_u32.wrapping_sub(9000), Bytes::copy_from_slice(no_key_frame)).await.unwrap();
        asked_for_key_frames(&client, 1).await;
        let asked = sender.stats().key_frame_requests;
        // One that looks like a key frame from the outside.
        sender.send(0_u32.wrapping_sub(6000), Bytes::copy_from_slice(broken)).await.unwrap();
        asked_for_key_frames(&client, asked + 1).await;

        let sending = client.send(pattern(320, 180, 10));
        for n in 0..10 {
            let data = client.data().await;
            assert_eq!((data.frame_id, data.errors), (n + 1, vec![]));
            assert_eq!(marker::read(&client.picture().await.1), Some(n), "{codec}");
        }
        sending.join().unwrap();
        client.peer.close().await;
    }
    shut_down(worker).await;
}
