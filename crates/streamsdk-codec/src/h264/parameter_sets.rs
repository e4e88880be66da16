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

/// Width and height in whole macroblocks of a stream that can be decoded.
pub(super) fn size(parameters: &[u8]) -> Result<(u32, u32), BitstreamError> {
    let mut bits = Bits::new(parameters);
    read_size(&mut bits).unwrap_or_else(|| Err(corrupt("parameters that end early")))
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
