//! The file that a download is written to until it is complete.

use std::fs::File;
use std::io::SeekFrom;
use std::path::PathBuf;

use tokio::io::{AsyncSeekExt, AsyncWriteExt, BufWriter};

use crate::DownloadError;

/// A thread is woken for each piece that is written.
const BUFFER: usize = 512 << 10;

pub(crate) struct Part {
    file: BufWriter<tokio::fs::File>,
    received: u64,
    /// Of the file or its folder, for errors.
    path: PathBuf,
}

impl Part {
    pub(crate) fn new(file: File, path: PathBuf) -> Self {
        let file = BufWriter::with_capacity(BUFFER, tokio::fs::File::from_std(file));
        Self { file, received: 0, path }
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), DownloadError> {
        self.received += bytes.len() as u64;
        let written = self.file.write_all(bytes).await;
        written.map_err(DownloadError::disk(&self.path))
    }

    /// Throws away what has come.
    pub(crate) async fn start_anew(&mut self) -> Result<(), DownloadError> {
        if self.received > 0 {
            let emptied = self.empty().await;
            emptied.map_err(DownloadError::disk(&self.path))?;
            self.received = 0;
        }
        Ok(())
    }

    async fn empty(&mut self) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(0)).await?;
        self.file.get_ref().set_len(0).await
    }

    /// Brings everything to the disk, so that no name is given to what a power cut would take away.
    pub(crate) async fn finish(&mut self) -> Result<(), DownloadError> {
        let finished = async {
            self.file.flush().await?;
            self.file.get_ref().sync_all().await
        };
        finished.await.map_err(DownloadError::disk(&self.path))
    }
}
