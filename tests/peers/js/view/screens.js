// What the page looks like.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { LivePage } from "./page.js";

export const SIZES = {
  wide: { width: 1280, height: 800 },
  small: { width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};
export const SCHEMES = ["light", "dark"];

/** Takes a picture of the page in each size and scheme, and of the page of somebody without the token. */
export async function screens({ open, options }) {
  const browser = await open();
  const seen = await eachScreen({ open: () => browser, options }, () => {});
  const stranger = await browser.createBrowserContext();
  const locked = await shown(stranger, options.origin, SIZES.wide, "light");
  await locked.page.waitForNetworkIdle({ timeout: 10_000 }).catch(() => {});
  const path = fileOf(options, "without-token");
  await locked.page.screenshot({ path });
  return { ...seen, files: [...seen.files, path], text_without_token: await locked.text() };
}

/** Takes a picture of the page in each size and scheme, when it has shown some. */
export async function eachScreen({ open, options }, prepare) {
  mkdirSync(options.folder, { recursive: true });
  const browser = await open();
  const files = [];
  const sideways = {};
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const scheme of SCHEMES) {
      const name = `${size}-${scheme}`;
      const live = await shown(browser, options.url, viewport, scheme);
      await prepare(live);
      const isShown = await live.lookUntil(options.pictures);
      const path = fileOf(options, name);
      await live.page.screenshot({ path });
      files.push(path);
      sideways[name] = isShown ? await live.page.evaluate(scrollsSideways) : "nothing was shown";
      await live.close();
    }
  }
  return { files, scrolls_sideways: sideways };
}

function fileOf({ folder }, name) {
  return join(folder, `${name}.png`);
}

/** A page in that size and scheme. */
export async function shown(browser, url, viewport, scheme) {
  const live = await LivePage.open(browser, "about:blank");
  await live.page.setViewport(viewport);
  await live.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await live.page.goto(url);
  return live;
}

/** Runs in the page. */
function scrollsSideways() {
  return document.documentElement.scrollWidth > document.documentElement.clientWidth;
}
