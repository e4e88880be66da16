use serde::Serialize;

/// How far an upload is. Counts what the server has acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UploadProgress {
    /// Bytes of the file that have arrived.
    pub bytes_sent: u64,
    /// Size of the file in bytes.
    pub bytes_total: u64,
    /// Chunks that have arrived.
    pub chunks_sent: u32,
    /// Chunks of the file.
    pub chunks_total: u32,
}

impl UploadProgress {
    /// Whether everything has arrived.
    pub fn is_complete(&self) -> bool {
        self.bytes_sent == self.bytes_total
    }
}
