// One stream: its picture, its buttons, its panel.

import { fetchSnapshot } from "./api.js";
import { Composite, PictureInPicture, Recording, snapshot } from "./composite.js";
import { Connection } from "./connection.js";
import { Controls } from "./controls.js";
import { make, newId, setText } from "./dom.js";
import { download, timeStamp } from "./download.js";
import { announce } from "./live.js";
import { Options } from "./options.js";
import { Panel } from "./panel.js";
import { Ring } from "./ring.js";
import { Screen } from "./screen.js";
import { statusOf, summaryOf } from "./status.js";
import { fileName, plain } from "./text.js";
import { Timeline } from "./timeline.js";
import { VideoFile } from "./video_file.js";
import { Zoom } from "./zoom.js";

const MINUTE_MS = 60_000;
const MAX_MESSAGE_BYTES = 32 << 20;
/** Over which time pictures are counted. */
const FPS_MS = 3_000;

export class Tile {
  #connection;
  #composite;
  #pictureInPicture;
  /** What runs of `record` and `video`. */
  #recordings = new Map();
  #messages = new Ring({ maxAgeMs: MINUTE_MS, maxBytes: MAX_MESSAGE_BYTES });
  #shownAt = [];
  #state;
  #isPaused = false;
  #hasAskedForLast = false;
  #lastWord = null;
  #viewer;
  #badge = make("span", { class: "badge" });
  #summary = make("span", { class: "quiet" });
  #notice = make("p");
  #described = make("p", { class: "hidden" });
  #retry = make(
    "button",
    { type: "button", onclick: () => this.#connection.retryNow() },
    "Try again now",
  );
  #noticeBox = make("div", { class: "notice" }, this.#notice, this.#retry);

