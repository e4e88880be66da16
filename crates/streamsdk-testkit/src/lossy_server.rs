//! A server that is reached over a path that loses packets.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_signaling::{HttpSignaling, Signaling};

use crate::Relay;

/// Stands in front of a server, and puts a lossy path under its first session. Those that come after it have
/// a path of their own.
pub struct LossyServer {
    url: String,
    relay: Arc<Relay>,
}

impl LossyServer {
    /// Stands in front of the server at `server`.
    pub async fn before(server: &str) -> Self {
        let relay = Arc::new(Relay::new());
        let signaling = Arc::new(HttpSignaling::builder(server).build().unwrap());
        let first = Arc::new(Mutex::new(Some(Arc::clone(&relay))));
        let state = (first, signaling);
        let router = Router::new().fallback(post(initialise)).with_state(state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, relay }
    }

    /// Where clients find it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Loses one in `count` packets each way from now on; 0 loses none, 1 all.
    pub fn lose_one_in(&self, count: u32) {
        self.relay.lose_one_in(count);
    }

    /// Loses the next `count` packets of video on the way to the client, however often they are sent.
    pub fn lose_returned_video(&self, count: u32) {
        self.relay.lose_media_to_first(count);
    }

    /// Loses the next `count` packets of video on the way to the server, however often they are sent.
    pub fn lose_sent_video(&self, count: u32) {
        self.relay.lose_media_to_second(count);
    }

    /// Loses everything on the way to the client from now on.
    pub fn lose_all_to_client(&self) {
        self.relay.lose_all_to_first();
    }

    /// Loses everything on the way to the server from now on.
    pub fn lose_all_to_server(&self) {
        self.relay.lose_all_to_second();
    }

    /// Has the server see the client at another port from now on, and loses what it sends to the one before.
    pub fn rebind_client(&self) {
        self.relay.rebind_first();
    }
}

/// The path of the first session, until that comes.
type First = Arc<Mutex<Option<Arc<Relay>>>>;

async fn initialise(
    State((first, signaling)): State<(First, Arc<HttpSignaling>)>,
    Json(mut request): Json<InitRequest>,
) -> Json<InitResponse> {
    let relay = first.lock().unwrap().take();
    if let Some(relay) = &relay {
        request.webrtc_offer.sdp = relay.for_second(&request.webrtc_offer.sdp);
    }
    let answer = signaling.exchange(request).await.unwrap();
    let sdp = relay.map_or(answer.sdp.clone(), |relay| relay.for_first(&answer.sdp));
    Json(InitResponse::answer(sdp))
}
