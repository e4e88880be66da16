// What a worker sends of a session, as it is on the wire. Knows nothing of the page.

const HEADER_BYTES = 12;
const MAX_CHUNKS = 4_096;
const MAX_TEXT = 64 << 20;

/** Puts results together from their chunks: each has the number of its frame, its place, and how many there are. */
export class Chunks {
  #frame = null;
  #parts = [];

  /**
   * @param {ArrayBuffer} chunk
   * @returns {?{frame: number, bytes: Uint8Array}} The result that is whole now.
   */
  push(chunk) {
    if (chunk.byteLength < HEADER_BYTES) return null;
    const view = new DataView(chunk);
    const [frame, index, total] = [0, 4, 8].map((place) => view.getUint32(place, true));
    if (total === 0 || total > MAX_CHUNKS || index >= total) return null;
    // The channel is in order: what another frame interrupts never becomes whole.
    if (this.#frame !== frame || index === 0) [this.#frame, this.#parts] = [frame, []];
    if (index !== this.#parts.length) return null;
    this.#parts.push(new Uint8Array(chunk, HEADER_BYTES));
    return index + 1 === total ? { frame, bytes: this.#join() } : null;
  }

  #join() {
    const whole = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let place = 0;
    for (const part of this.#parts) {
      whole.set(part, place);
      place += part.length;
    }
    this.#parts = [];
    return whole;
  }
}

/**
 * The text of a result, which may be compressed. An error where it is none.
 *
 * @param {Uint8Array} bytes
 * @returns {Promise<string>}
 */
export async function textOf(bytes) {
  const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isCompressed) return new TextDecoder().decode(bytes);
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
    if (text.length > MAX_TEXT) throw new Error("a result is too large");
  }
}

/**
 * A result as what the page shows of a frame, and whether it is the last.
 *
 * @param {number} frame
 * @param {string} text
 * @returns {?{message: object, isLast: boolean, reason: string}} Null where it is none.
 */
export function readResult(frame, text) {
  const result = parsed(text);
  if (typeof result !== "object" || result === null) return null;
  const { rtp_timestamp: rtp, pts, time_base: unit } = result.video_metadata ?? {};
  const outputs = result.serialized_output_data;
  const message = {
    type: "frame",
    link: 1,
    frame,
    rtp: Number.isInteger(rtp) ? rtp >>> 0 : null,
    time: Number.isFinite(pts) && Number.isFinite(unit) ? pts * unit : null,
    outputs: typeof outputs === "object" && outputs !== null ? outputs : {},
    errors: Array.isArray(result.errors) ? result.errors : [],
    textLength: text.length,
  };
  const reason = typeof result.termination_reason === "string" ? result.termination_reason : "";
  return { message, isLast: result.processing_complete === true, reason };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
