use serde_json::json;

use super::*;

fn read(value: Value) -> Predictions {
    Predictions::from(value)
}

/// What is written has all that was read.
fn assert_round_trip(value: Value) -> Predictions {
    let read = read(value.clone());
    assert_eq!(serde_json::to_value(&read).unwrap(), value);
    read
}

fn car() -> Value {
    json!({"x": 50.0, "y": 40.0, "width": 20.0, "height": 10.0, "confidence": 0.5, "class": "car", "class_id": 2})
}

fn with(mut object: Value, fields: Value) -> Value {
    if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
        object.extend(fields);
    }
    object
}

fn boxes(predictions: impl Into<Vec<Value>>) -> Value {
    json!({"image": {"width": 64, "height": 48}, "predictions": predictions.into()})
}

fn only_box(value: Value) -> Detection {
    let found = read(boxes([value])).into_detections().unwrap();
    found.into_iter().next().unwrap()
}

#[test]
fn boxes_are_read_with_all_that_workflows_write() {
    let value = with(
        car(),
        json!({
            "points": [{"x": 40.0, "y": 35.0}, {"x": 60.0, "y": 35.0}, {"x": 60.0, "y": 45.0}],
            "keypoints": [{"x": 41.5, "y": 36.0, "confidence": 0.25, "class_id": 3, "class": "wheel"}],
            "rle_mask": {"size": [3, 4], "counts": "02103ON"},
            "tracker_id": 9, "detection_id": "ab-12", "parent_id": "image.[0]",
            "time_in_zone": 1.5, "polygon": [[1, 2], [3, 4], [5, 6]], "speed": null,
        }),
    );
    let predictions = assert_round_trip(with(boxes([value]), json!({"inference_id": "x"})));
    let found = predictions.as_detections().unwrap();
    assert_eq!((found.image, found.len()), (ImageSize::new(64, 48), 1));
    let car = &found.predictions[0];
    assert_eq!(car.edges(), [40.0, 35.0, 60.0, 45.0]);
    assert_eq!(car.points.as_ref().unwrap()[1], Point { x: 60.0, y: 35.0 });
    assert_eq!(
        car.keypoints.as_ref().unwrap()[0],
        Keypoint { class_id: 3, ..Keypoint::new("wheel", 0.25, 41.5, 36.0) }
    );
    assert_eq!(car.mask.as_ref().unwrap().area(), Ok(5));
    assert_eq!((car.tracker_id, car.detection_id.as_deref()), (Some(9), Some("ab-12")));
    assert_eq!(car.parent_id.as_deref(), Some("image.[0]"));
    assert_eq!(car.extra.keys().collect::<Vec<_>>(), ["polygon", "speed", "time_in_zone"]);
}

#[test]
fn detections_are_walked_by_value_by_reference_and_to_be_changed() {
    let mut found = read(boxes([car(), car()])).into_detections().unwrap();
    for detection in &mut found {
        detection.class.push('!');
    }
    let names: Vec<_> = (&found).into_iter().map(|detection| &*detection.class).collect();
    assert_eq!(names, ["car!", "car!"]);
    assert_eq!(found.into_iter().count(), 2);
}

#[test]
fn an_image_of_unknown_size_is_accepted() {
    let text = r#"{"image":{"width":null,"height":null},"predictions":[]}"#;
    assert_eq!(serde_json::from_str::<Detections>(text).unwrap(), Detections::default());
}

#[test]
fn a_box_that_cannot_be_read_does_not_cost_the_others() {
    for odd in
        [with(car(), json!({"x": null})), with(car(), json!({"class": 3})), Value::Null, json!([])]
    {
        let mut text = boxes([odd.clone(), car()]);
        text["image"]["width"] = json!(-1);
        let parsed: Detections = serde_json::from_value(text).unwrap();
        assert_eq!((parsed.len(), parsed.unreadable), (1, vec![odd.clone()]));
        assert_eq!(parsed.image, ImageSize { width: None, height: Some(48) });
        assert!(serde_json::from_value::<Detections>(boxes([odd])).is_err());
    }
    // Which of the two counts is left to the parser; neither costs the box.
    let twice = boxes([car()]).to_string().replace("\"x\":50.0", "\"x\":1,\"x\":9");
    assert_eq!(serde_json::from_str::<Detections>(&twice).unwrap().predictions[0].x, 9.0);
}

