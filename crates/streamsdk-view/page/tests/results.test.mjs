import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { dataOutputs, request } from "../inference.js";
import { Chunks, readResult, textOf } from "../results.js";
import { chunksOf } from "../upload.js";
import { readWish } from "../wish.js";
import { takePicture } from "../worker_connection.js";

function chunk(frame, index, total, text) {
  const bytes = new Uint8Array(12 + text.length);
  const view = new DataView(bytes.buffer);
  [frame, index, total].forEach((value, place) => view.setUint32(4 * place, value, true));
  bytes.set(new TextEncoder().encode(text), 12);
  return bytes.buffer;
}

test("a result is whole when its last chunk has come", () => {
  const chunks = new Chunks();
  assert.equal(chunks.push(chunk(7, 0, 2, "ab")), null);
  const { frame, bytes } = chunks.push(chunk(7, 1, 2, "cd"));
  assert.deepEqual([frame, new TextDecoder().decode(bytes)], [7, "abcd"]);
});

test("what was interrupted or is nonsense never becomes a result", () => {
  const chunks = new Chunks();
  chunks.push(chunk(1, 0, 2, "a"));
  assert.equal(chunks.push(chunk(2, 1, 2, "b")), null);
  for (const nonsense of [chunk(3, 0, 0, ""), chunk(3, 2, 2, ""), chunk(3, 0, 1e9, ""), new ArrayBuffer(5)])
    assert.equal(chunks.push(nonsense), null);
  assert.equal(new TextDecoder().decode(chunks.push(chunk(3, 0, 1, "c")).bytes), "c");
});

test("a result may be compressed", async () => {
  const text = JSON.stringify({ errors: [] });
  assert.equal(await textOf(new TextEncoder().encode(text)), text);
  assert.equal(await textOf(new Uint8Array(gzipSync(text))), text);
  await assert.rejects(textOf(new Uint8Array([0x1f, 0x8b, 0, 0])));
});

test("a result is what the page shows of a frame", () => {
  const text = JSON.stringify({
    serialized_output_data: { n: 1 },
    video_metadata: { frame_id: 3, pts: 150, time_base: 0.01, rtp_timestamp: 4294967295 },
    errors: ["late"],
    processing_complete: false,
    termination_reason: null,
  });
  const { message, isLast } = readResult(3, text);
  assert.deepEqual([message.rtp, message.time, message.outputs], [4294967295, 1.5, { n: 1 }]);
  assert.deepEqual([message.errors, isLast], [["late"], false]);
  const last = readResult(4, '{"processing_complete":true,"termination_reason":"timeout_reached"}');
  assert.deepEqual([last.isLast, last.reason], [true, "timeout_reached"]);
  assert.deepEqual([last.message.rtp, last.message.time], [null, null]);
  for (const nonsense of ["", "[", "null", "3"]) assert.equal(readResult(1, nonsense), null);
});

test("a file goes out in chunks that say their place", async () => {
  const file = new Blob([new Uint8Array(100_000).fill(9)]);
  const sizes = [];
  for await (const part of chunksOf(file)) {
    const view = new DataView(part);
    sizes.push([view.getUint32(0, true), view.getUint32(4, true), part.byteLength - 8]);
  }
  assert.deepEqual(sizes, [[0, 3, 49_152], [1, 3, 49_152], [2, 3, 1_696]]);
});

test("what is wanted of a worker is read from fields, and what is wrong with them is said", () => {
  const fields = (parameters, workflow = "motion") =>
    new Map([["workflow", workflow], ["image", " "], ["parameters", parameters]]);
  assert.deepEqual(readWish(fields('{"draw": false}')), {
    workflow: "motion",
    image: null,
    parameters: { draw: false },
    data: ["*"],
  });
  assert.deepEqual(readWish(fields("")).parameters, {});
  for (const wrong of [fields("{"), fields("[]"), fields("null"), fields("{}", "  ")])
    assert.throws(() => readWish(wrong), Error);
});

test("a worker is asked for what is wanted", () => {
  const wish = { workflow: "w", parameters: {}, image: null, data: ["*"] };
  const asked = (source, asVideo = true, image = null) => request({ ...wish, source, asVideo, image });
  const camera = asked({ kind: "camera" });
  assert.deepEqual([camera.stream_output, camera.data_output, camera.video_file_upload], [undefined, ["*"], undefined]);
  assert.equal(asked({ kind: "file" }).video_file_upload, true);
  assert.equal(asked({ kind: "address", url: "rtsp://h/1" }).rtsp_url, "rtsp://h/1");
  assert.equal(asked({ kind: "address", url: "http://h/1" }).mjpeg_url, "http://h/1");
  const images = asked({ kind: "camera" }, false);
  assert.deepEqual([images.stream_output, images.data_output], [[], ["*", "image"]]);
  assert.deepEqual(asked({ kind: "camera" }, true, "drawn").stream_output, ["drawn"]);
  // Whatever else is wanted meanwhile, the picture comes.
  assert.deepEqual(dataOutputs({ ...wish, data: ["n"], asVideo: false }), ["n", "image"]);
  assert.deepEqual(dataOutputs({ ...wish, data: ["n"], asVideo: true }), ["n"]);
});

test("an image among the outputs is taken out of them", () => {
  const outputs = { n: 1, image: { type: "base64", value: btoa("jpeg") } };
  assert.equal(new TextDecoder().decode(takePicture(outputs)), "jpeg");
  assert.deepEqual(outputs, { n: 1 });
  assert.equal(takePicture({ image: { type: "base64", value: "%" } }), null);
});
