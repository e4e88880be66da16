//! Sequence parameter sets (ITU-T H.264, section 7.3.2.1).

use super::corrupt;
use crate::{BitstreamError, VideoCodec};

/// Which of its tools H264 uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum H264Profile {
    /// Baseline or constrained baseline: every WebRTC receiver has it.
    Baseline,
    /// Main.
    Main,
    /// High.
    High,
    /// Another one, by its number in the standard.
    Other(u8),
}

impl H264Profile {
    /// By its number in the standard (`profile_idc`).
    pub(super) fn of(number: u8) -> Self {
        match number {
            66 => Self::Baseline,
            77 => Self::Main,
            100 => Self::High,
            other => Self::Other(other),
        }
    }
}

/// What parameter sets say about the pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PictureFormat {
    /// In pixels, as they are to be shown.
    pub width: u32,
    /// In pixels, as they are to be shown.
    pub height: u32,
    /// Pictures per second, where that is said.
    pub frame_rate: Option<f64>,
}

/// Width and height in whole macroblocks of a stream that can be decoded.
pub(super) fn size(parameters: &[u8]) -> Result<(u32, u32), BitstreamError> {
    let mut bits = Bits::new(parameters);
    read_size(&mut bits).unwrap_or_else(|| Err(corrupt("parameters that end early")))
}

/// What the pictures are that follow.
pub(super) fn format(parameters: &[u8]) -> Result<PictureFormat, BitstreamError> {
    let mut bits = Bits::new(parameters);
    let read = read_size(&mut bits).unwrap_or_else(|| Err(corrupt("parameters that end early")));
    let (coded_width, coded_height) = read?;
    let (left_right, top_bottom) = read_cropping(&mut bits).unwrap_or_default();
    let frame_rate = read_frame_rate(&mut bits);
    Ok(PictureFormat {
        width: coded_width.saturating_sub(left_right),
        height: coded_height.saturating_sub(top_bottom),
        frame_rate,
    })
}

/// Reads up to the size; `None` if the bits end before it.
fn read_size(bits: &mut Bits) -> Option<Result<(u32, u32), BitstreamError>> {
    let profile = H264Profile::of(bits.take(8)? as u8);
    bits.take(16)?;
    bits.unsigned()?;
    match profile {
        H264Profile::Baseline | H264Profile::Main => {}
        H264Profile::High => {
            let chroma_format = bits.unsigned()?;
            let (luma_bits, chroma_bits) = (bits.unsigned()?, bits.unsigned()?);
            if chroma_format > 1 || luma_bits > 0 || chroma_bits > 0 {
                return Some(Err(unsupported("not 4:2:0 with 8 bits")));
            }
            bits.take(1)?;
            skip_scaling_lists(bits)?;
        }
        H264Profile::Other(number) => {
            return Some(Err(unsupported(format!("of profile {number}"))));
        }
    }
    bits.unsigned()?;
    skip_picture_order(bits)?;
    bits.unsigned()?;
    bits.take(1)?;
    let side = |macroblocks: u32| macroblocks.saturating_add(1).saturating_mul(16);
    let (width, height) = (side(bits.unsigned()?), side(bits.unsigned()?));
    let is_progressive = bits.take(1)? == 1;
    Some(if is_progressive { Ok((width, height)) } else { Err(unsupported("interlaced")) })
}

/// Columns and rows that are not to be shown. The size has been read.
fn read_cropping(bits: &mut Bits) -> Option<(u32, u32)> {
    bits.take(1)?;
    if bits.take(1)? == 0 {
        return Some((0, 0));
    }
    // In the units of a picture of 4:2:0 without fields.
    let mut side = || Some(bits.unsigned()?.saturating_mul(2));
    let (left, right, top, bottom) = (side()?, side()?, side()?, side()?);
    Some((left.saturating_add(right), top.saturating_add(bottom)))
}

