//! What is drawn can be seen, is where it belongs, and nothing that comes from outside does harm.
// Clippy takes only functions marked as tests for test code.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};
use streamsdk_draw::{DrawOptions, draw};
use streamsdk_media::draw::Color;
use streamsdk_media::{Frame, PixelFormat};
use streamsdk_protocol::predictions::{Detection, Detections, ImageSize, Predictions, RleMask};

const FORMATS: [PixelFormat; 6] = {
    use PixelFormat::{Bgr24, Gray8, I420, Nv12, Rgb24, Yuyv};
    [Bgr24, Rgb24, I420, Nv12, Yuyv, Gray8]
};

fn flat(format: PixelFormat, width: u32, height: u32, gray: u8) -> Frame {
    let pixels = vec![gray; (width * height) as usize];
    let frame = Frame::packed(PixelFormat::Gray8, width, height, pixels).unwrap();
    frame.convert(format).unwrap()
}

fn luma(frame: &Frame) -> Vec<Vec<u8>> {
    let gray = frame.convert(PixelFormat::Gray8).unwrap();
    gray.rows(0).map(<[u8]>::to_vec).collect()
}

fn boxes(width: u32, height: u32, found: Vec<Detection>) -> Detections {
    Detections::new(ImageSize::new(width, height), found)
}

fn of_class(class_id: i64, edges: [f64; 4]) -> Detection {
    let mut detection = Detection::new("Person 1", 0.87, edges);
    detection.class_id = class_id;
    detection
}

/// The largest difference to the background in a part of the picture.
fn contrast(rows: &[Vec<u8>], background: u8) -> u8 {
    rows.iter().flatten().map(|sample| sample.abs_diff(background)).max().unwrap_or_default()
}

#[test]
fn boxes_and_labels_differ_from_every_background() {
    for (format, gray) in
        FORMATS.into_iter().flat_map(|format| [0, 64, 128, 192, 255].map(|gray| (format, gray)))
    {
        for class_id in 0..12 {
            let frame = flat(format, 320, 240, gray);
            let background = luma(&frame)[0][0];
            let found = boxes(320, 240, vec![of_class(class_id, [40.0, 60.0, 280.0, 200.0])]);
            let drawn = luma(&draw(frame, &found, &DrawOptions::default()));
            // Everywhere along the box, not only somewhere.
            for row in &drawn[80..190] {
                let left = contrast(&[row[36..46].to_vec()], background);
                assert!(left >= 60, "{format} {gray} {class_id}: {left}");
            }
            for x in 150..270 {
                let column: Vec<_> = drawn[56..66].iter().map(|row| row[x]).collect();
                let top = contrast(&[column], background);
                assert!(top >= 60, "{format} {gray} {class_id}: {top} in column {x}");
            }
            // The plate is above the box: its text and its ground differ from each other.
            let plate: Vec<_> = drawn[50..58].iter().map(|row| row[42..100].to_vec()).collect();
            let all = plate.iter().flatten();
            let (dark, bright) = (all.clone().min().unwrap(), all.max().unwrap());
            assert!(bright - dark >= 90, "{format} {gray} {class_id}: {dark} to {bright}");
        }
    }
}

#[test]
fn a_label_is_within_the_picture_wherever_its_box_is() {
    for edges in
        [[0.0, 0.0, 40.0, 30.0], [300.0, 220.0, 320.0, 240.0], [-50.0, 250.0, 400.0, 300.0]]
    {
        let only_labels = DrawOptions::default().boxes(false);
        let frame = flat(PixelFormat::Rgb24, 320, 240, 0);
        let drawn = luma(&draw(frame, &boxes(320, 240, vec![of_class(0, edges)]), &only_labels));
        let changed = drawn.iter().flatten().filter(|sample| **sample != 0).count();
        // All of it: thirteen characters of six dots, and a margin.
        assert!(changed > 700, "{edges:?}: {changed}");
    }
}

