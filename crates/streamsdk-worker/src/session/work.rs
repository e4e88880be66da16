use std::sync::Arc;

use streamsdk_protocol::UPLOAD_CHANNEL;
use streamsdk_protocol::chunk::split;
use streamsdk_protocol::output::{OutgoingMessage, VideoMetadata};
use streamsdk_transport::{Channel, ChannelSender, VideoSender};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::disk::UploadDisk;
use super::encode::timestamp;
use super::pace::{SessionPace, Stop};
use super::pipeline::{Pipeline, PipelineEnd};
use super::processing::Processing;
use super::returned::ReturnTrack;
use super::source::{Playing, SessionSource};
use super::track_times::TrackTimes;
use super::upload::{self, UploadFailure, UploadTimeouts};
use super::{ActiveProcessor, SessionError};
use crate::WorkerConfig;
use crate::init::SessionPlan;

/// Messages that are made before the channel takes them.
const MAX_OUTGOING_MESSAGES: usize = 2;

/// What a session does once its channels are open.
pub(super) struct Work<'a> {
    pub(super) plan: SessionPlan,
    pub(super) config: &'a WorkerConfig,
    pub(super) sender: &'a ChannelSender,
    pub(super) pace: Arc<SessionPace>,
    pub(super) threads: &'a TaskTracker,
    pub(super) disk: &'a Arc<UploadDisk>,
    /// Cancelled when the worker shuts down.
    pub(super) stop: &'a CancellationToken,
}

impl Work<'_> {
    /// Takes the frames, of an uploaded file unless they are live, and returns how many there were once the
    /// client has been told that the stream is complete.
    pub(super) async fn run(
        self,
        processor: ActiveProcessor,
        live: Option<SessionSource>,
        upload: Option<Channel>,
        track: Option<VideoSender>,
    ) -> Result<u32, SessionError> {
        let opened = match live {
            Some(source) => Ok(source),
            None => self.receive_file(upload).await?,
        };
        let end = match opened {
            Ok(source) => self.process(processor, source, track).await?,
            Err(end) => end,
        };
        let frames = end.frames;
        self.send_final_message(end).await?;
        Ok(frames)
    }

    /// The uploaded file, or how the session ends without one that can be decoded.
    async fn receive_file(
        &self,
        upload: Option<Channel>,
    ) -> Result<Result<SessionSource, PipelineEnd>, SessionError> {
        let upload = upload.ok_or(SessionError::NoChannel(UPLOAD_CHANNEL))?;
        let (echo, mut chunks) = upload.split();
        // A slow disk may take its time; nothing else is to be told to the client meanwhile.
        chunks.hold_peer_back_without_limit();
        let WorkerConfig { limits, idle_timeout, progress_timeout, min_upload, .. } = *self.config;
        let timeouts =
            UploadTimeouts { idle: idle_timeout, progress: progress_timeout, min_rate: min_upload };
        let received = tokio::select! {
            received = upload::receive(&echo, &mut chunks, limits, timeouts, self.disk) => received,
            () = sleep(self.config.session_timeout) => Err(UploadFailure::SessionOver),
            () = self.stop.cancelled() => Err(UploadFailure::Stopped),
        };
        let file = match received {
            Ok(file) => file,
            Err(failure) => {
                let end = match failure {
                    UploadFailure::Stopped => PipelineEnd::stopped(0, Stop::ShutDown),
                    UploadFailure::SessionOver => PipelineEnd::stopped(0, Stop::TimeLimit),
                    _ => PipelineEnd::failed(0, "upload_failed", failure.to_string()),
                };
                self.send_final_message(end).await?;
                return Err(failure.into());
            }
        };
        let playing = match self.plan.realtime {
            true => Playing::Realtime { max_wait: self.config.max_wait },
            false => Playing::EveryFrame,
        };
        let opening = self.threads.spawn_blocking(move || SessionSource::file(file, playing));
        let opened = opening.await.map_err(|panic| panic.to_string());
        let opened = opened.and_then(|opened| opened.map_err(|error| error.to_string()));
        Ok(opened.map_err(|error| PipelineEnd::failed(0, "video_decode_failed", error)))
    }

    /// Runs the pipeline, and sends what it makes.
    async fn process(
        &self,
        processor: ActiveProcessor,
        source: SessionSource,
        track: Option<VideoSender>,
    ) -> Result<PipelineEnd, SessionError> {
        let track_times = track.as_ref().map(TrackTimes::of);
        let track = track.map(|track| ReturnTrack::start(track, self.threads));
        let (track, returned) = track.unzip();
        let _stop = source.stop_on_drop();
        let quality = self.config.jpeg_quality;
        let (outgoing, mut messages) = mpsc::channel(MAX_OUTGOING_MESSAGES);
        let pipeline = Pipeline {
            processing: Processing::new(processor, &self.plan, &source, quality, track_times),
            source,
            lossless: !self.plan.realtime,
            pace: Arc::clone(&self.pace),
            outgoing,
            returned,
        };
        let running = self.threads.spawn_blocking(move || pipeline.run());
        while let Some((frame_id, payload)) = messages.recv().await {
            self.send(frame_id, &payload).await?;
        }
        let end = running.await.unwrap_or_else(|_| {
            PipelineEnd::failed(0, "processing_failed", "the processor panicked".to_owned())
        });
        if let Some(track) = track {
            track.drain().await;
        }
        Ok(end)
    }

    async fn send_final_message(&self, end: PipelineEnd) -> Result<(), SessionError> {
        let frame_id = end.frames.saturating_add(1);
        self.send(frame_id, &final_message(end).encode(false)).await
    }

    async fn send(&self, frame_id: u32, payload: &[u8]) -> Result<(), SessionError> {
        let limit = self.config.progress_timeout;
        for chunk in split(frame_id, payload) {
            let sent = timeout(limit, self.sender.send(chunk)).await;
            sent.map_err(|_| SessionError::ResultNotTaken(limit))??;
        }
        Ok(())
    }
}

/// The message that ends the stream.
fn final_message(end: PipelineEnd) -> OutgoingMessage {
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
