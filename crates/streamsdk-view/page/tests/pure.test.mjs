import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../backoff.js";
import { colourOf, contrastOf, css } from "../colours.js";
import { sizeOf } from "../blank.js";
import { Parts, readImageMessage, readTextMessage } from "../message.js";
import { PictureDelay } from "../delay.js";
import { takeText } from "../inside.js";
import { Ring } from "../ring.js";
import { MessagesByTime } from "../rtp.js";
import { Rates, Series } from "../series.js";

test("a_picture_gets_the_message_of_exactly_its_time", () => {
  const messages = new MessagesByTime();
  messages.put({ rtp: 3000, frame: 1 });
  messages.put({ rtp: 6000, frame: 2 });
  assert.equal(messages.of(3000).frame, 1);
  assert.equal(messages.of(3001), null);
});

test("only_the_newest_messages_are_kept", () => {
  const messages = new MessagesByTime(300);
  for (let frame = 0; frame < 1000; frame += 1)
    messages.put({ rtp: (4294960000 + frame * 3000) >>> 0, frame });
  assert.equal(messages.size, 300);
  assert.equal(messages.of(4294960000), null);
  assert.equal(messages.of((4294960000 + 999 * 3000) >>> 0).frame, 999);
});

test("a_time_that_comes_again_is_the_newest_one", () => {
  const messages = new MessagesByTime(2);
  messages.put({ rtp: 1, frame: 1 });
  messages.put({ rtp: 2, frame: 2 });
  messages.put({ rtp: 1, frame: 3 });
  messages.put({ rtp: 4, frame: 4 });
  assert.equal(messages.of(1).frame, 3);
  assert.equal(messages.of(2), null);
});

test("waits_double_up_to_ten_seconds_and_begin_anew_after_a_success", () => {
  const longest = new Backoff(() => 0.999999);
  assert.deepEqual(
    Array.from({ length: 7 }, () => longest.next()),
    [500, 1000, 2000, 4000, 8000, 10000, 10000],
  );
  assert.equal(longest.attempt, 7);
  longest.succeeded();
  assert.equal(longest.next(), 500);
  assert.equal(new Backoff(() => 0).next(), 250);
  assert.equal(new Backoff(() => 0).next(3000), 3000);
});

test("colours_are_those_that_the_rust_side_draws_with", () => {
  assert.deepEqual(colourOf(0, ""), [255, 40, 40]);
  assert.deepEqual(colourOf(-1, "a"), colourOf(65535, "b"));
  assert.deepEqual(colourOf(65536, ""), colourOf(0, ""));
  assert.notDeepEqual(colourOf(null, "cat"), colourOf(null, "dog"));
  for (let kind = 0; kind < 100; kind += 1) {
    assert.ok(colourOf(kind, "").every((part) => part >= 40 && part <= 255));
  }
  assert.equal(contrastOf([255, 255, 0]), "#000");
  assert.equal(contrastOf([40, 40, 255]), "#fff");
  assert.equal(css([1, 2, 3], 0.5), "rgb(1 2 3 / 0.5)");
});

test("a_ring_keeps_an_age_and_a_size", () => {
  const ring = new Ring({ maxAgeMs: 100, maxBytes: 50 });
  for (let at = 0; at < 200; at += 10) ring.add({ at, bytes: 1 });
  assert.deepEqual([ring.items.length, ring.items[0].at, ring.bytes], [11, 90, 11]);
  ring.add({ at: 200, bytes: 45 });
  assert.deepEqual([ring.items.at(-1).at, ring.bytes], [200, 50]);
  ring.add({ at: 210, bytes: 51 });
  assert.equal(ring.items.at(-1).at, 200);
  ring.clear();
  assert.deepEqual([ring.items.length, ring.bytes], [0, 0]);
});

test("rates_are_per_second_and_a_counter_that_begins_anew_has_none", () => {
  const rates = new Rates();
  assert.ok(Number.isNaN(rates.of("a", 10, 1)));
  assert.equal(rates.of("a", 30, 2), 20);
  assert.equal(rates.of("a", 31, 2.05), 20);
  assert.ok(Number.isNaN(rates.of("a", 5, 3)));
  assert.equal(rates.of("a", 15, 5), 5);
  assert.ok(Number.isNaN(rates.of("a", undefined, 6)));
});

