/// Bounds on what a peer may make this side hold.
///
/// Start from [`Limits::default`] and change what you need:
///
/// ```
/// use streamsdk_protocol::Limits;
///
/// let limits = Limits { message_bytes: 8 << 20, ..Limits::default() };
/// assert_eq!(limits.messages_in_flight, 8);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest reassembled message, compressed as it travels. Default is 64 MiB.
    pub message_bytes: usize,
    /// Largest message after decompression. Default is 128 MiB.
    pub inflated_bytes: usize,
    /// Most chunks that one message may claim to have. Default is 4096.
    pub message_chunks: u32,
    /// Most messages that may be incomplete at a time. Default is 8.
    pub messages_in_flight: usize,
    /// Largest file that may be uploaded. Default is 8 GiB.
    pub upload_bytes: u64,
    /// Most bytes of an upload that may wait for an earlier chunk; each waiting chunk counts
    /// [`WAITING_OVERHEAD`](crate::upload::WAITING_OVERHEAD) more. Default is 4 MiB.
    pub upload_reorder_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 64 << 20,
            inflated_bytes: 128 << 20,
            message_chunks: 4096,
            messages_in_flight: 8,
            upload_bytes: 8 << 30,
            upload_reorder_bytes: 4 << 20,
        }
    }
}
