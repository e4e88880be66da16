//! The buffers that a camera fills.

use rustix::io::Errno;

use super::device::Device;
use super::stamps::micros;
use super::v4l2::{Buffer, BufferRequest, CAPTURE, Mapping, buffer_flag, requests};
use crate::CaptureError;

/// Buffers that are mapped, in the order of their indices. The camera owns each of them unless it was
/// taken and not yet given back.
pub(super) struct Buffers {
    mappings: Vec<Mapping>,
}

/// A buffer with something in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct FilledBuffer {
    index: u32,
    pub(super) bytes: usize,
    pub(super) is_damaged: bool,
    /// The number that the driver gave the picture. It begins again after the last 32-bit number.
    pub(super) sequence: u32,
    /// When the picture was taken, in microseconds of the monotonic clock.
    pub(super) taken_at: Option<i64>,
}

impl Buffers {
    /// Has the camera start with as many buffers as it gives.
    pub(super) fn start(device: &Device) -> Result<Self, CaptureError> {
        let mut request = BufferRequest::new(REQUESTED_BUFFERS);
        let asked = device.ask(&requests::REQUEST_BUFFERS, &mut request);
        asked.map_err(|errno| device.failed("asking for buffers", errno))?;
        let mappings = (0..request.count.min(MAX_BUFFERS))
            .map(|index| map(device, index))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|errno| device.failed("mapping its buffers", errno))?;
        let buffers = Self { mappings };
        buffers.queue_all(device).map_err(|errno| device.failed("starting it", errno))?;
        Ok(buffers)
    }

    fn queue_all(&self, device: &Device) -> Result<(), Errno> {
        if self.mappings.is_empty() {
            return Err(Errno::NOMEM);
        }
        for index in (0..).take(self.mappings.len()) {
            device.ask(&requests::QUEUE, &mut Buffer::new(index))?;
        }
        let mut kind = CAPTURE;
        device.ask(&requests::START, &mut kind)
    }

    pub(super) fn count(&self) -> usize {
        self.mappings.len()
    }

    /// How many bytes fit into the smallest.
    pub(super) fn capacity(&self) -> usize {
        self.mappings.iter().map(Mapping::length).min().unwrap_or(0)
    }

    /// The oldest that is filled, if there is one.
    pub(super) fn take(&self, device: &Device) -> Result<Option<FilledBuffer>, Errno> {
        let mut buffer = Buffer::new(0);
        match device.ask(&requests::DEQUEUE, &mut buffer) {
            Ok(()) => self.filled(&buffer).map(Some),
            Err(Errno::AGAIN) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// A copy of its first bytes.
    pub(super) fn copy(&self, filled: &FilledBuffer, bytes: usize) -> Vec<u8> {
        self.mapping(filled.index).map_or_else(Vec::new, |mapping| mapping.copy(bytes))
    }

    /// Lets the camera fill it again.
    pub(super) fn give_back(&self, device: &Device, filled: &FilledBuffer) -> Result<(), Errno> {
        device.ask(&requests::QUEUE, &mut Buffer::new(filled.index))
    }

    fn filled(&self, buffer: &Buffer) -> Result<FilledBuffer, Errno> {
        let mapping = self.mapping(buffer.index).ok_or(Errno::IO)?;
        let is_monotonic =
            buffer.flags & buffer_flag::TIMESTAMP_MASK == buffer_flag::TIMESTAMP_MONOTONIC;
        Ok(FilledBuffer {
            index: buffer.index,
            bytes: usize::try_from(buffer.bytesused).map_or(0, |used| used.min(mapping.length())),
            is_damaged: buffer.flags & buffer_flag::ERROR != 0,
            sequence: buffer.sequence,
            taken_at: micros(buffer.timestamp.tv_sec, buffer.timestamp.tv_usec)
                .filter(|_| is_monotonic),
        })
    }

    fn mapping(&self, index: u32) -> Option<&Mapping> {
        self.mappings.get(usize::try_from(index).ok()?)
    }
}

fn map(device: &Device, index: u32) -> Result<Mapping, Errno> {
    let mut buffer = Buffer::new(index);
    device.ask(&requests::QUERY_BUFFER, &mut buffer)?;
    let length = usize::try_from(buffer.length).map_err(|_| Errno::OVERFLOW)?;
    Mapping::new(device, buffer.offset(), length)
}

/// Enough that a consumer may be late without the camera having nothing to fill.
const REQUESTED_BUFFERS: u32 = 4;

/// As many as a driver could give for long.
const MAX_BUFFERS: u32 = 32;
