use crate::{FrameData, ReceivedFrame, Summary};

/// What happens in a session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The upload got on. Only the newest is kept for a caller that is late.
    Upload(UploadProgress),
    /// A frame came back, with its image and everything the server said about it.
    Frame(ReceivedFrame),
    /// The server said something about a frame, without an image.
    Data(FrameData),
    /// The session has ended, and something that was promised is missing, damaged or failed: the summary says
    /// what. The last event of such a session.
    Incomplete(Box<Summary>),
}

/// How far an upload is. Counts what the server has acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
