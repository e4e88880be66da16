// What is known about a frame, within the frame: text behind the encoded video. Knows nothing of the page.

/** As the server has it: the text, its length in eight hexadecimal digits, and this. */
const MARK = new TextEncoder().encode("streamsdk");
const LENGTH_DIGITS = 8;

/**
 * Takes the text off a frame.
 *
 * @param {ArrayBuffer} data
 * @returns {?{video: ArrayBuffer, text: string}} Null where there is none.
 */
export function takeText(data) {
  const bytes = new Uint8Array(data);
  const markAt = bytes.length - MARK.length;
  const lengthAt = markAt - LENGTH_DIGITS;
  if (lengthAt < 0 || !MARK.every((byte, place) => bytes[markAt + place] === byte)) return null;
  const digits = String.fromCharCode(...bytes.subarray(lengthAt, markAt));
  const length = /^[0-9a-f]+$/.test(digits) ? parseInt(digits, 16) : Infinity;
  if (length > lengthAt) return null;
  const textAt = lengthAt - length;
  const text = new TextDecoder().decode(bytes.subarray(textAt, lengthAt));
  return { video: data.slice(0, textAt), text };
}
