//! Messages to the client, cut into chunks.
//!
//! Every binary message on the inference channel is a 12-byte header, three little-endian `u32`
//! (frame id, chunk index, total chunks), and at most [`MAX_CHUNK_PAYLOAD`] bytes. A message that fits
//! into one chunk has the header too. [`split`] cuts, [`Reassembler`] joins.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use crate::{HeldMemory, Limits, MAX_CHUNK_PAYLOAD, MemoryBudget, pool};

/// Length of [`ChunkHeader`] on the wire, in bytes.
pub const HEADER_LEN: usize = 12;

/// What a chunk that waits takes besides its bytes.
const CHUNK_OVERHEAD: usize = 128;

/// The header of one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkHeader {
    /// The frame that the message is about; one more than the last frame for the closing message.
    pub frame_id: u32,
    /// Place of this chunk in its message, from 0.
    pub index: u32,
    /// Number of chunks of the message, at least 1.
    pub total: u32,
}

impl ChunkHeader {
    /// Reads the header and returns it with the payload behind it.
    ///
    /// # Errors
    ///
    /// If it is too short for a header, or its numbers cannot be.
    pub fn parse(mut chunk: Bytes) -> Result<(Self, Bytes), ChunkError> {
        if chunk.len() < HEADER_LEN {
            return Err(ChunkError::TooShort { len: chunk.len() });
        }
        let payload = chunk.split_off(HEADER_LEN);
        let word = |at: usize| {
            u32::from_le_bytes([chunk[at], chunk[at + 1], chunk[at + 2], chunk[at + 3]])
        };
        let header = Self { frame_id: word(0), index: word(4), total: word(8) };
        if header.total == 0 || header.index >= header.total {
            return Err(ChunkError::BadIndex { index: header.index, total: header.total });
        }
        Ok((header, payload))
    }

    /// Appends the header to `out`.
    pub fn write(self, out: &mut BytesMut) {
        out.put_u32_le(self.frame_id);
        out.put_u32_le(self.index);
        out.put_u32_le(self.total);
    }
}

/// Cuts `payload` into chunks, header included, each ready to be sent as one message.
///
/// An empty payload gives one chunk that is only a header.
pub fn split(frame_id: u32, payload: &[u8]) -> impl Iterator<Item = BytesMut> {
    let total = payload.len().div_ceil(MAX_CHUNK_PAYLOAD).max(1) as u32;
    (0..total).map(move |index| {
        let start = index as usize * MAX_CHUNK_PAYLOAD;
        let part = &payload[start..payload.len().min(start + MAX_CHUNK_PAYLOAD)];
        let mut chunk = BytesMut::with_capacity(HEADER_LEN + part.len());
        ChunkHeader { frame_id, index, total }.write(&mut chunk);
        chunk.put_slice(part);
        chunk
    })
}

/// A complete message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkedMessage {
    /// The frame that the message is about.
    pub frame_id: u32,
    /// The joined payload.
    pub payload: Bytes,
}

/// Joins chunks to messages, whatever their order.
///
/// Memory is in proportion to what has arrived: a header that claims many chunks costs nothing.
/// When [`Limits::messages_in_flight`] messages are incomplete, or the memory is used up, the one whose last chunk is the
/// longest ago makes room and is counted in [`Reassembler::abandoned`]. A chunk that is there already is
/// ignored. After an error the offending message is forgotten and the others go on.
#[derive(Debug)]
pub struct Reassembler {
    limits: Limits,
    memory: MemoryBudget,
    partial: BTreeMap<u32, Partial>,
    arrivals: u64,
    abandoned: u64,
}

#[derive(Debug)]
struct Partial {
    total: u32,
    chunks: BTreeMap<u32, Bytes>,
    bytes: usize,
    held: HeldMemory,
    last_arrival: u64,
}

impl Reassembler {
    /// An empty reassembler with memory of its own.
    pub fn new(limits: Limits) -> Self {
        Self::within(limits, limits.memory())
    }

    /// An empty reassembler that shares its memory with others.
    pub fn within(limits: Limits, memory: MemoryBudget) -> Self {
        Self { limits, memory, partial: BTreeMap::new(), arrivals: 0, abandoned: 0 }
    }

    /// Takes one chunk; returns the message that it completes, if it does.
    ///
    /// # Errors
    ///
    /// If the chunk is none, contradicts the others of its message, or is beyond a limit.
    pub fn push(&mut self, chunk: Bytes) -> Result<Option<ChunkedMessage>, ChunkError> {
        let (header, payload) = ChunkHeader::parse(chunk)?;
        let frame_id = header.frame_id;
        let result = self.accept(header, payload);
        if result.is_err() {
            self.partial.remove(&frame_id);
        }
        result
    }

    /// Messages that were given up incomplete because too many were in flight.
    pub fn abandoned(&self) -> u64 {
        self.abandoned
    }

