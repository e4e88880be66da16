// Which message belongs to which picture. Knows nothing of the page.

/** Messages by the RTP timestamp of their picture: the newest so many, 300 by default. */
export class MessagesByTime {
  #messages = new Map();
  #limit;

  constructor(limit = 300) {
    this.#limit = limit;
  }

  get size() {
    return this.#messages.size;
  }

  put(message) {
    // A timestamp that comes again (after 13 hours it may) is the newest one then.
    this.#messages.delete(message.rtp);
    this.#messages.set(message.rtp, message);
    if (this.#messages.size > this.#limit) {
      this.#messages.delete(this.#messages.keys().next().value);
    }
  }

  /** The message of exactly that picture, or null. */
  of(rtp) {
    return this.#messages.get(rtp) ?? null;
  }

  clear() {
    this.#messages.clear();
  }
}
