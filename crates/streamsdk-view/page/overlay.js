// Draws a reading of outputs over a picture: masks below all lines, and labels above them.

import { colourOf, contrastOf, css } from "./colours.js";
import { decodePart, MaskError } from "./rle.js";
import { segmentationPicture } from "./segmentation.js";
import { label } from "./text.js";

const MASK_OPACITY = 0.4;
/** Pixels of masks that are looked at for one picture: a mask of a few bytes can be a large one. */
const MASK_PIXELS = 32 << 20;

/**
 * @typedef {object} Surface Where is drawn.
 * @property {number} width Of the canvas, in its pixels.
 * @property {number} height
 * @property {number} scale Size of a pixel of the picture.
 * @property {number} left Where the picture begins.
 * @property {number} top
 * @property {{width: number, height: number}} picture
 * @property {number} unit Thickness of a thin line: 1 on a plain screen.
 */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import("./predictions.js").Reading} reading
 * @param {Surface} surface
 * @param {import("./options.js").Options} options
 * @param {() => void} onLate Called where something could not be drawn yet, and now can.
 * @returns {number} How many boxes were drawn.
 */
export function drawReading(context, reading, surface, options, onLate) {
  const isWanted = isDrawn(options);
  const things = reading.things.filter(isWanted).map((thing) => placed(thing, surface));
  const lines = reading.classes.filter(isWanted);
  if (options.get("masks")) {
    for (const segmentation of reading.segmentations.filter(isWanted)) {
      lines.push(...drawSegmentation(context, segmentation, surface, onLate));
    }
    const budget = { pixels: MASK_PIXELS };
    things.forEach((thing) => drawInside(context, thing, budget));
    things.forEach((thing) => drawOutline(context, thing, surface));
  }
  if (options.get("rectangles")) things.forEach((thing) => drawBox(context, thing, surface));
  if (options.get("keypoints"))
    things.forEach((thing) => drawKeypoints(context, thing, surface, options));
  if (options.get("labels")) drawLabels(context, things, lines, surface);
  return things.length;
}

/** Which things and classes are drawn: those of outputs that are shown, that are certain enough. */
export function isDrawn(options) {
  return ({ output, confidence }) =>
    options.shows(output) && !(confidence < options.get("confidence"));
}

/** A thing with its place on the canvas. */
function placed(thing, surface) {
  const { picture, scale, left, top } = surface;
  const { space } = thing;
  const across = (scale * picture.width) / (space.width ?? picture.width);
  const down = (scale * picture.height) / (space.height ?? picture.height);
  const x = (value) => left + (value + space.left) * across;
  const y = (value) => top + (value + space.top) * down;
  const { box } = thing;
  const colour = colourOf(thing.classId, thing.name);
  const area = {
    left: x(box.left),
    top: y(box.top),
    width: box.width * across,
    height: box.height * down,
  };
  return { thing, colour, x, y, area, picture };
}

function drawInside(context, { thing, colour, x, y, picture }, budget) {
  if (thing.mask) {
    const part = maskPicture(thing, colour, picture, budget);
    if (!part) return;
    const [left, top] = [x(part.left), y(part.top)];
    context.imageSmoothingEnabled = false;
    context.drawImage(part.canvas, left, top, x(part.right) - left, y(part.bottom) - top);
  } else if (thing.points) {
    context.fillStyle = css(colour, MASK_OPACITY);
    trace(context, thing.points, x, y);
    context.fill();
  }
}

function drawOutline(context, { thing, colour, x, y }, surface) {
  if (!thing.points || thing.mask) return;
  trace(context, thing.points, x, y);
  strokeTwice(context, colour, surface);
}

function trace(context, points, x, y) {
  context.beginPath();
  points.forEach((point) => context.lineTo(x(point.x), y(point.y)));
  context.closePath();
}

function drawBox(context, { colour, area }, surface) {
  context.beginPath();
  context.rect(area.left, area.top, area.width, area.height);
  strokeTwice(context, colour, surface);
}

function drawKeypoints(context, { thing, colour, x, y }, { unit }, options) {
  for (const point of thing.keypoints) {
    if (point.confidence < options.get("confidence")) continue;
    context.beginPath();
    context.arc(x(point.x), y(point.y), 3.5 * unit, 0, 2 * Math.PI);
    context.fillStyle = css(colour);
    context.fill();
    context.lineWidth = 1.5 * unit;
    context.strokeStyle = contrastOf(colour);
    context.stroke();
  }
}

