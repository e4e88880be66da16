use std::pin::Pin;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use streamsdk::protocol::init::{InitRequest, InitResponse};
use streamsdk::transport::{Answer, Channel, IncomingChannels, Interfaces, Peer, PeerConfig};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

type Played = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a [`FakeServer`] does with a connection: it gets the peer and the channel `inference`.
pub type Script = Arc<dyn Fn(Peer, Channel) -> Played + Send + Sync>;

/// A server that accepts every session and then follows a script.
pub struct FakeServer {
    url: String,
    serving: JoinHandle<()>,
}

impl FakeServer {
    /// Starts a server on a free port of loopback.
    pub async fn start<F>(script: impl Fn(Peer, Channel) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let script: Script = Arc::new(move |peer, channel| Box::pin(script(peer, channel)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router =
            Router::new().route("/initialise_webrtc_worker", post(answer)).with_state(script);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, serving }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    State(script): State<Script>,
    Json(request): Json<InitRequest>,
) -> Json<InitResponse> {
    let mut config = PeerConfig::default();
    config.interfaces = Interfaces::Loopback;
    let answer = Answer::create(config, &request.webrtc_offer.sdp, false).await.unwrap();
    let sdp = answer.sdp().to_owned();
    let (peer, channels, _) = answer.into_parts();
    tokio::spawn(play(script, peer, channels));
    Json(InitResponse::answer(sdp))
}

/// Reads every channel but `inference` to its end, and runs the script on that.
async fn play(script: Script, peer: Peer, mut channels: IncomingChannels) {
    while let Some(mut channel) = channels.next().await {
        if channel.label() == "inference" {
            tokio::spawn(script(peer.clone(), channel));
        } else {
            tokio::spawn(async move { while channel.recv().await.is_some() {} });
        }
    }
}