test("a_series_forgets_the_oldest", () => {
  const series = new Series(3);
  for (let at = 0; at < 5; at += 1) series.add(at, { p50: at });
  assert.deepEqual(
    series.samples.map(({ at }) => at),
    [2, 3, 4],
  );
  assert.equal(series.last("p50"), 4);
  assert.ok(Number.isNaN(series.last("other")));
});

test("a_picture_comes_with_its_message_in_front", () => {
  const json = new TextEncoder().encode('{"type":"frame","rtp":null,"frame":7,"outputs":{"ü":1}}');
  const buffer = new Uint8Array(4 + json.length + 3);
  new DataView(buffer.buffer).setUint32(0, json.length);
  buffer.set(json, 4);
  buffer.set([0xff, 0xd8, 0xff], 4 + json.length);
  const { message, jpeg } = readImageMessage(buffer.buffer);
  assert.equal(message.frame, 7);
  assert.deepEqual(message.outputs, { ü: 1 });
  assert.deepEqual([...jpeg], [0xff, 0xd8, 0xff]);
});

test("what_comes_in_parts_is_put_together_one_after_the_other", () => {
  const parts = new Parts();
  const bytes = (...values) => new Uint8Array(values).buffer;
  assert.equal(parts.push(bytes(0, 0, 0, 3, 1)), null);
  assert.equal(parts.push(bytes(2)), null);
  assert.deepEqual([...new Uint8Array(parts.push(bytes(3)))], [1, 2, 3]);
  assert.deepEqual([...new Uint8Array(parts.push(bytes(0, 0, 0, 1, 9)))], [9]);
  assert.equal(parts.push(bytes(0, 0)), null);
  assert.equal(parts.push(bytes(255, 255, 255, 255, 1)), null);
  assert.deepEqual([...new Uint8Array(parts.push(bytes(0, 0, 0, 0)))], []);
});

test("a_picture_that_cannot_be_read_is_none", () => {
  const bytes = (...values) => new Uint8Array(values).buffer;
  for (const buffer of [
    bytes(),
    bytes(0, 0, 0),
    bytes(0, 0, 0, 9, 1),
    bytes(255, 255, 255, 255, 1),
    bytes(0, 0, 0, 1, 65, 1),
  ]) {
    assert.equal(readImageMessage(buffer), null);
  }
});

test("a_message_of_another_type_of_json_is_none", () => {
  for (const text of ["", "{", "null", "[]", "3", '{"type":5}'])
    assert.equal(readTextMessage(text), null, text);
  const { rtp, frame, errors, outputs } = readTextMessage(
    '{"type":"frame","rtp":"x","frame":1.5,"errors":"no"}',
  );
  assert.deepEqual([rtp, frame, errors, outputs], [null, null, [], {}]);
});

test("a picture that does not come is as large as what was found says", () => {
  const found = { image: { width: 320, height: 240 }, predictions: [] };
  assert.deepEqual(sizeOf({ n: 1, nothing: null, found }), [320, 240]);
  for (const image of [null, {}, { width: 0, height: 9 }, { width: 1e9, height: 9 }])
    assert.deepEqual(sizeOf({ found: { image } }), [1280, 720]);
});

test("pictures_are_held_back_by_what_was_late_for_as_long_as_that_tells_of_others", () => {
  const delay = new PictureDelay();
  assert.equal(delay.at(0), 0);
  delay.late(10, 1_000);
  assert.equal(delay.at(1_000), 15);
  // It was late although the picture was held back.
  delay.late(20, 2_000);
  assert.equal(delay.at(2_000), 40);
  // No picture is held back for so long.
  delay.late(900, 3_000);
  assert.equal(delay.at(121_999), 40);
  assert.equal(delay.at(122_001), 0);
});

test("a_text_is_taken_off_the_frame_that_it_is_in", () => {
  const frame = (...texts) => new TextEncoder().encode(texts.join("")).buffer;
  const { video, text } = takeText(frame("vp8", '{"é":1}', "00000008", "streamsdk"));
  assert.deepEqual([new TextDecoder().decode(video), text], ["vp8", '{"é":1}']);
  for (const odd of ["", "vp8", "streamsdk", "00000009streamsdk", "{}0000000xstreamsdk", "{}00000002streamsdk!"])
    assert.equal(takeText(frame(odd)), null, odd);
  assert.equal(takeText(frame("{}", "00000002", "streamsdk")).video.byteLength, 0);
});
