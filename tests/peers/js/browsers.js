// Starts a browser that is driven: Chromium or Firefox, without a window.

import { basename } from "node:path";

import puppeteer from "puppeteer-core";

const CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];

/** What a page that nobody sees and nobody has clicked on needs in Firefox to play and to gather addresses. */
const FIREFOX_PREFERENCES = {
  "media.autoplay.default": 0,
  // Otherwise it downloads the H264 decoder, and says nothing until it has given up.
  "media.gmp-manager.updateEnabled": false,
};

export function isFirefox(program) {
  return basename(program).startsWith("firefox");
}

/** A browser by the path of its program. With `profile`, Firefox uses that folder. */
export function launch(program, { flags = [], preferences = {}, profile } = {}) {
  const common = { executablePath: program, headless: true, userDataDir: profile };
  if (isFirefox(program)) {
    return puppeteer.launch({
      ...common,
      browser: "firefox",
      extraPrefsFirefox: { ...FIREFOX_PREFERENCES, ...preferences },
    });
  }
  return puppeteer.launch({ ...common, browser: "chrome", args: [...CHROMIUM_FLAGS, ...flags] });
}
