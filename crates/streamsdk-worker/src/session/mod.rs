//! One client's session, from its channels to its last frame.
//!
//! The session's own task takes the channels, receives the upload, and sends what the pipeline makes;
//! the pipeline ([`pipeline`]) decodes and processes on a blocking thread; [`pace`] is what the two
//! share: acks and the selection of outputs go in, permission to produce comes out.

mod encode;
mod pace;
mod pipeline;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use streamsdk_protocol::chunk::split;
use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::output::{OutgoingMessage, VideoMetadata};
use streamsdk_protocol::{INFERENCE_CHANNEL, UPLOAD_CHANNEL};
use streamsdk_transport::{
    Channel, ChannelReceiver, ChannelSender, EndReason, IncomingChannels, Message, Peer, SendError,
};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::encode::timestamp;
use self::pace::Pace;
use self::pipeline::{Pipeline, PipelineEnd};
use self::upload::UploadFailure;
use crate::WorkerConfig;
use crate::init::SessionPlan;

/// Messages that are made before the channel takes them.
const OUTGOING: usize = 2;

/// What a session is made of.
pub(crate) struct Session {
    pub(crate) plan: SessionPlan,
    pub(crate) config: Arc<WorkerConfig>,
    pub(crate) peer: Peer,
    pub(crate) stop: CancellationToken,
}

/// Why a session ended before it was complete.
#[derive(Debug, Error)]
pub(crate) enum SessionError {
    #[error("the client did not open the channel \"{0}\" in time")]
    NoChannel(&'static str),
    #[error("{0}")]
    Ended(EndReason),
    #[error("the client closed its channel")]
    ChannelClosed,
    #[error("the upload failed: {0}")]
    Upload(#[from] UploadFailure),
    #[error("the worker is shutting down")]
    Stopped,
}

impl From<SendError> for SessionError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Ended(reason) => Self::Ended(reason),
            _ => Self::ChannelClosed,
        }
    }
}

/// Runs a session to its end; returns the number of frames. The caller closes the connection.
pub(crate) async fn run(session: Session, channels: IncomingChannels) -> Result<u32, SessionError> {
    let stop = session.stop.clone();
    let peer = session.peer.clone();
    tokio::select! {
        frames = serve(session, channels) => frames,
        reason = peer.ended() => Err(SessionError::Ended(reason)),
        () = stop.cancelled() => Err(SessionError::Stopped),
    }
}

async fn serve(session: Session, mut channels: IncomingChannels) -> Result<u32, SessionError> {
    let Session { plan, config, .. } = session;
    let (inference, upload) = take_channels(&mut channels, config.connect_timeout).await?;
    let (sender, control) = inference.split();
    let pace = Arc::new(Pace::new(config.ack_window, plan.selection.clone(), plan.time_limit));
    // Cancels the pipeline however this function is left, being dropped included.
    let _cancel = pace.cancel_on_drop();

    tokio::select! {
        frames = work(plan, &config, &sender, upload, Arc::clone(&pace)) => frames,
        closed = obey(control, &pace) => Err(closed),
    }
}

async fn take_channels(
    channels: &mut IncomingChannels,
    limit: Duration,
) -> Result<(Channel, Channel), SessionError> {
    let (mut inference, mut upload) = (None, None);
    let taken = timeout(limit, async {
        while inference.is_none() || upload.is_none() {
            let Some(channel) = channels.next().await else { break };
            match channel.label() {
                INFERENCE_CHANNEL => inference = Some(channel),
                UPLOAD_CHANNEL => upload = Some(channel),
                label => debug!(label, "a channel without a purpose was opened"),
            }
        }
    });
    // Whether time ran out or the connection ended shows in what is missing.
    let _ = taken.await;
    let inference = inference.ok_or(SessionError::NoChannel(INFERENCE_CHANNEL))?;
    let upload = upload.ok_or(SessionError::NoChannel(UPLOAD_CHANNEL))?;
    Ok((inference, upload))
}

/// Takes the client's control messages until it closes the channel.
async fn obey(mut control: ChannelReceiver, pace: &Pace) -> SessionError {
    while let Some(message) = control.recv().await {
        let Message::Text(text) = message else { continue };
        match ControlMessage::parse(&text) {
            Ok(message) => pace.obey(message),
            Err(error) => debug!(%error, "a control message was ignored"),
        }
    }
    control.end_reason().map_or(SessionError::ChannelClosed, SessionError::Ended)
}

async fn work(
    plan: SessionPlan,
    config: &WorkerConfig,
    sender: &ChannelSender,
    upload: Channel,
    pace: Arc<Pace>,
) -> Result<u32, SessionError> {
    let (echo, mut chunks) = upload.split();
    let file = match upload::receive(&echo, &mut chunks, config.limits, config.idle_timeout).await {
        Ok(file) => file,
        Err(failure) => {
            let end = PipelineEnd::failed(0, "upload_failed", failure.to_string());
            send(sender, 1, &farewell(end)).await?;
            return Err(failure.into());
        }
    };

    let (outgoing, mut messages) = mpsc::channel(OUTGOING);
    let pipeline = Pipeline { plan, jpeg_quality: config.jpeg_quality, pace, outgoing };
    let running = tokio::task::spawn_blocking(move || pipeline.run(file.path()));
    while let Some((frame_id, payload)) = messages.recv().await {
        send_payload(sender, frame_id, &payload).await?;
    }
    let end = running.await.unwrap_or_else(|_| {
        PipelineEnd::failed(0, "processing_failed", "the processor panicked".to_owned())
    });
    let frames = end.frames;
    send(sender, frames.saturating_add(1), &farewell(end)).await?;
    Ok(frames)
}

async fn send(
    sender: &ChannelSender,
    frame_id: u32,
    message: &OutgoingMessage,
) -> Result<(), SessionError> {
    send_payload(sender, frame_id, &message.encode(false)).await
}

async fn send_payload(
    sender: &ChannelSender,
    frame_id: u32,
    payload: &[u8],
) -> Result<(), SessionError> {
    for chunk in split(frame_id, payload) {
        sender.send(chunk).await?;
    }
    Ok(())
}

/// The message that ends the stream.
fn farewell(end: PipelineEnd) -> OutgoingMessage {
    OutgoingMessage {
        outputs: None,
        metadata: VideoMetadata {
            frame_id: end.frames,
            received_at: Some(timestamp()),
            ..VideoMetadata::default()
        },
        errors: end.errors,
        processing_complete: true,
        termination_reason: end.termination_reason,
    }
}
