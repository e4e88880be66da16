// One live page that is looked at.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const OBSERVER = readFileSync(new URL("observer.js", import.meta.url), "utf8");
const POLL_MS = 200;

export class LivePage {
  constructor(page) {
    this.page = page;
    /** What was shown, in order: see `look` in observer.js. */
    this.pictures = [];
    /** What the page and the observer complain about. */
    this.complaints = [];
  }

  static async open(browser, url, { images = false } = {}) {
    const page = await browser.newPage();
    const live = new LivePage(page);
    page.on("pageerror", (error) => live.complaints.push(`exception: ${error}`));
    page.on("console", (message) => {
      if (message.type() === "error") live.complaints.push(`console: ${message.text()}`);
    });
    await page.evaluateOnNewDocument(OBSERVER);
    if (images) await page.evaluateOnNewDocument(() => delete HTMLVideoElement.prototype.requestVideoFrameCallback);
    await page.goto(url);
    return live;
  }

  /** Takes what was shown since the last time. */
  async take() {
    const { pictures, errors } = await this.page.evaluate(() => window.streamsdkSeen.take());
    this.pictures.push(...pictures);
    this.complaints.push(...errors.map((error) => `observer: ${error}`));
    return pictures.length;
  }

  /** Looks until there are so many pictures in all, or nothing was shown for so long. Says whether there are. */
  async lookUntil(pictures, patienceMs = 20_000) {
    let last = Date.now();
    while (this.pictures.length < pictures) {
      if ((await this.take()) > 0) last = Date.now();
      else if (Date.now() - last > patienceMs) return false;
      await sleep(POLL_MS);
    }
    return true;
  }

  async reload() {
    await this.take();
    await this.page.reload();
  }

  /** What a person reads. */
  text() {
    return this.page.evaluate(() => document.body.innerText);
  }

  /** The number in the picture that is there now; null where there is none. */
  numberNow(stream) {
    return this.page.evaluate((stream) => {
      try {
        return window.streamsdkSeen.numberNow(stream);
      } catch {
        return null;
      }
    }, stream);
  }

  /** So many pictures of what is on the screen, whenever it changes. */
  async screencast(count) {
    const session = await this.page.createCDPSession();
    const shots = [];
    const isDone = new Promise((resolve) =>
      session.on("Page.screencastFrame", ({ data, sessionId }) => {
        shots.push(data);
        session.send("Page.screencastFrameAck", { sessionId }).catch(() => {});
        if (shots.length === count) resolve();
      }),
    );
    await session.send("Page.startScreencast", { format: "jpeg", quality: 90 });
    await Promise.race([isDone, sleep(count * 500)]);
    await session.send("Page.stopScreencast");
    await session.detach();
    return shots;
  }

  readScreen(stream, shot) {
    return this.page.evaluate((...all) => window.streamsdkSeen.readScreen(...all), stream, shot);
  }

  address() {
    return this.page.evaluate(() => location.href);
  }

  /** Leaves the page as somebody does who closes the tab. */
  close() {
    return this.page.close({ runBeforeUnload: false });
  }
}
