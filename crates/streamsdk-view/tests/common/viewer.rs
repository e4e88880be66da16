use bytes::Bytes;
use serde_json::Value;
use streamsdk_transport::{
    Channel, Connected, IncomingFrame, Interfaces, Message, Offer, Peer, PeerConfig,
    VideoDirection, VideoReceiver,
};
use tokio::time::timeout;

use super::{LIMIT, Response};

/// Somebody who looks, as a browser does.
pub(crate) struct Viewed {
    place: String,
    peer: Peer,
    channel: Channel,
    video: Option<VideoReceiver>,
}

impl Viewed {
    pub(crate) async fn offer() -> Offer {
        let config = PeerConfig::default().interfaces(Interfaces::Loopback);
        Offer::create(config, &["view"], Some(VideoDirection::ReceiveOnly)).await.unwrap()
    }

    pub(crate) async fn connect(offer: Offer, answer: Response) -> Self {
        let place = answer.header("location").unwrap().to_owned();
        let sdp = std::str::from_utf8(&answer.body).unwrap();
        let Connected { peer, mut channels, video, .. } = offer.accept(sdp).await.unwrap();
        let video = video.and_then(|video| video.receiver);
        Self { place, peer, channel: channels.remove(0), video }
    }

    /// Where it is deleted.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) async fn hello(&mut self) -> Value {
        self.told().await
    }

    /// What the page is told next.
    pub(crate) async fn told(&mut self) -> Value {
        match self.message().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            Message::Binary(_) => panic!("an image instead of words"),
        }
    }

    /// The next image, with what is told about it.
    pub(crate) async fn image(&mut self) -> (Value, Bytes) {
        let mut whole = self.part().await;
        while whole.len() < 4 + length_at(&whole, 0) {
            whole.extend_from_slice(&self.part().await);
        }
        let (told, jpeg) = whole[8..].split_at(length_at(&whole, 4));
        (serde_json::from_slice(told).unwrap(), Bytes::copy_from_slice(jpeg))
    }

    async fn part(&mut self) -> Vec<u8> {
        match self.message().await {
            Message::Binary(part) => part.to_vec(),
            Message::Text(text) => panic!("words instead of an image: {text}"),
        }
    }

    async fn message(&mut self) -> Message {
        timeout(LIMIT, self.channel.recv()).await.unwrap().unwrap()
    }

    /// The next picture of the track.
    pub(crate) async fn picture(&mut self) -> IncomingFrame {
        let video = self.video.as_mut().unwrap();
        timeout(LIMIT, video.recv()).await.unwrap().unwrap()
    }

    pub(crate) async fn say(&self, text: &str) {
        self.channel.send_text(text).await.unwrap();
    }

    /// Waits until the page has closed the connection.
    pub(crate) async fn is_closed(&self) {
        timeout(LIMIT, self.peer.ended()).await.unwrap();
    }
}

fn length_at(message: &[u8], place: usize) -> usize {
    u32::from_be_bytes(message[place..place + 4].try_into().unwrap()) as usize
}
