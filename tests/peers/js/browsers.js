// Starts a browser that is driven: Chromium or Firefox, without a window.

import { basename } from "node:path";

import puppeteer from "puppeteer-core";

const CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];

/** What Firefox needs to play on a page that nobody has clicked on. */
const FIREFOX_PREFERENCES = {
  "media.autoplay.default": 0,
  // Otherwise it downloads a decoder for H264 where it can, and is another browser there.
  "media.gmp-manager.updateEnabled": false,
};

/** A browser by the path of its program. */
export function launch(program) {
  const common = { executablePath: program, headless: true };
  if (basename(program).startsWith("firefox")) {
    return puppeteer.launch({ ...common, browser: "firefox", extraPrefsFirefox: FIREFOX_PREFERENCES });
  }
  return puppeteer.launch({ ...common, browser: "chrome", args: CHROMIUM_FLAGS });
}
