//! A video file on its way to the server.
//!
//! Every binary message on the upload channel is an 8-byte header, two little-endian `u32` (chunk
//! index, total chunks), and at most [`MAX_CHUNK_PAYLOAD`] bytes of the file. The server answers
//! nothing and begins when it has all chunks. A message of at most one byte is a keep-alive ping
//! that the server echoes.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use crate::{Limits, MAX_CHUNK_PAYLOAD};

/// Length of the header of one upload chunk, in bytes.
pub const HEADER_LEN: usize = 8;

/// Bytes that a chunk counts for beyond its own while it waits for an earlier one.
pub const WAITING_OVERHEAD: usize = 64;

/// How a file of known size is cut into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadPlan {
    file_bytes: u64,
    chunks: u32,
}

impl UploadPlan {
    /// The plan for a file of `file_bytes`.
    ///
    /// An empty file has no plan, because a server would wait for its first chunk for ever; nor
    /// has one that needs more chunks than the header can count (about 211 TB).
    ///
    /// # Errors
    ///
    /// For an empty file, and for one of more chunks than can be counted.
    pub fn new(file_bytes: u64) -> Result<Self, PlanError> {
        if file_bytes == 0 {
            return Err(PlanError::Empty);
        }
        let chunks = u32::try_from(file_bytes.div_ceil(MAX_CHUNK_PAYLOAD as u64))
            .map_err(|_| PlanError::TooLarge { file_bytes })?;
        Ok(Self { file_bytes, chunks })
    }

    /// Size of the file in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Number of chunks.
    pub fn chunks(&self) -> u32 {
        self.chunks
    }

    /// Length of the payload of chunk `index`, in bytes; 0 past the end.
    pub fn payload_len(&self, index: u32) -> usize {
        let start = u64::from(index) * MAX_CHUNK_PAYLOAD as u64;
        (self.file_bytes.saturating_sub(start)).min(MAX_CHUNK_PAYLOAD as u64) as usize
    }

    /// A buffer that starts with the header of chunk `index` and has room for its payload.
    pub fn start_chunk(&self, index: u32) -> BytesMut {
        let mut chunk = BytesMut::with_capacity(HEADER_LEN + self.payload_len(index));
        chunk.put_u32_le(index);
        chunk.put_u32_le(self.chunks);
        chunk
    }
}

/// A file that cannot be uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The file needs more chunks than the header can count.
    #[error("a file of {file_bytes} bytes is too large for the upload format")]
    TooLarge {
        /// Its size in bytes.
        file_bytes: u64,
    },
}

/// What one message on the upload channel meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadEvent {
    /// A ping: send the same bytes back.
    Ping,
    /// Nothing can be written yet: the chunk waits for an earlier one, or was there already.
    Waiting,
    /// These bytes come next in the file, in this order.
    Next(Vec<Bytes>),
}

/// Puts an upload together, whatever the order of its chunks.
///
/// Chunks that come in order pass straight through; others wait, up to
/// [`Limits::upload_reorder_bytes`]. Memory is in proportion to what waits, never to what a header
/// claims. Repeated chunks are ignored.
#[derive(Debug)]
pub struct UploadAssembler {
    limits: Limits,
    total: Option<u32>,
    next: u32,
    waiting: BTreeMap<u32, Bytes>,
    waiting_bytes: usize,
    received_bytes: u64,
    failed: bool,
}

