// How values change over time. Knows nothing of the page.

/** Samples of the last minutes: the newest so many. */
export class Series {
  #samples = [];
  #limit;

  constructor(limit = 300) {
    this.#limit = limit;
  }

  /**
   * @param {number} at Seconds.
   * @param {Record<string, number>} values Not a number where there is none.
   */
  add(at, values) {
    this.#samples.push({ at, values });
    if (this.#samples.length > this.#limit) this.#samples.shift();
  }

  get samples() {
    return this.#samples;
  }

  /** Not a number where there is none. */
  last(name) {
    return this.#samples.at(-1)?.values[name] ?? NaN;
  }
}

/** How fast counters rise. */
export class Rates {
  #before = new Map();

  /**
   * Per second since the last call with that name; not a number at the first, or where the counter
   * began anew.
   *
   * @param {number} at Seconds.
   */
  of(name, value, at) {
    const before = this.#before.get(name);
    if (!Number.isFinite(value)) return NaN;
    // Two questions within a moment say nothing about a rate.
    if (before && at - before.at < 0.2) return before.rate;
    const rate = before && value >= before.value ? (value - before.value) / (at - before.at) : NaN;
    this.#before.set(name, { value, at, rate });
    return rate;
  }
}
