import assert from "node:assert/strict";
import { test } from "node:test";

import { decodePart, lengths, MaskError } from "../rle.js";

const WHOLE = { left: 0, top: 0, right: 1e9, bottom: 1e9 };
const PLENTY = 1 << 20;

function rows({ width, height, pixels }) {
  return Array.from({ length: height }, (_, row) =>
    [...pixels.subarray(row * width, (row + 1) * width)].join(""),
  );
}

test("packed_lengths_are_those_of_pycocotools", () => {
  // mask[5:20, 3:15] of 48 rows and 64 columns.
  const counts = [...lengths("e4?Q1000000000000000000000[Y2")];
  assert.deepEqual(counts.slice(0, 5), [149, 15, 33, 15, 33]);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    48 * 64,
  );
});

test("both_ways_to_write_lengths_give_the_same_pixels", () => {
  const packed = { width: 64, height: 48, counts: "e4?Q1000000000000000000000[Y2" };
  const plain = { ...packed, counts: [...lengths(packed.counts)] };
  const decoded = decodePart(packed, WHOLE, PLENTY);
  assert.deepEqual(decoded, decodePart(plain, WHOLE, PLENTY));
  const area = decoded.pixels.reduce((sum, pixel) => sum + pixel, 0);
  assert.equal(area, 12 * 15);
  assert.equal(decoded.pixels[5 * 64 + 3], 1);
  assert.equal(decoded.pixels[5 * 64 + 2], 0);
});

test("pixels_go_down_the_columns", () => {
  const mask = { width: 3, height: 2, counts: [1, 2, 3] };
  assert.deepEqual(rows(decodePart(mask, WHOLE, PLENTY)), ["010", "100"]);
});

test("only_the_part_that_is_asked_for_is_decoded", () => {
  const mask = { width: 4, height: 4, counts: [5, 6, 5] };
  assert.deepEqual(rows(decodePart(mask, WHOLE, PLENTY)), ["0010", "0110", "0110", "0100"]);
  const part = decodePart(mask, { left: 0.5, top: 1.2, right: 2.1, bottom: 3 }, PLENTY);
  assert.deepEqual([part.left, part.top], [0, 1]);
  assert.deepEqual(rows(part), ["011", "011"]);
  const outside = decodePart(mask, { left: -9, top: -9, right: -1, bottom: -1 }, PLENTY);
  assert.equal(outside.pixels.length, 0);
  const endless = { width: 2 ** 31, height: 1, counts: [0, 2 ** 31] };
  assert.equal(decodePart(endless, { ...WHOLE, bottom: 0 }, PLENTY).pixels.length, 0);
});

test("a_mask_that_says_something_impossible_is_an_error", () => {
  const bad = [
    { width: 2, height: 2, counts: [1, 2] },
    { width: 2, height: 2, counts: [1, 9] },
    { width: 2, height: 2, counts: [1, -1, 4] },
    { width: 2, height: 2, counts: [0.5, 3.5] },
    { width: 2, height: 2, counts: ["4"] },
    { width: 2, height: 2, counts: [null] },
    { width: 2, height: 2, counts: "\u0000" },
    { width: 2, height: 2, counts: "oooooooo" },
    { width: 2, height: 2, counts: "o" },
    { width: 2 ** 31, height: 2 ** 31, counts: [5] },
  ];
  for (const mask of bad)
    assert.throws(() => decodePart(mask, WHOLE, PLENTY), MaskError, JSON.stringify(mask));
});

test("no_more_memory_is_taken_than_is_allowed", () => {
  const mask = { width: 1e6, height: 1e6, counts: [1e12] };
  assert.throws(() => decodePart(mask, WHOLE, PLENTY), MaskError);
});
