//! What fuzz targets reach beside the public API.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use webrtc::peer_connection::RTCSdpType;

use crate::candidates::{self, CandidateCounts, FollowedCandidates};
use crate::runtime::interfaces::OwnAddresses;
use crate::turn::framing::{self, Deframer};
use crate::turn::url::ServerUrl;
use crate::video::{Negotiated, media_engine};
use crate::wiring::remote_description;
use crate::{PeerConfig, VideoCodec};

/// The messages of a stream that comes in pieces of so many bytes, and whether there is nothing wrong with it.
pub fn deframe(stream: &[u8], piece: usize) -> (Vec<Bytes>, bool) {
    let mut deframer = Deframer::default();
    let mut messages = Vec::new();
    for piece in stream.chunks(piece) {
        deframer.buffer().extend_from_slice(piece);
        loop {
            match deframer.next() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(_) => return (messages, false),
            }
        }
    }
    (messages, true)
}

/// A packet as it goes onto a stream.
pub fn frame(packet: &[u8]) -> BytesMut {
    let mut stream = BytesMut::new();
    framing::frame(packet, &mut stream);
    stream
}

/// A STUN or TURN server's URL as it is shown, its host, and its port; `None` if it is of no use.
pub fn server_url(url: &str) -> Option<(String, String, u16)> {
    let url = ServerUrl::parse(url).ok()?;
    Some((url.to_string(), url.host, url.port))
}

/// How many candidates a description has.
pub fn candidate_counts(sdp: &str) -> CandidateCounts {
    CandidateCounts::of(sdp)
}

/// The addresses of a description's candidates.
pub fn candidate_addresses(sdp: &str) -> Vec<SocketAddr> {
    candidates::addresses(sdp).collect()
}

/// Answers an offer as far as that goes without a network.
pub fn take_offer(sdp: &str) {
    let _ = Negotiated::offered(sdp, VideoCodec::ALL);
    let _ = answer(sdp);
}

/// Gives the engine an answer to an offer of its own.
pub fn take_answer(sdp: &str) {
    let _ = Negotiated::of(sdp);
    let _ = offer_and_accept(sdp);
}

fn answer(offer: &str) -> Result<(), webrtc::error::Error> {
    let offer = remote_description(RTCSdpType::Offer, offer, &followed())?;
    let mut engine = engine()?;
    engine.set_remote_description(Instant::now(), offer)?;
    let answer = engine.create_answer(None)?;
    engine.set_local_description(Instant::now(), answer)
}

fn offer_and_accept(answer: &str) -> Result<(), webrtc::error::Error> {
    let answer = remote_description(RTCSdpType::Answer, answer, &followed())?;
    let mut engine = engine()?;
    engine.create_data_channel("inference", None)?;
    let offer = engine.create_offer(None)?;
    engine.set_local_description(Instant::now(), offer)?;
    engine.set_remote_description(Instant::now(), answer)
}

fn followed() -> FollowedCandidates {
    FollowedCandidates::new(&PeerConfig::default(), &OwnAddresses::default())
}

fn engine() -> Result<RTCPeerConnection, webrtc::error::Error> {
    let builder = RTCPeerConnectionBuilder::new().with_media_engine(media_engine(VideoCodec::ALL)?);
    builder.build(Instant::now())
}
