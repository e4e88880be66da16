// Pictures that come one by one, each in one message with its boxes.

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

  /** @param {{message: object, jpeg: Uint8Array}} image */
  received(image) {
    this.#waiting = image;
    if (!this.#isDecoding) this.#decodeAll();
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
