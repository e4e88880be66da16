//! What a connection has whichever side made the offer: descriptions read, the ends of its video, and a path
//! that is proved and watched.

use std::sync::Arc;
use std::time::Duration;

use streamsdk_protocol::sdp::Author;
use tokio::sync::mpsc;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{RTCSdpType, RTCSessionDescription};

use crate::candidates::FollowedCandidates;
use crate::connection_state::ConnectionState;
use crate::description::with_known_algorithms;
use crate::runtime::network::Moment;
use crate::runtime::packet_size::FullPackets;
use crate::runtime::path_mtu::ProbeOutcome;
use crate::runtime::probe::IceCredentials;
use crate::runtime::tuning::RuntimeTuning;
use crate::runtime::{clock, gone};
use crate::video::{Negotiated, OutgoingTrack, VideoLink};
use crate::{Video, VideoReceiver, VideoSender};

/// aiortc takes packet by packet from a buffer of 200 kB: 2 MB over 20 ms take 0.8 s at this rate, and 1.3 s or more with
/// 1 MiB under way, as some are lost.
const RATE_OF_OTHERS: u64 = 6_500_000;
/// Where a round trip takes less, it does not matter how fast a window grows.
const MIN_ROUND_TRIP: Duration = Duration::from_millis(5);

/// The peer's description, for the engine: with those of its candidates that are followed.
pub(crate) fn remote_description(
    kind: RTCSdpType,
    sdp: &str,
    followed: &FollowedCandidates,
) -> Result<RTCSessionDescription, webrtc::error::Error> {
    let sdp = with_known_algorithms(&followed.of(sdp));
    match kind {
        RTCSdpType::Offer => RTCSessionDescription::offer(sdp),
        _ => RTCSessionDescription::answer(sdp),
    }
}

/// A video slot of which it is not known yet what the two sides agree on.
pub(crate) struct VideoSlot {
    /// What this side would send.
    pub(crate) outgoing: Option<OutgoingTrack>,
    /// Where the peer's track would come.
    pub(crate) incoming: Option<mpsc::Receiver<Arc<dyn TrackRemote>>>,
    pub(crate) link: VideoLink,
}

impl VideoSlot {
    /// Starts what the two sides agreed on in the answer; `None` if that is nothing.
    pub(crate) fn start(self, answer: &str, connection_state: &ConnectionState) -> Option<Video> {
        let negotiated = Negotiated::of(answer)?;
        let Self { outgoing, incoming, link } = self;
        let state = || connection_state.clone();
        let sender = outgoing.map(|track| VideoSender::start(&track, negotiated, &link, state()));
        let receiver =
            incoming.map(|tracks| VideoReceiver::start(tracks, negotiated.codec, &link, state()));
        Some(Video { sender, receiver })
    }
}

impl std::fmt::Debug for VideoSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VideoSlot")
    }
}

/// The way to the peer, which is to carry full packets, and at whose end somebody is to be.
pub(crate) struct Path {
    pub(crate) tuning: Arc<RuntimeTuning>,
    pub(crate) full_packets: FullPackets,
    pub(crate) connection_state: ConnectionState,
    /// `None` if a description does not have them: nothing is asked of the peer then.
    pub(crate) credentials: Option<IceCredentials>,
    /// Who wrote the peer's description.
    pub(crate) peer: Author,
    /// Nothing else sends full packets.
    pub(crate) has_channels: bool,
    pub(crate) has_video: bool,
    pub(crate) dead_after: Duration,
}

impl Path {
    /// Proves it, and then looks whether the peer is still there for as long as the connection stands.
    pub(crate) async fn prove_and_watch(self) -> ProbeOutcome {
        let path = Arc::new(self);
        tokio::spawn(Arc::clone(&path).serve_handshake());
        let Self { tuning, full_packets, connection_state, credentials, .. } = &*path;
        let asked = credentials.clone().filter(|_| path.has_channels);
        let proved = tuning.path.probe_for(connection_state, asked, *full_packets);
        let outcome = proved.await;
        tuning.network.hold_up(Moment::PathProved).await;
        tokio::spawn(path.watch());
        outcome
    }

    /// Sends flights again that were lost, and has the engine's clock run and data leave as fast as the path and the
    /// peer allow once the connection stands.
    async fn serve_handshake(self: Arc<Self>) {
        let Self { tuning, connection_state, .. } = &*self;
        if self.peer != Author::Streamsdk {
            tuning.set_peer_rate(RATE_OF_OTHERS);
        }
        let clock = async {
            connection_state.decided().await;
            if !self.has_video
                && let Some(round_trip) = tuning.path.measured().await
            {
                tuning.clock.set_rate(clock::rate(round_trip, self.peer));
                // Our own window grows by what is acknowledged.
                if self.peer != Author::Streamsdk && round_trip >= MIN_ROUND_TRIP {
                    tuning.take_one_packet_a_round();
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = clock => {}
            () = tuning.flights.repeat(|| tuning.path.round_trip()) => {}
            _ = connection_state.ended() => {}
        }
    }

    /// Looks after a connection from when it stands until it is over.
    async fn watch(self: Arc<Self>) {
        let Self { tuning, connection_state: state, .. } = &*self;
        state.decided().await;
        tokio::select! {
            biased;
            _ = state.ended() => {}
            reason = gone::watch(state, tuning, self.credentials.as_ref(), self.dead_after) => {
                state.end(reason);
            }
        }
    }
}