#[test]
fn odd_parts_of_a_box_cost_only_themselves_and_are_written_as_they_came() {
    for odd in [
        json!({"points": [{"x": 1.0, "y": 2.0}, {"x": null, "y": 3.0}, 7]}),
        json!({"keypoints": [{"x": 1.0, "y": 2.0, "confidence": 1.0, "class": "a", "class_id": 0}, {}]}),
        json!({"points": "none"}),
        json!({"rle_mask": {"size": [-1, 4], "counts": "02103ON"}}),
        json!({"rle": {"size": [3, 4, 5], "counts": [12]}}),
        json!({"tracker_id": null, "detection_id": null, "parent_id": ["a"]}),
        json!({"class_id": "two"}),
        json!({"confidence": "high"}),
    ] {
        let value = with(car(), odd.clone());
        let found = only_box(value.clone());
        assert_eq!((found.x, found.class.as_str()), (50.0, "car"), "{odd}");
        assert_eq!(serde_json::to_value(&found).unwrap(), value);
    }
    let points = json!({"points": [{"x": 1.0, "y": 2.0}, {"x": null, "y": 3.0}]});
    assert_eq!(only_box(with(car(), points)).points.unwrap(), [Point { x: 1.0, y: 2.0 }]);
}

#[test]
fn numbers_and_ids_are_taken_as_they_are_written() {
    let found = only_box(json!({
        "x": 1, "y": 2, "width": 3, "height": 4, "confidence": 1, "class": "a",
        "class_id": 5.0, "tracker_id": "17", "detection_id": 4, "parent_id": 1.5,
    }));
    assert_eq!((found.x, found.confidence, found.class_id), (1.0, 1.0, 5));
    assert_eq!((found.tracker_id, found.detection_id.as_deref()), (Some(17), Some("4")));
    assert!(found.extra.is_empty() && found.parent_id.as_deref() == Some("1.5"));
}

#[test]
fn a_confidence_that_is_no_number_costs_no_box() {
    let value = with(car(), json!({"confidence": null}));
    let found = only_box(value.clone());
    assert!(found.confidence.is_nan());
    assert_eq!(serde_json::to_value(&found).unwrap(), value);
}

#[test]
fn a_classification_has_its_best_class_and_all_others() {
    let value = json!({
        "image": {"width": 4, "height": 3}, "top": "cat", "confidence": 0.75, "parent_id": "image.[0]",
        "predictions": [
            {"class": "cat", "class_id": 1, "confidence": 0.75},
            {"class": "dog", "class_id": 0, "confidence": 0.25},
        ],
        "prediction_type": "classification", "is_anomalous": false,
    });
    let Predictions::Classification(found) = assert_round_trip(value.clone()) else { panic!() };
    assert_eq!((found.top.as_str(), found.confidence), ("cat", 0.75));
    assert_eq!(found.predictions[1], ClassScore::new("dog", 0, 0.25));
    assert_eq!(found.extra["is_anomalous"], false);

    let mut odd = value;
    odd["predictions"][0] = json!({"class": null});
    let Predictions::Classification(found) = read(odd) else { panic!() };
    assert_eq!((found.predictions.len(), found.unreadable.len()), (1, 1));
}

#[test]
fn a_classification_without_a_class_is_one() {
    let value = json!({"image": {"width": 4, "height": 3}, "predictions": [], "top": "", "confidence": 0.0});
    assert!(matches!(assert_round_trip(value), Predictions::Classification(_)));
}

#[test]
fn many_labels_come_with_those_that_the_image_shows() {
    let value = json!({
        "image": {"width": 4, "height": 3},
        "predictions": {"a": {"confidence": 0.75, "class_id": 0}, "b": {"confidence": 0.25, "class_id": 1}},
        "predicted_classes": ["a"], "inference_id": "x",
    });
    let Predictions::MultiLabel(found) = assert_round_trip(value.clone()) else { panic!() };
    assert_eq!(found.predicted_classes, ["a"]);
    assert_eq!(found.predictions[1], ClassScore::new("b", 1, 0.25));

    let mut odd = value;
    odd["predictions"]["a"] = json!(7);
    let Predictions::MultiLabel(found) = read(odd) else { panic!() };
    assert_eq!((found.predictions.len(), &found.unreadable["a"]), (1, &json!(7)));
}

#[test]
fn a_semantic_segmentation_has_masks_and_names() {
    let value = json!({
        "image": {"width": 4, "height": 3}, "time": 0.5,
        "predictions": {
            "segmentation_mask": "iVBORw==", "confidence_mask": "iVBORw==",
            "class_map": {"0": "background", "12": "road"}, "present_class_ids": [0, 12],
        },
    });
    let Predictions::Segmentation(found) = assert_round_trip(value.clone()) else { panic!() };
    assert_eq!(found.segmentation_mask.png().unwrap()[..], *b"\x89PNG");
    assert_eq!(found.class_map[&12], "road");
    assert_eq!(found.present_class_ids.as_deref(), Some(&[0, 12][..]));

    let mut odd = value;
    odd["predictions"]["class_map"]["x"] = Value::Null;
    odd["predictions"]["confidence_mask"] = json!(1);
    let Predictions::Segmentation(found) = assert_round_trip(odd) else { panic!() };
    assert_eq!((found.class_map.len(), found.confidence_mask), (2, None));
}

