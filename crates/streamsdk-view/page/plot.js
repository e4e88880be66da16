// A small plot of the last two minutes, or of less where there is no more yet.

import { make, setText } from "./dom.js";

/** A plot that has just begun is not squeezed into its edge. */
const SHORTEST_S = 20;
const LONGEST_S = 120;
const HEIGHT = 84;
const DASHES = [[], [5, 3]];

export class Plot {
  #canvas;
  #text;
  #lines;
  #format;
  #title;

  /**
   * @param {string} title
   * @param {{name: string, says: string}[]} lines At most two; the second one is dashed.
   * @param {(value: number) => string} format
   */
  constructor(title, lines, format) {
    [this.#title, this.#lines, this.#format] = [title, lines, format];
    this.#canvas = make("canvas", { role: "img" });
    this.#text = make("span", { class: "plot-values" });
    const heading = make("figcaption", {}, make("strong", {}, title), " ", this.#text);
    this.element = make("figure", { class: "plot" }, heading, this.#canvas);
  }

  /**
   * Takes no room as long as nothing is known of what it shows.
   *
   * @param {import("./series.js").Series} series
   */
  draw(series) {
    const isKnown = ({ values }) => this.#lines.some(({ name }) => Number.isFinite(values[name]));
    this.element.hidden = !series.samples.some(isKnown);
    if (this.element.hidden) return;
    const texts = this.#lines.map(({ name, says }) => [says, this.#format(series.last(name))]);
    const values = texts.map((pair) => pair.filter(Boolean).join(" ")).join(" · ");
    setText(this.#text, values);
    this.#canvas.setAttribute(
      "aria-label",
      `${this.#title} over the last two minutes, now ${values}`,
    );
    const width = this.#canvas.clientWidth;
    if (width > 0) this.#paint(series.samples, width);
  }

  #paint(samples, width) {
    if (samples.length === 0) return;
    const density = devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * density);
    this.#canvas.height = Math.round(HEIGHT * density);
    const context = this.#canvas.getContext("2d");
    context.scale(density, density);
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    const values = samples.flatMap((sample) => this.#lines.map(({ name }) => sample.values[name]));
    const top = niceTop(Math.max(0, ...values.filter(Number.isFinite)));
    const newest = samples.at(-1).at;
    const span = Math.min(LONGEST_S, Math.max(SHORTEST_S, newest - samples[0].at));
    const x = (at) => width - ((newest - at) / span) * width;
    const y = (value) => HEIGHT - 4 - (value / top) * (HEIGHT - 20);
    this.#paintGrid(context, width, top, y, colour);
    this.#lines.forEach(({ name }, place) => {
      context.strokeStyle = colour(`--plot-${place + 1}`);
      context.setLineDash(DASHES[place]);
      context.lineWidth = 1.75;
      context.lineJoin = "round";
      strokeLine(context, samples, name, x, y);
    });
  }

  #paintGrid(context, width, top, y, colour) {
    context.strokeStyle = colour("--line");
    context.lineWidth = 1;
    context.beginPath();
    for (const part of [0, 0.5, 1]) {
      const level = Math.round(y(top * part)) + 0.5;
      context.moveTo(0, level);
      context.lineTo(width, level);
    }
    context.stroke();
    context.fillStyle = colour("--quiet");
    context.font = "11px system-ui, sans-serif";
    context.fillText(this.#format(top), 2, y(top) - 4);
  }
}

/** A gap where there is no value. */
function strokeLine(context, samples, name, x, y) {
  context.beginPath();
  let isDown = false;
  for (const { at, values } of samples) {
    const value = values[name];
    if (!Number.isFinite(value)) {
      isDown = false;
    } else if (isDown) {
      context.lineTo(x(at), y(value));
    } else {
      context.moveTo(x(at), y(value));
      isDown = true;
    }
  }
  context.stroke();
}

/** The next of 1, 2 and 5, with as many noughts as it takes. */
function niceTop(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return (
    [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= value * 1.0001) ?? value
  );
}
