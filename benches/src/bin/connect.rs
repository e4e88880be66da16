//! Connects again and again, and says how long it took each time from the answer's arrival until all
//! channels were open.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use serde_json::{Value, json};
use streamsdk_benches::{conclude, read_json, runtime};
use streamsdk_protocol::init::{InitRequest, SessionDescription, WorkflowConfiguration};
use streamsdk_protocol::{INFERENCE_CHANNEL, UPLOAD_CHANNEL};
use streamsdk_signaling::{HttpSignaling, Signaling};
use streamsdk_transport::{Connected, Offer, PeerConfig};

#[derive(Parser)]
struct Options {
    /// URL of the server
    url: String,
    /// The workflow as a JSON file
    #[arg(long)]
    workflow: PathBuf,
    /// How many times
    #[arg(long, default_value_t = 30)]
    times: usize,
    /// API key
    #[arg(long, env = "ROBOFLOW_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    conclude(runtime(2).and_then(|runtime| runtime.block_on(measure(&options))))
}

async fn measure(options: &Options) -> Result<Value> {
    let mut builder = HttpSignaling::builder(&options.url);
    if let Some(key) = &options.api_key {
        builder = builder.api_key(key.as_str());
    }
    let signaling = builder.build()?;
    let request = request(options)?;
    let mut milliseconds = Vec::new();
    for _ in 0..options.times {
        milliseconds.push(connect(&signaling, request.clone()).await?);
    }
    Ok(json!({ "ms": milliseconds }))
}

/// The request of a file session, without an offer.
fn request(options: &Options) -> Result<InitRequest> {
    let workflow = WorkflowConfiguration::default()
        .workflow_specification(read_json(&options.workflow)?)
        .image_input_name("image");
    let nothing = || std::iter::empty::<String>();
    Ok(InitRequest::new(workflow, SessionDescription::default())
        .webrtc_realtime_processing(false)
        .stream_output(nothing())
        .data_output(nothing())
        .video_file_upload(true))
}

async fn connect(signaling: &HttpSignaling, mut request: InitRequest) -> Result<f64> {
    let offer =
        Offer::create(PeerConfig::default(), &[INFERENCE_CHANNEL, UPLOAD_CHANNEL], None).await?;
    request.webrtc_offer = SessionDescription::offer(offer.sdp());
    let answer = signaling.exchange(request).await?;
    let answered = Instant::now();
    let Connected { peer, channels, .. } = offer.accept(&answer.sdp).await?;
    let milliseconds = answered.elapsed().as_secs_f64() * 1000.0;
    drop(channels);
    peer.close().await;
    Ok(milliseconds)
}
