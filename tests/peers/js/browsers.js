// Starts a browser that is driven: Chromium or Firefox, without a window.

import { basename } from "node:path";

import puppeteer from "puppeteer-core";

const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  // There is no camera, and nobody who could allow it.
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/** What Firefox needs to play on a page that nobody has clicked on. */
const FIREFOX_PREFERENCES = {
  "media.autoplay.default": 0,
  // Otherwise it downloads a decoder for H264 where it can, and is another browser there.
  "media.gmp-manager.updateEnabled": false,
  // There is no camera, and nobody who could allow it.
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
};

/** A browser by the path of its program. What it has not done within so many milliseconds is an error. */
export function launch(program, protocolTimeout) {
  const common = { executablePath: program, headless: true, protocolTimeout };
  if (basename(program).startsWith("firefox")) {
    return puppeteer.launch({ ...common, browser: "firefox", extraPrefsFirefox: FIREFOX_PREFERENCES });
  }
  return puppeteer.launch({ ...common, browser: "chrome", args: CHROMIUM_FLAGS });
}