#[test]
fn boxes_of_another_size_are_drawn_where_they_belong() {
    let options = DrawOptions::default().labels(false).thickness(1).color(Color::WHITE);
    let found = boxes(640, 480, vec![of_class(0, [100.0, 200.0, 300.0, 400.0])]);
    let drawn = luma(&draw(flat(PixelFormat::Gray8, 320, 120, 0), &found, &options));
    assert_eq!((drawn[75][50], drawn[75][149]), (255, 255));
    assert_eq!((drawn[50][100], drawn[99][100]), (255, 255));
    assert_eq!((drawn[75][48], drawn[75][100]), (0, 0));
}

#[test]
fn masks_are_translucent_and_cover_what_they_say_on_any_grid() {
    // The left half of the image, on a grid of a quarter of its size.
    let covered: Vec<u8> = (0..20 * 12).map(|place| u8::from(place % 20 < 10)).collect();
    let mut thing = of_class(0, [0.0, 0.0, 80.0, 48.0]);
    thing.mask = Some(RleMask::encode(20, 12, &covered).unwrap());
    let options = DrawOptions::default().boxes(false).labels(false).color(Color::WHITE);
    for format in FORMATS {
        let found = boxes(80, 48, vec![thing.clone()]);
        let half = options.clone().mask_opacity(0.5);
        let drawn = luma(&draw(flat(format, 80, 48, 0), &found, &half));
        assert!(drawn[24][20].abs_diff(128) <= 3 && drawn[24][39].abs_diff(128) <= 3, "{format}");
        assert!(drawn[24][41] <= 3 && drawn[47][79] <= 3, "{format}");
        let without = options.clone().mask_opacity(0.0);
        assert!(
            luma(&draw(flat(format, 80, 48, 0), &found, &without))
                == luma(&flat(format, 80, 48, 0))
        );
    }
}

#[test]
fn outlines_and_keypoints_are_drawn() {
    let value = json!({
        "image": {"width": 160, "height": 120},
        "predictions": [{
            "x": 80, "y": 60, "width": 80, "height": 60, "confidence": 1, "class": "a",
            "points": [{"x": 40, "y": 30}, {"x": 120, "y": 30}, {"x": 40, "y": 90}],
            "keypoints": [{"x": 140, "y": 100, "confidence": 1, "class": "tip", "class_id": 0}],
        }],
    });
    let options =
        DrawOptions::default().boxes(false).labels(false).color(Color::WHITE).mask_opacity(0.5);
    let drawn =
        luma(&draw(flat(PixelFormat::Gray8, 160, 120, 0), &Predictions::from(value), &options));
    assert_eq!(drawn[29][80].max(drawn[30][80]), 255);
    assert!(drawn[45][60].abs_diff(128) <= 2, "{}", drawn[45][60]);
    assert_eq!((drawn[80][110], drawn[100][140]), (0, 255));
}

#[test]
fn classes_of_the_whole_image_are_written_in_its_corner() {
    for value in [
        json!({"top": "cat", "confidence": 0.9, "predictions": [{"class": "cat", "class_id": 1, "confidence": 0.9}]}),
        json!({"predicted_classes": ["a", "b"], "predictions": {"a": {"confidence": 0.9, "class_id": 0}}}),
    ] {
        let plain = flat(PixelFormat::Rgb24, 160, 120, 0);
        let drawn = luma(&draw(plain, &Predictions::from(value.clone()), &DrawOptions::default()));
        assert!(drawn[2][2] > 0 && drawn[119][159] == 0, "{value}");
    }
    let nothing = Predictions::from(json!({"top": "", "predictions": []}));
    let plain = flat(PixelFormat::Rgb24, 160, 120, 0);
    assert_eq!(
        draw(plain.clone(), &nothing, &DrawOptions::default()).to_packed(),
        plain.to_packed()
    );
}