/** With a border of contrast, so that it can be seen on every background. */
function strokeTwice(context, colour, { unit }) {
  context.lineJoin = "round";
  context.lineWidth = 4.5 * unit;
  context.strokeStyle = contrastOf(colour);
  context.stroke();
  context.lineWidth = 2.5 * unit;
  context.strokeStyle = css(colour);
  context.stroke();
}

function drawLabels(context, things, lines, surface) {
  context.font = `600 ${13 * surface.unit}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  // What is most certain is on top.
  for (const { thing, colour, area } of things.toSorted(byConfidence)) {
    drawPlate(context, label(thing), colour, surface, (width, height) =>
      beside(area, width, height, surface),
    );
  }
  let below = Math.max(0, surface.top);
  for (const line of lines) {
    if (below > surface.height) break;
    const colour = colourOf(line.classId, line.name);
    const height = drawPlate(context, label(line), colour, surface, () => [
      Math.max(0, surface.left),
      below,
    ]);
    below += height;
  }
}

function byConfidence(one, other) {
  return (one.thing.confidence || 0) - (other.thing.confidence || 0);
}

/** Above the box if there is room, else inside; within the canvas as far as it fits. */
function beside(area, width, height, surface) {
  const left = Math.min(Math.max(0, area.left), Math.max(0, surface.width - width));
  const above = area.top - height;
  const top = above >= 0 ? above : Math.max(0, area.top);
  return [left, Math.min(top, Math.max(0, surface.height - height))];
}

function drawPlate(context, text, colour, { unit }, place) {
  if (!text) return 0;
  const width = context.measureText(text).width + 10 * unit;
  const height = 19 * unit;
  const [left, top] = place(width, height);
  context.fillStyle = css(colour);
  context.fillRect(left, top, width, height);
  context.lineWidth = unit;
  context.strokeStyle = contrastOf(colour);
  context.strokeRect(left + unit / 2, top + unit / 2, width - unit, height - unit);
  context.fillStyle = contrastOf(colour);
  context.fillText(text, left + 5 * unit, top + height / 2);
  return height;
}

function drawSegmentation(context, segmentation, { left, top, scale, picture }, onLate) {
  const found = segmentationPicture(segmentation, MASK_OPACITY, onLate);
  if (!found) return [];
  context.imageSmoothingEnabled = false;
  context.drawImage(found.canvas, left, top, picture.width * scale, picture.height * scale);
  return found.classes;
}

/** Masks as pictures; they are read once, however often they are drawn. */
const maskPictures = new WeakMap();

/**
 * What is in the box of a mask, and where that is in the thing's part of the picture; null if it
 * cannot be read.
 */
function maskPicture(thing, colour, picture, budget) {
  if (!maskPictures.has(thing)) {
    maskPictures.set(thing, readMaskPicture(thing, colour, picture, budget));
  }
  return maskPictures.get(thing);
}

function readMaskPicture({ mask, box, space }, colour, picture, budget) {
  // A mask covers the whole part, whatever its own size is.
  const across = mask.width / (space.partWidth ?? picture.width);
  const down = mask.height / (space.partHeight ?? picture.height);
  try {
    const part = decodePart(
      mask,
      {
        left: box.left * across,
        top: box.top * down,
        right: (box.left + box.width) * across,
        bottom: (box.top + box.height) * down,
      },
      budget.pixels,
    );
    budget.pixels -= part.width * part.height;
    if (part.width === 0 || part.height === 0) return null;
    return {
      canvas: painted(part, colour),
      left: part.left / across,
      top: part.top / down,
      right: (part.left + part.width) / across,
      bottom: (part.top + part.height) / down,
    };
  } catch (error) {
    if (error instanceof MaskError || error instanceof RangeError) return null;
    throw error;
  }
}

function painted({ width, height, pixels }, [red, green, blue]) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  // One number for each pixel; the lowest byte is red, as on every machine that runs a browser.
  const colour = ((Math.round(MASK_OPACITY * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  const target = new Uint32Array(image.data.buffer);
  for (let at = 0; at < pixels.length; at += 1) if (pixels[at]) target[at] = colour;
  context.putImageData(image, 0, 0);
  return canvas;
}
