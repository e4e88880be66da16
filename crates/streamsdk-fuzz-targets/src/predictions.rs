//! An output as JSON, read as predictions down to the last pixel of a mask: what is read can be written, and
//! reads as the same again.

use serde_json::Value;
use streamsdk_protocol::predictions::{Detections, Predictions, RleMask};

const MASK_PIXELS: usize = 1 << 20;

pub(crate) fn run(json: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(json) else { return };
    let predictions = Predictions::from(value.clone());
    let written = serde_json::to_value(&predictions).expect("JSON");
    let again = Predictions::from(written.clone());
    assert_eq!(serde_json::to_value(&again).ok(), Some(written));
    let detections = serde_json::from_value::<Detections>(value);
    assert_eq!(detections.is_ok(), predictions.as_detections().is_some());
    if let Predictions::Segmentation(found) = &predictions {
        let _ = found.segmentation_mask.png();
    }
    let found = predictions.into_detections().into_iter().flatten();
    found.filter_map(|detection| detection.mask).for_each(|mask| read_mask(&mask));
}

fn read_mask(mask: &RleMask) {
    let pixels = u64::from(mask.width()) * u64::from(mask.height());
    let runs: Vec<_> = mask.runs().collect();
    assert!(runs.iter().flatten().all(|run| run.start < run.end && run.end <= pixels));
    let Ok(decoded) = mask.decode(MASK_PIXELS) else { return };
    let covered = decoded.rows().flatten().filter(|pixel| **pixel != 0).count();
    assert_eq!(mask.area(), Ok(covered as u64));
}
