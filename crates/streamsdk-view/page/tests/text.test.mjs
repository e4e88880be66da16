import assert from "node:assert/strict";
import { test } from "node:test";

import { facts, flattened, samples } from "../figures.js";
import { Rates } from "../series.js";
import { statusOf } from "../status.js";
import {
  bitrate,
  boundedJson,
  described,
  drops,
  duration,
  ended,
  fileName,
  label,
  plain,
  share,
  size,
} from "../text.js";

test("values_are_said_in_units_that_people_use", () => {
  assert.deepEqual([0.0012, 0.031, 1.44, 125, NaN].map(duration), [
    "1.2 ms",
    "31 ms",
    "1.4 s",
    "2 min 5 s",
    "–",
  ]);
  const bitrates = [1_240_000, 350_400, undefined].map(bitrate);
  assert.deepEqual(bitrates, ["1.2 Mbit/s", "350 kbit/s", "–"]);
  assert.deepEqual([2_500_000, 1_500].map(size), ["2.5 MB", "2 kB"]);
  assert.equal(share(0.025), "2.5 %");
});

test("a_label_says_track_class_and_confidence_as_far_as_they_are_known", () => {
  assert.equal(label({ track: 7, name: "car", confidence: 0.915 }), "#7 car 0.92");
  assert.equal(label({ track: null, name: "", confidence: NaN }), "");
  const long = label({ track: null, name: "x".repeat(1e6), confidence: NaN });
  assert.equal([...long].length, 40);
});

test("texts_of_others_become_one_line_without_characters_that_act", () => {
  assert.equal(plain("a\n\u202eb\u0000\tc", 20), "a b c");
  assert.equal(plain("abcdef", 4), "abc…");
  assert.equal(fileName("../yard: <1>"), "yard-1");
  assert.equal(fileName("///"), "stream");
});

test("drops_and_ends_are_said_in_words", () => {
  assert.deepEqual(drops({ not_encoded: 3, queue_full: 0, new_cause: 1 }), [
    "3 not encoded",
    "1 new cause",
  ]);
  assert.equal(ended({ by_server: "timeout_reached" }), "ended by the server: timeout_reached");
  assert.equal(ended("by_caller"), "closed by the caller");
  assert.equal(ended(null), null);
});

test("json_has_an_end_however_large_or_deep_the_value_is", () => {
  assert.equal(
    boundedJson({ a: [1, "x"], b: {} }, 1000),
    '{\n  "a": [\n    1,\n    "x"\n  ],\n  "b": {}\n}',
  );
  const large = boundedJson({ list: Array.from({ length: 1e5 }, (_, place) => place) }, 500);
  assert.ok(large.length < 600 && large.endsWith("… (more is left out)"));
  let deep = 1;
  for (let level = 0; level < 1e5; level += 1) deep = [deep];
  assert.ok(boundedJson(deep, 1e6).includes("…"));
  assert.ok(boundedJson("y".repeat(1e6), 1e5).length < 400);
});

const SESSION = {
  phase: "streaming",
  phase_text: "streaming",
  statistics: {
    session: {
      frames_sent: 300,
      frames_returned: 299,
      frames_published: null,
      frames_failed: 2,
      links: 2,
      dropped: { not_returned: 1 },
      errors: [{ text: "cold", frames: 2 }],
      damage: ["a hole"],
      ended: null,
    },
    transport: { bytes_sent: 0, bytes_received: 1000 },
    video: null,
  },
  latency: { count: 5, p50_s: 0.03, p95_s: 0.06, p99_s: 0.1, max_s: 0.2 },
  upload: null,
};

