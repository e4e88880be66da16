//! What holds for every input, peers' garbage included.
// Clippy takes only functions marked as tests for test code.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use streamsdk_protocol::ack::{AckSender, AckWindow};
use streamsdk_protocol::chunk::{ChunkHeader, ChunkedMessage, Reassembler, split};
use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_protocol::output::{
    OutgoingMessage, OutgoingValue, OutputMessage, Outputs, VideoMetadata,
};
use streamsdk_protocol::predictions::Predictions;
use streamsdk_protocol::rejection::Rejection;
use streamsdk_protocol::sdp::{check_answer, check_offer, has_data_channels};
use streamsdk_protocol::upload::{UploadAssembler, UploadEvent, UploadPlan, WAITING_OVERHEAD};
use streamsdk_protocol::{
    ApiKey, Limits, MAX_CHUNK_PAYLOAD, MAX_TEXT_CHARS, REDACTED, Redactor, redact_url,
};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// `len` bytes that differ from place to place and from `seed` to `seed`.
fn content(seed: u32, len: usize) -> Vec<u8> {
    (0..len as u32).map(|at| (at.wrapping_mul(31) >> 3).wrapping_add(seed) as u8).collect()
}

/// `items` in the order of `keys`, which are repeated when there are too few.
fn reorder<T>(items: Vec<T>, keys: &[u32]) -> Vec<T> {
    let mut keyed: Vec<_> =
        items.into_iter().enumerate().map(|(at, item)| (keys[at % keys.len()], item)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, item)| item).collect()
}

/// Lengths of messages: mostly small, some of several chunks, some exactly at a boundary.
fn message_len() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..200usize,
        1..4 * MAX_CHUNK_PAYLOAD,
        (1..4usize).prop_map(|n| n * MAX_CHUNK_PAYLOAD)
    ]
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn messages_come_whole_out_of_any_order_with_doubles(
        lens in vec(message_len(), 1..=8),
        doubles in vec(any::<Index>(), 0..6),
        order in vec(any::<u32>(), 1..80),
    ) {
        let messages: BTreeMap<u32, Vec<u8>> =
            (1..).zip(&lens).map(|(id, len)| (id, content(id, *len))).collect();
        let mut chunks: Vec<Bytes> = messages
            .iter()
            .flat_map(|(id, payload)| split(*id, payload).map(|chunk| chunk.freeze()))
            .collect();
        chunks.extend(doubles.iter().map(|at| at.get(&chunks).clone()).collect::<Vec<_>>());

        let mut reassembler = Reassembler::new(Limits::default().messages_in_flight(8));
        let mut joined = BTreeMap::new();
        for chunk in reorder(chunks, &order) {
            if let Some(message) = reassembler.push(chunk).unwrap() {
                prop_assert_eq!(&message.payload, &messages[&message.frame_id]);
                joined.insert(message.frame_id, message.payload.to_vec());
            }
            prop_assert!(reassembler.in_flight() <= 8);
        }
        prop_assert_eq!(joined, messages);
        prop_assert_eq!(reassembler.abandoned(), 0);
    }

    #[test]
    fn of_too_many_messages_the_one_that_rested_longest_makes_room(
        lens in vec(1..3 * MAX_CHUNK_PAYLOAD, 1..12),
        order in vec(any::<u32>(), 1..40),
        in_flight in 1..4usize,
    ) {
        let limits = Limits::default().messages_in_flight(in_flight);
        let mut reassembler = Reassembler::new(limits);
        let mut model = InFlight { limit: in_flight, ..InFlight::default() };
        let cut = |(id, len): (u32, &usize)| split(id, &content(id, *len)).collect::<Vec<_>>();
        let chunks: Vec<_> = (1..).zip(&lens).flat_map(cut).collect();
        for chunk in reorder(chunks, &order) {
            let (header, _) = ChunkHeader::parse(chunk.clone().freeze()).unwrap();
            let joined = reassembler.push(chunk.freeze()).unwrap();
            prop_assert_eq!(joined.is_some(), model.joins(header));
            if let Some(message) = joined {
                let len = lens[message.frame_id as usize - 1];
                prop_assert_eq!(message.payload, content(message.frame_id, len));
            }
            prop_assert_eq!(reassembler.in_flight(), model.messages.len());
            prop_assert_eq!(reassembler.abandoned(), model.abandoned);
        }
    }
}

