// The page of a worker, from which a browser begins a session.

import { judged } from "./accessible.js";
import { LivePage } from "./page.js";
import { eachScreen } from "./screens.js";
import { numbersByTime, numbersOf, tally } from "./tally.js";

/** The camera that Firefox makes up changes its colour, slowly. */
const PARAMETERS = '{"sensitivity": 1}';

/** Begins a session as somebody does who fills in the form, looks at what comes of it, and stops it. */
export async function worker({ open, options }) {
  const live = await LivePage.open(await open(), options.url, options);
  await begin(live.page, options);
  const isEnough = await live.lookUntil(options.pictures);
  const during = await live.text();
  const found = await judged(live.page, "worker");
  await live.page.click("#end");
  await live.take();
  return {
    // The frames of a camera of the browser show no number.
    ...tally(live.pictures, options.fps ? numbersByTime(options.fps) : numbersOf(null)),
    is_enough: isEnough,
    complaints: live.complaints,
    address_has_token: (await live.address()).includes("token"),
    ...found,
    during,
    text: await live.text(),
  };
}

/** The same with a worker that goes meanwhile and comes back, which whoever reads this has to see to. */
export async function workerReturns({ open, options }) {
  const live = await LivePage.open(await open(), options.url, options);
  await begin(live.page, options);
  const hasBegun = await live.lookUntil(options.pictures);
  console.log(`seen ${live.pictures.length}`);
  await live.page.waitForFunction(() => document.body.innerText.includes("Trying again"), { timeout: 0 });
  const during = await live.text();
  await live.take();
  const isEnough = await live.lookUntil(live.pictures.length + options.pictures, 60_000);
  return {
    ...tally(live.pictures, numbersOf(null)),
    has_begun: hasBegun,
    is_enough: isEnough,
    address_has_token: (await live.address()).includes("token"),
    during,
    text: await live.text(),
  };
}

/** What it looks like with a session, in each size and scheme. */
export function workerScreens(visit) {
  return eachScreen(visit, (live) => begin(live.page, visit.options));
}

async function begin(page, { file, address, workflow }) {
  const kind = file ? "file" : address ? "address" : "camera";
  await page.click(`input[name="kind"][value="${kind}"]`);
  if (file) await (await page.$("#file")).uploadFile(file);
  if (address) await page.type("#address", address);
  await fill(page, "#workflow", workflow);
  await fill(page, "#parameters", PARAMETERS);
  await page.click("#begin");
}

function fill(page, field, text) {
  return page.$eval(field, (element, text) => (element.value = text), text);
}
