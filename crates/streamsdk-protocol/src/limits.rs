use crate::MemoryBudget;

/// Bounds on what a peer may make this side hold.
///
/// Start from [`Limits::default`] and change what you need:
///
/// ```
/// use streamsdk_protocol::Limits;
///
/// let limits = Limits::default().message_bytes(8 << 20).messages_in_flight(4);
/// # let _ = limits;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Limits {
    pub(crate) message_bytes: usize,
    pub(crate) inflated_bytes: usize,
    pub(crate) memory_bytes: usize,
    pub(crate) message_chunks: u32,
    pub(crate) messages_in_flight: usize,
    pub(crate) upload_bytes: u64,
    pub(crate) upload_reorder_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 64 << 20,
            inflated_bytes: 128 << 20,
            memory_bytes: 128 << 20,
            message_chunks: 4096,
            messages_in_flight: 8,
            upload_bytes: 8 << 30,
            upload_reorder_bytes: 4 << 20,
        }
    }
}

impl Limits {
    /// Largest reassembled message, compressed as it travels. Default is 64 MiB.
    pub fn message_bytes(mut self, message_bytes: usize) -> Self {
        self.message_bytes = message_bytes;
        self
    }

    /// Largest message after decompression. Default is 128 MiB.
    pub fn inflated_bytes(mut self, inflated_bytes: usize) -> Self {
        self.inflated_bytes = inflated_bytes;
        self
    }

    /// Most bytes of results that are held at a time in all: parts of messages, messages that are being read, and what waits
    /// for the caller, decompressed. Default is 128 MiB. What the caller has taken is the caller's.
    ///
    /// Where every frame is promised the server is held back when that is reached, and otherwise the oldest results are
    /// dropped. A message that finds no room though nothing waits is unreadable.
    pub fn memory_bytes(mut self, memory_bytes: usize) -> Self {
        self.memory_bytes = memory_bytes;
        self
    }

    /// As many bytes as [`Limits::memory_bytes`], for all that holds some of them.
    pub fn memory(&self) -> MemoryBudget {
        MemoryBudget::new(self.memory_bytes)
    }

    /// What [`Limits::inflated_bytes`] is.
    pub fn max_inflated_bytes(&self) -> usize {
        self.inflated_bytes
    }

    /// What [`Limits::message_bytes`] is.
    pub fn max_message_bytes(&self) -> usize {
        self.message_bytes
    }

    /// Most chunks that one message may claim to have. Default is 4096.
    pub fn message_chunks(mut self, message_chunks: u32) -> Self {
        self.message_chunks = message_chunks;
        self
    }

    /// Most messages that may be incomplete at a time. Default is 8.
    pub fn messages_in_flight(mut self, messages_in_flight: usize) -> Self {
        self.messages_in_flight = messages_in_flight;
        self
    }

    /// Largest file that may be uploaded. Default is 8 GiB.
    pub fn upload_bytes(mut self, upload_bytes: u64) -> Self {
        self.upload_bytes = upload_bytes;
        self
    }

    /// Most bytes of an upload that may wait for an earlier chunk; each waiting chunk counts
    /// [`WAITING_OVERHEAD`](crate::upload::WAITING_OVERHEAD) more. Default is 4 MiB.
    pub fn upload_reorder_bytes(mut self, upload_reorder_bytes: usize) -> Self {
        self.upload_reorder_bytes = upload_reorder_bytes;
        self
    }
}
