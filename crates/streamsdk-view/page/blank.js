// A stream of data without pictures: what is known of a frame is drawn on nothing.

/** Where nothing says how large the picture was. */
const SIZE = [1280, 720];
const MAX_SIDE = 4096;

/** What the outputs of a frame say of the size of its picture. */
export function sizeOf(outputs) {
  const images = Object.values(outputs).map((output) => output?.image);
  const isSide = (side) => Number.isInteger(side) && side > 0 && side <= MAX_SIDE;
  const image = images.find((image) => isSide(image?.width) && isSide(image?.height));
  return image ? [image.width, image.height] : SIZE;
}

export class BlankPictures {
  #screen;
  #canvas = null;

  /** @param {import("./screen.js").Screen} screen */
  constructor(screen) {
    this.#screen = screen;
  }

  message(message) {
    const [width, height] = sizeOf(message.outputs);
    if (this.#canvas?.width !== width || this.#canvas?.height !== height) {
      this.#canvas = new OffscreenCanvas(width, height);
      // Only a canvas that has a context can be drawn.
      this.#canvas.getContext("2d", { alpha: false });
    }
    const source = this.#canvas;
    this.#screen.present({ source, width, height, rtp: null, message, jpeg: null });
  }

  stop() {}
}