    /// Messages of which some chunks, but not all, have arrived.
    pub fn in_flight(&self) -> usize {
        self.partial.len()
    }

    fn accept(
        &mut self,
        header: ChunkHeader,
        payload: Bytes,
    ) -> Result<Option<ChunkedMessage>, ChunkError> {
        let ChunkHeader { frame_id, index, total } = header;
        if total > self.limits.message_chunks {
            return Err(ChunkError::TooManyChunks { total, limit: self.limits.message_chunks });
        }
        let known = self.partial.get(&frame_id);
        if known.is_some_and(|partial| partial.chunks.contains_key(&index)) {
            return Ok(None);
        }
        let held = known.map_or(0, |partial| partial.bytes);
        if held.saturating_add(payload.len()) > self.limits.message_bytes {
            return Err(ChunkError::MessageTooLarge { limit: self.limits.message_bytes });
        }
        if total == 1 && known.is_none() {
            return Ok(Some(ChunkedMessage { frame_id, payload }));
        }

        let cost = payload.len().saturating_add(CHUNK_OVERHEAD);
        while self.memory.left() < cost && self.abandon_stalest_but(Some(frame_id)) {}
        if self.memory.left() < cost {
            return Err(ChunkError::NoMemory { limit: self.memory.limit() });
        }
        let partial = self.partial_for(frame_id, total);
        if partial.total != total {
            return Err(ChunkError::TotalChanged { was: partial.total, is: total });
        }
        partial.bytes += payload.len();
        partial.held.grow(cost);
        partial.chunks.insert(index, payload);
        if partial.chunks.len() < total as usize {
            return Ok(None);
        }
        Ok(self
            .partial
            .remove(&frame_id)
            .map(|partial| ChunkedMessage { frame_id, payload: partial.join() }))
    }

    fn partial_for(&mut self, frame_id: u32, total: u32) -> &mut Partial {
        if !self.partial.contains_key(&frame_id)
            && self.partial.len() >= self.limits.messages_in_flight.max(1)
        {
            self.abandon_stalest_but(None);
        }
        self.arrivals += 1;
        let memory = &self.memory;
        let partial = self.partial.entry(frame_id).or_insert_with(|| Partial {
            total,
            chunks: BTreeMap::new(),
            bytes: 0,
            held: memory.hold(0),
            last_arrival: 0,
        });
        partial.last_arrival = self.arrivals;
        partial
    }

    /// Whether there was one.
    fn abandon_stalest_but(&mut self, kept: Option<u32>) -> bool {
        let others = self.partial.iter().filter(|(id, _)| Some(**id) != kept);
        let stalest = others.min_by_key(|(_, partial)| partial.last_arrival).map(|(id, _)| *id);
        let abandoned = stalest.and_then(|id| self.partial.remove(&id));
        self.abandoned += u64::from(abandoned.is_some());
        abandoned.is_some()
    }
}

impl Partial {
    fn join(self) -> Bytes {
        let mut joined = pool::take(self.bytes);
        joined.clear();
        // Each goes when it is copied.
        for chunk in self.chunks.into_values() {
            joined.extend_from_slice(&chunk);
        }
        pool::share(joined)
    }
}

