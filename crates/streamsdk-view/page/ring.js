// The newest items, within an age and a number of bytes. Knows nothing of the page.

/** Each item has `at`, in milliseconds, and `bytes`. The oldest ones give way. */
export class Ring {
  #items = [];
  #bytes = 0;
  #maxAgeMs;
  #maxBytes;

  constructor({ maxAgeMs, maxBytes }) {
    this.#maxAgeMs = maxAgeMs;
    this.#maxBytes = maxBytes;
  }

  get items() {
    return this.#items;
  }

  get bytes() {
    return this.#bytes;
  }

  /** One that alone is larger than all may be is not taken. */
  add(item) {
    if (item.bytes > this.#maxBytes) return;
    this.#items.push(item);
    this.#bytes += item.bytes;
    let stale = 0;
    for (const old of this.#items) {
      const isOld = item.at - old.at > this.#maxAgeMs;
      if (!isOld && this.#bytes <= this.#maxBytes) break;
      this.#bytes -= old.bytes;
      stale += 1;
    }
    this.#items.splice(0, stale);
  }

  clear() {
    this.#items = [];
    this.#bytes = 0;
  }
}