#[test]
fn what_crops_of_a_frame_show_is_a_list_and_a_crop_without_anything_keeps_its_place() {
    let Predictions::List(list) = assert_round_trip(json!([boxes([car()]), null])) else {
        panic!()
    };
    assert!(matches!(&list[..], [Predictions::Detections(_), Predictions::Other(Value::Null)]));
}

#[test]
fn what_is_not_known_stays_as_it_is() {
    for value in [
        json!(null),
        json!([1, [2]]),
        json!("a text"),
        json!({"predictions": "none"}),
        json!({"predictions": [{"a": 1}]}),
        json!({"predictions": {"a": 1}}),
        json!({"response": "a car"}),
    ] {
        assert!(matches!(assert_round_trip(value), Predictions::Other(_)));
    }
}

fn mask(size: [u32; 2], counts: Value) -> RleMask {
    only_box(with(car(), json!({"rle": {"size": size, "counts": counts}}))).mask.unwrap()
}

#[test]
fn masks_are_those_of_pycocotools() {
    let pixels = [
        [1, 1, 0, 1, 0, 0, 0],
        [1, 0, 0, 1, 1, 0, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 1, 1, 0, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 0],
    ];
    let packed = mask([5, 7], json!("023ON120N10N010O105"));
    let decoded = packed.decode(35).unwrap();
    for (y, row) in pixels.iter().enumerate() {
        for (x, pixel) in row.iter().enumerate() {
            assert_eq!(decoded.covers(x, y), *pixel == 1, "{x}, {y}");
        }
    }
    assert!(!decoded.covers(7, 0) && !decoded.covers(0, 5));
    assert_eq!(packed.area(), Ok(15));
    assert_eq!(mask([4, 3], json!("<")).area(), Ok(0));
    assert_eq!(mask([4, 3], json!("0<")).area(), Ok(12));
    assert_eq!(
        mask([2, 3], json!([1, 2, 3])).decode(6).unwrap().into_pixels(),
        [0, 255, 0, 255, 0, 0]
    );
}

#[test]
fn a_mask_that_is_encoded_is_that_of_pycocotools_too() {
    let mut pixels = vec![0; 640 * 480];
    for y in 100..200 {
        pixels[y * 640 + 300..y * 640 + 420].fill(1);
    }
    for y in 150..160 {
        pixels[y * 640 + 310..y * 640 + 330].fill(0);
    }
    let encoded = RleMask::encode(640, 480, &pixels).unwrap();
    let value = serde_json::to_value(&encoded).unwrap();
    let start = r"Tg\4T3l;000000000000000000^N^DFb;:^DFb;:^DFb;:";
    assert!(value["counts"].as_str().unwrap().starts_with(start), "{value}");
    assert!(value["counts"].as_str().unwrap().ends_with("00000lPW3"), "{value}");
    assert_eq!((value["size"].clone(), encoded.area()), (json!([480, 640]), Ok(11_800)));
    let decoded = encoded.decode(640 * 480).unwrap().into_pixels();
    assert!(decoded.iter().zip(&pixels).all(|(decoded, pixel)| *decoded == pixel * 255));
}

#[test]
fn a_mask_takes_no_more_memory_than_the_caller_allows() {
    let huge = mask([u32::MAX, u32::MAX], json!("1"));
    assert!(matches!(huge.decode(1 << 20), Err(MaskError::TooLarge { max_pixels: 1_048_576, .. })));
    // Lengths are checked before memory is taken.
    let all = usize::MAX;
    assert!(matches!(huge.decode(all), Err(MaskError::Length { actual: 1, .. })));
}

#[test]
fn masks_that_make_no_sense_are_typed_errors() {
    let error = |size, counts| mask(size, counts).decode(1 << 20).unwrap_err();
    assert_eq!(error([2, 2], json!([1, 2])), MaskError::Length { expected: 4, actual: 3 });
    assert_eq!(error([2, 2], json!([1, 9])), MaskError::Length { expected: 4, actual: 10 });
    assert_eq!(error([2, 2], json!("!")), MaskError::Counts { place: 0 });
    // Cut off, negative, and longer than any number.
    assert_eq!(error([2, 2], json!("2T")), MaskError::Counts { place: 1 });
    assert_eq!(error([2, 2], json!("O")), MaskError::Counts { place: 0 });
    assert_eq!(error([2, 2], json!("oooooooooo")), MaskError::Counts { place: 0 });
    assert_eq!(error([2, 2], json!("ü")), MaskError::Counts { place: 0 });
    assert_eq!(mask([0, 9], json!("")).decode(0).unwrap().rows().len(), 0);
    assert_eq!(
        RleMask::encode(2, 2, &[0; 5]).unwrap_err(),
        MaskError::Length { expected: 4, actual: 5 }
    );
}
