// How long pictures are held back, so that what is said about them is there when they are shown. Knows nothing of the page.

/** What is later than that comes after its picture: to wait for it would hold up all others. */
const LONGEST_MS = 100;
/** What was late may be a little later the next time. */
const MARGIN_MS = 5;
/** For so long a late message tells of others. */
const REMEMBERED_MS = 120_000;

/** Nothing is held back until a message comes later than its picture, as it does where packets are lost. */
export class PictureDelay {
  #wanted = [];

  /** A message came so many milliseconds after its picture was shown. */
  late(milliseconds, now) {
    const wanted = this.at(now) + milliseconds + MARGIN_MS;
    if (wanted <= LONGEST_MS) this.#wanted.push({ wanted, at: now });
  }

  /** In milliseconds. */
  at(now) {
    this.#wanted = this.#wanted.filter(({ at }) => now - at < REMEMBERED_MS);
    return Math.max(0, ...this.#wanted.map(({ wanted }) => wanted));
  }
}
