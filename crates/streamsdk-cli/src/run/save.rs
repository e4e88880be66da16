use std::path::PathBuf;
use std::time::Instant;

use streamsdk::ReceivedFrame;
use streamsdk::media::TimeBase;
use streamsdk::media::mp4::Mp4Writer;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::times::FrameTimes;
use crate::failure::Failure;

/// Frames that wait to be written; the session is held back beyond that.
const WAITING: usize = 4;

/// Writes frames to a video file on a thread of its own; or does nothing, when no file was asked for.
pub(super) struct Saver(Option<Writing>);

struct Writing {
    frames: mpsc::Sender<(ReceivedFrame, Instant)>,
    done: JoinHandle<Result<(), String>>,
}

impl Saver {
    pub(super) fn new(
        path: Option<PathBuf>,
        stream_output: &[String],
        times: FrameTimes,
    ) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self(None)) };
        if stream_output.is_empty() {
            let what = "--save needs --stream-output: name the output that has the image";
            return Err(Failure::Usage(what.to_owned()));
        }
        let (frames, waiting) = mpsc::channel(WAITING);
        let done = tokio::task::spawn_blocking(move || write_all(path, times, waiting));
        Ok(Self(Some(Writing { frames, done })))
    }

    pub(super) async fn write(&mut self, frame: ReceivedFrame) -> Result<(), Failure> {
        match &self.0 {
            // A writer that is gone has failed, and `finish` knows why.
            Some(writing) if writing.frames.send((frame, Instant::now())).await.is_err() => {
                self.finish().await
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        let Some(Writing { frames, done }) = self.0.take() else { return Ok(()) };
        drop(frames);
        done.await
            .unwrap_or_else(|error| Err(error.to_string()))
            .map_err(|error| Failure::Internal(format!("the video could not be saved: {error}")))
    }
}

fn write_all(
    path: PathBuf,
    mut times: FrameTimes,
    mut frames: mpsc::Receiver<(ReceivedFrame, Instant)>,
) -> Result<(), String> {
    let mut writer = None;
    while let Some((received, at)) = frames.blocking_recv() {
        let image = received.image().map_err(|error| error.to_string())?;
        let image = image.at(times.of(&received, at));
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                let (width, height) = (image.width(), image.height());
                let created = Mp4Writer::create(&path, width, height, TimeBase::RTP_VIDEO)
                    .map_err(|error| error.to_string())?;
                writer.insert(created)
            }
        };
        writer.write(&image).map_err(|error| error.to_string())?;
    }
    writer.map_or(Ok(()), |writer| writer.finish().map_err(|error| error.to_string()))
}
