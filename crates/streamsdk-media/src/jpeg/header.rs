//! Reading a JPEG's header: enough to know how much memory the picture takes, before any is given.

use super::JpegError;
use crate::MAX_DIMENSION;

/// Most pixels that a JPEG may have: as many as 8192 by 8192.
pub const MAX_PIXELS: u64 = 1 << 26;

/// Width and height in pixels, from the header alone.
///
/// # Errors
///
/// If the bytes are not a JPEG, end within the header, or claim a size that is out of bounds or
/// that so few bytes cannot hold.
pub fn dimensions(data: &[u8]) -> Result<(u32, u32), JpegError> {
    let header = Header::read(data)?;
    Ok((header.width, header.height))
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: u8,
    /// Offset of the first scan's marker.
    scan: usize,
}

impl Header {
    /// Reads up to the first scan.
    pub(super) fn read(data: &[u8]) -> Result<Self, JpegError> {
        if !data.starts_with(&[MARKER, START_OF_IMAGE]) {
            return Err(JpegError::NotJpeg { length: data.len() });
        }
        let mut frame = None;
        let mut segments = Segments { data, position: 2 };
        loop {
            let segment = segments.next()?;
            match segment.marker {
                START_OF_SCAN => {
                    let (width, height, components) =
                        frame.ok_or(JpegError::Header { reason: "no frame before the scan" })?;
                    return Ok(Self { width, height, components, scan: segment.offset });
                }
                END_OF_IMAGE => return Err(JpegError::Header { reason: "no scan" }),
                marker if is_start_of_frame(marker) && frame.is_some() => {
                    return Err(JpegError::Header { reason: "more than one frame" });
                }
                marker if is_start_of_frame(marker) => {
                    frame = Some(read_frame(segment.body, data.len())?);
                }
                _ => {}
            }
        }
    }

    /// Whether the picture is there to its end. Cameras append garbage, so the end may come early.
    pub(super) fn check_end(&self, data: &[u8]) -> Result<(), JpegError> {
        let scans = data.get(self.scan..).unwrap_or_default();
        match scans.windows(2).rposition(|pair| pair == [MARKER, END_OF_IMAGE]) {
            Some(_) => Ok(()),
            None => Err(JpegError::Truncated { length: data.len() }),
        }
    }
}

fn read_frame(body: &[u8], length: usize) -> Result<(u32, u32, u8), JpegError> {
    let &[precision, height_high, height_low, width_high, width_low, components, ..] = body else {
        return Err(JpegError::Header { reason: "a frame header that is too short" });
    };
    if precision != 8 {
        return Err(JpegError::Header { reason: "samples that are not of 8 bits" });
    }
    let width = u32::from(u16::from_be_bytes([width_high, width_low]));
    let height = u32::from(u16::from_be_bytes([height_high, height_low]));
    check_size(width, height, length)?;
    Ok((width, height, components))
}

fn check_size(width: u32, height: u32, length: usize) -> Result<(), JpegError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(JpegError::Header { reason: "a width or height of zero" });
    }
    if width > MAX_DIMENSION || height > MAX_DIMENSION || pixels > MAX_PIXELS {
        return Err(JpegError::TooLarge { width, height });
    }
    if pixels > MAX_PIXELS_PER_BYTE * length as u64 {
        return Err(JpegError::TooShort { width, height, length });
    }
    Ok(())
}

/// The marker segments of a header, one after the other.
struct Segments<'a> {
    data: &'a [u8],
    position: usize,
}

struct Segment<'a> {
    marker: u8,
    offset: usize,
    body: &'a [u8],
}

impl<'a> Segments<'a> {
    fn next(&mut self) -> Result<Segment<'a>, JpegError> {
        let offset = self.find_marker()?;
        let marker = self.data[offset + 1];
        self.position = offset + 2;
        let body = if stands_alone(marker) { &[] } else { self.body()? };
        Ok(Segment { marker, offset, body })
    }

    /// Skips garbage and fill bytes as other decoders do.
    fn find_marker(&self) -> Result<usize, JpegError> {
        let rest = self.data.get(self.position..).unwrap_or_default();
        rest.windows(2)
            .position(|pair| pair[0] == MARKER && !matches!(pair[1], 0 | MARKER))
            .map(|found| self.position + found)
            .ok_or(self.truncated())
    }

    fn body(&mut self) -> Result<&'a [u8], JpegError> {
        let rest = self.data.get(self.position..).unwrap_or_default();
        let &[high, low, ..] = rest else { return Err(self.truncated()) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 2 {
            return Err(JpegError::Header { reason: "a segment shorter than its own length" });
        }
        let body = rest.get(2..length).ok_or(self.truncated())?;
        self.position += length;
        Ok(body)
    }

    fn truncated(&self) -> JpegError {
        JpegError::Truncated { length: self.data.len() }
    }
}

const fn is_start_of_frame(marker: u8) -> bool {
    // The others in this range define tables.
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

const fn stands_alone(marker: u8) -> bool {
    matches!(marker, 0x01 | 0xD0..=0xD9)
}

const MARKER: u8 = 0xFF;
const START_OF_IMAGE: u8 = 0xD8;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// Every 8 by 8 pixels take at least one bit, whatever the kind of JPEG.
const MAX_PIXELS_PER_BYTE: u64 = 512;
