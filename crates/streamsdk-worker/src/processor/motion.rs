use serde_json::{Map, Value, json};
use streamsdk_draw::{DrawOptions, draw};
use streamsdk_media::draw::Color;
use streamsdk_media::{Frame, PixelFormat};
use streamsdk_protocol::predictions::{Detection, Detections, ImageSize};

use super::parameters::{flag, number};
use super::shrunk::{Area, Rgb};
use super::{FrameContext, Processor, ProcessorError, ProcessorOutputs};

/// Pictures are looked at with at most about so many pixels a side.
const MAX_WORKING_SIDE: usize = 320;
/// Share of a new frame in the background, as a power of two. What moves is taken in slowly, so that
/// it leaves no trail; a thing that stops has become background after three to five seconds.
const STILL_SHIFT: u32 = 4;
const MOVING_SHIFT: u32 = 6;
const BOX_COLOUR: Color = Color::rgb(57, 255, 20);

/// Finds what moves against a slowly adapting background.
#[derive(Default)]
pub(super) struct Motion {
    background: Option<BackgroundModel>,
}

/// The mean of the past, in 1/256 of a step of each colour.
struct BackgroundModel {
    width: usize,
    height: usize,
    means: Vec<[i32; 3]>,
}

struct MotionSettings {
    /// Least difference in any of the three colours that counts.
    threshold: i32,
    /// Least area of a box, as a share of the picture.
    min_area: f64,
    /// Whether boxes are drawn on the image.
    draw: bool,
}

impl MotionSettings {
    fn read(parameters: &Map<String, Value>) -> Result<Self, ProcessorError> {
        let share = (0.0, 1.0);
        let expected = "a number from 0 to 1";
        let sensitivity = number(parameters, "sensitivity", share, expected, 0.5)?;
        let min_area = number(parameters, "min_area", share, expected, 0.001)?;
        let draw = flag(parameters, "draw", true)?;
        Ok(Self { threshold: (60.0 - 50.0 * sensitivity) as i32, min_area, draw })
    }
}

impl Processor for Motion {
    fn process(
        &mut self,
        frame: &Frame,
        context: &FrameContext<'_>,
    ) -> Result<ProcessorOutputs, ProcessorError> {
        let settings = MotionSettings::read(context.parameters())?;
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let rgb = frame.convert(PixelFormat::Rgb24)?.to_packed();
        let factor = (width.max(height) / MAX_WORKING_SIDE).max(1);
        let mut found = self.find(&Rgb::shrunk(&rgb, width, height, factor), &settings);
        for blob in &mut found {
            let Area { left, top, right, bottom } = &mut blob.area;
            (*left, *top) = (*left * factor, *top * factor);
            (*right, *bottom) = ((*right * factor).min(width), (*bottom * factor).min(height));
        }

        let report = report(frame, &found);
        let outputs = ProcessorOutputs::new().json("predictions", json!(report));
        if !context.wants("image") {
            return Ok(outputs);
        }
        if !settings.draw {
            return Ok(outputs.image("image", frame.clone()));
        }
        let options = DrawOptions::default().labels(false).color(BOX_COLOUR);
        Ok(outputs.image("image", draw(frame.clone(), &report, &options)))
    }
}

impl Motion {
    fn find(&mut self, small: &Rgb, settings: &MotionSettings) -> Vec<Blob> {
        let same_size = |background: &BackgroundModel| {
            (background.width, background.height) == (small.width, small.height)
        };
        let Some(background) = self.background.as_mut().filter(|b| same_size(b)) else {
            self.background = Some(BackgroundModel {
                width: small.width,
                height: small.height,
                means: small.pixels.iter().map(|pixel| pixel.map(|p| i32::from(p) << 8)).collect(),
            });
            return Vec::new();
        };
        let pixels = small.pixels.iter().zip(&mut background.means);
        let differences: Vec<u8> =
            pixels.map(|(pixel, mean)| differ(*pixel, mean, settings.threshold)).collect();
        let least = (settings.min_area * small.pixels.len() as f64).max(1.0);
        blobs(&differences, small.width, settings.threshold)
            .into_iter()
            .filter(|blob| blob.pixels as f64 >= least)
            .collect()
    }
}

/// The largest difference of a pixel to the mean of its past, which takes the pixel in.
fn differ(pixel: [u8; 3], mean: &mut [i32; 3], threshold: i32) -> u8 {
    let difference = |channel: usize| (i32::from(pixel[channel]) << 8) - mean[channel];
    let differences = [difference(0), difference(1), difference(2)];
    let largest = differences.iter().map(|d| d.abs() >> 8).max().unwrap_or_default();
    let shift = if largest > threshold { MOVING_SHIFT } else { STILL_SHIFT };
    for (mean, difference) in mean.iter_mut().zip(differences) {
        *mean += difference >> shift;
    }
    largest as u8
}

/// Pixels that differ and touch each other.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Blob {
    area: Area,
    pixels: usize,
    /// Sum of the differences.
    weight: usize,
}