  /**
   * @param {object} state The stream as `/state` has it.
   * @param {boolean} isAlone
   * @param {(screen: Screen, events: object) => Connection} connect Where its pictures come from, where that is not
   *   the program that the page is of.
   */
  constructor(state, isAlone, connect = null) {
    this.#state = state;
    /** Whether the program that the page is of keeps the pictures, too. */
    this.isOfProgram = connect === null;
    this.stream = state.name;
    this.options = new Options(this.stream);
    this.screen = new Screen(this.stream, this.options);
    this.timeline = new Timeline(this.screen, () => this.controls?.update());
    this.zoom = new Zoom(this.screen, () => {});
    this.panel = new Panel(this.stream, this.options, isAlone);
    this.controls = new Controls(this);
    this.#composite = new Composite(this.screen);
    this.#pictureInPicture = new PictureInPicture(this.#composite);
    const events = {
      onstate: () => this.#showStatus(),
      onmessage: (message, text) => this.#received(message, text),
      // The program may be gone before it is asked again.
      onover: () => this.update({ ...this.#state, over: true }),
    };
    this.#connection = connect?.(this.screen, events) ?? new Connection(this.screen, events);
    this.#connection.setOutputs(this.options.wantedOutputs());
    this.options.listen(() => this.#connection.setOutputs(this.options.wantedOutputs()));
    this.screen.listen(() => this.#pictureShown());
    this.#build();
    this.controls.enable(false);
    this.update(state);
  }

  /** @param {"record"|"video"} kind */
  isRecording(kind) {
    return this.#recordings.has(kind);
  }

  get isOver() {
    return this.#state.over === true || this.#state.isGone === true;
  }

  /** Whether the pictures are of use although nobody looks at the page. */
  get isBusy() {
    return this.isRecording("record") || this.#pictureInPicture.isOpen;
  }

  /** @param {object} state The stream as `/state` has it. */
  update(state) {
    this.#state = state;
    this.#keepConnected();
    this.panel.update(state, this.#fps());
    setText(this.#described, this.screen.described());
    this.#showStatus();
  }

  /** The program no longer has it. */
  gone() {
    if (!this.#state.isGone) this.update({ ...this.#state, isGone: true });
  }

  /** Ends what costs something while nobody looks. */
  pause() {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#connection.stop();
    this.#showStatus();
  }

  /** Whether nobody looks at the page. */
  setInBackground(isHidden) {
    this.#connection.setInBackground(isHidden && this.isBusy);
  }

  resume() {
    this.#isPaused = false;
    this.#keepConnected();
    this.#showStatus();
  }

  focus() {
    this.screen.element.focus();
  }

  changeConfidence(by) {
    const least = Math.min(1, Math.max(0, this.options.get("confidence") + by));
    this.options.set("confidence", Math.round(least * 100) / 100);
    announce(`Confidence from ${least.toFixed(2)}.`);
  }

  async snapshot() {
    if (!this.screen.hasPicture) return;
    const wasSaved = await snapshot(this.screen);
    announce(wasSaved ? "The picture was saved." : "The picture could not be saved.");
  }

  saveMessages() {
    const lines = this.#messages.items.map(({ text }) => `${text}\n`);
    if (lines.length === 0) return announce("There are no messages to save.");
    const blob = new Blob(lines, { type: "application/x-ndjson" });
    download(blob, `${fileName(this.stream)}-${timeStamp()}.jsonl`);
    announce(`${lines.length} messages were saved.`);
  }

  /** @param {"record"|"video"} kind What is shown, or the video as the program has it. */
  toggleRecording(kind) {
    const running = this.#recordings.get(kind);
    if (running) return running.stop();
    if (!this.screen.hasPicture || (kind === "video" && !this.isOfProgram)) return;
    const onEnd = (text) => {
      this.#recordings.delete(kind);
      announce(text);
      this.controls.update();
    };
    try {
      const recording =
        kind === "video"
          ? new VideoFile(this.stream, onEnd)
          : new Recording(this.#composite, this.stream, onEnd);
      this.#recordings.set(kind, recording);
      announce("Recording.");
    } catch (error) {
      announce(`This browser cannot record: ${error.message}`);
    }
    this.controls.update();
  }

  togglePictureInPicture() {
    if (!this.screen.hasPicture) return;
    this.#pictureInPicture
      .toggle()
      .catch((error) => announce(`No picture in picture: ${error.message}`));
  }

  toggleFullScreen() {
    const change = document.fullscreenElement
      ? document.exitFullscreen()
      : this.#viewer.requestFullscreen();
    change.catch((error) => announce(`No full screen: ${error.message}`));
  }

  #build() {
    const id = newId("stream");
    const name = plain(this.stream, 200) || "Stream";
    const heading = make("h2", { id }, name);
    this.#described.id = newId("described");
    this.screen.element.setAttribute("aria-label", `Picture of ${name}`);
    this.screen.element.setAttribute("aria-describedby", this.#described.id);
    this.#viewer = make(
      "div",
      { class: "viewer" },
      this.screen.element,
      this.#described,
      this.#noticeBox,
      this.timeline.element,
      this.controls.element,
    );
    this.element = make(
      "section",
      { class: "tile", "aria-labelledby": id },
      make("header", {}, heading, this.#badge, this.#summary),
      make("div", { class: "body" }, this.#viewer, this.panel.element),
    );
    this.element.dataset.stream = this.stream;
  }

  #keepConnected() {
    const { over, isGone, shows } = this.#state;
    if (over || isGone) {
      this.#connection.stop();
      if (shows && !isGone) this.#showLast();
      return;
    }
    if (!this.#isPaused && shows) this.#connection.start();
  }

  /** Who comes after the end sees the picture that was the last. */
  async #showLast() {
    if (this.screen.hasPicture || this.#hasAskedForLast || !this.isOfProgram) return;
    this.#hasAskedForLast = true;
    try {
      const source = await createImageBitmap(await fetchSnapshot(this.stream));
      const { width, height } = source;
      this.screen.present({ source, width, height, rtp: null, message: null, jpeg: null });
      source.close();
    } catch {
      // The program may have gone meanwhile; that it is over is said anyway.
    }
  }

  #received(message, text) {
    const at = performance.now();
    this.#messages.add({ at, bytes: 2 * text.length, text });
    this.options.learn(Object.keys(message.outputs));
    this.panel.showOthers(message);
  }

  #pictureShown() {
    const now = performance.now();
    this.#shownAt.push(now);
    while (now - this.#shownAt[0] > FPS_MS) this.#shownAt.shift();
    if (this.#lastWord !== "Live" || !this.#noticeBox.hidden) this.#showStatus();
  }

  /** Pictures a second; not a number where they cannot be counted. */
  #fps() {
    if (this.#connection.state.way === "mjpeg") return NaN;
    const since = performance.now() - FPS_MS;
    const recent = this.#shownAt.filter((at) => at > since);
    if (recent.length < 2) return 0;
    return ((recent.length - 1) * 1000) / (recent.at(-1) - recent[0]);
  }

  #showStatus() {
    const { state } = this.#connection;
    const { hasPicture } = this.screen;
    const page = { hasPicture, isPaused: this.#isPaused, now: performance.now() };
    const { tone, word, text, canRetry } = statusOf(this.#state, state, page);
    setText(this.#badge, word);
    this.#badge.dataset.tone = tone;
    setText(this.#summary, summaryOf(this.#state, state, this.#fps()));
    setText(this.#notice, text);
    this.#noticeBox.hidden = text === "";
    this.#noticeBox.classList.toggle("alone", !hasPicture);
    this.#retry.hidden = !canRetry;
    this.controls.enable(hasPicture);
    if (word !== this.#lastWord) {
      this.#lastWord = word;
      // What is over in a moment is not worth a word.
      if (!["Connecting", "Connected"].includes(word))
        announce(`${plain(this.stream, 100)}: ${word}. ${text}`);
    }
  }
}
