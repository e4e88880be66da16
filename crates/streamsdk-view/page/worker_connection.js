// Keeps a session with a worker: begins it, and begins it again where its source goes on.

import { Backoff } from "./backoff.js";
import { BlankPictures } from "./blank.js";
import { ImagePictures } from "./images.js";
import { InferenceLink } from "./inference.js";
import { canNamePictures, VideoPicture } from "./picture.js";

/** With the methods of {@link import("./connection.js").Connection}, which a tile calls. */
export class WorkerConnection {
  #screen;
  #events;
  #wish;
  #link = null;
  #pictures = null;
  #backoff = new Backoff();
  #timer = null;
  #state = { phase: "idle", way: null, text: "", attempt: 0, retryAt: null };

  /**
   * @param {import("./screen.js").Screen} screen
   * @param {object} events As those of `Connection`; `onover` is told why, in words, and whether it is as it should be.
   * @param {import("./inference.js").Wish} wish
   */
  constructor(screen, events, wish) {
    this.#screen = screen;
    this.#events = events;
    this.#wish = { ...wish, asVideo: canNamePictures() };
  }

  get state() {
    return this.#state;
  }

  start() {
    if (this.#state.phase === "idle") this.#connect();
  }

  stop() {
    this.#letGo();
    this.#setState({ phase: "idle", way: null, text: "", retryAt: null });
  }

  retryNow() {
    this.#letGo();
    this.#connect();
  }

  /** @param {?string[]} outputs Which outputs the worker is to send; null is all of them. */
  setOutputs(outputs) {
    this.#wish.data = outputs ?? ["*"];
    this.#link?.setOutputs(this.#wish.data);
  }

  /** What the browser knows of the connection; null where there is none. */
  async statistics() {
    return this.#link?.statistics() ?? null;
  }

  /** A session goes on whoever looks. */
  setInBackground() {}

  #connect() {
    this.#setState({ phase: "connecting", way: null, text: "", retryAt: null });
    const link = new InferenceLink(this.#wish, {
      onopen: () => this.#opened(),
      ontrack: (stream) => this.#showVideo(link, stream),
      onmessage: (message, text) => this.#received(message, text),
      onprogress: (sent) => this.#events.onprogress?.(sent),
      onend: (end) => this.#ended(end),
    });
    this.#link = link;
    link.open();
  }

  #opened() {
    this.#backoff.succeeded();
    this.#pictures ??= this.#wish.asVideo
      ? new BlankPictures(this.#screen)
      : new ImagePictures(this.#screen);
    const text = this.#wish.asVideo ? "" : "Pictures come one by one.";
    this.#setState({ phase: "live", way: this.#wayOf(this.#pictures), text, retryAt: null });
  }

  #showVideo(link, stream) {
    this.#pictures?.stop();
    this.#pictures = new VideoPicture(this.#screen, link, stream, () => this.#useImages());
    if (this.#state.phase === "live") this.#setState({ way: "video" });
  }

  #wayOf(pictures) {
    if (pictures instanceof VideoPicture) return "video";
    return pictures instanceof ImagePictures ? "images" : "data";
  }

  #useImages() {
    this.#wish.asVideo = false;
    this.retryNow();
  }

  #received(message, text) {
    const jpeg = this.#wish.asVideo ? null : takePicture(message.outputs);
    this.#events.onmessage(message, text);
    if (jpeg) this.#pictures.received({ message, jpeg });
    else this.#pictures?.message?.(message);
  }

  #ended({ kind, reason }) {
    this.#letGo();
    const isOver = kind !== "lost" || this.#wish.source.kind === "file";
    if (isOver) return this.#events.onover(reason, kind === "final");
    const wait = this.#backoff.next(0);
    const { attempt } = this.#backoff;
    const retryAt = performance.now() + wait;
    this.#setState({ phase: "waiting", way: null, text: reason, attempt, retryAt });
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #letGo() {
    clearTimeout(this.#timer);
    this.#pictures?.stop();
    this.#pictures = null;
    this.#link?.close();
    this.#link = null;
  }

  #setState(change) {
    const attempt = change.phase === "live" ? 0 : this.#state.attempt;
    this.#state = { ...this.#state, attempt, ...change };
    this.#events.onstate(this.#state);
  }
}

/**
 * Takes the first image out of the outputs of a frame.
 *
 * @returns {?Uint8Array} Null where there is none.
 */
export function takePicture(outputs) {
  for (const [name, output] of Object.entries(outputs)) {
    if (output?.type !== "base64" || typeof output.value !== "string") continue;
    delete outputs[name];
    return bytesOf(output.value);
  }
  return null;
}

function bytesOf(base64) {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
