use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{ConvertError, Target, fill};
use crate::{ColorSpace, Frame, PixelFormat};

/// Memory for converted pictures, one after the other: who needs each for a moment only does not have
/// a megabyte taken and cleared for every one.
#[derive(Default)]
pub(crate) struct Scratch(Arc<Mutex<Vec<u8>>>);

impl Scratch {
    /// As [`Frame::convert_to`]. The memory is used again once the picture and its clones are gone; what is
    /// converted before that gets memory of its own.
    pub(crate) fn convert_to(
        &self,
        frame: &Frame,
        to: PixelFormat,
        space: ColorSpace,
    ) -> Result<Frame, ConvertError> {
        if frame.is_in(to, space) {
            return Ok(frame.clone());
        }
        let data = mem::take(&mut *lock(&self.0));
        let mut target = Target::over(data, to, frame.width(), frame.height(), space);
        fill(frame, &mut target)?;
        let home = Arc::clone(&self.0);
        let lent = |data| Bytes::from_owner(ScratchBuffer { data, home });
        Ok(target.into_frame_of(lent)?.at(frame.timestamp()))
    }
}

struct ScratchBuffer {
    data: Vec<u8>,
    home: Arc<Mutex<Vec<u8>>>,
}

impl AsRef<[u8]> for ScratchBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for ScratchBuffer {
    fn drop(&mut self) {
        *lock(&self.home) = mem::take(&mut self.data);
    }
}

fn lock(memory: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another than that of the frames, so that YUV is converted too.
    const SPACE: ColorSpace = ColorSpace::BT709;

    const FORMATS: [PixelFormat; 6] = {
        use PixelFormat::{Bgr24, Gray8, I420, Nv12, Rgb24, Yuyv};
        [Bgr24, Rgb24, I420, Nv12, Yuyv, Gray8]
    };

    fn gray(width: u32, height: u32, value: u8) -> Frame {
        let pixels = vec![value; (width * height) as usize];
        Frame::packed(PixelFormat::Gray8, width, height, pixels).unwrap()
    }

    fn address(frame: &Frame) -> *const u8 {
        frame.planes()[0].data.as_ptr()
    }

    #[test]
    fn memory_is_used_again_when_the_picture_is_gone_and_not_before() {
        let scratch = Scratch::default();
        let convert = |frame: &Frame| scratch.convert_to(frame, PixelFormat::I420, SPACE).unwrap();
        let first = convert(&gray(64, 48, 10));
        let second = convert(&gray(64, 48, 20));
        assert_ne!(address(&first), address(&second));
        assert_ne!(first.to_packed(), second.to_packed());

        let reused = address(&second);
        drop((first, second));
        assert_eq!(address(&convert(&gray(64, 48, 30))), reused);
    }

    #[test]
    fn nothing_of_an_earlier_picture_is_left() {
        let scratch = Scratch::default();
        for source in FORMATS {
            for (width, height) in [(64, 48), (33, 17), (1, 1), (63, 48), (64, 47)] {
                let frame = gray(width, height, 77).convert(source).unwrap();
                for target in FORMATS {
                    let white = gray(width, height, 255);
                    drop(scratch.convert_to(&white, PixelFormat::Bgr24, SPACE));
                    let converted = scratch.convert_to(&frame, target, SPACE).unwrap();
                    let expected = frame.convert_to(target, SPACE).unwrap();
                    let what = format!("{source} to {target}, {width}x{height}");
                    assert_eq!(converted.to_packed(), expected.to_packed(), "{what}");
                }
            }
        }
    }
}
