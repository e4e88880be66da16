//! A server that takes one upload and throws it away. It says where it listens, and when the upload is
//! complete how fast it came and for how long at most nothing came.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use clap::Parser;
use serde_json::{Value, json};
use streamsdk_benches::{Moment, runtime};
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_protocol::upload::HEADER_LEN;
use streamsdk_protocol::{INIT_PATH, UPLOAD_CHANNEL};
use streamsdk_transport::{
    Answer, Channel, IncomingChannels, Interfaces, Message, Peer, PeerConfig,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

#[derive(Parser)]
struct Options {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

fn main() -> Result<()> {
    let options = Options::parse();
    runtime(2)?.block_on(async {
        let listener = TcpListener::bind(&options.listen).await.context("cannot listen")?;
        println!("listening on http://{}", listener.local_addr()?);
        let (reports, mut reported) = mpsc::channel(1);
        let router = Router::new()
            .route(&format!("/{INIT_PATH}"), post(answer))
            .with_state(Arc::new(reports));
        tokio::select! {
            served = axum::serve(listener, router) => served.context("cannot serve")?,
            report = reported.recv() => println!("upload {}", report.context("no upload came")?),
        }
        Ok(())
    })
}

async fn answer(
    State(reports): State<Arc<mpsc::Sender<Value>>>,
    Json(request): Json<InitRequest>,
) -> Result<Json<InitResponse>, StatusCode> {
    let config = PeerConfig::default().interfaces(Interfaces::Loopback);
    let answer = Answer::create(config, &request.webrtc_offer.sdp, false)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let response = InitResponse::answer(answer.sdp());
    let (peer, channels, _) = answer.into_parts();
    tokio::spawn(take(peer, channels, reports));
    Ok(Json(response))
}

async fn take(peer: Peer, mut channels: IncomingChannels, reports: Arc<mpsc::Sender<Value>>) {
    let mut kept = Vec::new();
    while let Some(channel) = channels.next().await {
        if channel.label() != UPLOAD_CHANNEL {
            kept.push(channel);
            continue;
        }
        let report = receive(channel).await;
        // Until the client has seen the last acknowledgement and closes, or is gone.
        let _ = tokio::time::timeout(Duration::from_secs(2), peer.ended()).await;
        // Only the first upload is waited for.
        let _ = reports.send(report).await;
    }
}

async fn receive(mut channel: Channel) -> Value {
    let (mut messages, mut bytes) = (0, 0);
    let mut longest_gap = Duration::ZERO;
    let mut started: Option<(Moment, Instant)> = None;
    while let Some(Message::Binary(message)) = channel.recv().await {
        let now = Instant::now();
        let (_, last) = started.get_or_insert_with(|| (Moment::now(), now));
        longest_gap = longest_gap.max(now.duration_since(*last));
        *last = now;
        messages += 1;
        bytes += message.len() - HEADER_LEN.min(message.len());
        if Some(messages) == total(&message) {
            break;
        }
    }
    let Some((first, _)) = started else { return Value::Null };
    let span = Moment::now().since(&first);
    json!({
        "messages": messages,
        "bytes": bytes,
        "longest_gap_ms": longest_gap.as_secs_f64() * 1000.0,
        "wall_s": span.wall_s,
        "cpu_s": span.cpu_s,
        "mb_per_s": bytes as f64 / 1e6 / span.wall_s,
    })
}

/// The number of messages of the upload, from the header of one of them.
fn total(message: &[u8]) -> Option<u32> {
    let total = message.get(4..HEADER_LEN)?;
    total.try_into().ok().map(u32::from_le_bytes)
}
