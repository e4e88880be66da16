// What a stream is doing, in one word and in a sentence. Knows nothing of the page.

import { plain, rate } from "./text.js";

/**
 * @param {object} stream As `/state` has it; `isGone` where it no longer does.
 * @param {import("./connection.js").ConnectionState} connection
 * @param {object} page
 * @param {boolean} page.hasPicture
 * @param {boolean} page.isPaused Whether nothing is asked for because nobody looks.
 * @param {number} page.now As `performance.now()` has it.
 * @returns {{tone: "good"|"wait"|"bad"|"over", word: string, text: string, canRetry: boolean}}
 *   `text` is empty where there is nothing to say.
 */
export function statusOf(stream, connection, page) {
  const session = stream.session ?? {};
  const says = plain(session.phase_text ?? "", 300);
  const status = (tone, word, text, canRetry = false) => ({ tone, word, text, canRetry });
  if (stream.isGone) return status("over", "Over", "The program no longer has this stream.");
  if (stream.over) return status("over", "Over", overText(session, says, page));
  if (page.isPaused) return status("wait", "Paused", "Paused while nobody looks at this page.");
  if (session.phase === "reconnecting")
    return status("bad", "Reconnecting", reconnectingText(session, says));
  switch (connection.phase) {
    case "live": {
      if (!page.hasPicture) return status("wait", "Connected", "Waiting for the next picture.");
      const isPlain = connection.way === "mjpeg";
      return status(
        isPlain ? "wait" : "good",
        isPlain ? "Live, no boxes" : "Live",
        connection.text,
        isPlain,
      );
    }
    case "waiting":
      return status("bad", "Not connected", waitingText(connection, page), true);
    case "nothing-yet":
      return status(
        "wait",
        "Waiting",
        sentences("Waiting for the first picture", says || connection.text),
      );
    default:
      if (stream.shows) return status("wait", "Connecting", "Connecting to the program.");
      return status("wait", "Waiting", sentences("Waiting for the first picture", says));
  }
}

/** How pictures come, and how fast: what stands beside a name. */
export function summaryOf(stream, connection, fps) {
  const words = {
    video: stream.codec ?? "video",
    images: "single pictures",
    data: "no pictures",
    mjpeg: "plain images",
  };
  const way = words[connection.way];
  if (!way) return "";
  return Number.isFinite(fps) ? `${plain(way, 20)} · ${rate(fps)} fps` : plain(way, 20);
}

function overText(session, says, { hasPicture }) {
  const why = session.error ? plain(session.error, 600) : says;
  return sentences("It is over", why, hasPicture ? "The last picture stays" : "");
}

function reconnectingText(session, says) {
  const attempt = session.attempt > 0 ? `attempt ${session.attempt}` : "";
  const wait = session.wait_s > 0 ? `next try in ${rate(session.wait_s)} s` : "";
  const error = session.error ? plain(session.error, 600) : "";
  const how = [attempt, wait].filter(Boolean).join(", ");
  return sentences(says || "The session is connecting again", how, error);
}

function waitingText({ text, attempt, retryAt }, { now }) {
  const seconds = Math.max(0, Math.ceil((retryAt - now) / 1000));
  return sentences(plain(text, 300), `Trying again in ${seconds} s (attempt ${attempt})`);
}

function sentences(...texts) {
  const whole = texts.filter(Boolean).map((text) => text.charAt(0).toUpperCase() + text.slice(1));
  return whole.map((text) => (/[.!?…]$/.test(text) ? text : `${text}.`)).join(" ");
}
