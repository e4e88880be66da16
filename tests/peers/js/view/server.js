// What the page's server says to somebody who is no page.

import { setTimeout as sleep } from "node:timers/promises";

/** A request with the token. */
export function ask({ origin, token }, path, settings = {}) {
  const headers = { authorization: `Bearer ${token}`, ...settings.headers };
  return fetch(new URL(path, origin), { signal: AbortSignal.timeout(30_000), ...settings, headers });
}

export async function state(options) {
  const answer = await ask(options, "/state");
  if (!answer.ok) throw new Error(`/state: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

export async function viewersNow(options) {
  const { streams } = await state(options);
  return streams.reduce((sum, stream) => sum + stream.viewers, 0);
}

/** Seconds until there are so many viewers; null if that does not happen. */
export async function secondsUntilViewers(options, wanted, patienceS = 60) {
  const started = Date.now();
  while (Date.now() - started < patienceS * 1000) {
    if ((await viewersNow(options)) === wanted) return (Date.now() - started) / 1000;
    await sleep(100);
  }
  return null;
}

/** Asks for the state again and again until it is told to stop; then says how long the answers took. */
export function keepAsking(options) {
  let isStopped = false;
  const times = [];
  const failures = [];
  const asking = (async () => {
    while (!isStopped) {
      const started = performance.now();
      try {
        await state(options);
        times.push(Math.round(performance.now() - started));
      } catch (error) {
        failures.push(String(error));
      }
      await sleep(50);
    }
  })();
  return async () => {
    isStopped = true;
    await asking;
    return { times, failures };
  };
}
