import assert from "node:assert/strict";
import { test } from "node:test";

import { MAX_ZOOM, View } from "../view.js";

function view() {
  const made = new View();
  made.setStage(800, 600);
  made.setPicture(640, 360);
  return made;
}

const near = (actual, expected) =>
  assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} is not ${expected}`);

test("a_picture_fits_into_the_middle_of_its_stage", () => {
  assert.deepEqual(view().placement(), { scale: 1.25, left: 0, top: 75 });
});

test("what_is_under_the_pointer_stays_there_while_zooming", () => {
  const zoomed = view();
  zoomed.zoomBy(4);
  const before = zoomed.placement();
  const [x, y] = [(300 - before.left) / before.scale, (200 - before.top) / before.scale];
  zoomed.zoomBy(1.5, 300, 200);
  const { scale, left, top } = zoomed.placement();
  near(left + x * scale, 300);
  near(top + y * scale, 200);
});

test("a_picture_cannot_be_moved_away_from_its_stage", () => {
  const zoomed = view();
  zoomed.zoomBy(4);
  zoomed.panBy(1e6, 1e6);
  const first = zoomed.placement();
  near(first.left, 0);
  near(first.top, 0);
  zoomed.panBy(-1e6, -1e6);
  const last = zoomed.placement();
  near(last.left, 800 - 640 * last.scale);
  near(last.top, 600 - 360 * last.scale);
});

test("zoom_has_ends_and_can_be_taken_back", () => {
  const zoomed = view();
  zoomed.zoomBy(1e9);
  assert.equal(zoomed.zoom, MAX_ZOOM);
  zoomed.zoomBy(1e-9);
  assert.deepEqual(zoomed.placement(), view().placement());
  zoomed.zoomBy(3, 10, 10);
  zoomed.reset();
  assert.deepEqual(zoomed.placement(), view().placement());
});

test("without_a_picture_or_a_stage_nothing_becomes_infinite", () => {
  const empty = new View();
  empty.zoomBy(2);
  empty.panBy(5, 5);
  empty.setPicture(640, 360);
  empty.zoomBy(2);
  empty.setStage(800, 600);
  const { scale, left, top } = empty.placement();
  assert.ok([scale, left, top].every(Number.isFinite));
});
