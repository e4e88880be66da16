// What comes over the channel. Knows nothing of the page.

const MAX_HEADER = 16 << 20;

const MAX_WHOLE = 256 << 20;

/** Puts together what comes in parts: four bytes of a length, and so many bytes. */
export class Parts {
  #parts = [];
  #have = 0;
  #whole = 0;

  /**
   * @param {ArrayBuffer} part
   * @returns {?ArrayBuffer} What is whole now, without its length.
   */
  push(part) {
    if (this.#parts.length === 0) {
      if (part.byteLength < 4) return null;
      this.#whole = 4 + new DataView(part).getUint32(0);
      if (this.#whole > MAX_WHOLE) return null;
    }
    this.#parts.push(new Uint8Array(part));
    this.#have += part.byteLength;
    return this.#have >= this.#whole ? this.#join() : null;
  }

  #join() {
    const whole = new Uint8Array(this.#have);
    let place = 0;
    for (const part of this.#parts) {
      whole.set(part, place);
      place += part.length;
    }
    this.#parts = [];
    this.#have = 0;
    return whole.buffer.slice(4, this.#whole);
  }
}

/**
 * A picture with its message: four bytes of a length, so many bytes of JSON, then a JPEG file, which is empty where
 * only the message was too long.
 *
 * @param {ArrayBuffer} buffer
 * @returns {?{message: object, text: string, jpeg: Uint8Array}} Null where it is none.
 */
export function readImageMessage(buffer) {
  if (buffer.byteLength < 4) return null;
  const length = new DataView(buffer).getUint32(0);
  if (length > MAX_HEADER || 4 + length > buffer.byteLength) return null;
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const message = readTextMessage(text);
  return message?.type === "frame"
    ? { message, text, jpeg: new Uint8Array(buffer, 4 + length) }
    : null;
}

/**
 * @param {string} text
 * @returns {?object} Null where it is none.
 */
export function readTextMessage(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof message !== "object" || message === null || typeof message.type !== "string")
    return null;
  if (message.type === "frame") {
    message.outputs ??= {};
    message.textLength = text.length;
    message.errors = Array.isArray(message.errors) ? message.errors : [];
    message.frame = Number.isInteger(message.frame) ? message.frame : null;
    message.rtp = Number.isInteger(message.rtp) ? message.rtp >>> 0 : null;
  }
  return message;
}
