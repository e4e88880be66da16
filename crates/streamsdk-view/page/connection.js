// Keeps a stream's pictures coming: connects, connects again after a break, and goes to what works
// where something does not.

import { Backoff } from "./backoff.js";
import { BlankPictures } from "./blank.js";
import { ImagePictures } from "./images.js";
import { canConnect, Link } from "./link.js";
import { MjpegPicture } from "./mjpeg.js";
import { canNamePictures, VideoPicture } from "./picture.js";

/** So many connections in a row may fail to be made, after one that was made. */
const MAX_UNREACHABLE = 2;
/** Messages that wait for the greeting: those of a few seconds. */
const MAX_EARLY = 100;
/** Between two questions whether there is something to show. */
const NOTHING_YET_MS = 1_000;

/**
 * @typedef {object} ConnectionState
 * @property {"idle"|"connecting"|"live"|"waiting"|"nothing-yet"} phase
 * @property {"video"|"images"|"data"|"mjpeg"|null} way How pictures come; "data" is without any.
 * @property {string} text Why it is so, in words; empty where there is nothing to say.
 * @property {number} attempt Attempts since pictures last came.
 * @property {?number} retryAt When the next attempt is made, as `performance.now()` has it.
 */

export class Connection {
  #screen;
  #events;
  #link = null;
  #pictures = null;
  /** What came before the greeting, which may have been lost and sent again. */
  #early = [];
  #backoff = new Backoff();
  #timer = null;
  #images = !canNamePictures();
  #isInBackground = false;
  #imagesBecause = "this browser does not say which picture of a video it shows";
  #unreachable = 0;
  #wasLive = false;
  #outputs = null;
  #state = { phase: "idle", way: null, text: "", attempt: 0, retryAt: null };

  /**
   * @param {import("./screen.js").Screen} screen
   * @param {object} events
   * @param {(state: ConnectionState) => void} events.onstate
   * @param {() => void} events.onover Nothing more comes of the stream.
   * @param {(message: object, text: string) => void} events.onmessage Each message, whether its
   *   picture is shown or not.
   */
  constructor(screen, events) {
    this.#screen = screen;
    this.#events = events;
  }

  get state() {
    return this.#state;
  }

  get isIdle() {
    return this.#state.phase === "idle";
  }

  /** Connects, if nothing is under way. */
  start() {
    if (this.isIdle) this.#connect();
  }

  /** Ends what is under way; what is shown stays. */
  stop() {
    this.#letGo();
    this.#setState({ phase: "idle", way: null, text: "", retryAt: null });
  }

  /** Connects at once, also where it had been given up. */
  retryNow() {
    this.#letGo();
    this.#unreachable = 0;
    this.#connect();
  }

  /** @param {?string[]} outputs Which outputs the server is to send; null is all of them. */
  setOutputs(outputs) {
    this.#outputs = outputs;
    this.#link?.setOutputs(outputs);
  }

  /**
   * In the background a browser says nothing of the pictures of a video, while messages keep
   * coming.
   */
  setInBackground(isInBackground) {
    if (this.#isInBackground === isInBackground) return;
    this.#isInBackground = isInBackground;
    if (this.#state.way === "mjpeg" || this.#state.phase !== "live" || this.#images) return;
    this.#letGo();
    this.#connect();
  }

  #connect() {
    if (!canConnect()) return this.#showMjpeg("this browser has no WebRTC");
    this.#setState({ phase: "connecting", way: null, retryAt: null });
    let track = null;
    const link = new Link({
      ontrack: (stream) => (track = stream),
      onhello: (hello) => this.#greeted(link, hello, track),
      onframe: (message, text) => this.#received(message, text),
      onimage: (image) => this.#receivedImage(image),
      onend: (end) => this.#ended(end),
    });
    this.#link = link;
    link.setOutputs(this.#outputs);
    link.open(this.#screen.stream, this.#images || this.#isInBackground);
  }

  #greeted(link, { shows }, track) {
    this.#backoff.succeeded();
    this.#unreachable = 0;
    this.#wasLive = true;
    const way = shows === "video" && track === null ? "images" : shows;
    this.#pictures?.stop();
    this.#pictures = this.#picturesBy(way, link, track);
    this.#early.splice(0).forEach((message) => this.#pictures.message?.(message));
    const text =
      way === "images" && this.#images ? `Pictures come one by one: ${this.#imagesBecause}.` : "";
    this.#setState({ phase: "live", way, text, retryAt: null });
  }

  #picturesBy(way, link, track) {
    if (way === "data") return new BlankPictures(this.#screen);
    if (way === "images") return new ImagePictures(this.#screen);
    return new VideoPicture(this.#screen, link, track, (reason) => this.#useImages(reason));
  }

  #received(message, text) {
    this.#events.onmessage(message, text);
    // What comes with its picture is not told by itself.
    if (this.#pictures) this.#pictures.message?.(message);
    else if (this.#early.length < MAX_EARLY) this.#early.push(message);
  }

  #receivedImage(image) {
    if (!(this.#pictures instanceof ImagePictures)) return;
    this.#pictures.received(image);
    this.#events.onmessage(image.message, image.text);
  }

  #useImages(reason) {
    this.#images = true;
    this.#imagesBecause = reason;
    this.#letGo();
    this.#connect();
  }

  #ended(end) {
    this.#letGo();
    const { kind, reason, status, retryAfterMs } = end;
    if (kind === "final") return this.#events.onover();
    if (kind === "refused" && status === 409) return this.#waitForPictures(reason);
    if (kind === "unusable" && !this.#images) return this.#useImages(reason);
    if (kind === "unusable") return this.#showMjpeg(reason);
    if (kind === "unreachable") {
      this.#unreachable += 1;
      if (!this.#wasLive || this.#unreachable > MAX_UNREACHABLE) return this.#showMjpeg(reason);
    }
    this.#retryLater(reason, retryAfterMs);
  }

  #waitForPictures(reason) {
    this.#setState({ phase: "nothing-yet", way: null, text: reason, retryAt: null });
    this.#timer = setTimeout(() => this.#connect(), NOTHING_YET_MS);
  }

  #retryLater(reason, atLeastMs = 0) {
    const wait = this.#backoff.next(atLeastMs);
    const retryAt = performance.now() + wait;
    this.#setState({
      phase: "waiting",
      way: null,
      text: reason,
      attempt: this.#backoff.attempt,
      retryAt,
    });
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #showMjpeg(reason) {
    this.#pictures = new MjpegPicture(this.#screen, () => {
      this.#letGo();
      this.#retryLater("no more pictures come");
    });
    const how = "Pictures come as plain images, and boxes cannot be shown exactly there.";
    const text = `${capitalised(reason)}. ${how}`;
    this.#setState({ phase: "live", way: "mjpeg", text, retryAt: null });
  }

  #letGo() {
    clearTimeout(this.#timer);
    this.#pictures?.stop();
    this.#pictures = null;
    this.#early = [];
    this.#link?.close();
    this.#link = null;
  }

  #setState(change) {
    const attempt = change.phase === "live" ? 0 : this.#state.attempt;
    this.#state = { ...this.#state, attempt, ...change };
    this.#events.onstate(this.#state);
  }
}

function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
