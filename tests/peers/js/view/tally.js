// What the pictures that were shown come to.

import { readFileSync } from "node:fs";

// Of each kind.
const SHOWN_EXAMPLES = 5;

/** The number that a frame shows, as the program itself has read it; without that, the frame's own. */
export function numbersOf(lines) {
  if (!lines) return ({ frame }) => frame;
  const numbers = new Map();
  for (const line of readFileSync(lines, "utf8").split("\n")) {
    // The last one may be half written.
    if (!line.endsWith("}")) continue;
    const { frame_id: frame, marker } = JSON.parse(line);
    if (Number.isInteger(frame) && Number.isInteger(marker)) numbers.set(frame, marker);
  }
  return ({ frame }) => numbers.get(frame);
}

/** The number that a frame of a file shows, which has so many of them a second. */
export function numbersByTime(perSecond) {
  return ({ time }) => (time === null ? undefined : Math.round(time * perSecond));
}

/**
 * Counts pictures by how the number in their pixels compares with that of the frame whose boxes were drawn, which
 * `numberOf` gives; undefined where that is not known.
 */
export function tally(shown, numberOf) {
  const pictures = withoutRepeats(shown);
  const count = { pictures: pictures.length, equal: 0, unequal: 0, without_boxes: 0, unreadable: 0, unknown: 0 };
  const examples = [];
  for (const [place, picture] of pictures.entries()) {
    const kind = kindOf(picture, numberOf);
    count[kind] += 1;
    if (kind !== "equal" && count[kind] <= SHOWN_EXAMPLES) examples.push({ kind, place, ...picture });
  }
  const late = pictures.map((picture) => picture.late).filter((late) => late !== null);
  const ofFrames = pictures.filter((picture) => picture.frame !== null).length;
  const drawn = pictures.filter((picture) => picture.boxes > 0).length;
  const asImages = pictures.filter((picture) => picture.rtp === null).length;
  return { ...count, of_frames: ofFrames, with_drawn_boxes: drawn, as_images: asImages, late_ms: percentiles(late), ...pace(pictures), examples };
}

/** A picture whose boxes came late is announced twice, and is one. */
function withoutRepeats(shown) {
  return shown.filter((_, index) => !shown[index + 1]?.amends);
}

function kindOf(picture, numberOf) {
  const { frame, number } = picture;
  if (number === null) return "unreadable";
  if (frame === null) return "without_boxes";
  const expected = numberOf(picture);
  if (expected === undefined) return "unknown";
  return expected === number ? "equal" : "unequal";
}

/** How steadily they came, by the page's clock and the numbers in them. */
function pace(pictures) {
  if (pictures.length < 2) return {};
  const numbers = pictures.map((picture) => picture.number).filter((number) => number !== null);
  const gaps = pictures.slice(1).map((picture, index) => picture.at - pictures[index].at);
  const seconds = (pictures.at(-1).at - pictures[0].at) / 1000;
  return {
    numbers: [numbers[0], numbers.at(-1)],
    repeated_or_back: numbers.slice(1).filter((number, index) => number <= numbers[index]).length,
    per_second: rounded((pictures.length - 1) / seconds),
    longest_gap_ms: Math.max(...gaps),
  };
}

export function percentiles(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (sorted.length === 0) return { count: 0 };
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), max: sorted.at(-1) };
}

export function rounded(value) {
  return Math.round(value * 100) / 100;
}
