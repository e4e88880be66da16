//! Answers to offers of other peers.
mod common;

use streamsdk_transport::Answer;

/// Has a slot for video before the one for data.
const OFFER: &str = include_str!("../../../tests/data/wire/file_track/offer.sdp");

#[tokio::test(flavor = "multi_thread")]
async fn candidates_are_in_the_section_that_is_used() {
    let answer = Answer::create(common::config(), OFFER, false).await.unwrap();
    let (video, data) = answer.sdp().split_once("m=application ").unwrap();
    assert!(video.contains("m=video 0 ") && !video.contains("a=candidate"), "{video}");
    assert!(!data.starts_with("0 ") && data.contains("a=candidate"), "{data}");
    answer.into_parts().0.abort().await;
}
