use proptest::prelude::*;

use super::*;
use crate::{ColorSpace, PixelFormat, TimeBase, Timestamp};

const FORMATS: [PixelFormat; 6] = {
    use PixelFormat::{Bgr24, Gray8, I420, Nv12, Rgb24, Yuyv};
    [Bgr24, Rgb24, I420, Nv12, Yuyv, Gray8]
};
const ORANGE: Color = Color::rgb(255, 128, 0);

fn black(format: PixelFormat, width: u32, height: u32) -> Canvas {
    Canvas::new(format, width, height).unwrap()
}

/// Rows of luma in full range.
fn gray(canvas: Canvas) -> Vec<Vec<u8>> {
    let gray = canvas.into_frame().convert(PixelFormat::Gray8).unwrap();
    gray.rows(0).map(<[u8]>::to_vec).collect()
}

/// Where something was drawn with white on black, as text.
fn picture(draw: impl FnOnce(&mut Canvas)) -> Vec<String> {
    let mut canvas = black(PixelFormat::Gray8, 8, 6);
    draw(&mut canvas);
    let mark = |sample: u8| if sample > 127 { '#' } else { '.' };
    gray(canvas).into_iter().map(|row| row.into_iter().map(mark).collect()).collect()
}

#[test]
fn a_color_is_the_same_in_every_format_and_color_space() {
    for (format, space) in FORMATS.into_iter().flat_map(|format| {
        [ColorSpace::BT601, ColorSpace::BT709, ColorSpace::JPEG].map(|space| (format, space))
    }) {
        let frame = black(PixelFormat::Rgb24, 9, 7).into_frame().convert_to(format, space).unwrap();
        let mut canvas = Canvas::of(frame);
        canvas.fill(Area::new(2, 2, 6, 6), ORANGE);
        let rgb = canvas.into_frame().convert(PixelFormat::Rgb24).unwrap();
        let pixel = |x: usize, y: usize| rgb.rows(0).nth(y).unwrap()[x * 3..][..3].to_vec();
        let expected = match format {
            PixelFormat::Gray8 => [ORANGE.brightness(); 3],
            _ => [255, 128, 0],
        };
        for (x, y) in [(2, 2), (5, 5), (3, 4)] {
            let near =
                pixel(x, y).iter().zip(expected).all(|(it, wanted)| it.abs_diff(wanted) <= 3);
            assert!(near, "{format} {space:?}: {:?}", pixel(x, y));
        }
        for (x, y) in [(0, 0), (8, 6), (7, 3), (3, 0)] {
            assert!(pixel(x, y).iter().all(|part| *part <= 3), "{format} {:?}", pixel(x, y));
        }
    }
}

#[test]
fn a_canvas_gives_back_the_frame_that_it_was_made_of() {
    let stamp = Timestamp::new(7, TimeBase::MILLISECONDS);
    for format in FORMATS {
        let frame = black(PixelFormat::Rgb24, 5, 3).into_frame().convert(format).unwrap();
        let frame = frame.at(stamp).in_color_space(ColorSpace::BT709);
        let back = Canvas::of(frame.clone()).into_frame();
        assert_eq!((back.format(), back.timestamp()), (format, Some(stamp)));
        assert_eq!(back.color_space(), ColorSpace::BT709);
        assert_eq!(back.to_packed(), frame.to_packed());
    }
    let frame = black(PixelFormat::Rgb24, 5, 3).into_frame();
    let address = frame.planes()[0].data.as_ptr();
    let back = Canvas::of(frame).into_frame();
    assert_eq!(back.planes()[0].data.as_ptr(), address);
    assert!(Canvas::new(PixelFormat::Gray8, 0, 1).is_err());
    assert!(Canvas::new(PixelFormat::Gray8, u32::MAX, 1).is_err());
}

#[test]
fn an_outline_is_inside_of_its_area() {
    let drawn = picture(|canvas| canvas.outline(Area::new(1, 1, 6, 5), 1, Color::WHITE));
    assert_eq!(drawn, ["........", ".#####..", ".#...#..", ".#...#..", ".#####..", "........"]);
    let thick = picture(|canvas| canvas.outline(Area::new(1, 1, 6, 5), 9, Color::WHITE));
    assert_eq!(thick, ["........", ".#####..", ".#####..", ".#####..", ".#####..", "........"]);
}

#[test]
fn polygons_are_filled_where_the_middle_of_a_pixel_is_inside() {
    let corners = [(1.0, 1.0), (7.0, 1.0), (1.0, 6.0)];
    let drawn = picture(|canvas| canvas.polygon(&corners, Color::WHITE));
    assert_eq!(drawn, ["........", ".#####..", ".####...", ".###....", ".##.....", ".#......"]);
    // What is no number is left out.
    let odd = [corners[0], (f64::NAN, 3.0), corners[1], (1.0, f64::INFINITY), corners[2]];
    assert_eq!(picture(|canvas| canvas.polygon(&odd, Color::WHITE)), drawn);
}