/// What a reassembler has to remember, in the simplest way: messages by age of their last chunk.
#[derive(Default)]
struct InFlight {
    limit: usize,
    messages: Vec<(u32, BTreeSet<u32>)>,
    abandoned: u64,
}

impl InFlight {
    /// Whether the chunk with `header` completes its message.
    fn joins(&mut self, header: ChunkHeader) -> bool {
        let known = self.messages.iter().position(|(id, _)| *id == header.frame_id);
        let mut indices = known.map(|at| self.messages.remove(at).1).unwrap_or_default();
        indices.insert(header.index);
        if indices.len() == header.total as usize {
            return true;
        }
        if self.messages.len() == self.limit {
            self.messages.remove(0);
            self.abandoned += 1;
        }
        self.messages.push((header.frame_id, indices));
        false
    }
}

/// Headers that may be right, and may contradict the ones before, with a length of the payload.
fn plausible_chunk() -> impl Strategy<Value = (ChunkHeader, usize)> {
    let number = |usual: u32| prop_oneof![20 => 0..usual, 1 => any::<u32>()];
    (0..4u32, number(4), number(4), 1..40usize)
        .prop_map(|(frame_id, index, total, len)| (ChunkHeader { frame_id, index, total }, len))
}

fn upload_part(index: u32, total: u32, payload: &[u8]) -> Bytes {
    [&index.to_le_bytes()[..], &total.to_le_bytes()[..], payload].concat().into()
}

/// A part of an upload that may be right, and may contradict the parts before it.
fn plausible_part() -> impl Strategy<Value = Bytes> {
    let total = prop_oneof![8 => Just(8u32), 4 => Just(1), 1 => any::<u32>()];
    (0..9u32, total, vec(any::<u8>(), 0..40))
        .prop_map(|(index, total, payload)| upload_part(index, total, &payload))
}

fn any_bytes(len: RangeInclusive<usize>) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), len).prop_map(Bytes::from)
}

