//! A WHIP server: video is published to it, and nothing comes back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{delete, post};
use streamsdk_transport::{Answer, Interfaces, Peer, PeerConfig, Video};
use tokio::runtime::Runtime;

use crate::MAX_WAIT;

/// A WHIP server that counts the frames that it gets. It goes without a word when it is dropped.
pub struct WhipServer {
    /// Until it is killed.
    runtime: Option<Runtime>,
    address: String,
    seen: Arc<Seen>,
}

/// What a server saw of its clients.
#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    offers: Mutex<Vec<String>>,
    peers: Mutex<Vec<Peer>>,
    frames: AtomicU64,
}

impl WhipServer {
    /// Starts one at an address that is free.
    pub async fn start(address: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let seen = Arc::<Seen>::default();
        let router = Router::new()
            .route("/whip", post(publish))
            .route("/session/1", delete(unpublish))
            .with_state(Arc::clone(&seen));
        let address = address.to_owned();
        let starting = runtime.spawn(async move {
            let listener = tokio::net::TcpListener::bind(address).await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, router).await });
            address.to_string()
        });
        let address = starting.await.unwrap();
        Self { runtime: Some(runtime), address, seen }
    }

    /// Ends it without a word, and starts another one in its place.
    pub async fn kill_and_start_again(self) -> Self {
        let address = self.address.clone();
        drop(self);
        while std::net::TcpListener::bind(&address).is_err() {
            tokio::task::yield_now().await;
        }
        Self::start(&address).await
    }

    /// Where video is published to.
    pub fn url(&self) -> String {
        format!("http://{}/whip", self.address)
    }

    /// How many frames have come.
    pub fn frames(&self) -> u64 {
        self.seen.frames.load(Ordering::SeqCst)
    }

    /// Waits for the first frame.
    pub async fn gets_frames(&self) {
        let started = Instant::now();
        while self.frames() == 0 {
            assert!(started.elapsed() < MAX_WAIT, "no frame came");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What it was asked for, with the token of each end.
    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// The descriptions that clients have sent.
    pub fn offers(&self) -> Vec<String> {
        self.seen.offers.lock().unwrap().clone()
    }

    /// Its connections.
    pub fn peers(&self) -> MutexGuard<'_, Vec<Peer>> {
        self.seen.peers.lock().unwrap()
    }
}

impl Drop for WhipServer {
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

async fn publish(State(seen): State<Arc<Seen>>, offer: String) -> impl IntoResponse {
    let config = PeerConfig::default().interfaces(Interfaces::Loopback);
    let answer = Answer::create(config, &offer, false).await.unwrap();
    let sdp = answer.sdp().to_owned();
    let (peer, _, video) = answer.into_parts();
    seen.requests.lock().unwrap().push("POST".to_owned());
    seen.offers.lock().unwrap().push(offer);
    seen.peers.lock().unwrap().push(peer);
    tokio::spawn(count_frames(video.unwrap(), seen));
    let headers = [(CONTENT_TYPE, "application/sdp"), (LOCATION, "/session/1")];
    (StatusCode::CREATED, headers, sdp)
}

async fn count_frames(video: Video, seen: Arc<Seen>) {
    let mut receiver = video.receiver.unwrap();
    while receiver.recv().await.is_some() {
        seen.frames.fetch_add(1, Ordering::SeqCst);
    }
}

async fn unpublish(State(seen): State<Arc<Seen>>, headers: HeaderMap) {
    let token = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    seen.requests.lock().unwrap().push(format!("DELETE {}", token.unwrap_or_default()));
}
