// Files that the page itself writes.

import { fileName } from "./text.js";

/** A blob's address has to last until the browser has begun to save it. */
const REVOKE_MS = 60_000;

/** @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), REVOKE_MS);
}

/** Largest recording in bytes: it ends by itself then. */
export const MAX_RECORDING = 512 << 20;

/**
 * Saves what was recorded of a stream.
 *
 * @param {BlobPart[]} parts
 * @param {number} size
 * @param {string} type
 * @param {string} stream
 * @returns {string} What became of it, in words.
 */
export function saveRecording(parts, size, type, stream) {
  if (size === 0) return "Nothing was recorded.";
  const extension = type.startsWith("video/mp4") ? "mp4" : "webm";
  download(new Blob(parts, { type }), `${fileName(stream)}-${timeStamp()}.${extension}`);
  return size > MAX_RECORDING
    ? "The recording is as large as it may be, and was saved."
    : "The recording was saved.";
}

/** For names: `20250131-142501`. */
export function timeStamp(date = new Date()) {
  const parts = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  const times = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const joined = (numbers) => numbers.map((number) => String(number).padStart(2, "0")).join("");
  return `${joined(parts)}-${joined(times)}`;
}