proptest! {
    #![proptest_config(config(1024))]

    #[test]
    fn a_message_is_joined_of_chunks_that_agree_or_not_at_all(
        sent in vec(plausible_chunk(), 0..120),
    ) {
        let limits = Limits::default().message_bytes(90).message_chunks(5).messages_in_flight(3);
        let mut reassembler = Reassembler::new(limits);
        for (at, (header, len)) in sent.iter().enumerate() {
            // Every payload is its own place in the list, as often as it is long.
            let mut chunk = BytesMut::new();
            header.write(&mut chunk);
            chunk.extend_from_slice(&vec![at as u8; *len]);
            if let Ok(Some(message)) = reassembler.push(chunk.freeze()) {
                prop_assert!(message.payload.len() <= 90);
                let parts: Vec<_> = message.payload.chunk_by(|a, b| a == b).collect();
                prop_assert_eq!(parts.len(), header.total as usize);
                for (index, part) in (0..).zip(parts) {
                    let (sent, len) = sent[part[0] as usize];
                    prop_assert_eq!(sent, ChunkHeader { index, ..*header });
                    prop_assert_eq!(part.len(), len);
                }
            }
            prop_assert!(reassembler.in_flight() <= 3);
        }
    }

    #[test]
    fn no_bytes_make_the_reassembler_panic(chunks in vec(any_bytes(0..=30), 0..20)) {
        let mut reassembler = Reassembler::new(Limits::default());
        for chunk in chunks {
            let _ = reassembler.push(chunk);
        }
    }

    #[test]
    fn no_message_makes_the_upload_assembler_panic_or_take_more_than_allowed(
        messages in vec(prop_oneof![6 => plausible_part(), 1 => any_bytes(0..=20)], 0..40),
        upload_bytes in prop_oneof![Just(20), Just(8 * MAX_CHUNK_PAYLOAD as u64)],
    ) {
        let limits = Limits::default().upload_bytes(upload_bytes).upload_reorder_bytes(60);
        let mut upload = UploadAssembler::new(limits);
        let mut handed_out = 0;
        for message in messages {
            match upload.push(message) {
                Ok(UploadEvent::Next(parts)) => handed_out += parts.concat().len() as u64,
                Ok(_) => {}
                Err(_) => break,
            }
            prop_assert!(upload.received_bytes() <= upload_bytes);
            prop_assert!(upload.received_bytes() - handed_out <= 60);
        }
    }

    #[test]
    fn an_upload_in_any_order_within_the_bound_is_the_same_file(
        file in vec(any::<u8>(), 1..600),
        part in 1..40usize,
        displacement in 0..6u32,
        order in vec(any::<u32>(), 1..40),
        doubles in vec(any::<(Index, Index)>(), 0..4),
    ) {
        // Small parts, so that many orders are tried; only the last part may be shorter.
        let total = file.len().div_ceil(part) as u32;
        let chunks: Vec<Bytes> =
            (0..).zip(file.chunks(part)).map(|(at, part)| upload_part(at, total, part)).collect();
        let delay = |at: u32| order[at as usize % order.len()] % (displacement + 1);
        let keys: Vec<u32> = (0..total).map(|at| at + delay(at)).collect();
        let mut shuffled = reorder(chunks, &keys);
        for (double, later) in doubles {
            let at = double.index(shuffled.len());
            let later = at + 1 + later.index(shuffled.len() - at);
            shuffled.insert(later, shuffled[at].clone());
        }

        // Behind a part that is late by that much, one part less than that can have come.
        let waiting = displacement.saturating_sub(1) as usize * (part + WAITING_OVERHEAD);
        let limits = Limits::default().upload_reorder_bytes(waiting);
        let mut upload = UploadAssembler::new(limits);
        let mut received = Vec::new();
        for chunk in shuffled {
            if let UploadEvent::Next(parts) = upload.push(chunk).unwrap() {
                received.extend(parts.concat());
            }
        }
        prop_assert!(upload.is_complete());
        prop_assert_eq!(upload.received_bytes(), file.len() as u64);
        prop_assert_eq!(received, file);
    }

    #[test]
    fn the_payloads_of_a_plan_are_the_file(file_bytes in 1..u64::from(u32::MAX)) {
        let plan = UploadPlan::new(file_bytes).unwrap();
        let last = plan.chunks() - 1;
        prop_assert_eq!(
            u64::from(last) * MAX_CHUNK_PAYLOAD as u64 + plan.payload_len(last) as u64,
            file_bytes
        );
        prop_assert!(plan.payload_len(last) > 0 && plan.payload_len(plan.chunks()) == 0);
    }
}

/// JSON of any shape, with the names and texts that a reader looks for strewn in.
fn any_json() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![".{0,12}", "FAKE_API_KEY_0123456789|base64|None|/9j/4AAQ"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let name = "serialized_output_data|video_metadata|errors|processing_complete|termination_reason\
        |frame_id|pts|type|value|__serialization_error__|message|error_type|detail|loc|msg|input\
        |inner_error_message|blocks_errors|block_id|property_details|ack|data_output|sdp|x";
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((name, inner), 0..6)
                .prop_map(|entries| Value::from(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn small_limits() -> Limits {
    Limits::default().inflated_bytes(1 << 16)
}

fn parse(payload: impl Into<Bytes>) -> Option<OutputMessage> {
    OutputMessage::parse(
        ChunkedMessage { frame_id: 1, payload: payload.into() },
        &small_limits(),
        &Redactor::default(),
    )
    .ok()
}

/// Whatever a message is made of, what it gives out is JSON.
fn use_everything(outputs: &Outputs) {
    for (name, output) in outputs.iter() {
        assert!(outputs.get(name).is_some());
        assert!(output.json().len() <= 2 * output.raw().len() + 1_000);
        assert!(output.parse::<Value>().is_ok(), "{:?}", output.raw());
        let _ = (output.serialization_error(), format!("{output:?}"));
        assert!(output.parse::<Predictions>().is_ok());
        let without_images = output.json_without_images();
        assert_eq!(without_images.is_none(), output.image().is_some());
        assert!(without_images.is_none_or(|json| serde_json::from_str::<Value>(&json).is_ok()));
        let mut asked = 0;
        let url = || {
            asked += 1;
            Some(String::from("u"))
        };
        // With a few more than it has.
        let images = output.all_images().len();
        let with_urls = output.json_with_image_urls(std::iter::repeat_with(url).take(images + 3));
        assert!(serde_json::from_str::<Value>(&with_urls).is_ok());
        assert_eq!(asked, images, "{with_urls}");
        for (_, image) in [name, &format!("{name}[1]")].iter().filter_map(|n| outputs.image(n)) {
            let _ = image.jpeg();
        }
    }
}

/// What Python and others write that is no JSON, and what breaks its shape.
fn odd_token() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "None",
        "1e999",
        "01",
        r#""\ud83d""#,
        "\"\n\"",
        "\u{1}",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "\\",
        " ",
        "{\"a\":1,\"a\":2}",
        "\"base64\"",
    ])
}

