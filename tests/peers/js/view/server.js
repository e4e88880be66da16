// What the page's server says to somebody who is no page.

import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE_MS = 30_000;

/** A request with the token. */
export function ask({ origin, token }, path, settings = {}) {
  const headers = { authorization: `Bearer ${token}`, ...settings.headers };
  return fetch(new URL(path, origin), { signal: AbortSignal.timeout(PATIENCE_MS), ...settings, headers });
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

/**
 * Asks for the state again and again until it is told to stop; then says how long the answers took. It has a connection
 * of its own: one that nonsense was sent on is closed.
 */
export function keepAsking(options) {
  let isStopped = false;
  const agent = new Agent({ keepAlive: true });
  const times = [];
  const failures = [];
  const asking = (async () => {
    while (!isStopped) {
      const started = performance.now();
      try {
        await stateBy(agent, options);
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
    agent.destroy();
    return { times, failures };
  };
}

function stateBy(agent, { origin, token }) {
  const headers = { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const asked = request(new URL("/state", origin), { agent, headers, timeout: PATIENCE_MS }, (answer) => {
      answer.resume().on("end", () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`/state: ${answer.statusCode}`));
      });
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer"))).on("error", reject).end();
  });
}