test("figures_are_read_from_the_statistics_of_a_session", () => {
  const rates = new Rates();
  samples(SESSION, rates, 1);
  const later = structuredClone(SESSION);
  later.statistics.session.frames_returned = 324;
  later.statistics.transport.bytes_received = 126_000;
  const newest = samples(later, rates, 2);
  assert.deepEqual([newest.p50, newest.p95, newest.fps, newest.received], [0.03, 0.06, 25, 1e6]);
  const said = new Map(
    facts({ name: "a", codec: "VP8", shows: "video", viewers: 2, session: later }, newest),
  );
  assert.equal(said.get("Frames"), "324 returned of 300, 2 failed, 25.0 fps");
  assert.equal(said.get("Dropped"), "1 not returned by the server");
  assert.equal(said.get("Errors of frames"), "cold (2×)");
  assert.equal(said.get("Codec"), "VP8, as video");
  assert.equal(said.has("Upload"), false);
});

test("latency_of_the_video_counts_where_the_session_gives_none", () => {
  const video = { to_frame: { count: 0, p50_s: 0 }, to_data: { count: 3, p50_s: 0.2, p95_s: 0.3 } };
  assert.equal(samples({ video }, new Rates(), 1).p50, 0.2);
});

test("a_session_of_which_nothing_is_known_costs_nothing", () => {
  for (const session of [
    undefined,
    null,
    {},
    { statistics: 5, latency: "x", video: [], upload: 1 },
  ]) {
    const newest = samples(session, new Rates(), 1);
    assert.ok(Object.values(newest).every(Number.isNaN));
    assert.doesNotThrow(() => facts({ name: "a", session }, newest));
  }
});

test("every_figure_is_listed_by_its_path_within_a_limit", () => {
  assert.deepEqual(flattened({ a: { b: [1, null] }, c: "x\ny" }, 10), [
    ["a.b.0", "1"],
    ["a.b.1", "null"],
    ["c", "x y"],
  ]);
  assert.equal(
    flattened(
      Array.from({ length: 1e5 }, () => 1),
      50,
    ).length,
    50,
  );
});

const IDLE = { phase: "idle", way: null, text: "", attempt: 0, retryAt: null };
const PAGE = { hasPicture: false, isPaused: false, now: 1000 };

test("a_page_that_is_opened_before_there_are_pictures_says_that_it_waits", () => {
  const { word, text } = statusOf(
    { shows: null, session: { phase_text: "uploading" } },
    IDLE,
    PAGE,
  );
  assert.deepEqual([word, text], ["Waiting", "Waiting for the first picture. Uploading."]);
});

test("after_the_end_it_says_so_and_why", () => {
  const { word, text } = statusOf({ over: true, session: { error: "no such model" } }, IDLE, {
    ...PAGE,
    hasPicture: true,
  });
  assert.deepEqual([word, text], ["Over", "It is over. No such model. The last picture stays."]);
});

test("a_session_that_connects_again_says_how_often_and_when", () => {
  const session = {
    phase: "reconnecting",
    phase_text: "connecting again",
    attempt: 2,
    wait_s: 1.4,
  };
  const { tone, text } = statusOf({ shows: "video", session }, { ...IDLE, phase: "live" }, PAGE);
  assert.deepEqual([tone, text], ["bad", "Connecting again. Attempt 2, next try in 1.4 s."]);
});

test("a_lost_connection_counts_down_to_the_next_attempt", () => {
  const lost = {
    phase: "waiting",
    way: null,
    text: "the connection failed",
    attempt: 3,
    retryAt: 3500,
  };
  const { text, canRetry } = statusOf({ shows: "video" }, lost, PAGE);
  assert.equal(text, "The connection failed. Trying again in 3 s (attempt 3).");
  assert.ok(canRetry);
});

test("plain_images_are_not_called_live_with_boxes", () => {
  const state = { phase: "live", way: "mjpeg", text: "No boxes.", attempt: 0, retryAt: null };
  const { word, tone } = statusOf({ shows: "video" }, state, { ...PAGE, hasPicture: true });
  assert.deepEqual([word, tone], ["Live, no boxes", "wait"]);
});

test("what_is_drawn_is_said_by_how_often_it_is_seen", () => {
  const named = (...names) => names.map((name) => ({ name }));
  assert.equal(described(named("person", "car", "car")), "Drawn are 2 × car, 1 × person.");
  assert.equal(described([]), "Nothing is drawn.");
  assert.ok(described(named(..."abcdefghijklm")).endsWith(", and others."));
});
