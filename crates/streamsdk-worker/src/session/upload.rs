use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use streamsdk_protocol::Limits;
use streamsdk_protocol::upload::{UploadAssembler, UploadError, UploadEvent};
use streamsdk_transport::{ChannelReceiver, ChannelSender, Message};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::disk::UploadDisk;
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
    #[error("the upload was slower than {bytes} bytes in {per:?}")]
    Slow { bytes: u64, per: Duration },
    #[error("the session has lasted for as long as it may")]
    SessionOver,
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
    disk: &Arc<UploadDisk>,
) -> Result<Spool, UploadFailure> {
    let (disk, written) = start_writer(disk)?;
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
                let begun = Instant::now();
                for part in parts {
                    if disk.send(part).await.is_err() {
                        return finish(written).await;
                    }
                }
                progress.disk_took(begun.elapsed());
            }
        }
        progress.heard(assembler.received_bytes())?;
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
    pub(crate) min_rate: UploadRate,
}

/// How much of a file has to come, in each of many times one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UploadRate {
    pub(crate) bytes: u64,
    pub(crate) per: Duration,
}

/// Since when a client has been silent, and since when its upload has got no further.
struct UploadDeadlines {
    timeouts: UploadTimeouts,
    heard: Instant,
    got_on: Instant,
    bytes: u64,
    /// The time in which it is looked at how much comes.
    period: Period,
}

struct Period {
    begun: Instant,
    bytes_before: u64,
}

impl UploadDeadlines {
    fn new(timeouts: UploadTimeouts) -> Self {
        let now = Instant::now();
        let period = Period { begun: now, bytes_before: 0 };
        Self { timeouts, heard: now, got_on: now, bytes: 0, period }
    }

    /// Notes a message, after which there were so many bytes of the file.
    fn heard(&mut self, bytes: u64) -> Result<(), UploadFailure> {
        self.heard = Instant::now();
        if bytes > self.bytes {
            (self.got_on, self.bytes) = (self.heard, bytes);
        }
        let UploadRate { bytes: enough, per } = self.timeouts.min_rate;
        if self.period.begun.elapsed() >= per {
            if !self.has_enough() {
                return Err(UploadFailure::Slow { bytes: enough, per });
            }
            self.period = Period { begun: self.heard, bytes_before: self.bytes };
        }
        Ok(())
    }

    /// The client is not to blame for a slow disk.
    fn disk_took(&mut self, time: Duration) {
        self.period.begun += time;
    }

    /// Whether enough has come in this period.
    fn has_enough(&self) -> bool {
        self.bytes - self.period.bytes_before >= self.timeouts.min_rate.bytes
    }

    /// How long nothing may come before what has come is too little.
    fn until_slow(&self) -> Duration {
        let per = self.timeouts.min_rate.per;
        let periods = if self.has_enough() { 2 } else { 1 };
        per.saturating_mul(periods).saturating_sub(self.period.begun.elapsed())
    }

    /// Waits for something of the client's until a limit is reached.
    async fn limit<T>(&self, awaited: impl Future<Output = T>) -> Result<T, UploadFailure> {
        let UploadTimeouts { idle, progress, min_rate: UploadRate { bytes, per } } = self.timeouts;
        let limits = [
            (idle.saturating_sub(self.heard.elapsed()), UploadFailure::Silent(idle)),
            (progress.saturating_sub(self.got_on.elapsed()), UploadFailure::Stalled(progress)),
            (self.until_slow(), UploadFailure::Slow { bytes, per }),
        ];
        let first = limits.into_iter().min_by_key(|(left, _)| *left);
        let (left, failure) = first.unwrap_or((Duration::MAX, UploadFailure::Stopped));
        timeout(left, awaited).await.map_err(|_| failure)
    }
}

type Writer = JoinHandle<std::io::Result<Spool>>;

/// Writes on a thread of its own, so that a slow disk holds back only this upload.
fn start_writer(disk: &Arc<UploadDisk>) -> Result<(mpsc::Sender<Bytes>, Writer), UploadFailure> {
    let mut file = Spool::create(disk).map_err(on_disk)?;
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
        let min_rate = UploadRate { bytes: 0, per: idle };
        let timeouts = UploadTimeouts { idle, progress: limit, min_rate };
        let mut progress = UploadDeadlines::new(timeouts);
        progress.heard(7).unwrap();
        let (failure, waited) = never(&progress).await;
        assert!(matches!(failure, UploadFailure::Silent(told) if told == idle), "{failure}");
        assert_eq!(waited, idle);
        progress.heard(7).unwrap();
        tokio::time::advance(idle).await;
        progress.heard(7).unwrap();
        let (failure, waited) = never(&progress).await;
        assert!(matches!(failure, UploadFailure::Stalled(told) if told == limit), "{failure}");
        assert_eq!(waited, limit - 2 * idle);
        progress.heard(8).unwrap();
        assert!(matches!(never(&progress).await, (UploadFailure::Silent(_), _)));
    }

    /// For how long an upload goes on of which so many bytes come every second.
    async fn lasts(bytes_per_second: u64, slow_disk: bool) -> Option<Duration> {
        let day = Duration::from_secs(24 * 3600);
        let min_rate = UploadRate { bytes: 480_000, per: Duration::from_secs(60) };
        let timeouts = UploadTimeouts { idle: day, progress: day, min_rate };
        let mut progress = UploadDeadlines::new(timeouts);
        let started = Instant::now();
        for second in 1..3600 {
            let next = progress.limit(tokio::time::sleep(Duration::from_secs(1))).await;
            if slow_disk {
                tokio::time::advance(Duration::from_secs(59)).await;
                progress.disk_took(Duration::from_secs(59));
            }
            if next.and_then(|()| progress.heard(second * bytes_per_second)).is_err() {
                return Some(started.elapsed());
            }
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_trickles_is_ended_and_one_over_the_slowest_network_is_not() {
        let minute = Duration::from_secs(60);
        assert_eq!(lasts(50_000, false).await, None);
        assert_eq!(lasts(8_001, false).await, None);
        assert_eq!(lasts(8_001, true).await, None);
        assert_eq!(lasts(7_900, false).await, Some(minute));
        assert_eq!(lasts(1, false).await, Some(minute));
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
