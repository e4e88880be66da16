// The last minute, to step back through, picture by picture, each with its boxes.

import { icon } from "./icons.js";
import { make, newId, setText } from "./dom.js";
import { Ring } from "./ring.js";

const MAX_AGE_MS = 60_000;
const MAX_BYTES = 64 << 20;
/** Pictures of a video are kept no wider than this. */
const MAX_WIDTH = 640;
/** So many pictures may be being written at once; more are left out. */
const MAX_WRITING = 4;

/**
 * @typedef {object} Kept
 * @property {number} at
 * @property {number} bytes
 * @property {Blob} blob
 * @property {number} width Of the picture as it was shown.
 * @property {number} height
 * @property {{message: ?object}} record
 */

export class Timeline {
  #screen;
  #ring = new Ring({ maxAgeMs: MAX_AGE_MS, maxBytes: MAX_BYTES });
  #choice = null;
  #free = [];
  #writing = 0;
  #lastWritten = Promise.resolve();
  #position = -1;
  #wanted = null;
  #isDecoding = false;
  #onChange;
  #slider;
  #text;

  /**
   * @param {import("./screen.js").Screen} screen
   * @param {() => void} onChange Called if pictures are held, let go, or kept from now on.
   */
  constructor(screen, onChange) {
    this.#screen = screen;
    this.#onChange = onChange;
    const id = newId("time");
    this.#slider = make("input", {
      type: "range",
      min: "0",
      max: "0",
      value: "0",
      id,
      step: "1",
      oninput: () => this.#seek(Number(this.#slider.value)),
    });
    this.#text = make("output", { for: id });
    const back = button("back", "Step back one picture", () => this.step(-1));
    const forward = button("forward", "Step forward one picture", () => this.step(1));
    const name = make("label", { for: id, class: "hidden" }, "Position in the last minute");
    this.element = make(
      "div",
      { class: "timeline", hidden: true },
      back,
      name,
      this.#slider,
      forward,
      this.#text,
    );
    screen.listen((shown, record) => this.#keep(shown, record));
  }

  /**
   * Whether pictures are kept. By default they are where that costs nothing: where they come as
   * JPEG.
   */
  get isOn() {
    return this.#choice ?? this.#ring.items.length > 0;
  }

  toggle() {
    this.#choice = !this.isOn;
    if (!this.#choice) {
      this.live();
      this.#ring.clear();
    }
    this.#update();
    this.#onChange();
  }

  /** Holds the picture that is shown, or lets it go. */
  togglePause() {
    if (this.#screen.isHeld) return this.live();
    this.#screen.hold();
    this.#position = this.#ring.items.length - 1;
    this.#update();
    this.#onChange();
  }

  step(pictures) {
    if (this.#ring.items.length === 0) return;
    if (!this.#screen.isHeld) this.togglePause();
    this.#seek(this.#position + pictures);
  }

  /** Goes back to what comes now. */
  live() {
    if (!this.#screen.isHeld) return;
    // If nothing comes any more, the newest picture is the one that was.
    this.#seek(this.#ring.items.length - 1).finally(() => {
      this.#screen.release();
      this.#position = -1;
      this.#update();
      this.#onChange();
    });
  }

  async #seek(position) {
    const { items } = this.#ring;
    if (items.length === 0) return;
    if (!this.#screen.isHeld) {
      this.#screen.hold();
      this.#onChange();
    }
    this.#position = Math.min(items.length - 1, Math.max(0, position));
    this.#wanted = items[this.#position];
    this.#update();
    await this.#showWanted();
  }

  /**
   * Pictures are read one after the other; of those asked for meanwhile only the newest is shown.
   */
  async #showWanted() {
    if (this.#isDecoding) return;
    this.#isDecoding = true;
    while (this.#wanted) {
      const { blob, width, height, record } = this.#wanted;
      this.#wanted = null;
      try {
        const source = await createImageBitmap(blob);
        const { message } = record;
        this.#screen.presentHeld({ source, width, height, rtp: null, message, jpeg: null });
        source.close();
      } catch {
        // One that cannot be read is passed over.
      }
    }
    this.#isDecoding = false;
  }

  #keep(shown, record) {
    if (this.#screen.isHeld || this.#choice === false) return;
    const { width, height, jpeg } = shown;
    const at = performance.now();
    const add = (blob) => this.#add({ at, blob, width, height, record });
    if (jpeg) return add(new Blob([jpeg], { type: "image/jpeg" }));
    if (this.#choice) this.#write(shown, add);
  }

  #add(kept) {
    if (this.#screen.isHeld) return;
    const isFirst = this.#ring.items.length === 0;
    this.#ring.add({ ...kept, bytes: kept.blob.size + messageBytes(kept.record.message) });
    if (isFirst) this.#onChange();
    this.#update();
  }

  #write({ source, width, height }, add) {
    if (this.#writing >= MAX_WRITING) return;
    const canvas = this.#free.pop() ?? document.createElement("canvas");
    const scale = Math.min(1, MAX_WIDTH / width);
    const size = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    canvas.getContext("2d", { alpha: false }).drawImage(source, 0, 0, ...size);
    this.#writing += 1;
    const written = new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
    const before = this.#lastWritten;
    this.#lastWritten = written.then(async (blob) => {
      this.#writing -= 1;
      this.#free.push(canvas);
      // Pictures stay in their order, whichever is written first.
      await before;
      if (blob && this.#choice) add(blob);
    });
  }

  #update() {
    const { items } = this.#ring;
    this.element.hidden = !this.isOn;
    if (this.element.hidden) return;
    const position = this.#position < 0 ? items.length - 1 : this.#position;
    this.#slider.max = String(Math.max(0, items.length - 1));
    this.#slider.value = String(Math.max(0, position));
    this.#slider.disabled = items.length === 0;
    const item = items[position];
    const text = item ? this.#described(item, items.at(-1)) : "nothing yet";
    setText(this.#text, text);
    this.#slider.setAttribute("aria-valuetext", text);
  }

  #described(item, newest) {
    const age = (newest.at - item.at) / 1000;
    if (!this.#screen.isHeld) return "live";
    const frame = item.record.message?.frame;
    return `−${age.toFixed(1)} s${Number.isInteger(frame) ? `, frame ${frame}` : ""}`;
  }
}

function button(name, says, onclick) {
  return make(
    "button",
    { type: "button", class: "icon", "aria-label": says, title: says, onclick },
    icon(name),
  );
}

/** A message in memory takes about twice its text. */
function messageBytes(message) {
  return message ? 2 * (message.textLength ?? 1000) : 0;
}