#[test]
fn lines_and_discs_have_their_thickness() {
    let line = picture(|canvas| canvas.line((1.5, 1.5), (5.5, 1.5), 1.0, Color::WHITE));
    assert_eq!(line, ["........", ".#####..", "........", "........", "........", "........"]);
    for (from, to) in [((1.0, 3.0), (6.0, 3.0)), ((3.0, 1.0), (3.0, 5.0))] {
        let thin = picture(|canvas| canvas.line(from, to, 1.0, Color::WHITE)).concat();
        let length = (to.0 - from.0 + to.1 - from.1) as usize;
        assert!((length..=length + 1).contains(&thin.matches('#').count()), "{thin}");
    }
    let diagonal = picture(|canvas| canvas.line((0.0, 0.0), (6.0, 6.0), 1.4, Color::WHITE));
    assert_eq!(diagonal, ["#.......", ".#......", "..#.....", "...#....", "....#...", ".....#.."]);
    let disc = picture(|canvas| canvas.disc((3.0, 3.0), 2.0, Color::WHITE));
    assert_eq!(disc, ["........", "..##....", ".####...", ".####...", "..##....", "........"]);
}

#[test]
fn what_is_translucent_lets_the_picture_through_in_every_format() {
    for format in FORMATS {
        let mut canvas = black(format, 8, 8);
        canvas.fill(canvas.area(), Color::WHITE.opacity(0.5));
        for row in gray(canvas) {
            assert!(row.iter().all(|sample| sample.abs_diff(128) <= 2), "{format}: {row:?}");
        }
        let mut canvas = black(format, 8, 8);
        canvas.fill(canvas.area(), ORANGE.opacity(0.5));
        let rgb = canvas.into_frame().convert(PixelFormat::Rgb24).unwrap();
        let half = if format == PixelFormat::Gray8 { [75; 3] } else { [128, 64, 0] };
        let first = &rgb.rows(0).next().unwrap()[..3];
        assert!(
            first.iter().zip(half).all(|(it, half)| it.abs_diff(half) <= 4),
            "{format} {first:?}"
        );
    }
}

#[test]
fn every_character_can_be_told_from_every_other() {
    let drawn = |character: char| {
        let mut canvas = black(PixelFormat::Gray8, 6, 7);
        canvas.text(&character.to_string(), 0, 0, 1, Color::WHITE);
        gray(canvas)
    };
    let characters: Vec<_> = (' '..='~').collect();
    let pictures: std::collections::BTreeSet<_> = characters.iter().map(|it| drawn(*it)).collect();
    assert_eq!(pictures.len(), characters.len());
    assert_eq!(drawn('ü'), drawn('日'));
}

#[test]
fn text_is_as_large_as_it_says() {
    let (width, height) = text_size("Ag1", 2);
    let mut canvas = black(PixelFormat::Gray8, 64, 32);
    canvas.text("Ag1", 3, 4, 2, Color::WHITE);
    let rows = gray(canvas);
    let inside = |x: usize, y: usize| {
        (3..3 + width).contains(&(x as i32)) && (4..4 + height).contains(&(y as i32))
    };
    let mut drawn = 0;
    for (y, row) in rows.iter().enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, sample)| **sample > 0) {
            assert!(inside(x, y), "{x}, {y}");
            drawn += 1;
        }
    }
    assert!(drawn > 100);
}

#[test]
fn kinds_have_colors_that_differ_and_that_contrast_with_black_or_white() {
    let colors: Vec<_> = (0..12).map(Color::of_kind).collect();
    for (place, color) in colors.iter().enumerate() {
        assert_eq!(*color, Color::of_kind(place as i64));
        assert!(color.brightness().abs_diff(color.contrast().brightness()) >= 100, "{color:?}");
        for other in &colors[..place] {
            let distance: u32 =
                color.rgb.iter().zip(other.rgb).map(|(a, b)| u32::from(a.abs_diff(b))).sum();
            assert!(distance >= 40, "{color:?}, {other:?}");
        }
    }
    let _ = (Color::of_kind(i64::MIN), Color::of_kind(i64::MAX));
}

/// Any number, and those that break arithmetic.
fn place() -> impl Strategy<Value = f64> {
    prop_oneof![
        -20.0..40.0_f64,
        any::<f64>(),
        proptest::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 0.0]),
    ]
}

fn edge() -> impl Strategy<Value = i32> {
    prop_oneof![-20..40, any::<i32>(), Just(i32::MIN), Just(i32::MAX)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_coordinate_does_harm(
        format in proptest::sample::select(FORMATS.to_vec()),
        (width, height) in (1_u32..20, 1_u32..20),
        area in [edge(), edge(), edge(), edge()],
        thickness in edge(),
        corners in proptest::collection::vec((place(), place()), 0..8),
        radius in place(),
        text in ".{0,12}",
        opacity in any::<f32>(),
    ) {
        let mut canvas = black(format, width, height);
        let color = ORANGE.opacity(opacity);
        let [left, top, right, bottom] = area;
        canvas.fill(Area::new(left, top, right, bottom), color);
        canvas.outline(Area::new(left, top, right, bottom), thickness, color);
        canvas.text(&text, left, top, thickness, color);
        canvas.row(top, left..right, color);
        canvas.polygon(&corners, color);
        canvas.polyline(&corners, radius, color);
        for pair in corners.windows(2) {
            canvas.line(pair[0], pair[1], radius, color);
            canvas.disc(pair[0], radius, color);
        }
        let bytes: usize = format.plane_sizes(width, height).map(crate::PlaneSize::bytes).sum();
        prop_assert_eq!(canvas.into_frame().to_packed().len(), bytes);
    }
}