#[test]
fn a_mask_that_claims_to_be_huge_is_left_out() {
    let mut value = json!({"image": {"width": 8, "height": 8}, "predictions": []});
    let thing = json!({"x": 4, "y": 4, "width": 8, "height": 8, "class": "a", "confidence": 1,
        "rle": {"size": [60_000, 60_000], "counts": [0, 3_600_000_000_u32]}});
    value["predictions"] = Value::from(vec![thing; 100]);
    let options = DrawOptions::default().boxes(false).labels(false);
    let plain = flat(PixelFormat::Rgb24, 8, 8, 7);
    assert_eq!(
        draw(plain.clone(), &Predictions::from(value), &options).to_packed(),
        plain.to_packed()
    );
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        -50.0..100.0_f64,
        any::<f64>(),
        proptest::sample::select(vec![f64::NAN, f64::INFINITY, f64::MIN, f64::MAX, -0.0]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_number_does_harm(
        format in proptest::sample::select(FORMATS.to_vec()),
        (width, height) in (1_u32..60, 1_u32..60),
        image in (proptest::option::of(any::<u32>()), proptest::option::of(0_u32..100)),
        numbers in proptest::collection::vec(number(), 12),
        class in ".{0,60}",
        ids in [any::<i64>(), any::<i64>()],
        sizes in [any::<u16>(), any::<u16>()],
        grid in [0_u32..40, 0_u32..40],
    ) {
        let mut thing = Detection::new(class, numbers[0], [numbers[1], numbers[2], numbers[3], numbers[4]]);
        (thing.class_id, thing.tracker_id) = (ids[0], Some(ids[1]));
        let points = numbers.chunks(2).map(|pair| json!({"x": pair[0], "y": pair[1]}));
        let value = json!({"x": 1, "y": 1, "width": 1, "height": 1, "class": "a", "points": points.collect::<Value>()});
        let parsed: Detection = serde_json::from_value(value).unwrap();
        thing.points = parsed.points;
        for point in thing.points.iter_mut().flatten() {
            (point.x, point.y) = (point.x * numbers[5], point.y * numbers[6]);
        }
        let covered = vec![1; (grid[0] * grid[1]) as usize];
        let mut masked = of_class(0, [-10.0, -10.0, 1e9, 1e9]);
        masked.mask = Some(RleMask::encode(grid[0], grid[1], &covered).unwrap());
        let size = ImageSize { width: image.0, height: image.1 };
        let found = Detections::new(size, vec![thing, masked]);
        let options = DrawOptions::default().thickness(sizes[0]).text_scale(sizes[1]);
        let drawn = draw(flat(format, width, height, 90), &found, &options);
        prop_assert_eq!((drawn.width(), drawn.height(), drawn.format()), (width, height, format));
    }
}

/// Run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn how_long_twenty_boxes_take_at_1080p() {
    let of = |place: u32| {
        let (x, y) = (f64::from(place % 5) * 370.0 + 20.0, f64::from(place / 5) * 260.0 + 40.0);
        of_class(i64::from(place), [x, y, x + 330.0, y + 200.0])
    };
    let plain: Vec<_> = (0..20).map(of).collect();
    let masked = plain.iter().cloned().map(|mut thing| {
        let [left, top, right, bottom] = thing.edges().map(|edge| edge as u32);
        let inside = |x: u32, y: u32| (left..right).contains(&x) && (top..bottom).contains(&y);
        let pixels: Vec<u8> =
            (0..1920 * 1080).map(|at| u8::from(inside(at % 1920, at / 1920))).collect();
        thing.mask = Some(RleMask::encode(1920, 1080, &pixels).unwrap());
        thing
    });
    for (what, found) in [("boxes", plain.clone()), ("boxes with masks", masked.collect())] {
        let found = boxes(1920, 1080, found);
        for format in FORMATS {
            let mut frame = flat(format, 1920, 1080, 90);
            let started = std::time::Instant::now();
            for _ in 0..50 {
                frame = draw(frame, &found, &DrawOptions::default());
            }
            println!("{what}, {format}: {:?} a frame", started.elapsed() / 50);
        }
    }
}
