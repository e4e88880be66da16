// Reads what the program says of a session. Any of it may be missing, and be anything. Knows
// nothing of the page.

import { bitrate, drops, duration, ended, plain, rate, share, size } from "./text.js";

/**
 * What is drawn over time.
 *
 * @param {object} session
 * @param {import("./series.js").Rates} rates
 * @param {number} at Seconds.
 */
export function samples(session, rates, at) {
  const { summary, video, transport, latency } = parts(session);
  const bits = (name, ...counters) => {
    const known = counters.filter(Number.isFinite);
    return known.length > 0
      ? 8 *
          rates.of(
            name,
            known.reduce((sum, bytes) => sum + bytes, 0),
            at,
          )
      : NaN;
  };
  return {
    p50: number(latency?.p50_s),
    p95: number(latency?.p95_s),
    fps: rates.of("frames", frames(summary, video), at),
    received: bits("received", transport?.bytes_received, video?.received?.bytes),
    sent: bits("sent", transport?.bytes_sent, video?.sent?.bytes),
    loss: number(video?.sent?.loss),
  };
}

/**
 * What is said in words: pairs of a name and a text.
 *
 * @param {object} stream As `/state` has it.
 * @param {ReturnType<typeof samples>} newest
 */
export function facts(stream, newest) {
  const session = stream.session ?? {};
  const { summary, video, latency } = parts(session);
  const all = [
    ["Session", plain(session.phase_text ?? session.phase ?? "", 300)],
    ["Error", plain(session.error ?? "", 600)],
    ["Connecting again", retry(session)],
    [
      "Codec",
      [stream.codec ?? video?.codec, shows(stream.shows)]
        .filter(Boolean)
        .map((text) => plain(text, 40))
        .join(", "),
    ],
    ["Latency", latencyText(latency)],
    ["Frames", framesText(summary, newest)],
    ["Dropped", drops(summary?.dropped).join(", ") || (summary ? "none" : "")],
    ["Received", bitrate(newest.received)],
    ["Sent", bitrate(newest.sent)],
    ["Loss", lossText(video)],
    ["Round trip", duration(video?.sent?.round_trip_s)],
    [
      "Errors of frames",
      list(summary?.errors, ({ text, frames }) => `${plain(text, 200)} (${frames}×)`),
    ],
    ["Damage", list(summary?.damage, (text) => plain(text, 200))],
    ["Connections", summary?.links > 0 ? String(summary.links) : ""],
    ["Upload", uploadText(session.upload)],
    ["Ended", ended(summary?.ended) ?? ""],
    ["Watching", Number.isFinite(stream.viewers) ? String(stream.viewers) : ""],
  ];
  return all.filter(([, text]) => text !== "" && text !== "–");
}

/**
 * Every number and text of a value, by its path.
 *
 * @param {number} limit The most that are given.
 * @returns {[string, string][]}
 */
export function flattened(value, limit) {
  const rows = [];
  const walk = (item, path, depth) => {
    if (rows.length >= limit) return;
    if (typeof item !== "object" || item === null || depth > 8) {
      rows.push([plain(path, 120), plain(shortened(item), 300)]);
      return;
    }
    for (const [name, inner] of Object.entries(item)) {
      walk(inner, path ? `${path}.${name}` : name, depth + 1);
      if (rows.length >= limit) return;
    }
  };
  walk(value, "", 0);
  return rows;
}

function shortened(item) {
  if (typeof item === "object" && item !== null) return "…";
  return typeof item === "number" && !Number.isInteger(item) ? Number(item.toPrecision(6)) : item;
}

function parts(session) {
  const statistics = object(session?.statistics);
  const video = object(session?.video) ?? object(statistics?.video);
  const measured = [session?.latency, video?.to_frame, video?.to_data].map(object);
  return {
    summary: object(statistics?.session),
    transport: object(statistics?.transport),
    video,
    latency: measured.find((latency) => Number.isFinite(latency?.p50_s) && latency.count !== 0),
  };
}

/** What came back; what was published, where nothing comes back. */
function frames(summary, video) {
  return number(summary?.frames_published ?? summary?.frames_returned ?? video?.received?.frames);
}

function framesText(summary, { fps }) {
  const persecond = Number.isFinite(fps) ? `${rate(fps)} fps` : "";
  if (!summary) return persecond;
  const { frames_published: published, frames_returned: returned, frames_sent: sent } = summary;
  const came = Number.isFinite(published) ? `${published} published` : `${returned ?? 0} returned`;
  const failed = summary.frames_failed > 0 ? `, ${summary.frames_failed} failed` : "";
  return [`${came} of ${sent ?? 0}${failed}`, persecond].filter(Boolean).join(", ");
}

function latencyText(latency) {
  if (!latency) return "";
  const { p50_s: p50, p95_s: p95, p99_s: p99 } = latency;
  return `half within ${duration(p50)}, p95 ${duration(p95)}, p99 ${duration(p99)}`;
}

function lossText(video) {
  const sent = number(video?.sent?.loss);
  const lost = number(video?.received?.lost);
  const texts = [];
  if (Number.isFinite(sent)) texts.push(`${share(sent)} of what is sent`);
  if (Number.isFinite(lost)) texts.push(`${lost} packets of what comes back`);
  return texts.join(", ");
}

function retry(session) {
  if (session.phase !== "reconnecting") return "";
  const attempt = Number.isFinite(session.attempt) ? `attempt ${session.attempt}` : "";
  const wait = Number.isFinite(session.wait_s) ? `next in ${duration(session.wait_s)}` : "";
  return [attempt, wait].filter(Boolean).join(", ") || "now";
}

function shows(value) {
  const words = { video: "as video", images: "picture by picture", data: "no pictures" };
  return words[value] ?? "";
}

function uploadText(upload) {
  if (!(upload?.bytes_total > 0)) return "";
  return `${size(upload.bytes_sent)} of ${size(upload.bytes_total)}`;
}

function list(items, text) {
  if (!Array.isArray(items)) return "";
  return items.filter(Boolean).slice(0, 16).map(text).join("; ");
}

function object(value) {
  return typeof value === "object" && value !== null ? value : undefined;
}

function number(value) {
  return typeof value === "number" ? value : NaN;
}