fn outgoing() -> impl Strategy<Value = OutgoingMessage> {
    let value = prop_oneof![
        vec(any::<u8>(), 0..80).prop_map(|jpeg| OutgoingValue::Image {
            jpeg: jpeg.into(),
            metadata: json!({"frame_number": 1}),
        }),
        any_json().prop_map(OutgoingValue::Json),
        ".*".prop_map(OutgoingValue::Failed),
    ];
    let outputs = proptest::collection::btree_map(".{0,10}", value, 0..4);
    let outputs = proptest::option::of(outputs.prop_map(|outputs| outputs.into_iter().collect()));
    (outputs, any::<u32>(), any::<Option<i64>>(), vec(".*", 0..3), any::<bool>()).prop_map(
        |(outputs, frame_id, pts, errors, processing_complete)| OutgoingMessage {
            outputs,
            metadata: VideoMetadata { frame_id, pts, ..VideoMetadata::default() },
            errors,
            processing_complete,
            termination_reason: None,
        },
    )
}

proptest! {
    #![proptest_config(config(768))]

    #[test]
    fn what_a_server_writes_a_client_reads(sent in outgoing()) {
        let read = parse(sent.encode(true)).expect("a written message can be read");
        prop_assert_eq!(read.metadata, Some(sent.metadata));
        let for_people = |text: &String| Redactor::default().text(text);
        prop_assert_eq!(read.errors, sent.errors.iter().map(for_people).collect::<Vec<_>>());
        prop_assert_eq!(read.processing_complete, sent.processing_complete);
        let read: Option<Vec<_>> = read.outputs.map(|o| {
            o.iter().map(|(name, output)| (name.to_owned(), output.clone())).collect()
        });
        prop_assert_eq!(read.as_ref().map(Vec::len), sent.outputs.as_ref().map(Vec::len));
        for ((name, sent), (read_name, read)) in
            sent.outputs.into_iter().flatten().zip(read.into_iter().flatten())
        {
            prop_assert_eq!(&name, &read_name);
            match sent {
                OutgoingValue::Image { jpeg, .. } => {
                    prop_assert_eq!(read.image().unwrap().jpeg().unwrap(), jpeg);
                }
                OutgoingValue::Json(value) => prop_assert_eq!(read.json(), value.to_string()),
                OutgoingValue::Failed(why) => {
                    prop_assert_eq!(read.serialization_error(), Some(why));
                }
            }
        }
    }

    #[test]
    fn a_message_cut_short_or_changed_is_read_or_refused(
        sent in outgoing(),
        cut in any::<Index>(),
        change in any::<(Index, u8)>(),
    ) {
        let payload = sent.encode(true);
        let truncated = payload[..cut.index(payload.len())].to_vec();
        prop_assert!(parse(truncated).is_none());
        let mut changed = payload;
        let at = change.0.index(changed.len());
        changed[at] = change.1;
        if let Some(outputs) = parse(changed).and_then(|message| message.outputs) {
            use_everything(&outputs);
        }
    }

    #[test]
    fn any_json_and_any_bytes_are_read_or_refused(
        value in any_json(),
        garbage in any_bytes(0..=80),
        gzip in any::<bool>(),
    ) {
        let wrapped = json!({ "serialized_output_data": value });
        let garbage = if gzip { [b"\x1f\x8b", &garbage[..]].concat().into() } else { garbage };
        for payload in [value.to_string().into(), wrapped.to_string().into(), garbage.clone()] {
            if let Some(outputs) = parse(payload).and_then(|message| message.outputs) {
                use_everything(&outputs);
            }
        }
        let text = String::from_utf8_lossy(&garbage);
        let _ = (ControlMessage::parse(&text), ControlMessage::parse(&value.to_string()));
        let _ = serde_json::from_value::<InitRequest>(value.clone());
        let _ = serde_json::from_value::<InitResponse>(value);
    }

    #[test]
    fn an_odd_token_costs_no_more_than_the_output_that_it_is_in(
        value in any_json(),
        token in odd_token(),
        place in any::<Index>(),
        bytes in vec((any::<Index>(), any::<u8>()), 0..3),
    ) {
        // What breaks out of its output could say all outputs once more.
        let text = value.to_string().replace("serialized_output_data", "data");
        // Between values, and in the middle of them.
        let after: Vec<usize> =
            text.char_indices().filter(|(_, c)| ",:[{0".contains(*c)).map(|(at, _)| at + 1).collect();
        let at = if after.is_empty() { 0 } else { after[place.index(after.len())] };
        let mut odd = format!("{}{token}{}", &text[..at], &text[at..]).into_bytes();
        for (place, byte) in bytes {
            let place = place.index(odd.len());
            odd[place] = byte;
        }
        let payload = [
            &b"{\"serialized_output_data\":{\"good\":[1],\"odd\":"[..],
            &odd,
            b"},\"video_metadata\":{\"pts\":3,\"width\":",
            &odd,
            b"},\"errors\":",
            &odd,
            b"}",
        ];
        if let Some(message) = parse(payload.concat()) {
            let outputs = message.outputs.unwrap_or_default();
            prop_assert_eq!(outputs.get("good").map(|output| output.json()), Some("[1]"));
            use_everything(&outputs);
            prop_assert!(message.odd.to_string().len() < 20_000);
            prop_assert!(message.errors.len() <= 101);
        }
    }

    #[test]
    fn a_token_of_python_costs_one_number(
        before in vec(any::<i32>(), 0..5),
        token in proptest::sample::select(vec!["NaN", "Infinity", "-Infinity", "nan", "1e999"]),
    ) {
        let before: String = before.iter().map(|number| format!("{number},")).collect();
        let payload = format!(
            "{{\"serialized_output_data\":{{\"a\":[{before}{token}]}},\
              \"video_metadata\":{{\"pts\":3,\"declared_fps\":{token}}}}}"
        );
        let message = parse(payload).unwrap();
        let expected = format!("[{before}null]");
        let outputs = message.outputs.unwrap();
        prop_assert_eq!(outputs.get("a").map(|output| output.json()), Some(&*expected));
        prop_assert_eq!(message.metadata.unwrap().pts, Some(3));
        prop_assert_eq!(message.odd.count(), 2);
    }

    #[test]
    fn a_secret_shows_in_no_text_however_it_is_spelt(
        password in "[A-Za-z0-9@/#?:%&+=!. -]{6,16}",
        around in ".{0,20}",
        encode in vec(any::<bool>(), 16),
    ) {
        let spelt: String = password
            .bytes()
            .zip(&encode)
            .map(|(byte, encode)| match encode {
                true => format!("%{byte:02x}"),
                false => char::from(byte).to_string(),
            })
            .collect();
        let redactor = Redactor::default().url(&format!("rtsp://me:{password}@cam/1"));
        for said in [&password, &spelt] {
            let shown = redactor.redact(&format!("{said}{around}{said}"));
            prop_assert!(!shown.contains(said.as_str()), "{shown}");
        }
        let shown = redactor.text(&format!("{around}\u{1b}{password}"));
        prop_assert!(!shown.contains(&password));
    }

    #[test]
    fn a_text_for_people_is_short_and_acts_on_no_terminal(text in ".{0,50}", times in 1..200usize) {
        let shown = Redactor::default().text(&text.repeat(times));
        prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
        prop_assert!(shown.chars().count() <= MAX_TEXT_CHARS + 30);
    }

    #[test]
    fn a_control_message_is_read_as_it_was_written(
        ack in any::<Option<u32>>(),
        stream_output in proptest::option::of(vec(".*", 0..4)),
        data_output in proptest::option::of(vec(".*", 0..4)),
    ) {
        let message = ControlMessage { ack, stream_output, data_output };
        prop_assert_eq!(ControlMessage::parse(&message.to_text()).unwrap(), message);
    }

    #[test]
    fn no_rejection_panics_or_shows_the_key(
        status in any::<u16>(),
        body in any_json(),
        garbage in any_bytes(0..=80),
    ) {
        let key = ApiKey::new("FAKE_API_KEY_0123456789");
        for body in [body.to_string().into(), garbage] {
            let rejection = Rejection::read(status, &body, &Redactor::default().api_key(&key));
            let shown = format!("{rejection:?}");
            prop_assert!(!shown.contains(key.expose()), "{shown}");
            let _ = (rejection.advice(true), rejection.advice(false));
            let _ = rejection.is_transient();
        }
    }

    #[test]
    fn no_description_makes_the_check_panic(
        lines in vec("(m=|a=candidate:|a=ice-ufrag:|a=fingerprint:|v=0|).{0,16}\r?\n", 0..20),
        other in ".*",
    ) {
        let sdp = format!("v=0\r\n{}", lines.concat());
        let _ = (check_offer(&sdp), check_answer(&sdp, &other), check_answer(&other, &sdp));
        if check_answer(&sdp, &sdp).is_ok() {
            prop_assert_eq!(check_offer(&sdp).is_ok(), has_data_channels(&sdp));
        }
    }

    #[test]
    fn a_urls_password_does_not_survive(
        user in "[a-z]{0,6}",
        password in "[A-Z%@:]{4,12}",
        value in "[A-Z]{4,9}",
    ) {
        let shown = redact_url(&format!("rtsp://{user}:{password}@host:554/path?token={value}"));
        prop_assert_eq!(shown, format!("rtsp://{REDACTED}@host:554/path?token={REDACTED}"));
    }

    #[test]
    fn both_sides_of_the_window_agree_with_a_simple_model(
        window in 0..5u32,
        steps in vec((any::<bool>(), prop_oneof![0..20u32, (u32::MAX - 5)..=u32::MAX]), 0..60),
    ) {
        let mut real = AckWindow::new(window);
        let mut sender = AckSender::new();
        let mut acks: Vec<u64> = Vec::new();
        for (is_ack, frame_id) in steps {
            if is_ack {
                let is_new = u64::from(frame_id) > acks.iter().max().copied().unwrap_or(0);
                prop_assert_eq!(sender.frame_is_safe(frame_id), is_new.then_some(frame_id));
                real.ack(frame_id);
                acks.push(frame_id.into());
            }
            let last = acks.iter().max().map(|last| last + u64::from(window.max(1)));
            let expected = last.is_none_or(|last| u64::from(frame_id) <= last);
            prop_assert_eq!(real.admits(frame_id), expected);
        }
    }

    #[test]
    fn a_client_that_acks_what_is_safe_never_stops_the_server(
        window in 1..5u32,
        frames in 1..40u32,
        eager in vec(any::<bool>(), 1..60),
    ) {
        let (mut server, mut client) = (AckWindow::new(window), AckSender::new());
        let (mut produced, mut safe) = (0, 0);
        let mut eager = eager.into_iter().cycle();
        while safe < frames {
            let may_produce = produced < frames && server.admits(produced + 1);
            if may_produce && (produced == safe || eager.next() == Some(true)) {
                produced += 1;
                prop_assert!(safe == 0 || produced - safe <= window);
            } else {
                prop_assert!(produced > safe, "both sides wait after frame {}", safe);
                safe += 1;
                let ack = client.frame_is_safe(safe);
                prop_assert_eq!(ack, Some(safe));
                server.ack(safe);
            }
        }
    }
}