/// From what is said about use (ITU-T H.264, E.1.1); `None` if nothing is. The cropping has been read.
fn read_frame_rate(bits: &mut Bits) -> Option<f64> {
    const ANY_ASPECT_RATIO: u32 = 255;
    let is_there = |bits: &mut Bits| Some(bits.take(1)? == 1);
    if !is_there(bits)? {
        return None;
    }
    if is_there(bits)? && bits.take(8)? == ANY_ASPECT_RATIO {
        bits.take(32)?;
    }
    if is_there(bits)? {
        bits.take(1)?;
    }
    // The kind of signal, and its colours.
    if is_there(bits)? {
        bits.take(4)?;
        if is_there(bits)? {
            bits.take(24)?;
        }
    }
    if is_there(bits)? {
        bits.unsigned()?;
        bits.unsigned()?;
    }
    if !is_there(bits)? {
        return None;
    }
    let (units, units_per_second) = (bits.take(32)?, bits.take(32)?);
    // Of fields, of which a picture has two.
    let rate = f64::from(units_per_second) / f64::from(units) / 2.0;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

fn skip_scaling_lists(bits: &mut Bits) -> Option<()> {
    if bits.take(1)? == 0 {
        return Some(());
    }
    for list in 0..8 {
        if bits.take(1)? == 1 {
            skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
        }
    }
    Some(())
}

fn skip_scaling_list(bits: &mut Bits, length: usize) -> Option<()> {
    let mut last: i64 = 8;
    for _ in 0..length {
        last = (last + bits.signed()?).rem_euclid(256);
        if last == 0 {
            break;
        }
    }
    Some(())
}

fn skip_picture_order(bits: &mut Bits) -> Option<()> {
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.take(1)?;
            bits.unsigned()?;
            bits.unsigned()?;
            for _ in 0..bits.unsigned()?.min(MAX_PICTURE_OFFSETS) {
                bits.unsigned()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// Bits of a NAL unit, without the bytes that keep start codes out of it.
struct Bits {
    bytes: Vec<u8>,
    position: usize,
}

impl Bits {
    fn new(unit: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(64);
        let mut zeros = 0;
        for &byte in unit.iter().take(MAX_PARAMETER_BYTES) {
            match (zeros, byte) {
                (2.., 1 | 2) => break,
                (2.., 3) => zeros = 0,
                _ => {
                    zeros = if byte == 0 { zeros + 1 } else { 0 };
                    bytes.push(byte);
                }
            }
        }
        Self { bytes, position: 0 }
    }

    /// The next bits, at most 32.
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.position / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.position % 8) & 1);
            self.position += 1;
        }
        Some(value)
    }

    /// An unsigned number in Exp-Golomb code.
    fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
        }
        if zeros >= 32 {
            return None;
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }

    /// A signed number in Exp-Golomb code.
    fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 1 { (code + 1) / 2 } else { -code / 2 })
    }
}

fn unsupported(what: impl Into<String>) -> BitstreamError {
    BitstreamError::Unsupported { codec: VideoCodec::H264, what: what.into() }
}

const MAX_PICTURE_OFFSETS: u32 = 255;

/// More than any has, in bytes.
const MAX_PARAMETER_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a stream of 1920x1080 in High profile, with bytes that keep start codes out.
    const FULL_HD: &[u8] = &[
        0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03,
        0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xc8, 0x3c, 0x60, 0xc6, 0x58,
    ];

    #[test]
    fn the_size_is_in_whole_macroblocks() {
        assert_eq!(size(FULL_HD), Ok((1920, 1088)));
    }

    #[test]
    fn pictures_are_cropped_and_come_at_a_rate() {
        let shown = PictureFormat { width: 1920, height: 1080, frame_rate: Some(25.0) };
        assert_eq!(format(FULL_HD), Ok(shown));
        let cut = format(&FULL_HD[..11]).unwrap();
        assert_eq!((cut.width, cut.frame_rate), (1920, None));
    }

    #[test]
    fn parameters_that_end_early_are_damaged() {
        for length in 0..9 {
            assert!(matches!(size(&FULL_HD[..length]), Err(BitstreamError::Corrupt { .. })));
        }
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        // 1, 010, 011, 00100, and zeros up to the last bit.
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0000, 0, 0, 3, 0b0000_0001]);
        assert_eq!([bits.unsigned(), bits.unsigned()], [Some(0), Some(1)]);
        assert_eq!([bits.signed(), bits.signed()], [Some(-1), Some(2)]);
        assert_eq!([bits.take(27), bits.take(1), bits.take(1)], [Some(0), Some(1), None]);
    }
}
