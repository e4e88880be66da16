// How long to wait before the next attempt. Knows nothing of the page.

const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/**
 * Waits that double up to ten seconds. Each is somewhat random, so that many pages do not come at
 * once.
 */
export class Backoff {
  #attempt = 0;
  #random;

  /** @param {() => number} random From 0 to below 1. */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** Attempts since the last success. */
  get attempt() {
    return this.#attempt;
  }

  /**
   * @param {number} atLeastMs What the server asked for, if it did.
   * @returns {number} Milliseconds.
   */
  next(atLeastMs = 0) {
    const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    return Math.max(atLeastMs, Math.round(whole * (0.5 + this.#random() / 2)));
  }

  succeeded() {
    this.#attempt = 0;
  }
}