impl UploadAssembler {
    /// An assembler that has seen nothing.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            total: None,
            next: 0,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            received_bytes: 0,
            failed: false,
        }
    }

    /// Takes one message from the channel.
    ///
    /// After an error every further chunk is refused with [`UploadError::Failed`].
    ///
    /// # Errors
    ///
    /// When the chunk is not one of this upload, or too large. Every further one is refused then.
    pub fn push(&mut self, message: Bytes) -> Result<UploadEvent, UploadError> {
        if message.len() <= 1 {
            return Ok(UploadEvent::Ping);
        }
        if self.failed {
            return Err(UploadError::Failed);
        }
        let received = self.accept(message);
        self.failed = received.is_err();
        received
    }

    /// Whether every chunk has been handed out.
    pub fn is_complete(&self) -> bool {
        !self.failed && self.total == Some(self.next)
    }

    /// Bytes of the file that have arrived.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    fn accept(&mut self, message: Bytes) -> Result<UploadEvent, UploadError> {
        let (index, total, payload) = parse(message)?;
        self.check_total(index, total)?;
        if index < self.next || self.waiting.contains_key(&index) {
            return Ok(UploadEvent::Waiting);
        }
        self.count(payload.len())?;
        if index > self.next {
            return self.hold(index, payload);
        }

        let mut ready = vec![payload];
        self.next += 1;
        while let Some(payload) = self.waiting.remove(&self.next) {
            self.waiting_bytes -= waiting_cost(&payload);
            self.next += 1;
            ready.push(payload);
        }
        if self.total == Some(self.next) && self.received_bytes == 0 {
            return Err(UploadError::Empty);
        }
        Ok(UploadEvent::Next(ready))
    }

    fn check_total(&mut self, index: u32, total: u32) -> Result<(), UploadError> {
        let most = self.limits.upload_bytes.div_ceil(MAX_CHUNK_PAYLOAD as u64);
        if u64::from(total) > most {
            return Err(UploadError::TooLarge { limit: self.limits.upload_bytes });
        }
        if total == 0 {
            return Err(UploadError::Empty);
        }
        match *self.total.get_or_insert(total) {
            was if was != total => Err(UploadError::TotalChanged { was, is: total }),
            _ if index >= total => Err(UploadError::BadIndex { index, total }),
            _ => Ok(()),
        }
    }

    fn count(&mut self, len: usize) -> Result<(), UploadError> {
        self.received_bytes += len as u64;
        if self.received_bytes > self.limits.upload_bytes {
            return Err(UploadError::TooLarge { limit: self.limits.upload_bytes });
        }
        Ok(())
    }

    fn hold(&mut self, index: u32, payload: Bytes) -> Result<UploadEvent, UploadError> {
        self.waiting_bytes += waiting_cost(&payload);
        if self.waiting_bytes > self.limits.upload_reorder_bytes {
            return Err(UploadError::TooFarAhead {
                index,
                next: self.next,
                limit: self.limits.upload_reorder_bytes,
            });
        }
        self.waiting.insert(index, payload);
        Ok(UploadEvent::Waiting)
    }
}

/// What a chunk costs while it waits: its bytes, and something for its place even if it is empty.
fn waiting_cost(payload: &Bytes) -> usize {
    payload.len() + WAITING_OVERHEAD
}

fn parse(mut message: Bytes) -> Result<(u32, u32, Bytes), UploadError> {
    if message.len() < HEADER_LEN {
        return Err(UploadError::TooShort { len: message.len() });
    }
    let payload = message.split_off(HEADER_LEN);
    let index = u32::from_le_bytes([message[0], message[1], message[2], message[3]]);
    let total = u32::from_le_bytes([message[4], message[5], message[6], message[7]]);
    Ok((index, total, payload))
}

