// Values in words. Knows nothing of the page.

/** `31 ms`, `1.4 s`; a dash where there is none. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 0.0095) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** `1.2 Mbit/s`; a dash where there is none. */
export function bitrate(bitsPerSecond) {
  if (!Number.isFinite(bitsPerSecond)) return "–";
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}

/** `1.2 MB`; a dash where there is none. */
export function size(bytes) {
  if (!Number.isFinite(bytes)) return "–";
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${Math.round(bytes / 1e3)} kB`;
}

/** `2.5 %`; a dash where there is none. */
export function share(value) {
  return Number.isFinite(value) ? `${(value * 100).toFixed(1)} %` : "–";
}

/** With one digit behind the point; a dash where there is none. */
export function rate(value) {
  return Number.isFinite(value) ? value.toFixed(1) : "–";
}

/** What a label says: `#7 car 0.92`, as far as it is known. */
export function label({ track, name, confidence }) {
  const parts = [];
  if (Number.isInteger(track)) parts.push(`#${track}`);
  const printable = plain(name, 40);
  if (printable) parts.push(printable);
  if (Number.isFinite(confidence)) parts.push(confidence.toFixed(2));
  return parts.join(" ");
}

/** What is seen, by how often: `2 × car, 1 × person`. */
export function described(things) {
  const counts = new Map();
  for (const { name } of things) counts.set(name, (counts.get(name) ?? 0) + 1);
  const most = [...counts].sort(([, one], [, other]) => other - one).slice(0, 10);
  const texts = most.map(([name, count]) => `${count} × ${plain(name, 40)}`);
  if (counts.size > most.length) texts.push("and others");
  return texts.length > 0 ? `Drawn are ${texts.join(", ")}.` : "Nothing is drawn.";
}

/** On one line, without control characters, and no longer than so many characters. */
export function plain(text, limit) {
  const line = String(text)
    .slice(0, 4 * limit)
    .replace(/[\p{C}\p{Z}]+/gu, " ")
    .trim();
  const characters = [...line];
  return characters.length > limit ? `${characters.slice(0, limit - 1).join("")}…` : line;
}

const CAUSES = {
  not_encoded: "not encoded",
  disconnected: "while there was no connection",
  not_returned: "not returned by the server",
  queue_full: "the caller was late",
  unreadable: "unreadable",
  not_taken: "not taken",
};

/** Dropped frames in words, by cause, those that happened. */
export function drops(dropped) {
  const entries = Object.entries(dropped ?? {}).filter(([, count]) => count > 0);
  return entries.map(([cause, count]) => `${count} ${CAUSES[cause] ?? cause.replaceAll("_", " ")}`);
}

/** How a session ended, in words; null while it goes on. */
export function ended(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === "object") return `ended by the server: ${plain(value.by_server ?? "", 300)}`;
  const words = { by_caller: "closed by the caller", upload_cancelled: "upload cancelled" };
  return words[value] ?? plain(value, 300);
}

/** A name that every file system takes. */
export function fileName(name) {
  return (
    plain(name, 60)
      .replace(/[^\p{L}\p{N}._-]+/gu, "-")
      .replace(/^[.-]+|-+$/g, "") || "stream"
  );
}

/**
 * JSON with an end: reads no more of a value than it writes.
 *
 * @param {any} value
 * @param {number} limit Characters.
 */
export function boundedJson(value, limit) {
  const parts = [];
  let length = 0;
  const write = (text) => {
    parts.push(text);
    length += text.length;
  };
  const isFull = () => length >= limit;
  const walk = (item, indent) => {
    if (isFull()) return;
    if (typeof item === "string") {
      const isLong = item.length > MAX_STRING;
      const start = isLong ? item.slice(0, MAX_STRING) : item;
      write(JSON.stringify(start) + (isLong ? `… (${item.length} characters)` : ""));
    } else if (item === null || typeof item !== "object") {
      write(String(item));
    } else if (indent.length > 2 * MAX_DEPTH) {
      write("…");
    } else {
      walkEntries(item, indent);
    }
  };
  const walkEntries = (item, indent) => {
    const isList = Array.isArray(item);
    const keys = isList ? item.keys() : Object.keys(item);
    const [open, close] = isList ? "[]" : "{}";
    const inner = `${indent}  `;
    write(open);
    let isFirst = true;
    for (const key of keys) {
      if (isFull()) break;
      write(`${isFirst ? "" : ","}\n${inner}`);
      if (!isList) write(`${JSON.stringify(plain(key, MAX_STRING))}: `);
      walk(item[key], inner);
      isFirst = false;
    }
    write(isFirst ? close : `\n${indent}${close}`);
  };
  walk(value, "");
  const text = parts.join("");
  return isFull() ? `${text.slice(0, limit)}\n… (more is left out)` : text;
}

const MAX_STRING = 300;
const MAX_DEPTH = 40;
