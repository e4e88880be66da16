//! The HTTP exchange that sets a WebRTC inference session up.
//!
//! One POST carries the client's offer and what is to be run; the answer carries the server's side
//! of the connection, or says why there is none. [`Signaling`] is that exchange as a trait, for
//! whoever reaches the server in another way; [`HttpSignaling`] is the exchange over HTTP, [`ProxySignaling`] that over
//! a backend of one's own, [`WhipSignaling`] that with a WHIP server.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use streamsdk_protocol::init::InitRequest;
//! use streamsdk_signaling::{HttpSignaling, Signaling};
//!
//! let signaling = HttpSignaling::builder("http://localhost:9001").api_key("my-key").build()?;
//! let request = InitRequest::default(); // with an offer and a workflow
//! match signaling.exchange(request).await {
//!     Ok(answer) => println!("{}", answer.sdp),
//!     Err(error) if error.is_auth() => eprintln!("check the API key: {error}"),
//!     Err(error) => eprintln!("{error}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Platform`] asks Roboflow's own API: what a model does, and which TURN servers there are.
//!
//! Every error names the URL, what was tried and what came back, in the server's own words where it
//! has some, cleaned and shortened. API keys, credentials in URLs and TURN passwords are in none of them,
//! even where the server repeats them.
//!
//! # Features
//!
//! There are none.
#![forbid(unsafe_code)]

mod answer;
mod builder;
mod connection;
mod error;
mod http;
mod platform;
mod probe;
mod proxy;
mod rejection_text;
mod server;
mod whip;

use std::sync::Arc;

use async_trait::async_trait;
use streamsdk_protocol::Redactor;
use streamsdk_protocol::init::{IceServer, InitRequest, InitResponse};

pub use builder::{ApiKeyTransport, BuildError, HttpSignalingBuilder};
pub use error::SignalingError;
pub use http::HttpSignaling;
pub use platform::{Platform, is_hosted};
pub use probe::Probe;
pub use proxy::{ProxySignaling, ProxySignalingBuilder};
pub use whip::{WhipSignaling, WhipSignalingBuilder};

#[async_trait]
impl<S: Signaling + ?Sized> Signaling for Arc<S> {
    async fn exchange(&self, request: InitRequest) -> Result<InitResponse, SignalingError> {
        (**self).exchange(request).await
    }

    async fn ice_servers(&self) -> Result<Vec<IceServer>, SignalingError> {
        (**self).ice_servers().await
    }

    async fn end(&self, answer: &InitResponse) {
        (**self).end(answer).await;
    }

    fn returns(&self) -> Returns {
        (**self).returns()
    }

    fn redactor(&self) -> Redactor {
        (**self).redactor()
    }
}

/// What a server sends back over the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Returns {
    /// Results of inference: data on the channel `inference`, and frames on a video track where they are asked for.
    #[default]
    Results,
    /// Nothing but reports of how the media arrives (RTCP): video is published to it.
    Nothing,
}

/// A way to bring an offer to a server and its answer back.
#[async_trait]
pub trait Signaling: Send + Sync {
    /// Sends `request` and returns the server's answer, which has been checked to be usable.
    ///
    /// Must end within a time limit of the implementation's own. Dropping the future gives the
    /// exchange up, and with it a session that the server is known to have made.
    async fn exchange(&self, request: InitRequest) -> Result<InitResponse, SignalingError>;

    /// STUN and TURN servers for both sides, where the caller has given none; asked for before each offer. Default is
    /// none. A session is tried without them where this fails.
    ///
    /// # Errors
    ///
    /// Why they are not to be had.
    async fn ice_servers(&self) -> Result<Vec<IceServer>, SignalingError> {
        Ok(Vec::new())
    }

    /// Tells the server that the session of that answer is over, where there is a way. Must end within some seconds.
    /// Default is that there is none: the connection's end says the same.
    async fn end(&self, answer: &InitResponse) {
        let _ = answer;
    }

    /// What the server sends back, which decides what an offer asks for. Default is [`Returns::Results`].
    fn returns(&self) -> Returns {
        Returns::Results
    }

    /// Knows what this side keeps to itself, beyond what is in a request: whoever shows a server's texts
    /// passes them through it. Default is one that knows nothing.
    fn redactor(&self) -> Redactor {
        Redactor::default()
    }
}
