use std::time::Duration;

use bytes::{Bytes, BytesMut};
use streamsdk_protocol::Limits;
use streamsdk_protocol::upload::{UploadAssembler, UploadError, UploadEvent};
use streamsdk_transport::{ChannelReceiver, ChannelSender, Message};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::spool::Spool;

/// Chunks that wait for the disk.
const MAX_UNWRITTEN_CHUNKS: usize = 32;

/// An upload that did not become a file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum UploadFailure {
    #[error(transparent)]
    Format(#[from] UploadError),
    #[error("nothing came of the upload for {0:?}")]
    Silent(Duration),
    #[error("the upload stood still for {0:?}, though the client was alive")]
    Stalled(Duration),
    #[error("the worker is shutting down")]
    Stopped,
    #[error("the upload channel was closed before the file was complete")]
    Closed,
    #[error("the file could not be stored: {0}")]
    Disk(std::io::Error),
}

/// Receives a file. It is deleted when the result is dropped.
pub(crate) async fn receive(
    echo: &ChannelSender,
    chunks: &mut ChannelReceiver,
    limits: Limits,
    timeouts: UploadTimeouts,
) -> Result<Spool, UploadFailure> {
    let (disk, written) = start_writer()?;
    let mut assembler = UploadAssembler::new(limits);
    let mut progress = UploadDeadlines::new(timeouts);
    while !assembler.is_complete() {
        let message = progress.limit(chunks.recv()).await?.ok_or(UploadFailure::Closed)?;
        let chunk = match message {
            Message::Binary(chunk) => chunk,
            Message::Text(text) => text.into(),
        };
        match assembler.push(chunk.clone())? {
            // A client that is gone is noticed at the next message.
            UploadEvent::Ping => drop(progress.limit(echo.send(BytesMut::from(&chunk[..]))).await?),
            UploadEvent::Waiting => {}
            UploadEvent::Next(parts) => {
                for part in parts {
                    if disk.send(part).await.is_err() {
                        return finish(written).await;
                    }
                }
            }
        }
        progress.heard(assembler.received_bytes());
    }
    drop(disk);
    finish(written).await
}

/// How long a client is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UploadTimeouts {
    /// Without a message.
    pub(crate) idle: Duration,
    /// Without a new part of the file, whatever else comes.
    pub(crate) progress: Duration,
}

/// Since when a client has been silent, and since when its upload has got no further.
struct UploadDeadlines {
    timeouts: UploadTimeouts,
    heard: Instant,
    got_on: Instant,
    bytes: u64,
}

impl UploadDeadlines {
    fn new(timeouts: UploadTimeouts) -> Self {
        let now = Instant::now();
        Self { timeouts, heard: now, got_on: now, bytes: 0 }
    }

    /// Notes a message, after which there were so many bytes of the file.
    fn heard(&mut self, bytes: u64) {
        self.heard = Instant::now();
        if bytes > self.bytes {
            (self.got_on, self.bytes) = (self.heard, bytes);
        }
    }

    /// Waits for something of the client's until a limit is reached.
    async fn limit<T>(&self, awaited: impl Future<Output = T>) -> Result<T, UploadFailure> {
        let UploadTimeouts { idle, progress } = self.timeouts;
        let until_silent = idle.saturating_sub(self.heard.elapsed());
        let until_stalled = progress.saturating_sub(self.got_on.elapsed());
        timeout(until_silent.min(until_stalled), awaited).await.map_err(|_| {
            match until_silent <= until_stalled {
                true => UploadFailure::Silent(idle),
                false => UploadFailure::Stalled(progress),
            }
        })
    }
}

type Writer = JoinHandle<std::io::Result<Spool>>;

/// Writes on a thread of its own, so that a slow disk holds back only this upload.
fn start_writer() -> Result<(mpsc::Sender<Bytes>, Writer), UploadFailure> {
    let mut file = Spool::create().map_err(on_disk)?;
    let (sender, mut parts) = mpsc::channel::<Bytes>(MAX_UNWRITTEN_CHUNKS);
    let writer = tokio::task::spawn_blocking(move || {
        while let Some(part) = parts.blocking_recv() {
            file.write_all(&part)?;
        }
        Ok(file)
    });
    Ok((sender, writer))
}

async fn finish(written: Writer) -> Result<Spool, UploadFailure> {
    let file = written.await.map_err(std::io::Error::other).and_then(|file| file);
    file.map_err(on_disk)
}

/// The path that such an error may have in it is none of the client's business.
fn on_disk(error: std::io::Error) -> UploadFailure {
    let names_path = error.get_ref().is_some() && error.kind() != std::io::ErrorKind::Other;
    UploadFailure::Disk(if names_path { error.kind().into() } else { error })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn never(progress: &UploadDeadlines) -> (UploadFailure, Duration) {
        let started = Instant::now();
        let failure = progress.limit(std::future::pending::<()>()).await.unwrap_err();
        (failure, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn signs_of_life_are_no_progress() {
        let (idle, limit) = (Duration::from_secs(60), Duration::from_secs(150));
        let mut progress = UploadDeadlines::new(UploadTimeouts { idle, progress: limit });
        progress.heard(7);
        let (failure, waited) = never(&progress).await;
        assert!(matches!(failure, UploadFailure::Silent(told) if told == idle), "{failure}");
        assert_eq!(waited, idle);
        progress.heard(7);
        tokio::time::advance(idle).await;
        progress.heard(7);
        let (failure, waited) = never(&progress).await;
        assert!(matches!(failure, UploadFailure::Stalled(told) if told == limit), "{failure}");
        assert_eq!(waited, limit - 2 * idle);
        progress.heard(8);
        assert!(matches!(never(&progress).await, (UploadFailure::Silent(_), _)));
    }

    #[test]
    fn an_error_of_the_disk_names_no_path() {
        let error = tempfile::Builder::new().tempfile_in("/no/such/folder").unwrap_err();
        assert!(error.to_string().contains("/no/such"), "nothing would be tested: {error}");
        let told = on_disk(error).to_string();
        assert_eq!(told, "the file could not be stored: entity not found");
        let full = on_disk(std::io::Error::from_raw_os_error(28)).to_string();
        assert!(full.contains("No space left"), "{full}");
    }
}
