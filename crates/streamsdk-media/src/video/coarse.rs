//! Pictures with less in them, for when even the lowest quality takes too many bytes.

use crate::convert::Target;
use crate::{ConvertError, Frame, PixelFormat};

/// A picture in I420 whose planes have one value in every `block` by `block` samples: their mean.
pub(super) fn coarse(picture: &Frame, block: usize) -> Result<Frame, ConvertError> {
    let mut target =
        Target::new(PixelFormat::I420, picture.width(), picture.height(), picture.color_space());
    let strides = [0, 1, 2].map(|plane| target.stride(plane));
    for (index, plane) in target.planes().into_iter().enumerate() {
        let stride = strides[index];
        let rows: Vec<_> = picture.rows(index).collect();
        for (target, rows) in plane.chunks_mut(stride * block).zip(rows.chunks(block)) {
            for start in (0..stride).step_by(block) {
                let columns = start..stride.min(start + block);
                let mean = mean(rows.iter().map(|row| &row[columns.clone()]));
                for row in target.chunks_exact_mut(stride) {
                    row[columns.clone()].fill(mean);
                }
            }
        }
    }
    target.into_frame()
}

fn mean<'a>(rows: impl Iterator<Item = &'a [u8]>) -> u8 {
    let (mut sum, mut count) = (0_u32, 0_u32);
    for row in rows {
        sum += row.iter().copied().map(u32::from).sum::<u32>();
        count += row.len() as u32;
    }
    sum.checked_div(count).unwrap_or_default() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_their_mean_and_edges_have_smaller_blocks() {
        let samples = vec![0, 4, 9, 8, 4, 3, 10, 20, 50, /* chroma */ 1, 3, 5, 7, 2, 2, 2, 2];
        let picture = Frame::packed(PixelFormat::I420, 3, 3, samples).unwrap();
        let coarse = coarse(&picture, 2).unwrap();
        let luma: Vec<_> = coarse.rows(0).collect();
        assert_eq!(luma, [[4, 4, 6], [4, 4, 6], [15, 15, 50]]);
        assert_eq!(coarse.rows(1).collect::<Vec<_>>(), [[4, 4], [4, 4]]);
    }
}