/// Joins neighbouring pixels over the threshold, by filling from each that is not yet in a blob.
fn blobs(differences: &[u8], width: usize, threshold: i32) -> Vec<Blob> {
    let differs = |at: usize| i32::from(differences[at]) > threshold;
    let height = differences.len() / width.max(1);
    let mut seen = vec![false; differences.len()];
    let mut found = Vec::new();
    let mut waiting = Vec::new();
    for start in 0..differences.len() {
        if seen[start] || !differs(start) {
            continue;
        }
        seen[start] = true;
        waiting.push(start);
        let (x, y) = (start % width, start / width);
        let area = Area { left: x, top: y, right: x + 1, bottom: y + 1 };
        let mut blob = Blob { area, pixels: 0, weight: 0 };
        while let Some(at) = waiting.pop() {
            let (x, y) = (at % width, at / width);
            blob.pixels += 1;
            blob.weight += usize::from(differences[at]);
            blob.area.left = blob.area.left.min(x);
            blob.area.right = blob.area.right.max(x + 1);
            blob.area.top = blob.area.top.min(y);
            blob.area.bottom = blob.area.bottom.max(y + 1);
            for y in y.saturating_sub(1)..(y + 2).min(height) {
                for x in x.saturating_sub(1)..(x + 2).min(width) {
                    let next = y * width + x;
                    if !seen[next] && differs(next) {
                        seen[next] = true;
                        waiting.push(next);
                    }
                }
            }
        }
        found.push(blob);
    }
    found
}

fn report(frame: &Frame, found: &[Blob]) -> Detections {
    let detection = |blob: &Blob| {
        let Area { left, top, right, bottom } = blob.area;
        // A difference of half the range is as sure as it gets.
        let contrast = blob.weight as f64 / blob.pixels as f64 / 128.0;
        let confidence = (contrast.min(1.0) * 1000.0).round() / 1000.0;
        Detection::new("motion", confidence, [left, top, right, bottom].map(|edge| edge as f64))
    };
    let size = ImageSize::new(frame.width(), frame.height());
    Detections::new(size, found.iter().map(detection).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::OutputValue;

    const WIDTH: usize = 640;
    const HEIGHT: usize = 480;

    /// A gray picture with a white square of 60 pixels a side at `x`, `y`.
    fn scene(square: Option<(usize, usize)>) -> Frame {
        let mut pixels = vec![90; WIDTH * HEIGHT];
        if let Some((left, top)) = square {
            for y in top..top + 60 {
                pixels[y * WIDTH + left..y * WIDTH + left + 60].fill(230);
            }
        }
        Frame::packed(PixelFormat::Gray8, WIDTH as u32, HEIGHT as u32, pixels).unwrap()
    }

    fn run(motion: &mut Motion, frame: &Frame) -> Detections {
        let outputs = motion.process(frame, &FrameContext::new(1, &Map::new())).unwrap();
        match outputs.get("predictions") {
            Some(OutputValue::Json(value)) => serde_json::from_value(value.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_still_scene_has_no_motion() {
        let mut motion = Motion::default();
        for _ in 0..5 {
            assert!(run(&mut motion, &scene(Some((100, 100)))).predictions.is_empty());
        }
    }

    #[test]
    fn a_thing_that_appears_is_found_where_it_is() {
        let mut motion = Motion::default();
        run(&mut motion, &scene(None));
        let found = run(&mut motion, &scene(Some((300, 200))));
        assert_eq!(found.image, ImageSize { width: Some(640), height: Some(480) });
        let [square] = found.predictions.as_slice() else { panic!("{found:?}") };
        assert!((square.x - 330.0).abs() <= 3.0 && (square.y - 230.0).abs() <= 3.0, "{square:?}");
        assert!((square.width - 60.0).abs() <= 6.0 && (square.height - 60.0).abs() <= 6.0);
        assert!(square.confidence > 0.5 && square.class == "motion");
    }

    #[test]
    fn a_thing_of_the_same_brightness_is_found_by_its_colour() {
        let coloured = |square: [u8; 3]| {
            let mut rgb = [70, 70, 70].repeat(64 * 64);
            for y in 20..40 {
                for x in 20..40 {
                    rgb[(y * 64 + x) * 3..][..3].copy_from_slice(&square);
                }
            }
            Frame::packed(PixelFormat::Rgb24, 64, 64, rgb).unwrap()
        };
        let mut motion = Motion::default();
        run(&mut motion, &coloured([70, 70, 70]));
        // Red is as bright as this gray.
        assert_eq!(run(&mut motion, &coloured([235, 0, 0])).predictions.len(), 1);
    }

    #[test]
    fn the_background_learns_a_thing_that_stays() {
        let mut motion = Motion::default();
        run(&mut motion, &scene(None));
        let stays = scene(Some((300, 200)));
        let boxes: Vec<usize> =
            (0..150).map(|_| run(&mut motion, &stays).predictions.len()).collect();
        assert_eq!((boxes[0], boxes[149]), (1, 0));
    }

    #[test]
    fn another_picture_size_starts_anew() {
        let mut motion = Motion::default();
        run(&mut motion, &scene(None));
        let other = Frame::packed(PixelFormat::Gray8, 10, 10, vec![255; 100]).unwrap();
        assert!(run(&mut motion, &other).predictions.is_empty());
    }
}
