use std::path::PathBuf;

use streamsdk::ReceivedFrame;
use streamsdk::media::mp4::Mp4Writer;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::failure::Failure;

/// Frames that wait to be written; the session is held back beyond that.
const WAITING: usize = 4;
/// For streams that do not say how fast they are.
const DEFAULT_FPS: f64 = 30.0;

/// Writes frames to a video file on a thread of its own; or does nothing, when no file was asked for.
pub(super) struct Saver(Option<Writing>);

struct Writing {
    frames: mpsc::Sender<ReceivedFrame>,
    done: JoinHandle<Result<(), String>>,
}

impl Saver {
    pub(super) fn new(path: Option<PathBuf>, stream_output: &[String]) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self(None)) };
        if stream_output.is_empty() {
            let what = "--save needs --stream-output: name the output that has the image";
            return Err(Failure::Usage(what.to_owned()));
        }
        let (frames, waiting) = mpsc::channel(WAITING);
        let done = tokio::task::spawn_blocking(move || write_all(path, waiting));
        Ok(Self(Some(Writing { frames, done })))
    }

    pub(super) async fn write(&mut self, frame: ReceivedFrame) -> Result<(), Failure> {
        match &self.0 {
            // A writer that is gone has failed, and `finish` knows why.
            Some(writing) if writing.frames.send(frame).await.is_err() => self.finish().await,
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

fn write_all(path: PathBuf, mut frames: mpsc::Receiver<ReceivedFrame>) -> Result<(), String> {
    let mut writer = None;
    while let Some(received) = frames.blocking_recv() {
        let image = received.image().map_err(|error| error.to_string())?;
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                let fps = received.metadata().and_then(|metadata| metadata.declared_fps);
                let fps = fps.filter(|fps| *fps > 0.0).unwrap_or(DEFAULT_FPS);
                let created = Mp4Writer::create(&path, image.width(), image.height(), fps)
                    .map_err(|error| error.to_string())?;
                writer.insert(created)
            }
        };
        writer.write(&image).map_err(|error| error.to_string())?;
    }
    writer.map_or(Ok(()), |writer| writer.finish().map_err(|error| error.to_string()))
}
