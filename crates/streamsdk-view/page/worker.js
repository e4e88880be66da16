// The page of a worker: begins a session from this browser, and shows what comes of it.

import { takeToken } from "./api.js";
import { setText } from "./dom.js";
import { makeHelp } from "./help.js";
import { listenToKeys } from "./keys.js";
import { announce } from "./live.js";
import { Tile } from "./tile.js";
import { figuresOf, readWish } from "./wish.js";
import { WorkerConnection } from "./worker_connection.js";

const FIGURES_MS = 1_000;
const CAMERA = { video: { width: { ideal: 1280 }, height: { ideal: 720 } }, audio: false };

const form = document.getElementById("wish");
const fileField = document.getElementById("file");
const addressField = document.getElementById("address");
const place = document.getElementById("streams");
const notice = document.getElementById("notice");

/** @type {?Session} */
let session = null;
let dropped = null;

/** A session, and the tile that shows it. */
class Session {
  #source;
  #connection;
  #sent = 0;
  #timer;
  #isOver = false;

  /** @param {import("./inference.js").Wish} wish */
  constructor(wish) {
    this.#source = wish.source;
    const state = { name: wish.workflow, shows: "video", session: { phase: "running" } };
    this.tile = new Tile(state, true, (screen, events) => {
      const onover = (reason, isFine) => this.#over(reason, isFine);
      const onprogress = (sent) => (this.#sent = sent);
      this.#connection = new WorkerConnection(screen, { ...events, onover, onprogress }, wish);
      return this.#connection;
    });
    this.#timer = setInterval(() => this.#measure(state), FIGURES_MS);
  }

  stop() {
    if (!this.#isOver) this.#over("stopped here", true);
  }

  #over(reason, isFine) {
    this.#isOver = true;
    clearInterval(this.#timer);
    if (this.#source.kind === "camera") this.#source.stream.getTracks().forEach((track) => track.stop());
    const said = isFine ? { phase_text: reason } : { error: reason };
    this.tile.update({ name: this.tile.stream, over: true, session: { phase: "over", ...said } });
    enable();
  }

  async #measure(state) {
    const report = await this.#connection.statistics();
    if (this.#isOver) return;
    const { file } = this.#source;
    const upload = file ? { bytes_total: file.size, bytes_sent: this.#sent } : undefined;
    this.tile.update({ ...state, session: { ...state.session, ...figuresOf(report), upload } });
  }

  get isOver() {
    return this.#isOver;
  }
}

async function begin(event) {
  event.preventDefault();
  say("");
  try {
    const wish = readWish(new Map(fieldsOf(form)));
    wish.source = await sourceOf(form.elements.kind.value);
    session?.stop();
    session = new Session(wish);
    place.replaceChildren(session.tile.element);
    session.tile.focus();
  } catch (error) {
    say(error.message);
  }
  enable();
}

async function sourceOf(kind) {
  if (kind === "camera") return { kind, stream: await camera() };
  if (kind === "address") {
    if (!/^(rtsps?|https?):\/\//.test(addressField.value))
      throw new Error("The address of a camera begins with rtsp:// or http://.");
    return { kind, url: addressField.value };
  }
  const file = dropped ?? fileField.files[0];
  if (!file) throw new Error("There is no file yet: choose one, or drop it on this page.");
  if (file.size === 0) throw new Error("The file is empty.");
  return { kind, file };
}

async function camera() {
  if (!navigator.mediaDevices)
    throw new Error("A browser gives a camera only to pages of this machine, or by HTTPS.");
  try {
    return await navigator.mediaDevices.getUserMedia(CAMERA);
  } catch (error) {
    throw new Error(`The browser gives no camera: ${error.message}`);
  }
}

function fieldsOf(form) {
  return ["workflow", "image", "parameters"].map((name) => [name, form.elements[name].value]);
}

function kindChanged() {
  const kind = form.elements.kind.value;
  fileField.hidden = kind !== "file";
  addressField.hidden = kind !== "address";
}

function fileDropped(event) {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (!file) return;
  dropped = file;
  form.elements.kind.value = "file";
  kindChanged();
  announce(`${file.name} was taken.`);
  form.requestSubmit();
}

function enable() {
  document.getElementById("end").disabled = session === null || session.isOver;
}

/** Says something about the whole page; an empty text takes it away. */
function say(text) {
  setText(document.getElementById("notice-text"), text);
  notice.hidden = text === "";
  if (text) announce(text);
}

takeToken();
addEventListener("hashchange", takeToken);
addEventListener("pagehide", () => session?.stop());
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", fileDropped);
fileField.addEventListener("change", () => (dropped = null));
form.addEventListener("change", kindChanged);
form.addEventListener("submit", begin);
document.getElementById("end").addEventListener("click", () => session?.stop());
const showHelp = makeHelp();
document.getElementById("help").addEventListener("click", showHelp);
listenToKeys(() => (session ? [session.tile] : []), showHelp);
kindChanged();
