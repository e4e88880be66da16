//! A source and a signaling of a program's own: the recipes of ARCHITECTURE.md, tried.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use async_trait::async_trait;
use bytes::BytesMut;
use streamsdk::{
    Client, ConnectionRequirements, Ended, SourceError, SourceIo, StreamConfig, StreamSource,
    Workflow,
};
use streamsdk_protocol::chunk::split;
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_protocol::output::{OutgoingMessage, VideoMetadata};
use streamsdk_signaling::{Signaling, SignalingError};
use streamsdk_testkit::drain;
use streamsdk_transport::{Answer, Channel, IncomingChannels, Interfaces, PeerConfig};

/// Sends numbers on a channel of its own.
struct Numbers(u32);

#[async_trait]
impl StreamSource for Numbers {
    fn requirements(&self, _config: &StreamConfig) -> ConnectionRequirements {
        ConnectionRequirements::default().channels(["numbers"])
    }

    fn init_parameters(&self, _config: &StreamConfig, request: &mut InitRequest) {
        request.webrtc_realtime_processing = false;
    }

    async fn run(&mut self, mut io: SourceIo) -> Result<(), SourceError> {
        let channel = io.take_channel("numbers").unwrap();
        for number in 1..=self.0 {
            channel.send(BytesMut::from(&number.to_be_bytes()[..])).await?;
        }
        channel.send_text("end").await?;
        Ok(())
    }
}

/// Answers offers in this very process.
struct InProcess;

#[async_trait]
impl Signaling for InProcess {
    async fn exchange(&self, request: InitRequest) -> Result<InitResponse, SignalingError> {
        let config = PeerConfig::default().interfaces(Interfaces::Loopback);
        let answer = Answer::create(config, &request.webrtc_offer.sdp, false).await.unwrap();
        let response = InitResponse::answer(answer.sdp().to_owned());
        let (_peer, channels, _) = answer.into_parts();
        tokio::spawn(serve(channels));
        Ok(response)
    }
}

/// Says of each number that it came, as a server does of frames.
async fn serve(mut channels: IncomingChannels) {
    let (mut inference, mut numbers) = (None, None);
    while let (None, _) | (_, None) = (&inference, &numbers) {
        let channel = channels.next().await.unwrap();
        match channel.label() {
            "inference" => inference = Some(channel),
            _ => numbers = Some(channel),
        }
    }
    let (mut inference, mut numbers) = (inference.unwrap(), numbers.unwrap());
    let mut frame_id = 0;
    while let Some(streamsdk_transport::Message::Binary(_)) = numbers.recv().await {
        frame_id += 1;
        say(&inference, frame_id, false).await;
    }
    say(&inference, frame_id, true).await;
    while inference.recv().await.is_some() {}
}

async fn say(inference: &Channel, frame_id: u32, is_last: bool) {
    let metadata = VideoMetadata { frame_id, ..VideoMetadata::default() };
    let message =
        OutgoingMessage { metadata, processing_complete: is_last, ..OutgoingMessage::default() };
    for chunk in split(frame_id + u32::from(is_last), &message.encode(false)) {
        inference.send(chunk).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_and_a_signaling_of_ones_own_make_a_session() {
    let client = Client::builder("http://localhost").signaling(InProcess).build().unwrap();
    let workflow = Workflow::id("local", "any");
    let session = client.stream(Numbers(5)).workflow(workflow).start().await.unwrap();
    let (results, summary) = drain(session).await.unwrap();
    assert!(results.iter().map(|data| data.frame_id()).eq(1..=5));
    assert_eq!(summary.ended, Some(Ended::Complete));
}
