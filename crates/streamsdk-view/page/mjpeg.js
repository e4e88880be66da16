// Pictures without WebRTC: an image that the server keeps replacing. Which picture is shown cannot
// be known, so there are no boxes.

import { addressOf } from "./api.js";
import { make } from "./dom.js";

/**
 * An image has no event for each picture that every browser has, so its size is looked at so often.
 */
const LOOK_MS = 500;

export class MjpegPicture {
  #screen;
  #image;
  #timer;
  #isOver = false;

  /**
   * @param {import("./screen.js").Screen} screen
   * @param {() => void} onEnd Called if the server sends no more.
   */
  constructor(screen, onEnd) {
    this.#screen = screen;
    const onerror = () => !this.#isOver && onEnd();
    this.#image = make("img", { class: "picture", alt: "", onerror });
    screen.attach(this.#image);
    this.#image.src = addressOf("/stream.mjpeg", screen.stream);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  stop() {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#screen.detach();
    this.#image.removeAttribute("src");
  }

  #look() {
    const { naturalWidth: width, naturalHeight: height } = this.#image;
    if (!width) return;
    this.#screen.present({
      source: this.#image,
      width,
      height,
      rtp: null,
      message: null,
      jpeg: null,
    });
  }
}
