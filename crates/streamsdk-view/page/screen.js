// The stage of a stream: the picture, and over it the boxes that belong to exactly this picture.
//
// For tests: each time a picture is presented, `document` gets a CustomEvent "streamsdk:shown",
// synchronously after drawing. Its `detail` is
//   stream  name of the stream
//   rtp     RTP timestamp of the picture on this connection; null where pictures come one by one
//   frame   number of the frame whose boxes were drawn; null if none were drawn
//   time    time of that frame in its stream, in seconds; null where it is not known
//   boxes   how many boxes were drawn
//   late    true where the message came after its picture, which was still shown: it comes again then
//   held    true where it is a picture of the time line
// The stage is within `[data-stream="NAME"]`; its picture is a `<video>` or a `<canvas
// class="picture">`, and the boxes are on `<canvas class="overlay">`.

import { make } from "./dom.js";
import { drawReading, isDrawn } from "./overlay.js";
import { readOutputs } from "./predictions.js";
import { described } from "./text.js";
import { View } from "./view.js";

/** More pixels than that are not drawn for one overlay. */
const MAX_DENSITY = 3;

/**
 * @typedef {object} Shown
 * @property {CanvasImageSource} source What is drawn; only good within the call, except for a
 *   `<video>` and an `<img>`.
 * @property {number} width
 * @property {number} height
 * @property {?number} rtp
 * @property {?object} message The message of exactly this picture.
 * @property {?Uint8Array} jpeg The picture as it came, where it came so.
 */

export class Screen {
  #picture;
  #pictureContext;
  #overlay;
  #context;
  #media;
  /**
   * What plays by itself below the canvas: a video, or an image that the browser keeps replacing.
   */
  #live = null;
  #density = 1;
  #current = null;
  #isHeld = false;
  #listeners = [];

