use serde::Serialize;
use streamsdk_protocol::MAX_CHUNK_PAYLOAD;

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
    /// Of a file of `bytes_total`, `bytes_sent` have arrived. It is sent in chunks of
    /// [`MAX_CHUNK_PAYLOAD`](streamsdk_protocol::MAX_CHUNK_PAYLOAD) bytes.
    pub fn new(bytes_sent: u64, bytes_total: u64) -> Self {
        let whole_chunks =
            |bytes: u64| u32::try_from(bytes / MAX_CHUNK_PAYLOAD as u64).unwrap_or(u32::MAX);
        let chunks_total = whole_chunks(bytes_total.saturating_add(MAX_CHUNK_PAYLOAD as u64 - 1));
        let is_complete = bytes_sent >= bytes_total;
        let chunks_sent = if is_complete { chunks_total } else { whole_chunks(bytes_sent) };
        Self { bytes_sent, bytes_total, chunks_sent, chunks_total }
    }

    /// Whether everything has arrived.
    pub fn is_complete(&self) -> bool {
        self.bytes_sent == self.bytes_total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_counted_as_they_complete() {
        let chunks = |bytes| UploadProgress::new(bytes, 100_000).chunks_sent;
        assert_eq!((chunks(0), chunks(49_152), chunks(99_999), chunks(100_000)), (0, 1, 2, 3));
        let small = UploadProgress::new(5, 5);
        assert_eq!((small.chunks_sent, small.chunks_total, small.is_complete()), (1, 1, true));
    }
}
