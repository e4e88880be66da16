// Many viewers, of whom nobody looks at anything.

import { setTimeout as sleep } from "node:timers/promises";

import { LivePage } from "./page.js";
import { ask, keepAsking, secondsUntilViewers, viewersNow } from "./server.js";
import { percentiles } from "./tally.js";

const AT_ONCE = 8;
/** A page that never connects has to be given up by then. */
const GIVEN_UP_S = 90;

/** Connects so many, says so, and keeps them for so many seconds, so that others can measure meanwhile. */
export async function viewers({ open, options }) {
  const page = await blankPage(await open(), options);
  const { statuses } = await page.evaluate(connectMany, options.viewers, AT_ONCE, options.token);
  const connected = await page.evaluate(waitUntilConnected);
  console.error(`connected ${connected}`);
  await sleep(options.seconds * 1000);
  return { statuses, connected, received: await page.evaluate(framesReceived), viewers: await viewersNow(options) };
}

/** A page is looked at while far too many others come; then they go. */
export async function crowd({ open, options }) {
  const live = await LivePage.open(await open(), options.url);
  await live.lookUntil(30);
  const page = await blankPage(await open(), options);
  const stop = keepAsking(options);
  const before = live.pictures.length;
  const { statuses, retryAfter, errors } = await page.evaluate(connectMany, options.viewers, AT_ONCE, options.token);
  const most = await viewersNow(options);
  const { times, failures } = await stop();
  await live.take();
  const during = live.pictures.length - before;
  await page.close();
  return {
    statuses,
    retry_after: retryAfter,
    errors,
    viewers: most,
    state_ms: percentiles(times),
    state_failures: failures,
    pictures_meanwhile: during,
    seconds_until_gone: await secondsUntilViewers(options, 1, GIVEN_UP_S),
    goes_on: await live.lookUntil(live.pictures.length + 30),
  };
}

/** The same offer again and again, from somebody who never connects. */
export async function idleOffers({ open, options }) {
  const page = await blankPage(await open(), options);
  const offer = await page.evaluate(makeOffer);
  const stop = keepAsking(options);
  const headers = { "content-type": "application/sdp" };
  const statuses = {};
  for (let at = 0; at < options.viewers; at += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, options.viewers - at) });
    const answers = await Promise.all(some.map(() => ask(options, "/whep", { method: "POST", headers, body: offer })));
    for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1;
  }
  const { times, failures } = await stop();
  await page.close();
  return {
    statuses,
    state_ms: percentiles(times),
    state_failures: failures,
    seconds_until_given_up: await secondsUntilViewers(options, 0, GIVEN_UP_S),
  };
}

/** A page of the same origin that runs nothing of its own. */
export async function blankPage(browser, { origin }) {
  const page = await browser.newPage();
  await page.goto(new URL("/assets/view.css", origin).href);
  return page;
}

/** Runs in the page. */
async function connectMany(count, atOnce, token) {
  const [statuses, errors] = [{}, []];
  let retryAfter = null;
  window.connections = [];
  const one = async () => {
    const connection = new RTCPeerConnection();
    connection.addTransceiver("video", { direction: "recvonly" });
    connection.createDataChannel("view");
    await connection.setLocalDescription();
    while (connection.iceGatheringState !== "complete") await new Promise((resolve) => setTimeout(resolve, 10));
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/sdp" };
    const signal = AbortSignal.timeout(30_000);
    const asked = { method: "POST", headers, body: connection.localDescription.sdp, signal };
    const answer = await fetch("/whep", asked).catch((error) => ({ status: String(error) }));
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    if (!answer.text) return connection.close();
    const sdp = await answer.text();
    if (answer.status !== 201) {
      connection.close();
      retryAfter ??= answer.headers.get("retry-after");
      if (errors.length < 3) errors.push(sdp);
      return;
    }
    await connection.setRemoteDescription({ type: "answer", sdp });
    window.connections.push(connection);
  };
  for (let at = 0; at < count; at += atOnce) {
    await Promise.all(Array.from({ length: Math.min(atOnce, count - at) }, one));
  }
  return { statuses, retryAfter, errors };
}

/** Runs in the page. How many are connected, once no more are on their way. */
async function waitUntilConnected() {
  const isOnItsWay = ({ connectionState }) => ["new", "connecting"].includes(connectionState);
  for (let tries = 0; tries < 200 && window.connections.some(isOnItsWay); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return window.connections.filter(({ connectionState }) => connectionState === "connected").length;
}

/** Runs in the page. */
async function framesReceived() {
  const frames = [];
  for (const connection of window.connections) {
    const report = [...(await connection.getStats()).values()].find(({ type }) => type === "inbound-rtp");
    frames.push(report?.framesReceived ?? 0);
  }
  return frames;
}

/** Runs in the page. */
async function makeOffer() {
  const connection = new RTCPeerConnection();
  connection.addTransceiver("video", { direction: "recvonly" });
  connection.createDataChannel("view");
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== "complete") await new Promise((resolve) => setTimeout(resolve, 10));
  return connection.localDescription.sdp;
}
