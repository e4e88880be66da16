//! From one colour space to another in I420, without a detour over RGB.
//!
//! Gray is gray in every matrix. So chroma depends on chroma alone, and luma is moved by what chroma
//! says, which is computed once for four pixels. Luma, most of the work, is 16-bit arithmetic, so that
//! the compiler turns the loop into vector code.

use super::formula::{Levels, Shares};
use super::{Target, range};
use crate::{ColorSpace, Frame};

/// Both pictures are in I420 and of one size.
pub(super) fn recolor(source: &Frame, target: &mut Target) {
    let (from, to) = (source.color_space(), target.space);
    if from.matrix == to.matrix {
        rescale(source, target);
    } else {
        Recoloring::new(from, to).run(source, target);
    }
}

fn rescale(source: &Frame, target: &mut Target) {
    let (from, to) = (source.color_space().range, target.space.range);
    let strides = [0, 1, 2].map(|plane| target.stride(plane));
    for (index, plane) in target.planes().into_iter().enumerate() {
        let scale = if index == 0 { range::luma(from, to) } else { range::chroma(from, to) };
        for (target, source) in plane.chunks_exact_mut(strides[index]).zip(source.rows(index)) {
            scale(source, target);
        }
    }
}

/// The numbers that make samples of one colour space those of another.
struct Recoloring {
    luma: Luma,
    /// What a step of blue and red chroma adds to blue chroma and to red chroma.
    blue: [i32; 2],
    red: [i32; 2],
}

struct Luma {
    scale: i16,
    /// What becomes of the middle of the scale, in whole steps and what is left of one.
    middle: i16,
    rest: i32,
    /// What a step of blue and red chroma adds.
    chroma: [i32; 2],
}

impl Recoloring {
    fn new(from: ColorSpace, to: ColorSpace) -> Self {
        let (old, new) = (Shares::of(from.matrix), Shares::of(to.matrix));
        let (old_range, new_range) = (Levels::of(from.range), Levels::of(to.range));
        // How far blue and red are from luma, by a step of their chroma.
        let (blue, red) = (2.0 * (1.0 - old.blue), 2.0 * (1.0 - old.red));
        // By how much they move luma, since green makes up for them in the old shares.
        let moved_by_blue = blue * (new.blue - new.green * old.blue / old.green);
        let moved_by_red = red * (new.red - new.green * old.red / old.green);
        let chroma_scale = new_range.chroma / old_range.chroma;
        let to_blue = chroma_scale / (2.0 * (1.0 - new.blue));
        let to_red = chroma_scale / (2.0 * (1.0 - new.red));

        let scale = new_range.luma / old_range.luma;
        let middle = new_range.black + (128.0 - old_range.black) * scale;
        let to_luma = new_range.luma / old_range.chroma;
        let luma = Luma {
            scale: (scale * f64::from(1 << LUMA_BITS)).round() as i16,
            middle: middle.floor() as i16,
            rest: fixed(middle.fract() + 0.5 / f64::from(1 << LUMA_BITS)) + HALF_A_STEP,
            chroma: [fixed(moved_by_blue * to_luma), fixed(moved_by_red * to_luma)],
        };
        Self {
            luma,
            blue: [fixed((blue - moved_by_blue) * to_blue), fixed(-moved_by_red * to_blue)],
            red: [fixed(-moved_by_blue * to_red), fixed((red - moved_by_red) * to_red)],
        }
    }

    fn run(&self, source: &Frame, target: &mut Target) {
        let (luma_stride, stride) = (target.stride(0), target.stride(1));
        let [luma, blue, red] = target.planes();
        let mut luma_rows = source.rows(0).zip(luma.chunks_exact_mut(luma_stride));
        let chroma_rows = source.rows(1).zip(source.rows(2));
        let targets = blue.chunks_exact_mut(stride).zip(red.chunks_exact_mut(stride));
        let mut added = vec![0; stride];
        for (source, target) in chroma_rows.zip(targets) {
            mix(source, target.0, self.blue);
            mix(source, target.1, self.red);
            self.luma.add(source, &mut added);
            for (source, target) in luma_rows.by_ref().take(2) {
                self.luma.run(source, &added, target);
            }
        }
    }
}

/// One chroma of both.
fn mix((blue, red): (&[u8], &[u8]), target: &mut [u8], steps: [i32; 2]) {
    for ((target, &blue), &red) in target.iter_mut().zip(blue).zip(red) {
        let mixed = (weigh(blue, red, steps) + (1 << (BITS - 1))) >> BITS;
        *target = (mixed + 128).clamp(0, 255) as u8;
    }
}

fn weigh(blue: u8, red: u8, steps: [i32; 2]) -> i32 {
    (i32::from(blue) - 128) * steps[0] + (i32::from(red) - 128) * steps[1]
}

impl Luma {
    /// What chroma and rounding add to luma, as finely as luma is scaled.
    fn add(&self, (blue, red): (&[u8], &[u8]), added: &mut [i16]) {
        for ((added, &blue), &red) in added.iter_mut().zip(blue).zip(red) {
            *added = ((weigh(blue, red, self.chroma) + self.rest) >> (BITS - LUMA_BITS)) as i16;
        }
    }

    fn run(&self, source: &[u8], added: &[i16], target: &mut [u8]) {
        let ((pairs, odd), (targets, odd_target)) =
            (source.as_chunks::<2>(), target.as_chunks_mut::<2>());
        for ((target, pair), &added) in targets.iter_mut().zip(pairs).zip(added) {
            *target = [self.one(pair[0], added), self.one(pair[1], added)];
        }
        if let ([target], [luma], Some(&added)) = (odd_target, odd, added.last()) {
            *target = self.one(*luma, added);
        }
    }

    /// Stays within 16 bits: luma is scaled by less than 1.2 and moved by less than 64.
    fn one(&self, luma: u8, added: i16) -> u8 {
        let scaled = (i16::from(luma) - 128) * self.scale + added;
        ((scaled >> LUMA_BITS) + self.middle).clamp(0, 255) as u8
    }
}

fn fixed(number: f64) -> i32 {
    (number * f64::from(1 << BITS)).round() as i32
}

/// Binary digits behind the point, for chroma.
const BITS: u32 = 16;
/// As many as fit into 16 bits beside luma.
const LUMA_BITS: u32 = 7;
const HALF_A_STEP: i32 = 1 << (BITS - 1);
