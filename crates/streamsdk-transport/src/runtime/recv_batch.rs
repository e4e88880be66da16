//! Packets that were taken from the kernel and not yet by the engine.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};

use webrtc::runtime::RecvMeta;

use super::gaps::Gaps;
use super::raw_udp_socket::RawUdpSocket;
use super::sack::looks_like_sack;

/// Packets that are taken from the kernel at once, at most. There is a buffer for each, of the size of
/// all that GRO may put into one.
const MAX_BATCH: usize = 32;
const SMALL_BATCH: usize = 4;
/// So many have a round each behind one that is missing. Three acknowledgements in a row have it sent again; one of them
/// may be lost.
const ALONE_BEHIND_A_GAP: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct RecvBatch {
    /// One for each packet of a batch but the first, once a batch was wanted.
    buffers: Vec<Vec<u8>>,
    /// What the engine gets, in the order of arrival.
    waiting: VecDeque<Waiting>,
    wants_batch: bool,
    gaps: Gaps,
    /// How many of the next packets have a round each.
    alone: usize,
    /// Whether all have.
    one_by_one: bool,
}

/// One packet, or several of the same size that GRO has put together.
#[derive(Debug)]
struct Waiting {
    bytes: Bytes,
    meta: RecvMeta,
    /// Where the first begins before which one is missing.
    gap: Option<usize>,
}

#[derive(Debug)]
enum Bytes {
    /// In the buffer of this number.
    In(usize),
    /// What was left of several.
    Rest(Vec<u8>),
}

/// What is to be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchMode {
    /// Packets of which each says something new.
    Varied,
    /// Many acknowledgements. One says up to where everything has arrived, so that the last of a batch
    /// says it all, and the others are dropped.
    Acknowledgements,
}

impl BatchMode {
    fn batch(self) -> usize {
        match self {
            Self::Varied => SMALL_BATCH,
            Self::Acknowledgements => MAX_BATCH,
        }
    }
}

/// What a read left in the kernel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// Perhaps more: as much was read as was asked for.
    Whole,
    /// Nothing.
    Drained,
}

impl RecvBatch {
    /// Whether every packet has a round of the engine to itself.
    pub(crate) fn set_one_by_one(&mut self, one_by_one: bool) {
        self.one_by_one = one_by_one;
    }

    /// Whether the next packet has one.
    pub(crate) fn is_one_by_one(&self) -> bool {
        self.one_by_one || self.alone > 0
    }

    /// The next packet, if one waits.
    pub(crate) fn take(&mut self, buf: &mut [u8], meta: &mut RecvMeta) -> bool {
        let Some(Waiting { bytes, meta: packet, gap }) = self.waiting.pop_front() else {
            return false;
        };
        let bytes = match &bytes {
            Bytes::In(index) => &self.buffers[*index],
            Bytes::Rest(rest) => rest,
        };
        *meta = packet;
        // The engine's buffers are as long as each other; if they were not, this would cut a packet
        // off as the kernel does.
        meta.len = packet.len.min(buf.len());
        buf[..meta.len].copy_from_slice(&bytes[..meta.len]);
        self.hold_back(buf, meta, gap);
        true
    }

    /// Takes packets from the kernel: the first into `buf`, others wait. Nothing may wait already.
    pub(crate) fn fill(
        &mut self,
        raw: &RawUdpSocket,
        buf: &mut [u8],
        meta: &mut RecvMeta,
        mode: BatchMode,
    ) -> io::Result<Filled> {
        let others = if self.wants_batch { mode.batch() - 1 } else { 0 };
        if self.buffers.len() < others {
            self.buffers.resize_with(others, || vec![0; buf.len()]);
        }
        let mut metas = [RecvMeta::default(); MAX_BATCH];
        let mut bufs: Vec<_> = std::iter::once(IoSliceMut::new(buf))
            .chain(self.buffers[..others].iter_mut().map(|buffer| IoSliceMut::new(buffer)))
            .collect();
        let count = raw.receive(&mut bufs, &mut metas[..=others])?;
        let is_repeated = match mode {
            BatchMode::Varied => [false; MAX_BATCH],
            BatchMode::Acknowledgements => find_repeated(&bufs[..count], &metas),
        };
        let gaps = find_gaps(&mut self.gaps, &bufs[..count], &metas, &is_repeated);
        drop(bufs);

        let kept = (1..count).filter(|index| !is_repeated[*index]);
        self.waiting.extend(kept.map(|index| {
            let bytes = Bytes::In(index - 1);
            Waiting { bytes, meta: metas[index], gap: gaps[index] }
        }));
        if is_repeated[0] {
            // The one that repeats it waits.
            self.take(buf, meta);
        } else {
            *meta = metas[0];
            self.hold_back(buf, meta, gaps[0]);
        }
        // What GRO has put together is a batch already, and large to copy.
        self.wants_batch = metas[..count].iter().all(|meta| meta.len <= meta.stride);
        Ok(if count > others { Filled::Whole } else { Filled::Drained })
    }

    /// Keeps what the engine is not to have in the same round as the first packet in `buf`, or as the first one behind a
    /// gap.
    fn hold_back(&mut self, buf: &[u8], meta: &mut RecvMeta, gap: Option<usize>) {
        let together = match gap {
            _ if self.is_one_by_one() => meta.stride,
            Some(gap) => gap + meta.stride,
            None => meta.len,
        };
        if gap.is_some_and(|gap| gap < together) {
            self.alone = ALONE_BEHIND_A_GAP;
        }
        self.alone = self.alone.saturating_sub(1);
        if together < meta.len {
            let rest = buf[together..meta.len].to_vec();
            let mut meta_of_rest = *meta;
            meta_of_rest.len = rest.len();
            let gap = gap.and_then(|gap| gap.checked_sub(together));
            let bytes = Bytes::Rest(rest);
            self.waiting.push_front(Waiting { bytes, meta: meta_of_rest, gap });
            meta.len = together;
        }
    }
}

/// Which acknowledgements another one from the same address follows.
fn find_repeated(bufs: &[IoSliceMut<'_>], metas: &[RecvMeta; MAX_BATCH]) -> [bool; MAX_BATCH] {
    let mut is_repeated = [false; MAX_BATCH];
    let mut newest = None;
    for (index, (buf, meta)) in bufs.iter().zip(metas).enumerate().rev() {
        if looks_like_sack(&buf[..meta.len]) {
            is_repeated[index] = newest == Some(meta.addr);
            newest = Some(meta.addr);
        }
    }
    is_repeated
}

/// Where the first packet of each begins before which one is missing. What shows at an acknowledgement that is dropped
/// shows at the next one that is not.
fn find_gaps(
    gaps: &mut Gaps,
    bufs: &[IoSliceMut<'_>],
    metas: &[RecvMeta; MAX_BATCH],
    is_repeated: &[bool; MAX_BATCH],
) -> [Option<usize>; MAX_BATCH] {
    let mut found = [None; MAX_BATCH];
    let mut is_carried = false;
    for (index, (buf, meta)) in bufs.iter().zip(metas).enumerate() {
        let gap = gaps.look(&buf[..meta.len], meta.stride);
        found[index] = if is_carried { Some(0) } else { gap };
        is_carried = is_repeated[index] && found[index].is_some();
    }
    found
}
