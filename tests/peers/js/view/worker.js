// The page of a worker, from which a browser begins a session.

import { judged } from "./accessible.js";
import { LivePage } from "./page.js";
import { numbersByTime, numbersOf, tally } from "./tally.js";

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

async function begin(page, { file, address, workflow }) {
  const kind = file ? "file" : address ? "address" : "camera";
  await page.click(`input[name="kind"][value="${kind}"]`);
  if (file) await (await page.$("#file")).uploadFile(file);
  if (address) await page.type("#address", address);
  await page.$eval("#workflow", (field, workflow) => (field.value = workflow), workflow);
  await page.click("#begin");
}
