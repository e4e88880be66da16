#!/usr/bin/env node
// Opens the live page in a real browser, looks at what it shows, and prints one JSON line about it.
//
// usage: view_page.js WHAT --browser PROGRAM --url URL [options]
//
// The URL is the one that the program has printed, with the token. Every picture is looked at when the page says that
// it is shown, so that the number in its pixels can be compared with that of the frame whose boxes the page drew.

import { parseArgs } from "node:util";

import { launch } from "./browsers.js";
import { accessible } from "./view/accessible.js";
import { crowd, idleOffers, viewers } from "./view/crowd.js";
import { garbage, strangers } from "./view/hostile.js";
import { recorded } from "./view/recorded.js";
import { screens } from "./view/screens.js";
import { early, ending, reload, screen, twoPages, watch } from "./view/watching.js";
import { worker, workerReturns, workerScreens } from "./view/worker.js";

/** Each is handed `{open, options}`, where `open` starts another browser, and gives its report. */
const WHAT = {
  // Looks at so many pictures.
  watch,
  // The page is there before there is a session.
  early,
  // Looks, and loads the page anew after half of them.
  reload,
  // Two pages at once, of which one is closed after a while.
  "two-pages": twoPages,
  // Interrupts the program, looks until nothing more comes, and at what is there then.
  ending,
  // So many pictures of the screen itself.
  screen,
  // A recording of so many pictures, which is played.
  recorded,
  // So many connections that show nothing, for so many seconds, for the cost of the program.
  viewers,
  // More viewers than there may be.
  crowd,
  // Offers that nobody connects with.
  "idle-offers": idleOffers,
  // Pages of others, and those without the token.
  strangers,
  // Nonsense to every endpoint.
  garbage,
  // What the page looks like, as files.
  screens,
  // What axe-core has to say.
  accessible,
  // The page of a worker: a session from this browser.
  worker,
  // The same of a worker that goes and comes back: `seen …` says when it should go.
  "worker-returns": workerReturns,
  // What that looks like, as files.
  "worker-screens": workerScreens,
};

const CLOSING_MS = 10_000;
/** Of the limit, which one step in a browser may take. */
const STEP_SHARE = 0.6;
const NUMBERS = ["pictures", "viewers", "seconds", "limit", "fps"];

async function main() {
  const options = readOptions();
  const browsers = [];
  const open = async () => {
    // What a browser does not do has to be known before all is given up.
    const browser = await launch(options.browser, options.limit * STEP_SHARE * 1000);
    browsers.push(browser);
    return browser;
  };
  const giveUp = setTimeout(() => {
    console.log(JSON.stringify({ exception: `not done within ${options.limit} s` }));
    browsers.forEach(kill);
    process.exit(1);
  }, options.limit * 1000);
  try {
    console.log(JSON.stringify({ exception: null, ...(await WHAT[options.what]({ open, options })) }));
  } catch (error) {
    console.log(JSON.stringify({ exception: error.stack ?? String(error) }));
    process.exitCode = 1;
  } finally {
    await Promise.allSettled(browsers.map(close));
    clearTimeout(giveUp);
  }
}

/** A browser that has too much to do may not end when it is asked to. */
async function close(browser) {
  const tooLong = setTimeout(kill, CLOSING_MS, browser);
  await browser.close();
  clearTimeout(tooLong);
}

function kill(browser) {
  browser.process()?.kill("SIGKILL");
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      browser: { type: "string" },
      url: { type: "string" },
      // Pictures to be looked at.
      pictures: { type: "string", default: "300" },
      // What `streamsdk run --jsonl FILE --read-markers` writes: which frame shows which number.
      lines: { type: "string" },
      // Has the browser not say which picture of a video it shows, so that pictures come one by one.
      images: { type: "boolean", default: false },
      // A server of the session that stands still until the page is there.
      stopped: { type: "string" },
      // The program whose page it is.
      program: { type: "string" },
      viewers: { type: "string", default: "10" },
      seconds: { type: "string", default: "10" },
      folder: { type: "string" },
      // What the worker is to be sent; without either it is the browser's camera.
      file: { type: "string" },
      address: { type: "string" },
      // Of the frames of a file or an address, which show their numbers; none shows any where it is not said.
      fps: { type: "string", default: "0" },
      workflow: { type: "string", default: "motion" },
      limit: { type: "string", default: "120" },
    },
  });
  const [what] = positionals;
  if (!(what in WHAT) || !values.browser || !values.url) {
    console.error(`usage: view_page.js ${Object.keys(WHAT).join("|")} --browser PROGRAM --url URL [options]`);
    process.exit(2);
  }
  const url = new URL(values.url);
  const token = new URLSearchParams(url.hash.slice(1)).get("token");
  return {
    ...values,
    what,
    url: url.href,
    origin: url.origin,
    token,
    ...Object.fromEntries(NUMBERS.map((name) => [name, Number(values[name])])),
  };
}

await main();