/// A chunk that cannot be part of any message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// Shorter than its header.
    #[error("a chunk of {len} bytes is shorter than its {HEADER_LEN}-byte header")]
    TooShort {
        /// Its length in bytes.
        len: usize,
    },
    /// The index is not below the total, or the total is 0.
    #[error("chunk {index} of {total} cannot exist")]
    BadIndex {
        /// The index in the header.
        index: u32,
        /// The total in the header.
        total: u32,
    },
    /// There is no memory for it, though nothing else is incomplete.
    #[error("there is no room for it in the {limit} bytes that results may take")]
    NoMemory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The message claims more chunks than allowed.
    #[error("a message of {total} chunks is over the limit of {limit}")]
    TooManyChunks {
        /// Chunks claimed.
        total: u32,
        /// [`Limits::message_chunks`].
        limit: u32,
    },
    /// The message grew over the allowed size.
    #[error("a message grew over the limit of {limit} bytes")]
    MessageTooLarge {
        /// [`Limits::message_bytes`].
        limit: usize,
    },
    /// Two chunks of one message disagree about the number of chunks.
    #[error("a message announced {was} chunks, then {is}")]
    TotalChanged {
        /// The total in the message's first chunk.
        was: u32,
        /// The total in this chunk.
        is: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push_all(
        reassembler: &mut Reassembler,
        chunks: impl IntoIterator<Item = BytesMut>,
    ) -> Vec<ChunkedMessage> {
        chunks.into_iter().filter_map(|c| reassembler.push(c.freeze()).unwrap()).collect()
    }

    #[test]
    fn incomplete_messages_share_the_memory_and_the_stalest_goes_first() {
        let limits = Limits::default().memory_bytes(10 << 20);
        let memory = limits.memory();
        let mut reassembler = Reassembler::within(limits, memory.clone());
        let part = |frame_id, index| {
            let mut chunk = BytesMut::new();
            ChunkHeader { frame_id, index, total: 4000 }.write(&mut chunk);
            chunk.extend_from_slice(&[7; MAX_CHUNK_PAYLOAD]);
            chunk.freeze()
        };
        let mut most = 0;
        for index in 0..100 {
            for frame_id in 0..8 {
                reassembler.push(part(frame_id, index)).unwrap();
                let held: usize = reassembler.partial.values().map(|partial| partial.bytes).sum();
                most = most.max(held);
            }
        }
        assert!((9 << 20..=10 << 20).contains(&most), "{most}");
        assert!(reassembler.abandoned() > 0);
        let waiting = memory.hold(memory.limit());
        let refused = reassembler.push(part(9, 0));
        assert_eq!(refused, Err(ChunkError::NoMemory { limit: 10 << 20 }));
        drop((waiting, reassembler));
        assert_eq!(memory.left(), memory.limit());
    }

    #[test]
    fn an_empty_message_is_one_header() {
        let chunks: Vec<_> = split(7, &[]).collect();
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].as_ref(), [7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn a_message_of_exactly_one_payload_is_one_chunk_and_a_byte_more_is_two() {
        assert_eq!(split(1, &vec![0; MAX_CHUNK_PAYLOAD]).count(), 1);
        assert_eq!(split(1, &vec![0; MAX_CHUNK_PAYLOAD + 1]).count(), 2);
    }

    #[test]
    fn a_claim_of_four_billion_chunks_costs_nothing() {
        let mut reassembler = Reassembler::new(Limits::default());
        let mut chunk = BytesMut::new();
        ChunkHeader { frame_id: 1, index: 0, total: u32::MAX }.write(&mut chunk);
        assert_eq!(
            reassembler.push(chunk.freeze()),
            Err(ChunkError::TooManyChunks { total: u32::MAX, limit: 4096 })
        );
        assert_eq!(reassembler.in_flight(), 0);
    }

    #[test]
    fn a_message_over_the_byte_limit_is_forgotten_and_the_next_one_passes() {
        let limits = Limits::default().message_bytes(MAX_CHUNK_PAYLOAD + 10);
        let mut reassembler = Reassembler::new(limits);
        let payload = vec![1; MAX_CHUNK_PAYLOAD + 11];
        let mut chunks = split(1, &payload);
        assert_eq!(reassembler.push(chunks.next().unwrap().freeze()), Ok(None));
        assert!(matches!(
            reassembler.push(chunks.next().unwrap().freeze()),
            Err(ChunkError::MessageTooLarge { .. })
        ));
        assert_eq!(reassembler.in_flight(), 0);
        assert_eq!(push_all(&mut reassembler, split(2, &payload[1..])).len(), 1);
    }

    #[test]
    fn a_repeated_chunk_does_not_count_against_the_limit() {
        let limits = Limits::default().message_bytes(MAX_CHUNK_PAYLOAD + 10);
        let mut reassembler = Reassembler::new(limits);
        let payload = vec![1; MAX_CHUNK_PAYLOAD + 10];
        let first = split(1, &payload).next().unwrap();
        let chunks = split(1, &payload).chain([first]).collect::<Vec<_>>();
        let messages =
            push_all(&mut reassembler, [chunks[0].clone(), chunks[2].clone(), chunks[1].clone()]);
        assert_eq!(messages.len(), 1);
    }

    #[test]
    fn the_stalest_message_makes_room_and_is_counted() {
        let limits = Limits::default().messages_in_flight(2);
        let mut reassembler = Reassembler::new(limits);
        let payload = vec![0; MAX_CHUNK_PAYLOAD * 2];
        let first_halves = (1..=3).map(|id| split(id, &payload).next().unwrap());
        assert_eq!(push_all(&mut reassembler, first_halves), []);
        assert_eq!((reassembler.in_flight(), reassembler.abandoned()), (2, 1));
        let second_half = split(3, &payload).nth(1).unwrap();
        assert_eq!(push_all(&mut reassembler, [second_half]).len(), 1);
    }

    #[test]
    fn chunks_that_disagree_about_the_total_end_their_message() {
        let mut reassembler = Reassembler::new(Limits::default());
        let mut push = |index, total| {
            let mut chunk = BytesMut::new();
            ChunkHeader { frame_id: 1, index, total }.write(&mut chunk);
            reassembler.push(chunk.freeze())
        };
        assert_eq!(push(0, 3), Ok(None));
        assert_eq!(push(1, 4), Err(ChunkError::TotalChanged { was: 3, is: 4 }));
    }
}
