//! Packets that were taken from the kernel and not yet by the engine.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};

use webrtc::runtime::RecvMeta;

use super::raw_udp_socket::RawUdpSocket;
use super::sack::looks_like_sack;

/// Packets that are taken from the kernel at once, at most. There is a buffer for each, of the size of
/// all that GRO may put into one.
const MAX_BATCH: usize = 32;
const SMALL_BATCH: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct RecvBatch {
    /// One for each packet of a batch but the first, once a batch was wanted.
    buffers: Vec<Vec<u8>>,
    /// The buffers that hold something, in the order of arrival.
    waiting: VecDeque<(usize, RecvMeta)>,
    wants_batch: bool,
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
    /// The next packet, if one waits.
    pub(crate) fn take(&mut self, buf: &mut [u8], meta: &mut RecvMeta) -> bool {
        let Some((index, packet)) = self.waiting.pop_front() else { return false };
        *meta = packet;
        // The engine's buffers are as long as each other; if they were not, this would cut a packet
        // off as the kernel does.
        meta.len = packet.len.min(buf.len());
        buf[..meta.len].copy_from_slice(&self.buffers[index][..meta.len]);
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
        drop(bufs);

        *meta = metas[0];
        let kept = (1..count).filter(|index| !is_repeated[*index]);
        self.waiting.extend(kept.map(|index| (index - 1, metas[index])));
        if is_repeated[0] {
            // The one that repeats it waits.
            self.take(buf, meta);
        }
        // What GRO has put together is a batch already, and large to copy.
        self.wants_batch = metas[..count].iter().all(|meta| meta.len <= meta.stride);
        Ok(if count > others { Filled::Whole } else { Filled::Drained })
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