  /** @param {string} stream @param {import("./options.js").Options} options */
  constructor(stream, options) {
    this.stream = stream;
    this.options = options;
    this.view = new View();
    this.#picture = make("canvas", { class: "picture", hidden: true, "aria-hidden": "true" });
    this.#overlay = make("canvas", { class: "overlay", "aria-hidden": "true" });
    this.#media = make("div", { class: "media" }, this.#picture);
    this.element = make(
      "div",
      { class: "stage", tabindex: "0", role: "group" },
      this.#media,
      this.#overlay,
    );
    this.#pictureContext = this.#picture.getContext("2d", { alpha: false });
    this.#context = this.#overlay.getContext("2d");
    new ResizeObserver(() => this.#resized()).observe(this.element);
    options.listen(() => this.redraw());
  }

  /**
   * @param {(shown: Shown, record: {message: ?object}) => void} listener Called after each picture
   *   that was presented. A message that comes late comes into the record.
   */
  listen(listener) {
    this.#listeners.push(listener);
  }

  get hasPicture() {
    return this.#current !== null;
  }

  get current() {
    return this.#current;
  }

  get isHeld() {
    return this.#isHeld;
  }

  /** Shows a `<video>` or an `<img>` below the canvas. */
  attach(element) {
    this.#live = element;
    this.#media.prepend(element);
    this.#place();
  }

  /** Takes it away. The picture that it showed last stays. */
  detach() {
    if (!this.#live) return;
    this.#keepLive();
    this.#live.remove();
    this.#live = null;
  }

  /** Shows a picture and its boxes, in one task. While a picture is held it does nothing. */
  present(shown) {
    if (this.#isHeld) return;
    this.#show(shown, {});
  }

  /** Shows a picture of the time line. */
  presentHeld(shown) {
    if (this.#isHeld) this.#show(shown, { held: true });
  }

  /** Takes a message that came after its picture. */
  amend(message) {
    if (this.#isHeld || !this.#current || this.#current.message) return;
    if (message.rtp === null || this.#current.rtp !== message.rtp) return;
    Object.assign(this.#current, { message, reading: null });
    this.#announce(this.redraw(), { late: true });
  }

  /** Keeps what is shown now, whatever comes. */
  hold() {
    this.#keepLive();
    this.#isHeld = true;
  }

  release() {
    this.#isHeld = false;
  }

  /** Draws the boxes of what is shown once more. Says how many there are. */
  redraw() {
    this.#context.clearRect(0, 0, this.#overlay.width, this.#overlay.height);
    const { scale, left, top } = this.view.placement();
    const density = this.#density;
    return this.#drawBoxes(this.#context, {
      width: this.#overlay.width,
      height: this.#overlay.height,
      scale: scale * density,
      left: left * density,
      top: top * density,
      picture: this.view.picture,
      unit: density,
    });
  }

  /** What is drawn over the picture, for those who do not see it. */
  described() {
    const { things = [], classes = [] } = this.#current?.reading ?? {};
    return described([...things, ...classes].filter(isDrawn(this.options)));
  }

  /** Draws what is shown, with its boxes, on another canvas. */
  composeOn(canvas) {
    const context = canvas.getContext("2d", { alpha: false });
    const { picture } = this.view;
    // The canvas keeps its size, whatever the picture becomes.
    const scale = Math.min(canvas.width / picture.width, canvas.height / picture.height);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.#source(), 0, 0, picture.width * scale, picture.height * scale);
    this.#drawBoxes(context, {
      width: canvas.width,
      height: canvas.height,
      scale,
      left: 0,
      top: 0,
      picture,
      unit: Math.max(1, canvas.width / 960),
    });
  }

  /** Zoom and pan have changed. */
  viewChanged() {
    this.#place();
    this.redraw();
  }

  #show(shown, detail) {
    const { width, height, rtp, message } = shown;
    this.#setSize(width, height);
    // Video is drawn on the canvas, too, because only then picture and boxes reach the screen
    // together.
    const isPlaying = this.#live instanceof HTMLVideoElement && !this.#isHeld;
    const isDirect = isPlaying && !this.options.get("boxes");
    if (!isDirect && !isImage(shown.source))
      this.#pictureContext.drawImage(shown.source, 0, 0, width, height);
    this.#picture.hidden = isDirect || isImage(shown.source);
    this.#current = { rtp, message, reading: null };
    const boxes = this.redraw();
    this.#announce(boxes, detail);
    this.#listeners.forEach((listener) => listener(shown, this.#current));
  }

  #announce(boxes, { late = false, held = false }) {
    const { rtp, message } = this.#current;
    const { frame = null, time = null } = (this.options.get("boxes") && message) || {};
    const detail = { stream: this.stream, rtp, frame, time, boxes, late, held };
    document.dispatchEvent(new CustomEvent("streamsdk:shown", { detail }));
  }

  #drawBoxes(context, surface) {
    const current = this.#current;
    if (!current?.message || !this.options.get("boxes") || !surface.picture.width) return 0;
    current.reading ??= readOutputs(current.message.outputs);
    const onLate = () => this.#current === current && this.redraw();
    return drawReading(context, current.reading, surface, this.options, onLate);
  }

  #source() {
    return this.#picture.hidden && this.#live ? this.#live : this.#picture;
  }

  #setSize(width, height) {
    const { picture } = this.view;
    if (picture.width === width && picture.height === height) return;
    this.#picture.width = width;
    this.#picture.height = height;
    this.view.setPicture(width, height);
    this.element.style.aspectRatio = `${width} / ${height}`;
    this.#place();
  }

  #resized() {
    const { clientWidth, clientHeight } = this.element;
    this.#density = Math.min(MAX_DENSITY, devicePixelRatio || 1);
    this.#overlay.width = Math.round(clientWidth * this.#density);
    this.#overlay.height = Math.round(clientHeight * this.#density);
    this.view.setStage(clientWidth, clientHeight);
    this.viewChanged();
  }

  #place() {
    const { picture } = this.view;
    if (!picture.width) return;
    const { scale, left, top } = this.view.placement();
    this.#media.style.width = `${picture.width}px`;
    this.#media.style.height = `${picture.height}px`;
    this.#media.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
  }

  /** A picture that plays by itself would go away, or on. */
  #keepLive() {
    const { picture } = this.view;
    if (!this.#live || !this.#picture.hidden || !picture.width) return;
    try {
      this.#pictureContext.drawImage(this.#live, 0, 0, picture.width, picture.height);
      this.#picture.hidden = false;
    } catch {
      // An image that could not be loaded shows nothing that could stay.
    }
  }
}

function isImage(source) {
  return source instanceof HTMLImageElement;
}
