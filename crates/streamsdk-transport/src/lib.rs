//! Peer connections and data channels for inference streaming.
//!
//! One side makes an [`Offer`], hands its SDP to the other by whatever means, and gets an answer
//! back; the other makes an [`Answer`] from the offer. Both end with a [`Peer`] and [`Channel`]s:
//!
//! ```no_run
//! # async fn example(exchange: impl AsyncFn(&str) -> String) -> Result<(), Box<dyn std::error::Error>> {
//! use streamsdk_transport::{Connected, Offer, PeerConfig};
//!
//! let offer = Offer::create(PeerConfig::default(), &["inference"], None).await?;
//! let answer = exchange(offer.sdp()).await;
//! let Connected { peer, mut channels, .. } = offer.accept(&answer).await?;
//! channels[0].send_text("hello").await?;
//! peer.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! What this crate adds to the WebRTC engine below it, none of whose types show here:
//!
//! * **Sending waits.** A channel holds at most [`PeerConfig::send_buffer`] bytes that the peer has
//!   not acknowledged.
//! * **An unread channel stops no other.** What arrives waits in bounds; a receiver that is gone, or that
//!   leaves its buffer full for [`PeerConfig::reader_timeout`], misses the rest ([`ChannelReceiver`]).
//! * **A dead peer ends its channels.** When nothing has been heard for [`PeerConfig::dead_after`],
//!   every pending and later operation ends with [`EndReason`]; within a second where the peer's host says
//!   that nobody has its port any more.
//! * **Nothing waits for ever.** Gathering, connecting and opening have time limits, and closing has
//!   a deadline.
//! * **Nothing arrives too early.** Packets of a peer that is ahead of its answer wait in the kernel
//!   until the answer is applied.
//! * **Relays are reached by every way.** TURN over UDP, TCP and TLS, all servers at once; a server that cannot be used
//!   holds nobody up for long, and what became of each is told by the error ([`TriedServers`]).
//! * **Packets fit the path.** Their size follows what is known of the way to the peer, full ones are tried
//!   out before a connection counts as made, and where they do not fit they are cut up.
//!
//! # Systems
//!
//! It is run on Linux. On other systems, where it has not run yet, tokio's socket tells when there is
//! something to read, and nothing is known of the way to the peer before packets are tried out, nor is
//! any packet cut up. `RUSTFLAGS="--cfg streamsdk_portable"` makes Linux do the same.
//!
//! # Features
//!
//! - `simulation`: connections over a network that a test makes up ([`PeerConfig::network`]).

mod answer;
mod candidates;
mod channel;
mod config;
mod connection;
mod connection_state;
mod description;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod offer;
mod peer;
mod runtime;
#[cfg(feature = "simulation")]
pub mod simulation;
mod tried_candidates;
mod turn;
mod video;
mod wiring;

pub use answer::{Answer, IncomingChannels};
pub use candidates::CandidateCounts;
pub use channel::{Channel, ChannelReceiver, ChannelSender, DeliveryMode, Message};
pub use config::{IceTransportPolicy, Interfaces, PeerConfig};
pub use connection_state::{EndReason, PeerState};
pub use error::{AnswerError, ConnectError, EngineError, HandshakeFailure, OfferError, SendError};
pub use offer::{Connected, Offer};
pub use peer::{Closed, Peer, TransportStats};
pub use runtime::UnknownInterfaces;
pub use streamsdk_codec::{UnknownVideoCodec, VIDEO_CLOCK_RATE, VideoCodec};
pub use tried_candidates::{TriedCandidate, TriedCandidates};
pub use turn::{
    BadCertificates, RootCertificates, ServerFailure, ServerOutcome, TriedServer, TriedServers,
};
pub use video::{
    IncomingFrame, Video, VideoDirection, VideoMonitor, VideoReceiveStats, VideoReceiver,
    VideoSendStats, VideoSender, offered_codecs,
};
