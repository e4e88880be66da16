//! Sends on what many cameras of the network give, as it is, and says what a megabyte of it costs. The server is a process of its
//! own, which takes the video and looks at none of it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::Json;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Router, serve};
use clap::Parser;
use serde_json::{Value, json};
use streamsdk::{Client, LocalStreamSource, Session, StreamConfig, VideoCodec, Workflow};
use streamsdk_benches::{Moment, ServerProcess, Usage, conclude, resident_mb, runtime};
use streamsdk_protocol::INIT_PATH;
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_transport::{
    Answer, IncomingChannels, Interfaces, Peer, PeerConfig, Video, VideoReceiver,
};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

const START_LIMIT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Parser)]
struct Options {
    /// Address of the camera, which everybody sees from its beginning
    #[arg(long, required_unless_present = "serve")]
    camera: Option<String>,
    /// How many look at it, each for a session of its own
    #[arg(long, default_value_t = 50)]
    cameras: usize,
    /// How long it is measured, when all are there
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Threads of the runtime
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Be the server
    #[arg(long, hide = true)]
    serve: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = match runtime(options.threads) {
        Ok(runtime) => runtime,
        Err(error) => return conclude(Err(error)),
    };
    match options.serve {
        true => conclude(runtime.block_on(be_the_server())),
        false => conclude(runtime.block_on(measure(&options))),
    }
}

async fn measure(options: &Options) -> Result<Value> {
    let server = ServerProcess::start()?;
    let client = Client::builder(server.url()).build()?;
    let camera = options.camera.as_deref().context("which camera?")?;
    let mut sessions = Vec::with_capacity(options.cameras);
    for _ in 0..options.cameras {
        sessions.push(pass_on(&client, camera).await?);
    }
    let (started, before) = (Moment::now(), Passed::by(&sessions)?);
    sleep(Duration::from_secs(options.seconds)).await;
    let (took, after) = (Moment::now().since(&started), Passed::by(&sessions)?);
    let megabytes = (after.bytes - before.bytes) as f64 / 1e6;
    let frames = after.frames - before.frames;
    for session in sessions {
        session.close().await;
    }
    Ok(json!({
        "cameras": options.cameras,
        "frames": frames, "encoded": after.encoded, "nacks": after.nacks - before.nacks,
        "mb": megabytes, "mb_per_s": megabytes / took.wall_s,
        "mb_per_cpu_s": megabytes / took.cpu_s,
        "cpu_ms_per_frame": 1e3 * took.cpu_s / frames as f64,
        "cpu_percent": 100.0 * took.cpu_s / took.wall_s,
        "resident_mb": resident_mb(), "peak_mb": Usage::peak_rss_mb(),
    }))
}

async fn pass_on(client: &Client, camera: &str) -> Result<Session> {
    let session = client
        .stream(LocalStreamSource::open(camera).await?)
        .workflow(Workflow::id("local", "passthrough"))
        .config(StreamConfig::default().video_codec(VideoCodec::H264))
        .start()
        .await?;
    timeout(START_LIMIT, begun(&session)).await.context("nothing was passed on")?;
    Ok(session)
}

async fn begun(session: &Session) {
    while session.control().statistics().video.is_none_or(|video| video.forwarded == 0) {
        sleep(POLL_INTERVAL).await;
    }
}

/// What all sessions have sent since they began.
#[derive(Debug, Default)]
struct Passed {
    frames: u64,
    bytes: u64,
    encoded: u64,
    nacks: u64,
}

impl Passed {
    fn by(sessions: &[Session]) -> Result<Self> {
        let mut all = Self::default();
        for session in sessions {
            let video = session.control().statistics().video.context("there is no video")?;
            all.frames += video.forwarded;
            all.bytes += video.sent.bytes;
            all.encoded += video.encoded;
            all.nacks += video.sent.nacks;
        }
        Ok(all)
    }
}

async fn be_the_server() -> Result<Value> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
    println!("http://{}", listener.local_addr()?);
    let router = Router::new().route(&format!("/{INIT_PATH}"), post(answer));
    serve(listener, router).await.context("cannot serve")?;
    Ok(Value::Null)
}

async fn answer(Json(request): Json<InitRequest>) -> Result<Json<InitResponse>, StatusCode> {
    let config = PeerConfig::default().interfaces(Interfaces::Loopback);
    let answer = Answer::create(config, &request.webrtc_offer.sdp, false)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let response = InitResponse::answer(answer.sdp());
    let (peer, channels, video) = answer.into_parts();
    if let Some(Video { receiver: Some(receiver), .. }) = video {
        tokio::spawn(take(receiver));
    }
    tokio::spawn(keep(peer, channels));
    Ok(Json(response))
}

async fn take(mut video: VideoReceiver) {
    while video.recv().await.is_some() {}
}

async fn keep(peer: Peer, mut channels: IncomingChannels) {
    let mut kept = Vec::new();
    while let Some(channel) = channels.next().await {
        kept.push(channel);
    }
    peer.ended().await;
}
