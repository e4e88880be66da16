use std::pin::Pin;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_transport::{
    Answer, Channel, IncomingChannels, Interfaces, Peer, PeerConfig, VideoSender,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

type Played = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a [`FakeServer`] does with a connection: it gets the peer, the channel `inference`, and the track back
/// to the client where it has one.
pub type Script = Arc<dyn Fn(Peer, Channel, Option<VideoSender>) -> Played + Send + Sync>;

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
        Self::follow(Arc::new(move |peer, channel, _| Box::pin(script(peer, channel))), false).await
    }

    /// The same for a script that also sends video.
    pub async fn start_with_video<F>(
        script: impl Fn(Peer, Channel, VideoSender) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let script: Script =
            Arc::new(move |peer, channel, video| Box::pin(script(peer, channel, video.unwrap())));
        Self::follow(script, true).await
    }

    async fn follow(script: Script, returns_video: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/initialise_webrtc_worker", post(answer))
            .with_state((script, returns_video));
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
    State((script, returns_video)): State<(Script, bool)>,
    Json(request): Json<InitRequest>,
) -> Json<InitResponse> {
    let config = PeerConfig::default().interfaces(Interfaces::Loopback);
    let answer = Answer::create(config, &request.webrtc_offer.sdp, returns_video).await.unwrap();
    let sdp = answer.sdp().to_owned();
    let (peer, channels, video) = answer.into_parts();
    let sender = video.and_then(|video| video.sender);
    let script = move |peer, channel| script(peer, channel, sender.clone());
    tokio::spawn(play(script, peer, channels));
    Json(InitResponse::answer(sdp))
}

/// Reads every channel but `inference` to its end, and runs the script on that.
async fn play(
    script: impl Fn(Peer, Channel) -> Played,
    peer: Peer,
    mut channels: IncomingChannels,
) {
    while let Some(mut channel) = channels.next().await {
        if channel.label() == "inference" {
            tokio::spawn(script(peer.clone(), channel));
        } else {
            tokio::spawn(async move { while channel.recv().await.is_some() {} });
        }
    }
}
