use serde::Deserialize;

use super::odd::or_odd;
use super::outline::{Member, members, optional};
use super::{OddFields, Oddity, VideoMetadata};

/// What the server knows about a frame; an odd field loses only itself.
pub(super) fn read(
    value: &[u8],
    header_frame_id: u32,
    odd: &mut OddFields,
) -> Option<VideoMetadata> {
    let metadata = match optional::<WireMetadata>(value) {
        Ok(metadata) => metadata?,
        Err(_) => WireMetadata::read_each(value, odd)?,
    };
    Some(metadata.into_metadata(header_frame_id))
}

/// [`VideoMetadata`] with every field optional, as servers of other versions may leave some out.
#[derive(Default, Deserialize)]
struct WireMetadata {
    frame_id: Option<u32>,
    received_at: Option<String>,
    pts: Option<i64>,
    time_base: Option<f64>,
    declared_fps: Option<f64>,
    measured_fps: Option<f64>,
    width: Option<u32>,
    height: Option<u32>,
    rtp_timestamp: Option<u32>,
}

impl WireMetadata {
    /// Reads field by field, where the whole cannot be read in one go. `None` if it is no object.
    fn read_each(value: &[u8], odd: &mut OddFields) -> Option<Self> {
        const FIELD: &str = "video_metadata";
        if !value.starts_with(b"{") {
            odd.add(|| FIELD.to_owned(), Oddity::of(value));
            return None;
        }
        let mut metadata = Self::default();
        for member in members(value) {
            let Ok(Member { name, value, .. }) = member else {
                odd.add(|| FIELD.to_owned(), Oddity::Malformed);
                break;
            };
            let full = format!("{FIELD}.{name}");
            match &*name {
                "frame_id" => metadata.frame_id = or_odd(&full, value, odd),
                "received_at" => metadata.received_at = or_odd(&full, value, odd),
                "pts" => metadata.pts = or_odd(&full, value, odd),
                "time_base" => metadata.time_base = or_odd(&full, value, odd),
                "declared_fps" => metadata.declared_fps = or_odd(&full, value, odd),
                "measured_fps" => metadata.measured_fps = or_odd(&full, value, odd),
                "width" => metadata.width = or_odd(&full, value, odd),
                "height" => metadata.height = or_odd(&full, value, odd),
                "rtp_timestamp" => metadata.rtp_timestamp = or_odd(&full, value, odd),
                _ => {}
            }
        }
        Some(metadata)
    }

    fn into_metadata(self, header_frame_id: u32) -> VideoMetadata {
        VideoMetadata {
            frame_id: self.frame_id.unwrap_or(header_frame_id),
            received_at: self.received_at,
            pts: self.pts,
            time_base: self.time_base,
            declared_fps: self.declared_fps,
            measured_fps: self.measured_fps,
            width: self.width,
            height: self.height,
            rtp_timestamp: self.rtp_timestamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(value: &str) -> (Option<VideoMetadata>, String) {
        let mut odd = OddFields::default();
        let metadata = read(value.as_bytes(), 7, &mut odd);
        (metadata, odd.to_string())
    }

    #[test]
    fn an_odd_field_loses_only_itself() {
        let good = r#""frame_id": 3, "received_at": "t", "pts": 512, "time_base": 0.5, "width": 4"#;
        let whole = VideoMetadata {
            frame_id: 3,
            received_at: Some("t".into()),
            pts: Some(512),
            time_base: Some(0.5),
            width: Some(4),
            ..VideoMetadata::default()
        };
        for (odd, said) in [
            (r#""declared_fps": NaN"#, "video_metadata.declared_fps is not a finite number"),
            (r#""measured_fps": -Infinity"#, "video_metadata.measured_fps is not a finite number"),
            (r#""declared_fps": "25""#, r#"video_metadata.declared_fps cannot be "25""#),
            (r#""height": -1"#, "video_metadata.height cannot be -1"),
            (r#""height": 1.5"#, "video_metadata.height cannot be 1.5"),
            (r#""height": 99999999999"#, "video_metadata.height cannot be 99999999999"),
            (r#""measured_fps": 1e999"#, "video_metadata.measured_fps cannot be 1e999"),
            (r#""declared_fps": {"a":[1]}"#, r#"video_metadata.declared_fps cannot be {"a":[1]}"#),
            (r#""new": NaN"#, ""),
        ] {
            let expected = (Some(whole.clone()), said.to_owned());
            assert_eq!(read_text(&format!("{{{good}, {odd}}}")), expected, "{odd}");
            assert_eq!(read_text(&format!("{{{odd}, {good}}}")), expected, "{odd}");
        }
    }

    #[test]
    fn a_frame_id_that_is_none_is_taken_from_the_header() {
        for id in ["-3", "\"3\"", "NaN", "3.0", "4294967296", "[3]", "true"] {
            let (metadata, odd) = read_text(&format!(r#"{{"frame_id": {id}, "pts": 5}}"#));
            let metadata = metadata.unwrap();
            assert_eq!((metadata.frame_id, metadata.pts), (7, Some(5)), "{id}");
            assert_eq!(
                odd,
                format!(
                    "video_metadata.frame_id {}",
                    match id {
                        "NaN" => "is not a finite number".to_owned(),
                        id => format!("cannot be {id}"),
                    }
                )
            );
        }
    }

    #[test]
    fn what_is_no_object_is_no_metadata() {
        for value in ["3", "[1]", "\"x\"", "NaN"] {
            let (metadata, odd) = read_text(value);
            assert!(metadata.is_none() && odd.starts_with("video_metadata "), "{value}: {odd}");
        }
        assert_eq!(read_text("null"), (None, String::new()));
    }
}