/// An upload that cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UploadError {
    /// Longer than a ping and shorter than a header.
    #[error("an upload chunk of {len} bytes is shorter than its {HEADER_LEN}-byte header")]
    TooShort {
        /// Its length in bytes.
        len: usize,
    },
    /// A file without a byte, which nothing can be made of.
    #[error("the uploaded file is empty")]
    Empty,
    /// The index is not below the total.
    #[error("upload chunk {index} of {total} cannot exist")]
    BadIndex {
        /// The index in the header.
        index: u32,
        /// The total in the header.
        total: u32,
    },
    /// Two chunks disagree about the number of chunks.
    #[error("the upload announced {was} chunks, then {is}")]
    TotalChanged {
        /// The total in the first chunk.
        was: u32,
        /// The total in this chunk.
        is: u32,
    },
    /// The file is, or claims to be, larger than allowed.
    #[error("the upload is over the limit of {limit} bytes")]
    TooLarge {
        /// [`Limits::upload_bytes`].
        limit: u64,
    },
    /// An earlier chunk was refused.
    #[error("the upload has failed already")]
    Failed,
    /// Too much waits for a chunk that has not come.
    #[error("upload chunk {index} came while {next} is missing and {limit} bytes wait already")]
    TooFarAhead {
        /// The chunk that came.
        index: u32,
        /// The first chunk that is missing.
        next: u32,
        /// [`Limits::upload_reorder_bytes`].
        limit: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(index: u32, total: u32, payload: &[u8]) -> Bytes {
        let mut chunk = BytesMut::new();
        chunk.put_u32_le(index);
        chunk.put_u32_le(total);
        chunk.put_slice(payload);
        chunk.freeze()
    }

    #[test]
    fn an_empty_file_and_one_past_the_counter_have_no_plan() {
        assert_eq!(UploadPlan::new(0), Err(PlanError::Empty));
        let most = u64::from(u32::MAX) * MAX_CHUNK_PAYLOAD as u64;
        assert_eq!(UploadPlan::new(most).unwrap().chunks(), u32::MAX);
        assert!(matches!(UploadPlan::new(most + 1), Err(PlanError::TooLarge { .. })));
    }

    #[test]
    fn the_last_chunk_carries_the_rest() {
        let plan = UploadPlan::new(MAX_CHUNK_PAYLOAD as u64 + 5).unwrap();
        assert_eq!(plan.chunks(), 2);
        assert_eq!((plan.payload_len(0), plan.payload_len(1)), (MAX_CHUNK_PAYLOAD, 5));
        assert_eq!(plan.payload_len(2), 0);
        assert_eq!(plan.start_chunk(1).as_ref(), [1, 0, 0, 0, 2, 0, 0, 0]);
    }

    #[test]
    fn chunks_out_of_order_are_handed_out_in_order() {
        let mut upload = UploadAssembler::new(Limits::default());
        assert_eq!(upload.push(chunk(1, 3, b"b")), Ok(UploadEvent::Waiting));
        let ready = UploadEvent::Next(vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")]);
        assert_eq!(upload.push(chunk(0, 3, b"a")), Ok(ready));
        assert_eq!(upload.push(chunk(0, 3, b"a")), Ok(UploadEvent::Waiting));
        assert!(!upload.is_complete());
        assert!(matches!(upload.push(chunk(2, 3, b"c")), Ok(UploadEvent::Next(_))));
        assert!(upload.is_complete());
        assert_eq!(upload.received_bytes(), 3);
    }

    #[test]
    fn pings_are_recognised_by_their_length() {
        let mut upload = UploadAssembler::new(Limits::default());
        assert_eq!(upload.push(Bytes::new()), Ok(UploadEvent::Ping));
        assert_eq!(upload.push(Bytes::from_static(b"x")), Ok(UploadEvent::Ping));
        assert_eq!(upload.push(Bytes::from_static(b"xy")), Err(UploadError::TooShort { len: 2 }));
    }

    #[test]
    fn claims_over_the_limit_are_refused_before_anything_is_kept() {
        let mut upload = UploadAssembler::new(Limits::default());
        assert!(matches!(upload.push(chunk(0, u32::MAX, b"x")), Err(UploadError::TooLarge { .. })));
        let limits = Limits::default().upload_bytes(10);
        let mut upload = UploadAssembler::new(limits);
        assert!(matches!(upload.push(chunk(0, 1, &[0; 11])), Err(UploadError::TooLarge { .. })));
    }

    #[test]
    fn a_file_without_a_byte_is_refused_when_that_is_known() {
        let mut upload = UploadAssembler::new(Limits::default());
        assert_eq!(upload.push(chunk(0, 0, b"")), Err(UploadError::Empty));
        let mut upload = UploadAssembler::new(Limits::default());
        assert_eq!(upload.push(chunk(1, 2, b"")), Ok(UploadEvent::Waiting));
        assert_eq!(upload.push(chunk(0, 2, b"")), Err(UploadError::Empty));
        assert!(!upload.is_complete());
    }

    #[test]
    fn what_waits_is_bounded() {
        let limits = Limits::default().upload_reorder_bytes(130);
        let mut upload = UploadAssembler::new(limits);
        assert_eq!(upload.push(chunk(1, 9, b"b")), Ok(UploadEvent::Waiting));
        assert_eq!(upload.push(chunk(2, 9, b"c")), Ok(UploadEvent::Waiting));
        assert!(matches!(upload.push(chunk(3, 9, b"d")), Err(UploadError::TooFarAhead { .. })));
        assert_eq!(upload.push(chunk(0, 9, b"a")), Err(UploadError::Failed));
    }

    #[test]
    fn wrong_totals_are_named_and_end_the_upload() {
        let pushed = |chunks: &[(u32, u32)]| {
            let mut upload = UploadAssembler::new(Limits::default());
            let last = chunks.iter().map(|(index, total)| upload.push(chunk(*index, *total, b"x")));
            let last = last.last().unwrap();
            assert!(!upload.is_complete());
            last.unwrap_err()
        };
        assert_eq!(pushed(&[(5, 5)]), UploadError::BadIndex { index: 5, total: 5 });
        assert_eq!(pushed(&[(0, 0)]), UploadError::Empty);
        assert_eq!(pushed(&[(0, 5), (1, 6)]), UploadError::TotalChanged { was: 5, is: 6 });
        assert_eq!(pushed(&[(5, 5), (0, 5)]), UploadError::Failed);
    }
}
