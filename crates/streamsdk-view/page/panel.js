// What is known of a session: plots, words, outputs, everything else.

import { postControl } from "./api.js";
import { make, newId, setText } from "./dom.js";
import { facts, flattened, samples } from "./figures.js";
import { announce } from "./live.js";
import { Plot } from "./plot.js";
import { readOutputs } from "./predictions.js";
import { Rates, Series } from "./series.js";
import { bitrate, boundedJson, duration, plain, rate } from "./text.js";

const MAX_OTHER_CHARACTERS = 20_000;
const MAX_ROWS = 400;
/** What is shown as text changes no faster than somebody can see. */
const OTHERS_MS = 250;

export class Panel {
  #stream;
  #options;
  #series = new Series();
  #rates = new Rates();
  #plots = [
    new Plot(
      "Latency",
      [
        { name: "p50", says: "p50" },
        { name: "p95", says: "p95" },
      ],
      duration,
    ),
    new Plot(
      "Frames per second",
      [
        { name: "fps", says: "session" },
        { name: "here", says: "shown here" },
      ],
      rate,
    ),
    new Plot(
      "Bitrate",
      [
        { name: "received", says: "received" },
        { name: "sent", says: "sent" },
      ],
      bitrate,
    ),
  ];
  #facts = make("dl", { class: "facts" });
  #figures = make("tbody");
  #others = make("pre", {
    class: "json",
    tabindex: "0",
    role: "region",
    "aria-label": "Other outputs",
  });
  #outputs;
  #session;
  #outputsSection;
  #othersSection;
  #figuresSection;
  #othersAt = 0;
  #state = null;

  /**
   * @param {string} stream
   * @param {import("./options.js").Options} options
   * @param {boolean} isOpen
   */
  constructor(stream, options, isOpen) {
    this.#stream = stream;
    this.#options = options;
    this.#outputs = new Outputs(stream, options);
    const plots = make("div", { class: "plots" }, ...this.#plots.map((plot) => plot.element));
    this.#session = section("Session", isOpen, plots, this.#facts);
    this.#outputsSection = section("Outputs", false, this.#outputs.element);
    this.#othersSection = section("Other outputs as text", false, this.#others);
    const head = make(
      "tr",
      {},
      make("th", { scope: "col" }, "Figure"),
      make("th", { scope: "col" }, "Value"),
    );
    const table = make("table", {}, make("thead", {}, head), this.#figures);
    this.#figuresSection = section("All figures", false, table);
    this.element = make(
      "div",
      { class: "panel" },
      this.#session,
      this.#outputsSection,
      this.#othersSection,
      this.#figuresSection,
    );
    for (const details of [this.#session, this.#figuresSection]) {
      details.addEventListener("toggle", () => this.#draw());
    }
    this.#others.textContent = "Nothing has come.";
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  toggle() {
    this.#session.open = !this.#session.open;
  }

  /** @param {object} state The stream as `/state` has it. @param {number} shownFps */
  update(state, shownFps) {
    this.#state = state;
    const at = performance.now() / 1000;
    const values = samples(state.session, this.#rates, at);
    this.#series.add(at, { ...values, here: shownFps });
    this.#outputs.update(state.session?.outputs);
    this.#draw();
  }

  /** Shows what is no prediction of a message, if anybody looks. */
  showOthers(message) {
    const now = performance.now();
    if (!this.#othersSection.open || now - this.#othersAt < OTHERS_MS) return;
    this.#othersAt = now;
    const { others } = readOutputs(message.outputs);
    const texts = others
      .filter(({ name }) => this.#options.shows(name))
      .map(({ name, value }) => `${plain(name, 100)}: ${boundedJson(value, MAX_OTHER_CHARACTERS)}`);
    const errors = message.errors.slice(0, 16).map((error) => `error: ${plain(error, 300)}`);
    const nothing = "Nothing but predictions, which are drawn.";
    setText(
      this.#others,
      [...errors, ...texts].join("\n\n").slice(0, MAX_OTHER_CHARACTERS) || nothing,
    );
  }

  #draw() {
    if (!this.#state || document.hidden) return;
    if (this.#session.open) {
      this.#plots.forEach((plot) => plot.draw(this.#series));
      const newest = this.#series.samples.at(-1).values;
      fillPairs(this.#facts, facts(this.#state, newest));
    }
    if (this.#figuresSection.open)
      fillRows(this.#figures, flattened(this.#state.session, MAX_ROWS));
  }
}

/** Which outputs are drawn, and which ones the session is asked for. */
class Outputs {
  #stream;
  #options;
  #asked = new Set();
  #isTouched = false;
  #sessionNames = [];
  #shown = make("div", { class: "choices" });
  #wanted = make("div", { class: "choices" });
  #form;
  #name;
  #result = make("p", { class: "quiet", role: "status" });

  constructor(stream, options) {
    this.#stream = stream;
    this.#options = options;
    const id = newId("output");
    this.#name = make("input", {
      id,
      type: "text",
      maxlength: "200",
      autocomplete: "off",
      spellcheck: "false",
    });
    this.#form = make(
      "form",
      { hidden: true, onsubmit: (event) => this.#submit(event) },
      make("fieldset", {}, make("legend", {}, "Asked of the session"), this.#wanted),
      make("p", {}, make("label", { for: id }, "One more output "), this.#name),
      make("button", { type: "submit" }, "Apply"),
      this.#result,
    );
    this.element = make(
      "div",
      {},
      make("fieldset", {}, make("legend", {}, "Shown on this page"), this.#shown),
      this.#form,
    );
    options.listen((name) => ["known", "hidden", "boxes"].includes(name) && this.#fill());
    this.#fill();
  }

  /** @param {?{data: string[]}} outputs Those of the session; null where nobody can ask for any. */
  update(outputs) {
    const names = Array.isArray(outputs?.data)
      ? outputs.data.filter((name) => typeof name === "string")
      : null;
    this.#form.hidden = names === null;
    if (!names || names.join("\n") === this.#sessionNames.join("\n")) return;
    this.#sessionNames = names;
    this.#options.learn(names);
    if (!this.#isTouched) this.#asked = new Set(names);
    this.#fill();
  }

  #fill() {
    const known = this.#options.known;
    const hidden = this.#options.get("hidden");
    const show = (name) => (event) => this.#options.setShown(name, event.target.checked);
    fillChoices(this.#shown, known, (name) => !hidden.includes(name), show);
    const ask = (name) => (event) => {
      this.#isTouched = true;
      this.#asked[event.target.checked ? "add" : "delete"](name);
    };
    const names = [...new Set([...this.#sessionNames, ...known])];
    fillChoices(this.#wanted, names, (name) => this.#asked.has(name), ask);
  }

  async #submit(event) {
    event.preventDefault();
    const more = this.#name.value.trim();
    if (more) {
      this.#asked.add(more);
      this.#options.learn([more]);
      this.#name.value = "";
    }
    try {
      await postControl(this.#stream, [...this.#asked]);
      this.#isTouched = false;
      this.#result.textContent = "The session was asked for these outputs.";
    } catch (error) {
      const isUnable = error.status === 501;
      this.#result.textContent = isUnable
        ? "This source has no outputs to choose from."
        : `Not changed: ${error.message}.`;
      announce(this.#result.textContent);
    }
  }
}

function section(title, open, ...children) {
  return make(
    "details",
    { open },
    make("summary", {}, title),
    make("div", { class: "section" }, ...children),
  );
}

/** Keeps the elements that are right, so that focus stays where it is. */
function fillChoices(element, names, isChecked, listener) {
  const wanted = JSON.stringify(names);
  if (element.dataset.names !== wanted) {
    element.dataset.names = wanted;
    const choices = names.map((name) => {
      return make(
        "label",
        {},
        make("input", { type: "checkbox", onchange: listener(name) }),
        ` ${plain(name, 80)}`,
      );
    });
    element.replaceChildren(
      ...(choices.length > 0 ? choices : [make("p", { class: "quiet" }, "None so far.")]),
    );
  }
  element
    .querySelectorAll("input")
    .forEach((input, place) => (input.checked = isChecked(names[place])));
}

function fillPairs(list, pairs) {
  const names = pairs.map(([name]) => name).join("\n");
  if (list.dataset.names !== names) {
    list.dataset.names = names;
    list.replaceChildren(
      ...pairs.map(([name]) => make("div", {}, make("dt", {}, name), make("dd"))),
    );
  }
  list.querySelectorAll("dd").forEach((element, place) => setText(element, pairs[place][1]));
}

function fillRows(body, rows) {
  const names = rows.map(([name]) => name).join("\n");
  if (body.dataset.names !== names) {
    body.dataset.names = names;
    const row = ([name]) => make("tr", {}, make("th", { scope: "row" }, name), make("td"));
    body.replaceChildren(...rows.map(row));
  }
  body.querySelectorAll("td").forEach((element, place) => setText(element, rows[place][1]));
}
