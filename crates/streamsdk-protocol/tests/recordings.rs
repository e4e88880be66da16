//! Conversations with a real server, recorded byte for byte, and what this crate makes of them.
// Clippy takes only functions marked as tests for test code.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use streamsdk_protocol::chunk::{ChunkHeader, ChunkedMessage, Reassembler};
use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_protocol::output::OutputMessage;
use streamsdk_protocol::predictions::Predictions;
use streamsdk_protocol::rejection::{Rejection, RejectionReason as Reason};
use streamsdk_protocol::sdp::{SdpError, check_answer, check_offer};
use streamsdk_protocol::upload::{HEADER_LEN, UploadAssembler, UploadEvent, UploadPlan};
use streamsdk_protocol::{ApiKey, Limits, MAX_CHUNK_PAYLOAD, Redactor};

/// The key that stands in the recordings.
const KEY: &str = "FAKE_API_KEY_0123456789";

fn wire() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/wire")
}

/// What is in `folder` and passes `wanted`, in the order of the names.
fn entries(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| wanted(path.file_name().unwrap().to_str().unwrap()));
    paths.sort();
    paths
}

/// The folders of the recorded sessions; at least as many as were recorded once.
fn sessions() -> Vec<PathBuf> {
    let sessions = entries(&wire(), |name| !name.contains('.'));
    assert!(sessions.len() >= 10, "{sessions:?}");
    sessions
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Raw messages of `session` whose file name starts with `start`, in the order of their sending.
fn raw_messages(session: &Path, start: &str) -> Vec<Bytes> {
    let paths = entries(&session.join("bin"), |name| name.starts_with(start));
    paths.iter().map(|path| fs::read(path).unwrap().into()).collect()
}

#[test]
fn every_recorded_request_is_read_and_written_back_the_same() {
    for session in sessions() {
        let recorded = json(&session.join("request.json"))["json"].clone();
        let request: InitRequest = serde_json::from_value(recorded.clone()).unwrap();
        assert!(!format!("{request:?}").contains(KEY), "{session:?}");
        assert_eq!(serde_json::to_value(request).unwrap(), recorded, "{session:?}");
    }
}

#[test]
fn every_recorded_answer_is_read_and_fits_its_offer() {
    for session in sessions() {
        let request = json(&session.join("request.json"))["json"].clone();
        let request: InitRequest = serde_json::from_value(request).unwrap();
        let response = json(&session.join("response.json"))["json"].clone();
        let response: InitResponse = serde_json::from_value(response).unwrap();
        assert_eq!((response.status.as_str(), response.kind.as_str()), ("success", "answer"));
        assert_eq!(check_offer(&request.webrtc_offer.sdp), Ok(()), "{session:?}");
        assert_eq!(check_answer(&request.webrtc_offer.sdp, &response.sdp), Ok(()), "{session:?}");
        let file = |name| fs::read_to_string(session.join(name)).unwrap();
        assert_eq!(check_answer(&file("offer.sdp"), &file("answer.sdp")), Ok(()), "{session:?}");
    }
}

/// What the recording's own reader, which is not this crate, made of each message, by frame id.
fn expected_messages(session: &Path) -> BTreeMap<u32, Value> {
    let recorded = json(&session.join("messages.json"));
    let rows = recorded["first"].as_array().unwrap().iter().chain([&recorded["last"]]);
    rows.map(|row| (row["header"]["frame_id"].as_u64().unwrap() as u32, row["json"].clone()))
        .collect()
}

fn assert_is(message: OutputMessage, expected: &Value) {
    let metadata = serde_json::to_value(message.metadata).unwrap();
    assert_eq!(metadata, expected["video_metadata"]);
    assert_eq!(Value::from(message.errors), expected["errors"]);
    assert_eq!(Value::from(message.processing_complete), expected["processing_complete"]);
    assert_eq!(Value::from(message.termination_reason), expected["termination_reason"]);

    let Some(outputs) = message.outputs else {
        assert!(expected["serialized_output_data"].is_null());
        return;
    };
    let expected = expected["serialized_output_data"].as_object().unwrap();
    assert_eq!(outputs.len(), expected.len());
    for (name, output) in outputs.iter() {
        assert!(output.serialization_error().is_none());
        match output.image() {
            // The other reader cut the images short.
            Some(image) => assert!(image.jpeg().unwrap().starts_with(&[0xff, 0xd8])),
            None => assert_eq!(output.parse::<Value>().unwrap(), expected[name]),
        }
    }
}

#[test]
fn every_recorded_result_is_joined_and_read() {
    let (mut compared, mut images) = (0, 0);
    for session in sessions() {
        let expected = expected_messages(&session);
        let mut reassembler = Reassembler::new(Limits::default());
        let mut last_id = 0;
        for chunk in raw_messages(&session, "in_inference_") {
            let (header, _) = ChunkHeader::parse(chunk.clone()).unwrap();
            let Some(message) = reassembler.push(chunk).unwrap() else {
                assert!(header.index + 1 < header.total, "{session:?}: {header:?}");
                continue;
            };
            assert_eq!(message.frame_id, header.frame_id);
            assert!(message.frame_id > last_id, "{session:?}");
            last_id = message.frame_id;
            let parsed =
                OutputMessage::parse(message, &Limits::default(), &Redactor::default()).unwrap();
            assert_eq!(parsed.frame_id, header.frame_id);
            images +=
                parsed.outputs.iter().flat_map(|o| o.iter()).filter_map(|o| o.1.image()).count();
            if let Some(expected) = expected.get(&parsed.frame_id) {
                assert_is(parsed, expected);
                compared += 1;
            }
        }
        assert_eq!(reassembler.in_flight(), 0, "{session:?}");
    }
    assert!(compared >= 25 && images >= 6, "{compared} messages, {images} images");
}

#[test]
fn the_last_message_of_a_file_is_numbered_after_the_last_frame_and_tells_its_number() {
    for name in ["file_dc", "file_dc_1080_ack", "file_track"] {
        let last = raw_messages(&wire().join(name), "in_inference_last").remove(0);
        let message = Reassembler::new(Limits::default()).push(last).unwrap().unwrap();
        let parsed =
            OutputMessage::parse(message, &Limits::default(), &Redactor::default()).unwrap();
        assert!(parsed.processing_complete && parsed.outputs.is_none());
        assert_eq!(parsed.metadata.map(|metadata| metadata.frame_id + 1), Some(parsed.frame_id));
    }
}

#[test]
fn recorded_upload_chunks_are_what_the_plan_makes_and_what_the_assembler_takes() {
    let mut seen = 0;
    for session in sessions() {
        let mut upload = UploadAssembler::new(Limits::default());
        for (index, recorded) in raw_messages(&session, "out_video_upload_").into_iter().enumerate()
        {
            let index = index as u32;
            let total = u32::from_le_bytes(recorded[4..HEADER_LEN].try_into().unwrap());
            let plan = UploadPlan::new(u64::from(total) * MAX_CHUNK_PAYLOAD as u64).unwrap();
            let payload = recorded.slice(HEADER_LEN..);
            let mut chunk = plan.start_chunk(index);
            chunk.extend_from_slice(&payload);
            assert_eq!(chunk, recorded, "{session:?}");
            assert_eq!(plan.payload_len(index), payload.len(), "{session:?}");
            assert_eq!(upload.push(recorded), Ok(UploadEvent::Next(vec![payload])), "{session:?}");
            seen += 1;
        }
        assert!(!upload.is_complete());
    }
    assert!(seen >= 12, "{seen}");
}

#[test]
fn recorded_acks_are_what_this_crate_writes() {
    let acks = raw_messages(&wire().join("file_dc_1080_ack"), "out_inference_");
    assert!(acks.len() >= 4);
    for (recorded, frame_id) in acks.iter().zip(1..) {
        let text = std::str::from_utf8(recorded).unwrap();
        assert_eq!(ControlMessage::ack(frame_id).to_text(), text);
        assert_eq!(ControlMessage::parse(text).unwrap(), ControlMessage::ack(frame_id));
    }
}

/// The recorded rejections by what they are to be read as.
const REJECTIONS: [(Reason, &[&str]); 6] = [
    (Reason::Configuration, &["bad_data_output", "bad_stream_output"]),
    (Reason::WorkflowSyntax, &["unknown_block_type", "block_bad_property"]),
    (
        Reason::Workflow,
        &["bad_selector", "bad_output_selector", "duplicate_step_names", "spec_bad_version"],
    ),
    (
        Reason::Request,
        &[
            "data_output_not_list",
            "missing_offer",
            "missing_workflow_configuration",
            "missing_type_in_workflow_configuration",
            "bad_json",
            "empty_body",
            "json_array",
            "processing_timeout_str",
            "content_type_text_plain",
        ],
    ),
    (
        Reason::Internal,
        &[
            "offer_type_answer",
            "offer_type_bogus",
            "missing_workflow",
            "workflow_id_only",
            "workflow_id_and_workspace_offline",
            "spec_empty",
            "ice_servers_offline",
            "rtsp_unreachable",
            "mjpeg_unreachable",
        ],
    ),
    (Reason::NoSuchEndpoint, &["wrong_path", "verb_GET", "verb_PUT", "verb_OPTIONS"]),
];

fn expected_reason(name: &str) -> Reason {
    let row = REJECTIONS.iter().find(|(_, names)| names.contains(&name));
    row.unwrap_or_else(|| panic!("no expectation for {name}")).0
}

/// The recorded rows as name, status and body.
fn error_rows(file: &str) -> Vec<(String, u16, String)> {
    let rows = json(&wire().join(file));
    let row = |(name, row): (&String, &Value)| {
        // A body is recorded as JSON, or as the text itself.
        let body = row["body"].as_str().map_or_else(|| row["body"].to_string(), str::to_owned);
        (name.clone(), row["status"].as_u64().unwrap() as u16, body)
    };
    let rows: Vec<_> = rows.as_object().unwrap().iter().map(row).collect();
    assert_eq!(rows.len(), 36);
    rows
}

#[test]
fn every_recorded_rejection_has_its_reason_and_does_not_show_the_key() {
    let key = ApiKey::new(KEY);
    let mut with_key = 0;
    for file in ["errors_offline_server.json", "errors_online_overrides.json"] {
        for (name, status, body) in error_rows(file) {
            if status == 200 {
                continue;
            }
            with_key += u32::from(body.contains(KEY));
            let rejection =
                Rejection::read(status, body.as_bytes(), &Redactor::default().api_key(&key));
            assert_eq!(rejection.reason, expected_reason(&name), "{file}: {name}");
            assert_eq!(rejection.status, status);
            assert!(!format!("{rejection:?}").contains(KEY), "{file}: {name}");
            assert!(!rejection.is_transient(), "{file}: {name}");
        }
    }
    assert!(with_key >= 6, "the recordings echo the key: {with_key}");
}

#[test]
fn a_rejection_keeps_the_servers_words_and_names_what_was_wrong() {
    let rows = error_rows("errors_offline_server.json");
    let read = |wanted: &str| {
        let (_, status, body) = rows.iter().find(|(name, ..)| name == wanted).unwrap();
        Rejection::read(*status, body.as_bytes(), &Redactor::default())
    };
    let output = read("bad_data_output");
    assert!(output.message.contains("Available workflow outputs: ['output_image'"), "{output:?}");
    let offer = read("missing_offer");
    assert_eq!(offer.fields[0].location, "body.webrtc_offer");
    assert_eq!(offer.message, "body.webrtc_offer: Field required");
    let property = read("block_bad_property");
    assert_eq!(property.blocks[0].block_id.as_deref(), Some("blur"));
    assert_eq!(property.blocks[0].property_name.as_deref(), Some("blur_type"));
    assert!(property.inner_message.unwrap().contains("'average', 'gaussian'"));
    assert_eq!(read("bad_selector").inner_message, None);
    assert_eq!(read("wrong_path").message, "Method Not Allowed");
}

#[test]
fn an_answer_that_stops_after_its_session_part_is_told_from_a_usable_one() {
    for (name, status, body) in error_rows("errors_offline_server.json") {
        if status == 200 {
            let response: InitResponse = serde_json::from_str(&body).unwrap();
            let offer = fs::read_to_string(wire().join("file_dc/offer.sdp")).unwrap();
            // The recording keeps the first lines only, which is what an unusable answer has too.
            assert_eq!(check_answer(&offer, &response.sdp), Err(SdpError::NoMedia), "{name}");
        }
    }
}

#[test]
fn a_message_cut_short_anywhere_is_an_error() {
    for session in ["file_dc_1080_ack", "manual_none"] {
        let mut reassembler = Reassembler::new(Limits::default());
        let chunks = raw_messages(&wire().join(session), "in_inference_00");
        let message =
            chunks.into_iter().find_map(|chunk| reassembler.push(chunk).unwrap()).unwrap();
        for len in (0..message.payload.len()).step_by(1_237) {
            let cut = ChunkedMessage { payload: message.payload.slice(..len), ..message.clone() };
            assert!(
                OutputMessage::parse(cut, &Limits::default(), &Redactor::default()).is_err(),
                "{session}: {len}"
            );
        }
    }
}

fn prediction(name: &str) -> Value {
    let path = wire().join(format!("../predictions/{name}.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn predictions_of_every_task_are_read_as_what_they_are_and_written_as_they_came() {
    let kinds = [
        ("boxes", "Detections"),
        ("polygons", "Detections"),
        ("rle", "Detections"),
        ("keypoints", "Detections"),
        ("crop", "Detections"),
        ("empty", "Detections"),
        ("model_polygon", "Detections"),
        ("model_rle", "Detections"),
        ("model_keypoints", "Detections"),
        ("classification", "Classification"),
        ("no_class", "Classification"),
        ("anomaly", "Classification"),
        ("multi_label", "MultiLabel"),
        ("semantic", "Segmentation"),
    ];
    for (name, kind) in kinds {
        let value = prediction(name);
        let read = Predictions::from(value.clone());
        assert!(format!("{read:?}").starts_with(kind), "{name}: {read:?}");
        assert_eq!(serde_json::to_value(&read).unwrap(), value, "{name}");
        for detection in read.into_detections().into_iter().flatten() {
            let untyped = ["points", "rle", "rle_mask", "keypoints", "tracker_id", "detection_id"];
            let left = untyped.iter().find(|field| detection.extra.contains_key(**field));
            assert_eq!(left, None, "{name}");
        }
    }
    let masks = Predictions::from(prediction("rle")).into_detections().unwrap();
    let areas: Vec<_> = masks.iter().map(|it| it.mask.as_ref().unwrap().area()).collect();
    assert_eq!(areas, [Ok(15 * 12), Ok(18 * 15)]);
    let first = masks.into_iter().next().unwrap().mask.unwrap().decode(48 * 64).unwrap();
    assert!(first.covers(3, 5) && first.covers(14, 19) && !first.covers(15, 19));
}
