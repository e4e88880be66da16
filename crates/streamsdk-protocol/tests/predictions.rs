//! Predictions of any shape: whatever a server writes, nothing gets lost and nothing breaks.
// Clippy takes only functions marked as tests for test code.
#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use streamsdk_protocol::predictions::{Detections, Mask, Predictions, RleMask};

/// What stands where something else is expected.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9a-zO<]{0,8}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([3, 4])),
        Just(json!({"x": 1, "y": 2})),
        Just(json!([{"x": 1, "y": 2}, {"x": null}])),
    ]
}

/// Good or odd.
fn field(good: Value) -> impl Strategy<Value = Value> {
    prop_oneof![4 => Just(good), 1 => odd()]
}

fn object(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let present = |(name, value)| (Just(name), proptest::option::weighted(0.9, value));
    let fields: Vec<_> = fields.into_iter().map(present).collect();
    fields
        .prop_map(|fields| {
            let present =
                fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Value::Object(present.collect::<Map<_, _>>())
        })
        .boxed()
}

fn item() -> BoxedStrategy<Value> {
    let good = |name, value| (name, field(value).boxed());
    object(vec![
        ("x", prop_oneof![9 => Just(json!(5)), 1 => odd()].boxed()),
        ("y", Just(json!(2.5)).boxed()),
        ("width", Just(json!(2)).boxed()),
        ("height", Just(json!(1e300)).boxed()),
        good("class", json!("a")),
        good("confidence", json!(0.5)),
        good("class_id", json!("3")),
        good("points", json!([{"x": 1, "y": 2}])),
        good("keypoints", json!([{"x": 1, "y": 2, "class": "a", "z": 1}])),
        good("rle_mask", json!({"size": [3, 4], "counts": "02103ON"})),
        good("rle", json!({"size": [2, 2], "counts": [1, 2.0, 1]})),
        good("tracker_id", json!(1)),
        good("detection_id", json!("b")),
        good("parent_id", json!(4)),
        good("segmentation_mask", json!("iVBORw==")),
        good("class_map", json!({"0": "a", "1": "b"})),
    ])
}

fn answer() -> BoxedStrategy<Value> {
    let by_name = vec(("[abc]", item()), 0..4);
    let by_name = by_name.prop_map(|items| Value::Object(items.into_iter().collect()));
    let listed = vec(prop_oneof![9 => item(), 1 => odd().boxed()], 0..5).prop_map(Value::from);
    let answer = object(vec![
        ("predictions", prop_oneof![listed, by_name, item(), odd()].boxed()),
        ("image", field(json!({"width": 4, "height": 3.0})).boxed()),
        ("top", field(json!("a")).boxed()),
        ("predicted_classes", field(json!(["a"])).boxed()),
        ("time", odd().boxed()),
    ]);
    prop_oneof![3 => answer.clone(), 1 => vec(answer, 0..3).prop_map(Value::from)].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_written_and_reads_as_the_same_again(value in answer()) {
        let predictions = Predictions::from(value.clone());
        let written = serde_json::to_value(&predictions).unwrap();
        let again = Predictions::from(written.clone());
        prop_assert_eq!(serde_json::to_value(&again).unwrap(), written);
        let detections = serde_json::from_value::<Detections>(value.clone());
        prop_assert_eq!(detections.is_ok(), predictions.as_detections().is_some());
        if let Predictions::Detections(found) = predictions {
            let all = value["predictions"].as_array().map_or(0, Vec::len);
            prop_assert_eq!(found.len() + found.unreadable.len(), all);
        }
    }

    #[test]
    fn masks_of_any_lengths_are_decoded_or_refused(
        size in [0_u32..9, 0_u32..9],
        counts in prop_oneof!["[0-o]{0,9}".prop_map(Value::from), vec(0_u32..12, 0..9).prop_map(Value::from)],
    ) {
        let mask = mask(size, counts);
        let pixels = u64::from(size[0] * size[1]);
        let runs: Vec<_> = mask.runs().collect();
        prop_assert!(runs.iter().flatten().all(|run| run.start < run.end && run.end <= pixels));
        prop_assert_eq!(mask.decode(100).is_ok(), mask.area().is_ok());
        if let Ok(decoded) = mask.decode(100) {
            prop_assert_eq!(mask.area(), Ok(covered(&decoded)));
        }
    }

    #[test]
    fn masks_survive_being_encoded(width in 0_u32..20, height in 0_u32..20, seed in any::<u64>()) {
        let pixel = |place: u32| u8::from(seed.rotate_left(place * 7) % 3 == 0) * 255;
        let pixels: Vec<u8> = (0..width * height).map(pixel).collect();
        let mask = RleMask::encode(width, height, &pixels).unwrap();
        prop_assert_eq!(mask.decode(400).unwrap().into_pixels(), pixels);
    }
}

fn mask([height, width]: [u32; 2], counts: Value) -> RleMask {
    let rle = json!({"size": [height, width], "counts": counts});
    let value = json!({"x": 1, "y": 1, "width": 1, "height": 1, "class": "a", "rle": rle});
    let found: Detections = serde_json::from_value(json!({"predictions": [value]})).unwrap();
    found.into_iter().next().unwrap().mask.unwrap()
}

fn covered(mask: &Mask) -> u64 {
    mask.rows().flatten().filter(|pixel| **pixel != 0).count() as u64
}
