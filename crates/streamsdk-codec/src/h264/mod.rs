//! H264 (ITU-T H.264): NAL units, what is in them, and their way through containers and RTP.

mod access_units;
mod annex_b;
mod parameter_sets;
pub(crate) mod rtp;

use std::iter;

use memchr::memmem;

pub use access_units::{AccessUnitAssembler, AssembledUnit};
pub use annex_b::{AccessUnit, AnnexBConverter};
pub use parameter_sets::{H264Profile, PictureFormat};

use crate::{BitstreamError, FrameContent, FrameInfo, VideoCodec};

/// What is found in front of every unit, with or without one more zero before it.
const SHORT_START_CODE: [u8; 3] = [0, 0, 1];
/// What is written in front of units.
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The NAL units of H264 data, each of which follows a start code (Annex B of ITU-T H.264).
///
/// None is empty, and none ends in a zero: such zeros are padding before the next one.
pub fn nal_units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = memmem::find_iter(data, &SHORT_START_CODE).peekable();
    let units = iter::from_fn(move || {
        let start = starts.next()? + SHORT_START_CODE.len();
        let unit = &data[start..starts.peek().copied().unwrap_or(data.len())];
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        Some(&unit[..unit.len() - zeros])
    });
    units.filter(|unit| !unit.is_empty())
}

/// The profile that the first sequence parameter set in the data names; `None` if there is none.
///
/// Each NAL unit stands behind a start code.
pub fn profile(data: &[u8]) -> Option<H264Profile> {
    sequence_parameters(data)?.first().map(|&number| H264Profile::of(number))
}

/// What the first sequence parameter set in the data says about the pictures; `None` if there is none.
///
/// Each NAL unit stands behind a start code.
///
/// # Errors
///
/// If the set is damaged, or of a kind of stream that live receivers cannot decode, such as interlaced ones.
pub fn picture_format(data: &[u8]) -> Result<Option<PictureFormat>, BitstreamError> {
    sequence_parameters(data).map(parameter_sets::format).transpose()
}

/// What is in the first sequence parameter set.
fn sequence_parameters(data: &[u8]) -> Option<&[u8]> {
    let set = nal_units(data).find(|unit| NalKind::of(unit) == NalKind::SEQUENCE_PARAMETERS)?;
    set.get(1..)
}

/// Tells key frames from others, and the size that parameter sets name.
pub(crate) fn inspect(data: &[u8]) -> Result<FrameInfo, BitstreamError> {
    let (mut content, mut size) = (None, None);
    for unit in nal_units(data) {
        let kind = NalKind::of(unit);
        if kind == NalKind::IDR_SLICE {
            content = Some(FrameContent::KeyFrame);
        } else if kind.is_slice() {
            if content != Some(FrameContent::KeyFrame) {
                content = Some(FrameContent::OtherFrame);
            }
        } else {
            content = content.or(Some(FrameContent::Headers));
        }
        if kind == NalKind::SEQUENCE_PARAMETERS {
            let (width, height) = parameter_sets::size(&unit[1..])?;
            let (widest, highest) = size.unwrap_or_default();
            size = Some((width.max(widest), height.max(highest)));
        }
    }
    let content = content.ok_or_else(|| corrupt(format!("no NAL unit in {} bytes", data.len())))?;
    Ok(FrameInfo { content, size })
}

/// The type of a NAL unit (ITU-T H.264, table 7-1), or of an RTP payload (RFC 6184, table 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct NalKind(u8);

impl NalKind {
    const IDR_SLICE: Self = Self(5);
    const SEQUENCE_PARAMETERS: Self = Self(7);
    const PICTURE_PARAMETERS: Self = Self(8);
    const ACCESS_UNIT_DELIMITER: Self = Self(9);
    const FILLER: Self = Self(12);
    /// The last that a NAL unit has; what follows is RTP's.
    const LAST: Self = Self(23);
    const STAP_A: Self = Self(24);
    const FU_A: Self = Self(28);

    const MASK: u8 = 0x1f;

    /// Of a unit or a payload, by its first byte; of nothing it is 0, which means nothing.
    fn of(unit: &[u8]) -> Self {
        unit.first().map_or(Self(0), |header| Self(header & Self::MASK))
    }

    /// Whether it is part of a picture.
    fn is_slice(self) -> bool {
        (1..=Self::IDR_SLICE.0).contains(&self.0)
    }

    /// Whether it begins with the number of its first macroblock: all slices but the second and third partition of one.
    fn has_macroblock_number(self) -> bool {
        self.is_slice() && !(3..=4).contains(&self.0)
    }

    fn is_nal_unit(self) -> bool {
        (1..=Self::LAST.0).contains(&self.0)
    }
}

fn append(data: &mut Vec<u8>, unit: &[u8]) {
    data.extend_from_slice(&START_CODE);
    data.extend_from_slice(unit);
}

fn corrupt(reason: impl Into<String>) -> BitstreamError {
    BitstreamError::Corrupt { codec: VideoCodec::H264, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_is_between_start_codes_without_padding() {
        let units = |data: &'static [u8]| nal_units(data).collect::<Vec<_>>();
        assert_eq!(units(&[9, 0, 0, 1, 7, 2, 0, 0, 0, 1, 5, 3]), [&[7, 2][..], &[5, 3]]);
        assert_eq!(units(&[0, 0, 1, 0, 0, 1, 1, 0, 0, 1]), [&[1][..]]);
        assert!(units(&[0, 0, 2, 0, 0]).is_empty() && units(&[]).is_empty());
    }

    #[test]
    fn the_kind_of_the_slices_decides() {
        let content = |data: &[u8]| inspect(data).map(|info| info.content);
        let start = |kind: u8| [0, 0, 0, 1, kind, 0x80];
        assert_eq!(content(&start(0x68)), Ok(FrameContent::Headers));
        assert_eq!(content(&[start(0x68), start(0x65)].concat()), Ok(FrameContent::KeyFrame));
        assert_eq!(content(&[start(0x06), start(0x41)].concat()), Ok(FrameContent::OtherFrame));
        assert!(inspect(&[0, 0, 0, 1]).is_err());
    }

    #[test]
    fn profiles_are_told_by_their_number() {
        let of = |number| profile(&[0, 0, 0, 1, 0x67, number, 0, 31]);
        assert_eq!(of(77), Some(H264Profile::Main));
        assert_eq!(of(100), Some(H264Profile::High));
        assert_eq!(of(244), Some(H264Profile::Other(244)));
        assert_eq!(profile(&[0, 0, 1, 0x65, 1]), None);
        assert_eq!(profile(&[0, 0, 1, 0x67]), None);
    }
}
