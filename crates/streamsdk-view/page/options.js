// What somebody chose to see of a stream. Kept for a reload.

const STORED_AS = "streamsdk-view-options";
const MAX_STREAMS = 64;
const MAX_KNOWN = 100;
const DEFAULTS = {
  boxes: true,
  rectangles: true,
  labels: true,
  masks: true,
  keypoints: true,
  confidence: 0,
  hidden: [],
};

/** Tells who listens about every change. */
export class Options {
  #stream;
  #values;
  #known = new Set();
  #listeners = [];

  constructor(stream) {
    this.#stream = stream;
    this.#values = { ...DEFAULTS, ...sound(load()[stream]) };
  }

  get(name) {
    return this.#values[name];
  }

  set(name, value) {
    if (this.#values[name] === value) return;
    this.#values = { ...this.#values, [name]: value };
    const all = { ...load(), [this.#stream]: this.#values };
    save(Object.fromEntries(Object.entries(all).slice(-MAX_STREAMS)));
    this.#listeners.forEach((listener) => listener(name));
  }

  toggle(name) {
    this.set(name, !this.#values[name]);
  }

  /** @param {(name: string) => void} listener */
  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Names of outputs that were seen so far. */
  get known() {
    return [...this.#known];
  }

  /** Notes which outputs there are. */
  learn(names) {
    const before = this.#known.size;
    for (const name of names) if (this.#known.size < MAX_KNOWN) this.#known.add(name);
    if (this.#known.size > before) this.#listeners.forEach((listener) => listener("known"));
  }

  shows(output) {
    return this.#values.boxes && !this.#values.hidden.includes(output);
  }

  setShown(output, isShown) {
    const others = this.#values.hidden.filter((name) => name !== output);
    this.set("hidden", isShown ? others : [...others, output].slice(-MAX_KNOWN));
  }

  /** What the server is to send: null is all, and nothing costs nothing. */
  wantedOutputs() {
    if (!this.#values.boxes) return [];
    if (this.#values.hidden.length === 0) return null;
    return this.known.filter((name) => !this.#values.hidden.includes(name));
  }
}

/** What was stored may be anybody's. */
function sound(values) {
  if (typeof values !== "object" || values === null) return {};
  const isSound = ([name, value]) =>
    name === "hidden"
      ? Array.isArray(value) && value.every((item) => typeof item === "string")
      : typeof value === typeof DEFAULTS[name];
  return Object.fromEntries(
    Object.entries(values).filter((entry) => entry[0] in DEFAULTS && isSound(entry)),
  );
}

function load() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED_AS)) ?? {};
  } catch {
    return {};
  }
}

function save(all) {
  try {
    sessionStorage.setItem(STORED_AS, JSON.stringify(all));
  } catch {
    // Without storage a choice lasts as long as the page.
  }
}
