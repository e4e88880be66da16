#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use streamsdk_transport::{
    Answer, Channel, Connected, IncomingChannels, Interfaces, Offer, Peer, PeerConfig,
};

/// Loopback only, so that nothing leaves the machine.
pub(crate) fn config() -> PeerConfig {
    PeerConfig::default().interfaces(Interfaces::Loopback)
}

#[allow(dead_code, reason = "each test program uses a part")]
/// Two connected peers: the offering one with its channels, the answering one.
pub(crate) async fn connected(
    labels: &[&str],
    configure: impl Fn(PeerConfig) -> PeerConfig,
) -> ((Peer, Vec<Channel>), (Peer, IncomingChannels)) {
    let config = configure(config());
    let offer = Offer::create(config.clone(), labels, None).await.unwrap();
    let answer = Answer::create(config, offer.sdp(), false).await.unwrap();
    let sdp = answer.sdp().to_owned();
    let (other, incoming, _) = answer.into_parts();
    let Connected { peer, channels, .. } = offer.accept(&sdp).await.unwrap();
    ((peer, channels), (other, incoming))
}
