// Says what has changed to those who do not see it.

/** Several things that happen at once are said together, and not faster than that. */
const GATHER_MS = 600;
let waiting = [];
let timer = null;

/** @param {string} text */
export function announce(text) {
  if (!waiting.includes(text)) waiting.push(text);
  timer ??= setTimeout(() => {
    document.getElementById("status").textContent = waiting.slice(-4).join(" ");
    [waiting, timer] = [[], null];
  }, GATHER_MS);
}
