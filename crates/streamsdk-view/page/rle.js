// Masks as run lengths, as COCO and pycocotools have them. Pixels are numbered down the first
// column, then down the second. Knows nothing of the page.

const BITS = 5;
const MORE = 1 << BITS;
/** 35 bits, for a difference of two numbers of 32. */
const MAX_CHARACTERS = 7;

/** A mask that cannot be read. */
export class MaskError extends Error {}

/**
 * The lengths of runs, of unset and set pixels in turns.
 *
 * In a text each number has one character for five bits, the lowest first, with another bit that
 * says whether more follow. From the fourth one on the text has the difference to the number two
 * places before.
 *
 * @param {string|number[]} counts
 * @returns {Generator<number>}
 */
export function* lengths(counts) {
  if (typeof counts !== "string") {
    for (const count of counts) yield checked(count);
    return;
  }
  let at = 0;
  let before = [0, 0];
  for (let given = 0; at < counts.length; given += 1) {
    const [number, next] = unpack(counts, at);
    const count = checked(number + (given > 2 ? before[0] : 0));
    yield count;
    before = [before[1], count];
    at = next;
  }
}

function unpack(text, start) {
  let number = 0;
  for (let place = 0; place < MAX_CHARACTERS; place += 1) {
    const bits = text.charCodeAt(start + place) - 48;
    if (!(bits >= 0 && bits < 2 * MORE)) throw new MaskError("a length cannot be read");
    // No shift: a bitwise one would end at 32 bits.
    number += (bits & (MORE - 1)) * 2 ** (place * BITS);
    if ((bits & MORE) === 0) {
      const isNegative = (bits & (MORE >> 1)) !== 0;
      return [isNegative ? number - 2 ** ((place + 1) * BITS) : number, start + place + 1];
    }
  }
  throw new MaskError("a length has too many characters");
}

function checked(count) {
  if (!Number.isInteger(count) || count < 0 || count > 0xffffffff) {
    throw new MaskError("a length is none that a mask can have");
  }
  return count;
}

/**
 * The pixels of a part of a mask, row by row: 1 where the thing is. All lengths are checked before
 * memory is taken for what they say.
 *
 * @param {{width: number, height: number, counts: (string|number[])}} mask
 * @param {{left: number, top: number, right: number, bottom: number}} part In pixels of the mask;
 *   cut to it.
 * @param {number} maxPixels The most that the part may have.
 * @returns {{left: number, top: number, width: number, height: number, pixels: Uint8Array}}
 */
export function decodePart(mask, part, maxPixels) {
  const left = Math.max(0, Math.floor(part.left));
  const top = Math.max(0, Math.floor(part.top));
  const width = Math.max(0, Math.min(mask.width, Math.ceil(part.right)) - left);
  const height = Math.max(0, Math.min(mask.height, Math.ceil(part.bottom)) - top);
  if (width * height > maxPixels) throw new MaskError("a mask has too many pixels");
  const runs = setRuns(mask);
  const pixels = new Uint8Array(width * height);
  if (pixels.length === 0) return { left, top, width, height, pixels };
  const [first, end] = [left * mask.height, (left + width) * mask.height];
  for (const [start, stop] of runs) {
    for (let at = Math.max(start, first); at < Math.min(stop, end);) {
      const column = Math.floor(at / mask.height);
      const columnEnd = Math.min(stop, (column + 1) * mask.height);
      const base = column * mask.height;
      const rows = [Math.max(at - base, top), Math.min(columnEnd - base, top + height)];
      for (let row = rows[0]; row < rows[1]; row += 1) {
        pixels[(row - top) * width + column - left] = 1;
      }
      at = columnEnd;
    }
  }
  return { left, top, width, height, pixels };
}

/** Runs of set pixels, as pairs of the first and the one behind the last. */
function setRuns({ width, height, counts }) {
  const total = width * height;
  const runs = [];
  let at = 0;
  let isSet = false;
  for (const count of lengths(counts)) {
    const end = at + count;
    if (end > total) throw new MaskError("the lengths are those of a larger mask");
    if (isSet && count > 0) runs.push([at, end]);
    [at, isSet] = [end, !isSet];
  }
  if (at !== total) throw new MaskError("the lengths are those of a smaller mask");
  return runs;
}
