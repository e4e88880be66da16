// Pages that somebody looks at.

import { setTimeout as sleep } from "node:timers/promises";

import { LivePage } from "./page.js";
import { secondsUntilViewers, state, viewersNow } from "./server.js";
import { numbersOf, rounded, tally } from "./tally.js";
import { cpuSeconds } from "./usage.js";

/** The other page of two goes after so many of its pictures. */
const PICTURES_OF_THE_OTHER = 60;
/** After so many the program is interrupted whose end is looked at. */
const PICTURES_BEFORE_THE_END = 30;
/** By then the page has asked what there is, and says so. */
const SETTLED_MS = 3_000;

export async function watch({ open, options }) {
  const browser = await open();
  const live = await LivePage.open(browser, options.url, options);
  const cost = costOf(browser);
  const isEnough = await live.lookUntil(options.pictures);
  return { ...(await report(live, options)), is_enough: isEnough, ...cost() };
}

export async function early({ open, options }) {
  const live = await LivePage.open(await open(), options.url);
  await sleep(SETTLED_MS);
  const before = await state(options);
  const textBefore = await live.text();
  process.kill(Number(options.stopped), "SIGCONT");
  const isEnough = await live.lookUntil(options.pictures);
  const shows = before.streams.map((stream) => stream.shows);
  return { ...(await report(live, options)), is_enough: isEnough, shows_before: shows, text_before: textBefore };
}

export async function reload({ open, options }) {
  const live = await LivePage.open(await open(), options.url);
  const before = await live.lookUntil(options.pictures / 2);
  await live.reload();
  const isEnough = before && (await live.lookUntil(options.pictures));
  return { ...(await report(live, options)), is_enough: isEnough, viewers: await viewersNow(options) };
}

export async function twoPages({ open, options }) {
  // Two browsers, because only one page of a browser is in front.
  const browsers = await Promise.all([open(), open()]);
  const [live, other] = await Promise.all(browsers.map((browser) => LivePage.open(browser, options.url)));
  const both = await Promise.all([live, other].map((page) => page.lookUntil(PICTURES_OF_THE_OTHER)));
  const viewersOfBoth = await viewersNow(options);
  const ofTheOther = { ...(await report(other, options)), is_enough: both[1] };
  await other.close();
  const secondsToLeave = await secondsUntilViewers(options, viewersOfBoth - 1);
  const isEnough = both.every(Boolean) && (await live.lookUntil(options.pictures));
  const ofTheOne = await report(live, options);
  await live.close();
  return {
    ...ofTheOne,
    is_enough: isEnough,
    other: ofTheOther,
    viewers_of_both: viewersOfBoth,
    seconds_to_leave: secondsToLeave,
    seconds_until_nobody: await secondsUntilViewers(options, 0),
  };
}

export async function ending({ open, options }) {
  const live = await LivePage.open(await open(), options.url);
  const hasBegun = await live.lookUntil(PICTURES_BEFORE_THE_END);
  const during = await live.text();
  process.kill(Number(options.program), "SIGINT");
  // Nothing more comes when nothing has come for a while; it may stand still for a moment before.
  await live.lookUntil(Infinity, 5_000);
  const last = live.pictures.at(-1);
  await sleep(SETTLED_MS);
  const numberAtTheEnd = await live.numberNow(last?.stream);
  return { ...(await report(live, options)), has_begun: hasBegun, last: last?.number, number_at_the_end: numberAtTheEnd, during };
}

/** Looks at what the browser puts on the screen, picture and boxes together, instead of into the page. Only Chromium. */
export async function screen({ open, options }) {
  const live = await LivePage.open(await open(), options.url);
  const isShown = await live.lookUntil(30);
  const [{ stream }] = live.pictures;
  await live.page.evaluate(() => window.streamsdkSeen.markOverlay());
  const shots = await live.screencast(options.pictures);
  const pictures = [];
  for (const shot of shots) pictures.push(await live.readScreen(stream, shot));
  // Before the first mark, or where it was scaled too small.
  const marked = pictures.filter((picture) => picture.isMarked);
  const seen = tally(marked.map((picture) => ({ ...picture, late: null })), numbersOf(options.lines));
  return { ...seen, unmarked: pictures.length - marked.length, is_enough: isShown, complaints: live.complaints };
}

async function report(live, options) {
  await live.take();
  return {
    ...tally(live.pictures, numbersOf(options.lines)),
    session: await sessionNow(options),
    complaints: live.complaints,
    address_has_token: (await live.address()).includes(options.token),
    text: await live.text(),
  };
}

/** What the program says of the session; null where it is gone. */
function sessionNow(options) {
  return state(options).then(({ streams }) => streams[0]?.session ?? null, () => null);
}

/** Measures from now on what a browser takes of one core, in percent. */
function costOf(browser) {
  const pid = browser.process()?.pid;
  const [started, before] = [performance.now(), cpuSeconds(pid)];
  return () => {
    const seconds = (performance.now() - started) / 1000;
    return { browser_cpu_percent: rounded(((cpuSeconds(pid) - before) / seconds) * 100) };
  };
}
