// Pictures that come one by one, each in one message with its boxes.

import { readImageMessage } from "./message.js";

/** Decodes one picture at a time. Of those that come meanwhile only the newest waits. */
export class ImagePictures {
  #screen;
  #waiting = null;
  #isDecoding = false;
  #isOver = false;

  /** @param {import("./screen.js").Screen} screen */
  constructor(screen) {
    this.#screen = screen;
  }

  /**
   * @param {ArrayBuffer} buffer
   * @returns {?{message: object, text: string}} The message of the picture; null if it cannot be
   *   read.
   */
  received(buffer) {
    const received = readImageMessage(buffer);
    if (received) {
      this.#waiting = received;
      if (!this.#isDecoding) this.#decodeAll();
    }
    return received;
  }

  stop() {
    this.#isOver = true;
    this.#waiting = null;
  }

  async #decodeAll() {
    this.#isDecoding = true;
    while (this.#waiting) {
      const { message, jpeg } = this.#waiting;
      this.#waiting = null;
      const bitmap = await decoded(jpeg);
      if (bitmap && !this.#isOver) this.#show(bitmap, message, jpeg);
      bitmap?.close();
    }
    this.#isDecoding = false;
  }

  #show(bitmap, message, jpeg) {
    const { width, height } = bitmap;
    this.#screen.present({ source: bitmap, width, height, rtp: null, message, jpeg });
  }
}

/** Null for what is no picture: the next one may be. */
async function decoded(jpeg) {
  try {
    return await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  } catch {
    return null;
  }
}
