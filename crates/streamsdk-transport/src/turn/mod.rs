//! STUN and TURN servers: which there are, how each is reached, and what becomes of it.
//!
//! The engine speaks TURN over UDP only, and looks names up where everything else waits for it. So it is given
//! servers that do not exist ([`alias`]), one for each of the real ones, and what it sends there passes through
//! our sockets:
//!
//! * For a server over TCP or TLS the alias has an address that nobody has. What goes there goes over a stream
//!   instead, and what comes from it comes as packets from there ([`stream_link`], [`carry`], [`framing`]).
//! * For a server over UDP the alias has the real addresses.
//!
//! Each server is tried at once, and all at the same time ([`servers`]); an offer waits for as many as are worth it
//! ([`gathering`]). What became of each is kept for the error, if no connection comes about ([`outcome`]).

mod alias;
mod allocation;
mod board;
mod carry;
mod dial;
pub(crate) mod framing;
mod gathering;
mod inbox;
mod kept_back;
mod lookup;
mod outcome;
mod plan;
mod servers;
mod silent;
mod stale_nonce;
mod stream_link;
mod tls;
pub(crate) mod url;

pub(crate) use self::gathering::MAX_WAIT;
pub(crate) use self::inbox::Inbox;
pub use self::outcome::{ServerFailure, ServerOutcome, TriedServer, TriedServers};
pub(crate) use self::servers::{Servers, is_relayed};
pub use self::tls::{BadCertificates, RootCertificates};
