import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { MAX_ITEMS, readOutputs } from "../predictions.js";

const fixture = (name) => {
  const path = new URL(`../../../../tests/data/predictions/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, "utf8"));
};
const read = (value) => readOutputs({ out: value });

test("boxes_are_read_from_their_centre_with_tracker_and_class", () => {
  const { things, others } = read(fixture("boxes"));
  assert.equal(others.length, 0);
  assert.deepEqual(things[0].box, { left: 1.5, top: 2, width: 18.5, height: 28 });
  assert.deepEqual(
    things.map(({ output, name, classId, confidence, track }) => [
      output,
      name,
      classId,
      confidence,
      track,
    ]),
    [
      ["out", "car", 2, 0.5, 7],
      ["out", "person", 0, 0.75, 8],
    ],
  );
  assert.deepEqual(things[0].space, {
    width: 64,
    height: 48,
    left: 0,
    top: 0,
    partWidth: 64,
    partHeight: 48,
  });
});

test("boxes_of_a_crop_are_where_the_crop_was", () => {
  const { space } = read(fixture("crop")).things[0];
  assert.deepEqual(space, {
    width: 640,
    height: 480,
    left: 5,
    top: 6,
    partWidth: 64,
    partHeight: 48,
  });
});

test("outlines_masks_and_keypoints_come_along_with_their_box", () => {
  assert.deepEqual(read(fixture("polygons")).things[0].points[1], { x: 3, y: 19 });
  assert.equal(read(fixture("model_polygon")).things[0].points.length, 3);
  for (const name of ["rle", "model_rle"]) {
    const { mask } = read(fixture(name)).things[0];
    assert.deepEqual([mask.width, mask.height], [64, 48], name);
  }
  const nose = { x: 3, y: 4, confidence: 0.9, name: "nose" };
  assert.deepEqual(read(fixture("keypoints")).things[0].keypoints[0], nose);
  assert.equal(read(fixture("model_keypoints")).things[0].keypoints.length, 1);
});

test("classifications_give_what_the_picture_shows", () => {
  const cat = { output: "out", name: "cat", classId: 1, confidence: 0.75 };
  assert.deepEqual(read(fixture("classification")).classes, [cat]);
  assert.deepEqual(read(fixture("multi_label")).classes, [
    { output: "out", name: "a", classId: 0, confidence: 0.75 },
  ]);
  assert.equal(read(fixture("anomaly")).classes[0].name, "anomalous");
  assert.deepEqual(read(fixture("no_class")), {
    things: [],
    classes: [],
    segmentations: [],
    others: [],
  });
});

test("a_segmentation_has_its_picture_and_the_names_of_its_classes", () => {
  const [{ png, names }] = read(fixture("semantic")).segmentations;
  assert.ok(png.startsWith("iVBOR"));
  assert.deepEqual(
    [...names],
    [
      [0, "background"],
      [12, "road"],
    ],
  );
});

test("nothing_found_is_no_other_output", () => {
  assert.deepEqual(read(fixture("empty")).others, []);
});

test("what_is_no_prediction_is_kept_as_it_came", () => {
  for (const value of [
    null,
    7,
    "text",
    { a: 1 },
    [1, 2],
    { predictions: "none" },
    { predictions: [], top: 3 },
  ]) {
    const { others, things } = read(value);
    assert.deepEqual(others, [{ name: "out", value }]);
    assert.equal(things.length, 0);
  }
  assert.deepEqual(readOutputs(null).others, []);
  assert.deepEqual(readOutputs([1]).others, []);
});

test("one_odd_box_does_not_cost_the_others", () => {
  const boxes = fixture("boxes");
  boxes.predictions.push(
    null,
    3,
    {},
    { ...boxes.predictions[0], x: null },
    { ...boxes.predictions[0], width: -1 },
  );
  boxes.predictions[0].points = "none";
  boxes.predictions[0].keypoints = [{ x: "a" }, null, { x: 1, y: 2 }];
  boxes.predictions[0].rle = { size: [1], counts: "a" };
  boxes.predictions[1].confidence = "high";
  boxes.image = 5;
  const { things } = read(boxes);
  assert.equal(things.length, 2);
  assert.equal(things[0].points, null);
  assert.equal(things[0].mask, null);
  assert.equal(things[0].keypoints.length, 1);
  assert.ok(Number.isNaN(things[1].confidence));
  assert.equal(things[1].space.width, null);
});

test("predictions_of_several_images_are_read_each", () => {
  const { things, classes, others } = read([fixture("boxes"), null, fixture("classification")]);
  assert.deepEqual([things.length, classes.length, others.length], [2, 1, 0]);
});

test("no_more_boxes_are_read_than_can_be_drawn", () => {
  const boxes = fixture("boxes");
  boxes.predictions = Array.from({ length: MAX_ITEMS + 50 }, () => boxes.predictions[0]);
  assert.equal(read(boxes).things.length, MAX_ITEMS);
});

test("a_class_named_like_a_property_of_objects_is_a_class", () => {
  const labels = {
    predictions: { a: { confidence: 0.5 } },
    predicted_classes: ["constructor", "__proto__", "a", 5],
  };
  const { classes } = read(labels);
  assert.deepEqual(
    classes.map(({ name, confidence }) => [name, confidence]),
    [
      ["constructor", NaN],
      ["__proto__", NaN],
      ["a", 0.5],
    ],
  );
});
