use std::time::Duration;

use bytes::{Bytes, BytesMut};
use streamsdk_protocol::Limits;
use streamsdk_protocol::upload::{Received, UploadAssembler, UploadError};
use streamsdk_transport::{ChannelReceiver, ChannelSender, Message};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::spool::Spool;

/// Chunks that wait for the disk.
const WRITE_BEHIND: usize = 32;

/// An upload that did not become a file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum UploadFailure {
    #[error(transparent)]
    Format(#[from] UploadError),
    #[error("the upload stood still for {0:?}")]
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
    stall_limit: Duration,
) -> Result<Spool, UploadFailure> {
    let (disk, written) = start_writer()?;
    let mut assembler = UploadAssembler::new(limits);
    while !assembler.is_complete() {
        let message = timeout(stall_limit, chunks.recv())
            .await
            .map_err(|_| UploadFailure::Stalled(stall_limit))?
            .ok_or(UploadFailure::Closed)?;
        let chunk = match message {
            Message::Binary(chunk) => chunk,
            Message::Text(text) => text.into(),
        };
        match assembler.push(chunk.clone())? {
            // A client that is gone is noticed at the next message.
            Received::Ping => drop(echo.send(BytesMut::from(&chunk[..])).await),
            Received::Waiting => {}
            Received::Next(parts) => {
                for part in parts {
                    if disk.send(part).await.is_err() {
                        return finish(written).await;
                    }
                }
            }
        }
    }
    drop(disk);
    finish(written).await
}

type Writer = JoinHandle<std::io::Result<Spool>>;

/// Writes on a thread of its own, so that a slow disk holds back only this upload.
fn start_writer() -> Result<(mpsc::Sender<Bytes>, Writer), UploadFailure> {
    let mut file = Spool::create().map_err(on_disk)?;
    let (sender, mut parts) = mpsc::channel::<Bytes>(WRITE_BEHIND);
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
