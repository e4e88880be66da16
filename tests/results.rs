//! Results on their way: from a session through an outlet into a file, as the schema has them.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use streamsdk::{Event, FrameJson, Images, StreamConfig};
use streamsdk_sinks::jsonl::JsonlFile;
use streamsdk_sinks::payload::{self, Origin};
use streamsdk_sinks::{Outlet, OutletConfig, Place, Record, StreamName};
use streamsdk_tests::{next, start, worker};

/// What comes of a file whose frames have an image and boxes.
async fn delivered(images: Images) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.jsonl");
    let outlet = Outlet::open(Box::new(JsonlFile::new(&path)), OutletConfig::default()).unwrap();
    let stream: StreamName = "gate".parse().unwrap();
    let worker = worker().await;
    let config = StreamConfig::default().data_output(["image", "predictions"]);
    let mut session = start(&worker.url(), "plain_160x120.mp4", "motion", config).await.unwrap();
    while let Some(event) = next(&mut session).await {
        if let Event::Data(data) = event.unwrap() {
            let place = Place { epoch: 1, sequence: data.frame_id().into() };
            let origin = Origin { stream: &stream, place, work: Some("count") };
            let made = payload::of_frame(origin, FrameJson::new(&data, images), SystemTime::now());
            outlet.put(Record::new(stream.clone(), place, made.unwrap())).await.unwrap();
        }
    }
    let ended = outlet.close(Duration::from_secs(60)).await;
    assert_eq!((ended.counters.delivered, ended.lost), (30, 0));
    worker.shutdown().await;
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The types that the schema allows for a field.
fn types(property: &Value) -> Vec<&str> {
    match &property["type"] {
        Value::String(one) => vec![one],
        Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_delivered_is_as_the_schema_has_it_and_in_order() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/results.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let required = schema["required"].as_array().unwrap();
    for (record, sequence) in delivered(Images::Off).await.iter().zip(1..) {
        let fields = record.as_object().unwrap();
        for name in required {
            assert!(fields.contains_key(name.as_str().unwrap()), "{name} is missing: {record}");
        }
        for (name, value) in fields {
            let property = &schema["properties"][name];
            let is_right = match property.get("const") {
                Some(only) => value == only,
                None => types(property).into_iter().any(|name| has_type(value, name)),
            };
            assert!(is_right, "{name} is {value}: {property}");
        }
        assert_eq!((&record["sequence"], &record["stream"]), (&sequence.into(), &"gate".into()));
        assert!(record["outputs"]["image"].is_null(), "{record}");
        assert!(record["outputs"]["predictions"]["predictions"].is_array(), "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_within_where_they_were_asked_for() {
    for record in delivered(Images::Inline).await {
        assert_eq!(record["outputs"]["image"]["type"], "base64");
        assert!(record["outputs"]["image"]["value"].as_str().unwrap().len() > 100);
    }
}
